"""Pins: which bytes are to stay, and whether they can (planner 21 to 29)."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from holdfast.run.particulars import ArtifactRef
from holdfast.run.planner.kind import Kind
from holdfast.run.planner.names import Names, Thing
from holdfast.run.planner.record import Record
from holdfast.run.planner.snapshot import NO_HISTORY, History, Pin, Snapshot
from holdfast.run.planner.subject import Field
from holdfast.run.planner.verdict import Fault

WHOLE: Final = ""
"""As an artifact's name: the step's results that are no artifacts."""


class Pinned(NamedTuple):
    """One thing whose bytes stay: the record it is from, and the artifact, if it is one."""

    record: Record
    ref: ArtifactRef | None
    pin: Pin


class Pins(NamedTuple):
    """All pins: those that hold and those that are named, by step and artifact; what is wrong with the others."""

    valid: Mapping[int, Mapping[str, Pinned]]
    named: Mapping[int, Mapping[str, Pin]]
    broken: Mapping[int, str]  # why a step's pins cannot hold
    invalid: tuple[Fault, ...]
    faults: tuple[Fault, ...]


def history_of(snapshot: Snapshot, name: str, formerly: Iterable[str]) -> History:
    """A step's history, with that of its former names where it has none of its own."""
    own = snapshot.history.get(name, NO_HISTORY)
    if own is not NO_HISTORY:
        return own
    for other in formerly:
        found = snapshot.history.get(other)
        if found is not None:
            return found
    return own


def pinned(field: Field, snapshot: Snapshot, pins: Iterable[Pin], names: Names) -> Pins:
    """What the pins mean; every bad one is told with its own cause (planner 23)."""
    valid: dict[int, dict[str, Pinned]] = {}
    named: dict[int, dict[str, Pin]] = {}
    broken: dict[int, str] = {}
    invalid: list[Fault] = []
    faults: list[Fault] = []
    for pin in pins:
        thing = _meant(field, names, pin)
        if isinstance(thing, Fault):
            faults.append(thing)
            continue
        subject = field.subjects[thing.step]
        history = history_of(snapshot, subject.step.id, subject.step.results.formerly)
        for name in _artifacts(field, thing):
            named.setdefault(thing.step, {})[name] = pin
            held = _held(snapshot, history, pin, name)
            if isinstance(held, str):
                shown = f"{pin}: {name}" if name not in {pin.name, WHOLE} else str(pin)
                invalid.append(Fault("E_PIN_INVALID", shown, held))
                broken[thing.step] = f"{shown}: {held}"
            else:
                valid.setdefault(thing.step, {})[name] = held
    return Pins(valid, named, broken, tuple(invalid), tuple(faults))


def _meant(field: Field, names: Names, pin: Pin) -> Thing | Fault:
    text = pin.name
    thing = names.thing(text, "E_PIN_UNKNOWN")
    if not isinstance(thing, Fault):
        if field.subjects[thing.step].kind in {Kind.ACTION, Kind.QUIET}:
            return Fault("E_PIN_KIND", text, "leaves nothing behind that could stay; --exclude leaves a step out")
        return thing
    head, _, rest = text.partition(":")
    if (rest if head in {"input", "inputs"} else text).removeprefix("inputs.") in field.plan.inputs:
        return Fault("E_PIN_KIND", text, "is an input of the plan; what is pinned is what a step leaves behind")
    return thing


def _artifacts(field: Field, thing: Thing) -> tuple[str, ...]:
    if thing.artifact is not None:
        return (thing.artifact,)
    return tuple(field.subjects[thing.step].makes) or (WHOLE,)


def _held(snapshot: Snapshot, history: History, pin: Pin, name: str) -> Pinned | str:
    """What a pin holds, or why it cannot."""
    record = history.current
    if pin.run is not None:
        record = next((it for it in reversed(history.records) if it.run == pin.run), None)
        if record is None:
            return f"run {pin.run} did not produce it"
    if record is None:
        return "never produced" if history.latest != "failed" else "never produced, its latest attempt failed"
    if pin.run is None and history.latest == "failed":
        return "its latest attempt failed" + (f" (run {history.latest_run})" if history.latest_run else "")
    if name == WHOLE:
        return Pinned(record, None, pin)
    ref = record.artifacts.get(name)
    if ref is None:
        return "never produced"
    if ref.digest in snapshot.missing:
        return "its stored bytes are missing"
    if ref.digest in snapshot.damaged:
        return "its stored bytes are damaged"
    return Pinned(record, ref, pin)
