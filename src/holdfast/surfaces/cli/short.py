"""The command lines that are typed most, read without click: importing it takes a third of the time of a short run.

`run PLAN` and `resume [RUN]` with their plain options mean here exactly what they mean to click, which reads everything
else, among it all that is wrong.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.surfaces.cli import PROGRAM

if TYPE_CHECKING:
    from holdfast.surfaces.cli.entry import Command

COMPLETES = f"_{PROGRAM.upper()}_COMPLETE"
"""Set where a shell asks click for completions instead of running a command."""
FLAGS = frozenset({"--yes", "--json", "--json-events"})
JOBS = ("-j", "--jobs")
DIGITS_MAX = 9


def read(arguments: Sequence[str]) -> "Callable[[Command], int] | None":
    """What a plain command line does; `None` where click is to read it."""
    if arguments[:1] not in (["run"], ["resume"]) or COMPLETES in os.environ:
        return None
    words: list[str] = []
    flags: set[str] = set()
    jobs: int | None = None
    left = iter(arguments[1:])
    for argument in left:
        if argument in FLAGS:
            flags.add(argument)
        elif argument.startswith(JOBS) and arguments[0] == "run" and jobs is None:
            jobs = _number(next(left, "") if argument in JOBS else argument.removeprefix("-j"))
            if jobs is None:
                return None
        elif argument and not argument.startswith("-"):
            words.append(argument)
        else:
            return None
    if {"--json", "--json-events"} <= flags:
        return None
    return _meant(arguments[0], words, jobs, flags)


def _meant(verb: str, words: list[str], jobs: int | None, flags: set[str]) -> "Callable[[Command], int] | None":
    from holdfast.app import Request
    from holdfast.surfaces.cli.running import Manner, resume_runs, run_plan

    manner = Manner(ask="--yes" not in flags, json_events="--json-events" in flags)
    if verb == "run" and len(words) == 1:
        return partial(run_plan, plan=Path(words[0]), inputs={}, request=Request(jobs), manner=manner)
    if verb == "resume" and len(words) <= 1:
        return partial(resume_runs, run=words[0] if words else None, request=Request(), manner=manner)
    return None


def _number(text: str) -> int | None:
    """A plain positive number."""
    return int(text) if text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= DIGITS_MAX else None
