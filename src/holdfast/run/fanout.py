"""The list of a `for_each` step: its items, the key of each, and what the instances' ends make of the step's own.

An item is known by its key, not by its place in the list (planner 54). Pure; nothing here changes a run.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from holdfast.plan.expr import ExpressionError, compile_expression, compile_template
from holdfast.plan.fanout import combinations, keys_of, kind_of, wrong
from holdfast.plan.model import ForEach
from holdfast.run import events as ev
from holdfast.run.context import context_for
from holdfast.run.disposition import Failure, dispose
from holdfast.run.growth import failures
from holdfast.run.machine import Run
from holdfast.run.standing import Skipped

FAILURES_NAMED: Final = 3
"""Instances that the error of their step names."""


class Listed(NamedTuple):
    """The items of a `for_each`, as the journal will give them back, and their keys."""

    keys: tuple[str, ...]
    items: list[object]


def listed(run: Run, i: int, facts: Mapping[str, object]) -> Listed:
    """The items of step `i` with their keys; raises `ExpressionError` that says what is wrong with the list."""
    many = run.steps[i].for_each
    assert many is not None
    items = _matrix(run, many) if many.matrix else _items(run, many, facts)
    try:
        items = msgspec.json.decode(msgspec.json.encode(items), type=list)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise wrong(f"an item cannot be kept: {error}") from error
    expression = None if many.item_key is None else compile_expression(many.item_key)
    context = {} if expression is None else context_for(run, expression.references, facts)
    return Listed(tuple(keys_of(many, items, context)), items)


def facts_of(many: ForEach) -> frozenset[str]:
    """The host facts that the list and its keys ask for."""
    texts = [text for text in (many.items, many.item_key) if isinstance(text, str)]
    return frozenset(name for text in texts for name in compile_expression(text).facts)


def gathering(run: Run, i: int) -> ev.StepGathered:
    """How the step at `i`, none of whose instances is under way any more, has ended."""
    group = run.groups[i]
    failed = list(failures(run, group))
    if failed:
        first = failed[0][1]
        named = [f"{step.id}: {error.message or error.code}" for step, error in failed[:FAILURES_NAMED]]
        more = f"; and {len(failed) - FAILURES_NAMED} more" if len(failed) > FAILURES_NAMED else ""
        said = f"{len(failed)} of {len(group)} instances failed: {'; '.join(named)}{more}"
        error = ev.Error(first.code, said)
        return ev.StepGathered("failed", error, dispose(run, i, Failure(error, 0, final="its instances have ended")))
    given_up = any(isinstance(run.states[j], Skipped) and not run.satisfied(j) for j in group.positions)
    return ev.StepGathered("skipped" if given_up else "succeeded")


def _items(run: Run, many: ForEach, facts: Mapping[str, object]) -> list[object]:
    if not isinstance(many.items, str):
        items = _filled(run, many.items or [])
    else:
        expression = compile_expression(many.items)
        try:
            items = expression.evaluate(context_for(run, expression.references, facts))
        except ExpressionError as error:
            raise wrong(error.headline) from None
    if not isinstance(items, list):
        raise wrong(f"the list is {kind_of(items)}", f"{many.items} must give a list" if many.items else None)
    return items


def _matrix(run: Run, many: ForEach) -> list[object]:
    axes = _filled(run, many.matrix)
    assert isinstance(axes, dict)
    return combinations(many, axes)


def _filled(run: Run, value: object) -> object:
    """The value with its templates filled in."""
    if isinstance(value, str):
        template = compile_template(value)
        return value if template is None else template.render(context_for(run, template.references, {}))
    if isinstance(value, list):
        return [_filled(run, item) for item in value]
    if isinstance(value, dict):
        return {name: _filled(run, item) for name, item in value.items()}
    return value
