"""`runs` and `show`."""

from typing import TYPE_CHECKING, Final

import click

from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.moments import between, local
from holdfast.surfaces.cli.options import as_json, run_argument
from holdfast.surfaces.cli.outcome import afterwards, failures, instances, next_words, waits
from holdfast.surfaces.cli.screen import STATUS_STYLE, Screen
from holdfast.surfaces.cli.table import table
from holdfast.surfaces.cli.text import compact, cut, one_line

if TYPE_CHECKING:
    from holdfast.app.documents import RunLine, Shown, ShownStep


INSTANCES_LISTED: Final = 20
"""Of a step with more instances only those get a line that did not go well, and no more than so many."""

VALUE_CELLS_MAX: Final = 500
"""Columns of an output's value; --json has all of it."""

QUIET: Final = frozenset({"pending", "succeeded", "reused", "recovered", "canceled"})


@click.command()
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="Only the newest N.")
@click.option("--nested", is_flag=True, help="List the runs of plans inside of plans too (--json always does).")
@as_json
@click.pass_obj
def runs(command: Command, limit: int | None, nested: bool) -> int:
    """List runs, newest first."""
    screen, app = command.screen, command.app()
    listed: list[RunLine] = []
    if app.database.exists():
        with app.reading() as reading:
            listed = reading.runs(limit or -1).runs
    if screen.json:
        screen.document({"runs": listed})
        return 0
    if not listed:
        screen.note("no runs yet")
    listed = [one for one in listed if nested or one.parent is None]
    heading = ("RUN", "PLAN", "STATUS", "STARTED", "TOOK", "INPUTS")
    screen.lines(coloured(screen, table(heading, [_listed(one) for one in listed], screen.width)))
    return 0


@click.command()
@run_argument
@as_json
@click.pass_obj
def show(command: Command, run: str) -> int:
    """Show one run: its steps, attempts and artifacts."""
    app, screen = command.app(), command.screen
    with app.reading() as reading:
        shown = reading.show(reading.resolve_run(run))
    if screen.json:
        screen.document(shown)
        return 0
    for name, value in _head(shown):
        screen.say(f"{name:<9}{value}")
    screen.say()
    heading = ("STEP", "STATUS", "TRIES", "TOOK", "WHY")
    steps = unfolded(shown)
    screen.lines(coloured(screen, table(heading, [_step(one, shown) for one in steps], screen.width)))
    made = [
        (f"{one.step}.{name}", art.path, f"{art.size:,}", art.digest[:19])
        for one in steps
        for name, art in one.artifacts.items()
    ]
    if made:
        screen.say()
        screen.lines(table(("ARTIFACT", "PATH", "BYTES", "DIGEST"), made, screen.width))
    told = [
        (f"{one.step}.{name}", cut(one_line(compact(value)), VALUE_CELLS_MAX))
        for one in steps
        if one.instances is None  # its instances tell
        for name, value in one.outputs.items()
    ]
    if told:
        screen.say()
        screen.lines(table(("OUTPUT", "VALUE"), told, screen.width))
    screen.lines(failures(screen, shown, app.logs_folder))
    after = [*waits(shown), *(f"warning: {one_line(text)}" for text in shown.warnings), *next_words(shown)]
    if after:
        screen.lines(["", *after])
    return 0


def coloured(screen: Screen, lines: list[str]) -> list[str]:
    """The lines of a table with statuses in colour."""
    if not screen.colours(screen.out):
        return lines
    painted = lines[:1]
    for line in lines[1:]:
        word = next((word for word in line.split() if word in STATUS_STYLE), None)
        painted.append(line.replace(word, screen.paint(word, STATUS_STYLE[word]), 1) if word else line)
    return painted


def _listed(one: "RunLine") -> tuple[str, ...]:
    inputs = " ".join(f"{name}={compact(value)}" for name, value in one.inputs.items())
    started = one.started_at
    return one.run, one.plan, one.status, local(started or one.created_at), between(started, one.finished_at), inputs


def _head(shown: "Shown") -> list[tuple[str, str]]:
    head = [
        ("run", shown.run),
        ("plan", f"{shown.plan} (revision {shown.revision})"),
        ("status", shown.status),
        ("started", f"{local(shown.started_at)}, took {between(shown.started_at, shown.finished_at)}"),
    ]
    if shown.inputs:
        head.append(("inputs", " ".join(f"{name}={one_line(compact(value))}" for name, value in shown.inputs.items())))
    if shown.owner:
        gone = ", gone: `holdfast resume` goes on" if shown.owner.alive is False else ""
        head.append(("owner", f"pid {shown.owner.pid} on {shown.owner.host} since {local(shown.owner.since)}{gone}"))
    return head


def unfolded(shown: "Shown") -> "list[ShownStep]":
    """The steps that get a line: all instances of a step where they are few, else those that did not go well."""
    many = {one.step for one in shown.steps if one.instances is not None and len(one.instances) > INSTANCES_LISTED}
    room = dict.fromkeys(many, INSTANCES_LISTED)
    steps: list[ShownStep] = []
    for one in shown.steps:
        if one.instance_of in many:
            if one.status in QUIET or not room[one.instance_of]:
                continue
            room[one.instance_of] -= 1
        steps.append(one)
    return steps


def _step(one: "ShownStep", shown: "Shown") -> tuple[str, ...]:
    first = one.attempts[0].started_at if one.attempts else None
    last = one.attempts[-1].finished_at if one.attempts else None
    tries = str(len(one.attempts)) if len(one.attempts) > 1 else ""
    said = one.attempts[-1].error if one.attempts else None
    why = one.why or (f"{said.code} {said.message}" if said else "")
    if not why and one.nested_run:
        why = f"run {one.nested_run}"
    adopted = "adopted" if any(attempt.adopted for attempt in one.attempts) else ""
    notes = ", ".join(one.attempts[-1].notes) if one.attempts else ""
    return (
        one.step,
        one.status,
        tries,
        between(first, last) if first else "",
        "; ".join(
            part
            for part in (instances(one, shown), " ".join(it for it in (why, adopted, notes) if it), afterwards(one))
            if part
        ),
    )
