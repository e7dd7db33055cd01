"""Every command line, read by click: the group of verbs with the options that stand before them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from holdfast import __version__
from holdfast.errors import UsageError
from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.entry import EXIT_INTERRUPTED, Command, say
from holdfast.surfaces.cli.group import Holdfast, no_flag
from holdfast.surfaces.cli.screen import Colour, Screen, Volume

EXIT_USAGE: Final = 2

EPILOG: Final = """\
State is in .holdfast/ of the nearest folder that has one, else beside the plan.

\b
Exit codes: 0 succeeded, 1 failed, 2 wrong usage, 3 not valid, 4 waiting for a person, 5 partial, 6 canceled,
7 integrity, 8 owned by another engine, 70 a bug, 75 store not reachable or full, 130 interrupted (resumable).
"""


@click.group(
    PROGRAM,
    cls=Holdfast,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), metavar="D", help="The folder that holds .holdfast."
)
@click.option("--db", metavar="URL", help="The database: sqlite:///… or postgresql://…")
@click.option(
    "--color",
    "colour",
    type=click.Choice([one.value for one in Colour]),
    default=Colour.AUTO.value,
    metavar="WHEN",
    help="auto (default), always or never.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Details; and where a bug was met, its trace.")
@click.option(
    "--log-json", "log", metavar="FILE", help="Append what the engine does to FILE as JSON lines; - is stderr."
)
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name=PROGRAM)
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    directory: Path | None,
    db: str | None,
    colour: str,
    quiet: bool,
    verbose: bool,
    log: str | None,
) -> None:
    """Run plans that must not be lost."""
    screen = ctx.ensure_object(Screen)
    screen.colour = Colour(colour)
    if quiet and verbose:
        raise click.UsageError("-q and -v exclude each other", ctx)
    screen.volume = Volume.QUIET if quiet else Volume.VERBOSE if verbose else Volume.NORMAL
    ctx.obj = Command(screen, directory, db, log)


def answered(arguments: Sequence[str], screen: Screen) -> int:
    """Do what a command line asks; returns the exit code, and raises what the verb raises."""
    try:
        answer = cli.main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=screen)
    except click.ClickException as error:
        return _misused(screen, error)
    except click.Abort:
        screen.complain("interrupted")
        return EXIT_INTERRUPTED
    return answer if isinstance(answer, int) else 0


def _misused(screen: Screen, error: click.ClickException) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.NoSuchOption):
        known = [name for one in (context.command.params if context else []) for name in one.opts]
        message = no_flag(error.option_name, known)
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        screen.complain(error.format_message())
        return EXIT_USAGE
    else:
        message = error.format_message()
    message = message[:1].lower() + message[1:].removesuffix(".")
    path = context.command_path if context else PROGRAM
    say(screen, UsageError(message, code="E_USAGE", hint=f"{path} --help"))
    return EXIT_USAGE
