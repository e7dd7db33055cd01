"""The items of a `for_each` as data: the combinations of a matrix, and the key that names each item."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from holdfast.plan.expr import ExpressionError, compile_expression
from holdfast.plan.model import ForEach

INSTANCES_MAX: Final = 100_000
"""Instances of one step, as many as a plan may have steps."""

KEY_CHARACTERS_MAX: Final = 512


def static_keys(many: ForEach) -> tuple[str, ...] | None:
    """The keys where the file alone decides them, else `None`; raises `ExpressionError` where they are wrong."""
    held: object = many.matrix or many.items
    if not isinstance(held, list | dict) or _has_template(held):
        return None
    if many.item_key is not None:
        expression = compile_expression(many.item_key)
        if expression.facts or not {reference.path[0] for reference in expression.references} <= {"item", "index"}:
            return None
    items = combinations(many, many.matrix) if many.matrix else many.items
    assert isinstance(items, list)
    return tuple(keys_of(many, items, {}))


def keys_of(many: ForEach, items: Sequence[object], context: Mapping[str, object]) -> Iterator[str]:
    """The key of each item, by `item_key` evaluated in `context` where there is one; raises `ExpressionError`."""
    if len(items) > INSTANCES_MAX:
        raise wrong(f"{len(items):,} items are more than {INSTANCES_MAX:,}")
    expression = None if many.item_key is None else compile_expression(many.item_key)
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        value = item
        if expression is not None:
            try:
                value = expression.evaluate({**context, "item": item, "index": index})
            except ExpressionError as error:
                raise wrong(f"item_key of item {index}: {error.headline}") from None
        elif many.matrix and isinstance(item, dict):
            value = ",".join(_key(each, index, many) for each in item.values())
        key = _key(value, index, many)
        if key in seen:
            hint = "give each item a key of its own with item_key"
            raise wrong(f'items {seen[key]} and {index} have the same key "{key}"', hint)
        seen[key] = index
        yield key


def combinations(many: ForEach, axes: Mapping[str, Sequence[object]]) -> list[object]:
    """Every combination of the axes' values, the last axis running fastest, but those that `exclude` matches."""
    count = math.prod(len(values) for values in axes.values())
    if count > INSTANCES_MAX:
        raise wrong(f"the matrix has {count:,} combinations; at most {INSTANCES_MAX:,} may be")
    found: list[object] = []
    for values in product(*axes.values()):
        item = dict(zip(axes, values, strict=True))
        if not any(all(item.get(axis) == value for axis, value in out.items()) for out in many.exclude):
            found.append(item)
    return found


def _has_template(value: object) -> bool:
    if isinstance(value, str):
        return "${{" in value
    if isinstance(value, list | dict):
        return any(map(_has_template, value.values() if isinstance(value, dict) else value))
    return False


def _key(value: object, index: int, many: ForEach) -> str:
    """A key as text: what names an instance must be text or a number."""
    if isinstance(value, bool) and many.matrix and many.item_key is None:
        return "true" if value else "false"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        which = "item_key of item" if many.item_key is not None else "item"
        hint = "name it by item_key, such as item_key: item.name" if many.item_key is None else None
        raise wrong(f"{which} {index} is {kind_of(value)}, and a key is text or a number", hint)
    key = str(value)
    if not key:
        raise wrong(f"the key of item {index} is empty")
    if len(key) > KEY_CHARACTERS_MAX:
        raise wrong(f"the key of item {index} has {len(key):,} characters; at most {KEY_CHARACTERS_MAX} may be")
    if not key.isprintable():
        raise wrong(f"the key of item {index} holds a character that cannot be shown: {key!a}")
    return key


def kind_of(value: object) -> str:
    """What a value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else "a number"


def wrong(what: str, hint: str | None = None) -> ExpressionError:
    """The error of a list."""
    return ExpressionError(f"for_each: {what}", hint=hint)
