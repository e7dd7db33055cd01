"""What surrounds runs that this process drives: who listens, Ctrl-C, and what is said when they have come to rest."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from holdfast.errors import RequestError, StoreError
from holdfast.run import events as ev
from holdfast.surfaces.cli.apart import stdout_apart
from holdfast.surfaces.cli.interrupts import ctrl_c
from holdfast.surfaces.cli.live import Source, View
from holdfast.surfaces.cli.outcome import failures, headline, next_words, paint_status, waits
from holdfast.surfaces.cli.records import record
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.text import one_line

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.app.documents import Shown
    from holdfast.app.runs import RunEnd


class Listener(Protocol):
    """Who is told of events; the engine's own protocol, seen from here."""

    def on_event(self, stored: ev.StoredEvent) -> None:
        """An event is durable."""
        ...

    def on_idle(self) -> None:
        """Nothing to do right now."""
        ...


class EventLines:
    """Prints every event as a JSON line, and shows the view beside it."""

    def __init__(self, screen: Screen, view: View) -> None:
        self._screen = screen
        self._view = view

    def on_event(self, stored: ev.StoredEvent) -> None:
        """Print one event."""
        self._screen.record(record(stored))
        self._view.on_event(stored)

    def on_idle(self) -> None:
        """Nothing to print."""
        self._view.on_idle()


def view_of(screen: Screen, app: "Holdfast", steps: Sequence[str] | None = None) -> View:
    """The live view of runs of this app; `steps` are the ids of the run's steps where they are known already."""
    known = [] if steps is None else [steps]

    def steps_of(run: str) -> Sequence[str]:
        if known:
            return known.pop()  # of the first run; those that follow are inside of it
        with app.reading() as reading:
            return reading.step_ids(run)

    def history(run: str) -> list[ev.Event]:
        return [stored.event for stored in app.events(run)]

    return View(screen, Source(steps_of, app.logs_folder, history))


@contextmanager
def driving(
    screen: Screen, app: "Holdfast", *, steps: Sequence[str] | None = None, json_events: bool = False
) -> Iterator[Listener]:
    """While inside, the yielded listener shows what happens, and Ctrl-C pauses the runs."""
    apart = stdout_apart(screen) if json_events or screen.json else nullcontext()
    with apart, view_of(screen, app, steps) as view, ctrl_c(app.interrupt, view.note):
        yield EventLines(screen, view) if json_events else view


def told(screen: Screen, app: "Holdfast", end: "RunEnd", *, json_events: bool = False) -> "Shown":
    """Say how a run came to rest: what failed and what is asked on stderr, the outcome on stdout."""
    shown = _read_back(app, end.run)
    for text in dict.fromkeys((*end.warnings, *shown.warnings)):
        screen.note(f"warning: {one_line(text)}")
    for line in [*failures(screen, shown, app.logs_folder), *waits(shown)]:
        screen.complain(line)
    text = paint_status(screen, headline(shown), shown.status)
    if json_events or screen.json:
        screen.note(text)
    elif not screen.quiet:
        screen.say(text)
    for line in next_words(shown):
        screen.note(line)
    return shown


def _read_back(app: "Holdfast", run: str) -> "Shown":
    """The run as its record shows it; a record that has gone meanwhile is no fault of who asks."""
    try:
        with app.reading() as reading:
            return reading.show(run)
    except RequestError as error:
        raise StoreError(
            f"what was recorded of run {run} was taken away while it ran",
            code="E_STATE_GONE",
            facts=[error.headline],
            hint="see what removes the state folder; nothing can go on with this run",
        ) from error


def worst(codes: Sequence[int]) -> int:
    """The exit code of several runs: the one that most asks for attention."""
    order = (0, 5, 4, 130, 6, 8, 1, 75, 7, 70)
    return max(codes, key=order.index, default=0)
