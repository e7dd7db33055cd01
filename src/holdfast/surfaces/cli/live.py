"""What a person sees while runs go on: redrawn in place on a terminal, plain lines elsewhere; both on stderr."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from msgspec.structs import replace

from holdfast.run import events as ev
from holdfast.run.growth import group_id
from holdfast.surfaces.cli import frame
from holdfast.surfaces.cli.moments import took
from holdfast.surfaces.cli.progress import Active, Ended, Progress
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.tail import last_line
from holdfast.surfaces.cli.text import one_line

BEAT_S: Final = 30.0
"""Where lines are not redrawn, one says at least this often what is running."""

BEAT_NAMES: Final = 3
"""Steps named in such a line."""

LINES_LIVE: Final = 40
LINES_PLAIN: Final = 400
"""Plans with more steps get no line for each success."""

GOING: Final = frozenset({"pending", "running"})
MINOR: Final = frozenset({"done", "skipped"})
CTRL_C: Final = "interrupt"
"""The reason of a pause that has been told of already."""
DETAILS: Final = frozenset({"started"})


class Source(NamedTuple):
    """What the view asks about a run: its steps, the folder of its logs, its events so far."""

    steps: Callable[[str], Sequence[str]]
    logs: Callable[[str], Path]
    history: Callable[[str], Iterable[ev.Event]]


class View:
    """Listens to the events of runs and shows where they stand, each time the engine is idle."""

    def __init__(self, screen: Screen, source: Source) -> None:
        self._screen = screen
        self._source = source
        self._live = screen.live
        self._runs: dict[str, Progress] = {}
        self._columns: dict[str, int] = {}
        self._unknown: dict[str, list[ev.StoredEvent]] = {}  # events of runs that were not recalled yet
        self._notes: deque[str] = deque()
        self._drawn = 0
        self._picture = ""
        self._beat = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._recall_unknown()
        self._say_notes()
        self._erase()

    def note(self, text: str) -> None:
        """Say something soon; safe in a signal handler."""
        self._notes.append(text)

    def recall(self, run: str, events: Iterable[ev.Event]) -> None:
        """Take what happened before anybody looked."""
        steps = self._source.steps(run)
        progress = self._runs[run] = Progress(run, sum(group_id(step) == step for step in steps))
        self._columns[run] = min(frame.NAMES_MAX, max(map(len, steps), default=0))
        for event in events:
            progress.take(event)

    def on_event(self, stored: ev.StoredEvent) -> None:
        """Take an event of a run."""
        run, event = stored.run, stored.event
        if run not in self._runs:
            if not isinstance(event.body, ev.RunCreated):
                self._unknown.setdefault(run, []).append(stored)  # recalled when nothing more urgent is to be done
                return
            self.recall(run, ())
        progress = self._runs[run]
        ended = progress.take(event)
        asked = event.body.reason if isinstance(event.body, ev.RunPausing) and progress.parent is None else None
        if asked is not None and asked != CTRL_C:
            self.note(f"pausing: {one_line(asked)}")
        if progress.parent is not None and ended is not None:
            ended = replace(ended, step=f"{self._prefix(progress)}{ended.step}")
        if ended is not None and self._wanted(progress, ended):
            word, rest = frame.line(ended, column=self._columns[run])
            several = sum(one.status in GOING and one.parent is None for one in self._runs.values()) > 1
            whose = f"{run}  " if several else ""
            self._print(self._painted(word, whose + rest))

    def on_idle(self) -> None:
        """Show where the runs stand now."""
        self._say_notes()
        self._recall_unknown()
        if self._live:
            self._draw()
        elif not self._screen.quiet and time.monotonic() - self._beat >= BEAT_S:
            self._say_beat()

    def _recall_unknown(self) -> None:
        unknown, self._unknown = self._unknown, {}
        for run, events in unknown.items():
            first = events[0].seq
            self.recall(run, islice(self._source.history(run), first - 1))
            for stored in events:
                self.on_event(stored)

    def _prefix(self, progress: Progress) -> str:
        """The steps that a nested run is inside of: `outer/inner/`."""
        names = ""
        while progress.parent is not None:
            names = f"{progress.parent.step}/{names}"
            around = self._runs.get(progress.parent.run)
            if around is None:
                break
            progress = around
        return names

    def _wanted(self, progress: Progress, ended: Ended) -> bool:
        if self._screen.quiet:
            return False
        if self._screen.verbose:
            return True
        few = progress.total <= (LINES_LIVE if self._live else LINES_PLAIN)
        return ended.word not in DETAILS and (few or ended.word not in MINOR)

    def _print(self, text: str) -> None:
        # The block is erased here and drawn again at the next idle moment: a burst of events costs one redraw.
        self._erase()
        self._screen.draw(text + "\n")
        self._beat = time.monotonic()

    def _painted(self, word: str, rest: str) -> str:
        if not word:
            return rest
        style = frame.WORD_STYLE.get(word, "dim")
        padding = " " * (frame.WORD - len(word))
        return self._screen.paint(word, style, stream=self._screen.err) + padding + rest

    def _draw(self) -> None:
        columns, lines = self._screen.size(self._screen.err)
        now = time.time_ns() // 1000
        going = [one for one in self._runs.values() if one.status == "running"]
        share = max(3, lines // max(1, len(going)))
        shown: list[str] = []
        for progress in going[: max(1, lines // 3)]:
            words = {one.step: self._last_words(progress.run, one) for one in islice(progress.running.values(), lines)}
            if len(going) > 1:
                inside = self._prefix(progress)
                shown.append(f"{inside}  {progress.plan}" if inside else f"{progress.plan} {progress.run}")
            block = frame.frame(progress, now, words, (columns, share - (len(going) > 1)))
            shown += [self._painted(word, rest) for word, rest in block]
        picture = "".join(f"{line}\n" for line in shown)
        if picture != self._picture:
            self._screen.draw(self._erasure() + picture)
            self._picture, self._drawn = picture, len(shown)

    def _last_words(self, run: str, one: Active) -> str:
        folder = self._source.logs(run)
        return next((text for name in one.logs if (text := last_line(folder / name))), "")

    def _erase(self) -> None:
        if self._drawn:
            self._screen.draw(self._erasure())
        self._picture, self._drawn = "", 0

    def _erasure(self) -> str:
        return f"\x1b[{self._drawn}A\r\x1b[J" if self._drawn else ""

    def _say_notes(self) -> None:
        while self._notes:
            text = self._notes.popleft()
            if not self._screen.quiet:
                self._print(text)

    def _say_beat(self) -> None:
        now = time.time_ns() // 1000
        for progress in self._runs.values():
            if progress.status != "running":
                continue
            active = sorted(progress.running.values(), key=lambda one: one.since)[:BEAT_NAMES]
            names = ", ".join(f"{one.step} {took((now - one.since) / 1_000_000)}" for one in active)
            self._print(self._painted("running", f"{names or '-'}; {frame.counts(progress, now)}"))
        self._beat = time.monotonic()
