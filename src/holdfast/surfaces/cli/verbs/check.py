"""`check`: validate plans."""

from pathlib import Path

import click

from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json, door_options
from holdfast.surfaces.cli.text import clean, counted


@click.command()
@click.argument("plans", nargs=-1, required=True, type=click.Path(readable=False, path_type=Path), metavar="PLAN…")
@door_options
@as_json
@click.pass_obj
def check(command: Command, plans: tuple[Path, ...]) -> int:
    """Validate plans: every problem at once, with file, line, column and a hint."""
    screen = command.screen
    report = command.app(plans[0]).check(plans)
    code = 0 if report.ok else 3
    if screen.json:
        screen.document(report)
        return code
    for one in report.plans:
        for problem in one.problems:
            style = "red" if problem.severity == "error" else "yellow"
            place = f"{problem.file}:{problem.line}:{problem.column}"
            word = screen.paint(problem.severity, style)
            screen.say(f"{clean(place)}: {word}: {clean(problem.message)} [{problem.code}]")
            if problem.hint:
                screen.say(f"  hint: {clean(problem.hint)}")
        errors = sum(problem.severity == "error" for problem in one.problems)
        warnings = len(one.problems) - errors
        more = f", {counted(warnings, 'warning')}" if warnings else ""
        if errors:
            screen.complain(f"{clean(one.file)}: {counted(errors, 'error')}{more}")
        elif not screen.quiet:
            screen.say(f"{clean(one.file)}: ok{more}")
    return code
