"""`artifacts ls`, `get`, `verify` and `gc`: what steps made, as the store has it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.moments import local
from holdfast.surfaces.cli.options import as_json, duration, optional_run, optional_step, run_argument
from holdfast.surfaces.cli.outcome import quoted
from holdfast.surfaces.cli.table import table
from holdfast.surfaces.cli.text import counted

if TYPE_CHECKING:
    from holdfast.app.artifacts import Artifact
    from holdfast.app.collecting import Collected, Found, Verified
    from holdfast.surfaces.cli.screen import Screen

EXIT_DAMAGED: Final = 7
LOST_SHOWN: Final = 20
"""Artifacts that lose their bytes and are listed; --json has all of them."""


@click.group()
def artifacts() -> None:
    """What steps made, as the store has it."""


@artifacts.command()
@optional_run
@optional_step
@as_json
@click.pass_obj
def ls(command: Command, run: str | None, step: str | None) -> int:
    """List artifacts: those of RUN (and of its STEP), or of all runs, the latest first."""
    app, screen = command.app(), command.screen
    listed: list[Artifact] = []
    if run is not None or app.database.exists():
        with app.artifacts() as shelf:
            listed = shelf.listed(None if run is None else shelf.resolve_run(run), step)
    if screen.json:
        screen.document({"artifacts": listed})
        return 0
    if not listed:
        screen.note("no artifacts" if run else "no artifacts yet")
    heading = ("RUN", "PLAN", "ARTIFACT", "BYTES", "DIGEST", "STORED", "MADE", "PATH")
    columns = slice(None) if run is None else slice(2, None)
    rows = [
        (
            *(one.run, one.plan, one.name, f"{one.size:,}", one.digest[:19]),
            *(_stored(one), local(one.made_at), one.path),
        )[columns]
        for one in listed
    ]
    screen.lines(table(heading[columns], rows, screen.width))
    return 0


@artifacts.command()
@run_argument
@click.argument("artifact", metavar="ARTIFACT")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PATH", help="Where to; else stdout.")
@click.option("--overwrite", is_flag=True, help="Also where a file is there already.")
@as_json
@click.pass_obj
def get(command: Command, *, run: str, artifact: str, output: Path | None, overwrite: bool) -> int:
    """Bring an artifact of RUN out of the store: a file to stdout, a file or a folder to PATH.

    ARTIFACT is `step.name`; the name, or the step, is enough where that leaves no doubt. What is brought out is
    verified, and a copy: writing to it changes nothing in the store.
    """
    app, screen = command.app(), command.screen
    if screen.json and output is None:
        raise click.UsageError("--json needs -o PATH, since the artifact itself goes to stdout")
    with app.artifacts() as shelf:
        found, ref = shelf.get(shelf.resolve_run(run), artifact)
        if output is None:
            if found.tree:
                raise click.UsageError(f"{found.name} is a folder; write -o PATH")
            screen.copy(shelf.read(found))
            return 0
        place = shelf.place(found, ref, output, overwrite=overwrite)
    if screen.json:
        screen.document({"artifact": found, "at": str(place)})
    elif not screen.quiet:
        screen.say(f"{found.name} of run {found.run} is at {place}")
    return 0


@artifacts.command()
@as_json
@click.pass_obj
def verify(command: Command) -> int:
    """Hash everything in the store again. What is damaged is moved to the quarantine; exit 7."""
    screen = command.screen
    with command.app().artifacts() as shelf:
        found = shelf.verify()
    if screen.json:
        screen.document(found)
    else:
        screen.lines(_verified(screen, found))
    return 0 if found.ok else EXIT_DAMAGED


@artifacts.command()
@click.option("--keep", type=click.IntRange(1), default=10, metavar="N", help="Latest runs of each plan; 10.")
@click.option("--min-age", default="60s", callback=duration, metavar="D", help="Leave younger objects alone; 60s.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@as_json
@click.pass_obj
def gc(command: Command, *, keep: int, min_age: float, dry_run: bool) -> int:
    """Delete objects that nothing needs any more.

    Needed is what runs made that have not ended, the latest N runs of each plan, and the latest success of each step;
    of a product with a `retention` as long as that lasts. It may be run at any time, also beside runs.
    """
    from holdfast.app.collecting import Limits

    screen = command.screen
    with command.app().artifacts() as shelf:
        done = shelf.collect(Limits(keep, min_age), dry_run=dry_run)
    if screen.json:
        screen.document(done)
    else:
        screen.lines(_collected(done))
    return 0


def _stored(one: "Artifact") -> str:
    if one.kept == "digest":
        return "digest only"
    return "yes" if one.present else "missing"


def _verified(screen: "Screen", found: "Verified") -> list[str]:
    what = f"{counted(found.objects, 'object')}, {found.bytes:,} bytes"
    if found.ok:
        return [f"intact: {what}"]
    lines = [f"{screen.paint(one.condition, 'red')}: {_found(one)}" for one in found.found]
    lines += [
        f"{screen.paint('damaged', 'red')}: {digest}, which no step's latest attempt has" for digest in found.others
    ]
    if found.quarantine is not None:
        lines.append(f"what is damaged was moved to {found.quarantine} and is not used again")
    for file in dict.fromkeys(one.plan_file for one in found.found):
        lines.append(f"to make it again: {PROGRAM} run {quoted(file)}")
    return [*lines, f"looked at: {what}"]


def _found(one: "Found") -> str:
    if one.artifact is None:
        return f"the outputs of {one.step} in run {one.run} of {one.plan}: {one.digest}"
    return f"{one.step}.{one.artifact} of run {one.run} of {one.plan} ({one.path}): {one.digest}"


def _collected(done: "Collected") -> list[str]:
    word = "would be deleted" if done.dry_run else "deleted"
    lines = [f"{word}: {counted(done.objects, 'object')}, {done.bytes:,} bytes"]
    if done.leftovers:
        lines.append(f"{word}: {counted(done.leftovers, 'leftover')} of what was not finished")
    lines += [f"  {step}.{name} of run {run}" for run, step, name in done.artifacts[:LOST_SHOWN]]
    if len(done.artifacts) > LOST_SHOWN:
        lines.append(f"  … and {counted(len(done.artifacts) - LOST_SHOWN, 'more artifact')}")
    lines.append(f"kept: {counted(done.kept, 'object')}, {done.kept_bytes:,} bytes")
    if done.young:
        lines.append(f"too young to be judged: {counted(done.young, 'object')}")
    return lines
