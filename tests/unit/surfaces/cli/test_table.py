"""Aligned columns."""

from holdfast.surfaces.cli.table import table

ROWS = [("a", "run", ""), ("long-name", "reuse", "")]


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    assert table(("STEP", "VERDICT", "NOTE"), ROWS) == [
        "STEP       VERDICT",
        "a          run",
        "long-name  reuse",
    ]


def test_the_last_column_is_cut_to_the_width() -> None:
    lines = table(("STEP", "WHY"), [("a", "word " * 40)], width=40)
    assert lines[1].endswith("…")
    assert max(map(len, lines)) <= 40


def test_without_a_width_nothing_is_cut() -> None:
    assert table(("STEP", "WHY"), [("a", "word " * 40)])[1] == "a     " + ("word " * 40).strip()


def test_foreign_text_cannot_break_the_table() -> None:
    assert table(("A", "B"), [("x\ny", "\x1b[2Jz")]) == ["A    B", "x y  z"]


def test_wide_characters_keep_the_columns() -> None:
    assert table(("A", "B"), [("日本", "x"), ("ab", "y")]) == ["A     B", "日本  x", "ab    y"]


def test_a_table_of_nothing_is_nothing() -> None:
    assert table(("A", "B"), []) == []
