"""Whether an earlier result may stand in for a step at all (planner, What can be reused)."""

from enum import Enum
from typing import Final

from holdfast.plan.model import Effect, Prose, Reuse, Step, Uses

QUIET: Final = frozenset(("gate", "wait", "noop"))
"""Runners that leave nothing behind and change nothing: they are never why another step runs (planner, Terms)."""


class Kind(Enum):
    """Whether an earlier result may stand in."""

    REUSABLE = "reusable"
    ONCE = "once"  # its effect happens once for each key
    ACTION = "action"  # runs every time
    QUIET = "quiet"  # runs every time, and nobody minds


def kind_of(step: Step) -> Kind:
    """Whether a step can be reused (planner, What can be reused)."""
    if isinstance(step.work, Uses) and step.work.runner in QUIET and step.effect_class is Effect.NONE:
        return Kind.QUIET
    if step.effect_class is Effect.ONCE:
        return Kind.ONCE
    if step.results.reuse is Reuse.NEVER or _never(step):
        return Kind.ACTION
    declares = step.files.produces or step.results.outputs or step.effect.effect is Effect.NONE
    return Kind.REUSABLE if declares or step.results.reuse is Reuse.ALWAYS else Kind.ACTION


def why_action(step: Step) -> str:
    """Why no earlier result of an action may stand in for it."""
    if step.results.reuse is Reuse.NEVER:
        return "it says reuse: never"
    return _never(step) or "it leaves nothing that could stand in for it"


def _never(step: Step) -> str:
    """Why a step is done anew each time although it declares what it leaves, or nothing."""
    if isinstance(step.work, Uses):
        call = step.work.params.get("call", step.work.params.get("script"))
        if step.work.runner == "plan":
            return "the plan inside of it decides for itself"
        if isinstance(call, str) and "${{" in call:
            return "which code it calls is known when it runs"
    if step.next:
        return "its end chooses what comes next"
    promised = any(isinstance(criterion, Prose) for criterion in step.results.expect)
    return "people look at what it leaves each time" if promised else ""
