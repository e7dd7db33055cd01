"""The command line: parse arguments, call the app, show the answer."""

import os
import sys
from collections.abc import Sequence

from holdfast import __version__

PROGRAM = "holdfast"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us: what is written there is for nobody
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
    if arguments in (["version"], ["--version"]):
        sys.stdout.write(f"holdfast {__version__}\n")
        return 0
    from holdfast.surfaces.cli.entry import run

    return run(arguments, is_program=argv is None)
