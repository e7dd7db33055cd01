"""A keeper that kills itself at its n-th fact; which and at what moment of it is in the file `die-at` of the run."""

import os
import signal
import sys
from pathlib import Path
from types import ModuleType

source = Path(__file__).resolve().parents[2] / "src" / "holdfast"
for name, folder in (("holdfast", source), ("holdfast.engine", source / "engine")):
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package

from holdfast.engine.keeper import loop, record  # noqa: E402  # the packages must be there first

moment, number = Path(sys.argv[1], "die-at").read_text().split()
write = record.Record.write
written = 0


def write_or_die(self: record.Record, lines: bytes) -> None:
    global written  # noqa: PLW0603  # one process, one count
    facts = lines.splitlines(keepends=True)
    written += len(facts)
    if written < int(number):
        write(self, lines)
        return
    last = len(facts) - 1 - (written - int(number))  # facts of one moment are written together
    whole = facts[: last + 1] if moment == "after" else facts[:last]
    if moment == "torn":
        whole.append(facts[last][: len(facts[last]) // 2])
    write(self, b"".join(whole))
    os.kill(os.getpid(), signal.SIGKILL)


record.Record.write = write_or_die  # type: ignore[method-assign]  # this is the point of this program
sys.exit(loop.main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
