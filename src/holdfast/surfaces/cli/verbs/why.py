"""`why`: the chain of reasons for or against running a step."""

import click

from holdfast.errors import RequestError
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json, step_argument
from holdfast.surfaces.cli.table import table
from holdfast.surfaces.cli.verbs.look import coloured


@click.command()
@step_argument
@click.option("--run", default="last", metavar="RUN", help="In this run; else in the last one.")
@click.option("--plan", metavar="ID", help="In the last run of this plan.")
@as_json
@click.pass_obj
def why(command: Command, step: str, run: str, plan: str | None) -> int:
    """Say why a step of a run ran, or why it did not, and what that goes back to."""
    app, screen = command.app(), command.screen
    with app.reading() as reading:
        if plan is not None:
            if run != "last":
                raise click.UsageError("--run and --plan exclude each other")
            run = next((one.run for one in reading.runs().runs if one.plan == plan), "")
            if not run:
                raise RequestError(f"plan {plan} was never run here", code="E_UNKNOWN_ID", hint="holdfast runs")
        run = reading.resolve_run(run)
    document = app.why(run, step)
    if screen.json:
        screen.document(document)
        return 0
    reasons = ", ".join(str(reason["code"]) for reason in document.reasons)
    screen.say(f"{step} is {document.status} in run {run} of {document.plan}; verdict {document.verdict} ({reasons})")
    rows = [(link.step, link.status, link.said, ", ".join(link.because)) for link in document.chain]
    screen.lines(coloured(screen, table(("STEP", "STATUS", "WHY", "BECAUSE OF"), rows, screen.width)))
    return 0
