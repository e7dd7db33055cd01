"""`graph`: a plan or a run as Mermaid or DOT text."""

from collections.abc import Mapping
from pathlib import Path

import click

from holdfast.plan.drawing import Drawing, dot, mermaid
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json
from holdfast.surfaces.cli.outcome import statuses
from holdfast.surfaces.cli.text import clean

PLAN_SUFFIXES = (".yaml", ".yml", ".json")
FORMS = {"mermaid": mermaid, "dot": dot}


@click.command()
@click.argument("target", metavar="PLAN|RUN")
@click.option("--mermaid", "form", flag_value="mermaid", default=True, help="Mermaid text (the default).")
@click.option("--dot", "form", flag_value="dot", help="DOT text, for Graphviz.")
@as_json
@click.pass_obj
def graph(command: Command, target: str, form: str | None) -> int:
    """Draw a plan, or a run with the status of each step, as text that other tools make pictures of."""
    screen, form = command.screen, form or "mermaid"
    run, drawing, statuses = _drawn(command, target)
    text = clean_lines(FORMS[form](drawing, statuses))
    if screen.json:
        screen.document(
            {
                "plan": drawing.title,
                "run": run,
                "format": form,
                "text": text,
                "nodes": [{"step": node.id, "status": statuses.get(node.id)} for node in drawing.nodes],
                "arrows": [
                    {"from": each.source, "to": each.target, "on": each.label or None} for each in drawing.arrows
                ],
            }
        )
    else:
        screen.raw(text)
    return 0


def clean_lines(text: str) -> str:
    """The text without anything that a terminal would obey; its lines stay."""
    return "\n".join(clean(line) for line in text.split("\n"))


def _drawn(command: Command, target: str) -> tuple[str | None, Drawing, Mapping[str, str]]:
    if target.endswith(PLAN_SUFFIXES) or Path(target).is_file():
        file = Path(target)
        return None, command.app(file).drawing_of_plan(file), {}
    app = command.app()
    with app.reading() as reading:
        shown = reading.show(reading.resolve_run(target))
    return shown.run, app.drawing_of_run(shown.run), statuses(shown)
