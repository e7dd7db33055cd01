"""Runs that have not ended, and what keeps them: asked before a plan runs again, and by `resume`."""

from typing import NamedTuple

import msgspec

from holdfast.errors import RequestError
from holdfast.journal.reader import Reader, Value
from holdfast.run.events import RunCreated


class UnfinishedRun(NamedTuple):
    """A run without an end: its id, plan, status and inputs."""

    run: str
    plan: str
    status: str
    inputs: dict[str, object]


def unfinished(reader: Reader, plan: str | None = None) -> list[UnfinishedRun]:
    """Runs that have not ended, oldest first; of one plan, or of all. One that lost its first event has no inputs."""
    rows = reader.rows("unfinished_runs", (plan,))
    return [UnfinishedRun(str(run), str(its), str(status), _inputs(data)) for run, its, status, data in rows]


def status_of(reader: Reader, run: str) -> str:
    """A run's status; raises `RequestError` where there is no such run."""
    rows = reader.rows("status_of_run", (run,))
    if not rows:
        raise RequestError(f"there is no run {run}", code="E_UNKNOWN_ID", hint="`holdfast runs` lists them")
    return str(rows[0][0])


def whole_run(reader: Reader, run: str) -> str:
    """The outermost run that a run is nested in; itself for one that is nobody's part."""
    while True:
        rows = reader.rows("parent_of_run", (run,))
        parent = rows[0][0] if rows else None
        if parent is None:
            return run
        run = str(parent)


def effects_in_doubt(reader: Reader, run: str) -> list[str]:
    """The steps of a run whose effect began and has no outcome; a running one is among them."""
    return [str(step) for (step,) in reader.rows("effects_in_doubt", (run,))]


def _inputs(created: Value) -> dict[str, object]:
    return msgspec.json.decode(created, type=RunCreated).inputs if isinstance(created, str) else {}
