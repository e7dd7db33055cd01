"""The program as its users meet it: a command line in a folder, and what came of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast.surfaces.cli import main


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit code and both streams of one command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - the shape is what the tests are about
        """The one JSON document on stdout."""
        return json.loads(self.out)


Program = Callable[..., Outcome]
DEADLINE_S = 30.0


def in_process(capfd: pytest.CaptureFixture[str]) -> Program:
    """The program called in this process, in the current folder: fast."""

    def call(*arguments: str | Path) -> Outcome:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return call


def as_process(*arguments: str | Path, cwd: Path, stdin: str = "", **env: str) -> Outcome:
    """The program as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


class Running:
    """The program as a process that was started and left to run."""

    def __init__(self, *arguments: str, cwd: Path, **env: str) -> None:
        Running.count += 1
        self._out, self._err = cwd / f".out{Running.count}", cwd / f".err{Running.count}"
        with self._out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "holdfast", *arguments],
                cwd=cwd,
                env=os.environ | env,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.pid = self._process.pid

    count = 0

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return self._err.read_text()

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Await its end; gives its exit code."""
        return self._process.wait(DEADLINE_S)


def wait_until(holds: Callable[[], bool], within_s: float = DEADLINE_S) -> None:
    """Await something that another process does."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        os.sched_yield()
