"""`convert`: a foreign plan in the native format."""

from pathlib import Path

import click

from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.options import as_json, door_options
from holdfast.surfaces.cli.text import clean


@click.command()
@click.argument("file", type=click.Path(readable=False, path_type=Path), metavar="FILE")
@door_options
@as_json
@click.pass_obj
def convert(command: Command, file: Path) -> int:
    """Print a plan of a foreign format as a native plan; nothing is written."""
    screen = command.screen
    made = command.app(file).convert(file)
    if screen.json:
        screen.document(made)
        return 0
    for problem in made.warnings:
        screen.note("\n".join(clean(line) for line in str(problem).split("\n")))
    screen.raw(made.yaml)
    return 0
