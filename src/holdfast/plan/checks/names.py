"""The names of a plan as its parts see each other: steps, their artifacts and outputs, inputs, variables.

An artifact is `step.artifact`; its bare name is enough where one step makes it. `step:x` and `artifact:x` say which is
meant (planner, Names).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from holdfast.plan.problems import Fault

PASSED: Final = (
    *("PATH", "HOME", "LANG", "LC_*", "TERM", "TMPDIR", "USER", "SHELL", "TZ", "SSH_AUTH_SOCK", "*_PROXY"),
    "VIRTUAL_ENV",
)
"""What the parent's environment gives a step without being asked."""


class Known(NamedTuple):
    """A step as others see it. What is `broken` has faults of its own, so nothing is said to be missing in it."""

    section: str
    artifacts: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()
    many: bool = False
    broken: bool = False


class Named(NamedTuple):
    """What an artifact's name means: a step, and its artifact unless the step itself is meant."""

    step: str
    artifact: str | None

    def __str__(self) -> str:
        return self.step if self.artifact is None else f"{self.step}.{self.artifact}"


@dataclass(frozen=True, slots=True)
class Names:
    """All names of a plan."""

    steps: Mapping[str, Known]
    inputs: frozenset[str] = frozenset()
    secret_inputs: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()
    env_pass: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()
    hypotheses: frozenset[str] = frozenset()
    memory: frozenset[str] | None = None
    makers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def passes(self, variable: str) -> bool:
        """Whether the parent's environment gives this variable."""
        return any(fnmatchcase(variable, glob) for glob in (*PASSED, *self.env_pass))

    def artifact(self, text: str, *, steps_too: bool = False) -> Named | Fault | None:
        """What a name means; with `steps_too` it may be a step. The fault says what is wrong with it.

        None: nothing can be said, because the step that is meant has faults of its own.
        """
        kind, _, rest = text.partition(":")
        prefix = kind.lower() if rest else ""
        name = rest if prefix in {"step", "producer", "artifact"} else text
        found = [] if prefix in {"step", "producer"} else [*self._artifacts(name)]
        if steps_too and prefix != "artifact" and name in self.steps:
            found.append(Named(name, None))
        if not found:
            return self._unknown(name, steps_too=steps_too)
        if len(found) > 1 and not self._same(found):
            which = ", ".join(f"step:{it}" if it.artifact is None else f"artifact:{it}" for it in found)
            return Fault("artifact.ambiguous", f': "{name}" may mean {which}', "write the one that is meant")
        return found[0]

    def _artifacts(self, name: str) -> Iterable[Named]:
        for maker in self.makers.get(name, ()):
            yield Named(maker, name)
        dot = name.find(".")
        while dot > 0:
            known = self.steps.get(name[:dot])
            if known is not None and name[dot + 1 :] in known.artifacts:
                yield Named(name[:dot], name[dot + 1 :])
            dot = name.find(".", dot + 1)

    def _same(self, found: list[Named]) -> bool:
        """A step and its only artifact are one thing."""
        return len({it.step for it in found}) == 1 and len(self.steps[found[0].step].artifacts) == 1

    def _unknown(self, name: str, *, steps_too: bool) -> Fault | None:
        step = next((name[:dot] for dot in _dots(name) if name[:dot] in self.steps), None)
        if step is not None:
            if self.steps[step].broken:
                return None
            artifacts = self.steps[step].artifacts
            message = f' names "{name}", but step "{step}" does not produce "{name[len(step) + 1 :]}"'
            near = (name[len(step) + 1 :], artifacts)
            return Fault("artifact.unknown", message, _listed(step, artifacts), near=near)
        if name in self.steps and not steps_too:
            artifacts = self.steps[name].artifacts
            return Fault(
                "artifact.unknown", f' names the step "{name}", not one of its artifacts', _listed(name, artifacts)
            )
        if any(known.broken for known in self.steps.values()):
            return None
        known_names = [*self.makers, *(f"{step}.{it}" for step, known in self.steps.items() for it in known.artifacts)]
        if steps_too:
            known_names += self.steps
        what = "an artifact or step" if steps_too else "an artifact"
        message = f' names "{name}", which is not {what} of this plan'
        return Fault("artifact.unknown", message, near=(name, known_names))


def makers(steps: Mapping[str, Known]) -> dict[str, tuple[str, ...]]:
    """The steps that make an artifact of each bare name."""
    made: dict[str, list[str]] = {}
    for step, known in steps.items():
        for name in known.artifacts:
            made.setdefault(name, []).append(step)
    return {name: tuple(them) for name, them in made.items()}


def _dots(name: str) -> Iterable[int]:
    return (index for index, char in enumerate(name) if char == "." and index)


def _listed(step: str, artifacts: Iterable[str]) -> str:
    names = sorted(artifacts)
    return f"it produces {', '.join(names[:10])}" if names else f'give step "{step}" a `produces`'
