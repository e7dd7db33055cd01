"""What of the plan format this version cannot honour yet: it is refused before a run and never ignored.

`HONOURED_…` name what is honoured; another key of the table counts as used when its value differs from the default.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from holdfast.plan.format.containers import FREE, Record
from holdfast.plan.format.runners import RUNNERS
from holdfast.plan.format.steps import STEP
from holdfast.plan.format.table import PLAN
from holdfast.plan.model import Conditions, Plan, Run, Shell, Step, Uses
from holdfast.plan.nested import places
from holdfast.plan.problems import Path

HONOURED_STEP_KEYS: Final = frozenset(
    (
        *("run", "command", "uses", "with", "shell", "cwd", "env", "stdin", "leave_running"),
        *("title", "description", "kind", "labels", "owner", "rationale", "risks", "assumptions", "group", "milestone"),
        *("depends_on", "depends", "for_each", "matrix", "when", "skip_if", "requires", "priority", "formerly"),
        *("needs_resources", "locks", "breaker", "capabilities", "budget"),
        *("timeout", "heartbeat", "quiet", "retry", "on_failure", "failure_modes", "next"),
        *("effect", "definite_failures", "overdue"),
        *("reads", "produces", "consumes", "fresh", "outputs", "expect", "deterministic", "reuse"),
    )
)
HONOURED_PLAN_KEYS: Final = frozenset(
    (
        *("plan", "metadata", "outputs", "exports", "title", "description", "owner", "labels", "links", "version"),
        *("goal", "inputs", "env", "env_pass", "limits", "defaults", "steps", "finally", "breakers", "policy", "locks"),
        "overdue",
    )
)
HONOURED_SHELLS: Final = frozenset(Shell) - {Shell.CMD}
HONOURED_PARAMETERS: Final = {
    "python": frozenset(RUNNERS["python"].fields),
    "file": frozenset(RUNNERS["file"].fields),
    "git": frozenset(RUNNERS["git"].fields),
    "http": frozenset(RUNNERS["http"].fields),
    "noop": frozenset[str](),
    "plan": frozenset(("file", "steps", "inputs")),
    "wait": frozenset(("for", "until", "file")),
}
HONOURED_REUSE: Final = frozenset(("auto", "never"))


class NotYet(NamedTuple):
    """A key that is not honoured yet, of a step or (None) of the plan, and its path in the file."""

    step: str | None
    key: str
    path: Path

    def __str__(self) -> str:
        return self.key if self.step is None else f'step "{self.step}": {self.key}'


def unsupported(plan: Plan) -> list[NotYet]:
    """All that the plan uses and this version cannot honour, in the order of the format."""
    found = [NotYet(None, key, (*key.split("."),)) for key in _plan_keys(plan)]
    for section, steps in (("steps", plan.steps), ("finally", plan.finally_)):
        for step in steps:
            found += [NotYet(step.id, key, (section, step.id, *key.split("."))) for key in _step_keys(step)]
            found += [NotYet(step.id, f"{key} as a template", (section, step.id, key)) for key in _templates(step)]
    for place in places(plan):
        inner = plan.nested.get(place.step.id)
        if inner is not None:
            found += [NotYet(place.step.id, str(it), (*place.path, "with", *it.path)) for it in unsupported(inner)]
    return found


_EMPTY_STEP: Final = Step(id="", work=Run(text=""), conditions=Conditions())
_EMPTY_PLAN: Final = Plan(id="", steps=())


def _later(record: Record, honoured: frozenset[str]) -> dict[str, list[tuple[str, str]]]:
    """The keys that are not honoured, by the group of the model they are in ("": the model value itself)."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for key, field in record.fields.items():
        if key not in honoured:
            group, _, attribute = (field.to or key).rpartition(".")
            keys.setdefault(group, []).append((key, "finally_" if attribute == "finally" else attribute))
    return keys


_LATER_IN_STEPS: Final = _later(STEP, HONOURED_STEP_KEYS)
_LATER_IN_PLANS: Final = _later(PLAN, HONOURED_PLAN_KEYS)[""]


def _differing(value: object, empty: object, keys: list[tuple[str, str]]) -> Iterator[str]:
    for key, attribute in keys:
        if getattr(value, attribute) != getattr(empty, attribute):
            yield key


def _plan_keys(plan: Plan) -> Iterator[str]:
    yield from _differing(plan, _EMPTY_PLAN, _LATER_IN_PLANS)
    if plan.policy is not None and plan.policy.require_gate:
        yield "policy.require_gate"
    yield from (f"inputs.{name}.secret" for name, declared in plan.inputs.items() if declared.secret)


def _step_keys(step: Step) -> Iterator[str]:
    work = step.work
    if isinstance(work, Run) and work.shell not in HONOURED_SHELLS:
        yield f"shell.{work.shell}"
    if isinstance(work, Uses):
        known = HONOURED_PARAMETERS.get(work.runner)
        if known is None:
            yield f"uses.{work.runner}"
        else:
            yield from (f"with.{key}" for key in work.params if key not in known and not key.startswith(FREE))
    for group, keys in _LATER_IN_STEPS.items():
        if group:
            value, empty = getattr(step, group), getattr(_EMPTY_STEP, group)
            if value is not None and value != empty:
                yield from _differing(value, empty, keys)
    if step.for_each is not None:
        yield from (f"failure_modes.{mode.do}" for mode in step.failure_modes if mode.do in {"goto", "fallback"})
    if step.results.reuse not in HONOURED_REUSE:
        yield f"reuse.{step.results.reuse}"


def _templates(step: Step) -> Iterator[str]:
    """The keys whose text the engine does not fill, but holds `${{`."""
    texts: dict[str, tuple[str | None, ...]] = {
        "reads": () if step.for_each is not None else step.files.reads,  # no step reads by them yet
        "produces": tuple(product.type for product in step.files.produces.values()),
    }
    if step.shown != _EMPTY_STEP.shown:
        shown = step.shown
        texts |= {key: (getattr(shown, key),) for key in ("title", "description", "owner", "rationale", "group")}
        texts |= {key: getattr(shown, key) for key in ("labels", "risks", "assumptions")}
    for key, held in texts.items():
        if any(text is not None and "${{" in text for text in held):
            yield key
