"""The workloads: for each, who takes part."""

import sys
from dataclasses import dataclass
from pathlib import Path

from measure import SYNCS_FILE, Contender, built, has

BENCH = Path(__file__).parent
IMPORTS = "import sqlite3,argparse,json"
MIB = 1 << 20
RUNS = 1_000
COMMANDS = 1_000
QUICK = 300
LOUD_MIB = 954  # a gigabyte
OLD_RUNS = 10
SLOW_US = 2_000


FILL = "import subprocess, sys; [subprocess.run(sys.argv[2:], check=True) for _ in range(int(sys.argv[1]))]"


@dataclass(frozen=True, slots=True)
class Tools:
    """What there is to measure with. `peers`: the folder that setup.sh made."""

    root: Path
    peers: Path
    limits: Path | None  # the C program for spawn limits
    stamp: Path | None  # a command that tells when it ran
    shim: Path | None  # the library that slows and counts syncs

    @classmethod
    def found(cls, root: Path, peers: Path) -> "Tools":
        """Builds what can be built here."""
        limits = built(root, BENCH / "limits.c")
        shim = built(root, BENCH / "slowsync.c", "-shared", "-fPIC")
        stamp = built(root, BENCH / "stamp.c")
        return cls(root, peers, limits, stamp, shim)

    def missing(self) -> list[str]:
        """What is skipped because something is not installed."""
        missing = [name for name in ("dbos", "doit", "langgraph") if not self._python(name).exists()]
        missing += [name for name in ("ninja", "make") if not has(name, "--version")]
        if self.limits is None:
            missing.append("cc (spawn limit, latency, slow disk, fsyncs per step)")
        return missing

    def holdfast(self, shape: str, *numbers: int, name: str = "holdfast") -> list[Contender]:
        """Holdfast's engine on a shape."""
        words = (shape, *map(str, numbers))
        return [Contender(name, (sys.executable, str(BENCH / "engine.py"), *words))]

    def peer(self, name: str, shape: str, *numbers: int) -> list[Contender]:
        """A peer on a shape, if it is installed."""
        python = self._python(name)
        argv = (str(python), str(BENCH / "peers" / f"{name}_peer.py"), shape, *map(str, numbers))
        return [Contender(name, argv)] if python.exists() else []

    def floor(self, *words: object) -> list[Contender]:
        """What the disk can do."""
        return [Contender("floor", (sys.executable, str(BENCH / "floors.py"), *map(str, words)))]

    @property
    def plain(self) -> Path:
        """The Python that has Holdfast as a user has it; the developers' own where setup.sh was not run."""
        python = self._python("holdfast")
        return python if python.exists() else Path(sys.executable)

    def folder(self, name: str) -> Path:
        """A folder that stays for the whole session."""
        path = self.root / name
        path.mkdir(exist_ok=True)
        return path

    def _python(self, peer: str) -> Path:
        return self.peers / peer / "bin" / "python"


def _resume(tools: Tools) -> list[Contender]:
    """A killed run of 10,000 steps, timed until its first new step."""
    command = (sys.executable, str(BENCH / "resume.py"), "10000", str(tools.plain.parent / "holdfast"))
    return [Contender("holdfast", command)]


def workloads(tools: Tools) -> dict[str, list[Contender]]:
    """Every workload by name, in the order of the table."""
    h, peer = tools.holdfast, tools.peer
    return {
        "W1": _cold(tools),
        "W2": h("chain", 1000, 2) + tools.floor("commits", 1000) + peer("dbos", "chain", 1000, 2)
        + peer("langgraph", "chain", 1000, 2),
        "W3 c=2": h("wide", 10000, 2) + peer("dbos", "wide", 2000, 2) + peer("doit", "wide", 10000, 2)
        + peer("langgraph", "wide", 2000, 2),
        "W3 c=64": h("wide", 10000, 64) + peer("dbos", "wide", 2000, 64) + peer("doit", "wide", 10000, 64),
        "fan-out": h("wide", 10000, 2) + h("fan", 10000, 2, name="for_each"),
        "W4": h("layers", 10000, 2) + peer("dbos", "layers", 2000, 2) + peer("doit", "layers", 10000, 2),
        "W5 -j2": _commands(tools, 2),
        "W5 -j4": _commands(tools, 4),
        "latency": _latency(tools),
        "1 GB": _loud(),
        "W7": _resume(tools),
        "W8": _growth(tools),
        "W9 1MiB": h("payload", 30, 1, MIB) + tools.floor("file", MIB, 30) + peer("dbos", "payload", 30, 1, MIB),
        "W9 100MiB": h("payload", 2, 1, 100 * MIB) + tools.floor("file", 100 * MIB, 2)
        + peer("dbos", "payload", 2, 1, 100 * MIB),
        "W10 together": h("runs-together", RUNS, 1) + peer("dbos", "runs", 200, 1) + peer("langgraph", "runs", 200, 1),
        "W10 in turn": h("runs-in-turn", RUNS, 1) + peer("dbos", "runs", 200, 1) + peer("langgraph", "runs", 200, 1),
        "slow disk": _slow(tools),
        "syncs": _counted(tools),
    }  # fmt: skip


def _cold(tools: Tools) -> list[Contender]:
    """W1: whole processes; the folders stay, so that databases are there already."""
    folder = tools.folder("cold")
    (folder / "plan.yaml").write_text('plan: one\nsteps:\n  a:\n    run: "true"\n')
    python = str(tools.plain)
    program = str(tools.plain.parent / "holdfast")
    own = {"HOLDFAST_DIR": str(folder / ".holdfast")}
    plan = str(folder / "plan.yaml")
    return [
        Contender("python -c pass", (python, "-c", "pass"), says=False),
        Contender("python imports", (python, "-c", IMPORTS), says=False),
        Contender("holdfast version", (program, "version"), says=False),
        Contender("holdfast", (program, "run", plan), says=False, env=own, folder=folder),
        *(
            Contender(each.name, each.argv, says=False, folder=tools.folder(f"cold-{each.name}"))
            for each in tools.peer("dbos", "chain", 1, 2) + tools.peer("doit", "chain", 1, 1)
        ),
    ]


def _commands(tools: Tools, jobs: int) -> list[Contender]:
    """W5: `sh -c true`, and `true` itself where no shell is asked for; kept logs and journal on our side."""
    folder = tools.folder("files")
    names = [f"out{i}" for i in range(COMMANDS)]
    builds = "".join(f"build {name}: t\n" for name in names)
    (folder / "build.ninja").write_text("rule t\n  command = true\n" + builds)
    # A redirection makes `make` start a shell, as ninja does; it would run a bare `true` itself.
    (folder / "Makefile").write_text(f"all: {' '.join(names)}\n{' '.join(names)}:\n\t@true </dev/null\n")
    found = tools.holdfast("shell", COMMANDS, jobs) + tools.holdfast("direct", COMMANDS, jobs, name="holdfast direct")
    if has("ninja", "--version"):
        found.append(Contender("ninja", ("ninja", f"-j{jobs}", "-C", str(folder)), COMMANDS, says=False))
    if has("make", "--version"):
        found.append(Contender("make", ("make", "-s", f"-j{jobs}", "-C", str(folder)), COMMANDS, says=False))
    if tools.limits is not None:
        found.append(Contender("posix_spawn in C", (str(tools.limits), str(COMMANDS), str(jobs), "sh")))
        found.append(Contender("C direct", (str(tools.limits), str(COMMANDS), str(jobs))))
    return found


def _latency(tools: Tools) -> list[Contender]:
    """A chain of quick commands: from one's end to the next one's start."""
    if tools.stamp is None:
        return []
    command = (sys.executable, str(BENCH / "latency.py"))
    return [Contender(who, (*command, who, str(QUICK), str(tools.stamp))) for who in ("holdfast", "floor")]


def _loud() -> list[Contender]:
    """A step that prints a gigabyte, one that fails having printed as much, and the memory they need."""
    return [Contender("holdfast", (sys.executable, str(BENCH / "loud.py"), str(LOUD_MIB)))]


def _growth(tools: Tools) -> list[Contender]:
    """W8: ten times the steps; and a journal that holds a million old steps, made in the first round."""
    old = tools.folder("old")
    engine = (sys.executable, str(BENCH / "engine.py"), "wide")
    fill = (sys.executable, "-c", FILL, str(OLD_RUNS), *engine, "100000", "64")
    return [
        *([] if (old / ".holdfast").exists() else [Contender("fill", fill, folder=old, once=True)]),
        *tools.holdfast("wide", 10000, 2, name="10k"),
        *tools.holdfast("wide", 100000, 2, name="100k"),
        Contender("10k after 1M", (*engine, "10000", "2"), folder=old),
    ]


def _slow(tools: Tools) -> list[Contender]:
    if tools.shim is None:
        return []
    found = []
    for name, us in (("holdfast", 0), ("holdfast slow", SLOW_US)):
        env = {"LD_PRELOAD": str(tools.shim), "SLOW_US": str(us)}
        found += [Contender(name, each.argv, env=env) for each in tools.holdfast("wide", 10000, 2)]
    env = {"LD_PRELOAD": str(tools.shim), "SLOW_US": str(SLOW_US)}
    return found + [Contender("dbos slow", each.argv, env=env) for each in tools.peer("dbos", "wide", 300, 2)]


def _counted(tools: Tools) -> list[Contender]:
    """Syncs by the slope between two sizes, so that opening and closing do not count."""
    if tools.shim is None:
        return []
    found = []
    for shape, sizes in (("wide", (5000, 10000)), ("chain", (1000, 2000))):
        for n in sizes:
            for each in tools.holdfast(shape, n, 2):
                env = {"LD_PRELOAD": str(tools.shim), "SYNC_COUNT": SYNCS_FILE}
                found.append(Contender(f"{shape} {n}", each.argv, env=env))
    return found
