"""Python functions that the engine itself runs: in threads, on one event loop, or, when proven quick, on the spot."""

import importlib
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from types import FunctionType
from typing import TYPE_CHECKING, cast

import msgspec

from holdfast.engine.clock import now_us
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    import asyncio

    from holdfast.plan.arguments import Fitting

QUICK_US = 200
"""A function whose calls stay below this may run on the engine's own thread: a thread hop costs as much."""
SLOW_US = 5_000
"""A call that takes longer must not happen there again soon."""
TRUSTED_AT = 3
"""So much trust lets a function run on the engine's own thread: one for each quick call."""
TRUST_MAX = 16
"""One call that was only interrupted by the system does not cost all trust."""
SAID_MAX = 1000
"""Characters that are kept of what an exception says."""
CO_COROUTINE = 0x80
"""What marks the code of an `async def`, as `inspect` knows it too."""
DISTRUST = -100
"""Trust after a slow call."""

Function = Callable[..., object]


class CallError(HoldfastError):
    """The function that a step names cannot be found; the plan's author acts."""

    exit_code = 3


class Target:
    """One `module:function`, imported once, with what is known of its speed."""

    __slots__ = ("fitting", "function", "is_async", "trust")

    def __init__(self, function: Function, fitting: "Fitting | None" = None) -> None:
        self.function = function
        self.fitting = fitting
        self.is_async = _is_async(function)
        self.trust = 0

    @property
    def is_quick(self) -> bool:
        """Whether the engine may call it on its own thread."""
        return self.trust >= TRUSTED_AT and not self.is_async

    def note(self, took_us: int) -> None:
        """Learn from one call."""
        if took_us < QUICK_US:
            if self.trust < TRUST_MAX:
                self.trust += 1
        elif took_us < SLOW_US:
            self.trust = min(self.trust, self.trust // 2)
        else:
            self.trust = DISTRUST


def _is_async(function: Function) -> bool:
    """Whether calling it makes a coroutine."""
    if type(function) is FunctionType and not function.__dict__:
        return bool(function.__code__.co_flags & CO_COROUTINE)
    import inspect  # noqa: PLC0415 - takes 8 ms to import, and hardly any function is wrapped or marked

    return inspect.iscoroutinefunction(function)


class Call(msgspec.Struct, eq=False):
    """One call: what to run, and after it what came of it. Times are UTC microseconds."""

    target: Target
    arguments: dict[str, object]
    owner: object
    step: int
    attempt: int
    facts: dict[str, object]
    dropped: bool = False  # set by the engine: not to be started any more
    abandoned: bool = False  # set by the engine: whatever still comes of it is ignored
    told: bool = False  # its start is in the journal
    durable_at: int = 0  # how many of the driver's events must be durable before it may begin
    threaded: bool = False  # a thread has it, or will
    started: int = 0
    ended: int = 0
    value: object = None
    error: BaseException | None = None

    def run(self) -> None:
        """Call the function here and now, unless it was dropped; whatever it raises is kept."""
        if self.dropped:
            return
        self.started = now_us()
        try:
            self.value = self.target.function(**self.arguments)
        except BaseException as error:  # noqa: BLE001 - the boundary that records what a step's function raised
            self.error = error
        self.ended = now_us()
        self.target.note(self.ended - self.started)


def said_of(error: BaseException) -> str:
    """An exception as one line of text that any encoding can hold."""
    try:
        said = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - what a step's own exception class does is not ours to fail on
        said = type(error).__name__
    return said.splitlines()[0][:SAID_MAX].encode("utf-8", "backslashreplace").decode()


def find_target(call: str, project: str) -> Target:
    """Import `module:function`, the project's folder first on the path; raises `CallError`."""
    module_name, _, name = call.partition(":")
    _enter(project)
    try:
        found: object = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise CallError(f"{call} cannot be imported: {said_of(error)}", code="spawn.failed") from error
    if not callable(found):
        raise CallError(f"{call} is not a function", code="spawn.failed")
    if not getattr(found, "__annotations__", None):
        return Target(found)
    from holdfast.plan.arguments import fitting_of  # noqa: PLC0415 - inspect and typing, for what is annotated

    return Target(found, fitting_of(call, found))


_entered: list[str] = []


def _enter(project: str) -> None:
    """Let imports look into the project's folder first; what other projects' folders gave is not for this one."""
    if sys.path[:1] == [project]:
        return
    for folder in _entered:
        sys.path.remove(folder)
        own = {name for name, module in sys.modules.items() if "." not in name and _stands_in(module, folder)}
        for name in [name for name in sys.modules if name.partition(".")[0] in own]:
            del sys.modules[name]
    _entered[:] = [project]
    sys.path.insert(0, project)


def _stands_in(module: object, folder: str) -> bool:
    """Whether a top-level module is a file or a package right in the folder."""
    places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None) or ""]
    return any(os.path.dirname(place) == folder for place in places)


class Pool:
    """Threads that run calls, grown on demand up to `size`; each finished call goes to `done` from its thread."""

    def __init__(self, size: int, done: Callable[[Call], None]) -> None:
        self._size = size
        self._done = done
        self._targets: dict[tuple[str, str], Target] = {}
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def target(self, call: str, project: str) -> Target:
        """The function `module:function`, found once and with what is known of its speed; raises `CallError`."""
        target = self._targets.get((project, call))
        if target is None:
            target = self._targets[project, call] = find_target(call, project)
        return target

    def submit(self, call: Call) -> None:
        """Run the call as soon as a thread is free; coroutine functions go to one event loop."""
        if call.target.is_async:
            self._submit_async(call)
            return
        self._calls.put(call)
        if self._threads < self._size and self._calls.qsize() > self._idle:
            self._threads += 1
            threading.Thread(target=self._work, name=f"holdfast-inline-{self._threads}", daemon=True).start()

    def grow(self, size: int) -> None:
        """Allow at least `size` threads."""
        self._size = max(self._size, size)

    def replace_thread(self) -> None:
        """One thread is stuck in a call that was given up; allow another in its place."""
        self._size += 1

    def close(self) -> None:
        """Let idle threads go; a thread inside a call ends with the process."""
        for _ in range(self._threads):
            self._calls.put(None)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _work(self) -> None:
        while True:
            self._idle += 1
            call = self._calls.get()
            self._idle -= 1
            if call is None:
                return
            call.run()
            self._done(call)
            del call  # its value may be large, and the next one may be long in coming

    def _submit_async(self, call: Call) -> None:
        import asyncio  # noqa: PLC0415 - costs 40 ms that only coroutine steps pay

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_run, args=[self._loop], name="holdfast-inline-async", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._await(call), self._loop)

    async def _await(self, call: Call) -> None:
        if not call.dropped:
            call.started = now_us()
            try:
                function = cast("Callable[..., Coroutine[object, object, object]]", call.target.function)
                call.value = await function(**call.arguments)
            except BaseException as error:  # noqa: BLE001 - the boundary that records what a step's coroutine raised
                call.error = error
            call.ended = now_us()
        self._done(call)


def _run(loop: "asyncio.AbstractEventLoop") -> None:
    loop.run_forever()
    loop.close()
