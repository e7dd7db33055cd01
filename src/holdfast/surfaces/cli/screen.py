"""Where a command writes: results to stdout, messages and progress to stderr, one JSON document where asked."""

import errno
import os
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, TextIO

from holdfast.errors import StoreError

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}
WIDTH = 100
"""Columns where neither COLUMNS nor a terminal says how many."""


class Colour(Enum):
    """When to colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Volume(Enum):
    """How much to say beside the result."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


class Screen:
    """The two streams of one command and how to write on them.

    A reader that has gone away (a closed pipe) is no error: what follows is not written, and the command ends with
    the exit code of what it did.
    """

    __slots__ = ("colour", "err", "gone", "is_program", "json", "out", "volume")

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        colour: Colour = Colour.AUTO,
        volume: Volume = Volume.NORMAL,
        *,
        json: bool = False,
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.colour = colour
        self.volume = volume
        self.json = json
        self.is_program = False  # the process is there for this one command
        self.gone: set[int] = set()

    @property
    def quiet(self) -> bool:
        """Whether only results and errors are wanted."""
        return self.volume is Volume.QUIET

    @property
    def verbose(self) -> bool:
        """Whether details are wanted."""
        return self.volume is Volume.VERBOSE

    @property
    def listening(self) -> bool:
        """Whether somebody still reads stdout."""
        return id(self.out) not in self.gone

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal on which lines may be redrawn."""
        plain = in_ci() or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
        return not self.quiet and not plain and _terminal(self.err)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: terminal in and out, and no document wanted."""
        return not self.json and not in_ci() and _terminal(sys.stdin) and _terminal(self.err)

    @property
    def width(self) -> int | None:
        """Columns of a table on stdout: COLUMNS, the terminal's, or no limit where it goes to a file or a pipe."""
        if _terminal(self.out) or os.environ.get("COLUMNS", "").isdigit():
            return self.size(self.out)[0]
        return None

    def size(self, stream: TextIO) -> tuple[int, int]:
        """Columns and lines of a stream; COLUMNS and LINES win."""
        try:
            columns, lines = os.get_terminal_size(stream.fileno())
        except (OSError, ValueError):
            columns, lines = WIDTH, 24
        given = [os.environ.get(name, "") for name in ("COLUMNS", "LINES")]
        asked = [int(text) if text.isdigit() and int(text) > 0 else None for text in given]
        return asked[0] or columns or WIDTH, asked[1] or lines or 24

    def say(self, text: str = "") -> None:
        """A line of the result."""
        self._write(self.out, text + "\n")

    def lines(self, lines: Iterable[str]) -> None:
        """Lines of the result."""
        for line in lines:
            self.say(line)

    def note(self, text: str) -> None:
        """A message beside the result; nothing when quiet."""
        if not self.quiet:
            self._write(self.err, text + "\n")

    def complain(self, text: str) -> None:
        """An error or a warning, also when quiet."""
        self._write(self.err, text + "\n")

    def document(self, value: object) -> None:
        """The one JSON document of a command, indented."""
        import msgspec

        self._write(self.out, msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")

    def record(self, value: object) -> None:
        """One JSON document of a stream, on its line, at once."""
        import msgspec

        self._write(self.out, msgspec.json.encode(value).decode() + "\n")
        self.flush()

    def copy(self, data: bytes) -> None:
        """Bytes on stdout as they are."""
        self.flush()
        stream = getattr(self.out, "buffer", None)
        if stream is None:
            self._write(self.out, data.decode(errors="replace"))
        else:
            self._guarded(self.out, lambda: stream.write(data))

    def raw(self, text: str) -> None:
        """Text on stdout as it is."""
        self._write(self.out, text)

    def draw(self, text: str) -> None:
        """Text on stderr as it is, at once."""
        self._write(self.err, text)
        self._guarded(self.err, self.err.flush)

    def flush(self) -> None:
        """Hand on what was written."""
        for stream in (self.out, self.err):
            self._guarded(stream, stream.flush)

    def paint(self, text: str, *styles: str, stream: TextIO | None = None) -> str:
        """Clean text in colour, where the stream (stdout unless told) takes it."""
        if not text or not self.colours(stream or self.out):
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

    def colours(self, stream: TextIO) -> bool:
        """Whether a stream takes colour."""
        if self.colour is not Colour.AUTO:
            return self.colour is Colour.ALWAYS
        return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and _terminal(stream)

    def _write(self, stream: TextIO, text: str) -> None:
        if stream is self.err:
            self._guarded(self.out, self.out.flush)  # where both go to one place, they keep their order
        self._guarded(stream, lambda: stream.write(text))

    def _guarded(self, stream: TextIO, act: Callable[[], object]) -> None:
        if id(stream) in self.gone:
            return
        try:
            act()
        except OSError as error:
            self.gone.add(id(stream))
            _forget(stream)
            if isinstance(error, BrokenPipeError) or stream is self.err:
                return  # progress that cannot be shown must not stop the work
            hint = "make room and try again" if error.errno == errno.ENOSPC else None
            raise StoreError(f"cannot write the output: {error.strerror}", code="E_OUTPUT", hint=hint) from error


STATUS_STYLE: Final = {
    "succeeded": "green",
    "reused": "green",
    "recovered": "green",
    "ok": "green",
    "failed": "red",
    "timed_out": "red",
    "stalled": "red",
    "quarantined": "red",
    "error": "red",
    "damaged": "red",
    "uncertain": "yellow",
    "blocked": "yellow",
    "partial": "yellow",
    "retrying": "yellow",
    "paused": "yellow",
    "warning": "yellow",
    "canceled": "yellow",
    "running": "blue",
}


def _terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def in_ci() -> bool:
    """Whether this is a build machine, where nobody watches and nobody answers."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def _forget(stream: TextIO) -> None:
    """Point a broken stream's descriptor to nowhere, so that closing it at exit says nothing."""
    try:
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    except (OSError, ValueError):
        return
