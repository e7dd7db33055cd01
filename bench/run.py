"""Holdfast beside its peers and beside what the machine can do, interleaved in one session.

python bench/run.py [WORKLOAD ...] [--rounds 5] [--results FILE] [--peers FOLDER] [--dir FOLDER]
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bars import Line, table
from measure import Contender, measured
from workloads import Tools, workloads

CACHE = Path(os.environ.get("HOLDFAST_BENCH", Path.home() / ".cache" / "holdfast-bench"))
UNCOUNTED = frozenset({"W1"})
"""Workloads whose first round makes databases and is not counted."""


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help="beginnings of workloads' names; all of them by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="beginnings of contenders' names, with commas")
    parser.add_argument("--results", type=Path, default=CACHE / "results.jsonl", help="JSON lines are appended here")
    parser.add_argument("--peers", type=Path, default=CACHE, help="the folder that bench/setup.sh filled")
    parser.add_argument("--dir", type=Path, default=None, help="where to work; the disk that is asked about")
    return parser.parse_args()


def one(workload: str, contender: Contender, number: int, root: Path) -> Line:
    """One measurement, shown as it is made."""
    line = {"w": workload, "who": contender.name, "round": number} | measured(contender, root)
    shown = line.get("failed") or f"{float(str(line['per_s'])):11,.1f}/s {float(str(line['cpu_us'])):10,.1f} us CPU"
    print(f"{number:3} {workload:14}{contender.name:22}{shown}", flush=True)
    return line


def session(chosen: dict[str, list[Contender]], rounds: int, root: Path, results: Path) -> list[Line]:
    """All rounds of all workloads, one contender after the other."""
    lines: list[Line] = []
    for number in range(rounds + 1):
        for workload, contenders in chosen.items():
            if not number and workload not in UNCOUNTED:
                continue
            for contender in contenders:
                if contender.once and number > 1:
                    continue
                line = one(workload, contender, number, root)
                if number:
                    lines.append(line)
                    with results.open("a") as file:
                        file.write(json.dumps(line) + "\n")
    return lines


def main() -> int:
    """Measure, then print the table."""
    asked = options()
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    base = asked.dir or asked.results.parent
    root = Path(tempfile.mkdtemp(prefix="bench-", dir=base))
    tools = Tools.found(root, asked.peers)
    for name in tools.missing():
        print(f"skipped, not installed: {name}")
    names = tuple(asked.only.split(","))
    chosen = {
        name: [each for each in contenders if each.name.startswith(names)]
        for name, contenders in workloads(tools).items()
        if not asked.workloads or any(f"{name} ".startswith(f"{word} ") for word in asked.workloads)
    }
    try:
        lines = session(chosen, asked.rounds, root, asked.results)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print("\n" + table(lines))
    return 1 if any("failed" in line for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
