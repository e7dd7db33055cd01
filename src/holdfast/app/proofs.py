"""What stands in for the steps of a run: each is decided when its dependencies are done, by the planner's function."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, cast

from msgspec.structs import replace

from holdfast.errors import IntegrityError, RequestError, StoreError
from holdfast.run import events as ev
from holdfast.run.particulars import Cause, Keyed
from holdfast.run.planner.conditions import ACTIVE
from holdfast.run.planner.decide import decide
from holdfast.run.planner.edits import files_of
from holdfast.run.planner.kind import Kind
from holdfast.run.planner.pins import history_of
from holdfast.run.planner.record import Record
from holdfast.run.planner.snapshot import History
from holdfast.run.planner.verdict import MAY_EXECUTE, Decision, Reason, Sight, Verdict
from holdfast.run.reused import StepReused
from holdfast.run.standing import Recovered, Result, Reused, Skipped, Succeeded

if TYPE_CHECKING:
    from holdfast.app.workplace import Workplace
    from holdfast.run.choose import Expand, Start
    from holdfast.run.machine import Run
    from holdfast.run.planner.planning import Planning

_NONE = Keyed("")
_NOTHING = Sight()


class Proofs:
    """The decisions of one run, and what its attempts are for."""

    def __init__(self, planning: "Planning", workplace: "Workplace") -> None:
        """`planning` was made before the run, or when it was taken in hand again."""
        self._planning = planning
        self._workplace = workplace
        self.warnings: tuple[str, ...] = ()
        self._before = planning.snapshot
        self._for: dict[int, tuple[Keyed, tuple[Cause, ...]]] = {}  # steps that are about to start

    def instead(self, run: "Run", decided: "Start | Expand") -> "StepReused | ev.StepSkipped | None":
        """What becomes of a step that does not run: left out, or an earlier result stands in; `None`: it has to run."""
        i, field = decided.step, self._planning.field
        if i >= len(field.subjects):
            return None
        attempt = getattr(decided, "attempt", 1)
        if attempt == 1 and self._planning.leaves_out(i):
            return ev.StepSkipped("not-selected")
        if field.subjects[i].kind not in {Kind.REUSABLE, Kind.ONCE}:
            return None
        return self._stands_in(run, i, attempt)

    def _stands_in(self, run: "Run", i: int, attempt: int) -> StepReused | None:
        subject = self._planning.field.subjects[i]
        self._for.pop(i, None)
        lost: frozenset[str] = frozenset()
        while True:
            try:
                decision = self._decide(run, i, lost)
            except RequestError:
                return None  # what it reads cannot be read: it runs, and proves nothing
            proof = decision.proof
            if decision.verdict in MAY_EXECUTE or proof is None or attempt > 1:
                if decision.keyed is not None:
                    self._for[i] = (decision.keyed, causes(decision.reasons))
                return None
            refs = proof.artifacts.values()
            now = self._workplace.products(refs)
            history = self._history(i)
            found = files_of(subject, history, replace(self._before, working=now), proof)
            missing = self._workplace.lost([ref for ref in refs if ref.path in now])
            if missing:
                if missing <= lost:
                    return None
                lost |= missing
                continue
            if found.edited:  # somebody edited it since the run was planned
                self._for[i] = (decision.keyed or _NONE, (Cause("output-edited", ", ".join(found.edited)),))
                return None
            try:
                self._put_back(run, proof, found.lost)
            except (IntegrityError, StoreError, OSError):
                lost |= frozenset(proof.artifacts[name].digest for name in found.lost)
                if len(lost) > len(refs):
                    return None
                continue
            return _told(decision, proof, found.lost, current=proof is history.current)

    def stamped(self, run: "Run", event: ev.Event) -> ev.Event:
        """The start of an attempt, with what it is for."""
        known = self._for.pop(run.index[event.step or ""], None)
        if known is None or known[0] is _NONE:
            return event
        body = cast("ev.AttemptStarted", event.body)
        return event._replace(body=replace(body, keyed=known[0], reasons=known[1]))

    def _history(self, i: int) -> History:
        step = self._planning.field.subjects[i].step
        return history_of(self._before, step.id, step.results.formerly)

    def _decide(self, run: "Run", i: int, lost: frozenset[str]) -> Decision:
        planning, before = self._planning, self._before
        step = planning.field.subjects[i].step
        files = self._workplace.files(planning.field, i)
        planning.snapshot = replace(before, files={step.id: files}, missing=before.missing | lost)
        sights: dict[int, Sight] = {}
        for j in (*planning.field.graph.needs[i], *(port.dep for port in planning.field.subjects[i].ports)):
            sights[j] = self._sight(run, j)
        return decide(*planning.case(i, sights, ACTIVE))

    def _sight(self, run: "Run", j: int) -> Sight:
        state = run.states[run.place(run.steps[j].id)]
        if isinstance(state, Skipped) and state.why == "not-selected":  # what is there is taken as it is
            return Sight(self._history(j).current)
        return sight_of(run, run.place(run.steps[j].id))

    def _put_back(self, run: "Run", proof: Record, names: Iterable[str]) -> None:
        roots = run.plan.policy.write_roots if run.plan.policy is not None else (".",)
        for name in names:
            self._workplace.put_back(proof.artifacts[name], roots)


def sight_of(run: "Run", i: int) -> Sight:
    """What a step of a run has left, as its dependents see it."""
    state = run.states[i]
    if isinstance(state, Reused):
        made_in, _, rest = state.origin.partition("/")
        step, _, attempt = rest.rpartition("/")
        return Sight(_left((step, made_in, int(attempt)), state.result))
    if isinstance(state, Succeeded | Recovered):
        return Sight(_left((run.steps[i].id, run.id, state.result.attempt), state.result), certain=True)
    return Sight(active=False) if isinstance(state, Skipped) else _NOTHING


def _left(of: tuple[str, str, int], result: Result) -> Record:
    step, run, attempt = of
    return Record(
        *(step, _NONE, run, attempt, 0, "", ""), result.outputs, result.outputs_digest, artifacts=result.artifacts
    )


def causes(reasons: Iterable[Reason]) -> tuple[Cause, ...]:
    """Reasons as they are recorded."""
    return tuple(
        [
            Cause(it.code, it.detail, it.because, tuple([(port, old, new) for port, old, new in it.changes]))
            for it in reasons
        ]
    )


def _told(decision: Decision, proof: Record, lost: tuple[str, ...], *, current: bool) -> StepReused:
    notes = decision.notes + (("restored-file",) if lost else ())
    return StepReused(
        cast("Literal['reuse', 'restore', 'pinned', 'held']", decision.verdict.value),
        proof.run,
        proof.step,
        proof.attempt,
        causes(decision.reasons),
        dict(proof.outputs),
        proof.outputs_digest,
        dict(proof.artifacts),
        notes,
        None if current or decision.verdict is Verdict.HELD else decision.keyed,
    )
