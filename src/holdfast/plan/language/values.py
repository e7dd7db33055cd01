"""Plain data: what kinds there are, when two values are equal, which comes first, and how a result leaves."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.plan.language.moments import Moment
from holdfast.plan.language.work import MAX_BITS, MAX_DATA_DEPTH, MAX_ITEMS, MAX_RESULT, ExpressionError, Work

_SHORT: Final = 1_000


def kind_of(value: object) -> str:
    """The kind of a value in the words of the messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "a list"
        case Moment():
            return "a time"
        case Mapping():
            return "a map"
        case _:
            return f"a {type(value).__name__}, which is not plain data"


def is_number(value: object) -> bool:
    """True for whole and decimal numbers; true and false are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def checked_number(value: object) -> object:
    """`value` if it is a finite number of bounded size; raises ExpressionError otherwise."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError("the number is too large")
    elif isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ExpressionError(f"the number is too large: more than {MAX_BITS:,} bits")
    else:
        raise ExpressionError("the result is not a real number")
    return value


def check_text_length(length: int) -> None:
    """Raises ExpressionError if a text of `length` characters may not be made."""
    if length > MAX_RESULT:
        raise ExpressionError(f"the text is longer than {MAX_RESULT:,} characters")


def check_items(count: int) -> None:
    """Raises ExpressionError if a list of `count` items may not be made."""
    if count > MAX_ITEMS:
        raise ExpressionError(f"the list has more than {MAX_ITEMS:,} items")


def equal(left: object, right: object, work: Work, depth: int = 0) -> bool:
    """True for equal plain data: 1 equals 1.0, values of different kinds are never equal, true is not 1."""
    if isinstance(left, str):
        if not isinstance(right, str) or len(left) != len(right):
            return False
        work.charge_text(left)
        return left == right
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float):
        return isinstance(right, int | float) and left == right
    if isinstance(left, Moment):
        return isinstance(right, Moment) and left.micros == right.micros
    if depth > MAX_DATA_DEPTH:
        raise ExpressionError(f"the data is nested deeper than {MAX_DATA_DEPTH}")
    if isinstance(left, list | tuple):
        if not isinstance(right, list | tuple) or len(left) != len(right):
            return False
        work.charge(len(left))
        return all(equal(a, b, work, depth + 1) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping):
        if not isinstance(right, Mapping) or len(left) != len(right):
            return False
        work.charge(len(left))
        return all(key in right and equal(value, right[key], work, depth + 1) for key, value in left.items())
    raise ExpressionError(f"cannot compare {kind_of(left)}")


def ordered(left: object, right: object, work: Work) -> int:
    """Negative, zero or positive as `left` stands before, with or after `right`; only numbers, texts or times."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        if not isinstance(left, bool) and not isinstance(right, bool):
            return (left > right) - (left < right)
    elif isinstance(left, str) and isinstance(right, str):
        work.charge_text(left if len(left) < len(right) else right)
        return (left > right) - (left < right)
    elif isinstance(left, Moment) and isinstance(right, Moment):
        return (left.micros > right.micros) - (left.micros < right.micros)
    kinds = (kind_of(left), kind_of(right))
    if kinds[0] == kinds[1]:
        raise ExpressionError(f"{kinds[0]} is neither before nor after another", hint="only ==, != and in apply to it")
    raise ExpressionError(f"cannot compare {kinds[0]} with {kinds[1]}", hint=_conversion(kinds))


def _conversion(kinds: Sequence[str]) -> str | None:
    if "a text" not in kinds:
        return None
    if "a time" in kinds:
        return "turn the text into a time with date(x)"
    if "a number" in kinds:
        return "turn the text into a number with int(x), float(x), duration(x) or size(x)"
    return None


def in_words(value: object, work: Work) -> str:
    """The text of a value: texts as they are, numbers, `true`, `null`, times in RFC 3339, lists and maps as JSON."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(checked_number(value))
    if isinstance(value, Moment):
        return str(value)
    import json  # noqa: PLC0415 - few expressions write JSON

    text = json.dumps(plain(value, work), ensure_ascii=False, separators=(",", ":"))
    check_text_length(len(text))
    work.charge_text(text)
    return text


def plain(value: object, work: Work) -> object:
    """A copy of `value` that is nothing but plain data of at most `MAX_RESULT` bytes; times become texts."""
    if value is None or value is True or value is False:
        return value
    if type(value) is str and len(value) <= _SHORT and value.isascii():
        return value
    return _Copy(work).copy(value, 0)


class _Copy:
    """The copying of one value, which counts bytes as JSON would roughly need them."""

    __slots__ = ("left", "work")

    def __init__(self, work: Work) -> None:
        self.left = MAX_RESULT
        self.work = work

    def copy(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            self.take(_bytes_of(value) + (2 if depth else 0))
            return str.__str__(value)  # of an enum the text, not its name
        if value is None or isinstance(value, bool):
            self.take(5)
            return value
        if isinstance(value, int | float):
            checked_number(value)
            self.take(8 if isinstance(value, float) else value.bit_length() // 3 + 1)
            return float(value) if isinstance(value, float) else int(value)
        if isinstance(value, Moment):
            self.take(32)
            return str(value)
        if depth > MAX_DATA_DEPTH:
            raise ExpressionError(f"the data is nested deeper than {MAX_DATA_DEPTH}")
        if isinstance(value, list | tuple):
            self.enter(len(value))
            return [self.copy(item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            self.enter(len(value))
            return {self.key(key): self.copy(item, depth + 1) for key, item in value.items()}
        raise ExpressionError(f"the result holds {kind_of(value)}")

    def key(self, key: object) -> str:
        if not isinstance(key, str):
            raise ExpressionError(f"the result holds a map whose key is {kind_of(key)}; keys are texts")
        self.take(_bytes_of(key) + 3)
        return str.__str__(key)

    def enter(self, items: int) -> None:
        self.take(items + 2)
        self.work.charge(items)

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise ExpressionError(f"the result is larger than {MAX_RESULT:,} bytes")


def _bytes_of(text: str) -> int:
    if text.isascii() or len(text) > MAX_RESULT:
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise ExpressionError("the text holds half of a surrogate pair, which no file can hold") from None
