"""A process that runs or resumes a plan and dies at a crash point: engine_child.py VERB PLAN POINT [KEEPER_POINT]."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from holdfast.app import Holdfast, Request
from holdfast.engine import keeper_client, pace
from tests.crash.points import Points


def main() -> int:
    verb, plan, point = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    pace.QUICK_US = 400_000  # also on a busy machine commands are handed out ahead of time
    points = Points(point, plan.parent / "points")
    if len(sys.argv) > 4:
        keeper_client.KEEPER = str(Path(__file__).parent / "keeper_child.py")
        os.environ["CRASH_KEEPER_POINT"] = sys.argv[4]
        os.environ["CRASH_KEEPER_MARK"] = str(plan.parent / "keeper-mark")
    if point >= 0:
        points.watch_system()
        points.watch_database()
    app = Holdfast.find(plan)
    if verb == "run":
        code = app.run(plan, {}, Request()).exit_code
    else:
        code = max((end.exit_code for end in app.resume("last" if verb == "last" else verb)), default=0)
    points.say()
    return code


if __name__ == "__main__":
    sys.exit(main())
