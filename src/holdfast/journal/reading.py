"""What people read of the journal: the documents of `runs`, `show`, `inbox`, `timeline`, and runs by name."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from holdfast.errors import IntegrityError, RequestError
from holdfast.journal.chain import damaged
from holdfast.journal.documents import (
    Inbox,
    NestedIn,
    RunLine,
    Runs,
    Shown,
    ShownBreaker,
    Span,
    Timeline,
    stamp,
    stamp_or_none,
)
from holdfast.journal.leases import IsAlive
from holdfast.journal.packing import unpacked
from holdfast.journal.reader import Reader
from holdfast.journal.requests import Request, Row, RunRow, asked_of_run, document, document_of_run, request
from holdfast.journal.showing import AttemptFacts, Facts, Grown, LockFacts, NestedFacts, RunFacts, StepFacts, shown
from holdfast.journal.spending import BudgetFacts
from holdfast.journal.sqlite import SqliteJournal
from holdfast.journal.unfinished import whole_run
from holdfast.plan.model import Plan
from holdfast.run import events as ev
from holdfast.run.growth import instance_id, template_id
from holdfast.run.locks import THE_RUN

NAMED_MAX: Final = 8
"""How many runs an error about a run's name lists."""


class _StepId(msgspec.Struct):
    id: str


class _StepIds(msgspec.Struct):
    """Of a stored plan only what its steps are called: a fifth of the time of reading all of it."""

    steps: list[_StepId]
    finally_: list[_StepId] = msgspec.field(default_factory=list, name="finally")


class Reading:
    """Documents of one journal; each is read at one moment."""

    def __init__(self, journal: SqliteJournal, runs_folder: str = "", is_alive: IsAlive = lambda _: None) -> None:
        """Logs are named inside `runs_folder`; `is_alive` tells whether an owner still runs, `None` where unknown."""
        self.journal = journal
        self._runs_folder = runs_folder
        self._is_alive = is_alive
        self._reader: Reader = journal.reader

    def runs(self, limit: int = -1) -> Runs:
        """Every run, newest first; `limit` of them where it is not negative."""
        rows = cast(
            "list[tuple[str, str, int, str, int, int | None, int | None, str]]", self._reader.rows("runs", (limit,))
        )
        return Runs(
            [
                RunLine(
                    run,
                    plan,
                    revision,
                    status,
                    stamp(created),
                    stamp_or_none(started),
                    stamp_or_none(finished),
                    (created_by := _created(data)).inputs,
                    _parent(created_by),
                )
                for run, plan, revision, status, created, started, finished, data in rows
            ]
        )

    def show(self, run: str) -> Shown:
        """Everything about one run; raises `RequestError` where there is none."""
        with self._reader.snapshot():
            return shown(self._facts(run), os.path.join(self._runs_folder, run), self._is_alive)

    def step_ids(self, run: str) -> list[str]:
        """The ids of the run's steps, each with its instances behind it, the `finally` steps last."""
        facts = self._run_facts(run)
        plan = msgspec.json.decode(self.journal.plan(facts.created.plan_digest), type=_StepIds)
        names = [step.id for step in (*plan.steps, *plan.finally_)]
        return list(_grown(names, self._expansions(facts), self._visits(facts)))

    def timeline(self, run: str) -> Timeline:
        """The run's attempts in the order in which they started."""
        with self._reader.snapshot():
            facts = self._run_facts(run)
            attempts = self._attempts(facts)
        spans = [
            Span(each.step, each.number, each.status, stamp(each.started), stamp_or_none(each.finished))
            for each in sorted(attempts, key=lambda each: (each.started, each.step, each.number))
        ]
        return Timeline(
            run,
            facts.created.plan,
            facts.status,
            stamp(facts.created_at),
            stamp_or_none(facts.started_at),
            stamp_or_none(facts.finished_at),
            spans,
        )

    def inbox(self) -> Inbox:
        """Every open request over all runs, oldest first."""
        with self._reader.snapshot():
            rows = cast("list[Row]", self._reader.rows("inbox"))
            plans: dict[str, Plan] = {}
            found = [document(row, lambda run: self._plan(run, plans)) for row in rows]
            found += [document_of_run(row) for row in cast("list[RunRow]", self._reader.rows("inbox_of_runs"))]
            return Inbox(sorted(found, key=lambda one: one.since))

    def whole_run(self, run: str) -> str:
        """The run that goes on when a part of it does: the outermost that it is nested in, or itself."""
        return whole_run(self._reader, run)

    def request(self, run: str, opened: int) -> Request | None:
        """The request that event `opened` of the run opened, answered or not."""
        return request(self._reader, run, opened)

    def breakers(self) -> list[ShownBreaker]:
        """Every circuit breaker that ever counted a failure, by name."""
        from holdfast.journal.shared import breakers, shown_breaker  # noqa: PLC0415 - few ask for them

        return [shown_breaker(name, breaker) for name, breaker in breakers(self._reader).by_name.items()]

    def resolve_run(self, text: str) -> str:
        """The run that an id, a unique prefix or `last` means; `RequestError` names the nearest where none is."""
        found = [str(run) for (run,) in self._reader.rows("runs_by_prefix", (text,))]
        if text in found:
            return text
        if len(found) == 1:
            return found[0]
        if found:
            headline = f'"{text}" is the beginning of {len(found)} runs'
            raise RequestError(headline, code="E_UNKNOWN_ID", facts=_some(found), hint="write more of it")
        latest = [str(run) for (run,) in self._reader.rows("latest_whole_runs", (NAMED_MAX,))]
        if not latest:
            raise RequestError(f"there is no run {text}: nothing was run yet", code="E_UNKNOWN_ID")
        if text == "last":
            return latest[0]
        near = _nearest(text, latest)
        hint = f"did you mean {near}?" if near else "`holdfast runs` lists them"
        facts = [f"the latest is {latest[0]}"]
        raise RequestError(f"there is no run {text}", code="E_UNKNOWN_ID", facts=facts, hint=hint)

    # Facts.

    def _facts(self, run: str) -> Facts:
        facts = self._run_facts(run)
        plan = msgspec.json.decode(self.journal.plan(facts.created.plan_digest), type=Plan)
        expansions = self._expansions(facts)
        visits = self._visits(facts)
        order = list(_grown((step.id for step in plan.steps + plan.finally_), expansions, visits))
        lease = self.journal.lease(run)
        steps, attempts, budget = self._steps(facts), self._attempts(facts), self._budget(facts)
        inner, locks = self._nested(run), self._locks(run, plan, steps)
        grown = Grown(expansions, visits, self._stuck(facts))
        asked = asked_of_run(self._reader, facts.n) if plan.goal is not None else ()
        return Facts(facts, order, steps, attempts, lease, grown, plan.limits.budget, budget, inner, locks, asked)

    def _locks(self, run: str, plan: Plan, steps: Mapping[str, StepFacts]) -> dict[str, LockFacts]:
        """What steps that wait for locks wait for, with who holds them at this moment."""
        found: dict[str, LockFacts] = {}
        for step, facts in steps.items():
            moved = facts.moved
            if facts.status == "waiting" and isinstance(moved, ev.StepWaiting) and moved.cause == "lock":
                from holdfast.journal.locks import Witness, holders  # noqa: PLC0415 - few runs wait for any

                now, names = time.time_ns() // 1000, tuple(moved.on.split(", "))
                witness = Witness(now, self._is_alive, self.journal.has_keeper, self._reader.rows)
                place = THE_RUN if names == plan.locks else step
                found[step] = LockFacts(names, tuple(holders(names, (run, place), witness)))
        return found

    def _nested(self, run: str) -> dict[str, NestedFacts]:
        rows = cast("list[tuple[str, str, str, int]]", self._reader.rows("nested_in", (run,)))
        return {step: NestedFacts(inner, status, at) for step, inner, status, at in rows}

    def _run_facts(self, run: str) -> RunFacts:
        rows = self._reader.rows("run_facts", (run,))
        if not rows:
            raise RequestError(f"there is no run {run}", code="E_UNKNOWN_ID", hint="`holdfast runs` lists them")
        if None in (rows[0][5], rows[0][6]):
            raise damaged(run, "it was created, or came to its status, by an event that is missing")
        n, status, created_at, started_at, finished_at, created, at, kind, moved, canceling, pausing = cast(
            "tuple[int, str, int, int | None, int | None, str, int, str, str, str | None, int | None]", rows[0]
        )
        return RunFacts(
            n,
            run,
            status,
            created_at,
            started_at,
            finished_at,
            _created(created),
            at,
            ev.decode(kind, moved),
            cast("ev.RunCanceling", ev.decode(ev.RunCanceling.kind, canceling)) if canceling else None,
            pausing is not None,
        )

    def _steps(self, run: RunFacts) -> dict[str, StepFacts]:
        rows = cast("list[tuple[str, str, int, str, str]]", self._reader.rows("step_facts", (run.n,)))
        for step, _, at, _, _ in rows:
            if at is None:
                raise damaged(run.run, f'step "{step}" came to its status by an event that is missing')
        return {step: StepFacts(status, at, ev.decode(kind, data)) for step, status, at, kind, data in rows}

    def _budget(self, run: RunFacts) -> list[BudgetFacts]:
        """What limits had to say of the run."""
        found: list[BudgetFacts] = []
        rows = cast("list[tuple[str, str | None, str]]", self._reader.rows("budget_facts", (run.n,)))
        for kind, step, data in rows:
            if kind is None:
                raise damaged(run.run, "an event about its budget is missing")
            found.append(BudgetFacts(step, ev.decode(kind, data)))
        return found

    def _expansions(self, run: RunFacts) -> dict[str, tuple[str, ...]]:
        """The keys of each step that was expanded."""
        found: dict[str, tuple[str, ...]] = {}
        for step, data in cast("list[tuple[str, str | None]]", self._reader.rows("expansions_of_run", (run.n,))):
            if data is None:
                raise damaged(run.run, f'step "{step}" was expanded by an event that is missing')
            body = ev.decode(ev.StepExpanded.kind, data)
            assert isinstance(body, ev.StepExpanded)
            found[step] = body.keys
        return found

    def _visits(self, run: RunFacts) -> dict[str, list[str]]:
        """The visits after the first of each step that went round in a loop."""
        found: dict[str, list[str]] = {}
        for step, data in cast("list[tuple[str, str | None]]", self._reader.rows("jumps_of_run", (run.n,))):
            if data is None:
                raise damaged(run.run, f'step "{step}" led back by an event that is missing')
            body = ev.decode(ev.StepJumped.kind, data)
            assert isinstance(body, ev.StepJumped)
            for each in body.ids:
                found.setdefault(template_id(each), []).append(each)
        return found

    def _stuck(self, run: RunFacts) -> dict[str, tuple[int, ev.StepStuck]]:
        """The loops that people are asked about: since when, and what they are."""
        found: dict[str, tuple[int, ev.StepStuck]] = {}
        for step, at, data in cast("list[tuple[str, int, str]]", self._reader.rows("stuck_of_run", (run.n,))):
            body = ev.decode(ev.StepStuck.kind, data)
            assert isinstance(body, ev.StepStuck)
            found[step] = at, body
        return found

    def _attempts(self, run: RunFacts) -> list[AttemptFacts]:
        rows = cast(
            "list[tuple[str, int, int, int, str, str | None, int | None, str | None]]",
            self._reader.rows("attempt_facts", (run.n,)),
        )
        for step, number, _, at, *_ in rows:
            if at is None:
                raise damaged(run.run, f'attempt {number} of "{step}" was started by an event that is missing')
        return [_attempt(row) for row in rows]

    def _plan(self, run: str, plans: dict[str, Plan]) -> Plan:
        plan = plans.get(run)
        if plan is None:
            digest, size, data = cast("tuple[str, int, bytes]", self._reader.rows("plan_of_run", (run,))[0])
            plan = plans[run] = msgspec.json.decode(unpacked(digest, size, data), type=Plan)
        return plan


def _grown(
    names: Iterable[str], expansions: Mapping[str, Sequence[str]], visits: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    for name in names:
        for step in (name, *visits.get(name, ())):
            yield step
            for key in expansions.get(step, ()):
                yield instance_id(step, key)


def _parent(created: ev.RunCreated) -> NestedIn | None:
    parent = created.parent
    return None if parent is None else NestedIn(parent.run, parent.step, parent.attempt)


def _created(data: str) -> ev.RunCreated:
    body = ev.decode(ev.RunCreated.kind, data)
    assert isinstance(body, ev.RunCreated)
    return body


def _attempt(row: tuple[str, int, int, int, str, str | None, int | None, str | None]) -> AttemptFacts:
    step, number, adopted, started, begun, spawned, finished, ended = row
    start = ev.decode(ev.AttemptStarted.kind, begun)
    spawn = ev.decode(ev.AttemptSpawned.kind, spawned) if spawned else None
    end = ev.decode(ev.AttemptEnded.kind, ended) if ended else None
    if not isinstance(start, ev.AttemptStarted):
        raise IntegrityError(f'attempt {number} of "{step}" has no start', code="E_JOURNAL_DAMAGED")
    assert spawn is None or isinstance(spawn, ev.AttemptSpawned)
    assert end is None or isinstance(end, ev.AttemptEnded)
    return AttemptFacts(step, number, bool(adopted), started, start, spawn, finished, end)


def _some(runs: list[str]) -> list[str]:
    more = [f"and {len(runs) - NAMED_MAX} more"] if len(runs) > NAMED_MAX else []
    return runs[:NAMED_MAX] + more


def _nearest(text: str, runs: list[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistyped name pays for it

    found = get_close_matches(text, runs, 1)
    return found[0] if found else None
