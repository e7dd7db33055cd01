"""What a plan would do, decided from what is recorded and on disk; and what a run of it goes by."""

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from holdfast.errors import RequestError
from holdfast.run.events import RunCreated, decode
from holdfast.run.planner.kind import Kind, kind_of

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.app import Holdfast, Request
    from holdfast.app.proofs import Proofs
    from holdfast.app.runs import Requested
    from holdfast.app.workplace import Workplace
    from holdfast.journal.reader import Reader
    from holdfast.journal.sqlite import SqliteJournal
    from holdfast.plan.model import Plan
    from holdfast.run.machine import Run
    from holdfast.run.planner.planning import Answer
    from holdfast.run.planner.request import Request as Asked

FAULTS_SHOWN = 20
_KEPT = frozenset((Kind.REUSABLE, Kind.ONCE))


class Prepared(NamedTuple):
    """A plan's decisions, and where they look."""

    answer: "Answer"
    workplace: "Workplace"

    def proofs(self) -> "Proofs":
        """What a run goes by."""
        from holdfast.app.proofs import Proofs
        from holdfast.run.planner.planning import Planning

        return Proofs(Planning(self.answer.field, self.answer.snapshot, self.answer.asked), self.workplace)


def keeps(plan: "Plan") -> bool:
    """Whether an earlier result may stand in for any step; of most plans of calls and commands that is not so."""
    return any(kind_of(step) in _KEPT for step in plan.steps)


def decides(plan: "Plan") -> bool:
    """Whether there is anything to decide before a run."""
    return keeps(plan) or any(step.conditions is not None for step in plan.steps)


class Wanted(NamedTuple):
    """A plan that is to be run: from which folder, with which inputs, and what of it."""

    plan: "Plan"
    project: str
    inputs: Mapping[str, object]
    asked: "Asked | None" = None  # all of it, as it is


def prepare(state: "Path", reader: "Reader | None", wanted: Wanted) -> Prepared:
    """Decide all steps of a plan by what the journal that `reader` reads holds; writes nothing but caches."""
    from holdfast.app.workplace import Workplace
    from holdfast.journal.records import histories
    from holdfast.run.planner.planning import plan_steps
    from holdfast.run.planner.request import PLAIN
    from holdfast.run.planner.snapshot import History
    from holdfast.run.planner.subject import field_of

    workplace = Workplace(wanted.project, state)
    field = field_of(wanted.plan)
    position, known = 0, dict[str, History]()
    if reader is not None:
        with reader.snapshot():
            known = histories(reader, wanted.plan.id, wanted.inputs)
            last = reader.rows("last_commit")
            position = int(str(last[0][0])) if last else 0
    snapshot = workplace.snapshot(field, known, wanted.inputs, position)
    return Prepared(plan_steps(field, snapshot, wanted.asked or PLAIN), workplace)


def document_of(app: "Holdfast", run: "Requested", request: "Request") -> dict[str, object]:
    """The document of `plan`, but for what is to be said of earlier runs."""
    from holdfast.run.planner.document import plan_document

    loaded, inputs = run.loaded, run.inputs
    plan = loaded.plan
    answer = None
    if decides(plan) or request.selects:
        answer = looked_at(app, Wanted(plan, loaded.project, inputs, request.asked()))
    return plan_document(plan, [str(problem) for problem in loaded.warnings], answer)


def looked_at(app: "Holdfast", wanted: Wanted) -> "Answer":
    """What a run would do now."""
    if not app.database.exists():
        return prepare(app.state, None, wanted).answer
    with closing(app.open_journal("read")) as journal:
        return prepare(app.state, journal.reader, wanted).answer


def proofs_for(app: "Holdfast", reader: "Reader", wanted: Wanted) -> "Proofs | None":
    """What a new run goes by; raises `RequestError` for all that keeps it from being run."""
    if not (keeps(wanted.plan) or wanted.asked is not None):
        return None
    prepared = prepare(app.state, reader, wanted)
    refuse_faults(prepared.answer)
    proofs = prepared.proofs()
    proofs.warnings = tuple([f"{code}: {said}" for code, said in prepared.answer.warnings])
    return proofs


def go_on(app: "Holdfast", journal: "SqliteJournal", run: "Run") -> "Proofs | None":
    """What a run that was begun earlier goes by: its own request holds (planner 61)."""
    from holdfast.app.request import asked_of

    [row] = journal.reader.rows("event", (run.id, 1))
    created = decode(str(row[1]), str(row[2]))
    assert isinstance(created, RunCreated)
    asked = asked_of(created.request)
    if not (keeps(run.plan) or asked is not None):
        return None
    return prepare(app.state, journal.reader, Wanted(run.plan, created.project, run.inputs, asked)).proofs()


def refuse_faults(answer: "Answer") -> None:
    """Raise what keeps a plan from being run, all of it (planner 5)."""
    if not answer.faults:
        return
    from holdfast.run.planner.document import errors_of

    errors = errors_of(answer.faults)
    facts = [f"{error['code']}: {error['message']}" for error in errors]
    headline = "nothing was run: " + (
        str(errors[0]["message"]) if len(errors) == 1 else f"{len(errors)} kinds of error"
    )
    raise RequestError(headline, code=str(errors[0]["code"]), facts=facts[:FAULTS_SHOWN] if len(errors) > 1 else ())
