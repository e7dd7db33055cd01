"""Refuse a branch coverage below the promise: `coverage_gate.py COVERAGE_JSON` (from `coverage json`)."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GATES: Mapping[str, float] = {
    "src/holdfast/plan/": 95.0,
    "src/holdfast/run/": 95.0,
    "src/holdfast/engine/": 85.0,
}


@dataclass(frozen=True, slots=True)
class Count:
    """How much of some code ran: statements and branches."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def plus(self, other: "Count") -> "Count":
        """Both together."""
        return Count(
            self.lines + other.lines,
            self.lines_run + other.lines_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    @property
    def percent(self) -> float:
        """The lower of statement and branch coverage, so that code without a branch counts as well."""
        lines = 100.0 * self.lines_run / self.lines if self.lines else 100.0
        branches = 100.0 * self.branches_run / self.branches if self.branches else 100.0
        return min(lines, branches)


def counts(report: Mapping[str, Any]) -> dict[str, Count]:  # the shape of `coverage json`, version 3
    """The count of each file in a `coverage json` report; KeyError when it was measured without branches."""
    return {
        name: Count(
            file["summary"]["num_statements"],
            file["summary"]["covered_lines"],
            file["summary"]["num_branches"],
            file["summary"]["covered_branches"],
        )
        for name, file in report["files"].items()
    }


def verdicts(files: Mapping[str, Count], gates: Mapping[str, float]) -> list[tuple[str, bool]]:
    """One line per gate and whether it holds; a gate that measured nothing does not hold."""
    answer: list[tuple[str, bool]] = []
    for prefix, least in gates.items():
        inside = {name: count for name, count in files.items() if name.startswith(prefix)}
        total = Count()
        for count in inside.values():
            total = total.plus(count)
        if not total.lines:
            answer.append((f"{prefix}: nothing was measured", False))
            continue
        holds = total.percent >= least
        answer.append((f"{prefix}: {total.percent:.1f} % of at least {least:.0f} %", holds))
        if not holds:
            worst = sorted(inside, key=lambda name: inside[name].percent)[:5]
            answer += [(f"  {name}: {inside[name].percent:.1f} %", True) for name in worst]
    return answer


def main(arguments: list[str]) -> int:
    """Print every gate; 0 when all hold."""
    files = counts(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    lines = verdicts(files, GATES)
    for line, _ in lines:
        print(f"coverage: {line}")
    return 0 if all(holds for _, holds in lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
