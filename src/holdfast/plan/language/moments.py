"""A moment is a point in time, or a whole day, in UTC; the language compares, subtracts and shifts moments."""

import math
import re
from typing import TYPE_CHECKING, Final, NoReturn

from holdfast.plan.language.work import ExpressionError

if TYPE_CHECKING:
    from datetime import datetime

_MICROS: Final = 1_000_000
_DAY: Final = 86_400 * _MICROS
_FIRST: Final = -62_135_596_800 * _MICROS  # 0001-01-01
_LAST: Final = 253_402_300_800 * _MICROS - 1  # the end of 9999-12-31
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?P<time>[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)


class Moment:
    """Microseconds since 1970 in UTC; `is_day` if only the day was given."""

    __slots__ = ("is_day", "micros")

    def __init__(self, micros: int, *, is_day: bool) -> None:
        if not _FIRST <= micros <= _LAST:
            raise ExpressionError("a time must lie in the years 1 to 9999")
        self.micros = micros
        self.is_day = is_day

    def __str__(self) -> str:
        """RFC 3339: `2026-01-31` for a day, else `2026-01-31T10:00:00Z`."""
        from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - only expressions about time pay for it

        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.micros)
        if self.is_day:
            return at.date().isoformat()
        return at.isoformat().replace("+00:00", "Z")

    def shifted(self, seconds: float) -> "Moment":
        """The moment `seconds` later; a day stays a day while whole days are added."""
        if not math.isfinite(seconds) or abs(seconds) > 1e12:
            raise ExpressionError("a time must lie in the years 1 to 9999")
        micros = round(seconds * _MICROS)
        return Moment(self.micros + micros, is_day=self.is_day and micros % _DAY == 0)

    def since(self, other: "Moment") -> float:
        """Seconds from `other` to this moment."""
        return (self.micros - other.micros) / _MICROS


def moment(value: object) -> Moment:
    """The moment of an RFC 3339 text, a day like `2026-01-31`, or seconds since 1970; a time without a zone is UTC."""
    if isinstance(value, Moment):
        return value
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Moment(0, is_day=False).shifted(_seconds(value))
    raise ExpressionError("a time is written as a text like 2026-01-31 or 2026-01-31T10:00:00Z")


def _seconds(value: float) -> float:
    # Beyond this a float holds no microseconds and an int may not fit into one.
    return float(value) if -1e12 < value < 1e12 else math.inf


def _parsed(text: str) -> Moment:
    match = _TIME.fullmatch(text.strip()) if len(text) <= 64 else None
    if match is None:
        _refuse(text)
    from datetime import UTC, datetime  # noqa: PLC0415 - only expressions about time pay for it

    try:
        at = datetime.fromisoformat(match[0].upper())
    except ValueError:
        _refuse(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return Moment(_micros(at), is_day=match["time"] is None)


def _micros(at: "datetime") -> int:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - only expressions about time pay for it

    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _refuse(text: str) -> NoReturn:
    shown = text if len(text) <= 40 else text[:40] + "…"
    raise ExpressionError(
        f'"{shown}" is not a date or time', hint="write it like 2026-01-31 or 2026-01-31T10:00:00Z"
    ) from None
