"""A project folder in which plans run for real, and what their runs left."""

from collections import Counter
from pathlib import Path
from textwrap import dedent

from holdfast.app import Holdfast, Request
from holdfast.app.people import load_run
from holdfast.app.runs import RunEnd
from holdfast.run import events as ev
from holdfast.run.machine import Run
from holdfast.run.standing import Failed, State, Succeeded, Uncertain


class Workshop:
    """Runs plan texts in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = folder / "plan.yaml"

    @property
    def app(self) -> Holdfast:
        return Holdfast.find(self.plan)

    def write(self, text: str) -> None:
        self.plan.write_text("plan: trial\n" + dedent(text))

    def module(self, text: str, name: str = "acts") -> None:
        (self.folder / f"{name}.py").write_text(dedent(text))

    def run(self, text: str, concurrency: int | None = None, **inputs: object) -> RunEnd:
        self.write(text)
        return self.app.run(self.plan, inputs, Request(concurrency=concurrency))

    def resume(self, run: str) -> RunEnd:
        [end] = self.app.resume(run)
        return end

    def state(self, run: str) -> Run:
        journal = self.app.open_journal("read")
        try:
            return load_run(journal, run)
        finally:
            journal.close()

    def step(self, end: RunEnd, name: str) -> State:
        run = self.state(end.run)
        return run.states[run.index[name]]

    def statuses(self, end: RunEnd) -> dict[str, str]:
        run = self.state(end.run)
        return {name: run.states[i].status.value for name, i in run.index.items()}

    def outputs(self, end: RunEnd, name: str) -> dict[str, object]:
        state = self.step(end, name)
        assert isinstance(state, Succeeded)
        return state.result.outputs

    def error(self, end: RunEnd, name: str) -> ev.Error:
        state = self.step(end, name)
        assert isinstance(state, Failed | Uncertain)
        return state.error

    def events(self, end: RunEnd) -> list[ev.Event]:
        return [stored.event for stored in self.app.events(end.run)]

    def starts(self, end: RunEnd) -> Counter[str | None]:
        return Counter(event.step for event in self.events(end) if isinstance(event.body, ev.AttemptStarted))

    def notes(self, end: RunEnd, name: str) -> tuple[str, ...]:
        ended = [e.body for e in self.events(end) if isinstance(e.body, ev.AttemptEnded) and e.step == name]
        return ended[-1].notes

    def log(self, end: RunEnd, name: str) -> bytes:
        return (self.app.logs_folder(end.run) / "logs" / name).read_bytes()

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()
