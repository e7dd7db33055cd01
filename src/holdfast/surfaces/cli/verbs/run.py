"""`run` and `resume`: drive runs with a live view."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from holdfast.surfaces.cli.asking import answered
from holdfast.surfaces.cli.driving import driving, told, worst
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.group import PROGRAM
from holdfast.surfaces.cli.options import as_json, duration, named_values, optional_run, plan_argument
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.text import counted
from holdfast.surfaces.cli.verbs.act import resolved
from holdfast.surfaces.cli.verbs.plan import preview, print_plan

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.app.documents import Shown
    from holdfast.app.runs import RunEnd

_INPUT_HELP = "An input of the plan; may be repeated."
_WAIT_HELP = "Stay this long where only people, `requires` or timers far away can move the run."
_YES_HELP = "Ask nothing at the terminal; what only a person can decide stays open."
_EVENTS_HELP = "Print each event as a JSON line as it happens."


class _Settled(NamedTuple):
    exit_code: int
    shown: "Shown"


@click.command()
@plan_argument
@click.option("-i", "--input", "inputs", multiple=True, callback=named_values, metavar="NAME=VALUE", help=_INPUT_HELP)
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Steps at once.")
@click.option("--wait", "wait_s", callback=duration, metavar="D", help=_WAIT_HELP)
@click.option("--dry-run", is_flag=True, help="Only say what would run, as `plan`.")
@click.option("--yes", is_flag=True, help=_YES_HELP)
@click.option("--json-events", is_flag=True, help=_EVENTS_HELP)
@as_json
@click.pass_obj
def run(
    command: Command,
    *,
    plan: Path,
    inputs: Mapping[str, str],
    jobs: int | None,
    wait_s: float,
    dry_run: bool,
    yes: bool,
    json_events: bool,
) -> int:
    """Plan, then run with a live view.

    Ctrl-C pauses the run: running steps are awaited. Twice stops them. `resume` goes on.
    """
    from holdfast.app import Request

    screen = command.screen
    _one_document(screen, json_events=json_events)
    app = command.app(plan)
    request = Request(concurrency=jobs, wait_s=wait_s)
    if dry_run:
        return print_plan(screen, app.plan(plan, request, inputs))
    steps = preview(screen, app.preview(plan, inputs), plan)
    with driving(screen, app, steps=steps, json_events=json_events) as listener:
        end = app.run(plan, inputs, request, listener)
    settled = _settled(screen, app, end, ask=not yes, json_events=json_events)
    if screen.json:
        screen.document(settled.shown)
    return settled.exit_code


@click.command()
@optional_run
@click.option("--wait", "wait_s", callback=duration, metavar="D", help=_WAIT_HELP)
@click.option("--yes", is_flag=True, help=_YES_HELP)
@click.option("--json-events", is_flag=True, help=_EVENTS_HELP)
@as_json
@click.pass_obj
def resume(command: Command, *, run: str | None, wait_s: float, yes: bool, json_events: bool) -> int:
    """Go on after a crash, a pause or an answer; without RUN everything that can."""
    from holdfast.app import Request

    screen = command.screen
    _one_document(screen, json_events=json_events)
    app = command.app()
    with driving(screen, app, json_events=json_events) as listener:
        ends = app.resume(run and resolved(app, run), listener, Request(wait_s=wait_s))
    if not ends:
        screen.note("nothing to resume" + waiting(app))
    settled = [_settled(screen, app, end, ask=not yes, json_events=json_events) for end in ends]
    if screen.json:
        screen.document({"runs": [one.shown for one in settled]})
    return worst([one.exit_code for one in settled])


def waiting(app: "Holdfast") -> str:
    """What is said of the runs that cannot go on before a person answers."""
    if not app.database.exists():
        return ""
    asked = len(app.inbox().requests)
    return f"; {counted(asked, 'question waits', 'questions wait')} for a person: {PROGRAM} inbox" if asked else ""


def _one_document(screen: Screen, *, json_events: bool) -> None:
    if screen.json and json_events:
        raise click.UsageError("--json and --json-events exclude each other")


def _settled(screen: Screen, app: "Holdfast", end: "RunEnd", *, ask: bool, json_events: bool) -> _Settled:
    """Say how a run came to rest; at a terminal ask what it waits for, and go on when that was answered."""
    shown = told(screen, app, end, json_events=json_events)
    while end.exit_code == 4 and ask and screen.interactive and answered(screen, app, end.run):
        with driving(screen, app, steps=[one.step for one in shown.steps], json_events=json_events) as listener:
            end = app.resume(end.run, listener)[0]
        shown = told(screen, app, end, json_events=json_events)
    return _Settled(end.exit_code, shown)
