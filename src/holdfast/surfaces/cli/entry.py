"""One command line from arguments to exit code: global options, and what is said about errors."""

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from holdfast import __version__
from holdfast.errors import HoldfastError, RequestError, StoreError
from holdfast.plan.door import Door
from holdfast.surfaces.cli import PROGRAM, short
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.text import clean

if TYPE_CHECKING:
    from holdfast.app import Holdfast as App

EXIT_BUG: Final = 70
EXIT_INTERRUPTED: Final = 130

PASSING: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)
"""Errors of the system that another try may not meet."""


class Command:
    """What every verb gets: the screen, and the app on the state folder that the options name."""

    def __init__(self, screen: Screen, directory: Path | None, db: str | None, log: str | None) -> None:
        self.screen = screen
        self._directory = directory
        self._db = db
        self._log = log
        self.door = Door()
        self.selection: dict[str, Any] = {}  # what the flags say about which steps are to run

    def app(self, plan: Path | None = None, directory: Path | None = None) -> "App":
        """The app for a plan's folder, or for the current folder; `directory` is for when no option names one."""
        from holdfast.app import Holdfast as App

        app = App.find(plan, self._directory or directory, self._db)
        app.door = self.door
        app.is_program = self.screen.is_program
        app.log = self._log or app.log
        return app


def run(arguments: Sequence[str], *, is_program: bool = False) -> int:
    """Run one command line; returns its exit code and raises nothing. `is_program`: this process is there for it."""
    screen = _screen(arguments)
    screen.is_program = is_program
    try:
        code = _answered(arguments, screen)
    except HoldfastError as error:
        code = _refused(screen, error)
    except KeyboardInterrupt:
        screen.complain("\ninterrupted")
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
    plain = short.read(arguments)
    if plain is not None:
        return plain(Command(screen, None, None, None))
    from holdfast.surfaces.cli.commands import answered

    return answered(arguments, screen)


def _refused(screen: Screen, error: HoldfastError) -> int:
    if error.exit_code == EXIT_BUG:
        return _bug(screen, error)
    say(screen, error)
    return error.exit_code


def say(screen: Screen, error: HoldfastError) -> None:
    """Say what went wrong, its facts and what to do; where a document is asked for, as a document too."""
    screen.complain(f"{screen.paint('error:', 'red', stream=screen.err)} {_clean(error.headline)}")
    for fact in error.facts:
        screen.complain("  " + _clean(fact).replace("\n", "\n    "))
    if error.hint:
        screen.complain(f"  hint: {_clean(error.hint)}")
    if screen.json:
        what = {"code": error.code, "message": error.headline, "facts": list(error.facts), "hint": error.hint}
        problems = getattr(error, "problems", None)  # those of a plan; its class would cost an import
        screen.document({"error": what if problems is None else what | {"problems": problems}})


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
    say(screen, bug)
    if screen.verbose:
        screen.complain(_clean(trace).rstrip())
    return EXIT_BUG


def _clean(text: str) -> str:
    return "\n".join(clean(line) for line in text.split("\n"))
