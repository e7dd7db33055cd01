"""What is said when a run has come to rest: its outcome, what failed and why, what it waits for, what to type next."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.moments import between
from holdfast.surfaces.cli.screen import STATUS_STYLE, Screen
from holdfast.surfaces.cli.tail import last_lines
from holdfast.surfaces.cli.text import clean, compact, counted, cut, one_line

if TYPE_CHECKING:
    from holdfast.app.documents import Shown, ShownStep

FAILURES_SHOWN: Final = 3
"""Failed steps that are shown in full; the rest are counted."""

LINES_SHOWN: Final = 10
"""Lines of a failed step's stderr."""

GIVEN_MAX: Final = 500
"""Characters of the options that a run was asked for with."""

LINE_CELLS_MAX: Final = 1000
"""Columns of such a line: one line may be the whole log."""

RESTING: Final = frozenset({"paused", "blocked"})
OK: Final = frozenset({"succeeded", "reused", "recovered"})


def headline(shown: "Shown") -> str:
    """`hello succeeded in 0.4s: 2 of 2 steps`."""
    steps = latest(shown)
    done = sum(step.status in OK for step in steps)
    took = between(shown.started_at, shown.finished_at)
    when = f"{shown.status} {'after' if shown.status in RESTING else 'in'} {took}"
    if shown.status == "running":  # nobody need stay for what moves it next
        when = f"{'waits' if shown.waits else 'is running'} after {took}"
    return f"{shown.plan} {when}: {done:,} of {counted(len(steps), 'step')} done, run {shown.run}"


def latest(shown: "Shown") -> list["ShownStep"]:
    """The steps of a run, of each that went round in a loop the latest visit."""
    return [step for step in shown.steps if step.next_visit is None]


def statuses(shown: "Shown") -> dict[str, str]:
    """The status of each step by its name in the plan: of the latest visit of it."""
    return {step.visit_of or step.step: step.status for step in latest(shown)}


def afterwards(one: "ShownStep") -> str:
    """`then push#2`, of a step that went round in a loop."""
    return f"then {one.next_visit}" if one.next_visit is not None else ""


def instances(one: "ShownStep", shown: "Shown") -> str:
    """`200 instances: 57 succeeded, 4 running`."""
    if one.instances is None:
        return ""
    counts = Counter(each.status for each in shown.steps if each.instance_of == one.step)
    said = ", ".join(f"{number:,} {status}" for status, number in counts.items())
    return counted(len(one.instances), "instance") + (f": {said}" if said else "")


def paint_status(screen: Screen, text: str, status: str) -> str:
    """The headline with its status in colour."""
    style = STATUS_STYLE.get(status)
    return text.replace(status, screen.paint(status, style, "bold"), 1) if style else text


def failures(screen: Screen, shown: "Shown", logs: Callable[[str], Path]) -> list[str]:
    """Lines about the failed steps: exit code, last words, where the rest is. `logs` gives the folder of a log."""
    failed = [step for step in latest(shown) if step.status == "failed"]
    lines: list[str] = []
    if shown.reason:
        lines += ["", f"{screen.paint('failed', 'red', stream=screen.err)} {shown.plan}: {one_line(shown.reason)}"]
    for step in failed[:FAILURES_SHOWN]:
        lines += ["", *_failure(screen, shown, step, logs)]
    if len(failed) > FAILURES_SHOWN:
        lines += ["", f"… and {counted(len(failed) - FAILURES_SHOWN, 'more failed step')}: {PROGRAM} show {shown.run}"]
    return lines


def next_words(shown: "Shown") -> list[str]:
    """What may be typed next, one command a line."""
    run = shown.run
    if shown.status == "failed":
        return [f"when that is mended: {PROGRAM} run {quoted(shown.plan_file)}{_given(shown)}"]
    if shown.status == "quarantined":
        return [f"when that is settled: {PROGRAM} release {run} --reason …, then {PROGRAM} resume {run}"]
    doubtful = [wait.step for wait in shown.waits if wait.kind == "uncertain" and wait.step]
    if doubtful:
        choices = "happened|not-happened|skip"
        asked = [
            f"to settle it: {PROGRAM} resolve {run} {worded(step)} {choices}" for step in doubtful[:FAILURES_SHOWN]
        ]
        return [*asked, f"then: {PROGRAM} resume {run}"]
    if any(wait.kind in {"review", "loop"} for wait in shown.waits):
        return [f"to answer: {PROGRAM} inbox", f"then: {PROGRAM} resume {run}"]
    if shown.status in {"blocked", "running"} and any(wait.kind == "budget" for wait in shown.waits):
        return [f"to allow more: {PROGRAM} inbox", f"then: {PROGRAM} resume {run}"]
    if shown.status in RESTING or shown.status == "running":
        return [f"to go on: {PROGRAM} resume {run}"]
    return []


def _given(shown: "Shown") -> str:
    """What the run was asked for with, as options: how the plan's file was read, and its inputs."""
    asked = shown.request
    dialect, variables, inputs = asked.get("dialect"), asked.get("variables"), asked.get("inputs")
    said = "" if dialect is None else f" --dialect {dialect}"
    if isinstance(variables, dict):
        said += "".join(f" --var {worded(f'{name}={value}')}" for name, value in variables.items())
    for name in inputs if isinstance(inputs, list) else ():
        said += f" -i {worded(f'{name}={compact(shown.inputs.get(name))}')}"
    return said if len(said) <= GIVEN_MAX else f"{said[:GIVEN_MAX]}…"


def quoted(path: str) -> str:
    """A path as a shell takes it, relative where that is shorter."""
    from shlex import quote

    try:
        here = os.path.relpath(path)
    except (OSError, ValueError):
        here = path
    return quote(min(here, path, key=len))


def worded(step: str) -> str:
    """A word as a shell takes it."""
    from shlex import quote

    return quote(step)


def waits(shown: "Shown") -> list[str]:
    """Lines about what the run waits for."""
    return [
        f"waits: {' '.join(part for part in (wait.step, wait.kind) if part)}"
        + (f": {one_line(wait.what)}" if wait.what else "")
        for wait in shown.waits
    ]


def _failure(screen: Screen, shown: "Shown", step: "ShownStep", logs: Callable[[str], Path]) -> list[str]:
    last = step.attempts[-1] if step.attempts else None
    parts = []
    if step.why:
        parts.append(one_line(step.why))
    elif last is not None and last.error is not None:
        said = f": {one_line(last.error.message)}" if last.error.message else ""
        parts.append(f"{last.error.code}{said}")
    if len(step.attempts) > 1:
        parts.append(f"after {counted(len(step.attempts), 'attempt')}")
    lines = [f"{screen.paint('failed', 'red', stream=screen.err)} {step.step}: {', '.join(parts) or 'no attempt'}"]
    made = last.disposed if last is not None else None
    if made is not None:
        lines += [f"  advice: {one_line(line)}" for line in made.advice]
    if last is None or not (last.stderr or last.stdout):
        return lines
    name, words = _last_words(logs(shown.run), [last.stderr, last.stdout])
    lines += [f"  | {cut(clean(line), LINE_CELLS_MAX)}" for line in words]
    lines.append(f"  {name}; all of it: {PROGRAM} logs {shown.run} {worded(step.step)}")
    return lines


def _last_words(folder: Path, names: list[str | None]) -> tuple[Path, list[str]]:
    """The end of the first of the files that has one."""
    paths = [folder / name for name in names if name]
    for path in paths:
        words = last_lines(path, LINES_SHOWN)
        if words:
            return path, words
    return paths[0], []
