"""`timeline`: when each attempt ran, as bars."""

from typing import Final

import click

from holdfast.surfaces.cli.bars import Bar, bars_of, span
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.moments import local, took
from holdfast.surfaces.cli.options import as_json, run_argument
from holdfast.surfaces.cli.screen import STATUS_STYLE, Screen
from holdfast.surfaces.cli.text import cells, cut, padded

NAMES: Final = 28
TAIL: Final = 8
NARROWEST: Final = 10


@click.command()
@run_argument
@as_json
@click.pass_obj
def timeline(command: Command, run: str) -> int:
    """Show when each attempt of each step ran."""
    app, screen = command.app(), command.screen
    with app.reading() as reading:
        found = reading.timeline(reading.resolve_run(run))
    if screen.json:
        screen.document(found)
        return 0
    bars = bars_of(found)
    if not bars:
        screen.note("no step has started")
        return 0
    start, end = span(bars)
    screen.say(f"{found.plan} {found.status}, from {local(found.started_at)}, {took((end - start) / 1e6)}")
    screen.lines(lines(screen, bars, screen.width or screen.size(screen.out)[0]))
    return 0


def lines(screen: Screen, bars: list[Bar], width: int) -> list[str]:
    """The bars as text, at most `width` columns wide."""
    column = min(NAMES, max(cells(bar.name) for bar in bars))
    room = max(NARROWEST, width - column - TAIL - 4)
    start, end = span(bars)
    scale = room / max(1, end - start)
    found = []
    for bar in bars:
        left = min(room - 1, int((bar.start - start) * scale))
        length = max(1, min(room - left, round((bar.end - bar.start) * scale)))
        drawn = screen.paint("█" * length, STATUS_STYLE.get(bar.status, "dim"))
        tail = took((bar.end - bar.start) / 1e6) + ("" if bar.status == "succeeded" else f" {bar.status}")
        name = padded(cut(bar.name, column), column)
        found.append(f"{name}  {' ' * left}{drawn}{' ' * (room - left - length)}  {tail}")
    return found
