"""Times and durations for people."""

import time
from collections.abc import Iterator

import pytest

from holdfast.surfaces.cli.moments import between, local, local_clock, micros_of, rfc3339, took


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, "0ms"),
        (0.041, "41ms"),
        (0.0994, "99ms"),
        (0.4, "0.4s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.6, "1m00s"),
        (754, "12m34s"),
        (3599.7, "1h00m"),
        (11_130, "3h05m"),
        (187_200, "2d04h"),
    ],
)
def test_a_duration_has_few_characters(seconds: float, expected: str) -> None:
    assert took(seconds) == expected


@pytest.mark.usefixtures("berlin")
def test_people_read_local_times() -> None:
    assert local("2026-07-01T22:30:00.123456Z") == "2026-07-02 00:30:00"
    assert local(None) == "-"
    assert local_clock(micros_of("2026-07-01T22:30:05Z")) == "00:30:05"


def test_json_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(1_700_000_000_000_001) == "2023-11-14T22:13:20.000001Z"
    assert micros_of("2023-11-14T23:13:20.000001+01:00") == 1_700_000_000_000_001


def test_what_has_not_started_took_no_time() -> None:
    assert between(None, None) == "-"
    assert between("2026-01-01T00:00:00Z", "2026-01-01T00:01:40Z") == "1m40s"
    assert between("2000-01-01T00:00:00Z", None).endswith("h")
