"""The peer doit with Python actions: doit_peer.py SHAPE N CONCURRENCY. It keeps nothing before its end."""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from doit.cmd_base import ModuleTaskLoader
from doit.doit_cmd import DoitMain
from report import Phase
from shapes import SHAPES

shape, n, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sys.setrecursionlimit(1_000_000)


def step() -> None:
    """Do nothing."""


def task_s() -> Iterator[dict[str, object]]:
    """All tasks, as doit asks for them."""
    for i, needs in enumerate(SHAPES[shape](n)):
        yield {
            "name": str(i),
            "actions": [step],
            "task_dep": [f"s:{j}" for j in needs],
            "uptodate": [False],
        }


config = {"backend": "sqlite3", "dep_file": str(Path.cwd() / "doit.db"), "verbosity": 0}
threads = ["-n", str(concurrency), "-P", "thread"] if concurrency > 1 else []
with Phase() as phase:
    code = DoitMain(ModuleTaskLoader({"task_s": task_s, "DOIT_CONFIG": config})).run(["run", *threads, "-r", "zero"])
assert code == 0, code
phase.tell(n)
