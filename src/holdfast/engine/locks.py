"""How the attempts of one run get the locks they want, and give them back (semantics S4, G9).

Locks are asked of the journal before an attempt's start is told, and released in the transaction of its end. What was
given to an attempt that did not start after all is found out and given back.
"""

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.ports import FenceLostError, LockRequest
from holdfast.run import events as ev
from holdfast.run.locks import RUN_TOKEN, THE_RUN, Holder, Token, in_words
from holdfast.run.standing import Lingering, Running, Waiting

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver
    from holdfast.run.choose import Start
    from holdfast.run.machine import Run

LOOK_US: Final = 20_000
"""How often at most a run looks whether its turn has come."""


CAUSES: Final = frozenset({"lock", "deadlock"})


class Freed(NamedTuple):
    """What goes with an append: tokens whose locks are free, and steps that leave the line."""

    tokens: tuple[Token, ...] = ()
    withdrawn: tuple[str, ...] = ()


NOTHING: Final = Freed()


def has_locks(run: "Run") -> bool:
    """Whether the run, or any step, wants locks."""
    return bool(run.plan.locks) or any(step.sharing.locks for step in run.steps)


class Locks:
    """Between one run and the locks that it shares with others."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver
        self._whole = driver.run.plan.locks  # what the run wants for itself
        self._given: set[Token] = set()
        self._line: set[str] = set()  # steps that stand in line
        self._freed: set[Token] = set()  # to go with the next append
        self._withdrawn: set[str] = set()
        self._submitted: deque[Freed] = deque()
        self._looked = 0
        self._refused: tuple[int, tuple[Holder, ...]] = (-1, ())  # at what time the run was refused its locks
        self._is_known = driver.seq == 0  # what an engine before us was given
        self.goes_on: bool | None = None  # after a refusal: whether more can be decided before the journal answers

    @property
    def stays(self) -> bool:
        """Whether the run holds any: it is not left while it only waits."""
        return bool(self._given)

    # Before an attempt.

    def look(self, now: int) -> None:
        """Offer the steps whose turn it is."""
        driver, run = self._driver, self._driver.run
        if not self._is_known:
            self._is_known = True
            journal = driver.world.journal
            self._given.update(journal.locks_of(run.id))
            self._line.update(journal.line_of(run.id))
            self.settle()
        waiting = self._waiting()
        if not waiting or driver.closing or 0 <= now - self._looked < LOOK_US:
            return
        self._looked = now
        turns: set[str] = set()
        if self._line:
            # While we were late, others may have taken us for dead: who lost its place asks again.
            self._line &= set(driver.world.journal.line_of(run.id))
            turns.update(driver.world.journal.lock_turns(run.id, now))
        if turns and len(run.running) >= driver.concurrency:
            self._withdrawn |= turns  # others go first: there is no room here
            self._line -= turns
        for i in waiting:
            if i in driver.calls.out:
                continue  # it has got what it waited for, and its start is not told yet
            place = THE_RUN if self._lacks_whole else run.steps[i].id
            if place in turns or place not in self._line:
                run.queue.offer(i)

    def enters(self, start: "Start", now: int) -> bool:
        """Whether the attempt has all its locks now; else its step waits for them."""
        driver, step = self._driver, self._driver.run.steps[start.step]
        self.goes_on = None
        names = tuple(name for name in step.sharing.locks if name not in self._whole)
        token = Token(step.id, start.attempt)
        if not self._lacks_whole and (not names or token in self._given):
            return True
        self.settle()
        if self._freed or self._withdrawn or any(self._submitted) or driver.seq == 0:
            self.goes_on = False  # what is freed comes first; and the run itself must be in the journal
            return False
        if self._lacks_whole and self._refused[0] == now:  # one question in each turn for all of its steps
            self._waits(start.step, self._whole, self._refused[1], now)
            self.goes_on = True
            return False
        if self._lacks_whole and not self._asks(start.step, RUN_TOKEN, self._whole, now):
            return False
        return not names or self._asks(start.step, token, names, now)

    def _asks(self, i: int, token: Token, names: tuple[str, ...], now: int) -> bool:
        driver = self._driver
        try:
            before = driver.world.journal.lock(LockRequest(driver.run.id, driver.fence, *token, names), now)
        except FenceLostError as error:
            driver.failure = driver.failure or error
            self.goes_on = False
            return False
        if before:
            self._line.add(token.step)
            if token == RUN_TOKEN:
                self._refused = now, before
            self._waits(i, names, before, now)
            self.goes_on = True
            return False
        self._line.discard(token.step)
        self._given.add(token)
        return True

    def _waits(self, i: int, names: tuple[str, ...], before: tuple[Holder, ...], now: int) -> None:
        run = self._driver.run
        state, on = run.states[i], ", ".join(names)
        cause: ev.WaitCause = "deadlock" if any(holder.waits_for_us for holder in before) else "lock"
        if isinstance(state, Waiting) and (state.cause, state.on) == (cause, on):
            run.queue.withdraw(i)
            return
        said = ev.StepWaiting(cause, on, in_words(names, before))
        self._driver.tell(ev.Event(now, said, run.steps[i].id))

    # After an attempt.

    def settle(self) -> None:
        """Find what is held by nothing that is under way, and who stands in line for nothing."""
        if not self._given and not self._line:
            return
        run, closing = self._driver.run, self._driver.closing
        for token in [token for token in self._given if not self._is_needed(token)]:
            self._given.discard(token)
            self._freed.add(token)
        if not self._line:
            return
        steps = set() if closing else {run.steps[i].id for i in self._waiting()}
        if steps and self._lacks_whole:
            steps.add(THE_RUN)
        gone = self._line - steps
        self._line -= gone
        self._withdrawn |= gone

    def _is_needed(self, token: Token) -> bool:
        run = self._driver.run
        if token == RUN_TOKEN:
            return not run.final
        i = run.index.get(token.step)
        state = None if i is None else run.states[i]
        return isinstance(state, Running | Lingering) and state.attempt == token.attempt

    # On the way to the journal.

    @property
    def waits(self) -> bool:
        """Whether anything is to go to the journal."""
        return bool(self._freed or self._withdrawn)

    def submit(self) -> Freed:
        """What goes with an append that is made now."""
        self.settle()
        freed = NOTHING
        if self.waits:
            freed = Freed(tuple(sorted(self._freed)), tuple(sorted(self._withdrawn)))
            self._freed.clear()
            self._withdrawn.clear()
        self._submitted.append(freed)
        return freed

    def answered(self) -> None:
        """The oldest append that was not answered is."""
        if any(self._submitted.popleft()):
            self._looked = 0  # what was freed may be wanted here

    # Leaves.

    @property
    def _lacks_whole(self) -> bool:
        return bool(self._whole) and RUN_TOKEN not in self._given

    def _waiting(self) -> list[int]:
        """The steps that wait for locks."""
        run = self._driver.run
        found = []
        for i in run.waiting:
            state = run.states[i]
            if isinstance(state, Waiting) and state.cause in CAUSES:
                found.append(i)
        return found
