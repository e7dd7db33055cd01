"""The one decision of a step: what its proof says, then what the request narrows, which wins (planner 6 to 9)."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from holdfast.run.planner.kind import Kind
from holdfast.run.planner.pins import WHOLE, Pinned
from holdfast.run.planner.proof import Bare, Case, bare_of, keyed_of
from holdfast.run.planner.record import Record
from holdfast.run.planner.request import Asked
from holdfast.run.planner.verdict import MAY_EXECUTE, REASONS, Decision, Fault, Reason, Sight, Verdict

_RANK: Final = {code: rank for rank, code in enumerate(REASONS)}
_AS_IT_IS: Final = frozenset((Verdict.OUT, Verdict.EXCLUDED, Verdict.NOT_NEEDED))
"""Of these, dependents see what is there, whether it is up to date or not."""

NO_PINS: "Final[Mapping[str, Pinned]]" = {}


class Wish(NamedTuple):
    """What the request says of one step."""

    in_scope: bool = True
    excluded: bool = False
    walked: bool = True
    pins: "Mapping[str, Pinned] | None" = None
    active: bool = True
    overwrite: bool = False


def own_will(asked: Asked, i: int) -> tuple[Reason, ...]:
    """The reasons to run that the request itself gives step `i`; they only add (planner 8)."""
    reasons = []
    if i in asked.forced:
        reasons.append(Reason("forced"))
    if i in asked.starts:
        reasons.append(Reason("from"))
    if i in asked.regenerate:
        reasons.append(Reason("pin-regenerated", asked.regenerate[i]))
    return tuple(reasons)


def decide(case: Case, wish: Wish) -> Decision:
    """What becomes of a step. Whoever asks keeps the answer: nothing changes it afterwards (planner 7)."""
    if not wish.active:
        return Decision(Verdict.INACTIVE, (Reason("condition-false"),), Sight(active=False))
    bare = bare_of(case)
    pins = wish.pins or NO_PINS
    makes = tuple(case.subject.makes) or (WHOLE,)
    whole = bool(pins) and all(name in pins for name in makes)
    verdict, reason = _narrowed(case, wish, bare, whole=whole)
    notes: list[str] = []
    if verdict is Verdict.PINNED and bare.verdict in {Verdict.RUN, Verdict.MAYBE, Verdict.RESTORE}:
        notes.append("stale-pinned")
    if pins and not whole:
        notes.append("partial-pin")
    if case.history.abandoned and verdict is not Verdict.OUT:
        notes.append("abandoned-attempt")
    if verdict is Verdict.RESTORE:
        notes.append("restored")
    reasons = _ordered(bare.reasons) if reason is None or "stale-pinned" in notes else ()
    if reason is not None:
        reasons = (reason, *reasons)
    return Decision(
        verdict,
        reasons,
        _sight(case, verdict, bare, pins, whole=whole),
        keyed_of(bare),
        _stands_in(case, verdict, bare, pins),
        tuple(notes),
        tuple(sorted(name for name in pins if name != WHOLE)),
        _warnings(case, verdict),
        _faults(case, verdict, bare),
    )


def _narrowed(case: Case, wish: Wish, bare: Bare, *, whole: bool) -> tuple[Verdict, Reason | None]:
    """The verdict by precedence; without a reason, the proof's own reasons hold."""
    if not wish.in_scope:
        return Verdict.OUT, Reason("out-of-scope")
    if whole:
        pins = wish.pins or NO_PINS
        runs = sorted({it.record.run for it in pins.values()})
        names = tuple(sorted({str(it.pin) for it in pins.values()}))
        return Verdict.PINNED, Reason("pin", f"the result of run {', '.join(runs)}", names)
    if wish.excluded:
        return Verdict.EXCLUDED, Reason("excluded")
    if bare.verdict is Verdict.HELD:
        return Verdict.HELD, None
    if not wish.walked and not case.own_will:
        return Verdict.NOT_NEEDED, Reason("nobody-needs")
    lost = case.snapshot.missing | case.snapshot.damaged
    if bare.proof is not None and lost and any(ref.digest in lost for ref in bare.proof.artifacts.values()):
        return Verdict.NOT_NEEDED, Reason("nobody-needs", "its bytes are not in the store")
    return bare.verdict, None


def _stands_in(case: Case, verdict: Verdict, bare: Bare, pins: "Mapping[str, Pinned]") -> Record | None:
    """The record that stands in for an execution."""
    if verdict is Verdict.PINNED:
        return _pinned_record(case, pins)
    return None if verdict in MAY_EXECUTE or verdict in _AS_IT_IS else bare.proof


def _pinned_record(case: Case, pins: "Mapping[str, Pinned]") -> Record:
    """What a wholly pinned step leaves behind: artifacts as pinned, the rest of the newest of those records."""
    from msgspec.structs import replace  # noqa: PLC0415 - few plans have pins

    newest = max((it.record for it in pins.values()), key=lambda it: it.position)
    refs = {name: it.ref for name, it in pins.items() if it.ref is not None}
    return replace(newest, artifacts=refs) if refs else newest


def _sight(case: Case, verdict: Verdict, bare: Bare, pins: "Mapping[str, Pinned]", *, whole: bool) -> Sight:
    fixed = case.pinned
    if verdict is Verdict.PINNED:
        return Sight(_pinned_record(case, pins), pinned=fixed)
    if verdict in MAY_EXECUTE:
        return Sight(changing=True, certain=verdict is Verdict.RUN, pinned=fixed)
    stale = any(sight is not None and sight.stale for port in case.subject.ports for sight in (case.sights[port.dep],))
    if verdict in _AS_IT_IS:
        behind = bare.verdict in {Verdict.RUN, Verdict.MAYBE, Verdict.RESTORE}
        reusable = case.subject.kind in {Kind.REUSABLE, Kind.ONCE}
        return Sight(
            case.history.current,
            left_out=verdict is not Verdict.NOT_NEEDED,
            stale=stale or (behind and reusable),
            pinned=fixed,
        )
    return Sight(bare.proof, stale=stale, pinned=fixed)


def _ordered(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """In the order of the codes; each once."""
    if len(reasons) < 2:
        return reasons
    return tuple(dict.fromkeys(sorted(reasons, key=lambda it: _RANK[it.code])))


def _warnings(case: Case, verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """That a step takes what is out of date because something before it was left out (planner 40)."""
    if verdict not in MAY_EXECUTE and verdict is not Verdict.RESTORE:
        return ()
    stale = set()
    for port in case.subject.ports:
        sight = case.sights[port.dep]
        if sight is not None and sight.stale and port.name not in sight.pinned:
            stale.add(case.names[port.dep])
    if not stale:
        return ()
    name = case.subject.step.id
    return (("W_STALE_INPUT", f"{name} takes what {', '.join(sorted(stale))} left, which is out of date"),)


def _faults(case: Case, verdict: Verdict, bare: Bare) -> tuple[Fault, ...]:
    if verdict not in MAY_EXECUTE:
        return ()
    name = case.subject.step.id
    faults = [Fault("E_INPUT_UNAVAILABLE", name, f"{it.label}: {why}") for it, why in bare.ports.absent]
    faults += [
        Fault("E_INPUT_INACTIVE", name, f"{it.label}: {case.names[it.dep]} does not run, as its condition is false")
        for it in bare.ports.inactive
    ]
    trouble = case.snapshot.trouble.get(name)
    if trouble is not None:
        faults.append(Fault("E_FILE", name, trouble))
    return tuple(faults)
