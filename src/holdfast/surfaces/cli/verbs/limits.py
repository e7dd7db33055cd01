"""`budget` and `breakers`: what runs may spend, and what keeps their attempts from starting."""

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.moments import local
from holdfast.surfaces.cli.naming import resolved, resuming
from holdfast.surfaces.cli.options import as_json, by_option, run_argument
from holdfast.surfaces.cli.table import table

if TYPE_CHECKING:
    from holdfast.app.documents import ShownBreaker


@click.command(context_settings={"ignore_unknown_options": True})
@run_argument
@click.argument("key", metavar="KEY")
@click.argument("amount", metavar="+AMOUNT")
@click.option("--step", metavar="STEP", help="Of this step's own budget, not of the run's.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the record.")
@by_option
@as_json
@click.pass_obj
def budget(command: Command, *, run: str, key: str, amount: str, step: str | None, reason: str, by: str | None) -> int:
    """Allow more of a budget: `cost`, `tokens`, `time` or `calls.CAPABILITY`. `resume` goes on.

    AMOUNT is what is added: `+5` (USD), `+20000` (tokens, calls), `+30m` (time).
    """
    from holdfast.app.budgets import Raise

    app, screen = command.app(), command.screen
    run = resolved(app, run)
    asked = Raise(key, amount, step, reason, by)
    said = app.raise_budget(run, asked)
    with app.reading() as reading:
        shown = reading.show(run)
    if screen.json:
        screen.document(shown)
    elif not screen.quiet:
        after = f"; to go on: {resuming(app, run)}" if shown.status in {"blocked", "paused"} else ""
        screen.say(f"run {run}: {said}; it is {shown.status} now{after}")
    return 0


@click.command()
@as_json
@click.pass_obj
def breakers(command: Command) -> int:
    """List circuit breakers: whether they let attempts through, and when they are tried again."""
    screen, app = command.screen, command.app()
    listed: list[ShownBreaker] = []
    if app.database.exists():
        with app.reading() as reading:
            listed = reading.breakers()
    if screen.json:
        screen.document({"breakers": listed})
        return 0
    if not listed:
        screen.note("no attempt of a step with a `breaker` has failed yet")
    screen.lines(table(("BREAKER", "STATE", "FAILURES", "SINCE", "NEXT TRIAL", "LAST"), [_row(one) for one in listed]))
    return 0


def _row(one: "ShownBreaker") -> tuple[str, ...]:
    trials = ", ".join(f"{trial['step']} of {trial['run']}" for trial in one.trials)
    due = f"under way: {trials}" if trials else local(one.next_trial_at) if one.next_trial_at else ""
    since = local(one.since) if one.since else ""
    return one.breaker, one.state, str(one.failures), since, due, one.error or ""
