"""`events`: a run's journal, as it is or as it grows."""

from collections.abc import Sequence

import click

from holdfast.run.events import StoredEvent
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.following import followed
from holdfast.surfaces.cli.moments import local_clock
from holdfast.surfaces.cli.options import as_json, run_argument
from holdfast.surfaces.cli.records import brief, record
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.text import cut, one_line, padded

KIND, STEP = 16, 20
"""Columns; a stream cannot know its longest word."""


@click.command()
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until nobody drives the run any more.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="SEQ", help="Only events behind this number.")
@as_json
@click.pass_obj
def events(command: Command, run: str, follow: bool, after: int) -> int:
    """Print a run's journal. With --json one document, or with -f one JSON line for each event."""
    app, screen = command.app(), command.screen
    with app.reading() as reading:
        run = reading.resolve_run(run)
    if not follow:
        found = app.events(run, after)
        if screen.json:
            screen.document({"run": run, "events": [record(one) for one in found]})
        else:
            _print(screen, found)
        return 0
    with app.following() as follower:
        for found in followed(follower, {run: after}):
            if screen.json:
                for one in found:
                    screen.record(record(one))
            else:
                _print(screen, found)
                screen.flush()
            if not screen.listening:
                break
    return 0


def _print(screen: Screen, found: Sequence[StoredEvent]) -> None:
    for one in found:
        event = one.event
        step = f"{event.step or ''}{f' #{event.attempt}' if event.attempt else ''}"
        line = f"{one.seq:>5}  {local_clock(event.at)}  {padded(event.body.kind, KIND)}  {padded(step, STEP)}"
        line = f"{line}  {one_line(brief(event))}".rstrip()
        screen.say(cut(line, screen.width) if screen.width else line)
