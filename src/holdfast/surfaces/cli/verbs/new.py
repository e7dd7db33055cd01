"""`new`: a plan from a template."""

from pathlib import Path

import click

from holdfast.errors import RequestError
from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.group import nearest
from holdfast.surfaces.cli.options import as_json
from holdfast.surfaces.cli.outcome import quoted

PREPARATION = "make-demo.sh"
"""What a template calls the script that makes something to try its plan on."""

TEMPLATES = Path(__file__).parents[3] / "templates"


@click.command()
@click.argument("template", metavar="TEMPLATE")
@click.argument("directory", type=click.Path(path_type=Path), default=".", metavar="[DIR]")
@as_json
@click.pass_obj
def new(command: Command, template: str, directory: Path) -> int:
    """Write a plan from a template into DIR (this folder); nothing is overwritten.

    Templates are `hello`, `pipeline`, `flights`, `test-gates` and `safe-merge`.
    """
    screen = command.screen
    names = sorted(path.name for path in TEMPLATES.iterdir() if (path / "plan.yaml").is_file() and path.name != "demo")
    if template not in names:
        near = nearest(template, names)
        hint = f'did you mean "{near}"?' if near else f"there are {', '.join(names)}"
        raise RequestError(f'there is no template "{template}"', code="E_TEMPLATE", hint=hint)
    written = place(TEMPLATES / template, directory)
    if screen.json:
        screen.document({"template": template, "directory": str(directory.absolute()), "files": written})
    elif not screen.quiet:
        for name in written:
            screen.say(str(directory / name))
        before = f"sh {quoted(str(directory / PREPARATION))} && " if PREPARATION in written else ""
        screen.note(f"now: {before}{PROGRAM} run {quoted(str(directory / 'plan.yaml'))}")
    return 0


def place(source: Path, directory: Path) -> list[str]:
    """Copy a template's files; all or none: a file that exists already is an error before anything is written."""
    files = sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    names = [str(path.relative_to(source)) for path in files]
    taken = [name for name in names if (directory / name).exists() or (directory / name).is_symlink()]
    if taken:
        raise RequestError(
            f"{directory} has {', '.join(taken)} already; nothing was written",
            code="E_EXISTS",
            hint="name another folder",
        )
    for path, name in zip(files, names, strict=True):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        target.chmod(path.stat().st_mode & 0o777)
    return names
