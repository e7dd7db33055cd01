"""`plan`: what would run, and why."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from holdfast.run.growth import group_id
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import (
    as_json,
    door_options,
    named_values,
    plan_argument,
    positive_duration,
    selecting_options,
)
from holdfast.surfaces.cli.planned import Planned, PlannedStep, StepPreview, read
from holdfast.surfaces.cli.preview import summary
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.table import table
from holdfast.surfaces.cli.text import clean, one_line

if TYPE_CHECKING:
    from holdfast.app import Request


EXIT_TO_DO: Final = 10
"""`--check` found something to do."""
INSTANCES_LISTED: Final = 20
"""A step with more instances is one line."""


@click.command()
@plan_argument
@click.option("-i", "--input", "inputs", multiple=True, callback=named_values, metavar="NAME=VALUE", help="An input.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Steps at once.")
@click.option("--keep-going", is_flag=True, help="As `run`; it changes nothing of what would run.")
@click.option("--max-time", "max_time_s", callback=positive_duration, metavar="D", help="As `run`, likewise.")
@door_options
@selecting_options
@click.option("--check", is_flag=True, help="End with 10 where there is something to do; what runs every time is not.")
@as_json
@click.pass_obj
def plan(
    command: Command,
    *,
    plan: Path,
    inputs: dict[str, str],
    jobs: int | None,
    keep_going: bool,
    max_time_s: float | None,
    check: bool,
) -> int:
    """Show what would run, and why; nothing is run and nothing is written."""
    from holdfast.app import Request

    request = Request(jobs, keep_going=keep_going, max_time_s=max_time_s, **command.selection)
    return show_plan(command, plan, inputs, request, check=check)


def show_plan(command: Command, plan: Path, inputs: Mapping[str, str], request: "Request", **how: bool) -> int:
    """Print what would run in full, and with `changes` those to files; the exit code is 3 where it holds errors.

    With `check` it is 10 where there is something to do.
    """
    screen = command.screen
    app = command.app(plan)
    document = app.dry_run(plan, request, inputs) if how.get("changes") else app.plan(plan, request, inputs)
    planned = read(document)
    if screen.json:
        screen.document(document)
        return _code(planned, check=how.get("check", False))
    screen.say(f"{planned.plan}, revision {planned.revision}, {summary(planned)}")
    screen.say()
    rows = [(str(one.layer), one.step, one.verdict, _why(one)) for one in _unfolded(planned)]
    screen.lines(table(("LAYER", "STEP", "VERDICT", "WHY"), rows, screen.width))
    for one in planned.previews:
        screen.lines(_changes(screen, one))
    for text in planned.warnings:
        screen.note("\n".join(clean(line) for line in text.split("\n")))
    for fault in planned.errors:
        screen.complain(f"{screen.paint('error:', 'red', stream=screen.err)} {fault.code}: {one_line(fault.message)}")
    return _code(planned, check=how.get("check", False))


def _code(planned: Planned, *, check: bool) -> int:
    if planned.errors:
        return 3
    return EXIT_TO_DO if check and planned.to_do else 0


def _changes(screen: Screen, one: StepPreview) -> list[str]:
    """What a step would do to files: a line for each, then its diff."""
    lines = []
    for file in one.files:
        why = f", {one_line(file.why)}" if file.why else ""
        lines += ["", f"{one.step}  {one.op} {one_line(file.path)}: {file.change}{why}"]
        for line in file.diff.removesuffix("\n").split("\n") if file.diff else ():
            style = {"+": "green", "-": "red"}.get(line[:1])
            lines.append(screen.paint(clean(line), style) if style else clean(line))
    return lines


def _unfolded(planned: Planned) -> list[PlannedStep]:
    """The steps, but not the instances of one that has many."""
    counts = Counter(group_id(one.step) for one in planned.steps)
    return [
        one for one in planned.steps if group_id(one.step) == one.step or counts[group_id(one.step)] <= INSTANCES_LISTED
    ]


def _why(one: PlannedStep) -> str:
    reasons = [reason.code + (f" ({one_line(reason.detail)})" if reason.detail else "") for reason in one.reasons]
    return ", ".join([*reasons, *one.notes])
