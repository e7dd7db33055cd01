"""What a step's own records and its ports say, whatever is asked: whether a proof stands in for its execution."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from holdfast.plan.model import Plan
from holdfast.run.particulars import Keyed
from holdfast.run.planner.kind import Kind, kind_of, why_action
from holdfast.run.planner.ports import Ports, changes_between, may_match, ports_of
from holdfast.run.planner.record import NO_REFS, Record, base_of, key_of
from holdfast.run.planner.snapshot import History, Snapshot
from holdfast.run.planner.subject import Subject
from holdfast.run.planner.verdict import Change, Reason, Sight, Sights, Verdict


class Index:
    """Records by key and by what of a key is known first; and the keys that are to be executed.

    Of all steps, since a deterministic step's result serves any other that does the same. Built when it is asked for
    the first time: where nothing has changed, nobody asks.
    """

    def __init__(self, histories: Iterable[History]) -> None:
        self.underway: dict[str, str] = {}
        self._histories = histories
        self._by_key: dict[str, Record] | None = None
        self._by_base: dict[str, list[Record]] = {}

    def by_key(self, key: str) -> Record | None:
        """The newest record for a key."""
        return self._built().get(key)

    def by_base(self, base: str) -> "Sequence[Record]":
        """The records that may be for a key of which only this is known."""
        self._built()
        return self._by_base.get(base, ())

    def add(self, record: Record) -> None:
        """A success that may stand in for executions from now on."""
        self._put(self._built(), record)

    def _built(self) -> dict[str, Record]:
        if self._by_key is None:
            self._by_key = {}
            for history in self._histories:
                for record in history.records:
                    self._put(self._by_key, record)
        return self._by_key

    def _put(self, by_key: dict[str, Record], record: Record) -> None:
        known = by_key.get(record.key)
        if known is None or known.position <= record.position:
            by_key[record.key] = record
        self._by_base.setdefault(record.base, []).append(record)


class Case(NamedTuple):
    """A step that is to be decided, with all that may be looked at.

    `demanded`: its bytes are wanted; `walked`: somebody wants it at all. `own_will`: reasons to run that the request
    gives (forced, from, pin-regenerated). `edited`: products that somebody edited and that may be overwritten.
    """

    plan: Plan
    subject: Subject
    history: History
    snapshot: Snapshot
    sights: Sights
    names: "Sequence[str]"
    records: Index
    own_will: tuple[Reason, ...] = ()
    forced: bool = False
    demanded: bool = True
    edited: tuple[str, ...] = ()
    condition: Reason | None = None  # that it is not known whether it is to run
    pinned: Mapping[str, str] = NO_REFS


class Bare(NamedTuple):
    """What is so whatever is asked for: one of held, run, restore, maybe, reuse."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    ports: Ports
    proof: Record | None = None
    key: str = ""


def bare_of(case: Case) -> Bare:
    """What the step's records and ports say."""
    ports = ports_of(case.plan, case.subject, case.snapshot, case.sights)
    if case.subject.kind in {Kind.ACTION, Kind.QUIET}:
        reasons = (*case.own_will, *_condition(case), Reason("action", _every_time(case.subject)))
        return Bare(Verdict.RUN if case.condition is None else Verdict.MAYBE, reasons, ports)
    if ports.unknown:
        return _unsettled(case, ports, base_of(ports.keyed))
    proof = case.history.current
    if proof is not None and proof.keyed == ports.keyed:
        key = proof.key
    else:
        key = key_of(ports.keyed)
        own = next((it for it in reversed(case.history.records) if it.key == key), None)
        proof = own or case.records.by_key(key)
    if case.subject.kind is Kind.ONCE:
        return _effect(case, ports, proof, key)
    against = _obstacles(case, proof) if proof is not None else _differences(case, ports)
    reasons = (*against, *_edited(case), *_after_actions(case), *case.own_will)
    if not reasons and proof is not None:
        stands = proof is case.history.current
        said = Reason("proven", f"by run {proof.run}") if stands else Reason("restored", _from_where(case, proof))
        verdict = Verdict.REUSE if stands else Verdict.RESTORE
        return Bare(_unless(case, verdict), (*_condition(case), said), ports, proof, key)
    if case.records.underway and key in case.records.underway and not case.own_will:
        other = case.records.underway[key]
        reasons = (*reasons, Reason("upstream-changed", f"{other} does the same", (other,)))
        return Bare(Verdict.MAYBE, (*_condition(case), *reasons), ports, None, key)
    verdict = _certain_after(case) if reasons and not (against or case.own_will or case.edited) else Verdict.RUN
    return Bare(_unless(case, verdict), (*reasons, *_condition(case)), ports, None, key)


def _unsettled(case: Case, ports: Ports, base: str) -> Bare:
    """Something that the step takes may still change."""
    fitting = [it for it in case.records.by_base(base) if may_match(it, ports)]
    names = tuple(sorted({case.names[port.dep] for port in ports.unknown}))
    upstream = Reason("upstream-changed", f"{', '.join(names)} may change", names)
    reasons = [*_differences(case, ports), *([upstream] if fitting or case.history.current else [])]
    once = case.subject.kind is Kind.ONCE
    usable = fitting if once else [it for it in fitting if not _obstacles(case, it)]
    if fitting and not usable:
        reasons += _obstacles(case, fitting[-1])
    reasons += [*_edited(case), *case.own_will, *_condition(case)]
    if not reasons:
        reasons = [upstream]
    certain = not usable or case.forced or (not once and bool(case.own_will or case.edited))
    return Bare(_unless(case, Verdict.RUN if certain else Verdict.MAYBE), tuple(reasons), ports)


def _effect(case: Case, ports: Ports, proof: Record | None, key: str) -> Bare:
    """An effect that happens once for each key: only its own change or a force that names it repeats it."""
    if proof is not None and not case.forced:
        said = Reason("effect-held", f"it happened in run {proof.run}")
        return Bare(_unless(case, Verdict.HELD), (*_condition(case), said), ports, proof, key)
    reasons = () if proof is not None else _differences(case, ports)
    return Bare(_unless(case, Verdict.RUN), (*reasons, *case.own_will, *_condition(case)), ports, None, key)


def _obstacles(case: Case, record: Record) -> tuple[Reason, ...]:
    """Why a record for the key of now is no proof all the same."""
    reasons = []
    if case.demanded:
        for code, lost in (("output-missing", case.snapshot.missing), ("output-damaged", case.snapshot.damaged)):
            names = tuple(sorted(name for name, ref in record.artifacts.items() if ref.digest in lost))
            if names:
                again = "" if case.subject.step.results.deterministic else "; made again it may differ"
                reasons.append(Reason(code, f"{', '.join(names)} in the store{again}", names))
    if case.demanded:
        digests = [(name, ref) for name, ref in record.artifacts.items() if ref.digest_only]
        gone = tuple(sorted(name for name, ref in digests if case.snapshot.working.get(ref.path) != ref.digest))
        if gone:
            said = f"only the digest of {', '.join(gone)} is kept, and its file is another"
            reasons.append(Reason("output-missing", said, gone))
    given_up = tuple([it for it in record.kept if case.pinned.get(it) != record.artifacts[it].digest])
    if given_up:
        said = f"{', '.join(given_up)} was pinned in run {record.run}: what that made of it was given up"
        reasons.append(Reason("output-missing", said, given_up))
    if case.history.latest == "failed":
        reasons.append(Reason("latest-failed", f"in run {case.history.latest_run}"))
    return tuple(reasons)


def _differences(case: Case, ports: Ports) -> tuple[Reason, ...]:
    """What differs from the result that stands now."""
    was = case.history.current
    if was is None:
        if case.history.latest is None and not case.history.begun:
            return (Reason("never-run"),)
        failed = (Reason("latest-failed", f"in run {case.history.latest_run}"),)
        return (Reason("no-record"), *(failed if case.history.latest == "failed" else ()))
    reasons = []
    now = ports.keyed
    if was.keyed.definition != now.definition:
        change = Change("definition", was.keyed.definition, now.definition)
        reasons.append(Reason("definition-changed", f"since run {was.run}", (), (change,)))
    names = sorted(was.keyed.environment.keys() | now.environment.keys())
    before, after = was.keyed.environment, now.environment
    differing = tuple([Change(it, before.get(it), after.get(it)) for it in names if before.get(it) != after.get(it)])
    if differing:
        reasons.append(_change("environment-changed", differing))
    moved, changed = changes_between(was.keyed, ports)
    if moved:
        reasons.append(_change("ports-changed", tuple(moved)))
    if changed:
        reasons.append(_change("input-changed", tuple(changed)))
    if case.history.latest == "failed" and not ports.unknown:
        reasons.append(Reason("latest-failed", f"in run {case.history.latest_run}"))
    if not reasons and not ports.unknown:
        reasons.append(Reason("no-record", "no result is known for what it takes now"))
    return tuple(reasons)


def _change(code: str, changes: tuple[Change, ...]) -> Reason:
    names = tuple([it.port for it in changes])
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Reason(code, shown, names, changes)


def _after_actions(case: Case) -> tuple[Reason, ...]:
    """A step that declares nothing it reads has no proof that it need not follow an action (planner, Terms)."""
    ran = tuple(sorted(case.names[j] for j in case.subject.causes if _moves(case.sights[j])))
    return (Reason("upstream-changed", "it declares nothing that it reads", ran),) if ran else ()


def _certain_after(case: Case) -> Verdict:
    certain = any(sight.certain for j in case.subject.causes if (sight := case.sights[j]) is not None)
    return Verdict.RUN if certain else Verdict.MAYBE


def _moves(sight: Sight | None) -> bool:
    return sight is not None and (sight.changing or sight.certain)


def _edited(case: Case) -> tuple[Reason, ...]:
    return (Reason("output-edited", ", ".join(case.edited), case.edited),) if case.edited else ()


def _condition(case: Case) -> tuple[Reason, ...]:
    return () if case.condition is None else (case.condition,)


def _unless(case: Case, verdict: Verdict) -> Verdict:
    """A step of which nobody knows yet whether it is to run is no more than a `maybe` (planner 53)."""
    return verdict if case.condition is None else Verdict.MAYBE


def _every_time(subject: Subject) -> str:
    if subject.many:
        return "its instances are decided when they are there"
    if subject.last:
        return "finally steps run whatever happened"
    if subject.kind is not Kind.ACTION:
        return "it is passed again"
    return why_action(subject.step) if kind_of(subject.step) is Kind.ACTION else "it goes round in a loop"


def _from_where(case: Case, proof: Record) -> str:
    other = f"of {proof.step} " if proof.step != case.subject.step.id else ""
    return f"the result {other}of run {proof.run} is for what it takes now"


def keyed_of(bare: Bare) -> Keyed | None:
    """The whole key, where it is known."""
    return bare.ports.keyed if bare.key else None
