"""`inbox`, `approve`, `reject` and `resolve`: what people are asked, and their answers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import click

from holdfast.surfaces.cli.asking import described, to_answer
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.naming import resuming
from holdfast.surfaces.cli.options import as_json, by_option, named_values, run_argument, step_argument

if TYPE_CHECKING:
    from holdfast.app.documents import Asked
    from holdfast.run.events import Verdict

CHOICES = ("happened", "not-happened", "recheck", "skip")


@click.command()
@as_json
@click.pass_obj
def inbox(command: Command) -> int:
    """List what people are asked, over all runs."""
    screen, app = command.screen, command.app()
    requests: list[Asked] = []
    if app.database.exists():
        requests = app.inbox().requests
    if screen.json:
        screen.document({"requests": requests})
        return 0
    if not requests:
        screen.note("nothing is asked")
    for one in requests:
        screen.lines(described(one))
        screen.lines([f"  {line}" for line in to_answer(one)])
    return 0


@click.command()
@click.argument("request", metavar="REQUEST")
@click.option("--reason", metavar="TEXT", help="What you looked at, for the record.")
@by_option
@as_json
@click.pass_obj
def approve(command: Command, request: str, reason: str | None, by: str | None) -> int:
    """Say that a step did what it promised, or that a loop goes round once more. Recorded once; `resume` goes on."""
    return _answer(command, request, ("approve", reason, by))


@click.command()
@click.argument("request", metavar="REQUEST")
@click.option("--reason", metavar="TEXT", help="What is missing, for the record.")
@by_option
@as_json
@click.pass_obj
def reject(command: Command, request: str, reason: str | None, by: str | None) -> int:
    """Say that a step did not do what it promised (it fails with expect.failed), or that a loop is left."""
    return _answer(command, request, ("reject", reason, by))


def _answer(command: Command, request: str, said: "tuple[Verdict, str | None, str | None]") -> int:
    app, screen = command.app(), command.screen
    run = app.answer(request, *said)
    if screen.json:
        with app.reading() as reading:
            screen.document(reading.show(run))
    elif not screen.quiet:
        word = {"approve": "approved", "reject": "rejected"}[said[0]]
        screen.say(f"request {request} is {word}; to go on: {resuming(app, run)}")
    return 0


@click.command()
@run_argument
@step_argument
@click.argument("choice", type=click.Choice(CHOICES), metavar="|".join(CHOICES))
@click.option(
    "--output",
    "outputs",
    multiple=True,
    callback=named_values,
    metavar="NAME=VALUE",
    help="An output of the step, if it happened; may be repeated.",
)
@click.option("--reason", metavar="TEXT", help="How you know, for the record.")
@by_option
@as_json
@click.pass_obj
def resolve(
    command: Command,
    *,
    run: str,
    step: str,
    choice: Literal["happened", "not-happened", "recheck", "skip"],
    outputs: Mapping[str, str],
    reason: str | None,
    by: str | None,
) -> int:
    """Settle whether the effect of a step happened. It is recorded once; `resume` goes on."""
    from holdfast.app import Answer

    if outputs and choice != "happened":
        raise click.UsageError("--output goes with `happened` only")
    app, screen = command.app(), command.screen
    with app.reading() as reading:
        run = reading.resolve_run(run)
    app.resolve(run, step, Answer(choice, outputs, reason, by))
    if screen.json:
        with app.reading() as reading:
            screen.document(reading.show(run))
    elif not screen.quiet:
        screen.say(f"{step} of run {run}: {choice}; to go on: {resuming(app, run)}")
    return 0
