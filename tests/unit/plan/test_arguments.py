"""Arguments are fitted to a function's annotations before it is called, or refused by name."""

import enum
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, Union

import pytest

from holdfast.plan.arguments import UnfitError, converted, fitting_of


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "hint", "fitted"),
    [
        (1, int, 1),
        (1, float, 1.0),
        (True, bool, True),
        ("x", str, "x"),
        ([1], list, [1]),
        ({"a": 1}, dict, {"a": 1}),
        ("2026-12-24", date, date(2026, 12, 24)),
        ("2026-12-24T17:00:00Z", datetime, datetime(2026, 12, 24, 17, tzinfo=UTC)),
        ("a/b", Path, Path("a/b")),
        (["2026-12-24"], list[date], [date(2026, 12, 24)]),
        ({"a": "b"}, dict[str, Path], {"a": Path("b")}),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, "a"], tuple[int, Path], (1, Path("a"))),
        ([1, 1], set[int], {1}),
        ([1], frozenset, frozenset((1,))),
        ([1], Sequence[float], [1.0]),
        (None, Optional[int], None),  # noqa: UP045 - both spellings
        (3, Union[str, int], 3),  # noqa: UP007 - both spellings
        ("a", int | Path, Path("a")),
        (None, None | str, None),
        ("b", Literal["a", "b"], "b"),
        ("red", Colour, Colour.RED),
        ("RED", Colour, Colour.RED),
        (1, Annotated[int, "note"], 1),
        (object, Any, object),
        ({"a": 1}, Callable, {"a": 1}),
    ],
)
def test_a_value_takes_the_type_that_is_asked_for(value: object, hint: object, fitted: object) -> None:
    found = converted(value, hint)
    assert found == fitted
    assert type(found) is type(fitted)


@pytest.mark.parametrize(
    ("value", "hint", "words"),
    [
        ("3", int, "must be an int, not '3', a text"),
        (True, int, "must be an int, not True, a bool"),
        (1, bool, "must be a bool, not 1, an int"),
        (1.5, int, "must be an int, not 1.5, a float"),
        (None, str, "must be a text, not None"),
        ("x", list, "must be a list, not 'x', a text"),
        ([], dict, "must be a map, not [], a list"),
        ("soon", date, "must be a date such as 2026-12-24, not 'soon', a text"),
        (5, datetime, "must be a time such as 2026-12-24T17:00:00Z, not 5, an int"),
        (5, Path, "must be a text, not 5, an int"),
        ([1, "x"], list[int], "[1] must be an int, not 'x', a text"),
        ({"a": [1, None]}, dict[str, list[int]], "['a'][1] must be an int, not None"),
        ([1], tuple[int, int], "must be a list of 2, not [1], a list"),
        ("x", Optional[int], "must be an int, not 'x', a text"),  # noqa: UP045 - both spellings
        ([], Union[str, int], "must be a text or an int, not [], a list"),  # noqa: UP007 - both spellings
        ("c", Literal["a", "b"], "must be one of 'a', 'b', not 'c', a text"),
        ("blue", Colour, "must be one of red, not 'blue', a text"),
        ("x" * 100, int, "must be an int, not '" + "x" * 58 + "…, a text"),
    ],
)
def test_a_value_that_does_not_fit_says_why(value: object, hint: object, words: str) -> None:
    with pytest.raises(UnfitError) as caught:
        converted(value, hint)
    assert str(caught.value) == words


def one(day: date, n: int = 2, *, ctx: object = None) -> None:
    """A function as plans call it."""


def every(day: date, **more: int) -> None:
    """A function that takes any name."""


def unknown(day: "NoSuchType") -> None:  # type: ignore[name-defined]  # noqa: F821 - what authors write
    """A function whose annotations cannot be read."""


def test_names_are_checked_with_the_values() -> None:
    fitting = fitting_of("m:one", one)
    assert fitting is not None
    assert fitting.fit({"day": "2026-01-02"}) == {"day": date(2026, 1, 2)}
    for arguments, words in (
        ({"dya": "2026-01-02"}, "m:one has no parameter dya; did you mean day?"),
        ({}, "m:one needs the argument day; give it under args"),
        ({"day": "2026-01-02", "n": "x"}, "m:one: the argument n must be an int, not 'x', a text"),
    ):
        with pytest.raises(UnfitError) as caught:
            fitting.fit(arguments)
        assert str(caught.value) == words


def test_what_is_not_said_is_not_checked() -> None:
    fitting = fitting_of("m:every", every)
    assert fitting is not None
    assert fitting.fit({"day": "2026-01-02", "x": "y"})["x"] == "y"
    loose = fitting_of("m:unknown", unknown)
    assert loose is not None
    assert loose.fit({"day": 1}) == {"day": 1}
    assert fitting_of("m:f", lambda day: None) is None
    assert fitting_of("m:print", print) is None
