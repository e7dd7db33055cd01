"""The functions that expressions call: plain values in, plain values out."""

import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.plan.language.moments import Moment, moment
from holdfast.plan.language.operators import condition, is_in
from holdfast.plan.language.values import (
    check_items,
    check_text_length,
    checked_number,
    in_words,
    is_number,
    kind_of,
    ordered,
    plain,
)
from holdfast.plan.language.work import MAX_BITS, TEXT_PER_UNIT, ExpressionError, Frame, stack_used_up
from holdfast.plan.units import parse_duration, parse_size

if TYPE_CHECKING:
    from holdfast.plan.language.automaton import Pattern

Arguments = Sequence[object]

_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_DIGITS: Final = MAX_BITS // 3


class Function(NamedTuple):
    """One function: what computes it, and how many arguments it takes (`most` None: any number)."""

    call: Callable[[Frame, Arguments], object]
    least: int = 1
    most: int | None = 1
    literal: bool = False
    """True if literal arguments decide the result, so that a wrong one is found when the plan is read."""


@functools.lru_cache(maxsize=256)
def compile_pattern(text: str) -> "Pattern":
    """The pattern that `text` describes; raises ExpressionError, whose offset is in `text`."""
    from holdfast.plan.language.automaton import Pattern  # noqa: PLC0415 - start-up time: few plans have patterns

    try:
        return Pattern(text)
    except RecursionError:
        raise stack_used_up() from None


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise ExpressionError(f"{what} needs a text, not {kind_of(value)}")


def _list(value: object, what: str) -> Sequence[object]:
    if isinstance(value, list | tuple):
        return value
    raise ExpressionError(f"{what} needs a list, not {kind_of(value)}")


def _len(frame: Frame, args: Arguments) -> int:
    value = args[0]
    if isinstance(value, str | list | tuple | Mapping):
        return len(value)
    raise ExpressionError(f"len needs a text, a list or a map, not {kind_of(value)}")


def _extreme(sign: int, name: str) -> Callable[[Frame, Arguments], object]:
    def extreme(frame: Frame, args: Arguments) -> object:
        items = _list(args[0], f"{name} of one argument") if len(args) == 1 else args
        if not items:
            raise ExpressionError(f"{name} of an empty list", hint=f"use {name}(x) if not empty(x) else …")
        frame.charge(len(items))
        best = items[0]
        ordered(best, best, frame)
        for item in items[1:]:
            if ordered(item, best, frame) * sign > 0:
                best = item
        return best

    return extreme


def _sum(frame: Frame, args: Arguments) -> object:
    items = _list(args[0], "sum")
    frame.charge(len(items))
    total: float = 0
    try:
        for item in items:
            if isinstance(item, bool) or not isinstance(item, int | float):
                raise ExpressionError(f"sum needs numbers, not {kind_of(item)}")
            total += item
    except OverflowError:
        raise ExpressionError("the number is too large") from None
    return checked_number(total)


def _abs(frame: Frame, args: Arguments) -> object:
    value = args[0]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value)
    raise ExpressionError(f"abs needs a number, not {kind_of(value)}")


def _round(frame: Frame, args: Arguments) -> object:
    value, digits = args[0], args[1] if len(args) > 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"round needs a number, not {kind_of(value)}")
    if digits is not None and (isinstance(digits, bool) or not isinstance(digits, int) or abs(digits) > 400):
        raise ExpressionError("round needs a whole number of digits between -400 and 400")
    checked_number(value)
    try:
        return round(value, digits)
    except OverflowError:
        raise ExpressionError("the number is too large") from None


def _conditions(frame: Frame, args: Arguments, name: str) -> list[bool]:
    items = _list(args[0], name)
    frame.charge(len(items))
    return [condition(item) for item in items]


def _sorted(frame: Frame, args: Arguments) -> list[object]:
    items = _list(args[0], "sorted")
    check_items(len(items))
    text = sum(len(item) for item in items if isinstance(item, str))
    frame.charge(len(items) + (len(items) // 8 + text // TEXT_PER_UNIT) * len(items).bit_length())
    if all(isinstance(item, str) for item in items) or all(map(is_number, items)):
        return sorted(items, key=_as_is)
    for left, right in itertools.pairwise(items):
        ordered(left, right, frame)
    if len(items) == 1:
        ordered(items[0], items[0], frame)
    return sorted(items, key=lambda item: item.micros if isinstance(item, Moment) else 0)


def _as_is(value: object) -> str | float:
    assert isinstance(value, str | int | float)
    return value


def _int(frame: Frame, args: Arguments) -> object:
    value = args[0]
    if isinstance(value, int):
        return checked_number(int(value))
    if isinstance(value, float):
        checked_number(value)
        return int(value)
    text = _text(value, "int").strip()
    if not _WHOLE.fullmatch(text):
        raise ExpressionError(f"{_quoted(text)} is not a whole number")
    if len(text) > _MAX_DIGITS:
        raise ExpressionError("the number is too large")
    return checked_number(int(text))


def _float(frame: Frame, args: Arguments) -> object:
    value = args[0]
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _MAX_DIGITS or not _DECIMAL.fullmatch(text):
            raise ExpressionError(f"{_quoted(text)} is not a number")
        return checked_number(float(text))
    if not isinstance(value, int | float):
        raise ExpressionError(f"float needs a number or a text, not {kind_of(value)}")
    try:
        return checked_number(float(value))
    except OverflowError:
        raise ExpressionError("the number is too large") from None


def _bool(frame: Frame, args: Arguments) -> bool:
    value = args[0]
    if isinstance(value, str):
        word = value.strip().lower() if len(value) <= 16 else value
        if word in {"true", "false"}:
            return word == "true"
        raise ExpressionError(f"{_quoted(value)} is neither true nor false", hint='to ask for content, write x != ""')
    if value is None or isinstance(value, int | float | list | tuple | Mapping):
        return bool(value)
    raise ExpressionError(f"bool cannot tell what {kind_of(value)} means")


def _changed(change: Callable[[str], str], name: str) -> Callable[[Frame, Arguments], object]:
    def changed(frame: Frame, args: Arguments) -> object:
        text = _text(args[0], name)
        check_text_length(len(text))
        frame.charge_text(text)
        result = change(text)
        check_text_length(len(result))
        return result

    return changed


def _split(frame: Frame, args: Arguments) -> list[str]:
    text = _text(args[0], "split")
    separator = _text(args[1], "split") if len(args) > 1 else None
    if separator == "":
        raise ExpressionError("split needs a separator that is not empty")
    check_text_length(len(text))
    frame.charge_text(text)
    parts = text.split(separator, 100_000)
    check_items(len(parts))
    frame.charge(len(parts))
    return parts


def _join(frame: Frame, args: Arguments) -> str:
    if isinstance(args[0], str) and isinstance(args[1], list | tuple):
        raise ExpressionError("join takes the list first", hint='write join(list, ", ")')
    items, separator = _list(args[0], "join"), _text(args[1], "join")
    check_items(len(items))
    frame.charge(len(items))
    words, length = [], len(separator) * max(0, len(items) - 1)
    for item in items:
        if isinstance(item, list | tuple | Mapping):
            raise ExpressionError(f"join cannot join {kind_of(item)}", hint="name what in it is joined, or use str(x)")
        words.append(in_words(item, frame))
        length += len(words[-1])
        check_text_length(length)
    return separator.join(words)


def _at_end(test: Callable[[str, str], bool], name: str) -> Callable[[Frame, Arguments], object]:
    def at_end(frame: Frame, args: Arguments) -> bool:
        text, part = _text(args[0], name), _text(args[1], name)
        frame.charge_text(part)
        return test(text, part)

    return at_end


def pattern_of(text: str) -> "Pattern":
    """The pattern of a text inside an expression: its errors have no place of their own."""
    try:
        return compile_pattern(text)
    except ExpressionError as error:
        place = "" if error.offset is None else f" (character {error.offset + 1} of the pattern)"
        raise ExpressionError(error.headline + place, hint=error.hint) from None


def _matches(frame: Frame, args: Arguments) -> bool:
    return pattern_of(_text(args[1], "matches")).search(_text(args[0], "matches"), frame)


def _empty(frame: Frame, args: Arguments) -> bool:
    value = args[0]
    if value is None:
        return True
    if isinstance(value, str | list | tuple | Mapping):
        return len(value) == 0
    raise ExpressionError(f"empty needs a text, a list, a map or null, not {kind_of(value)}")


def _measured(parse: Callable[[str | float], float], name: str) -> Callable[[Frame, Arguments], object]:
    def measured(frame: Frame, args: Arguments) -> object:
        value = args[0]
        if not isinstance(value, str | int | float):
            raise ExpressionError(f"{name} needs a text or a number, not {kind_of(value)}")
        try:
            return parse(value)
        except ValueError as error:
            raise ExpressionError(str(error)) from None

    return measured


def _now_utc(frame: Frame, args: Arguments) -> Moment:
    try:
        return moment(frame.context["now_utc"])
    except KeyError:
        raise ExpressionError("now_utc() is not known here") from None


def _hash(frame: Frame, args: Arguments) -> str:
    import hashlib  # noqa: PLC0415 - few expressions hash
    import json  # noqa: PLC0415 - as above

    value = plain(args[0], frame)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _json(frame: Frame, args: Arguments) -> object:
    import msgspec.json  # noqa: PLC0415 - few expressions read JSON

    text = _text(args[0], "json")
    check_text_length(len(text))
    frame.charge_text(text)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError, ValueError):
        raise ExpressionError(f"{_quoted(text)} is not JSON") from None
    return plain(value, frame)


def _quoted(text: str) -> str:
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'


FUNCTIONS: Final[dict[str, Function]] = {
    "len": Function(_len),
    "max": Function(_extreme(1, "max"), most=None),
    "min": Function(_extreme(-1, "min"), most=None),
    "sum": Function(_sum),
    "abs": Function(_abs),
    "round": Function(_round, most=2),
    "any": Function(lambda frame, args: any(_conditions(frame, args, "any"))),
    "all": Function(lambda frame, args: all(_conditions(frame, args, "all"))),
    "sorted": Function(_sorted),
    "str": Function(lambda frame, args: in_words(args[0], frame)),
    "int": Function(_int),
    "float": Function(_float),
    "bool": Function(_bool),
    "lower": Function(_changed(str.lower, "lower")),
    "upper": Function(_changed(str.upper, "upper")),
    "strip": Function(_changed(str.strip, "strip")),
    "split": Function(_split, most=2),
    "join": Function(_join, least=2, most=2),
    "startswith": Function(_at_end(str.startswith, "startswith"), least=2, most=2),
    "endswith": Function(_at_end(str.endswith, "endswith"), least=2, most=2),
    "contains": Function(lambda frame, args: is_in(args[1], args[0], frame), least=2, most=2),
    "matches": Function(_matches, least=2, most=2),
    "empty": Function(_empty),
    "size": Function(_measured(parse_size, "size"), literal=True),
    "duration": Function(_measured(parse_duration, "duration"), literal=True),
    "date": Function(lambda frame, args: moment(args[0]), literal=True),
    "now_utc": Function(_now_utc, least=0, most=0),
    "hash": Function(_hash),
    "json": Function(_json),
}
"""All functions but `get` and `exists`, whose first argument is a path that may lead nowhere."""
