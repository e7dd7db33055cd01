"""One measurement: a child process, and the machine's weather just before and after it."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALM_SPIN_S = 0.02
SYNCS = 21
DROPPED = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH"})
"""Without bytecode every start compiles what it imports; a user's does not."""
SYNCS_FILE = "syncs"
"""Where slowsync.c leaves its count."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Who takes part in a workload: a command to run in a new folder, and how its result is read.

    `says`: the command prints a JSON object with `n`, `engine_s`, `cpu_s`, `rss_mib`; otherwise the whole process is
    measured, and `n` is what it did.
    """

    name: str
    argv: tuple[str, ...]
    n: int = 1
    says: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None  # where to run, instead of a new folder
    once: bool = False  # only in the first round


@dataclass(frozen=True, slots=True)
class Weather:
    """How the machine was: wall per CPU second of a spin (1.0: a core was free), µs of a 4 KiB append + fdatasync."""

    load: float
    sync_us: float


def weather(folder: Path) -> Weather:
    """The weather now."""
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < CALM_SPIN_S:
        pass
    load = (time.perf_counter() - wall) / (time.process_time() - cpu)
    path = folder / "weather"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    took = []
    for _ in range(SYNCS):
        begin = time.perf_counter()
        os.write(descriptor, bytes(4096))
        sync(descriptor)
        took.append(time.perf_counter() - begin)
    os.close(descriptor)
    path.unlink()
    return Weather(load, sorted(took)[SYNCS // 2] * 1e6)


def sync(descriptor: int) -> None:
    """`fdatasync` where there is one."""
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)


def measured(contender: Contender, root: Path) -> dict[str, object]:
    """Run the contender once; its figures, or `failed` with the end of what it said."""
    before = weather(root)
    folder = contender.folder or Path(tempfile.mkdtemp(dir=root))
    figures = _ran(contender, folder)
    after = weather(root)
    figures["load"] = round((before.load + after.load) / 2, 2)
    figures["sync_us"] = round((before.sync_us + after.sync_us) / 2)
    return figures


def _ran(contender: Contender, folder: Path) -> dict[str, object]:
    said, errors = folder / ".said", folder / ".errors"
    with said.open("wb") as out, errors.open("wb") as err:
        begin = time.perf_counter()
        env = {name: text for name, text in os.environ.items() if name not in DROPPED} | dict(contender.env)
        child = subprocess.Popen(contender.argv, cwd=folder, env=env, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu, rss = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    if child.returncode:
        text = (errors.read_text(errors="replace") or said.read_text(errors="replace")).strip()
        return {"failed": f"exit {child.returncode}: {text[-300:]}"}
    if not contender.says:
        return figures_of(contender.n, wall, cpu, rss)
    try:
        report = json.loads(said.read_text().splitlines()[-1])
    except (ValueError, IndexError):
        return {"failed": f"no report: {errors.read_text(errors='replace')[-300:]}"}
    if (folder / SYNCS_FILE).exists():
        report["syncs"] = sum(int(count) for count in (folder / SYNCS_FILE).read_text().split())
    more = {name: value for name, value in report.items() if name not in {"n", "engine_s", "cpu_s", "rss_mib"}}
    return figures_of(report["n"], report["engine_s"], report["cpu_s"], report["rss_mib"]) | {"whole_s": wall} | more


def figures_of(n: int, seconds: float, cpu_s: float, rss_mib: float) -> dict[str, object]:
    """The figures of `n` steps that took so long."""
    return {
        "n": n,
        "s": seconds,
        "per_s": n / seconds,
        "cpu_us": cpu_s / n * 1e6,
        "rss_mib": round(rss_mib, 1),
    }


def has(*command: str) -> bool:
    """Whether a program is there and answers."""
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def built(root: Path, source: Path, *options: str) -> Path | None:
    """A C source as a program or library in `root`; `None` where there is no compiler."""
    suffix = ".so" if "-shared" in options else ""
    target = root / f"{source.stem}{suffix}"
    command: Sequence[str] = ("cc", "-O2", *options, str(source), "-o", str(target), "-ldl")
    return target if has(*command) else None
