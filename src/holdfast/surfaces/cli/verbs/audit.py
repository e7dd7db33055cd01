"""`audit verify`: proof that the journal was not altered."""

import re

import click

from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json, optional_run
from holdfast.surfaces.cli.text import counted

EXIT_DAMAGED = 7
HEAD = re.compile(r"[0-9a-f]{64}")


@click.group()
def audit() -> None:
    """Prove that the journal was not altered."""


def _head(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    if given is not None and not HEAD.fullmatch(given):
        raise click.BadParameter(f'"{given}" is not a head: 64 hex digits, as audit verify prints them')
    return given


@audit.command()
@optional_run
@click.option("--head", metavar="H", callback=_head, help="A head noted earlier: the journal must have had it.")
@as_json
@click.pass_obj
def verify(command: Command, run: str | None, head: str | None) -> int:
    """Compute every hash again: of one run's chain, or of all runs, commits and plans.

    The printed head stands for everything recorded so far. Kept elsewhere and given as --head later, it shows that
    nothing was cut off since.
    """
    app, screen = command.app(), command.screen
    if run is not None and head is not None:
        raise click.UsageError("--head is about the whole journal; leave out RUN")
    if run is not None:
        with app.reading() as reading:
            run = reading.resolve_run(run)
    found = app.audit(run, head)
    if screen.json:
        screen.document(
            {"ok": found.ok, "chains": found.runs, "events": found.events, "commits": found.commits}
            | {"head": found.head if run is None else None, "damages": found.damages}
        )
    elif found.ok:
        what = f"{counted(found.events, 'event')} in {counted(found.runs, 'chain')}"
        screen.say(f"intact: {what}" + (f", {counted(found.commits, 'commit')}" if run is None else ""))
        if run is None:
            screen.say(f"head: {found.head}")
    for damage in found.damages if not screen.json else ():
        place = f"run {damage.run}: " if damage.run else ""
        screen.say(f"{screen.paint('damaged', 'red')}: {place}{damage.what}")
    return 0 if found.ok else EXIT_DAMAGED
