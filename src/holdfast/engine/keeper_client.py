"""The engine's end of the keeper: start one, take one over, send requests, receive events."""

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from holdfast.engine import processes
from holdfast.engine.keeper import __file__ as keeper_package
from holdfast.engine.keeper import proc
from holdfast.engine.keeper.engines import remove_folder
from holdfast.engine.keeper.record import LOCK, read_fence, write_fence
from holdfast.engine.keeper_facts import Facts, read_facts
from holdfast.engine.keeper_messages import Bye, End, Event, Fenced, Hello, KeeperStarted, Request, Welcome
from holdfast.engine.leftovers import Leftover, find_leftovers
from holdfast.engine.orphans import ORPHANS
from holdfast.errors import BusyError, HoldfastError, StoreError

if TYPE_CHECKING:
    import socket

    from holdfast.engine.early import EarlyKeeper
else:
    import _socket as socket  # the C half has all that is needed here, and costs nothing

KEEPER = str(Path(keeper_package).with_name("__main__.py"))
SOCKET_NAME = "keeper.sock"
# sun_path has room for 104 bytes on macOS and 108 on Linux, the final NUL included.
SOCKET_PATH_BYTES_MAX = 100
LISTENER_FD = 3
ANSWER_WAIT_S = 5.0
LOCK_WAIT_S = 5.0
KILL_WAIT_S = 5.0
STOPPED_LOOK_S = 0.5
READ_BYTES = 1 << 16  # a larger buffer is mapped and unmapped for every read

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class KeeperLostError(HoldfastError):
    """The connection to the keeper is at its end; `adopt` finds out what is left of it."""

    exit_code = 75


class Adopted(msgspec.Struct, frozen=True):
    """What an engine finds when it takes over: attempts still in hand, facts of the others, processes nobody has."""

    live: frozenset[str]
    facts: Facts
    leftovers: tuple[Leftover, ...]


def has_keeper(run_dir: Path) -> bool:
    """Whether a live keeper has the run in hand."""
    keeper = read_facts(run_dir).keeper
    return keeper is not None and processes.is_alive(_identity(keeper))


def keep_out(run_dir: Path, fence: int) -> bool:
    """Let no keeper below `fence` come up for the run any more; False where one has, or a newer engine."""
    if not run_dir.is_dir():
        return True
    try:
        return _fence_out(run_dir, fence)
    except BusyError:
        return False


class KeeperClient:
    """A connection to the keeper of a run. Register it with a selector and call `receive` when it is readable."""

    def __init__(self, run_dir: Path, connection: socket.socket, pid: int, *, is_ours: bool) -> None:
        self._run_dir = run_dir
        self._connection = connection
        self._pid = pid
        self._is_ours = is_ours  # this process started it, and reaps it
        self._received = b""

    @classmethod
    def start(cls, run_dir: Path, run_id: str, fence: int, early: "EarlyKeeper | None" = None) -> "KeeperClient":
        """Starts a keeper and says hello, without waiting for it; requests may be sent at once. Raises StoreError.

        Where an `early` one waits for a run, it is that one.
        """
        listener, path = _listen(run_dir)
        try:
            pid = _named_keeper([str(run_dir), str(fence), run_id], listener, early)
            client = cls(run_dir, _connect(path), pid, is_ours=True)
        finally:
            listener.close()
        with suppress(KeeperLostError):  # one that has died already is found out when it is listened to
            client.send([Hello(fence)])
        return client

    @classmethod
    def adopt(cls, run_dir: Path, run_id: str, fence: int) -> "tuple[KeeperClient | None, Adopted]":
        """Takes over what an earlier engine left behind.

        A live keeper is fenced and connected to; one that does not answer is killed. When there is none, no older one
        can come up any more, and `leftovers` has what its commands left. Raises BusyError when a newer engine has it.
        """
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            keeper = read_facts(run_dir).keeper
            if keeper is not None and processes.is_alive(_identity(keeper)):
                client, live = cls._take_over(run_dir, keeper, fence)
                if client is not None:
                    # Read after the answer: an attempt that is not live by then has all its facts in the file.
                    return client, Adopted(live, read_facts(run_dir), ())
                _kill(keeper)
            if _fence_out(run_dir, fence):
                if keeper is not None and os.path.dirname(keeper.socket) != str(run_dir):
                    remove_folder(*os.path.split(keeper.socket))  # it was killed
                facts = read_facts(run_dir)
                return None, Adopted(frozenset(), facts, find_leftovers(facts, run_id))
            if time.monotonic() > deadline:
                raise StoreError(
                    f"the keeper of run {run_id} holds {run_dir / LOCK} and cannot be found",
                    code="E_KEEPER_STUCK",
                    hint="end the process that has this file open (fuser shows it), then resume",
                )
            time.sleep(0.01)

    @classmethod
    def _take_over(
        cls, run_dir: Path, keeper: KeeperStarted, fence: int
    ) -> "tuple[KeeperClient | None, frozenset[str]]":
        try:
            client = cls(run_dir, _connect(keeper.socket), keeper.pid, is_ours=False)
        except OSError:
            return None, frozenset()
        try:
            client.send([Hello(fence)])
            deadline = time.monotonic() + ANSWER_WAIT_S
            while (wait_s := deadline - time.monotonic()) > 0 and client._is_readable(wait_s):
                events = client.receive()
                if any(isinstance(event, Fenced) for event in events):
                    client.close()
                    raise BusyError("a newer engine has taken this run over", code="E_RUN_FENCED")
                welcome = next((event for event in events if isinstance(event, Welcome)), None)
                if welcome is not None:
                    ended = {event.id for event in events if isinstance(event, End)}
                    return client, frozenset(welcome.live) - ended
        except KeeperLostError:
            pass
        client.close()
        return None, frozenset()

    def fileno(self) -> int:
        """The file descriptor to wait on."""
        return self._connection.fileno()

    def send(self, requests: Sequence[Request]) -> None:
        """Sends requests in order. Raises KeeperLostError."""
        try:
            lines = _encoder.encode_lines(requests)
        except UnicodeEncodeError:
            lines = _encode_odd(requests)
        try:
            self._connection.sendall(lines)
        except OSError as error:
            raise self._lost() from error

    def receive(self) -> list[Event]:
        """What the keeper has said since the last call; never waits. Raises KeeperLostError when that was all."""
        try:
            chunk = self._connection.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError as error:
            raise self._lost() from error
        if not chunk:
            raise self._lost()
        lines, newline, rest = (self._received + chunk).rpartition(b"\n")
        self._received = rest
        return _decoder.decode_lines(lines + newline)

    def close(self) -> None:
        """Leaves the keeper alone; it lets its commands finish."""
        self._connection.close()

    def finish(self, wait_s: float = 60.0) -> list[Event]:
        """Says bye, waits until the keeper has gone, gives what it still said. Raises StoreError if it stays."""
        events: list[Event] = []
        deadline = time.monotonic() + wait_s
        with suppress(KeeperLostError):
            self.send([Bye()])
            while (left_s := deadline - time.monotonic()) > 0:
                if self._is_readable(min(left_s, STOPPED_LOOK_S)):
                    events += self.receive()
                elif self.is_stopped():
                    self.signal(signal.SIGCONT)
            headline = f"the keeper in {self._run_dir} still has commands after {wait_s:g} s"
            raise StoreError(headline, code="E_KEEPER_BUSY")
        self.close()
        self._reap()
        with suppress(FileNotFoundError):
            (self._run_dir / SOCKET_NAME).unlink()
        return events

    def _is_readable(self, wait_s: float) -> bool:
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        return bool(poller.poll(wait_s * 1000))

    def _lost(self) -> KeeperLostError:
        return KeeperLostError(f"the keeper in {self._run_dir} has closed the connection", code="E_KEEPER_LOST")

    def is_stopped(self) -> bool:
        """Whether somebody has sent the keeper a signal to stop, so that it enforces nothing until it goes on."""
        stat = proc.stat_of(self._pid)
        return stat is not None and stat[0] == "T"

    def signal(self, number: int) -> None:
        """Send a keeper that is there a signal."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def _reap(self) -> None:
        if self._is_ours:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._is_ours = False


def _listen(run_dir: Path) -> tuple[socket.socket, str]:
    """Binds the socket in the run's folder, or where that cannot be, in a private folder elsewhere."""
    path = str(run_dir / SOCKET_NAME)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with suppress(FileNotFoundError):
        os.unlink(path)
    try:
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
            raise OSError("the path is too long for a socket")
        listener.bind(path)
    except OSError:  # too long, or a file system without sockets
        import tempfile  # noqa: PLC0415 - rarely needed, and slow to import

        path = os.path.join(tempfile.mkdtemp(prefix="holdfast-"), SOCKET_NAME)
        try:
            listener.bind(path)
        except OSError as error:
            raise StoreError(f"no socket can be made: {error}", code="E_KEEPER_SOCKET") from error
    os.chmod(path, 0o600)
    listener.listen(16)
    return listener, path


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _named_keeper(words: list[str], listener: socket.socket, early: "EarlyKeeper | None") -> int:
    """The process that keeps the run: one that waits for it, or a new one."""
    log = os.open(os.path.join(words[0], "keeper.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        pid = early.take(words, listener.fileno(), log) if early is not None else None
        return pid if pid is not None else spawn_keeper(words, listener.fileno(), log)
    finally:
        os.close(log)


def spawn_keeper(words: Sequence[str], channel: int, log: int | None = None) -> int:
    """Starts a keeper's process; posix_spawn because importing `subprocess` costs as much as the keeper's start.

    It gets `channel` as its descriptor 3, and `log`, or nothing, as its outputs. Raises StoreError.
    """
    high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in (channel, log) if each is not None]
    outputs = [
        (os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_WRONLY, 0)
        if log is None
        else (os.POSIX_SPAWN_DUP2, high[1], number)
        for number in (1, 2)
    ]
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, *_interpreter_options(), KEEPER, *words],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                *outputs,
                (os.POSIX_SPAWN_DUP2, high[0], LISTENER_FD),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=signal.valid_signals(),
        )
    except OSError as error:
        headline = f"the keeper cannot be started with {sys.executable}: {error}"
        raise StoreError(headline, code="E_KEEPER_START") from error
    finally:
        for fd in high:
            os.close(fd)
    ORPHANS.start(pid)
    return pid


def _interpreter_options() -> tuple[str, ...]:
    """No user's environment, no `site`: it starts twice as fast. Coverage measures other processes through `site`."""
    return ("-I",) if "COVERAGE_PROCESS_CONFIG" in os.environ else ("-I", "-S")


def _fence_out(run_dir: Path, fence: int) -> bool:
    """Raises the fence while no keeper has the run, so that no older one ever gets it; False when one has it."""
    lock = os.open(run_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        known = read_fence(str(run_dir))
        if known > fence:
            raise BusyError("a newer engine has taken this run over", code="E_RUN_FENCED")
        write_fence(str(run_dir), fence)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _identity(keeper: KeeperStarted) -> processes.Identity:
    return processes.Identity(keeper.boot, keeper.pid, keeper.start)


def _kill(keeper: KeeperStarted) -> None:
    """Kills a keeper that does not answer, and waits until it is gone. Its commands are leftovers then."""
    identity = _identity(keeper)
    deadline = time.monotonic() + KILL_WAIT_S
    while processes.is_alive(identity):
        with suppress(ProcessLookupError):
            os.kill(keeper.pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            headline = f"the keeper (pid {keeper.pid}) does not answer and cannot be killed"
            raise StoreError(headline, code="E_KEEPER_STUCK")
        time.sleep(0.005)


def _encode_odd(requests: Sequence[Request]) -> bytes:
    """Encodes requests with bytes that are no text (from file names or the environment); msgspec refuses those."""
    import json  # noqa: PLC0415 - rarely needed

    return b"".join(json.dumps(msgspec.to_builtins(request)).encode() + b"\n" for request in requests)
