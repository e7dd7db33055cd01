"""The keeper runs commands, keeps their output and says how they ended."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from holdfast.engine import processes
from holdfast.engine.keeper_client import KeeperClient
from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.keeper_messages import (
    Base,
    Bye,
    Dropped,
    Exited,
    Refused,
    Spawned,
    SpawnFailed,
    Stop,
    StopAll,
    Welcome,
)
from tests.unit.engine.keeper_rig import BASE_ENV, Rig, eventually, lines_of, runs

MakeRig = Callable[..., Rig]


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()


def test_a_commands_exit_code_is_reported(rig: Rig) -> None:
    rig.spawn("a", "exit 3")
    ended = rig.exited("a")
    assert (ended.code, ended.why, ended.tree) == (3, None, "proven")


def test_a_command_killed_by_a_signal_is_reported_with_its_number(rig: Rig) -> None:
    rig.spawn("a", "kill -USR1 $$")
    assert rig.exited("a").code == -signal.SIGUSR1


def test_the_spawned_process_is_named_so_that_it_can_be_verified(rig: Rig) -> None:
    rig.spawn("a", "read line < pipe", mkdirs=[str(rig.run_dir / "made" / "deep")])
    os.mkfifo(rig.run_dir / "pipe")
    spawned = rig.wait(lambda event: isinstance(event, Spawned))
    assert isinstance(spawned, Spawned)
    identity = processes.identify(spawned.pid)
    assert identity is not None
    assert spawned.start <= identity.start <= spawned.start_max
    assert processes.is_alive(identity)
    assert (rig.run_dir / "made" / "deep").is_dir()


def test_output_goes_straight_to_the_log_files_with_odd_bytes_unchanged(rig: Rig) -> None:
    script = r"printf '\000\377\r\n\033[0m'; printf 'caf\303 no newline' >&2"
    rig.spawn("a", script)
    rig.exited("a")
    assert rig.out("a").read_bytes() == b"\x00\xff\r\n\x1b[0m"
    assert rig.err("a").read_bytes() == b"caf\xc3 no newline"


def test_both_outputs_may_go_to_one_file_in_order(rig: Rig) -> None:
    rig.spawn("a", "echo one; echo two >&2; echo three", stderr=str(rig.out("a")))
    rig.exited("a")
    assert rig.out("a").read_text() == "one\ntwo\nthree\n"


def test_log_files_are_appended_to(rig: Rig) -> None:
    rig.out("a").write_text("before\n")
    rig.spawn("a", "echo after")
    rig.exited("a")
    assert rig.out("a").read_text() == "before\nafter\n"


def test_a_hundred_megabytes_of_output_do_not_pass_through_the_keeper(rig: Rig) -> None:
    rig.spawn("a", "head -c 100000000 /dev/zero")
    ended = rig.exited("a")
    assert ended.code == 0
    assert rig.out("a").stat().st_size == 100_000_000
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    status = Path(f"/proc/{keeper.pid}/status").read_text()
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak_kib < 40_000


def test_standard_input_is_empty_unless_a_file_is_given(rig: Rig) -> None:
    (rig.run_dir / "in").write_text("given")
    rig.spawn("empty", "cat; echo end")
    rig.spawn("file", "cat", stdin=str(rig.run_dir / "in"))
    rig.exited("empty")
    rig.exited("file")
    assert rig.out("empty").read_text() == "end\n"
    assert rig.out("file").read_text() == "given"


def test_the_environment_is_exactly_the_one_asked_for(rig: Rig) -> None:
    odd = os.fsdecode(b"caf\xe9 \xff")
    rig.spawn("a", ["/usr/bin/env", "-0"], env={"ODD": odd, "EMPTY": "", "LINES": "a\nb"})
    rig.exited("a")
    entries = set(rig.out("a").read_bytes().split(b"\0"))
    assert b"ODD=caf\xe9 \xff" in entries
    assert b"LINES=a\nb" in entries
    names = {entry.partition(b"=")[0] for entry in entries if entry}
    marks = {b"HOLDFAST_RUN", b"HOLDFAST_STEP", b"HOLDFAST_ATTEMPT"}
    assert names == {b"ODD", b"EMPTY", b"LINES", b"PATH", b"HOME", b"LANG"} | marks


def test_a_command_inherits_no_descriptor_and_no_changed_signal(rig: Rig) -> None:
    rig.spawn("a", "ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status")
    rig.exited("a")
    count, *signals = rig.out("a").read_text().splitlines()
    assert int(count) == 4  # 0, 1, 2 and the one ls reads the folder with
    of_threads = 0x1_8000_0000  # 32 and 33 belong to the C library, and nobody may change them
    assert [int(line.split()[1], 16) & ~of_threads for line in signals] == [0, 0]


def test_a_program_is_found_on_the_path_of_the_command(rig: Rig) -> None:
    folder = rig.run_dir / "bin"
    folder.mkdir()
    (folder / "only-here").write_text("#!/bin/sh\necho found\n")
    (folder / "only-here").chmod(0o755)
    rig.spawn("a", ["only-here"], env={"PATH": f"/nowhere:{folder}:/bin"})
    assert rig.exited("a").code == 0
    assert rig.out("a").read_text() == "found\n"


@pytest.mark.parametrize(
    ("argv", "options", "errno", "words"),
    [
        (["no-such-program"], {}, "ENOENT", "there is no program no-such-program on PATH"),
        (["/no/such/program"], {}, "ENOENT", "there is no program /no/such/program"),
        (["/tmp"], {}, "EACCES", "is a directory"),
        (["/etc/passwd"], {}, "EACCES", "is not executable: chmod +x it"),
        (["./no-interpreter"], {}, "ENOENT", "interpreter"),
        (["./no-first-line"], {}, "ENOEXEC", "neither a script"),
        (["/bin/sh", "-c", "x" * 200_000], {}, "E2BIG", "too long"),
        (["/bin/sh", "a\0b"], {}, "EINVAL", "null"),
        (["/bin/sh"], {"cwd": "/no/such/folder"}, "ENOENT", "the working directory /no/such/folder cannot be entered"),
        (["/bin/sh"], {"stdin": "/no/such/file"}, "ENOENT", "standard input /no/such/file cannot be read"),
        (["/bin/sh"], {"mkdirs": ["/etc/passwd/x"]}, "ENOTDIR", "the folder /etc/passwd/x cannot be made"),
    ],
)
def test_a_command_that_cannot_be_started_says_why(
    rig: Rig, argv: list[str], options: dict[str, object], errno: str, words: str
) -> None:
    for name, text in (("no-interpreter", "#!/no/such/interpreter\n"), ("no-first-line", "echo hi\n")):
        (rig.run_dir / name).write_text(text)
        (rig.run_dir / name).chmod(0o755)
    rig.spawn("a", argv, **options)
    failed = rig.failed("a")
    assert failed.errno == errno
    assert words in failed.error


def test_a_log_file_that_cannot_be_made_is_named(rig: Rig) -> None:
    rig.spawn("a", "true", stdout=str(rig.run_dir / "missing" / "out"))
    assert f"the log file {rig.run_dir}/missing/out cannot be written" in rig.failed("a").error


def test_many_requests_in_one_write_are_all_obeyed(rig: Rig) -> None:
    rig.send(*(rig.request(f"s{number}", f"exit {number % 7}") for number in range(300)))
    for number in range(300):
        assert rig.exited(f"s{number}").code == number % 7


def test_a_request_may_come_in_pieces(rig: Rig) -> None:
    rig.wait(lambda event: isinstance(event, Welcome))
    whole = rig.request("a", "exit 4")
    line = msgspec.json.encode(whole) + b"\n"
    for at in range(0, len(line), 50):
        rig.client._connection.sendall(line[at : at + 50])
    assert rig.exited("a").code == 4


def test_a_malformed_request_is_refused_and_the_others_go_on(rig: Rig) -> None:
    rig.client._connection.sendall(b'{"op":"spawn","id":"bad"}\n{"op":"dance","id":"x"}\n')
    rig.spawn("a", "exit 0")
    assert rig.exited("a").code == 0
    refused = [event for event in rig.events if isinstance(event, Refused)]
    assert [event.id for event in refused] == ["bad", "x"]


def test_an_id_that_is_live_is_not_started_again(rig: Rig) -> None:
    rig.send(rig.request("a", "exec sleep 50"), rig.request("a", "true"))
    rig.wait(lambda event: isinstance(event, Refused) and event.id == "a")


def test_facts_are_in_the_file_before_anybody_is_told(rig: Rig) -> None:
    rig.spawn("a", "exit 5")
    rig.spawn("b", ["/no/such/program"])
    ended, failed = rig.exited("a"), rig.failed("b")
    facts = read_facts(rig.run_dir)
    assert facts.attempts["a"].end == ended
    assert facts.attempts["b"].end == failed
    assert facts.attempts["a"].keeper == facts.keeper


def test_no_more_than_the_slots_run_at_a_time_and_the_rest_wait_in_order(rig: Rig) -> None:
    rig.send(*(rig.request(name, f"echo {name} >> order; exit 0", slots=1) for name in "abcd"))
    for name in "abcd":
        rig.exited(name)
    assert lines_of(rig.run_dir / "order", 4) == ["a", "b", "c", "d"]
    order = [(type(event), event.id) for event in rig.events if isinstance(event, Spawned | Exited)]
    assert order == [(kind, name) for name in "abcd" for kind in (Spawned, Exited)]


def test_what_is_not_told_to_wait_starts_at_once_beside_what_waits(rig: Rig) -> None:
    os.mkfifo(rig.run_dir / "pipe")
    rig.send(rig.request("a", "read line < pipe", slots=1), rig.request("b", "true", slots=1))
    rig.spawn("c", "true")
    rig.exited("c")
    assert not any(isinstance(event, Spawned) and event.id == "b" for event in rig.events)
    rig.send(StopAll(grace_s=0.0))
    rig.exited("a")


def test_a_command_may_share_the_base_environment(rig: Rig) -> None:
    rig.send(Base({"SHARED": "from the base", "CHANGED": "before", "GONE": "x", "PATH": BASE_ENV["PATH"]}))
    show = 'echo "$SHARED $CHANGED ${GONE-unset}"'
    rig.spawn("a", ["sh", "-c", show], env={"CHANGED": "by the step"}, based=True, unset=["GONE"])
    assert rig.exited("a").code == 0
    assert rig.out("a").read_text() == "from the base by the step unset\n"
    rig.spawn("b", ["no-such-program"], based=True, unset=["PATH"])
    assert "is no program" in rig.failed("b").error


def test_ends_are_told_a_few_at_a_time_while_others_wait(rig: Rig) -> None:
    rig.send(*(rig.request(name, "true", slots=1) for name in "abcdefgh"))
    rig.send(Bye())
    for name in "abcdefgh":
        assert rig.exited(name).code == 0


def test_what_waits_can_be_stopped_without_having_run(rig: Rig) -> None:
    rig.send(*(rig.request(name, script, slots=1) for name, script in (("a", "sleep 60"), ("b", ""), ("c", ""))))
    rig.send(Stop("b"))
    rig.wait(lambda event: isinstance(event, Dropped) and event.id == "b")
    rig.send(StopAll(grace_s=0.0))
    rig.wait(lambda event: isinstance(event, Dropped) and event.id == "c")
    assert rig.exited("a").why == "stopped"
    assert not any(isinstance(event, Spawned | SpawnFailed) and event.id != "a" for event in rig.events)


def test_stopping_ends_with_the_signal_and_says_so(rig: Rig) -> None:
    rig.spawn("a", "echo ready; read line < pipe")
    os.mkfifo(rig.run_dir / "pipe")
    lines_of(rig.out("a"), 1)
    rig.send(Stop("a", grace_s=5.0))
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (-signal.SIGTERM, "stopped")


def test_a_command_that_ends_itself_when_asked_keeps_its_exit_code(rig: Rig) -> None:
    rig.spawn("a", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done")
    lines_of(rig.out("a"), 1)
    rig.send(Stop("a", grace_s=5.0))
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (9, "stopped")


def test_a_command_that_ignores_the_request_is_killed_after_the_grace(rig: Rig) -> None:
    rig.spawn("a", "trap '' TERM; echo ready; while :; do sleep 0.01; done")
    lines_of(rig.out("a"), 1)
    rig.send(Stop("a", grace_s=0.2))
    assert rig.exited("a").code == -signal.SIGKILL


def test_a_stopped_process_is_woken_to_hear_the_request(rig: Rig) -> None:
    rig.spawn("a", "trap 'exit 8' TERM; echo ready; kill -STOP $$; while :; do :; done")
    lines_of(rig.out("a"), 1)
    spawned = rig.wait(lambda event: isinstance(event, Spawned))
    assert isinstance(spawned, Spawned)
    eventually(lambda: " T " in Path(f"/proc/{spawned.pid}/stat").read_text())
    rig.send(Stop("a", grace_s=10.0))
    assert rig.exited("a").code == 8


def test_resources_used_are_reported(rig: Rig) -> None:
    rig.spawn("a", [sys.executable, "-c", "x = b'x' * 60_000_000; sum(range(3_000_000))"])
    ended = rig.exited("a")
    assert ended.max_rss_kib > 60_000
    assert ended.cpu_s > 0.02


def test_the_keeper_ignores_the_signals_of_a_terminal(rig: Rig) -> None:
    rig.wait(lambda event: isinstance(event, Welcome))
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        os.kill(keeper.pid, number)
    rig.spawn("a", "exit 0")
    assert rig.exited("a").code == 0


def test_the_keeper_goes_when_it_is_told_bye_and_nothing_is_left(rig: Rig) -> None:
    rig.spawn("a", "exit 6")
    events = rig.client.finish()
    ended = next(event for event in [*rig.events, *events] if isinstance(event, Exited))
    assert ended.code == 6
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    assert not runs(keeper.pid)
    assert not (rig.run_dir / "keeper.sock").exists()


def test_a_run_folder_with_a_very_long_path_works(make_rig: MakeRig, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40) / ("longer" * 30)
    folder.mkdir(parents=True)
    rig = make_rig(folder)
    rig.spawn("a", "exit 7")
    assert rig.exited("a").code == 7


@pytest.mark.parametrize("end", ["bye", "kill"])
def test_the_socket_of_a_run_folder_with_a_very_long_path_does_not_stay(
    make_rig: MakeRig, tmp_path: Path, end: str
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    rig = make_rig(deep)
    rig.spawn("a", "true")
    rig.exited("a")
    keeper = read_facts(deep).keeper
    assert keeper is not None
    folder = Path(keeper.socket).parent
    assert folder.exists()
    if end == "bye":
        rig.client.finish()
    else:
        rig.kill_keeper()
        KeeperClient.adopt(deep, rig.run_id, 2)
    assert not folder.exists()


def test_an_engine_that_does_not_read_is_dropped_and_its_commands_stay(rig: Rig) -> None:
    rig.spawn("a", "read line < pipe; exit 3")
    os.mkfifo(rig.run_dir / "pipe")
    rig.wait(lambda event: isinstance(event, Spawned))
    unknown = Stop("x" * 4000)
    line = msgspec.json.encode(unknown).replace(b'"stop"', b'"no such operation"') + b"\n"
    with suppress(ConnectionError):
        for _ in range(1000):
            rig.client._connection.sendall(line * 100)
    eventually(rig.is_lost)
    rig.client.close()
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 1)
    assert client is not None
    rig.use(client)
    assert adopted.live == {"a"}
    (rig.run_dir / "pipe").write_text("go\n")
    assert rig.exited("a").code == 3
