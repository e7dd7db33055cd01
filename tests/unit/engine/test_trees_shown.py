"""What a run's record says of how the processes of an attempt were ended (semantics S11)."""

import sys
from pathlib import Path

import pytest

from holdfast.engine.verdict import Exit, Tree, plain_status
from tests.unit.engine.workshop import Workshop

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of a tree is never proven")


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@linux
def test_a_timed_out_attempt_says_by_what_its_tree_is_known_to_be_gone(shop: Workshop) -> None:  # semantics S10, S11
    end = shop.run("steps: {a: {timeout: 300ms, run: 'setsid sleep 1000 & sleep 1000'}}\nlimits: {grace: 100ms}")
    assert shop.error(end, "a").code == "timeout"
    assert shop.notes(end, "a") == ("tree-stopped: sub-reaper, proven",)


@linux
def test_what_a_finished_attempt_left_running_is_stopped_and_said(shop: Workshop) -> None:  # semantics S11
    end = shop.run("steps: {a: {run: 'setsid sleep 1000 &'}}\nlimits: {grace: 100ms}")
    assert end.status == "succeeded"
    assert shop.notes(end, "a") == ("left-running-stopped: sub-reaper, proven",)


def test_a_plain_end_says_nothing(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'true'}}")
    assert shop.notes(end, "a") == ()


def test_canceled_is_shown_only_when_it_is_proven() -> None:  # semantics S11
    def stopped(by: str, *, proven: bool) -> str:
        return plain_status(Exit(-9, "stopped", tree=Tree(by, left=False, proven=proven)))[0]

    assert stopped("sub-reaper", proven=True) == "canceled"
    assert stopped("sub-reaper", proven=False) == "failed"
    assert stopped("process group", proven=False) == "canceled"  # best effort, and its note says so
    assert Tree("process group", left=False, proven=False).note == "tree-stopped: process group, best effort"
