"""Where a run stands, from its events: what the live view shows. No I/O, no clock."""

from collections import Counter
from typing import ClassVar

import msgspec

from holdfast.run import events as ev
from holdfast.run.growth import instance_id
from holdfast.run.visits import used_up

ENDED = frozenset({"succeeded", "failed", "skipped"})


class Active(msgspec.Struct, frozen=True):
    """An attempt under way: since when (microseconds) and where its output goes."""

    step: str
    attempt: int
    since: int
    logs: tuple[str, ...] = ()


class Ended(msgspec.Struct, frozen=True):
    """What an event that people want to hear of says: a word, the step, and details."""

    word: str
    step: str
    text: str = ""
    seconds: float | None = None


class Progress(msgspec.Struct, eq=False):
    """One run as its events tell it; only `take` changes it, and an event taken twice changes nothing."""

    run: str
    total: int = 0
    plan: str = ""
    status: str = "pending"
    parent: ev.Parent | None = None  # of a run inside of another
    since: int | None = None
    asked: str | None = None  # "pause" or "cancel", once somebody asked for it
    steps: dict[str, str] = {}
    groups: dict[str, tuple[str, ...]] = {}  # step -> the keys of its instances
    visits: set[str] = set()  # those that loops have made
    running: dict[str, Active] = {}
    due: dict[str, tuple[int, int]] = {}  # step -> when its retry is due, which attempt it is
    doubts: dict[str, str] = {}  # step -> why its effect is uncertain
    waiting: dict[str, tuple[int, str]] = {}  # step -> since when it waits, and for what
    counts: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def done(self) -> int:
        """Steps that are ok."""
        return self.counts["succeeded"] + self.counts["reused"] + self.counts["recovered"]

    @property
    def left(self) -> int:
        """Steps of which nothing was heard yet."""
        return max(0, self.total - len(self.steps) + self.counts["pending"])

    def take(self, event: ev.Event) -> Ended | None:
        """Take one event; returns what people want to hear of it."""
        act = self._TAKE.get(event.body.kind)
        return act(self, event) if act else None

    def _created(self, event: ev.Event) -> None:
        assert isinstance(event.body, ev.RunCreated)
        self.plan = event.body.plan
        self.parent = event.body.parent

    def _owned(self, event: ev.Event) -> None:
        self.status = "running"
        self.asked = None
        self.since = self.since or event.at

    def _pausing(self, event: ev.Event) -> None:
        assert isinstance(event.body, ev.RunPausing)
        self.asked = "pause"

    def _canceling(self, _event: ev.Event) -> None:
        self.asked = "cancel"

    def _status(self, event: ev.Event) -> None:
        self.status = event.body.kind.removeprefix("run.")

    def _finished(self, event: ev.Event) -> None:
        assert isinstance(event.body, ev.RunFinished)
        self.status = event.body.outcome

    def _released(self, _event: ev.Event) -> None:
        self.status = "paused"

    def _skipped(self, event: ev.Event) -> Ended | None:
        assert isinstance(event.body, ev.StepSkipped)
        step = self._step(event, "skipped")
        return Ended("skipped", step, event.body.detail or event.body.why)

    def _failed(self, event: ev.Event) -> Ended | None:
        assert isinstance(event.body, ev.StepFailed)
        error, disposed = event.body.error, event.body.disposed
        step = self._step(event, "failed" if disposed is None else disposed.status)
        return Ended("failed", step, f"{error.code}: {error.message}" if error.message else error.code)

    def _waits(self, event: ev.Event) -> Ended | None:
        assert isinstance(event.body, ev.StepWaiting)
        step = self._step(event, "waiting")
        what = f"{event.body.cause}: {event.body.what}"
        self.waiting[step] = (event.body.since or event.at, what)
        return Ended("waits", step, what)

    def _expanded(self, event: ev.Event) -> Ended | None:
        assert isinstance(event.body, ev.StepExpanded)
        keys = event.body.keys
        if event.step in self.groups:
            return None
        step = self._step(event, "expanded")
        self.groups[step] = keys
        self.total += len(keys)
        return Ended("instances", step, f"{len(keys):,}")

    def _gathered(self, event: ev.Event) -> Ended | None:
        body = event.body
        assert isinstance(body, ev.StepGathered)
        step = self._step(event, body.status)
        if body.status == "failed":
            for key in self.groups.get(step, ()):
                name = instance_id(step, key)
                if self.steps.get(name) not in ENDED:
                    self._move(name, "canceled")
        return Ended({"succeeded": "done"}.get(body.status, body.status), step, said(body.error))

    def _jumped(self, event: ev.Event) -> Ended | None:
        body, step = event.body, event.step or ""
        assert isinstance(body, ev.StepJumped)
        if set(body.ids) <= self.visits:
            return None
        self.visits.update(body.ids)
        self.total += len(body.ids)
        return Ended("leads on", step, f"back to {body.target}, visit {body.visit}")

    def _stuck(self, event: ev.Event) -> Ended | None:
        body, step = event.body, event.step or ""
        assert isinstance(body, ev.StepStuck)
        self.waiting[step] = (event.at, f"loop: {used_up(body)}")
        return Ended("waits", step, self.waiting[step][1])

    def _answered(self, event: ev.Event) -> Ended | None:
        body = event.body
        assert isinstance(body, ev.StepAnswered)
        if event.step not in self.waiting:
            return None
        if event.attempt is None:
            del self.waiting[event.step]
            return Ended("approved" if body.choice == "approve" else "rejected", event.step, body.reason or "")
        if body.choice == "approve":
            return Ended("approved", self._step(event, "succeeded"), body.reason or "")
        step = self._step(event, "failed" if body.retry_at is None else "retrying")
        if body.retry_at is not None:
            self.due[step] = (body.retry_at, (event.attempt or 1) + 1)
        return Ended("rejected", step, body.reason or "")

    def _resolved(self, event: ev.Event) -> Ended | None:
        assert isinstance(event.body, ev.StepResolved)
        choice = event.body.choice
        if event.step not in self.doubts or choice == "recheck":
            return None
        step = self._step(event, {"happened": "succeeded", "skip": "skipped"}.get(choice, "pending"))
        return Ended("resolved", step, choice)

    def _started(self, event: ev.Event) -> Ended | None:
        assert isinstance(event.body, ev.AttemptStarted)
        step, attempt, launch = self._step(event, "running"), event.attempt or 1, event.body.launch
        logs = (launch.stdout, launch.stderr) if launch else ()
        self.running[step] = Active(step, attempt, event.at, tuple(log for log in logs if log))
        return Ended("started", step, f"attempt {attempt}" if attempt > 1 else "")

    def _adopted(self, event: ev.Event) -> Ended | None:
        return Ended("adopted", event.step or "", f"attempt {event.attempt} goes on")

    def _ended(self, event: ev.Event) -> Ended | None:
        body = event.body
        assert isinstance(body, ev.AttemptEnded)
        begun = self.running.get(event.step or "")
        seconds = (event.at - begun.since) / 1_000_000 if begun else None
        if body.review:
            step, what = self._step(event, "waiting"), f"review: {'; '.join(body.review)}"
            self.waiting[step] = (event.at, what)
            return Ended("waits", step, what, seconds)
        error = said(body.error) or (f"exit {body.exit_code}" if body.exit_code else body.status)
        if body.status == "succeeded":
            return Ended("done", self._step(event, "succeeded"), "", seconds)
        if body.status == "uncertain":
            step = self._step(event, "uncertain")
            self.doubts[step] = error
            return Ended("uncertain", step, error, seconds)
        if body.status in {"lost", "canceled"}:
            return Ended("lost" if body.status == "lost" else "stopped", self._step(event, "pending"), "", seconds)
        if body.retry_at is None:
            disposed = body.disposed
            return Ended("failed", self._step(event, "failed" if disposed is None else disposed.status), error, seconds)
        step = self._step(event, "retrying")
        self.due[step] = (body.retry_at, (event.attempt or 1) + 1)
        delay = max(0.0, (body.retry_at - event.at) / 1_000_000)
        return Ended("retry", step, f"{error}; attempt {(event.attempt or 1) + 1} in {delay:.1f}s", seconds)

    def _step(self, event: ev.Event, status: str) -> str:
        step = event.step
        assert step is not None
        self._move(step, status)
        return step

    def _move(self, step: str, status: str) -> None:
        for kept in (self.running, self.due, self.doubts, self.waiting):
            kept.pop(step, None)
        before = self.steps.get(step)
        if before is not None:
            self.counts[before] -= 1
        self.steps[step] = status
        self.counts[status] += 1

    _TAKE: ClassVar = {
        ev.RunCreated.kind: _created,
        ev.RunOwned.kind: _owned,
        ev.RunPausing.kind: _pausing,
        ev.RunPaused.kind: _status,
        ev.RunCanceling.kind: _canceling,
        ev.RunBlocked.kind: _status,
        ev.RunFinished.kind: _finished,
        ev.RunQuarantined.kind: _status,
        ev.RunReleased.kind: _released,
        ev.StepSkipped.kind: _skipped,
        ev.StepFailed.kind: _failed,
        ev.StepWaiting.kind: _waits,
        ev.StepExpanded.kind: _expanded,
        ev.StepGathered.kind: _gathered,
        ev.StepJumped.kind: _jumped,
        ev.StepStuck.kind: _stuck,
        ev.StepAnswered.kind: _answered,
        ev.StepResolved.kind: _resolved,
        ev.AttemptStarted.kind: _started,
        ev.AttemptAdopted.kind: _adopted,
        ev.AttemptEnded.kind: _ended,
    }


def said(error: ev.Error | None) -> str:
    """An error in one line: its message, else its code."""
    if error is None:
        return ""
    return error.message or error.code
