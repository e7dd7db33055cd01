"""A keeper that takes this system for macOS: no sub-reaper, no /proc, only what `ps` says."""

import sys
from pathlib import Path
from types import ModuleType

sys.platform = "darwin"

source = Path(__file__).resolve().parents[3] / "src" / "holdfast"
for name, folder in (("holdfast", source), ("holdfast.engine", source / "engine")):
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package

from holdfast.engine.keeper import loop  # noqa: E402  # the packages must be there first

sys.exit(loop.main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
