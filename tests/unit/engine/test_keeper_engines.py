"""Who commands a keeper, and telling engines without ever waiting for them (semantics C4)."""

import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.engine.keeper import engines
from holdfast.engine.keeper.engines import Engine, Engines, remove_folder
from holdfast.engine.keeper.record import read_fence

PATH = "keeper.sock"


class Hall:
    """A keeper's engines, and clients that speak to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(folder / PATH))
        listener.listen(4)
        self.engines = Engines(str(folder), 3, listener.detach(), select.poll())
        self.clients: list[socket.socket] = []

    def enter(self) -> tuple[Engine, socket.socket]:
        """One more connection, from both sides."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(5)
        client.connect(str(self.folder / PATH))
        self.clients.append(client)
        before = {*self.engines.by_fd}
        self.engines.accept()
        (fd,) = {*self.engines.by_fd} - before
        return self.engines.by_fd[fd], client

    def close(self) -> None:
        """End everything."""
        for engine in [*self.engines.by_fd.values()]:
            self.engines.close(engine)
        for client in self.clients:
            client.close()
        self.engines.listener.close()


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path)
    yield made
    made.close()


def test_the_newest_fence_commands_and_the_older_engine_is_told_and_put_out(hall: Hall) -> None:  # semantics C4
    first, old = hall.enter()
    second, new = hall.enter()
    assert hall.engines.hello(first, 3)
    assert hall.engines.hello(second, 4)
    assert old.recv(100) == b'{"ev":"fenced"}\n'
    assert old.recv(100) == b""
    assert hall.engines.current is second
    assert read_fence(str(hall.folder)) == 4
    hall.engines.tell(b"fact\n")
    assert new.recv(100) == b"fact\n"


def test_an_engine_with_an_old_fence_never_commands(hall: Hall) -> None:  # semantics C4
    late, client = hall.enter()
    assert not hall.engines.hello(late, 2)
    assert client.recv(100) == b'{"ev":"fenced"}\n'
    assert hall.engines.current is None
    hall.engines.tell(b"nobody hears it\n")


def test_requests_are_read_whole_however_they_come_in(hall: Hall) -> None:
    engine, client = hall.enter()
    assert hall.engines.read(engine) == []
    client.sendall(b'{"op":"stop","id":"a"}\n{"op":"st')
    assert [request["op"] for request in hall.engines.read(engine)] == ["stop"]
    client.sendall(b'op","id":"b"}\n')
    assert hall.engines.read(engine) == [{"op": "stop", "id": "b"}]


def test_nonsense_and_an_end_close_the_connection(hall: Hall) -> None:
    mad, client = hall.enter()
    client.sendall(b"{nonsense\n")
    assert hall.engines.read(mad) == []
    assert mad.fd not in hall.engines.by_fd
    gone, other = hall.enter()
    hall.engines.hello(gone, 3)
    other.close()
    assert hall.engines.read(gone) == []
    assert hall.engines.current is None
    hall.engines.close(gone)  # a second time changes nothing


def test_a_line_without_an_end_is_not_kept_for_ever(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "LINE_BYTES_MAX", 10)
    engine, client = hall.enter()
    client.sendall(b"x" * 20)
    assert hall.engines.read(engine) == []
    assert engine.fd not in hall.engines.by_fd


def test_what_a_slow_engine_does_not_take_is_kept_in_order_up_to_a_bound(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, client = hall.enter()
    hall.engines.hello(engine, 3)
    lines = b"".join(b"%07d\n" % n for n in range(200_000))
    hall.engines.tell(lines[:1_200_000])
    hall.engines.tell(lines[1_200_000:])
    assert engine.unsent
    heard = b""
    while len(heard) < len(lines):
        heard += client.recv(1 << 20)
        hall.engines.flush(engine)
    assert heard == lines
    monkeypatch.setattr(engines, "UNSENT_BYTES_MAX", 100)
    hall.engines.tell(lines)
    hall.engines.tell(lines)
    assert engine.fd not in hall.engines.by_fd


def test_an_engine_that_has_gone_is_put_out_when_it_is_told_something(hall: Hall) -> None:
    engine, client = hall.enter()
    hall.engines.hello(engine, 3)
    client.close()
    hall.engines.tell(b"fact\n")
    assert hall.engines.current is None


def test_nobody_at_the_door_is_no_connection(hall: Hall) -> None:
    hall.engines.accept()
    assert hall.engines.by_fd == {}


def test_the_private_folder_of_a_socket_goes_with_its_keeper(hall: Hall, tmp_path: Path) -> None:
    hall.engines.leave()
    assert (tmp_path / PATH).exists()  # in the run's own folder it may be another keeper's by now
    hall.engines.run_dir = "/elsewhere"
    private = tmp_path / "private"
    private.mkdir()
    (private / PATH).touch()
    remove_folder(str(private), PATH)
    assert not private.exists()
    remove_folder(str(private), PATH)
    hall.engines.leave()
    assert not os.path.exists(tmp_path / PATH)  # noqa: PTH110 - beside the calls of the keeper
