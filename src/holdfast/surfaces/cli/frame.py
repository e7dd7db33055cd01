"""The live view as lines: from where a run stands, the time and the last words of its steps. No I/O, no clock."""

from collections.abc import Mapping

from holdfast.surfaces.cli.moments import took
from holdfast.surfaces.cli.progress import Active, Ended, Progress
from holdfast.surfaces.cli.text import cells, cut, one_line, padded

NAMES_MAX = 28
"""Columns for step names; longer ones are cut."""

WORD = 11
"""Columns for the word at the start of a line."""

WORD_STYLE = {
    "done": "green",
    "failed": "red",
    "retry": "yellow",
    "uncertain": "yellow",
    "waits": "yellow",
    "approved": "green",
    "rejected": "red",
    "lost": "yellow",
    "stopped": "yellow",
    "adopted": "blue",
    "running": "blue",
}

Line = tuple[str, str]
"""A word (which gets the colour) and the rest of the line."""


def frame(progress: Progress, now: int, words: Mapping[str, str], size: tuple[int, int]) -> list[Line]:
    """The lines of one run now (microseconds), at most `size` (columns, lines) large.

    `words` holds the last output line of running steps. The last line counts; where there are more running steps than
    room, the longest running ones are shown and the rest counted.
    """
    width, height = size
    room = max(1, height - 2)
    active = sorted(progress.running.values(), key=lambda one: (one.since, one.step))
    due = sorted(progress.due.items(), key=lambda one: (one[1], one[0]))
    doubts = sorted(progress.doubts.items())
    waits = sorted(progress.waiting.items(), key=lambda one: (one[1], one[0]))
    names = [one.step for one in active] + [step for kept in (due, doubts, waits) for step, _ in kept]
    column = min(NAMES_MAX, max((cells(name) for name in names[:room]), default=0))
    lines: list[Line] = [("running", _running(one, now, words.get(one.step, ""), column)) for one in active]
    lines += [("retry", _retry(step, when, attempt, now, column)) for step, (when, attempt) in due]
    lines += [("uncertain", f"{_name(step, column)}  {one_line(why)}") for step, why in doubts]
    lines += [("waits", f"{_name(step, column)}  {_waits(now, *wait)}") for step, wait in waits]
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines = [*lines[: room - 1], ("", f"… and {hidden} more")]
    lines.append(("", counts(progress, now)))
    return [(word, cut(rest, max(1, width - 1 - (WORD if word else 0)))) for word, rest in lines]


def counts(progress: Progress, now: int) -> str:
    """`4 done, 2 running, 1 waiting, 0 failed of 7  12s`, with what was asked of the run."""
    parts = [f"{progress.done} done", f"{len(progress.running)} running"]
    more = {
        "to retry": len(progress.due),
        "uncertain": len(progress.doubts),
        "waiting": len(progress.waiting) + progress.left,
        "skipped": progress.counts["skipped"],
    }
    parts += [f"{number} {word}" for word, number in more.items() if number]
    parts.append(f"{progress.counts['failed']} failed")
    elapsed = f"  {took((now - progress.since) / 1_000_000)}" if progress.since else ""
    asked = {"pause": "  pausing: running steps are awaited", "cancel": "  canceling"}.get(progress.asked or "", "")
    return f"{', '.join(parts)} of {progress.total}{elapsed}{asked}"


def line(ended: Ended, *, column: int = 0) -> Line:
    """The lasting line about one event."""
    seconds = took(ended.seconds) if ended.seconds is not None else ""
    details = "  ".join(part for part in (seconds, one_line(ended.text)) if part)
    return ended.word, f"{padded(ended.step, max(column, cells(ended.step)))}  {details}".rstrip()


def _running(one: Active, now: int, last: str, column: int) -> str:
    again = f"  attempt {one.attempt}" if one.attempt > 1 else ""
    spoken = f"  {one_line(last)}" if last else ""
    return f"{_name(one.step, column)}  {took((now - one.since) / 1_000_000):>6}{again}{spoken}"


def _retry(step: str, due: int, attempt: int, now: int, column: int) -> str:
    return f"{_name(step, column)}  attempt {attempt} in {took((due - now) / 1_000_000)}"


def _waits(now: int, since: int, what: str) -> str:
    return f"{took(max(0, now - since) / 1_000_000):>6}  {one_line(what)}"


def _name(step: str, column: int) -> str:
    return padded(cut(step, column), column)
