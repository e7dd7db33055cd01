"""Projections on their way into the database: folded in memory, each row written once per transaction."""

import apsw
from msgspec.structs import astuple

from holdfast.errors import BugError
from holdfast.journal.heads import Head
from holdfast.journal.statements import sql
from holdfast.journal.views import ACTIVE, EFFECT, RECORD, StepRow, effect_after, step_after
from holdfast.run import events as ev
from holdfast.run.growth import instance_range
from holdfast.run.states import RunStatus, run_after

LIMITS = frozenset({ev.BudgetRaised, ev.BudgetWarned, ev.RunExpired})
"""What limits have to say of a run; noted by number only."""
ESCALATED = "escalation.opened"
_Key = tuple[int, str]
_REMEMBERED_MAX = 100_000


class Projection:
    """The rows that the events of one transaction change; rows of steps under way stay known between transactions."""

    def __init__(self, connection: apsw.Connection) -> None:
        """The rows that `connection` has."""
        self._connection = connection
        self._steps: dict[_Key, StepRow] = {}
        self._new: set[_Key] = set()
        self._changed: set[_Key] = set()
        self._past: list[tuple[int, str, int, int | None, int | None, int | None, int]] = []

    def take(self, head: Head, seq: int, event: ev.Event) -> None:
        """Fold one event of the run at `head`; raises `IllegalTransitionError` where it cannot follow."""
        step = event.step
        if step is None:
            self._run_event(head, seq, event)
            return
        key = (head.n, step)
        row = self._steps.get(key)
        if row is None and not (event.attempt == 1 and isinstance(event.body, ev.AttemptStarted)):
            row = self._stored(key)
        after = step_after(row, seq, event)
        if after is None or after is row:
            if type(event.body) in LIMITS:
                self._of_budgets(head.n, seq, event)
            else:
                self._beside(key, seq, event)
            return
        if isinstance(event.body, ev.StepExpanded):
            self._connection.execute(sql("insert_expansion"), (*key, seq))
        elif isinstance(event.body, ev.StepGathered) and event.body.status == "failed":
            self._cancel_rest(key, seq)
        self._steps[key] = after
        if row is None:
            self._new.add(key)
        else:
            if key not in self._new:
                self._changed.add(key)
            if row.ended is not None and after.ended is None:
                self._past.append((*key, row.attempt, row.started, row.spawned, row.adopted, row.ended))
        if after.keyed or after.status == "uncertain" or (row is not None and row.status == "uncertain"):
            self._outside(key, row, after, event)
        if isinstance(event.body, ev.AttemptEnded) and event.body.review:
            self._connection.execute(sql("open_request"), (head.n, seq, step, "review"))
        elif isinstance(event.body, ev.StepAnswered):
            self._connection.execute(sql("close_request"), (*key, "review", seq))
            self._one("request", key)

    def _keep_record(self, key: _Key, seq: int, event: ev.Event) -> None:
        """An attempt begins that knows what it is for, or an earlier result is restored."""
        body = event.body
        if isinstance(body, ev.AttemptStarted):
            self._connection.execute(sql("insert_record"), (*key, event.attempt, seq, None, "running"))
        elif isinstance(body, ev.AttemptEnded):
            self._connection.execute(sql("end_record"), (*key, event.attempt, seq, body.status))
            self._one("record", key)
        elif isinstance(body, ev.StepResolved) and body.choice == "happened":
            self._connection.execute(sql("settle_record"), key)
        elif body.kind == "step.reused":
            self._connection.execute(sql("insert_record"), (*key, 0, seq, seq, "restored"))

    def flush(self) -> None:
        """Write every changed row."""
        write, steps, new, changed = self._connection.executemany, self._steps, self._new, self._changed
        if self._past:
            write(sql("insert_attempt"), self._past)
            self._past.clear()
        if new:
            before = self._connection.total_changes()
            write(sql("insert_step"), [(*key, *astuple(steps[key])) for key in sorted(new)])
            if self._connection.total_changes() - before != len(new):
                raise BugError("the first attempt of a step that had begun was to start", code="E_BUG")
        if changed:
            before = self._connection.total_changes()
            write(sql("update_step"), [(*key, *astuple(steps[key])) for key in sorted(changed)])
            assert self._connection.total_changes() - before == len(changed), "a step that is final does not change"
        for key in (*new, *changed):
            if steps[key].status not in ACTIVE:
                del steps[key]
        new.clear()
        changed.clear()
        if len(steps) > _REMEMBERED_MAX:
            steps.clear()

    def forget(self) -> None:
        """Drop what is known: the transaction was rolled back, or another connection has written."""
        self._steps.clear()
        self._new.clear()
        self._changed.clear()
        self._past.clear()

    def _beside(self, key: _Key, seq: int, event: ev.Event) -> None:
        """What is late, and what becomes of a loop (semantics S17), changes no row of a step."""
        body = event.body
        if body.kind == ESCALATED:
            self._connection.execute(sql("open_request"), (key[0], seq, key[1], "escalation"))
        elif isinstance(body, ev.StepJumped):
            self._connection.execute(sql("insert_jump"), (*key, seq))
        elif isinstance(body, ev.StepStuck):
            self._connection.execute(sql("open_request"), (key[0], seq, key[1], "loop"))
        elif isinstance(body, ev.StepAnswered) and event.attempt is None:
            self._connection.execute(sql("close_request"), (*key, "loop", seq))

    def _cancel_rest(self, group: _Key, seq: int) -> None:
        """What of a failed fan-out has an end to come will not have it (semantics S6)."""
        n, step = group
        first, beyond = instance_range(step)
        self.flush()
        for key in [key for key in self._steps if key[0] == n and first <= key[1] < beyond]:
            del self._steps[key]
        self._connection.execute(sql("cancel_instances"), (n, seq, first, beyond))
        self._connection.execute(sql("close_instance_requests"), (n, seq, first, beyond))

    def _stored(self, key: _Key) -> StepRow | None:
        row = self._connection.execute(sql("step_row"), key).fetchone()
        return None if row is None else StepRow(*row)

    def _outside(self, key: _Key, row: StepRow | None, after: StepRow, event: ev.Event) -> None:
        """The rows beside the step's: its effect on the world, and what people are asked about it."""
        execute = self._connection.execute
        effect = effect_after(event) if after.keyed & EFFECT else None
        if after.keyed & RECORD:
            self._keep_record(key, after.seq, event)
        if effect == "intended":
            assert isinstance(event.body, ev.AttemptStarted)
            execute(sql("intend_effect"), (*key, event.body.key, after.attempt, after.seq))
            self._one("effect", key)
        elif effect is not None:
            execute(sql("settle_effect"), (*key, effect, after.seq))
            self._one("effect", key)
        if after.status == "uncertain":
            execute(sql("open_request"), (key[0], after.seq, key[1], "resolve"))
        elif row is not None and row.status == "uncertain":
            execute(sql("close_request"), (*key, "resolve", after.seq))
            self._one("request", key)

    def _one(self, what: str, key: _Key) -> None:
        if self._connection.changes() != 1:
            raise BugError(f'the {what} of step "{key[1]}" is not in a state that allows this', code="E_BUG")

    def _run_event(self, head: Head, seq: int, event: ev.Event) -> None:
        body = event.body
        if not head.n:
            from holdfast.journal.shared import take  # noqa: PLC0415 - few journals hold anything that runs share

            take(self._connection, seq, event)
        elif isinstance(body, ev.RunCreated):
            if seq != 1:
                raise BugError("a run is created once", code="E_BUG")
        elif isinstance(body, ev.RunPausing):
            self._connection.execute(sql("ask_pause"), (head.n, seq))
        elif isinstance(body, ev.RunCanceling):
            self._connection.execute(sql("ask_cancel"), (head.n, seq))
        elif type(body) in LIMITS:
            self._of_budgets(head.n, seq, event)
        elif isinstance(body, ev.RunEnding):
            self._cancel_steps(head.n, seq, "escalation")
        elif body.kind.startswith(ev.RARE):
            self._of_people(head.n, seq, body)
        else:
            self._move_run(head, seq, event)

    def _of_budgets(self, n: int, seq: int, event: ev.Event) -> None:
        """What limits have to say is noted by number; where more is allowed, nobody is asked for it any more."""
        self._connection.execute(sql("note_budget"), (n, seq))
        if isinstance(event.body, ev.BudgetRaised):
            self._connection.execute(sql("close_budget_request"), (n, seq, event.body.key, event.step or ""))

    def _of_people(self, n: int, seq: int, body: ev.Body) -> None:
        """What people are asked or told about the run itself, and what they answer."""
        from holdfast.run.goal import GoalAnswered  # noqa: PLC0415 - few journals hold any

        if isinstance(body, GoalAnswered):
            self._connection.execute(sql("close_asked"), (n, body.asked, seq))
        else:
            kind = {ESCALATED: "escalation", "budget.asked": "budget"}.get(body.kind, "review")
            self._connection.execute(sql("open_request"), (n, seq, "", kind))

    def _cancel_steps(self, n: int, seq: int, but: str = "") -> None:
        """What of the run has begun and not ended never will; requests are closed, `but` for those of a kind."""
        self.flush()
        for key in [key for key in self._steps if key[0] == n]:
            del self._steps[key]
        self._connection.execute(sql("cancel_steps"), (n, seq))
        self._connection.execute(sql("close_requests"), (n, seq, but))

    def _move_run(self, head: Head, seq: int, event: ev.Event) -> None:
        body = event.body
        trigger = body.outcome if isinstance(body, ev.RunFinished) else body.kind.removeprefix("run.")
        status = run_after(RunStatus(head.status), trigger).value
        finished = event.at if isinstance(body, ev.RunFinished) else None
        started = event.at if isinstance(body, ev.RunOwned) else None
        if finished is not None:
            self.flush()
        self._connection.execute(sql("move_run"), (head.n, head.status, status, seq, started, finished))
        if self._connection.changes() != 1:
            raise BugError("a run whose steps are still running or uncertain was to end", code="E_BUG")
        if finished is not None:
            self._cancel_steps(head.n, seq)
        head.status = status
