"""The operators of the language as functions of plain values."""

import operator
from collections.abc import Callable, Mapping
from typing import Final

from holdfast.plan.language.moments import Moment
from holdfast.plan.language.values import (
    check_items,
    check_text_length,
    checked_number,
    equal,
    is_number,
    kind_of,
    ordered,
)
from holdfast.plan.language.work import MAX_BITS, ExpressionError, Work

Operator = Callable[[object, object, Work], object]


def condition(value: object) -> bool:
    """`value` if it is true or false; a condition is never guessed from anything else."""
    if value is True or value is False:
        return value
    raise ExpressionError(f"a condition must be true or false, this is {kind_of(value)}", hint=_condition_hint(value))


def _condition_hint(value: object) -> str | None:
    if value is None:
        return "write x != null"
    if isinstance(value, str):
        return 'write x != "", or bool(x) for a text that is true or false'
    if isinstance(value, list | tuple | Mapping):
        return "write not empty(x)"
    return "write x != 0" if is_number(value) else None


def negated(value: object) -> object:
    """-x of a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return -value
    raise ExpressionError(f"- needs a number, not {kind_of(value)}")


def unchanged(value: object) -> object:
    """+x of a number."""
    if is_number(value):
        return value
    raise ExpressionError(f"+ needs a number, not {kind_of(value)}")


def add(left: object, right: object, work: Work) -> object:
    """Numbers are added, texts and lists are joined, a time is shifted by seconds."""
    if isinstance(left, str) and isinstance(right, str):
        work.charge_text(left)
        work.charge_text(right)
        check_text_length(len(left) + len(right))
        return left + right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        check_items(len(left) + len(right))
        work.charge(len(left) + len(right))
        return [*left, *right]
    if isinstance(left, Moment) and is_number(right):
        return left.shifted(_seconds(right))
    if isinstance(right, Moment) and is_number(left):
        return right.shifted(_seconds(left))
    return _arithmetic("+", operator.add, left, right)


def subtract(left: object, right: object, work: Work) -> object:
    """Numbers are subtracted; between two times lie seconds; a time is shifted back by seconds."""
    if isinstance(left, Moment):
        if isinstance(right, Moment):
            return left.since(right)
        if is_number(right):
            return left.shifted(-_seconds(right))
    return _arithmetic("-", operator.sub, left, right)


def multiply(left: object, right: object, work: Work) -> object:
    """The product of two numbers."""
    return _arithmetic("*", operator.mul, left, right)


def divide(left: object, right: object, work: Work) -> object:
    """The quotient of two numbers, a decimal number."""
    return _arithmetic("/", operator.truediv, left, right)


def divide_whole(left: object, right: object, work: Work) -> object:
    """The quotient of two numbers, rounded down."""
    return _arithmetic("//", operator.floordiv, left, right)


def remainder(left: object, right: object, work: Work) -> object:
    """The remainder of `//`; it has the sign of the right number."""
    return _arithmetic("%", operator.mod, left, right)


def power(left: object, right: object, work: Work) -> object:
    """`left` to the power of `right`; refused before it is computed if it would be too large."""
    if isinstance(left, int) and isinstance(right, int) and (left.bit_length() - 1) * right > MAX_BITS:
        raise ExpressionError(f"the number is too large: more than {MAX_BITS:,} bits")
    return _arithmetic("**", operator.pow, left, right)


def _arithmetic(sign: str, compute: Callable[[float, float], object], left: object, right: object) -> object:
    if isinstance(left, bool) or not isinstance(left, int | float):
        raise _not_for(sign, left, right)
    if isinstance(right, bool) or not isinstance(right, int | float):
        raise _not_for(sign, left, right)
    checked_number(left)
    checked_number(right)
    try:
        return checked_number(compute(left, right))
    except ZeroDivisionError:
        raise ExpressionError("division by zero") from None
    except OverflowError:
        raise ExpressionError("the number is too large") from None


def _not_for(sign: str, left: object, right: object) -> ExpressionError:
    kinds = {kind_of(left), kind_of(right)}
    hint = None
    if sign == "+" and "a text" in kinds:
        hint = "turn the other side into a text with str(x), or the text into a number with int(x) or float(x)"
    elif "a text" in kinds:
        hint = "turn the text into a number with int(x), float(x), duration(x) or size(x)"
    return ExpressionError(f"{sign} cannot be applied to {kind_of(left)} and {kind_of(right)}", hint=hint)


def _seconds(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value) if -1e12 < value < 1e12 else 1e13  # beyond every year


def is_in(item: object, whole: object, work: Work) -> bool:
    """True if a text holds a text, a list an item, or a map a key."""
    if isinstance(whole, str):
        if not isinstance(item, str):
            raise ExpressionError(f"only a text can be in a text, not {kind_of(item)}")
        work.charge_text(whole)
        return item in whole
    if isinstance(whole, Mapping):
        if not isinstance(item, str):
            raise ExpressionError(f"the keys of a map are texts, not {kind_of(item)}")
        return item in whole
    if isinstance(whole, list | tuple):
        work.charge(len(whole))
        return any(equal(item, member, work) for member in whole)
    raise ExpressionError(f"nothing can be in {kind_of(whole)}; it must be a list, a map or a text")


def _not_in(item: object, whole: object, work: Work) -> bool:
    return not is_in(item, whole, work)


def _unequal(left: object, right: object, work: Work) -> bool:
    return not equal(left, right, work)


BINARY: Final[dict[str, Operator]] = {
    "Add": add,
    "Sub": subtract,
    "Mult": multiply,
    "Div": divide,
    "FloorDiv": divide_whole,
    "Mod": remainder,
    "Pow": power,
}

COMPARE: Final[dict[str, Operator]] = {
    "Eq": equal,
    "NotEq": _unequal,
    "Lt": lambda left, right, work: ordered(left, right, work) < 0,
    "LtE": lambda left, right, work: ordered(left, right, work) <= 0,
    "Gt": lambda left, right, work: ordered(left, right, work) > 0,
    "GtE": lambda left, right, work: ordered(left, right, work) >= 0,
    "In": is_in,
    "NotIn": _not_in,
}
