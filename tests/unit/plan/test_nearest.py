"""The nearest known name, for hints."""

import pytest

from holdfast.plan.nearest import did_you_mean, distance, nearest

KEYS = ["depends_on", "depends", "timeout", "run", "retry", "reads", "fetch-src"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("depend_on", "depends_on"),
        ("depends-on", "depends_on"),
        ("Timeout", "timeout"),
        ("tiemout", "timeout"),
        ("rnu", "run"),
        ("read", "reads"),
        ("fetch", "fetch-src"),
        ("xyz", None),
        ("ab", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_found(name: str, expected: str | None) -> None:
    assert nearest(name, KEYS) == expected


def test_what_other_tools_call_a_key_is_known() -> None:
    assert nearest("needs", KEYS) == "depends_on"
    assert nearest("Retries", KEYS) == "retry"
    assert nearest("needs", ["run"]) is None


def test_the_hint_asks() -> None:
    assert did_you_mean("rnu", KEYS) == 'did you mean "run"?'
    assert did_you_mean("xyz", KEYS) is None


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("abc", "xyz", 3), ("ca", "abc", 3)],
)
def test_the_distance_counts_swaps_as_one(left: str, right: str, expected: int) -> None:
    assert distance(left, right, 9) == expected


def test_the_distance_stops_at_its_limit() -> None:
    assert distance("abcdef", "uvwxyz", 2) == 2
