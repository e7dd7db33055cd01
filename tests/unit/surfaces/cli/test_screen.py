"""Where commands write, and what happens when nobody reads."""

import io
import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from holdfast.errors import StoreError
from holdfast.surfaces.cli.screen import Colour, Screen, Volume


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        yield stream
    os.close(master)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def screen(**changes: object) -> tuple[Screen, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    made = Screen(out, err)
    for name, value in changes.items():
        setattr(made, name, value)
    return made, out, err


def test_results_go_to_stdout_and_messages_to_stderr() -> None:
    made, out, err = screen()
    made.say("result")
    made.note("progress")
    made.complain("error")
    assert (out.getvalue(), err.getvalue()) == ("result\n", "progress\nerror\n")


def test_quiet_keeps_results_and_errors() -> None:
    made, out, err = screen(volume=Volume.QUIET)
    made.say("result")
    made.note("progress")
    made.complain("error")
    assert (out.getvalue(), err.getvalue()) == ("result\n", "error\n")


def test_a_document_is_indented_json_and_a_record_one_line() -> None:
    made, out, _ = screen()
    made.document({"a": [1, "é"]})
    made.record({"b": 2})
    text = out.getvalue()
    assert text == '{\n  "a": [\n    1,\n    "é"\n  ]\n}\n{"b":2}\n'
    assert json.loads(text.splitlines()[-1]) == {"b": 2}


def test_colour_is_for_terminals_unless_told_otherwise(terminal: TextIO) -> None:
    made = Screen(terminal, terminal)
    assert made.paint("x", "red") == "\x1b[31mx\x1b[0m"
    made.colour = Colour.NEVER
    assert made.paint("x", "red") == "x"
    piped, _, _ = screen()
    assert piped.paint("x", "red") == "x"
    piped.colour = Colour.ALWAYS
    assert piped.paint("x", "red") == "\x1b[31mx\x1b[0m"


@pytest.mark.parametrize(
    ("name", "value", "live", "colours"),
    [
        ("HOME", "/", True, True),
        ("CI", "true", False, True),
        ("CI", "false", True, True),
        ("NO_COLOR", "1", False, False),
        ("NO_COLOR", "", True, True),
        ("TERM", "dumb", False, False),
    ],
)
def test_the_environment_is_honoured(
    monkeypatch: pytest.MonkeyPatch, terminal: TextIO, name: str, value: str, *, live: bool, colours: bool
) -> None:
    monkeypatch.setenv(name, value)
    made = Screen(terminal, terminal)
    assert (made.live, made.colours(terminal)) == (live, colours)


def test_a_quiet_screen_is_not_live(terminal: TextIO) -> None:
    assert not Screen(terminal, terminal, volume=Volume.QUIET).live


def test_columns_wins_over_the_terminal(monkeypatch: pytest.MonkeyPatch, terminal: TextIO) -> None:
    assert screen()[0].width is None
    monkeypatch.setenv("COLUMNS", "72")
    assert Screen(terminal, terminal).width == 72
    assert screen()[0].width == 72


def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        made = Screen(stream, io.StringIO())
        for _ in range(20_000):
            made.say("more than a buffer holds")
        made.flush()
        assert not made.listening


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_said_once() -> None:
    with Path("/dev/full").open("w") as stream:
        made = Screen(stream, io.StringIO())
        made.say("text")
        with pytest.raises(StoreError, match="cannot write the output: No space left"):
            made.flush()
        made.say("text")
        made.flush()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_progress_that_cannot_be_written_stops_nothing() -> None:
    with Path("/dev/full").open("w") as stream:
        made = Screen(io.StringIO(), stream)
        made.note("text")
        made.flush()
        made.draw("more")
