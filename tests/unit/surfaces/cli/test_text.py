"""Foreign text on a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.surfaces.cli.text import cells, clean, counted, cut, last_overwrite, one_line, padded, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x9b31mc1", "c1"),
        ("bell\x07 back\x08 null\x00", "bell back null"),
        ("a\tb", "a b"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("\u2066x\u2069\u200f", "x"),
        ("byte\udcff", "byte?"),
        ("two\nlines", "two\nlines"),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_what_would_change_the_terminal_is_removed(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text())
def test_clean_text_holds_no_control_character(text: str) -> None:
    cleaned = clean(text)
    assert not [c for c in cleaned if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0]
    assert clean(cleaned) == cleaned


def test_one_line_is_one_line() -> None:
    assert one_line("  first\n\n second \x1b[1mbold\x1b[0m ") == "first second bold"


def test_a_log_line_keeps_its_colours_and_loses_the_rest() -> None:
    assert shown("\x1b[32mok\x1b[0m\x1b[2K done\x07") == "\x1b[32mok\x1b[0m done\x1b[0m"
    assert shown("no colour\x1b[2J") == "no colour"


def test_a_progress_bar_shows_its_last_state() -> None:
    assert last_overwrite("10%\r50%\r100%\r") == "100%"
    assert shown("10%\r\x1b[32m100%") == "\x1b[32m100%\x1b[0m"


@pytest.mark.parametrize(("text", "expected"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0)])
def test_width_is_counted_in_columns(text: str, expected: int) -> None:
    assert cells(text) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("abcdef", 6, "abcdef"), ("abcdef", 4, "abc…"), ("日本語", 4, "日…"), ("日本語", 5, "日本…"), ("abc", 0, "")],
)
def test_a_cut_text_fits(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected


@given(st.text(), st.integers(0, 40))
def test_every_cut_text_fits(text: str, width: int) -> None:
    assert cells(cut(one_line(text), width)) <= width


def test_padding_counts_columns() -> None:
    assert padded("日", 4) == "日  "


def test_numbers_agree_with_their_nouns() -> None:
    assert [counted(n, "step") for n in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
    assert counted(2, "retry", "retries") == "2 retries"
