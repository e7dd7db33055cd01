"""`logs`: what steps wrote, as it is or as it grows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from holdfast.errors import RequestError
from holdfast.run import events as ev
from holdfast.run.growth import group_id, template_id
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.following import followed
from holdfast.surfaces.cli.group import nearest
from holdfast.surfaces.cli.options import as_json, optional_step, run_argument
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.tail import tail_offset
from holdfast.surfaces.cli.text import shown as harmless

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.app.documents import Shown

CHUNK: Final = 1 << 20
"""Bytes read at once, and the most of one log in a JSON document."""

STREAMS: Final = ("stdout", "stderr")


class Log(NamedTuple):
    """One file that an attempt wrote."""

    step: str
    attempt: int
    stream: str
    path: Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which logs, and how much of them."""

    step: str | None
    attempt: int | None
    streams: tuple[str, ...]
    tail: int | None

    def names(self, step: str) -> bool:
        """Whether a step is meant: by its id, or as an instance or a visit of what is named."""
        return self.step in {None, step, group_id(step), template_id(step)}

    def takes(self, step: str, attempt: int) -> bool:
        """Whether an attempt's logs are wanted."""
        return self.names(step) and self.attempt in {None, attempt}

    def prefix(self, step: str) -> str:
        """What stands before each line of a step's logs where there may be those of several."""
        return "" if self.step == step else f"{step} | "


@click.command()
@run_argument
@optional_step
@click.option("-f", "--follow", is_flag=True, help="Go on until nobody drives the run any more.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines of each log.")
@click.option("--stdout", "stream", flag_value="stdout", help="Only stdout.")
@click.option("--stderr", "stream", flag_value="stderr", help="Only stderr.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="This attempt; else the last one.")
@as_json
@click.pass_obj
def logs(
    command: Command,
    *,
    run: str,
    step: str | None,
    follow: bool,
    tail: int | None,
    stream: str | None,
    attempt: int | None,
) -> int:
    """Print what a run's steps wrote: stdout, then stderr; of several steps each line behind the step's name."""
    app, screen = command.app(), command.screen
    if follow and screen.json:
        raise click.UsageError("--json and -f exclude each other; events -f --json streams")
    with app.reading() as reading:
        document = reading.show(reading.resolve_run(run))
    wanted = Wanted(step, attempt, (stream,) if stream else STREAMS, tail)
    found = _found(document, app.logs_folder(document.run), wanted)
    if follow:
        _follow(screen, app, document.run, wanted)
    elif screen.json:
        screen.document({"run": document.run, "logs": [_document(log, tail) for log in found]})
    else:
        for log in found:
            _print(screen, log, wanted)
    return 0


def _found(document: "Shown", folder: Path, wanted: Wanted) -> list[Log]:
    """The logs there are now, in the order of their steps; an unknown step or attempt is an error."""
    steps = [one for one in document.steps if wanted.names(one.step)]
    if not steps:
        near = nearest(wanted.step or "", [one.step for one in document.steps])
        hint = f'did you mean "{near}"?' if near else f"holdfast show {document.run} lists its steps"
        raise RequestError(f'run {document.run} has no step "{wanted.step}"', code="E_UNKNOWN_ID", hint=hint)
    logs: list[Log] = []
    for one in steps:
        attempts = one.attempts[-1:] if wanted.attempt is None else one.attempts
        for each in attempts:
            if wanted.takes(one.step, each.number):
                paths = {"stdout": each.stdout, "stderr": each.stderr}
                logs += [
                    Log(one.step, each.number, name, folder / path) for name in wanted.streams if (path := paths[name])
                ]
    if not logs and wanted.step is not None and wanted.attempt is not None:
        raise RequestError(f'step "{wanted.step}" has no attempt {wanted.attempt}', code="E_UNKNOWN_ID")
    return logs


def _document(log: Log, tail: int | None) -> dict[str, object]:
    size, start = 0, 0
    data = b""
    if log.path.exists():
        size = log.path.stat().st_size
        start = max(size - CHUNK, tail_offset(log.path, tail) if tail is not None else 0)
        with log.path.open("rb") as file:
            file.seek(start)
            data = file.read(CHUNK)
    return {
        "step": log.step,
        "attempt": log.attempt,
        "stream": log.stream,
        "path": str(log.path),
        "size": size,
        "truncated": start > 0,
        "text": data.decode(errors="replace"),
    }


def _print(screen: Screen, log: Log, wanted: Wanted) -> None:
    """One log from its beginning, or its last lines."""
    if not log.path.exists():
        return
    prefix = wanted.prefix(log.step)
    with log.path.open("rb") as file:
        if wanted.tail is not None:
            file.seek(tail_offset(log.path, wanted.tail))
        if not prefix and not screen.colours(screen.out):
            while (data := file.read(CHUNK)) and screen.listening:
                screen.copy(data)
            return
        for line in file:
            _say(screen, prefix, line)


def _say(screen: Screen, prefix: str, line: bytes) -> None:
    text = line.decode(errors="replace").rstrip("\r\n")
    screen.say(prefix + (harmless(text) if screen.colours(screen.out) else text))


class _Follower:
    """Reads what a log grows by, whole lines at a time."""

    def __init__(self, log: Log, tail: int | None) -> None:
        self.log = log
        self._offset = tail_offset(log.path, tail) if tail is not None and log.path.exists() else 0
        self._rest = b""

    def lines(self, *, last: bool) -> Iterator[bytes]:
        """The new lines; with `last` also one without an end."""
        if self.log.path.exists():
            with self.log.path.open("rb") as file:
                file.seek(self._offset)
                while data := file.read(CHUNK):
                    self._offset += len(data)
                    *whole, self._rest = (self._rest + data).split(b"\n")
                    yield from whole
        if last and self._rest:
            yield self._rest
            self._rest = b""


def _follow(screen: Screen, app: "Holdfast", run: str, wanted: Wanted) -> None:
    """Print lines as they come; the logs are those of the attempts that the run's events tell of."""
    going: dict[tuple[str, int], list[_Follower]] = {}
    with app.following() as follower:
        for events in followed(follower, {run: 0}):
            ended = _opened(going, events, app.logs_folder(run), wanted)
            _grown(screen, going, wanted, ended)
            for key in ended:
                del going[key]
            screen.flush()
            if not screen.listening:
                return
    _grown(screen, going, wanted, set(going))


def _opened(
    going: dict[tuple[str, int], list[_Follower]], events: list[ev.StoredEvent], folder: Path, wanted: Wanted
) -> set[tuple[str, int]]:
    """Open the logs of attempts that have started; gives those that have ended."""
    ended: set[tuple[str, int]] = set()
    for _, _, event in events:
        key = (event.step or "", event.attempt or 0)
        if isinstance(event.body, ev.AttemptStarted) and event.body.launch and wanted.takes(*key):
            paths = {"stdout": event.body.launch.stdout, "stderr": event.body.launch.stderr}
            logs = [Log(*key, name, folder / paths[name]) for name in wanted.streams if paths[name]]
            going[key] = [_Follower(log, wanted.tail) for log in logs]
        elif isinstance(event.body, ev.AttemptEnded) and key in going:
            ended.add(key)
    return ended


def _grown(
    screen: Screen, going: dict[tuple[str, int], list[_Follower]], wanted: Wanted, ended: set[tuple[str, int]]
) -> None:
    for key, followers in going.items():
        prefix = wanted.prefix(key[0])
        for follower in followers:
            for line in follower.lines(last=key in ended):
                _say(screen, prefix, line)
