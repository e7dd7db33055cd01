"""Whether a step is to run as far as that is known before the run: `when` and `skip_if` (planner 51, 53)."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from holdfast.plan.expr import Expression, ExpressionError, compile_expression, truth
from holdfast.plan.model import Step
from holdfast.run.control import control_of
from holdfast.run.growth import is_about_item
from holdfast.run.planner.snapshot import Snapshot
from holdfast.run.planner.subject import Field
from holdfast.run.planner.verdict import MAY_EXECUTE, Decision, Reason, Verdict

_STANDS: Final = frozenset((Verdict.REUSE, Verdict.RESTORE, Verdict.PINNED, Verdict.HELD))
_KNOWN: Final = frozenset(("inputs", "plan", "steps"))
"""The names of which a plan knows the values before it runs."""


class Condition(NamedTuple):
    """Whether the step is active; `unknown` says why nobody knows yet."""

    active: bool = True
    unknown: Reason | None = None


ACTIVE: Final = Condition()


def condition_of(field: Field, i: int, snapshot: Snapshot, decided: "Sequence[Decision | None]") -> Condition:
    """Whether step `i` is to run; what its conditions refer to has been decided."""
    subject = field.subjects[i]
    if subject.dormant:
        control = control_of(field.plan, field.graph.index)
        assert control is not None
        choosers = tuple([field.graph.ids[j] for j in control.choosers[i]])
        detail = "dormant until the end of another step chooses it"
        return Condition(unknown=Reason("condition-unknown", detail, choosers))
    conditions = subject.step.conditions
    if conditions is None:
        return ACTIVE
    unknown: Reason | None = None
    for text, runs in (*_one(conditions.when), *[(each, False) for each in conditions.skip_if]):
        if subject.many and is_about_item(text):
            continue
        label = f"when: {text}" if runs else f"skip_if: {text}"
        value = _value(field, subject.step, compile_expression(text), snapshot, decided)
        if isinstance(value, bool):
            if value is not runs:
                return Condition(active=False)
        else:
            unknown = unknown or Reason("condition-unknown", label, value)
    return Condition(unknown=unknown)


def _one(when: str | None) -> tuple[tuple[str, bool], ...]:
    return () if when is None else ((when, True),)


def _value(
    field: Field, step: Step, expression: Expression, snapshot: Snapshot, decided: "Sequence[Decision | None]"
) -> bool | tuple[str, ...]:
    """The value of a condition, or the names of the steps that keep it from being known."""
    names = [str(reference.path[1]) for reference in expression.references if _names_step(reference.path)]
    if expression.facts or any(reference.path[0] not in _KNOWN for reference in expression.references):
        return ()
    views: dict[str, object] = {}
    open_steps = set()
    for name in names:
        at = field.graph.index.get(name)
        decision = decided[at] if at is not None else None
        if at is None or decision is None or decision.verdict in MAY_EXECUTE or field.subjects[at].many:
            open_steps.add(name)
        else:
            views[name] = _view(decision)
    if open_steps or len(names) < sum(reference.path[0] == "steps" for reference in expression.references):
        return tuple(sorted(open_steps))
    shown = field.plan.shown
    context: Mapping[str, object] = {
        "inputs": snapshot.inputs,
        "plan": {"id": field.plan.id, "title": shown.title, "version": shown.version},
        "steps": views,
    }
    try:
        return truth(expression.evaluate(context))
    except ExpressionError:
        return ()  # the run will say what is wrong with it (semantics S3)


def _names_step(path: tuple[str | int, ...]) -> bool:
    return path[0] == "steps" and len(path) > 1


def _view(decision: Decision) -> dict[str, object]:
    """What `steps.<id>` will hold of a step that does not run."""
    if decision.verdict not in _STANDS or decision.proof is None:
        return {"status": "skipped", "ok": False, "attempts": 0, "outputs": {}, "artifacts": {}}
    record = decision.proof
    artifacts = {
        name: {"path": ref.path, "digest": ref.digest, "size": ref.size} for name, ref in record.artifacts.items()
    }
    view: dict[str, object] = {"status": "reused", "ok": True, "attempts": 0, "exit_code": 0, "artifacts": artifacts}
    if record.outputs_digest is None:
        view["outputs"] = dict(record.outputs)
    return view
