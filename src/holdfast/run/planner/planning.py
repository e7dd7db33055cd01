"""(plan, snapshot, request) -> one decision a step, all errors together. Linear in steps, edges and files; pure."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from holdfast.errors import BugError
from holdfast.run.planner.conditions import Condition, condition_of
from holdfast.run.planner.decide import Wish, decide, own_will
from holdfast.run.planner.edits import AS_LEFT, Files, files_of
from holdfast.run.planner.kind import Kind
from holdfast.run.planner.pins import history_of
from holdfast.run.planner.proof import Case, Index
from holdfast.run.planner.record import NO_REFS, key_of
from holdfast.run.planner.request import PLAIN, Asked, Request, asked
from holdfast.run.planner.snapshot import Snapshot
from holdfast.run.planner.subject import Field
from holdfast.run.planner.verdict import MAY_EXECUTE, Decision, Fault, Sight, Sights, Verdict

_UNTOUCHED: Final = frozenset((Verdict.INACTIVE, Verdict.OUT, Verdict.EXCLUDED, Verdict.NOT_NEEDED))
"""The files of these stay as they are."""


class Sheet:
    """The decisions of a plan. Each place is written once: no later phase can change a verdict (planner 7)."""

    def __init__(self, count: int) -> None:
        self._decided: list[Decision | None] = [None] * count
        self._sights: list[Sight | None] = [None] * count

    def write(self, i: int, decision: Decision) -> None:
        """Decide step `i`; raises `BugError` where it is decided already."""
        if self._decided[i] is not None:
            raise BugError(f"step {i} was decided twice", code="E_BUG")
        self._decided[i] = decision
        self._sights[i] = decision.sight

    @property
    def decided(self) -> "Sequence[Decision | None]":
        """By position; `None` where nothing is decided yet."""
        return self._decided

    @property
    def sights(self) -> Sights:
        """What dependents see."""
        return self._sights

    def all(self) -> tuple[Decision, ...]:
        """Every decision."""
        whole = tuple([decision for decision in self._decided if decision is not None])
        assert len(whole) == len(self._decided), "every step is decided"
        return whole


class Answer(NamedTuple):
    """What would happen and why: by position the decisions and what becomes of the working files."""

    field: Field
    snapshot: Snapshot
    asked: Asked
    decisions: tuple[Decision, ...]
    files: dict[int, Files]
    warnings: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]

    @property
    def idle(self) -> bool:
        """Whether `--check` finds nothing to do; actions, and what only follows them, are left out (planner 65, 69)."""
        for i, decision in enumerate(self.decisions):
            subject = self.field.subjects[i]
            if subject.causes and all(reason.code == "upstream-changed" for reason in decision.reasons):
                continue
            counts = subject.kind in {Kind.REUSABLE, Kind.ONCE}
            if counts and decision.verdict in {Verdict.RUN, Verdict.MAYBE, Verdict.RESTORE}:
                return False
        return not self.files


def plan_steps(field: Field, snapshot: Snapshot, request: Request = PLAIN) -> Answer:
    """Decide every step once (planner 1). With `faults`, nothing is to be run."""
    meant = asked(field, snapshot, request)
    planning = Planning(field, snapshot, meant)
    demanded: frozenset[int] | None = None
    if meant.targets is not None and (snapshot.missing or snapshot.damaged):
        demanded = _demanded(planning, meant.targets)
    sheet = planning.sheet(demanded if demanded is not None else meant.targets)
    decisions = sheet.all()
    files, faults = _files(planning, decisions)
    warnings = {*meant.warnings, *(warning for it in decisions for warning in it.warnings)}
    for i, pins in meant.pins.items():
        if decisions[i].verdict is Verdict.INACTIVE:
            names = ", ".join(sorted(str(it.pin) for it in pins.values()))
            warnings.add(("W_PIN_INACTIVE", f"{field.graph.ids[i]}: the pin on {names} has nothing to keep"))
    told = {*meant.faults, *faults, *(fault for it in decisions for fault in it.faults)}
    told |= {Fault("E_IN_DOUBT", step, why) for step, why in snapshot.in_doubt.items()}
    return Answer(field, snapshot, meant, decisions, files, tuple(sorted(warnings)), tuple(sorted(told)))


class Planning:
    """One plan's decisions in the making: the engine asks it step by step, `plan_steps` for all."""

    def __init__(self, field: Field, snapshot: Snapshot, meant: Asked) -> None:
        self.field = field
        self.snapshot = snapshot
        self.asked = meant
        self.index = Index(snapshot.history.values())
        self.walked: set[int] | None = None if meant.targets is None else self._walk(meant.targets)
        self.edited: dict[int, Files] = {}
        if snapshot.working:
            self.edited = {i: it for i in range(len(field.subjects)) if (it := self._edits(i)) is not AS_LEFT}

    def case(self, i: int, sights: Sights, condition: Condition, *, demanded: bool = True) -> tuple[Case, Wish]:
        """All that the decision of step `i` looks at."""
        field, meant = self.field, self.asked
        subject = field.subjects[i]
        pins = meant.pins.get(i)
        edits = self.edited.get(i, AS_LEFT).edited if self.edited and meant.overwrite else ()
        history = history_of(self.snapshot, subject.step.id, subject.step.results.formerly)
        case = Case(
            field.plan,
            subject,
            history,
            self.snapshot,
            sights,
            field.graph.ids,
            self.index,
            own_will(meant, i),
            i in meant.forced,
            demanded,
            edits,
            condition.unknown,
            NO_REFS if pins is None else {name: it.ref.digest for name, it in pins.items() if it.ref is not None},
        )
        wish = Wish(
            meant.in_scope(i),
            i in meant.excluded,
            self.walked is None or i in self.walked,
            pins,
            condition.active,
        )
        return case, wish

    def leaves_out(self, i: int) -> bool:
        """Whether the request leaves step `i` out, whatever its proof says."""
        meant = self.asked
        if not meant.in_scope(i) or i in meant.excluded:
            return not self._is_pinned(i) or not meant.in_scope(i)
        return self.walked is not None and i not in self.walked and not (i in meant.forced or i in meant.starts)

    def sheet(self, demanded: "frozenset[int] | None") -> Sheet:
        """Decide all steps; `demanded` are those whose bytes are wanted, `None` for all."""
        sheet = Sheet(len(self.field.subjects))
        twins = self.field.deterministic_twins
        for i in self.field.order:
            wanted = demanded is None or i in demanded
            condition = condition_of(self.field, i, self.snapshot, sheet.decided)
            decision = decide(*self.case(i, sheet.sights, condition, demanded=wanted))
            sheet.write(i, decision)
            if twins and decision.verdict is Verdict.RUN and decision.keyed is not None:
                self.index.underway.setdefault(key_of(decision.keyed), self.field.graph.ids[i])
        self.index.underway.clear()
        return sheet

    def _walk(self, targets: Iterable[int]) -> set[int]:
        """Who is wanted because of the targets: their ancestors, up to what is wholly pinned (planner 36)."""
        walked = set(targets)
        walked.update(range(len(self.field.plan.steps), len(self.field.subjects)))
        stack = [i for i in walked if not self._is_pinned(i)]
        while stack:
            for j in self.field.graph.needs[stack.pop()]:
                if j not in walked:
                    walked.add(j)
                    if not self._is_pinned(j):
                        stack.append(j)
        return walked

    def _is_pinned(self, i: int) -> bool:
        pins = self.asked.pins.get(i)
        return pins is not None and all(name in pins for name in self.field.subjects[i].makes)

    def _edits(self, i: int) -> Files:
        subject = self.field.subjects[i]
        if not subject.step.files.produces:
            return AS_LEFT
        history = history_of(self.snapshot, subject.step.id, subject.step.results.formerly)
        found = files_of(subject, history, self.snapshot, history.current)
        return found if found.lost or found.edited else AS_LEFT


def _demanded(planning: Planning, targets: frozenset[int]) -> frozenset[int]:
    """Whose bytes are wanted: the targets', and those of what an executing step takes; grows until nothing is new."""
    field = planning.field
    demanded = set(targets)
    while True:
        before = len(demanded)
        decisions = planning.sheet(frozenset(demanded)).all()
        for i in reversed(field.order):
            verdict = decisions[i].verdict
            if verdict in MAY_EXECUTE or (verdict is Verdict.NOT_NEEDED and i in demanded):
                demanded.update(port.dep for port in field.subjects[i].ports)
        if len(demanded) == before:
            return frozenset(demanded)


def _files(planning: Planning, decisions: Sequence[Decision]) -> tuple[dict[int, Files], list[Fault]]:
    """The working files that are to be put back, and what somebody edited and nothing may overwrite."""
    field, snapshot = planning.field, planning.snapshot
    faults: list[Fault] = []
    back: dict[int, Files] = {}
    if not snapshot.working:
        return back, faults
    taken = {
        port.dep for i, it in enumerate(decisions) if it.verdict in MAY_EXECUTE for port in field.subjects[i].ports
    }
    for i, decision in enumerate(decisions):
        subject = field.subjects[i]
        if decision.verdict in _UNTOUCHED and i not in taken:
            continue
        edits = planning.edited.get(i, AS_LEFT).edited
        if edits and not planning.asked.overwrite:
            said = "edited by hand; --overwrite gives the edit up, to keep it put it elsewhere first"
            paths = [subject.step.files.produces[name].path for name in edits]
            faults += [Fault("E_OUTPUT_EDITED", f"{subject.step.id}: {path}", said) for path in paths]
            continue
        stands = decision.proof or (decision.sight.record if i in taken else None)
        if stands is None or decision.verdict in MAY_EXECUTE:
            continue
        history = history_of(snapshot, subject.step.id, subject.step.results.formerly)
        found = files_of(subject, history, snapshot, stands)
        if found.lost or found.edited:
            back[i] = Files(lost=tuple(sorted((*found.lost, *found.edited))))
    return back, faults
