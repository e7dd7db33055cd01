"""The ports of a step as they are now: what is known of their contents, and what is not (planner 12, 24, 52)."""

from typing import NamedTuple

from holdfast.plan.model import Plan
from holdfast.run.particulars import Keyed
from holdfast.run.planner.definition import environment_of
from holdfast.run.planner.record import Record, content_of
from holdfast.run.planner.snapshot import Snapshot
from holdfast.run.planner.subject import Port, Subject
from holdfast.run.planner.verdict import Change, Sights

ABSENT = "no result of it is there"


class Ports(NamedTuple):
    """A key as far as it is known; `unknown` are ports whose content may still change.

    `absent` and `inactive` are ports that have no content, with the reason.
    """

    keyed: Keyed
    unknown: tuple[Port, ...] = ()
    absent: tuple[tuple[Port, str], ...] = ()
    inactive: tuple[Port, ...] = ()


def ports_of(plan: Plan, subject: Subject, snapshot: Snapshot, sights: Sights) -> Ports:
    """The ports of a step; every step that it takes something from has been decided."""
    own = {f"input:{name}": content_of(snapshot.inputs.get(name)) for name in subject.inputs}
    files = snapshot.files.get(subject.step.id)
    if files:
        own |= {f"file:{path}": digest for path, digest in files.items()}
    made: dict[str, str] = {}
    unknown: list[Port] = []
    absent: list[tuple[Port, str]] = []
    inactive: list[Port] = []
    for port in subject.ports:
        sight = sights[port.dep]
        assert sight is not None, "a step is decided after those that it takes something from"
        if port.name in sight.pinned and port.kind == "artifact":
            made[port.label] = sight.pinned[port.name]
        elif not sight.active:
            if port.explicit and not port.optional:
                inactive.append(port)
        elif sight.changing:
            unknown.append(port)
        else:
            content = _content(port, sight.record, snapshot)
            if content is not None:
                made[port.label] = content
            if sight.record is None and not port.optional and port.kind != "step":
                absent.append((port, ABSENT))
            elif sight.left_out and port.kind != "artifact":
                absent.append((port, "its step is left out, and only files are taken from such"))
            elif content in snapshot.missing or content in snapshot.damaged:
                absent.append((port, f"its stored bytes are {'damaged' if content in snapshot.damaged else 'missing'}"))
    environment = environment_of(plan, subject.step, snapshot.environment)
    keyed = Keyed(subject.definition, environment, own, made, subject.identity)
    return Ports(keyed, tuple(unknown), tuple(absent), tuple(inactive))


def _content(port: Port, record: Record | None, snapshot: Snapshot) -> str | None:
    """What a port holds, where the step has left something behind."""
    if record is None:
        return None
    if port.kind == "artifact":
        ref = record.artifacts.get(port.name)
        return None if ref is None else ref.digest
    if port.kind == "step":
        return record.identity
    if record.outputs_digest is not None:
        return record.outputs_digest
    if port.kind == "outputs":
        return content_of(dict(record.outputs))
    return content_of(record.outputs[port.name]) if port.name in record.outputs else None


def may_match(record: Record, ports: Ports) -> bool:
    """Whether the record may turn out to be for the key of now, once what is unknown is known."""
    made = ports.keyed.made
    if any(record.keyed.made.get(label) != content for label, content in made.items()):
        return False
    open_labels = {port.label for port in ports.unknown}
    return all(label in made or label in open_labels for label in record.keyed.made)


def changes_between(old: Keyed, ports: Ports) -> tuple[list[Change], list[Change]]:
    """Ports that came or went, and ports whose content differs; what is unknown is neither."""
    new = ports.keyed
    open_labels = {port.label for port in ports.unknown}
    before, after = old.own | old.made, new.own | new.made
    names = sorted(before.keys() | after.keys())
    moved = [
        Change(name, before.get(name), after.get(name))
        for name in names
        if (name in before) is not (name in after) and name not in open_labels
    ]
    differing = [
        Change(name, before[name], after[name])
        for name in names
        if name in before and name in after and before[name] != after[name]
    ]
    return moved, differing
