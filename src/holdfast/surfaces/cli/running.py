"""What `run` and `resume` do, once it is known what is asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.driving import driving, told, worst
from holdfast.surfaces.cli.entry import Command
from holdfast.surfaces.cli.naming import resolved
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.text import counted

if TYPE_CHECKING:
    from holdfast.app import Holdfast, Request
    from holdfast.app.documents import Shown
    from holdfast.app.runs import RunEnd

WAITING = 4


class Manner(NamedTuple):
    """How runs are driven: whether a person may be asked, whether each event is printed as a JSON line."""

    ask: bool = True
    json_events: bool = False


class _Settled(NamedTuple):
    exit_code: int
    shown: "Shown"


def run_plan(command: Command, plan: Path, inputs: Mapping[str, str], request: "Request", manner: Manner) -> int:
    """Run a plan with a live view; returns the exit code."""
    from holdfast.surfaces.cli.preview import preview

    screen, app = command.screen, command.app(plan)
    steps = preview(screen, app.preview(plan, inputs, request), plan)
    with driving(screen, app, steps=steps, json_events=manner.json_events) as listener:
        end = app.run(plan, inputs, request, listener)
    settled = _settled(screen, app, end, manner)
    if screen.json:
        screen.document(settled.shown)
    return settled.exit_code


def resume_runs(command: Command, run: str | None, request: "Request", manner: Manner) -> int:
    """Go on with a run, or with all that can; returns the exit code."""
    screen, app = command.screen, command.app()
    with driving(screen, app, json_events=manner.json_events) as listener:
        ends = app.resume(run and resolved(app, run), listener, request)
    if not ends:
        screen.note("nothing to resume" + waiting(app))
    settled = [_settled(screen, app, end, manner) for end in ends]
    if screen.json:
        screen.document({"runs": [one.shown for one in settled]})
    return worst([one.exit_code for one in settled])


def waiting(app: "Holdfast") -> str:
    """What is said of the runs that cannot go on before a person answers."""
    if not app.database.exists():
        return ""
    asked = len(app.inbox().requests)
    return f"; {counted(asked, 'question waits', 'questions wait')} for a person: {PROGRAM} inbox" if asked else ""


def _settled(screen: Screen, app: "Holdfast", end: "RunEnd", manner: Manner) -> _Settled:
    """Say how a run came to rest; at a terminal ask what it waits for, and go on when that was answered."""
    shown = told(screen, app, end, json_events=manner.json_events)
    while end.exit_code == WAITING and manner.ask and screen.interactive:
        from holdfast.surfaces.cli.asking import answered

        if not answered(screen, app, end.run):
            break
        steps = [one.step for one in shown.steps]
        with driving(screen, app, steps=steps, json_events=manner.json_events) as listener:
            end = app.resume(end.run, listener)[0]
        shown = told(screen, app, end, json_events=manner.json_events)
    return _Settled(end.exit_code, shown)
