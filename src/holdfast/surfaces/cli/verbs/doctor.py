"""`doctor`: what is wrong with the store, and mending what can be."""

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json
from holdfast.surfaces.cli.text import counted

if TYPE_CHECKING:
    from holdfast.app.looking import Checkup

EXIT_DAMAGED = 7
ROWS_SHOWN = 10


@click.command()
@click.option("--rebuild", is_flag=True, help="Fold the events again and put right what differs.")
@as_json
@click.pass_obj
def doctor(command: Command, rebuild: bool) -> int:
    """Look for what is wrong with the store; --rebuild mends what the events can prove."""
    app, screen = command.app(), command.screen
    found = app.mend() if rebuild else app.checkup()
    if screen.json:
        screen.document(found)
    else:
        screen.lines(_lines(found))
    return 0 if found.ok else EXIT_DAMAGED


def _lines(found: "Checkup") -> list[str]:
    health = found.health
    held = ", ".join(f"{number:,} {name}" for name, number in health.counts.items())
    lines = [f"journal   {health.path}", f"format    {health.schema}, SQLite {health.sqlite}", f"holds     {held}"]
    lines += [f"damaged   {text}" for text in health.damages]
    for lease in health.left_leases:
        where = f"pid {lease.pid} on {lease.host}"
        if lease.gone:
            lines.append(f"left      run {lease.run} by {where}, which is gone: {PROGRAM} resume {lease.run}")
        else:
            lines.append(f"held      run {lease.run} by {where}, which cannot be asked from here")
    word = "mended" if found.mended else "differs"
    for one in found.differences[:ROWS_SHOWN]:
        lines.append(f"{word:<10}{one.table} of run {one.run}: {one.stored} is {one.folded} by its events")
    if len(found.differences) > ROWS_SHOWN:
        lines.append(f"{word:<10}{counted(len(found.differences) - ROWS_SHOWN, 'more row')}")
    if found.ok:
        lines.append("well")
    elif found.differences and not found.mended:
        lines.append(f"to mend:  {PROGRAM} doctor --rebuild")
    return lines
