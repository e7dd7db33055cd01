"""`plan`: what would run, and why."""

from pathlib import Path

import click

from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.group import PROGRAM
from holdfast.surfaces.cli.options import as_json, named_values, plan_argument
from holdfast.surfaces.cli.outcome import quoted
from holdfast.surfaces.cli.planned import Planned, PlannedStep, read
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.table import table
from holdfast.surfaces.cli.text import clean, counted, cut, one_line

LAYERS_SHOWN = 12
"""Layers that `run` lists before it starts."""


@click.command()
@plan_argument
@click.option("-i", "--input", "inputs", multiple=True, callback=named_values, metavar="NAME=VALUE", help="An input.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Steps at once.")
@as_json
@click.pass_obj
def plan(command: Command, plan: Path, inputs: dict[str, str], jobs: int | None) -> int:
    """Show what would run, and why; nothing is run and nothing is written."""
    from holdfast.app import Request

    document = command.app(plan).plan(plan, Request(concurrency=jobs), inputs)
    return print_plan(command.screen, document)


def print_plan(screen: Screen, document: dict[str, object]) -> int:
    """Print a plan document in full; returns the exit code: 3 where it holds errors."""
    planned = read(document)
    if screen.json:
        screen.document(document)
        return 3 if planned.errors else 0
    screen.say(f"{planned.plan}, revision {planned.revision}, {summary(planned)}")
    screen.say()
    rows = [(str(one.layer), one.step, one.verdict, _why(one)) for one in planned.steps]
    screen.lines(table(("LAYER", "STEP", "VERDICT", "WHY"), rows, screen.width))
    for text in planned.warnings:
        screen.note("\n".join(clean(line) for line in text.split("\n")))
    for fault in planned.errors:
        screen.complain(f"{screen.paint('error:', 'red', stream=screen.err)} {fault.code}: {one_line(fault.message)}")
    return 3 if planned.errors else 0


def preview(screen: Screen, document: dict[str, object], file: Path) -> list[str]:
    """Say on stderr what is about to run, in few lines; returns the ids of the steps."""
    planned = read(document)
    steps = [one.step for one in planned.steps]
    if screen.quiet:
        return steps
    screen.note(f"{planned.plan}, {summary(planned)}")
    going = {one.step for one in planned.steps if one.verdict in {"run", "maybe", "restore"}}
    width = screen.size(screen.err)[0] - 1
    layers = [(n, [step for step in layer if step in going]) for n, layer in enumerate(planned.layers)]
    shown = [(n, layer) for n, layer in layers if layer]
    for n, layer in shown[:LAYERS_SHOWN]:
        screen.note(cut(f"  {n}  {', '.join(layer)}", width))
    if len(shown) > LAYERS_SHOWN:
        screen.note(f"  … and {counted(len(shown) - LAYERS_SHOWN, 'more layer')}")
    if planned.warnings:
        shows = "shows it" if len(planned.warnings) == 1 else "shows them"
        screen.note(f"{counted(len(planned.warnings), 'warning')}; {PROGRAM} check {quoted(str(file))} {shows}")
    return steps


def summary(planned: Planned) -> str:
    """`4 steps: 3 run, 1 reuse`."""
    verdicts: dict[str, int] = {}
    for one in planned.steps:
        verdicts[one.verdict] = verdicts.get(one.verdict, 0) + 1
    parts = ", ".join(f"{number:,} {verdict}" for verdict, number in verdicts.items())
    return f"{counted(len(planned.steps), 'step')}: {parts or 'nothing to do'}"


def _why(one: PlannedStep) -> str:
    reasons = [reason.code + (f" ({one_line(reason.detail)})" if reason.detail else "") for reason in one.reasons]
    return ", ".join([*reasons, *one.notes])
