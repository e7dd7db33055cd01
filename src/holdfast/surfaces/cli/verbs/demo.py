"""`demo`: a small real plan in a new folder, run; then what to look at and what to try."""

import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from holdfast.errors import RequestError
from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.driving import driving, told
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json
from holdfast.surfaces.cli.preview import preview
from holdfast.surfaces.cli.verbs.new import TEMPLATES, place

DEMO = "demo"
DEMO_PLAN = "stdlib-inventory"
PLAN = "plan.yaml"
REPORT = "out/report.html"
STATE = ".holdfast"

TRY = f"""\
  {PROGRAM} show last
      what ran, how often it was tried, what it gave and made
  {PROGRAM} logs last timing --attempt 1
      what the attempt that failed had to say
  {PROGRAM} run {PLAN} & sleep 2; kill -9 $!; {PROGRAM} resume
      kill it in the middle and go on: what runs is adopted, what is done stays done"""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default="holdfast-demo", metavar="[DIR]")
@as_json
@click.pass_obj
def demo(command: Command, directory: Path) -> int:
    """Write a small real plan into a new folder (holdfast-demo) and run it; it leaves a report with charts."""
    from holdfast.app import Request

    screen, plan = command.screen, directory / PLAN
    refuse_full(directory)
    written = place(TEMPLATES / DEMO, directory)
    (directory / STATE).mkdir()  # so that the demo's runs are not mixed with those of a folder above
    screen.note(f"wrote {', '.join(written)} into {directory}\n")
    app = command.app(plan)
    steps = preview(screen, app.preview(plan), plan)
    with driving(screen, app, steps=steps) as listener:
        end = app.run(plan, {}, Request(), listener)
    told(screen, app, end)
    if screen.json:
        report = str((directory / REPORT).absolute())
        screen.document(
            {"run": end.run, "status": end.status, "directory": str(directory.absolute()), "report": report}
        )
    elif end.exit_code == 0:
        screen.note(farewell(directory))
    return end.exit_code


def refuse_full(directory: Path) -> None:
    """Raises `RequestError` unless the folder is new or empty."""
    if not directory.is_dir():
        return  # what cannot be made says so itself
    if not any(directory.iterdir()):
        return
    other = directory.with_name(f"{directory.resolve().name}-2")
    hint = f"name a new folder: {PROGRAM} demo {shlex.quote(str(other))}"
    if is_demo(directory):
        hint = f"run it again: cd {shlex.quote(str(directory))} && {PROGRAM} run {PLAN}; or {hint}"
    raise RequestError(f"the folder {directory} is not empty; nothing was written", code="E_EXISTS", hint=hint)


def is_demo(directory: Path) -> bool:
    """Whether the folder holds an earlier demo."""
    try:
        return f"plan: {DEMO_PLAN}\n" in (directory / PLAN).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def farewell(directory: Path) -> str:
    """The last words: where the report is, what to look at, what to type next."""
    enter = [f"  cd {shlex.quote(str(directory))}"] if directory.resolve() != Path.cwd() else []
    if (folder := off_path()) is not None:
        enter.append(f'  export PATH={shlex.quote(str(folder))}:"$PATH"')
    return "\n".join(
        [
            "",
            f"The report is {directory / REPORT}; open it in a browser. Charts and a table of the standard library,",
            'and what the run did when: the red bar is the attempt of "timing" that failed, and was tried again.',
            "",
            f"The plan is {directory / PLAN}, and worth reading. Then try:",
            "",
            *enter,
            TRY,
        ]
    )


def off_path() -> Path | None:
    """The folder of this program where the shell would not find it by its name."""
    found = shutil.which(PROGRAM)
    own = [Path(sys.argv[0]).absolute().parent, Path(sys.executable).absolute().parent]
    for folder in own:
        program = folder / PROGRAM
        if os.access(program, os.X_OK):
            return None if found is not None and Path(found).resolve() == program.resolve() else folder
    return None
