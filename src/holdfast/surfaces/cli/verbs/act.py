"""`pause`, `cancel`, `release`: act on a run, also one that another process owns."""

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.naming import resolved
from holdfast.surfaces.cli.options import as_json, by_option, run_argument

if TYPE_CHECKING:
    from holdfast.app import Holdfast


@click.command()
@run_argument
@click.option("--reason", metavar="TEXT", help="Why, for the record.")
@by_option
@as_json
@click.pass_obj
def pause(command: Command, run: str, reason: str | None, by: str | None) -> int:
    """Start nothing new in a run; running steps are awaited. `resume` goes on."""
    app = command.app()
    run = resolved(app, run)
    app.pause(run, by, reason)
    return _said(command, app, run, "is asked to pause", f"{PROGRAM} resume {run}")


@click.command()
@run_argument
@click.option("--reason", metavar="TEXT", help="Why, for the record.")
@by_option
@as_json
@click.pass_obj
def cancel(command: Command, run: str, reason: str | None, by: str | None) -> int:
    """End a run: running steps are stopped, those with `effect: once` are awaited."""
    app = command.app()
    run = resolved(app, run)
    app.cancel(run, by, reason)
    return _said(command, app, run, "is asked to end", None)


@click.command()
@run_argument
@click.option("--reason", required=True, metavar="TEXT", help="Why it may be trusted again, for the record.")
@by_option
@as_json
@click.pass_obj
def release(command: Command, run: str, reason: str, by: str | None) -> int:
    """Free a quarantined run. `resume` goes on."""
    app = command.app()
    run = resolved(app, run)
    app.release(run, reason, by)
    return _said(command, app, run, "is released", f"{PROGRAM} resume {run}")


def _said(command: Command, app: "Holdfast", run: str, what: str, after: str | None) -> int:
    screen = command.screen
    with app.reading() as reading:
        shown = reading.show(run)
    if screen.json:
        screen.document(shown)
    elif not screen.quiet:
        screen.say(f"run {run} {what}; it is {shown.status} now" + (f"; to go on: {after}" if after else ""))
    return 0
