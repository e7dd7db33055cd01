"""Durations and sizes: what is read, what is written, what is refused."""

import pytest

from holdfast.plan.units import MAX_DURATION_S, MAX_SIZE_BYTES, format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (7, 7.0),
        (0.5, 0.5),
        ("90", 90.0),
        ("1.5", 1.5),
        (" 90s ", 90.0),
        ("10m", 600.0),
        ("2h", 7200.0),
        ("1d12h", 129_600.0),
        ("250ms", 0.25),
        ("1s250ms", 1.25),
        ("1.5h", 5400.0),
        ("1.1h", 3960.0),
        ("1d2h3m4s5ms", 93_784.005),
        ("1m0.5s", 60.5),
        ("36500d", MAX_DURATION_S),
    ],
)
def test_a_duration_is_read_as_seconds(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == seconds
    assert type(parse_duration(written)) is float


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("", "not a duration"),
        ("x", "not a duration"),
        ("1x", "not a duration"),
        ("1 h", "not a duration"),
        ("1m1h", "not a duration"),
        ("1m1m", "not a duration"),
        ("1.5h30m", "not a duration"),
        ("1h30", "not a duration"),
        ("\u0661s", "not a duration"),
        ("-5s", "cannot be negative"),
        ("-5", "cannot be negative"),
        (-1, "cannot be negative"),
        (float("nan"), "cannot be negative"),
        (float("inf"), "at most 36,500 days"),
        ("36501d", "at most 36,500 days"),
        (10**400, "at most 36,500 days"),
        ("9" * 65, "at most 64 characters"),
        (True, "a duration is a number"),
    ],
)
def test_what_is_no_duration_is_refused(written: str | float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_duration(written)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (1e-9, "0s"),
        (0.000_25, "0.25ms"),
        (0.25, "250ms"),
        (0.9996, "1s"),
        (1.5, "1.5s"),
        (59.9999, "1m"),
        (90, "1m30s"),
        (600, "10m"),
        (129_600, "1d12h"),
        (90_061.25, "1d1h1m1.25s"),
        (3_599.9999, "1h"),
    ],
)
def test_a_duration_is_written_short(seconds: float, written: str) -> None:
    assert format_duration(seconds) == written


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_what_is_no_duration_is_not_written(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite number of seconds, zero or more"):
        format_duration(seconds)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (2048, 2048),
        ("1024", 1024),
        ("7B", 7),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("1kiB", 1024),
        ("50MB", 50_000_000),
        (" 50MiB ", 52_428_800),
        ("1.5GB", 1_500_000_000),
        ("0.5KiB", 512),
        ("2TB", 2 * 10**12),
        ("1PiB", 2**50),
        ("1024PiB", MAX_SIZE_BYTES),
    ],
)
def test_a_size_is_read_as_bytes(written: str | int, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("", "not a size"),
        ("MB", "not a size"),
        ("50M", "not a size"),
        ("50 MB", "not a size"),
        ("50mb", "not a size"),
        ("1e3", "not a size"),
        ("-1", "cannot be negative"),
        (-2, "cannot be negative"),
        ("0.3B", "not a whole number of bytes"),
        ("1.0001KiB", "not a whole number of bytes"),
        ("1025PiB", "at most 1 EiB"),
        (2**61, "at most 1 EiB"),
        ("1" * 65, "at most 64 characters"),
        (1.0, "a size is a whole number"),
        (False, "a size is a whole number"),
    ],
)
def test_what_is_no_size_is_refused(written: str | float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_size(written)
