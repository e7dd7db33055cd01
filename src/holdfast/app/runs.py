"""Running plans: a new run, the runs that can go on, and what is to become of earlier ones."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from holdfast.app.plans import LoadedPlan
from holdfast.app.remembered import Remembered
from holdfast.errors import BusyError, IntegrityError, RequestError
from holdfast.ports import RunEndedError
from holdfast.run.standing import Retrying, Waiting
from holdfast.run.states import RunStatus

if TYPE_CHECKING:
    from holdfast.app import Holdfast, Request
    from holdfast.app.proofs import Proofs
    from holdfast.engine.driver import Driver
    from holdfast.engine.listener import Listener
    from holdfast.journal.sqlite import SqliteJournal
    from holdfast.run.machine import Run

BIG_RUN_STEPS = 300
"""Runs of at least this many steps get room in the journal beforehand (measured: 1.6 to 1.9 times the commits)."""
WAL_BYTES_PER_STEP = 1024
WAL_BYTES_MAX = 64 * 1024 * 1024
CANCEL_WAIT_S = 60.0
CANCEL_LOOK_S = 0.1
EXIT_CODES: Mapping[str, int] = {
    RunStatus.SUCCEEDED: 0,
    RunStatus.FAILED: 1,
    RunStatus.BLOCKED: 4,
    RunStatus.RUNNING: 4,  # only preconditions and timers far away are left
    RunStatus.PARTIAL: 5,
    RunStatus.CANCELED: 6,
    RunStatus.QUARANTINED: 7,
    RunStatus.PAUSED: 130,
}


class RunEnd(msgspec.Struct, frozen=True):
    """How driving a run ended: its status, the exit code of the cli page, and what it waits for."""

    run: str
    plan: str
    status: str
    exit_code: int
    waits: tuple[dict[str, object], ...] = ()
    warnings: tuple[str, ...] = ()


def _plain_request() -> "Request":
    from holdfast.app import Request

    return Request()


class Requested(NamedTuple):
    """A run that may start: its plan with typed inputs, and the names of those that were given."""

    loaded: LoadedPlan
    inputs: dict[str, object]
    given: tuple[str, ...] = ()


def requested(app: "Holdfast", file: Path, given: Mapping[str, object]) -> Requested:
    """Read and check what is to run; raises `PlanInvalidError` and `RequestError`, and creates nothing."""
    loaded = app.load(file)
    if not given and not loaded.plan.inputs:
        return Requested(loaded, {})
    from holdfast.plan.inputs import bind_inputs

    return Requested(loaded, bind_inputs(loaded.plan, given), tuple(given))


class Session:
    """One engine on one journal, for one call of the app or for many runs one after another."""

    def __init__(self, app: "Holdfast", project: Path, request: "Request", listener: "Listener | None") -> None:
        """An engine for runs in `project`; `summaries` may be put off by who takes each run's end from here."""
        from holdfast import __version__
        from holdfast.artifacts.store import Store
        from holdfast.engine.clock import SystemClock
        from holdfast.engine.host import Host
        from holdfast.engine.loop import Engine
        from holdfast.engine.opening import Base
        from holdfast.ports import silent
        from holdfast.telemetry import EngineLog

        self.app = app
        self.request = request
        self.summaries = True  # whether each run that rests leaves its summary.json
        self._kept: set[str] = set()  # keys of plans that are remembered now
        self.journal: SqliteJournal = app.open_journal()
        self.host = Host(__version__, project, app.state, request.concurrency, request.wait_s)
        self.host.is_program = app.is_program
        clock = SystemClock()
        self._log_stream = app.open_log()
        log = EngineLog(self._log_stream, clock.now) if self._log_stream is not None else silent
        self.engine = Engine(self.journal, clock, self.host, listener, log)
        self.engine.max_time_s = request.max_time_s
        self.base = Base(app.state, Store(app.state), dict(os.environ))
        app.engine = self.engine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.app.engine = None
        self.engine.close()
        self.journal.close()
        if self._log_stream is not None and self.app.log != "-":
            self._log_stream.close()

    def run(self, file: Path, inputs: Mapping[str, object]) -> RunEnd:
        """A new run of the plan, driven until it rests. Raises what `Holdfast.run` raises."""
        return self.run_together([(file, inputs)])[0]

    def run_together(self, plans: Sequence[tuple[Path, Mapping[str, object]]]) -> list[RunEnd]:
        """New runs of plans with their inputs, driven side by side until all rest.

        Several may be of one plan: runs that start together do not stand in each other's way.
        """
        return self.run_requested([requested(self.app, file, inputs) for file, inputs in plans])

    def run_requested(self, runs: "Sequence[Requested]") -> list[RunEnd]:
        """As `run_together`, for what was read and checked already."""
        _refuse_lost(self.app, self.journal)
        warnings: dict[str, tuple[str, ...]] = {}
        for loaded, inputs, _ in runs:
            if loaded.plan.id not in warnings:
                warnings[loaded.plan.id] = tuple(settle_earlier(self, loaded.plan.id, inputs))
        proofs = [self._proofs(run, warnings) for run in runs]
        drivers = [self.create(run) for run in runs]
        for driver, known in zip(drivers, proofs, strict=True):
            driver.proofs = known
        self.drive()
        return [end_of(driver.run, warnings[driver.run.plan.id]) for driver in drivers]

    def _proofs(self, run: "Requested", warnings: dict[str, tuple[str, ...]]) -> "Proofs | None":
        """What a new run goes by; adds to `warnings`. Raises `RequestError` for all that keeps it from being run."""
        from holdfast.app.planned import Wanted, proofs_for

        loaded, inputs = run.loaded, run.inputs
        wanted = Wanted(loaded.plan, loaded.project, inputs, self.request.asked())
        proofs = proofs_for(self.app, self.journal.reader, wanted)
        if proofs is not None and proofs.warnings:
            warnings[loaded.plan.id] += proofs.warnings
        return proofs

    def create(self, run: "Requested") -> "Driver":
        """Create a run of the plan and take it in hand."""
        from holdfast.engine.opening import NewRun, create
        from holdfast.run import events as ev

        loaded, inputs, given = run
        steps = len(loaded.plan.steps)
        if steps >= BIG_RUN_STEPS:
            self.journal.extend_wal(min(steps * WAL_BYTES_PER_STEP, WAL_BYTES_MAX))
        body = ev.RunCreated(
            plan=loaded.plan.id,
            plan_digest=loaded.digest,
            plan_file=loaded.shown,
            project=loaded.project,
            inputs=inputs,
            request=self.request.recorded() | self.app.door.recorded() | ({"inputs": list(given)} if given else {}),
            who=self.host.who,
        )
        if loaded.key is not None and loaded.key not in self._kept:
            self._kept.add(loaded.key)
            Remembered(self.app.state).keep(loaded.key, loaded.data, loaded.digest)
        new = NewRun(self.host.run_id(), loaded.plan, loaded.data, body)
        return self._add(create(self.engine.world, self.base, new))

    def reopen(self, run: str) -> "Driver":
        """Take an existing run in hand; raises `BusyError` while its owner lives."""
        from holdfast.app.planned import go_on
        from holdfast.engine.opening import reopen

        driver = self._add(reopen(self.engine.world, self.base, run))
        driver.proofs = go_on(self.app, self.journal, driver.run)
        return driver

    def drive(self) -> "list[Driver]":
        """Drive what is in hand until it rests; raises the first failure of the store."""
        ended = self.engine.drive()
        for driver in ended:
            if driver.failure is not None:
                raise driver.failure
            if self.summaries:
                self._summarize(driver.run)
        return ended

    def _summarize(self, run: "Run") -> None:
        from holdfast.app.summary import summary_of, write_summary
        from holdfast.run.events import RunFinished

        last = self.journal.events(run.id, run.seq - 1)[-1].event.body
        warnings = last.warnings if isinstance(last, RunFinished) else ()
        try:
            write_summary(self.app.logs_folder(run.id), summary_of(run, warnings))
        except OSError as error:
            self.engine.world.log("no summary", run.id, why=str(error))  # the journal has all of it

    def _add(self, driver: "Driver") -> "Driver":
        self.engine.add(driver)
        return driver


def resume_runs(app: "Holdfast", run: str | None, request: "Request", listener: "Listener | None") -> list[RunEnd]:
    """Go on with one run, or with every run that can; a damaged one is reported when the others rest."""
    if not app.database.exists():
        _refuse_lost(app, None)
        if run is None:
            return []
        raise RequestError(f"there is no run {run}: {app.database} does not exist", code="E_UNKNOWN_ID")
    with Session(app, Path.cwd(), request, listener) as session:
        _refuse_lost(app, session.journal)
        names = [run] if run is not None else _resumable(session)
        drivers = []
        trouble: IntegrityError | None = None
        for name in names:
            _refuse_ended(session, name)
            try:
                drivers.append(session.reopen(name))
            except BusyError:
                if run is not None:
                    raise
            except IntegrityError as error:
                trouble = trouble or error
        session.drive()
        if trouble is not None:
            raise trouble
    return [end_of(driver.run) for driver in drivers]


def end_of(run: "Run", warnings: tuple[str, ...] = ()) -> RunEnd:
    """What is said of a run that rests."""
    waits: list[dict[str, object]] = [{"kind": "uncertain", "step": run.steps[i].id} for i in sorted(run.uncertain)]
    for i in sorted((*run.waiting, *run.reviews)):
        state = run.states[i]
        assert isinstance(state, Waiting)
        waits.append({"kind": state.cause, "step": run.steps[i].id, "what": state.what})
    waits += [{"kind": "review", "step": None, "what": text} for text, said in run.judged.items() if said is None]
    if not waits:
        later = [
            (step.id, state.due)
            for step, state in zip(run.steps, run.states, strict=True)
            if isinstance(state, Retrying)
        ]
        waits = [{"kind": "retry", "step": step, "until": due} for step, due in later]
    return RunEnd(run.id, run.plan.id, run.status.value, EXIT_CODES[run.status], tuple(waits), warnings)


def settle_earlier(session: Session, plan: str, inputs: dict[str, object]) -> list[str]:
    """What becomes of unfinished runs of the plan (planner, An earlier run that is not finished); warnings."""
    from holdfast.app.earlier import busy, in_doubt, owner_of, still_active
    from holdfast.journal.unfinished import effects_in_doubt, unfinished

    warnings: list[str] = []
    reader = session.journal.reader
    for name, _, status, its_inputs in unfinished(reader, plan):
        lease = owner_of(session.journal, name)
        if lease is not None and status == "running":
            raise busy(plan, name, lease)
        doubtful = effects_in_doubt(reader, name)
        if doubtful:
            raise in_doubt(plan, name, doubtful)
        if status in {"running", "pending"} and its_inputs == inputs:
            supersede(session, name)
        else:
            warnings.append(still_active(name, status))
    return warnings


def supersede(session: Session, run: str) -> None:
    """Cancel an interrupted run; its leftover commands are stopped first."""
    from holdfast.run import events as ev

    driver = session.reopen(run)
    driver.tell(ev.Event(driver.world.clock.now(), ev.RunCanceling(session.host.who, None, "superseded")))
    session.drive()


def _refuse_lost(app: "Holdfast", journal: "SqliteJournal | None") -> None:
    """A journal without any run, beside the files of runs that ran, is no new one: nothing begins or goes on."""
    if journal is not None and journal.reader.rows("latest_runs", (1,)):
        return
    from holdfast.app.lost import lost_error, lost_runs

    lost = lost_runs(app, journal)
    if lost:
        raise lost_error(app, lost)


def _resumable(session: Session) -> list[str]:
    from holdfast.journal.unfinished import unfinished

    reader = session.journal.reader
    ready = [run for run in unfinished(reader) if run.status != RunStatus.QUARANTINED]
    asked = {run.run for run in ready if run.status == RunStatus.BLOCKED}
    if asked:
        from holdfast.journal.requests import open_requests

        asked = {run for run in asked if open_requests(reader, run)}
    return [run.run for run in ready if run.run not in asked]


def _refuse_ended(session: Session, run: str) -> None:
    from holdfast.journal.unfinished import status_of, whole_run

    status = status_of(session.journal.reader, run)
    whole = whole_run(session.journal.reader, run)
    if whole != run:
        headline = f"run {run} is a part of run {whole} and goes on with it"
        raise RequestError(headline, code="E_RUN_NESTED", hint=f"holdfast resume {whole}")
    if status == "quarantined":
        raise IntegrityError(
            f"run {run} is quarantined", code="E_QUARANTINED", hint=f"holdfast show {run}, then holdfast release {run}"
        )
    if status in {"succeeded", "partial", "failed", "canceled"}:
        hint = "holdfast run PLAN starts a new run" if status != "failed" else "mend it, then: holdfast run PLAN"
        raise RequestError(f"run {run} has ended ({status}) and cannot go on", code="E_RUN_ENDED", hint=hint)


def finish_canceled(app: "Holdfast", run: str) -> "Run":
    """Await the end of a run that was asked to cancel; where nobody drives it, end it here."""
    from holdfast.app.people import load_run

    deadline = time.monotonic() + CANCEL_WAIT_S
    with Session(app, Path.cwd(), _plain_request(), None) as session:
        while True:
            state = load_run(session.journal, run)
            if state.final or time.monotonic() > deadline:
                return state
            try:
                driver = session.reopen(run)
            except RunEndedError:
                continue  # its owner has just ended it
            except BusyError:
                time.sleep(CANCEL_LOOK_S)  # its owner is alive and looks at least that often
                continue
            session.drive()
            if not driver.run.final:
                return driver.run  # it waits for a person: an effect is in doubt (semantics S8)
