"""From a command's end to its dependent's start: latency.py holdfast|floor N STAMP.

STAMP is `stamp.c`, which writes down when it began and when it was about to end. `floor` is a bare loop that runs the
same commands one after the other and makes a line for each durable; it can be killed only at the price of a command.
"""

import os
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from measure import sync
from report import Phase
from shapes import chain, plan_file

PERCENTILES = 100
MARKS = "marks"


def holdfast(n: int, stamp: str) -> Phase:
    """A chain of commands, as Holdfast runs them."""
    from holdfast.app import Holdfast, Request  # noqa: PLC0415 - the floor has nothing of Holdfast in its memory

    here = Path.cwd()
    plan = plan_file(here, "latency", [{"command": [stamp, str(here / MARKS)]}] * n, chain(n))
    app = Holdfast.find(plan, here / ".holdfast")
    app.load(plan)
    with app.session(Request(concurrency=2)) as session, Phase() as phase:
        end = session.run(plan, {})
    assert end.status == "succeeded", end.status
    return phase


def floor(n: int, stamp: str) -> Phase:
    """The same commands, a line and a sync for each."""
    lines = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Phase() as phase:
        for i in range(n):
            subprocess.run([stamp, MARKS], check=True)
            os.write(lines, b"%d\n" % i)
            sync(lines)
    return phase


def main(who: str, n: str, stamp: str) -> None:
    """Run and tell the medians and the slowest hundredth, in microseconds."""
    phase = {"holdfast": holdfast, "floor": floor}[who](int(n), stamp)
    times = [tuple(map(int, line.split())) for line in Path(MARKS).read_text().splitlines()]
    assert len(times) == int(n), len(times)
    gaps = [(begun - ended) / 1000 for (_, ended), (begun, _) in pairwise(times)]
    p99 = statistics.quantiles(gaps, n=PERCENTILES)[-1]
    phase.tell(int(n), p50_us=round(statistics.median(gaps)), p99_us=round(p99))


if __name__ == "__main__":
    main(*sys.argv[1:])
