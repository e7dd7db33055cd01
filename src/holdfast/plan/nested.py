"""Plans inside a plan: which steps have one, what the inline ones say, and what a plan with its nested ones is."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from holdfast.plan.model import Effect, Plan, Step, Uses
from holdfast.plan.nearest import did_you_mean
from holdfast.plan.problems import Fault, Path, fault_at

DEPTH_MAX: Final = 8
"""How deep plans may be nested (the outermost is 1)."""
ID_MAX: Final = 128
"""Characters of a plan's id."""
_STRENGTH: Final = (Effect.NONE, Effect.REPEATABLE, Effect.ONCE)


class Place(NamedTuple):
    """A step whose work is a plan, and its path in the file."""

    path: Path
    step: Step
    params: Mapping[str, object]

    @property
    def file(self) -> str | None:
        """The nested plan's file as it is written, or `None` where the steps are inline."""
        file = self.params.get("file")
        return file if isinstance(file, str) else None


def places(plan: Plan) -> Iterator[Place]:
    """Every step that runs a plan."""
    for section, steps in (("steps", plan.steps), ("finally", plan.finally_)):
        for step in steps:
            if is_nested(step):
                assert isinstance(step.work, Uses)
                yield Place((section, step.id), step, step.work.params)


def is_nested(step: Step) -> bool:
    """Whether the step's work is a plan of its own."""
    return isinstance(step.work, Uses) and step.work.runner == "plan"


def inline(outer: str, place: Place) -> dict[str, object] | None:
    """An inline plan as the data of a plan file, or `None` where the step names a file."""
    steps = place.params.get("steps")
    if not isinstance(steps, dict):
        return None
    inputs = place.params.get("inputs")
    names = inputs if isinstance(inputs, dict) else {}
    return {
        "plan": f"{outer}.{place.step.id}"[:ID_MAX].rstrip("."),
        "inputs": {name: {} for name in names},
        "steps": steps,
    }


def untyped(plan: Plan) -> Plan:
    """An inline plan takes what it is given: one author wrote both sides, so its inputs have no types of their own."""
    return replace(plan, inputs={})


def with_nested(plan: Plan, nested: Mapping[str, Plan]) -> Plan:
    """The plan with its nested ones by step; such a step has the strongest effect in it, unless it says its own."""
    if not nested:
        return plan
    steps = tuple(_stronger(step, nested) for step in plan.steps)
    finally_ = tuple(_stronger(step, nested) for step in plan.finally_)
    return replace(plan, steps=steps, finally_=finally_, nested={**plan.nested, **nested})


def misfits(place: Place, plan: Plan) -> list[Fault]:
    """What is wrong with the inputs that a step gives to the plan it runs, as far as their names say it."""
    given = place.params.get("inputs")
    names: Collection[str] = given if isinstance(given, dict) else ()
    where = (*place.path, "with")
    faults = []
    for name in names:
        if name not in plan.inputs:
            message = f'plan "{plan.id}" has no input "{name}"'
            faults.append(fault_at((*where, "inputs", name), "input.unknown", message, did_you_mean(name, plan.inputs)))
    for name, declared in plan.inputs.items():
        if declared.required and not declared.has_default and name not in names:
            message = f'plan "{plan.id}" needs its input "{name}"'
            hint = f'add it under `inputs` of step "{place.step.id}"'
            faults.append(fault_at(where, "input.missing", message, hint))
    return faults


def _stronger(step: Step, nested: Mapping[str, Plan]) -> Step:
    inner = nested.get(step.id)
    if inner is None or step.effect.effect is not None:
        return step
    strongest = max((each.effect_class for each in inner.steps + inner.finally_), key=_STRENGTH.index)
    return replace(step, effect=replace(step.effect, effect=strongest))
