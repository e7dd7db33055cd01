"""Durations are seconds inside and `1d12h` outside; sizes are bytes inside and `50MB` outside."""

import math
import re
from typing import Final

MAX_DURATION_S: Final = 36_500 * 86_400.0
"""A hundred years of 365 days; a longer duration is a mistake."""

MAX_SIZE_BYTES: Final = 2**60
"""One EiB; a larger size is a mistake."""

MAX_TEXT: Final = 64
"""No duration and no size is written with more characters than this."""

_UNIT_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION_PART = re.compile(r"([0-9]+)(?:\.([0-9]+))?(ms|[dhms])")
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_SIZE = re.compile(r"([0-9]+)(?:\.([0-9]+))?([A-Za-z]*)")
_UNIT_BYTES: Final = {"": 1, "B": 1, "KB": 1000} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("kMGTP", start=1)
    for suffix, base in (("B", 1000), ("iB", 1024))
}
_UNIT_BYTES["KiB"] = 1024


def parse_duration(value: str | float) -> float:
    """Seconds of `90`, `90s`, `10m`, `2h`, `1d12h` or `250ms`.

    Units stand from large to small, each once; only the last part may have a decimal fraction (`1.5h`, `1m0.5s`).
    A bare number is seconds. Raises ValueError for anything else, for a negative duration and for one above
    `MAX_DURATION_S`.
    """
    if isinstance(value, bool):
        raise ValueError("a duration is a number of seconds or a text like 90s, 10m, 2h or 1d12h")  # noqa: TRY004 - one error type
    if not isinstance(value, str):
        return _checked_duration(value)
    text = value.strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"a duration is written with at most {MAX_TEXT} characters")
    if bare := _NUMBER.fullmatch(text):
        return _checked_duration(_scaled(bare[1], bare[2], 1_000) / 1_000)
    total_ms, position, smallest, fraction = 0.0, 0, math.inf, False
    while part := _DURATION_PART.match(text, position):
        unit = _UNIT_MS[part[3]]
        if fraction or unit >= smallest:
            break
        total_ms += _scaled(part[1], part[2], unit)
        position, smallest, fraction = part.end(), unit, part[2] is not None
    if position == 0 or position != len(text):
        negative = "; it cannot be negative" if text.startswith("-") else ""
        raise ValueError(f'"{text}" is not a duration; write it like 90s, 10m, 2h or 1d12h{negative}')
    return _checked_duration(total_ms / 1_000)


def format_duration(seconds: float) -> str:
    """The text of a duration: `1d12h`, `10m`, `1m30.5s`, `250ms`, `0s`.

    Rounded to the millisecond from one second on and to the microsecond below, so that `parse_duration` gives it back
    to that precision. Raises ValueError for a negative or non-finite number.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("a duration is a finite number of seconds, zero or more")
    if seconds < 0.9995:
        micros = round(seconds * 1_000_000)
        return f"{_decimal(micros)}ms" if micros else "0s"
    rest, parts = round(seconds * 1_000), []
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _UNIT_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if rest:
        parts.append(f"{_decimal(rest)}s")
    return "".join(parts)


def parse_size(value: str | float) -> int:
    """Bytes of `1024`, `50MB` (decimal) or `50MiB` (binary), also with a fraction: `1.5GB`.

    Raises ValueError for anything else, for a part of a byte, for a negative size and for one above `MAX_SIZE_BYTES`.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return _checked_size(value)
    if not isinstance(value, str):  # a decimal number could hold a part of a byte
        raise ValueError("a size is a whole number of bytes or a text like 50MB or 50MiB")  # noqa: TRY004 - one error type
    text = value.strip()
    if len(text) > MAX_TEXT:
        raise ValueError(f"a size is written with at most {MAX_TEXT} characters")
    match = _SIZE.fullmatch(text)
    unit = _UNIT_BYTES.get(match[3]) if match else None
    if match is None or unit is None:
        negative = "; it cannot be negative" if text.startswith("-") else ""
        raise ValueError(f'"{text}" is not a size; write it like 1024, 50MB (decimal) or 50MiB (binary){negative}')
    fraction = match[2] or ""
    size, rest = divmod(int(match[1] + fraction) * unit, 10 ** len(fraction))
    if rest:
        raise ValueError(f'"{text}" is not a whole number of bytes')
    return _checked_size(size)


def _scaled(whole: str, fraction: str | None, unit: int) -> float:
    digits = fraction or ""
    return float(int(whole + digits) * unit / 10 ** len(digits))


def _decimal(thousandths: int) -> str:
    whole, rest = divmod(thousandths, 1_000)
    return f"{whole}.{rest:03}".rstrip("0") if rest else str(whole)


def _checked_duration(seconds: float) -> float:
    if not seconds >= 0:  # so that no number at all is refused as well
        raise ValueError("a duration cannot be negative")
    if seconds > MAX_DURATION_S:
        raise ValueError(f"a duration is at most {MAX_DURATION_S / 86_400:,.0f} days")
    return float(seconds)


def _checked_size(size: int) -> int:
    if size < 0:
        raise ValueError("a size cannot be negative")
    if size > MAX_SIZE_BYTES:
        raise ValueError("a size is at most 1 EiB (1,152,921,504,606,846,976 bytes)")
    return size
