"""The keeper's one loop: engines' requests in, facts out, in between commands that end."""

import gc
import os
import select
import sys
import time

from holdfast.engine.keeper import record
from holdfast.engine.keeper.attempt import NO_BASE, Attempt, Base, NotStartedError, now_us, spawn, tags
from holdfast.engine.keeper.clocks import NEVER
from holdfast.engine.keeper.engines import Engine, Engines
from holdfast.engine.keeper.news import News
from holdfast.engine.keeper.proc import LINUX, boot_id, start_of
from holdfast.engine.keeper.spares import Spares
from holdfast.engine.keeper.tree import Family
from holdfast.engine.keeper.wire import quote
from holdfast.engine.keeper.workers import Worker, Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal

    from holdfast.engine.keeper.wire import Job, Request, Spawn
else:
    import _signal as signal

LISTENER = 3
FIRST_ENGINE_WAIT_S = 30.0
KILL_AGAIN_S = 0.1
KILLS_MAX = 100
LOOK_AGAIN_S = 0.05
# While more attempts than this wait here for each slot, the engine need not hear of an end at once.
ROUNDS_AHEAD = 2
BUGS_MAX = 100
NO_ANSWER = '{"code":"exit.nonzero","message":"the worker ended without saying what came of the call"}'
EX_TEMPFAIL = 75
GARBAGE_OBJECTS = 20_000  # hardly anything here is cyclic; looking at every 700 objects takes a per cent of the time
MAXRSS_PER_KIB = 1 if LINUX else 1024


class Keeper:
    """Owns the processes of one run. One thread; nothing waits, except for a process to start."""

    def __init__(self, run_dir: str, fence: int, run_id: str) -> None:
        self.poller = select.poll()
        self.record = record.Record(run_dir)
        self.engines = Engines(run_dir, fence, LISTENER, self.poller)
        self.live: dict[str, Attempt] = {}
        self.mains: dict[int, Attempt | Worker] = {}
        self.workers = Workers(run_id, self.poller)
        self.family = Family(run_id, self.live, self.mains)
        tags.begin(run_id)
        self.waiting: dict[str, Spawn | Job] = {}
        self.spares = Spares(run_dir)
        self.base = NO_BASE
        self.is_told_bye = False
        self.next_due = 0.0
        self.give_up_at = time.monotonic() + FIRST_ENGINE_WAIT_S
        self.news = News(self.record, self.engines)
        self.child_ended = False
        self.wake_fd = self._watch_children()

    def _watch_children(self) -> int:
        wake_fd, signal_fd = os.pipe()
        os.set_blocking(wake_fd, False)
        os.set_blocking(signal_fd, False)
        signal.set_wakeup_fd(signal_fd)
        signal.signal(signal.SIGCHLD, self._note_child)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        self.poller.register(wake_fd, select.POLLIN)
        return wake_fd

    def _note_child(self, _number: int, _frame: object) -> None:
        self.child_ended = True

    def run(self) -> None:
        """Works until nobody needs it any more."""
        bugs = 0
        while not self._is_done():
            try:
                self._turn()
            except Exception:  # the boundary: a bug must not take the commands with it
                import traceback

                traceback.print_exc()
                bugs += 1
                if bugs > BUGS_MAX:
                    raise

    def _turn(self) -> None:
        engines = self.engines
        for fd, events in self.poller.poll(self._patience_ms()):
            if fd == self.wake_fd:
                drain(fd)
            elif fd == LISTENER:
                engines.accept()
            elif (engine := engines.by_fd.get(fd)) is not None:
                if events & select.POLLOUT:
                    engines.flush(engine)
                if events & ~select.POLLOUT:
                    self._hear(engine)
            elif (worker := self.workers.by_fd.get(fd)) is not None:
                if fd == worker.jobs_fd:
                    self.workers.write(worker)
                else:
                    self._answered(worker)
            if self.child_ended:
                self._reap()
        now = time.monotonic()
        if now >= self.next_due:
            self._sweep(now)
        if self.waiting:
            self.news.write_down()  # how the last ones ended
            self._start_waiting()
        self.news.write_down()
        self.news.tell(has_time=self._is_ahead())

    def _is_done(self) -> bool:
        if self.live:
            return False
        if self.engines.current is None:
            if not self.engines.had_one:
                return time.monotonic() >= self.give_up_at
            return not self.engines.by_fd
        return self.is_told_bye and not self.waiting and not self.engines.current.unsent

    def _patience_ms(self) -> float | None:
        due = min(self.news.due, self.next_due if self.live else NEVER)
        if not self.engines.had_one:
            due = min(due, self.give_up_at)
        return None if due == NEVER else max(0.0, due - time.monotonic()) * 1000 + 1

    def _is_ahead(self) -> bool:
        """Says whether so many attempts wait here that nothing stands still while the engine is not told."""
        if not self.waiting:
            return False
        slots = next(iter(self.waiting.values())).get("slots", 0)
        return len(self.waiting) > slots * ROUNDS_AHEAD

    def _hear(self, engine: Engine) -> None:
        for request in self.engines.read(engine):
            try:
                self._obey(engine, request)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self._refuse(engine, request, f"malformed request: {type(error).__name__}: {error}")
            if self.child_ended:
                self._reap()
        if self.engines.current is None and self.engines.had_one:
            self._drop_waiting("the engine has gone")
            self.workers.dismiss_idle()

    def _obey(self, engine: Engine, request: "Request") -> None:
        if request["op"] == "hello":
            if self.engines.hello(engine, request["fence"]):
                self.is_told_bye = False
                self._drop_waiting("another engine has taken over")
                self.news.write_down()
                self.news.tell(has_time=False)
                live = ",".join(map(quote, self.live))
                text = f'{{"ev":"hello","fence":{self.engines.fence},"pid":{os.getpid()},"live":[{live}]}}\n'
                self.engines.send(engine, text.encode())
        elif self.engines.current is None and engine.fence is not None and request["op"] in ("spawn", "job"):
            if request["id"] not in self.live:
                self.news.dropped(request["id"], "the engine had gone before it could be started")
        elif engine is not self.engines.current:
            why = "hello comes first" if engine.fence is None else "a newer engine has taken over"
            self._refuse(engine, request, why)
        elif request["op"] in ("spawn", "job"):
            self._enqueue(engine, request)
        elif request["op"] == "stop":
            self._stop_one(request["id"], request["grace_s"])
        elif request["op"] == "stop_all":
            self._drop_waiting("stopped before it started")
            now = time.monotonic()
            for attempt in list(self.live.values()):
                self._stop(attempt, "stopped", request["grace_s"], since=now)
        elif request["op"] == "base":
            self.base = Base(request["env"])
        elif request["op"] == "bye":
            self.is_told_bye = True
        else:
            self._refuse(engine, request, "unknown operation")

    def _refuse(self, engine: Engine, request: "Request", why: str) -> None:
        identity = request.get("id")
        name = quote(identity) if isinstance(identity, str) else "null"
        self.engines.send(engine, f'{{"ev":"refused","id":{name},"why":{quote(why)}}}\n'.encode())

    def _enqueue(self, engine: Engine, request: "Spawn | Job") -> None:
        identity = request["id"]
        if identity in self.live or identity in self.waiting:
            self._refuse(engine, request, "an attempt of this id is there already")
        elif "slots" in request and (self.waiting or len(self.live) >= request["slots"]):
            self.waiting[identity] = request
        else:
            self._start(request)

    def _start_waiting(self) -> None:
        """Starts what waits, in its order, as far as there is room."""
        while self.waiting:
            identity, request = next(iter(self.waiting.items()))
            if len(self.live) >= request.get("slots", NEVER):
                return
            del self.waiting[identity]
            self._start(request)

    def _drop_waiting(self, why: str) -> None:
        for identity in self.waiting:
            self.news.dropped(identity, why)
        self.waiting.clear()

    def _start(self, request: "Spawn | Job") -> None:
        try:
            attempt = self._spawn(request) if request["op"] == "spawn" else self._begin_job(request)
        except NotStartedError as error:
            self.news.not_started(request["id"], error)
            return
        self.live[attempt.id] = attempt
        self.mains.setdefault(attempt.pid, attempt)
        self.next_due = min(self.next_due, attempt.clocks.due)
        self.news.spawned(attempt)

    def _spawn(self, request: "Spawn") -> Attempt:
        is_silent = request.get("silent", False) and self.family.is_proof
        spare = self.spares.take() if is_silent else None
        try:
            return spawn(request, self.base, spare)
        except NotStartedError:
            if spare is not None:
                self.spares.give_back(spare)
            raise

    def _begin_job(self, request: "Job") -> Attempt:
        worker = self.workers.begin(request)
        self.mains[worker.pid] = worker
        assert worker.attempt is not None
        return worker.attempt

    def _answered(self, worker: Worker) -> None:
        """Takes a worker's answer; what the job left behind goes the way of any attempt, and the worker with it."""
        attempt = worker.attempt
        answer = self.workers.read(worker)
        if answer is None or attempt is None:
            return
        attempt.take(answer)
        if not answer["retire"] and attempt.kill_at is None and self.family.is_alone_with_worker(attempt):
            self._finish(attempt)
            self.workers.rest(worker)
        else:
            self.workers.dismiss(worker)
            if not attempt.leave_running and not answer["retire"] and attempt.kill_at is None:
                attempt.left = True
                self._stop(attempt, None, attempt.grace_s)

    def _worker_gone(self, worker: Worker) -> Attempt | None:
        attempt = worker.attempt
        answer = self.workers.read(worker)
        if answer is not None and attempt is not None:
            attempt.take(answer)
        self.workers.gone(worker)
        return attempt

    def _stop_one(self, identity: str, grace_s: float) -> None:
        request = self.waiting.pop(identity, None)
        if request is not None:
            self.news.dropped(identity, "stopped before it started")
        elif identity in self.live:
            self._stop(self.live[identity], "stopped", grace_s)

    def _reap(self) -> None:
        self.child_ended = False
        ended: list[Attempt] = []
        touched: set[str] = set()  # attempts an orphan of which has died
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            main = self.mains.pop(pid, None)
            if main is None:
                touched |= self.family.reaped(pid)
                continue
            attempt = self._worker_gone(main) if isinstance(main, Worker) else main
            if attempt is None:
                continue
            attempt.is_gone = True
            ended.append(attempt)
            if not attempt.has_answer:
                attempt.code = os.waitstatus_to_exitcode(status)
                if isinstance(main, Worker) and not attempt.code and attempt.why is None:
                    attempt.error = NO_ANSWER
                attempt.ended_us = now_us()
                attempt.max_rss_kib = usage.ru_maxrss // MAXRSS_PER_KIB
                attempt.cpu_s = usage.ru_utime + usage.ru_stime
        for attempt in ended:
            self._settle(attempt)
        for identity in touched:
            if identity in self.live and self.live[identity].is_gone:
                self._settle(self.live[identity])
        self.news.write_down()
        self.news.tell(has_time=self._is_ahead())

    def _settle(self, attempt: Attempt) -> None:
        """Reports an attempt whose main process has ended, once nothing of it is left."""
        if self.family.is_alone(attempt):
            self._finish(attempt)
        elif attempt.kill_at is not None:
            if not self.family.ask(attempt):
                self._finish(attempt)
        elif attempt.leave_running or not self.family.members(attempt):
            self._finish(attempt)
        else:
            attempt.left = True
            self._stop(attempt, None, attempt.grace_s)

    def _finish(self, attempt: Attempt) -> None:
        tree = "proven" if self.family.is_certain(attempt) else "best-effort"
        by = "" if attempt.why is None and not attempt.left else self.family.means
        is_clean = tree == "proven" and not by and not attempt.leave_running
        has_printed = self.spares.settle(attempt, is_clean=is_clean)
        del self.live[attempt.id]
        self.family.ended(attempt)
        self.news.exited(attempt, tree, by, has_printed=has_printed)

    def _stop(self, attempt: Attempt, why: str | None, grace_s: float, since: float = NEVER) -> None:
        """Asks the whole tree to end and sets the time when it is made to."""
        now = time.monotonic()
        self.spares.name(attempt)
        if attempt.kill_at is None:
            if attempt.why is None:
                attempt.why = why
            attempt.kill_at = now + grace_s
            self.family.ask(attempt, since)
        else:
            attempt.kill_at = min(attempt.kill_at, now + grace_s)
        self._await_end(attempt, now)
        self.next_due = min(self.next_due, attempt.clocks.due)

    def _await_end(self, attempt: Attempt, now: float) -> None:
        """Sets when to look at a stopping attempt; where orphans do not come to us, nobody tells when they end."""
        assert attempt.kill_at is not None, "it is being stopped"
        attempt.clocks.due = attempt.kill_at if self.family.is_proof else min(attempt.kill_at, now + LOOK_AGAIN_S)

    def _sweep(self, now: float) -> None:
        """Looks at everything whose time has come."""
        for attempt in list(self.live.values()):
            if attempt.clocks.due > now:
                continue
            if now >= attempt.clocks.named_at:
                attempt.clocks.named_at = NEVER
                self.spares.name(attempt)
            if attempt.kill_at is None:
                why = attempt.clocks.expired(now)
                if why is not None:
                    self._stop(attempt, why, attempt.grace_s, since=now)
            elif now >= attempt.kill_at:
                self._kill(attempt, now)
            else:
                self._await_end(attempt, now)
                if attempt.is_gone:
                    self._settle(attempt)
        self.next_due = min((attempt.clocks.due for attempt in self.live.values()), default=NEVER)

    def _kill(self, attempt: Attempt, now: float) -> None:
        found = self.family.force(attempt, since=now)
        attempt.rounds += 1
        attempt.clocks.due = now + KILL_AGAIN_S
        if attempt.is_gone and ((not found and not self.family.members(attempt)) or attempt.rounds > KILLS_MAX):
            self._finish(attempt)


def drain(fd: int) -> None:
    """Empties a pipe that only wakes us."""
    try:
        os.read(fd, 4096)
    except BlockingIOError:  # `contextlib.suppress` would cost a quarter of the start
        pass


def main(run_dir: str, fence: int, run_id: str) -> int:
    """Keeps the commands of a run until nobody needs them; the exit status is of no use to anyone."""
    if not record.take_over(run_dir, fence):
        return EX_TEMPFAIL
    keeper = Keeper(run_dir, fence, run_id)
    socket_path = keeper.engines.listener.getsockname()
    keeper.record.write(
        f'{{"ev":"keeper","pid":{os.getpid()},"start":{start_of(os.getpid())},"boot":{quote(boot_id())},"fence":{fence},'
        f'"run":{quote(run_id)},"socket":{quote(socket_path)},"python":{quote(sys.version.split()[0])}}}\n'.encode()
    )
    gc.set_threshold(GARBAGE_OBJECTS)
    keeper.run()
    keeper.spares.remove()
    keeper.engines.leave()
    return 0
