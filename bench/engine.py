"""Holdfast in one process: engine.py SHAPE N CONCURRENCY [SIZE]. A ready plan to its final result, journal as always.

SHAPE is chain, wide, layers (inline steps that do nothing), shell (`sh -c true`), direct (`true` itself), payload (a
chain of results of SIZE bytes), fan (one step for each of N items of a list), runs-together or runs-in-turn (N runs of
a chain of five).
"""

import sys
from pathlib import Path

from report import Phase
from shapes import SHAPES, chain, fan_file, inline, plan_file, wide

from holdfast.app import Holdfast, Request


def steps_of(shape: str, n: int, size: int) -> list[dict[str, object]]:
    """What each step does."""
    if shape == "shell":
        return [{"run": "true"}] * n
    if shape == "direct":
        return [{"command": ["true"]}] * n
    if shape == "payload":
        return [inline("payload", size=size, i=i) for i in range(n)]
    return [inline("noop")] * n


def needs_of(shape: str, n: int) -> list[tuple[int, ...]]:
    """What each step waits for."""
    if shape in SHAPES:
        return SHAPES[shape](n)
    return wide(n) if shape in {"shell", "direct"} else chain(n)


def main(shape: str, n: int, concurrency: int, size: int = 0) -> None:
    """Measure one shape and tell."""
    count = 5 if shape.startswith("runs") else n
    here = Path.cwd()
    if shape == "fan":
        plan = fan_file(here, n)
    else:
        plan = plan_file(here, shape, steps_of(shape, count, size), needs_of(shape, count))
    app = Holdfast.find(plan, here / ".holdfast")
    app.load(plan)
    with app.session(Request(concurrency=concurrency)) as session, Phase() as phase:
        if shape == "runs-together":
            ends = session.run_together([(plan, {})] * n)
        elif shape == "runs-in-turn":
            ends = [session.run(plan, {}) for _ in range(n)]
        else:
            ends = [session.run(plan, {})]
    assert {end.status for end in ends} == {"succeeded"}, {end.status for end in ends}
    phase.tell(n, disk_bytes=disk_bytes(app.database))


def disk_bytes(database: Path) -> int:
    """The journal's size when its log has been moved into it."""
    import apsw  # noqa: PLC0415 - after the measurement

    connection = apsw.Connection(str(database))
    connection.pragma("page_count")  # a connection that has read nothing has no log to move
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    return database.stat().st_size


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
