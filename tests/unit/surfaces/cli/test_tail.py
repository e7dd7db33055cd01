"""The end of a log."""

from pathlib import Path

import pytest

from holdfast.surfaces.cli.tail import last_line, last_lines, tail_offset


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ""),
        (b"one\ntwo\n", "two"),
        (b"one\n\n  \n", "one"),
        (b"10%\r50%\r", "50%"),
        (b"one\n\x1b[31mtwo\x1b[0m\n\x1b[2K\n", "two"),
        (b"x" * 10_000 + b"\nlast", "last"),
        (b"caf\xff\n", "caf\ufffd"),
    ],
)
def test_the_last_line_is_the_last_with_text(tmp_path: Path, data: bytes, expected: str) -> None:
    (tmp_path / "log").write_bytes(data)
    assert last_line(tmp_path / "log") == expected


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert last_line(tmp_path / "log") == ""
    assert last_lines(tmp_path / "log", 3) == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a\n", ["a"]),
        (b"a\nb\nc\nd\n", ["b", "c", "d"]),
        (b"a\nb\nc\nd", ["b", "c", "d"]),
        (b"a\n\n\n", ["a", "", ""]),
        (b"".join(b"%070000d\n" % n for n in range(5)), [f"{n:070000d}" for n in (2, 3, 4)]),
    ],
)
def test_the_last_lines_are_the_last(tmp_path: Path, data: bytes, expected: list[str]) -> None:
    (tmp_path / "log").write_bytes(data)
    assert last_lines(tmp_path / "log", 3) == expected


def test_the_offset_is_where_the_last_lines_begin(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntwo\nthree")
    assert tail_offset(tmp_path / "log", 2) == 4
    assert tail_offset(tmp_path / "log", 0) == 13
    assert tail_offset(tmp_path / "log", 9) == 0
