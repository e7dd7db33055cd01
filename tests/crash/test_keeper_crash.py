"""Engines and keepers die at any moment; no result is lost and no process escapes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.engine import keeper_client
from holdfast.engine.keeper_client import KeeperClient, KeeperLostError
from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.keeper_messages import Dropped, Exited, Spawned, StopAll
from holdfast.engine.leftovers import end_leftovers
from tests.unit.engine.keeper_rig import Rig, eventually, lines_of, rigs, runs

MakeRig = Callable[..., Rig]
make_rig = pytest.fixture(rigs)

ENGINE = """
import os, sys
from pathlib import Path
from holdfast.engine.keeper_client import KeeperClient
from holdfast.engine.keeper_messages import Spawn
run_dir, run_id = Path(sys.argv[1]), sys.argv[2]
client = KeeperClient.start(run_dir, run_id, 1)
scripts = {"quick": "exit 3", "slow": "read line < pipe; echo done; exit 4", "late": "read line < pipe2"}
for name, script in scripts.items():
    marks = {"HOLDFAST_RUN": run_id, "HOLDFAST_STEP": name, "HOLDFAST_ATTEMPT": "1"}
    out = str(run_dir / name)
    client.send([Spawn(name, ["sh", "-c", script], sys.argv[1], {**os.environ, **marks}, out + ".out", out + ".err")])
print("sent", flush=True)
while True:
    client.receive()
"""


def spawned_pids(run_dir: Path) -> list[int]:
    return [facts.spawned.pid for facts in read_facts(run_dir).attempts.values() if facts.spawned is not None]


def test_commands_of_a_killed_engine_are_adopted_with_their_exit_codes(tmp_path: Path) -> None:  # semantics C2
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe2")
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(tmp_path), "r1"], stdout=subprocess.PIPE)
    assert engine.stdout is not None
    assert engine.stdout.readline() == b"sent\n"
    eventually(lambda: len(spawned_pids(tmp_path)) == 3)
    engine.kill()
    engine.wait()
    engine.stdout.close()
    eventually(lambda: read_facts(tmp_path).attempts["quick"].end is not None)
    (tmp_path / "pipe").write_text("go\n")
    eventually(lambda: read_facts(tmp_path).attempts["slow"].end is not None)
    client, adopted = KeeperClient.adopt(tmp_path, "r1", 2)
    assert client is not None
    ends = {name: facts.end for name, facts in adopted.facts.attempts.items()}
    codes = {name: end.code for name, end in ends.items() if isinstance(end, Exited)}
    assert codes == {"quick": 3, "slow": 4}
    assert (tmp_path / "slow.out").read_text() == "done\n"
    assert adopted.live == {"late"}
    (tmp_path / "pipe2").write_text("go\n")
    events = client.finish()
    assert [(event.id, event.code) for event in events if isinstance(event, Exited)] == [("late", 0)]


def test_what_an_engine_asked_for_right_before_it_died_was_started_or_is_recorded_as_not(
    tmp_path: Path,
) -> None:  # semantics C2
    script = ENGINE.replace("while True:\n    client.receive()", "import signal\nos.kill(os.getpid(), signal.SIGKILL)")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe2")
    subprocess.run([sys.executable, "-c", script, str(tmp_path), "r1"], stdout=subprocess.PIPE, check=False)
    eventually(lambda: len(read_facts(tmp_path).attempts) == 3)
    spawned = spawned_pids(tmp_path)
    client, adopted = KeeperClient.adopt(tmp_path, "r1", 2)
    dropped = [facts for facts in adopted.facts.attempts.values() if isinstance(facts.end, Dropped)]
    assert len(spawned) + len(dropped) == 3
    if client is not None:
        client.send([StopAll(0.0)])
        client.finish()
    assert not [pid for pid in spawned if runs(pid)]


@pytest.mark.parametrize("number", range(2, 9))
@pytest.mark.parametrize("moment", ["before", "torn", "after"])
def test_a_keeper_killed_at_any_fact_loses_no_process_and_tells_no_lie(
    tmp_path: Path, make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, moment: str, number: int
) -> None:  # semantics C3, C4
    monkeypatch.setattr(keeper_client, "KEEPER", str(Path(__file__).with_name("keeper_killed_at_write.py")))
    (tmp_path / "die-at").write_text(f"{moment} {number}")
    rig = make_rig()
    hidden = "(setsid sh -c 'echo $$ >> pids; exec sleep 1000' &)"
    with suppress(KeeperLostError):
        for turn in range(3):
            rig.spawn(f"quick{turn}", f"exit {turn}")
            rig.exited(f"quick{turn}")
            rig.spawn(f"long{turn}", f"{hidden}; echo $$ >> pids; exec sleep 1000")
            rig.spawned(f"long{turn}")
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 2)
    assert client is None
    told = {event.id for event in rig.events if isinstance(event, Exited)}
    for name, facts in adopted.facts.attempts.items():
        if isinstance(facts.end, Exited):
            assert facts.end.code == int(name[-1])
    assert told <= {name for name, facts in adopted.facts.attempts.items() if isinstance(facts.end, Exited)}
    assert end_leftovers(adopted.facts, rig.run_id, 0.0) == ()
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()] if (tmp_path / "pids").exists() else []
    assert not [pid for pid in pids if runs(pid)]


def test_a_worker_of_a_killed_keeper_ends_after_its_job(make_rig: MakeRig) -> None:  # semantics C2, C3
    rig = make_rig()
    rig.module("import os\ndef f():\n    print('began')\n    open('go').read()\n    open('done', 'w')")
    os.mkfifo(rig.run_dir / "project" / "go")
    rig.send(rig.job("a", "tasks:f"))
    lines_of(rig.out("a"), 1)
    rig.kill_keeper()
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 2)
    assert client is None
    (worker,) = adopted.leftovers
    assert worker.attempt == "a"
    (rig.run_dir / "project" / "go").write_text("go")
    eventually(lambda: not runs(worker.pid))
    assert (rig.run_dir / "project" / "done").exists()


def test_a_job_is_adopted_as_a_command_is(make_rig: MakeRig) -> None:  # semantics C2
    rig = make_rig()
    rig.module("def f():\n    print('began')\n    open('go').read()\n    raise ValueError('late')")
    os.mkfifo(rig.run_dir / "project" / "go")
    rig.send(rig.job("a", "tasks:f"))
    lines_of(rig.out("a"), 1)
    rig.client.close()
    client, adopted = KeeperClient.adopt(rig.run_dir, rig.run_id, 2)
    assert client is not None
    assert adopted.live == {"a"}
    rig.use(client)
    (rig.run_dir / "project" / "go").write_text("go")
    ended = rig.exited("a")
    assert ended.code == 1
    assert ended.error is not None
    assert ended.error.message == "ValueError: late"


def test_a_killed_keeper_is_noticed_by_its_engine(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.spawn("a", "sleep 1000")
    rig.wait(lambda event: isinstance(event, Spawned))
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    os.kill(keeper.pid, signal.SIGKILL)
    eventually(rig.is_lost)
    with pytest.raises(KeeperLostError):
        rig.spawn("b", "true")
