"""W7: a run of N steps is killed half-way and resumed: resume.py N PROGRAM. Tells when the first new step ran."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from shapes import inline, plan_file, wide

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def marks(path: Path) -> list[tuple[int, int]]:
    """(step, ns) of every step that ran, in order."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    return [(int(step), int(at)) for step, at in (line.split() for line in lines)]


def ended(database: Path) -> set[int]:
    """Steps whose end the journal has."""
    import apsw  # noqa: PLC0415 - only this process asks, when no other has the journal open

    connection = apsw.Connection(str(database))
    rows = connection.execute("select step from events where kind = 'attempt.ended'").fetchall()
    connection.close()
    return {int(str(step)[1:]) for (step,) in rows}


def main(n: int, program: str) -> None:
    """Run, kill, resume, tell."""
    here = Path.cwd()
    path = here / "marks"
    plan = plan_file(here, "resume", [inline("marked", i=i, path=str(path)) for i in range(n)], wide(n))
    first = subprocess.Popen([program, "run", "-j2", str(plan)], start_new_session=True, **QUIET)
    while len(marks(path)) < n // 2 and first.poll() is None:
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = marks(path)
    journaled = ended(here / ".holdfast" / "journal.db")
    begin = time.time_ns()
    subprocess.run([program, "resume"], check=True, **QUIET)
    after = marks(path)[len(before) :]
    first_s = (min(at for _, at in after) - begin) / 1e9
    again = {step for step, _ in after}
    report = {
        "n": 1,
        "engine_s": first_s,
        "cpu_s": 0.0,
        "rss_mib": 0.0,
        "journaled": len(journaled),
        "journaled_again": len(journaled & again),
        "unjournaled_again": len({step for step, _ in before} & again),
        "missing": n - len(journaled | again),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
