"""What earlier runs of a plan recorded of its steps: what the planner takes for proof, read in two statements a run."""

from collections.abc import Mapping
from typing import Final, Literal, cast

import msgspec

from holdfast.journal.reader import Reader
from holdfast.run import events as ev
from holdfast.run.planner.record import Record, recorded
from holdfast.run.planner.snapshot import History
from holdfast.run.policy import APPLIED_CODES
from holdfast.run.reused import StepReused

_RUN_BITS: Final = 32
_FINISHED: Final = {"succeeded": "succeeded", "failed": "failed", "timed_out": "failed", "stalled": "failed"}
_CREATED: Final = msgspec.json.Decoder(ev.RunCreated)
_STARTED: Final = msgspec.json.Decoder(ev.AttemptStarted)
_ENDED: Final = msgspec.json.Decoder(ev.AttemptEnded)
_REUSED: Final = msgspec.json.Decoder(StepReused)
_Row = tuple[str, int, str, int, str, int | None, str | None]


class _Past:
    """What is known of one step so far, run by run."""

    __slots__ = ("abandoned", "begun", "latest", "latest_run", "records")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.latest: Literal["succeeded", "failed"] | None = None
        self.latest_run = ""
        self.begun = self.abandoned = False

    def stands(self, record: Record) -> None:
        """The result stands from now on; of an equal key and an equal execution there is one."""
        self.records.pop(f"{record.key} {record.identity}", None)
        self.records[f"{record.key} {record.identity}"] = record
        self.begun = self.abandoned = False

    def history(self) -> History:
        return History(tuple(self.records.values()), self.latest, self.latest_run, self.begun, self.abandoned)


def histories(reader: Reader, plan: str, inputs: Mapping[str, object]) -> dict[str, History]:
    """The histories of a plan's steps over all its runs; `inputs` are those of the run that is planned.

    A run that a plan was part of does not count.
    """
    past: dict[str, _Past] = {}
    for n, run, created in cast("list[tuple[int, str, str]]", reader.rows("runs_with_records", (plan,))):
        same = _CREATED.decode(created).inputs == inputs
        rows = cast("list[_Row]", reader.rows("records_of_run", (n,)))
        rows.sort(key=_position)
        for row in rows:
            known = past.get(row[0])
            if known is None:
                known = past[row[0]] = _Past()
            _take(known, (n, run), row, same=same)
    return {step: known.history() for step, known in past.items()}


def _position(row: _Row) -> tuple[int, int]:
    """When it ended; what is under way, or was left so, comes last."""
    return (row[5] if row[5] is not None else 2**62, row[3])


def _take(known: _Past, run: tuple[int, str], row: _Row, *, same: bool) -> None:
    step, attempt, status, started, start, ended, end = row
    if status == "restored":
        body = _REUSED.decode(start)
        assert body.keyed is not None
        of = (body.from_step, body.keyed, body.from_run, body.from_attempt)
        known.stands(
            recorded(Record(*of, _place(run[0], started), "", "", body.outputs, body.outputs_digest, body.artifacts))
        )
        return
    finished = "succeeded" if status == "failed" and _happened(start, end) else _FINISHED.get(status)
    if finished is None:
        known.begun = known.abandoned = True
        return
    if same:
        known.latest = cast("Literal['succeeded', 'failed']", finished)
        known.latest_run = run[1]
    if finished == "failed":
        known.begun = True
        return
    keyed, result = _STARTED.decode(start).keyed, _ENDED.decode(end or "")
    assert keyed is not None
    if result.review:
        return
    of = (step, keyed, run[1], attempt)
    left = (result.outputs, result.outputs_digest, result.artifacts)
    known.stands(recorded(Record(*of, _place(run[0], ended or started), "", "", *left)))


def _happened(start: str, end: str | None) -> bool:
    """Whether the attempt of an effect has failed after the effect had happened (semantics S20)."""
    if _STARTED.decode(start).key is None or end is None:
        return False
    error = _ENDED.decode(end).error
    return error is not None and error.code in APPLIED_CODES


def _place(n: int, seq: int) -> int:
    """Where in the journal: runs in the order in which they were created."""
    return (n << _RUN_BITS) + seq
