"""What a name in a flag or a pin means: a step, an artifact, a layer (planner, Names)."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from holdfast.plan.nearest import did_you_mean
from holdfast.run.growth import group_id
from holdfast.run.planner.subject import Field
from holdfast.run.planner.verdict import Fault

_PREFIXES = {"step": "step", "producer": "step", "artifact": "artifact"}


class Thing(NamedTuple):
    """A step by position, or one of its artifacts."""

    step: int
    artifact: str | None = None


class Names:
    """All names of a plan's steps and artifacts."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._steps = field.graph.index
        self._makers: dict[str, list[int]] | None = None

    def thing(self, text: str, unknown: str = "E_UNKNOWN_ID") -> Thing | Fault:
        """What a name means; the fault has the code `unknown` and says which names are near."""
        kind, colon, rest = text.partition(":")
        prefix = _PREFIXES.get(kind.lower()) if colon else None
        name = rest if prefix is not None else text
        found: list[Thing] = []
        at = self._step(name) if prefix != "artifact" else None
        if at is not None:
            found.append(Thing(at))
        if prefix != "step":
            found += self._artifacts(name)
        if not found:
            return Fault(unknown, text, self._nothing(name, prefix))
        if len({it.step for it in found}) == 1 and found[0].artifact is None:
            only = [*self._field.subjects[found[0].step].makes]
            found = found[:1] if len(found) == 1 or len(only) == 1 else found
        if len(found) > 1:
            listed = ", ".join(sorted(self.spelled(it) for it in found))
            return Fault(unknown, text, f"may mean {listed}; write the one that is meant")
        return found[0]

    def spelled(self, thing: Thing) -> str:
        """A thing's name, in full."""
        step = self._field.graph.ids[thing.step]
        return f"step:{step}" if thing.artifact is None else f"artifact:{step}.{thing.artifact}"

    def layer(self, text: str) -> int | Fault | None:
        """The number in `layer:N`; `None` where the text is no layer."""
        kind, colon, number = text.partition(":")
        if not colon or kind.lower() != "layer":
            return None
        if number.isascii() and number.isdigit() and len(number) <= 9:
            return int(number)
        return Fault("E_RANGE", text, "a layer is a number from 0 on, as in layer:2")

    def _step(self, name: str) -> int | None:
        at = self._steps.get(name)
        if at is None and name.endswith("]"):
            at = self._steps.get(group_id(name))  # an instance
        return at

    def _artifacts(self, name: str) -> Iterator[Thing]:
        for maker in self._made().get(name, ()):
            yield Thing(maker, name)
        dot = name.find(".")
        while dot > 0:
            at = self._step(name[:dot])
            if at is not None and name[dot + 1 :] in self._field.subjects[at].step.files.produces:
                yield Thing(at, name[dot + 1 :])
            dot = name.find(".", dot + 1)

    def _made(self) -> Mapping[str, list[int]]:
        if self._makers is None:
            self._makers = {}
            for i, subject in enumerate(self._field.subjects):
                for name in subject.makes:
                    self._makers.setdefault(name, []).append(i)
        return self._makers

    def _nothing(self, name: str, prefix: str | None) -> str:
        ids = self._field.graph.ids
        artifacts = [*self._made(), *(f"{ids[i]}.{artifact}" for artifact, at in self._made().items() for i in at)]
        known = [*(ids if prefix != "artifact" else ()), *(artifacts if prefix != "step" else ())]
        what = {None: "step or artifact", "step": "step", "artifact": "artifact"}[prefix]
        hint = did_you_mean(name, known)
        return f"this plan has no {what} of that name" + (f"; {hint}" if hint else "")
