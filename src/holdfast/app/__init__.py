"""The one service object, `Holdfast`: it wires the parts; every surface calls only this.

Parts are imported where they are first needed, since every command line pays for what it imports.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from holdfast.app.place import database_of, find_state, make_state
from holdfast.app.request import PLAIN_REQUEST, Answer, Request
from holdfast.errors import RequestError, StoreError
from holdfast.plan.door import Door

if TYPE_CHECKING:
    from holdfast.app.artifacts import Shelf
    from holdfast.app.budgets import Raise
    from holdfast.app.documents import Inbox
    from holdfast.app.looking import Checkup, Follower
    from holdfast.app.plans import CheckReport, Converted, LoadedPlan
    from holdfast.app.runs import RunEnd, Session
    from holdfast.app.why import Why
    from holdfast.engine.listener import Listener
    from holdfast.engine.loop import Engine
    from holdfast.journal.audit import Audit
    from holdfast.journal.reading import Reading
    from holdfast.journal.sqlite import SqliteJournal
    from holdfast.plan.drawing import Drawing
    from holdfast.ports import Owner
    from holdfast.run.events import Body, StoredEvent, Verdict, Who
    from holdfast.run.machine import Run

__all__ = ["Answer", "Holdfast", "Request"]

NO_INPUTS: Mapping[str, object] = {}


class Holdfast:
    """Everything that can be asked of Holdfast, on one state folder."""

    def __init__(self, state: Path, database: Path) -> None:
        """Nothing is created before something is to be kept."""
        self.state = state
        self.database = database
        self.log: str | None = (
            os.environ.get("HOLDFAST_LOG") or None
        )  # where engine log lines go: a file, or - for stderr
        self.door = Door()  # how plan files are read
        self.is_program = False  # the process is Holdfast's own, which may take in what a killed keeper leaves
        self.engine: Engine | None = None
        self._loaded: dict[Path, LoadedPlan] = {}

    @classmethod
    def find(cls, plan: Path | None = None, directory: Path | None = None, db: str | None = None) -> Self:
        """The app on the state folder that the options, the settings or the plan's place say; creates nothing."""
        state = find_state(plan, directory, os.environ)
        return cls(state, database_of(state, db, os.environ, plan))

    # Plans.

    def check(self, files: Sequence[Path]) -> "CheckReport":
        """Validate plan files: all problems of all files."""
        from holdfast.app.plans import check

        return check(files, self.door)

    def convert(self, file: Path) -> "Converted":
        """A foreign plan in the native format; raises `PlanInvalidError` or `RequestError`."""
        from holdfast.app.plans import convert

        return convert(file, self.door)

    def plan(self, file: Path, request: Request, inputs: Mapping[str, object] = NO_INPUTS) -> dict[str, object]:
        """What would run and why, as the `plan --json` document; writes nothing.

        Raises `PlanInvalidError`, `RequestError`, and `WaitingError` where an effect is in doubt.
        """
        from holdfast.app.earlier import look_for_earlier

        document: dict[str, Any] = self.preview(file, inputs, request)
        return document | {"warnings": document["warnings"] + look_for_earlier(self, self.load(file).plan.id)}

    def dry_run(self, file: Path, request: Request, inputs: Mapping[str, object] = NO_INPUTS) -> dict[str, object]:
        """As `plan`, with the changes to files that its `file` steps would make (`previews`), where it has any."""
        from holdfast.app.previews import changes
        from holdfast.app.runs import requested

        return self.plan(file, request, inputs) | changes(*requested(self, file, inputs)[:2])

    def preview(
        self, file: Path, inputs: Mapping[str, object] = NO_INPUTS, request: Request = PLAIN_REQUEST
    ) -> dict[str, object]:
        """As `plan`, without regard to earlier runs: `run` itself decides what becomes of those."""
        from holdfast.app.planned import document_of
        from holdfast.app.runs import requested

        return document_of(self, requested(self, file, inputs), request)

    def warnings(self, file: Path) -> list[str]:
        """The warnings about a plan that may run."""
        return [str(problem) for problem in self.load(file).warnings]

    def load(self, file: Path) -> "LoadedPlan":
        """A plan that may run, from its file, read once; raises `PlanInvalidError` or `RequestError`."""
        from holdfast.app.plans import load
        from holdfast.app.remembered import Remembered

        if file not in self._loaded:
            self._loaded[file] = load(file, self.door, Remembered(self.state))
        return self._loaded[file]

    def drawing_of_plan(self, file: Path) -> "Drawing":
        """A plan that holds no error as nodes and arrows; raises `PlanInvalidError` or `RequestError`."""
        from holdfast.app.plans import sound
        from holdfast.plan.drawing import drawing_of

        return drawing_of(sound(file, self.door))

    def drawing_of_run(self, run: str) -> "Drawing":
        """The frozen plan of a run as nodes and arrows."""
        from holdfast.app.people import frozen_plan
        from holdfast.plan.drawing import drawing_of

        with closing(self._existing()) as journal:
            return drawing_of(frozen_plan(journal, run))

    def schema(self) -> dict[str, object]:
        """The JSON Schema of the plan format, or of the foreign one that `door` names."""
        from holdfast.plan.schema import schema_of

        return schema_of(self.door.dialect)

    # Runs.

    def run(
        self, file: Path, inputs: Mapping[str, object], request: Request, listener: "Listener | None" = None
    ) -> "RunEnd":
        """Run a plan until it ends, pauses or blocks. Raises what `plan` raises, `BusyError`, `StoreError`."""
        from holdfast.app.runs import Session, requested
        from holdfast.engine.early import early_keeper

        run = requested(self, file, inputs)
        plan = run.loaded.plan
        with (
            early_keeper(plan.steps + plan.finally_) as early,
            Session(self, run.loaded.file.parent, request, listener) as session,
        ):
            session.base.early = early
            return session.run_requested([run])[0]

    def session(self, request: Request, listener: "Listener | None" = None) -> "Session":
        """An engine that stays open for many runs, to be used in `with`; each run gets the request's concurrency.

        Its runs leave no `summary.json`: who holds the session is given each run's end.
        """
        from holdfast.app.runs import Session

        session = Session(self, Path.cwd(), request, listener)
        session.summaries = False
        return session

    def resume(
        self, run: str | None = None, listener: "Listener | None" = None, request: Request = PLAIN_REQUEST
    ) -> "list[RunEnd]":
        """Go on with a run, or with all that can; raises `BusyError`, `RequestError` for one that has ended."""
        from holdfast.app.runs import resume_runs

        return resume_runs(self, run, request, listener)

    def interrupt(self) -> None:
        """Ctrl-C: the first pauses what runs here, the second stops its steps. Safe in a signal handler."""
        if self.engine is not None:
            self.engine.interrupt()

    def pause(self, run: str, by: str | None = None, reason: str | None = None) -> "Run":
        """Ask a run to pause: nothing new starts, running steps are awaited by its engine."""
        from holdfast.app import people

        who = self.who(by)
        return self._ask(run, lambda state: (people.pausing(state, who, reason), None))

    def cancel(self, run: str, by: str | None = None, reason: str | None = None) -> "Run":
        """Ask for a run's end; a run that nobody drives is ended here."""
        from holdfast.app import people
        from holdfast.app.runs import finish_canceled

        who = self.who(by)
        self._ask(run, lambda state: (people.canceling(state, who, reason), None))
        return finish_canceled(self, run)

    def release(self, run: str, reason: str, by: str | None = None) -> "Run":
        """Free a quarantined run; `resume` goes on with it."""
        from holdfast.app import people

        who = self.who(by)
        return self._ask(run, lambda state: (people.releasing(state, who, reason), None))

    def raise_budget(self, run: str, asked: "Raise") -> str:
        """Allow more of a budget; `resume` goes on with a run that was blocked by it. Gives what was allowed."""
        from holdfast.app import budgets, people

        who = self.who(asked.by)

        def decide(state: "Run") -> "tuple[Body, str | None]":
            people.still_open(state)
            return budgets.raising(state, asked, who), asked.step

        self._ask(run, decide)
        key = budgets.ALIASES.get(asked.key, asked.key)
        return budgets.in_short(key, budgets.amount_of(key, asked.amount), asked.step)

    def resolve(self, run: str, step: str, answer: "Answer") -> "Run":
        """Settle an uncertain effect; `resume` goes on with the run."""
        from holdfast.app import people
        from holdfast.app.earlier import settle_crashed
        from holdfast.run.events import StepResolved

        settle_crashed(self, run)
        body = StepResolved(answer.choice, self.who(answer.by), answer.reason, dict(answer.outputs))
        try:
            return self._ask(run, lambda state: (people.resolving(state, step, body), step))
        except people.NotPossibleError as refused:
            raise people.settled(self.events(run), run, step) or refused from None

    def answer(self, request: str, choice: "Verdict", reason: str | None = None, by: str | None = None) -> str:
        """Answer a request of the inbox that asks for approval; gives its run, which `resume` goes on with.

        A second answer is refused with the first one shown (semantics G6).
        """
        from holdfast.app.reviews import answer
        from holdfast.run.events import StepAnswered

        return answer(self, request, StepAnswered(choice, self.who(by), reason)).run

    def _ask(self, run: str, decide: "Callable[[Run], tuple[Body, str | None]]") -> "Run":
        from holdfast.app.people import ask

        journal = self.open_journal()
        try:
            return ask(journal, run, time.time_ns() // 1000, decide)
        finally:
            journal.close()

    # Looking.

    @contextmanager
    def reading(self) -> "Iterator[Reading]":
        """What the journal holds, for reading; raises `RequestError` where there is no journal."""
        from holdfast.journal.reading import Reading

        with closing(self._existing()) as journal:
            try:
                yield Reading(journal, str(self.state / "runs"), _is_alive)
            except RequestError as error:
                if error.code == "E_UNKNOWN_ID":
                    self._suspect(error, journal)
                raise

    def inbox(self) -> "Inbox":
        """What people are asked, over all runs; what a crash left in doubt and what is late is recorded first."""
        from holdfast.app.earlier import settle_all_crashed
        from holdfast.app.lateness import tell_late

        settle_all_crashed(self)
        tell_late(self)
        with self.reading() as reading:
            return reading.inbox()

    def logs_folder(self, run: str) -> Path:
        """Where a run's files are; attempts name their logs relative to it."""
        return self.state / "runs" / run

    def who(self, by: str | None = None) -> "Who":
        """Who is asking: the system's user and host, and the name they claim."""
        from holdfast.engine.host import whoami

        return whoami(by=by)

    def open_log(self) -> BinaryIO | None:
        """The stream of the engine's log lines, if they are asked for; raises `RequestError`."""
        if self.log is None:
            return None
        if self.log == "-":
            return sys.stderr.buffer
        try:
            return Path(self.log).open("ab")
        except OSError as error:
            raise RequestError(
                f"the engine's log {self.log} cannot be written: {error.strerror}", code="E_LOG"
            ) from error

    def open_journal(self, mode: str = "write") -> "SqliteJournal":
        """The journal; `write` creates it with its folder."""
        from holdfast.journal.sqlite import SqliteJournal

        if mode == "read":
            journal = SqliteJournal.open(str(self.database), mode="read")
            journal.has_keeper = self._has_keeper
            return journal
        from holdfast.engine.host import is_alive

        try:
            make_state(self.state)
            self.database.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            said = f"{error.filename or self.state} cannot be made: {error.strerror}"
            raise StoreError(said, code="E_STORE_UNREACHABLE") from error
        journal = SqliteJournal.open(str(self.database), is_alive=is_alive)
        journal.has_keeper, journal.keep_out = self._has_keeper, self._keep_out
        return journal

    def _keep_out(self, run: str, fence: int) -> bool:
        from holdfast.engine.keeper_client import keep_out

        return keep_out(self.logs_folder(run), fence)

    def _has_keeper(self, run: str) -> bool:
        from holdfast.engine.keeper_client import has_keeper

        return has_keeper(self.logs_folder(run))

    def events(self, run: str, after: int = 0) -> "list[StoredEvent]":
        """The run's events behind `after`."""
        with closing(self._existing()) as journal:
            return journal.events(run, after)

    @contextmanager
    def artifacts(self) -> "Iterator[Shelf]":
        """The artifacts of all runs; raises `RequestError` where there is no journal."""
        from holdfast.app.artifacts import Shelf

        with self.reading() as reading:
            yield Shelf(self, reading)

    @contextmanager
    def following(self) -> "Iterator[Follower]":
        """For looking at runs that others drive, again and again."""
        from holdfast.app.looking import Follower

        with closing(self._existing()) as journal:
            yield Follower(journal)

    def why(self, run: str, step: str) -> "Why":
        """Why a step of a run is where it is; raises `RequestError` for a step that the run does not have."""
        from holdfast.app.people import load_run
        from holdfast.app.why import why

        with closing(self._existing()) as journal:
            return why(load_run(journal, run), journal.events(run), step)

    def audit(self, run: str | None = None, head: str | None = None) -> "Audit":
        """Prove that what the journal holds of a run, or of all, is what was written."""
        from holdfast.app.looking import audit

        with closing(self._existing()) as journal:
            return audit(journal, run, head)

    def checkup(self) -> "Checkup":
        """What is wrong with the store; changes nothing."""
        from holdfast.app.looking import checkup
        from holdfast.app.lost import lost_runs

        with closing(self._existing()) as journal:
            return checkup(journal, lost_runs(self, journal))

    def mend(self) -> "Checkup":
        """Make the journal's projections what its events say."""
        from holdfast.app.looking import mend
        from holdfast.app.lost import lost_runs

        with closing(self._existing("write")) as journal:
            return mend(journal, lost_runs(self, journal))

    def _existing(self, mode: str = "read") -> "SqliteJournal":
        try:
            if not self.database.exists():
                raise RequestError(f"there are no runs here: {self.database} does not exist", code="E_NO_STATE")
            return self.open_journal(mode)
        except RequestError as error:
            if error.code == "E_NO_STATE":
                self._suspect(error, None)
            raise

    def _suspect(self, error: RequestError, journal: "SqliteJournal | None") -> None:
        """Where the journal has lost runs, raise that instead of `error`, which says that something is not there."""
        from holdfast.app.lost import lost_error, lost_runs

        lost = lost_runs(self, journal)
        if lost:
            raise lost_error(self, lost, error.headline) from error


def _is_alive(owner: "Owner") -> bool | None:
    from holdfast.engine.host import is_alive

    return is_alive(owner)
