"""One command line from arguments to exit code: global options, and what is said about errors."""

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from holdfast import __version__
from holdfast.errors import HoldfastError, RequestError, StoreError, UsageError
from holdfast.surfaces.cli.group import PROGRAM, Holdfast, no_flag
from holdfast.surfaces.cli.screen import Colour, Screen, Volume
from holdfast.surfaces.cli.text import clean

if TYPE_CHECKING:
    from holdfast.app import Holdfast as App

EXIT_USAGE: Final = 2
EXIT_BUG: Final = 70
EXIT_INTERRUPTED: Final = 130

PASSING: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)
"""Errors of the system that another try may not meet."""

EPILOG: Final = """\
State is in .holdfast/ of the nearest folder that has one, else beside the plan.

\b
Exit codes: 0 succeeded, 1 failed, 2 wrong usage, 3 not valid, 4 waiting for a person, 5 partial, 6 canceled,
7 integrity, 8 owned by another engine, 70 a bug, 75 store not reachable or full, 130 interrupted (resumable).
"""


class Command:
    """What every verb gets: the screen, and the app on the state folder that the options name."""

    def __init__(self, screen: Screen, directory: Path | None, db: str | None, log: str | None) -> None:
        self.screen = screen
        self._directory = directory
        self._db = db
        self._log = log

    def app(self, plan: Path | None = None, directory: Path | None = None) -> "App":
        """The app for a plan's folder, or for the current folder; `directory` is for when no option names one."""
        from holdfast.app import Holdfast as App

        app = App.find(plan, self._directory or directory, self._db)
        app.log = self._log or app.log
        return app


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


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code and raises nothing."""
    screen = _screen(arguments)
    try:
        code = _answered(arguments, screen)
    except HoldfastError as error:
        code = _refused(screen, error)
    except click.ClickException as error:
        code = _misused(screen, error)
    except (KeyboardInterrupt, click.Abort):
        screen.complain("interrupted")
        code = EXIT_INTERRUPTED
    except OSError as error:
        code = _refused(screen, _of_system(error))
    except Exception as error:  # noqa: BLE001 - the boundary: what nobody expected is recorded and said
        code = _bug(screen, error)
    try:
        screen.flush()
    except StoreError as error:
        code = _refused(screen, error)
    return code


def _screen(arguments: Sequence[str]) -> Screen:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name that the terminal's character set lacks must not end a command; JSON is UTF-8 by definition.
            stream.reconfigure(errors="backslashreplace", encoding="utf-8" if "--json" in arguments else None)
    return Screen(json="--json" in arguments)


def _answered(arguments: Sequence[str], screen: Screen) -> int:
    answer = cli.main(list(arguments), prog_name=PROGRAM, standalone_mode=False, obj=screen)
    return answer if isinstance(answer, int) else 0


def _refused(screen: Screen, error: HoldfastError) -> int:
    if error.exit_code == EXIT_BUG:
        return _bug(screen, error)
    _say(screen, error)
    return error.exit_code


def _say(screen: Screen, error: HoldfastError) -> None:
    screen.complain(f"{screen.paint('error:', 'red', stream=screen.err)} {_clean(error.headline)}")
    for fact in error.facts:
        screen.complain("  " + _clean(fact).replace("\n", "\n    "))
    if error.hint:
        screen.complain(f"  hint: {_clean(error.hint)}")
    if screen.json:
        what = {"code": error.code, "message": error.headline, "facts": list(error.facts), "hint": error.hint}
        problems = getattr(error, "problems", None)  # those of a plan; its class would cost an import
        screen.document({"error": what if problems is None else what | {"problems": problems}})


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
    _say(screen, UsageError(message, code="E_USAGE", hint=f"{path} --help"))
    return EXIT_USAGE


def _of_system(error: OSError) -> HoldfastError:
    """A file or device that could not be used, as an error for people."""
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    kind = StoreError if error.errno in PASSING else RequestError
    return kind(f"{place}{error.strerror or error}", code="E_SYSTEM")


def _bug(screen: Screen, error: Exception) -> int:
    import traceback

    trace = "".join(traceback.format_exception(error))
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    here = traceback.extract_tb(error.__traceback__)
    place = f"{Path(here[-1].filename).name}:{here[-1].lineno}" if here else "?"
    python = ".".join(map(str, sys.version_info[:3]))
    bug = HoldfastError(
        "this is a bug in Holdfast; what was recorded is safe, and resume goes on from it",
        code="E_BUG",
        facts=(what, f"at {place}, holdfast {__version__}, Python {python}, {sys.platform}"),
        hint="report these lines" + ("" if screen.verbose else f"; {PROGRAM} -v … shows the trace"),
    )
    _say(screen, bug)
    if screen.verbose:
        screen.complain(_clean(trace).rstrip())
    return EXIT_BUG


def _clean(text: str) -> str:
    return "\n".join(clean(line) for line in text.split("\n"))
