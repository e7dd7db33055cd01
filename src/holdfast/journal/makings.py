"""What attempts put into the artifact store, and which of it is still wanted, by the events that speak of it."""

import re
from typing import Final, NamedTuple, cast

from holdfast.journal.leases import IsAlive, lease_of
from holdfast.journal.reader import Reader
from holdfast.run import events as ev

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class Making(NamedTuple):
    """An attempt's end that speaks of something in the store."""

    run: str
    plan: str
    plan_file: str
    plan_digest: str
    step: str
    attempt: int
    at: int
    ended: ev.AttemptEnded


def makings(reader: Reader, run: str | None = None) -> list[Making]:
    """Those of a run, or of all runs, the latest first. Raises `IntegrityError`."""
    rows = cast("list[tuple[str, str, str, str, str, int, int, str]]", reader.rows("makings", (run,)))
    found = []
    for *facts, data in rows:
        ended = ev.decode(ev.AttemptEnded.kind, str(data))
        assert isinstance(ended, ev.AttemptEnded)
        found.append(Making(*cast("tuple[str, str, str, str, str, int, int]", tuple(facts)), ended))
    return found


def kept_runs(reader: Reader, latest: int) -> set[str]:
    """The latest runs of each plan, so many, and those that have not ended, with the runs nested in them."""
    return {str(run) for (run,) in reader.rows("kept_runs", (latest,))}


def mentioned(reader: Reader, runs: set[str]) -> set[str]:
    """Every digest that an event of one of the runs names, whatever for: a new kind of event needs no word here.

    The project's own stream, where pins are recorded, is run `0`.
    """
    found: set[str] = set()
    for run, data in reader.rows("mentions"):
        if run in runs:
            found.update(_DIGEST.findall(str(data)))
    return found


def held_since(reader: Reader, is_alive: IsAlive) -> int | None:
    """Since when the longest of the runs is held that are in a living engine's hands; microseconds."""
    leases = [lease_of(str(run), tuple(row))[0] for run, *row in reader.rows("held_leases")]
    return min((lease.since for lease in leases if is_alive(lease.owner) is not False), default=None)


def all_runs(reader: Reader) -> set[str]:
    """The id of every run."""
    return {str(run) for (run,) in reader.rows("latest_runs", (-1,))}
