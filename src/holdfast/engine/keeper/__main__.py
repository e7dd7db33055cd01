"""Entry of the keeper: `python -I -S …/keeper/__main__.py RUN_DIR FENCE RUN_ID`, descriptor 3 a listening socket.

Without arguments descriptor 3 is a socket on which a run will be named (`summons`); until then nothing is touched.

The packages above this one are entered as bare names, so that starting the keeper does not run their `__init__`.
"""

import os
import sys
from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))


def enter(name: str, folder: str) -> None:
    """Makes the package `name` importable without running it."""
    package = ModuleType(name)
    package.__path__ = [folder]
    sys.modules[name] = package


if __name__ == "__main__":
    os.closerange(4, 1 << 16)  # the engine's own descriptors; commands must not inherit them
    enter("holdfast", os.path.dirname(os.path.dirname(HERE)))
    enter("holdfast.engine", os.path.dirname(HERE))

    from holdfast.engine.keeper.loop import main

    words = sys.argv[1:]
    if not words:
        from holdfast.engine.keeper.summons import await_run

        words = await_run()
    status = main(words[0], int(words[1]), words[2]) if words else 0
    if "coverage" not in sys.modules:  # which writes its data at the end
        os._exit(status)  # nothing is left to tidy up, and the engine waits
    sys.exit(status)
