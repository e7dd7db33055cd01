"""One engine commands a keeper at a time, and the next one finds everything."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from holdfast.engine import processes
from holdfast.engine.keeper.record import FACTS, read_fence
from holdfast.engine.keeper_client import KeeperClient, KeeperLostError
from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.keeper_messages import (
    Dropped,
    Event,
    Exited,
    Fenced,
    Hello,
    KeeperStarted,
    Refused,
    Spawned,
    SpawnFailed,
    Welcome,
)
from holdfast.engine.leftovers import end_leftovers, still_alive
from holdfast.errors import BusyError
from tests.unit.engine.keeper_rig import Rig, eventually, lines_of, runs

MakeRig = Callable[..., Rig]


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    rig = make_rig(fence=5)
    rig.wait(lambda event: isinstance(event, Welcome))
    os.mkfifo(rig.run_dir / "pipe")
    return rig


def started(rig: Rig, name: str, script: str) -> int:
    """Starts a command and gives its pid."""
    rig.spawn(name, script)
    event = rig.wait(lambda event: isinstance(event, Spawned) and event.id == name)
    assert isinstance(event, Spawned)
    return event.pid


class Listener:
    """Collects what a keeper says on one connection."""

    def __init__(self, client: KeeperClient) -> None:
        self.client = client
        self.said: list[Event] = []
        self.is_lost = False

    def hear(self) -> list[Event]:
        try:
            self.said += self.client.receive()
        except KeeperLostError:
            self.is_lost = True
        return self.said


def keeper_pid(rig: Rig) -> int:
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    return keeper.pid


def adopt(rig: Rig, fence: int) -> KeeperClient:
    """Takes over and makes the rig speak through the new connection."""
    client, _ = KeeperClient.adopt(rig.run_dir, rig.run_id, fence)
    assert client is not None
    rig.use(client)
    return client


def test_a_live_command_is_awaited_by_the_next_engine(rig: Rig) -> None:  # semantics C2
    started(rig, "a", "read line < pipe; exit 7")
    rig.client.close()
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is not None
    assert adopted.live == {"a"}
    assert adopted.leftovers == ()
    rig.use(client)
    (rig.run_dir / "pipe").write_text("go\n")
    assert rig.exited("a").code == 7


def test_what_ended_while_there_was_no_engine_is_found_with_its_exit_code(rig: Rig) -> None:  # semantics C2
    started(rig, "a", "exit 7")
    rig.spawn("b", ["/no/such/program"])
    rig.failed("b")
    started(rig, "c", "read line < pipe")
    rig.client.close()
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is not None
    rig.use(client)
    ended, failed = adopted.facts.attempts["a"].end, adopted.facts.attempts["b"].end
    assert isinstance(ended, Exited)
    assert ended.code == 7
    assert isinstance(failed, SpawnFailed)
    assert adopted.live == {"c"}
    assert adopted.facts.attempts["c"].end is None


def test_what_ended_after_the_keeper_went_is_found_too(rig: Rig) -> None:  # semantics C2
    started(rig, "a", "read line < pipe; exit 9")
    pid = keeper_pid(rig)
    rig.client.close()
    (rig.run_dir / "pipe").write_text("go\n")
    eventually(lambda: not runs(pid))
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is None
    end = adopted.facts.attempts["a"].end
    assert isinstance(end, Exited)
    assert end.code == 9
    assert adopted.leftovers == ()


def test_what_waited_when_the_engine_died_is_recorded_as_never_started(rig: Rig) -> None:
    started(rig, "a", "read line < pipe")
    rig.spawn("b", "touch b-ran", slots=1)
    rig.client.close()
    eventually(lambda: "b" in read_facts(rig.run_dir).attempts)
    assert isinstance(read_facts(rig.run_dir).attempts["b"].end, Dropped)
    adopt(rig, 6)
    (rig.run_dir / "pipe").write_text("go\n")
    rig.exited("a")
    assert not (rig.run_dir / "b-ran").exists()


def test_what_waited_when_another_engine_takes_over_is_recorded_as_never_started(rig: Rig) -> None:  # semantics C4
    started(rig, "a", "read line < pipe")
    rig.spawn("b", "touch b-ran", slots=1)
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is not None
    rig.use(client)
    assert adopted.live == {"a"}
    assert isinstance(adopted.facts.attempts["b"].end, Dropped)
    (rig.run_dir / "pipe").write_text("go\n")
    rig.exited("a")
    assert not (rig.run_dir / "b-ran").exists()


def test_the_older_engine_is_told_and_put_out(rig: Rig) -> None:  # semantics C4
    old = Listener(rig.client)
    adopt(rig, 6)
    eventually(lambda: old.hear() and old.is_lost)
    assert old.said == [Fenced()]
    assert read_fence(str(rig.run_dir)) == 6


def test_an_older_engine_that_comes_back_is_refused(rig: Rig) -> None:  # semantics C4
    adopt(rig, 8)
    with pytest.raises(BusyError):
        KeeperClient.adopt(rig.run_dir, rig.run_id, 7)
    rig.spawn("a", "exit 0")
    assert rig.exited("a").code == 0


def test_requests_before_hello_are_refused(rig: Rig) -> None:  # semantics C4
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(rig.run_dir / "keeper.sock"))
    stranger = KeeperClient(rig.run_dir, connection, keeper_pid(rig), is_ours=False)
    stranger.send([rig.request("a", "touch ran")])
    listener = Listener(stranger)
    eventually(lambda: len(listener.hear()) == 1)
    stranger.send([Hello(6)])
    eventually(lambda: len(listener.hear()) == 2)
    assert [type(event) for event in listener.said] == [Refused, Welcome]
    stranger.close()
    assert not (rig.run_dir / "ran").exists()


def test_the_next_keeper_of_an_older_engine_does_not_come_up(rig: Rig, make_rig: MakeRig) -> None:  # semantics C4
    rig.client.finish()
    client, _ = KeeperClient.adopt(rig.run_dir, rig.run_id, 9)
    assert client is None
    late = make_rig(rig.run_dir, fence=7, run_id=rig.run_id)
    eventually(late.is_lost)
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    assert keeper.fence == 5


def test_a_second_keeper_of_a_run_does_not_come_up(rig: Rig) -> None:  # semantics C4
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is not None
    rig.use(client)
    assert adopted.facts.keeper is not None
    assert adopted.facts.keeper.pid == keeper_pid(rig)


def test_a_keeper_that_does_not_answer_is_killed_and_its_commands_are_found(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:  # semantics C4
    pid = started(rig, "a", "setsid sleep 1000 & echo $!; sleep 1000")
    hidden = int(lines_of(rig.out("a"), 1)[0])
    keeper = keeper_pid(rig)
    os.kill(keeper, signal.SIGSTOP)
    rig.client.close()
    monkeypatch.setattr("holdfast.engine.keeper_client.ANSWER_WAIT_S", 0.2)
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is None
    assert not runs(keeper)
    assert {leftover.pid for leftover in adopted.leftovers} >= {pid, hidden}
    assert {leftover.attempt for leftover in adopted.leftovers if leftover.pid == pid} == {"a"}
    assert end_leftovers(adopted.facts, rig.run_id, 5.0) == ()
    assert not runs(pid)
    assert not runs(hidden)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no tag")
def test_a_daemon_without_a_trace_is_known_when_its_keeper_was_killed(rig: Rig) -> None:  # semantics S11, C3
    spare = "(setsid env -i sh -c 'echo $$; exec /bin/sleep 1000' &)"
    rig.spawn("stays", f"{spare} >> spared", leave_running=True)
    rig.exited("stays")
    rig.spawn("a", f"{spare} >> pids; read line < pipe")
    (pid,) = map(int, lines_of(rig.run_dir / "pids", 1))
    (spared,) = map(int, lines_of(rig.run_dir / "spared", 1))
    rig.kill_keeper()
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is None
    assert pid in {leftover.pid for leftover in adopted.leftovers}
    assert end_leftovers(adopted.facts, rig.run_id, 5.0) == ()
    assert (runs(pid), runs(spared)) == (False, True)
    os.kill(spared, signal.SIGKILL)


def test_leftovers_may_be_awaited(rig: Rig) -> None:  # semantics C4
    started(rig, "a", "read line < pipe")
    rig.kill_keeper()
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 6)
    assert client is None
    assert [leftover.attempt for leftover in adopted.leftovers] == ["a"]
    assert still_alive(adopted.leftovers) == adopted.leftovers
    (rig.run_dir / "pipe").write_text("go\n")
    eventually(lambda: not still_alive(adopted.leftovers))


def test_a_number_that_was_given_to_another_process_is_not_a_leftover(rig: Rig) -> None:  # semantics C4
    pid = started(rig, "a", "read line < pipe")
    rig.kill_keeper()
    path = rig.run_dir / FACTS
    content = path.read_text()
    spawned = read_facts(rig.run_dir).attempts["a"].spawned
    assert spawned is not None
    now, then = (f'"start":{at},"start_max":{most}' for at, most in ((spawned.start, spawned.start_max), (5, 9)))
    path.write_text(content.replace(now, then))
    _, adopted = KeeperClient.adopt(rig.run_dir, "another-run", 6)
    assert adopted.leftovers == ()
    assert runs(pid)


def test_an_end_told_in_one_breath_with_the_welcome_is_not_lost(tmp_path: Path) -> None:
    identity = processes.current()
    path = str(tmp_path / "s")
    keeper = KeeperStarted(identity.pid, identity.start, identity.boot, 1, "r", path, "3")
    ended = Exited("b", 3, None, 5, "proven", 1, 0.0)
    (tmp_path / FACTS).write_bytes(msgspec.json.encode(keeper) + b"\n" + msgspec.json.encode(ended) + b"\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                welcome = Welcome(2, identity.pid, ["a", "b"])
                connection.sendall(msgspec.json.encode(welcome) + b"\n" + msgspec.json.encode(ended) + b"\n")

        thread = threading.Thread(target=answer)
        thread.start()
        client, adopted = KeeperClient.adopt(tmp_path, "r", 2)
        thread.join()
    assert client is not None
    client.close()
    assert adopted.live == {"a"}
    assert adopted.facts.attempts["b"].end == ended


def test_a_run_that_never_had_a_keeper_has_nothing_to_adopt(tmp_path: Path) -> None:
    client, adopted = KeeperClient.adopt(tmp_path, "r", 3)
    assert client is None
    assert (adopted.live, adopted.leftovers, adopted.facts.attempts) == (frozenset(), (), {})
    assert read_fence(str(tmp_path)) == 3


def test_a_torn_last_line_is_not_a_fact_and_is_not_glued_to_the_next(rig: Rig, make_rig: MakeRig) -> None:
    started(rig, "a", "exit 3")
    rig.exited("a")
    rig.client.finish()
    with (rig.run_dir / FACTS).open("a") as file:
        file.write('{"ev":"spawned","id":"torn","pi')
    assert set(read_facts(rig.run_dir).attempts) == {"a"}
    again = make_rig(rig.run_dir, fence=6, run_id=rig.run_id)
    again.spawn("b", "exit 4")
    assert again.exited("b").code == 4
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    assert keeper.fence == 6
    ends = {name: facts.end for name, facts in read_facts(rig.run_dir).attempts.items()}
    assert {name: end.code for name, end in ends.items() if isinstance(end, Exited)} == {"a": 3, "b": 4}
