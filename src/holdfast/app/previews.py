"""What a dry run shows beyond the plan: the changes that steps with `uses: file` would make."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from holdfast.engine.attempt import render_params
from holdfast.plan.expr import ExpressionError, compile_template
from holdfast.plan.graph import of_plan
from holdfast.plan.model import Policy, Step, Uses
from holdfast.run.machine import Run
from holdfast.runners.failing import WorkFailedError
from holdfast.runners.files import Params
from holdfast.runners.performing import load, read
from holdfast.runners.place import Place
from holdfast.runners.preview import Ahead, Preview, preview

if TYPE_CHECKING:
    from holdfast.app.plans import LoadedPlan

KNOWN_NOW = frozenset({"inputs", "env", "plan"})
"""What a template may name to have its value before the run."""


class StepPreview(msgspec.Struct, frozen=True):
    """What one step would do to files."""

    step: str
    op: str
    files: list[Preview]


def changes(loaded: "LoadedPlan", inputs: Mapping[str, object]) -> dict[str, object]:
    """The changes of every `file` step as a part of the plan's document; nothing where there is no such step."""
    found = previews(loaded, inputs)
    return {"previews": [msgspec.to_builtins(one) for one in found]} if found else {}


def previews(loaded: "LoadedPlan", inputs: Mapping[str, object]) -> list[StepPreview]:
    """The changes of every `file` step, each seen after those before it."""
    plan = loaded.plan
    run = Run("dry-run", plan)
    run.inputs = dict(inputs)
    policy = plan.policy or Policy()
    place = Place(loaded.project, loaded.project, policy.write_roots, plan=plan.id)
    ahead: Ahead = {}
    layers = of_plan(plan).layers()
    found = []
    for at in sorted(range(len(layers)), key=lambda i: layers[i]):
        step = run.steps[at]
        if isinstance(step.work, Uses) and step.work.runner == "file":
            found.append(StepPreview(step.id, str(step.work.params.get("op")), _seen(run, at, place, ahead)))
    return found


def _seen(run: Run, at: int, place: Place, ahead: Ahead) -> list[Preview]:
    step = run.steps[at]
    assert isinstance(step.work, Uses)
    shown = str(step.work.params.get("path"))
    if not _is_known(step):
        return [Preview(shown, "unknown", why="it takes values that only the run has")]
    try:
        params = read(load("file"), render_params(run, at))
    except (ExpressionError, WorkFailedError) as error:
        return [Preview(shown, "refused", why=str(error))]
    assert isinstance(params, Params)
    return preview(params, place, ahead)


def _is_known(step: Step) -> bool:
    assert isinstance(step.work, Uses)
    if step.for_each is not None:
        return False
    for text in _texts(step.work.params):
        template = compile_template(text)
        if template is not None and any(it.path[0] not in KNOWN_NOW for it in template.references):
            return False
    return True


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
