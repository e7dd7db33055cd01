"""`run` and `resume`: drive runs with a live view."""

from collections.abc import Mapping
from pathlib import Path

import click

from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import (
    as_json,
    door_options,
    duration,
    named_values,
    optional_run,
    plan_argument,
    positive_duration,
    selecting_options,
)
from holdfast.surfaces.cli.running import Manner, resume_runs, run_plan
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.verbs.plan import show_plan

_INPUT_HELP = "An input of the plan; may be repeated."
_WAIT_HELP = "Stay this long where only people, `requires` or timers far away can move the run."
_MAX_TIME_HELP = "Start nothing later than D from now: what runs is awaited, and the run pauses. `resume` goes on."
_YES_HELP = "Ask nothing at the terminal; what only a person can decide stays open."
_KEEP_GOING_HELP = "After a failure go on with all that does not depend on it; the run still ends failed."
_EVENTS_HELP = "Print each event as a JSON line as it happens."


@click.command()
@plan_argument
@click.option("-i", "--input", "inputs", multiple=True, callback=named_values, metavar="NAME=VALUE", help=_INPUT_HELP)
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Steps at once.")
@click.option("--wait", "wait_s", callback=duration, metavar="D", help=_WAIT_HELP)
@click.option("--max-time", "max_time_s", callback=positive_duration, metavar="D", help=_MAX_TIME_HELP)
@door_options
@selecting_options
@click.option("--keep-going", is_flag=True, help=_KEEP_GOING_HELP)
@click.option("--dry-run", is_flag=True, help="Only say what would run, as `plan`, and what would change in files.")
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
    max_time_s: float | None,
    keep_going: bool,
    dry_run: bool,
    yes: bool,
    json_events: bool,
) -> int:
    """Plan, then run with a live view.

    Ctrl-C pauses the run: running steps are awaited. Twice stops them. `resume` goes on.
    """
    from holdfast.app import Request

    request = Request(
        concurrency=jobs, wait_s=wait_s, keep_going=keep_going, max_time_s=max_time_s, **command.selection
    )
    manner = _manner(command.screen, yes=yes, json_events=json_events)
    if dry_run:
        return show_plan(command, plan, inputs, request, changes=True)
    return run_plan(command, plan, inputs, request, manner)


@click.command()
@optional_run
@click.option("--wait", "wait_s", callback=duration, metavar="D", help=_WAIT_HELP)
@click.option("--max-time", "max_time_s", callback=positive_duration, metavar="D", help=_MAX_TIME_HELP)
@click.option("--yes", is_flag=True, help=_YES_HELP)
@click.option("--json-events", is_flag=True, help=_EVENTS_HELP)
@as_json
@click.pass_obj
def resume(
    command: Command, *, run: str | None, wait_s: float, max_time_s: float | None, yes: bool, json_events: bool
) -> int:
    """Go on after a crash, a pause or an answer; without RUN everything that can."""
    from holdfast.app import Request

    manner = _manner(command.screen, yes=yes, json_events=json_events)
    return resume_runs(command, run, Request(wait_s=wait_s, max_time_s=max_time_s), manner)


def _manner(screen: Screen, *, yes: bool, json_events: bool) -> Manner:
    if screen.json and json_events:
        raise click.UsageError("--json and --json-events exclude each other")
    return Manner(ask=not yes, json_events=json_events)
