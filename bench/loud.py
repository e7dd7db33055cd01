"""Memory while a step prints much: loud.py MIB. Tells the peak of the engine and of the keeper, each alone."""

import sys
from pathlib import Path

from report import Phase, peak_mib
from shapes import plan_file

from holdfast.app import Holdfast, Request

LOOK = 'grep VmHWM "/proc/$PPID/status" > keeper'
"""Done by a later command, whose parent is the keeper that has kept the loud one."""


def main(mib: int) -> None:
    """Run, and tell both peaks."""
    here = Path.cwd()
    steps: list[dict[str, object]] = [
        {"run": f"head -c {mib}M /dev/zero"},
        {"run": f"head -c {mib}M /dev/zero >&2; exit 3", "on_failure": "continue"},
        {"run": LOOK},
    ]
    plan = plan_file(here, "loud", steps, [(), (), ()])
    app = Holdfast.find(plan, here / ".holdfast")
    app.load(plan)
    with app.session(Request(concurrency=1)) as session, Phase() as phase:
        end = session.run(plan, {})
    assert end.status in {"succeeded", "partial"}, end.status
    kept = sum(log.stat().st_size for log in (here / ".holdfast").glob("runs/*/logs/*"))
    assert kept >= 2 * mib << 20, kept
    keeper_kib = int((here / "keeper").read_text().split()[1])
    phase.tell(1, engine_mib=round(peak_mib(), 1), keeper_mib=round(keeper_kib / 1024, 1))


if __name__ == "__main__":
    main(int(sys.argv[1]))
