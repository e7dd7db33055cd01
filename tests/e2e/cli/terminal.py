"""A pseudo-terminal around the program, and what stands on its screen."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cli.program import DEADLINE_S

NOTHING: Mapping[str, str] = {}
MOVE = re.compile(r"\x1b\[([\d;]*)([A-HJKm])")


class Terminal:
    """The program on a terminal of `columns` × 24; reads what it writes and types what it asks."""

    def __init__(self, *arguments: str, cwd: Path, columns: int = 80, env: Mapping[str, str] = NOTHING) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        clean = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR", "COLUMNS"}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "holdfast", *arguments],
            cwd=cwd,
            env=clean | {"TERM": "xterm"} | dict(env),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.text = ""

    def close(self) -> None:
        """Give the terminal back."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._master, text.encode())

    def until(self, pattern: str) -> str:
        """Read until the pattern was written; gives all that was."""
        end = time.monotonic() + DEADLINE_S
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, f"{pattern!r} did not come: {self.text!r}"
            self._read(0.5)
        return self.text

    def end(self) -> int:
        """Read to the end; gives the exit code."""
        while self._read(DEADLINE_S):
            pass
        return self.process.wait(DEADLINE_S)

    def _read(self, patience_s: float) -> bool:
        if not select.select([self._master], [], [], patience_s)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


@contextmanager
def on_terminal(*arguments: str, cwd: Path, columns: int = 80, env: Mapping[str, str] = NOTHING) -> Iterator[Terminal]:
    """The program on a terminal, ended at the end."""
    terminal = Terminal(*arguments, cwd=cwd, columns=columns, env=env)
    try:
        yield terminal
    finally:
        terminal.close()


def screen(text: str) -> list[str]:
    """The lines that stand on a terminal after `text`: enough of one for what the live view writes."""
    lines, row, column = [""], 0, 0
    position = 0
    while position < len(text):
        move = MOVE.match(text, position)
        if move:
            kind = move[2]
            if kind == "A":
                row = max(0, row - int(move[1] or 1))
            elif kind == "J":
                lines[row] = lines[row][:column]
                del lines[row + 1 :]
            else:
                assert kind == "m", f"an unexpected control sequence: {move[0]!r}"
            position = move.end()
            continue
        character = text[position]
        position += 1
        if character == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif character == "\r":
            column = 0
        else:
            assert character >= " ", f"an unexpected control character: {character!r}"
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
    return lines
