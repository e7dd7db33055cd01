"""`report`: one self-contained page about a run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast import __version__
from holdfast.run import events as ev
from holdfast.surfaces.cli.bars import bars_of
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.moments import local, rfc3339
from holdfast.surfaces.cli.options import as_json, run_argument
from holdfast.surfaces.cli.page import Decision, Report, Words, html, markdown
from holdfast.surfaces.cli.tail import last_lines

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.app.documents import ShownStep

LINES = 40
"""Last lines of a step in a report."""
LOGS_MAX = 500
"""Steps that did not fail whose last lines a report has, folded away."""

FORMATS = {"html": html, "md": markdown}


@click.command()
@run_argument
@click.option("--html", "form", flag_value="html", help="An HTML page (the default).")
@click.option("--md", "form", flag_value="md", help="A Markdown page.")
@click.option("-o", "--output", metavar="FILE", help="Where to; - is stdout. Else report-RUN.html here.")
@as_json
@click.pass_obj
def report(command: Command, run: str, form: str | None, output: str | None) -> int:
    """Write one self-contained page about a run: what ran when, what failed and why, who decided what."""
    app, screen = command.app(), command.screen
    form = form or ("md" if output and output.endswith((".md", ".markdown")) else "html")
    with app.reading() as reading:
        run = reading.resolve_run(run)
    text = FORMATS[form](gathered(app, run))
    if output == "-":
        if screen.json:
            raise click.UsageError("--json needs a file to name; -o - prints the page itself")
        screen.raw(text)
        return 0
    path = Path(output or f"report-{run}.{form}")
    write(path, text)
    if screen.json:
        screen.document({"run": run, "file": str(path.absolute()), "format": form})
    elif not screen.quiet:
        screen.say(str(path))
    return 0


def gathered(app: "Holdfast", run: str) -> Report:
    """All that a report says, read from the journal and the logs."""
    with app.reading() as reading:
        shown, timeline = reading.show(run), reading.timeline(run)
    folder = app.logs_folder(run)
    failed = {one.step: _words(folder, one) for one in shown.steps if one.status == "failed"}
    others = [one for one in shown.steps if one.step not in failed][:LOGS_MAX]
    said = {one.step: words for one in others if (words := _words(folder, one)).lines}
    return Report(
        shown,
        bars_of(timeline),
        failed,
        said,
        app.drawing_of_run(run),
        decisions(app, run),
        surroundings(app, run),
        __version__,
    )


def _words(folder: Path, one: "ShownStep") -> Words:
    """What the step's last attempt said last: its errors, else its output."""
    last = one.attempts[-1] if one.attempts else None
    names = [name for name in ((last.stderr, last.stdout) if last else ()) if name]
    found = (Words(str(folder / name), lines) for name in names if (lines := last_lines(folder / name, LINES)))
    return next(found, Words("", ()))


def surroundings(app: "Holdfast", run: str) -> list[tuple[str, str]]:
    """Who asked for a run, and on what it ran; an engine that took it over is named too."""
    found = []
    for _, _, event in app.events(run):
        body = event.body
        if isinstance(body, ev.RunCreated):
            found.append(("asked by", f"{body.who.by or body.who.user} on {body.who.host}"))
        elif isinstance(body, ev.RunOwned):
            who = f"holdfast {body.engine}, pid {body.pid} on {body.host}, {body.os}"
            found.append(("engine", f"{who}, from {local(rfc3339(event.at))}"))
    return found


def decisions(app: "Holdfast", run: str) -> list[Decision]:
    """What people decided about a run, in order."""
    found = []
    for _, _, event in app.events(run):
        body, at = event.body, local(rfc3339(event.at))
        if isinstance(body, ev.StepResolved):
            found.append(Decision(at, f"{event.step}: {body.choice}", body.who.by or body.who.user, body.reason or ""))
        elif isinstance(body, ev.RunPausing | ev.RunCanceling | ev.RunReleased):
            what = {"run.pausing": "pause", "run.canceling": "cancel", "run.released": "release"}[body.kind]
            found.append(Decision(at, what, body.who.by or body.who.user, body.reason or ""))
    return found


def write(path: Path, text: str) -> None:
    """Put a text in place at once: a reader sees the old file or the new one, whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
