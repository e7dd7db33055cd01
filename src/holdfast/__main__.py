"""`python -m holdfast` and the console script."""

import gc
import os
import sys
from contextlib import suppress

GARBAGE_OBJECTS = 200_000
"""Hardly anything here is cyclic: looking for garbage at every 700 objects is a twentieth of a start.

This many are there when a run of 10,000 steps is taken up again, none of them garbage.
"""


def main() -> None:
    """Hand over to the command line, and end the process with its exit code."""
    gc.set_threshold(GARBAGE_OBJECTS)
    from holdfast.surfaces.cli import main as cli

    code = cli()
    if "coverage" in sys.modules:  # which writes its data at the end
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)  # taking every module apart would take as long as a fifth of a short command


if __name__ == "__main__":
    main()
