"""The three clocks of an attempt."""

import signal
import time
from collections.abc import Callable

import pytest

from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.keeper_messages import Exited, Spawned, Welcome
from tests.unit.engine.keeper_rig import Rig, beat, eventually, runs

MakeRig = Callable[..., Rig]


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    rig = make_rig()
    rig.wait(lambda event: isinstance(event, Welcome))
    return rig


def test_an_attempt_that_takes_too_long_is_ended_with_all_it_started(rig: Rig) -> None:  # semantics S10, S11
    rig.spawn("a", "setsid sleep 1000 & echo $!; sleep 1000", timeout_s=0.2)
    ended = rig.exited("a")
    assert (ended.code, ended.why, ended.tree) == (-signal.SIGTERM, "timeout", "proven")
    assert not runs(int(rig.out("a").read_text()))


def test_a_timeout_is_followed_by_the_kill_after_the_grace(rig: Rig) -> None:  # semantics S10
    rig.spawn("a", "trap '' TERM; while :; do sleep 0.01; done", timeout_s=0.1, grace_s=0.2)
    begin = time.monotonic()
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (-signal.SIGKILL, "timeout")
    assert time.monotonic() - begin > 0.29


def test_an_attempt_that_finishes_in_time_is_left_alone(rig: Rig) -> None:
    rig.spawn("a", "sleep 0.1", timeout_s=5.0, quiet_s=5.0, heartbeat=beat(rig.run_dir / "beat", 5.0))
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (0, None)


def test_an_attempt_without_output_for_too_long_has_stalled(rig: Rig) -> None:  # semantics S10
    rig.spawn("a", "echo begin; sleep 1000", quiet_s=0.3)
    assert rig.exited("a").why == "stalled"


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_output_on_either_stream_keeps_an_attempt_going(rig: Rig, stream: str) -> None:  # semantics S10
    rig.spawn("a", f"for n in 1 2 3 4 5 6 7 8; do sleep 0.1; echo $n {stream}; done; exit 3", quiet_s=0.6)
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (3, None)


def test_an_attempt_whose_heartbeat_falls_silent_has_stalled(rig: Rig) -> None:  # semantics S10
    path = rig.run_dir / "beat"
    rig.spawn("a", "while :; do echo still writing; sleep 0.05; done", heartbeat=beat(path, 0.4))
    assert rig.exited("a").why == "stalled"


def test_touching_the_heartbeat_keeps_an_attempt_going(rig: Rig) -> None:  # semantics S10
    path = rig.run_dir / "beat"
    script = f"for n in 1 2 3 4 5 6 7 8; do sleep 0.1; touch {path}; done; exit 3"
    rig.spawn("a", script, heartbeat=beat(path, 0.6))
    ended = rig.exited("a")
    assert (ended.code, ended.why) == (3, None)


def test_the_first_clock_to_expire_gives_the_reason(rig: Rig) -> None:  # semantics S10
    rig.spawn("a", "sleep 1000", timeout_s=0.2, quiet_s=30.0, heartbeat=beat(rig.run_dir / "beat", 30.0))
    assert rig.exited("a").why == "timeout"


def test_the_clocks_hold_while_no_engine_is_connected(rig: Rig) -> None:  # semantics S10
    rig.spawn("a", "sleep 1000", timeout_s=0.3)
    rig.spawn("b", "sleep 1000", quiet_s=0.3)
    rig.wait(lambda event: isinstance(event, Spawned) and event.id == "b")
    rig.client.close()
    keeper = read_facts(rig.run_dir).keeper
    assert keeper is not None
    eventually(lambda: not runs(keeper.pid))
    ends = {name: facts.end for name, facts in read_facts(rig.run_dir).attempts.items()}
    reasons = {name: end.why for name, end in ends.items() if isinstance(end, Exited)}
    assert reasons == {"a": "timeout", "b": "stalled"}
