"""A process that runs a plan as the command line does, Ctrl-C included: run_plan.py PLAN."""

import signal
import sys
from pathlib import Path

from holdfast.app import Holdfast, Request
from holdfast.errors import HoldfastError


def main() -> int:
    plan = Path(sys.argv[1])
    app = Holdfast.find(plan)
    signal.signal(signal.SIGINT, lambda *_: app.interrupt())
    try:
        return app.run(plan, {}, Request()).exit_code
    except HoldfastError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
