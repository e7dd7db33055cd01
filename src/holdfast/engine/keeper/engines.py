"""Connections of engines: who may command, and telling them without ever waiting for them."""

import os

from holdfast.engine.keeper.record import write_fence
from holdfast.engine.keeper.wire import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    import socket

    from holdfast.engine.keeper.wire import Request
else:
    import _socket as socket  # the C half: `socket` itself imports selectors and enum
    import select

READ_BYTES = 1 << 16  # a larger buffer is mapped and unmapped for every read
UNSENT_BYTES_MAX = 8 << 20
LINE_BYTES_MAX = 64 << 20
READ_OR_WRITE = select.POLLIN | select.POLLOUT


class Engine:
    """One connection of an engine; `fence` is None until its hello."""

    __slots__ = ("fd", "fence", "received", "unsent")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.fence: int | None = None
        self.received = b""
        self.unsent = bytearray()


class Engines:
    """All connections. The one with the highest fence commands; facts go to it alone."""

    def __init__(self, run_dir: str, fence: int, listener: int, poller: "select.poll") -> None:
        self.run_dir = run_dir
        self.fence = fence
        self.listener = socket.socket(fileno=listener)
        self.listener.setblocking(False)
        os.set_inheritable(listener, False)
        self.by_fd: dict[int, Engine] = {}
        self.current: Engine | None = None
        self.had_one = False
        self._poller = poller
        poller.register(listener, select.POLLIN)

    def leave(self) -> None:
        """Takes the socket away where it stands in a folder of its own; in the run's, it may be another's by now."""
        folder, name = os.path.split(self.listener.getsockname())
        if folder != self.run_dir:
            remove_folder(folder, name)

    def accept(self) -> None:
        """Takes one waiting connection."""
        try:
            fd, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # the C half has no other
        except OSError:
            return
        os.set_blocking(fd, False)
        self.by_fd[fd] = Engine(fd)
        self._poller.register(fd, select.POLLIN)

    def hello(self, engine: Engine, fence: int) -> bool:
        """Lets the engine command if nobody newer does; older ones are told and put out."""
        if fence < self.fence:
            self._fenced(engine)
            return False
        if fence > self.fence:
            write_fence(self.run_dir, fence)
            self.fence = fence
        engine.fence = fence
        if self.current is not None and self.current is not engine:
            self._fenced(self.current)
        self.current = engine
        self.had_one = True
        return True

    def read(self, engine: Engine) -> "list[Request]":
        """The complete requests that have come in; closes the connection at its end or when it sends nonsense."""
        try:
            chunk = os.read(engine.fd, READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        if not chunk:
            self.close(engine)
            return []
        *lines, engine.received = (engine.received + chunk).split(b"\n") if engine.received else chunk.split(b"\n")
        if len(engine.received) > LINE_BYTES_MAX:
            self.close(engine)
        try:
            return [parse(line) for line in lines]
        except ValueError:
            self.close(engine)
            return []

    def tell(self, lines: bytes) -> None:
        """Sends lines to the commanding engine; the facts are on disk, so one that does not listen is dropped."""
        if self.current is not None:
            self.send(self.current, lines)

    def send(self, engine: Engine, lines: bytes) -> None:
        """Sends what the socket takes now and keeps the rest, up to a bound."""
        if engine.unsent:
            engine.unsent += lines
            if len(engine.unsent) > UNSENT_BYTES_MAX:
                self.close(engine)
        elif engine.fd in self.by_fd:
            sent = self._write(engine, lines)
            if sent < len(lines) and engine.fd in self.by_fd:
                engine.unsent += lines[sent:]
                self._poller.modify(engine.fd, READ_OR_WRITE)

    def flush(self, engine: Engine) -> None:
        """Sends what was kept, as far as the socket takes it."""
        del engine.unsent[: self._write(engine, engine.unsent)]
        if not engine.unsent and engine.fd in self.by_fd:
            self._poller.modify(engine.fd, select.POLLIN)

    def close(self, engine: Engine) -> None:
        """Ends a connection; when it was the commanding one, nobody commands."""
        if self.by_fd.pop(engine.fd, None) is None:
            return
        self._poller.unregister(engine.fd)
        os.close(engine.fd)
        engine.unsent.clear()
        if self.current is engine:
            self.current = None

    def _write(self, engine: Engine, lines: "bytes | bytearray") -> int:
        try:
            return os.write(engine.fd, lines)
        except BlockingIOError:
            return 0
        except OSError:
            self.close(engine)
            return 0

    def _fenced(self, engine: Engine) -> None:
        self.send(engine, b'{"ev":"fenced"}\n')
        self.close(engine)


def remove_folder(folder: str, name: str) -> None:
    """Removes a socket and the private folder that was made for it."""
    try:
        os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    except OSError:
        return  # somebody else has been faster
