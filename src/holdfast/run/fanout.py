"""The list of a `for_each` step: its items, the key of each, and what the instances' ends make of the step's own.

An item is known by its key, not by its place in the list (planner 54). Pure; nothing here changes a run.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final, NamedTuple

import msgspec

from holdfast.plan.expr import ExpressionError, compile_expression, compile_template
from holdfast.plan.model import ForEach
from holdfast.run import events as ev
from holdfast.run.context import context_for
from holdfast.run.growth import failures
from holdfast.run.machine import Run
from holdfast.run.standing import Skipped

INSTANCES_MAX: Final = 100_000
"""Instances of one step, as many as a plan may have steps."""

KEY_CHARACTERS_MAX: Final = 512
KEYS_NAMED: Final = 3
"""Keys or instances that an error names."""


class Listed(NamedTuple):
    """The items of a `for_each`, as the journal will give them back, and their keys."""

    keys: tuple[str, ...]
    items: list[object]


def listed(run: Run, i: int, facts: Mapping[str, object]) -> Listed:
    """The items of step `i` with their keys; raises `ExpressionError` that says what is wrong with the list."""
    many = run.steps[i].for_each
    assert many is not None
    items = _combinations(many, run) if many.matrix else _items(run, many, facts)
    if len(items) > INSTANCES_MAX:
        raise _wrong(f"{len(items):,} items are more than {INSTANCES_MAX:,}")
    try:
        items = msgspec.json.decode(msgspec.json.encode(items), type=list)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _wrong(f"an item cannot be kept: {error}") from error
    keys = tuple(_keys(run, many, items, facts))
    return Listed(keys, items)


def facts_of(many: ForEach) -> frozenset[str]:
    """The host facts that the list and its keys ask for."""
    texts = [text for text in (many.items, many.item_key) if isinstance(text, str)]
    return frozenset(name for text in texts for name in compile_expression(text).facts)


def static_keys(many: ForEach) -> tuple[str, ...] | None:
    """The keys where they can be known before a run; raises `ExpressionError` where they are wrong."""
    held = many.matrix or many.items
    if not isinstance(held, list | dict) or _has_template(held):
        return None
    if many.item_key is not None:
        names = {reference.path[0] for reference in compile_expression(many.item_key).references if reference.path}
        if not names <= {"item", "index"}:
            return None
    items = _product(many, many.matrix) if many.matrix else list(held)
    return tuple(_keys(None, many, items, {}))


def gathering(run: Run, i: int) -> ev.StepGathered:
    """How the step at `i`, none of whose instances is under way any more, has ended."""
    group = run.groups[i]
    failed = list(failures(run, group))
    if failed:
        first = failed[0][1]
        named = [f"{step.id}: {error.message or error.code}" for step, error in failed[:KEYS_NAMED]]
        more = f"; and {len(failed) - KEYS_NAMED} more" if len(failed) > KEYS_NAMED else ""
        said = f"{len(failed)} of {len(group)} instances failed: {'; '.join(named)}{more}"
        return ev.StepGathered("failed", ev.Error(first.code, said))
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
            raise _wrong(error.headline) from None
    if not isinstance(items, list):
        raise _wrong(f"the list is {_kind(items)}", f"{many.items} must give a list" if many.items else None)
    return items


def _combinations(many: ForEach, run: Run) -> list[object]:
    axes = _filled(run, many.matrix)
    assert isinstance(axes, dict)
    return _product(many, axes)


def _product(many: ForEach, axes: Mapping[str, list[object]]) -> list[object]:
    """Every combination of the axes' values, the last axis running fastest, but those that `exclude` matches."""
    count = math.prod(len(values) for values in axes.values())
    if count > INSTANCES_MAX:
        raise _wrong(f"the matrix has {count:,} combinations; at most {INSTANCES_MAX:,} may be")
    found: list[object] = []
    for values in product(*axes.values()):
        item = dict(zip(axes, values, strict=True))
        if not any(all(item.get(axis) == value for axis, value in out.items()) for out in many.exclude):
            found.append(item)
    return found


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


def _has_template(value: object) -> bool:
    if isinstance(value, str):
        return "${{" in value
    if isinstance(value, list | dict):
        return any(map(_has_template, value.values() if isinstance(value, dict) else value))
    return False


def _keys(run: Run | None, many: ForEach, items: Iterable[object], facts: Mapping[str, object]) -> Iterator[str]:
    expression = None if many.item_key is None else compile_expression(many.item_key)
    context = context_for(run, expression.references, facts) if run is not None and expression is not None else {}
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        value = item
        if expression is not None:
            try:
                value = expression.evaluate({**context, "item": item, "index": index})
            except ExpressionError as error:
                raise _wrong(f"item_key of item {index}: {error.headline}") from None
        elif many.matrix and isinstance(item, dict):
            value = ",".join(_key(each, index, many) for each in item.values())
        key = _key(value, index, many)
        if key in seen:
            hint = "give each item a key of its own with item_key"
            raise _wrong(f'items {seen[key]} and {index} have the same key "{key}"', hint)
        seen[key] = index
        yield key


def _key(value: object, index: int, many: ForEach) -> str:
    """A key as text: what names an instance must be text or a number."""
    if isinstance(value, bool) and many.matrix and many.item_key is None:
        return "true" if value else "false"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        which = "item_key of item" if many.item_key is not None else "item"
        hint = "name it by item_key, such as item_key: item.name" if many.item_key is None else None
        raise _wrong(f"{which} {index} is {_kind(value)}, and a key is text or a number", hint)
    key = str(value)
    if not key:
        raise _wrong(f"the key of item {index} is empty")
    if len(key) > KEY_CHARACTERS_MAX:
        raise _wrong(f"the key of item {index} has {len(key):,} characters; at most {KEY_CHARACTERS_MAX} may be")
    if not key.isprintable():
        raise _wrong(f"the key of item {index} holds a character that cannot be shown: {key!a}")
    return key


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else "a number"


def _wrong(what: str, hint: str | None = None) -> ExpressionError:
    return ExpressionError(f"for_each: {what}", hint=hint)
