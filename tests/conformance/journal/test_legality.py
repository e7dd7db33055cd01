"""What no table of transitions allows is refused by the journal too, whoever asks (semantics S1)."""

import pytest

from holdfast.errors import BugError
from holdfast.ports import Append, Journal
from holdfast.run import events as ev
from tests.conformance.journal.facts import begin, ended, kinds, started, told

ILLEGAL = {
    "a second start of a running step": [started("fetch"), started("fetch", 2)],
    "a start of a finished step": [started("fetch"), ended("fetch"), started("fetch", 2)],
    "the same attempt again": [started("fetch"), ended("fetch", "lost"), started("fetch", 1)],
    "an end without a start": [ended("fetch")],
    "an end of another attempt": [started("fetch"), ended("fetch", attempt=2)],
    "a second end": [started("fetch"), ended("fetch"), ended("fetch")],
    "a process without an attempt": [ev.Event(1, ev.AttemptSpawned(1), "fetch", 1)],
    "a skip of a running step": [started("fetch"), told(ev.StepSkipped("condition"), "fetch")],
    "a failure of a skipped step": [
        told(ev.StepSkipped("condition"), "fetch"),
        told(ev.StepFailed(ev.Error("x")), "fetch"),
    ],
    "an end with a running attempt": [started("fetch"), told(ev.RunFinished("failed"))],
    "an end with an uncertain effect": [
        started("pay", key="k"),
        ended("pay", "uncertain"),
        told(ev.RunFinished("failed")),
    ],
    "a pause of a paused run": [told(ev.RunPaused()), told(ev.RunPaused())],
    "success of a paused run": [told(ev.RunPaused()), told(ev.RunFinished("succeeded"))],
    "a second end of the run": [told(ev.RunFinished("succeeded")), told(ev.RunFinished("succeeded"))],
    "a start in a run that has ended": [told(ev.RunFinished("succeeded")), started("fetch")],
    "a release of a run that is trusted": [told(ev.RunReleased())],
    "the same key for two effects": [started("fetch", key="k"), started("pay", key="k")],
}


@pytest.mark.parametrize("events", ILLEGAL.values(), ids=ILLEGAL)
@pytest.mark.parametrize("together", ["one append", "one by one"])
def test_an_illegal_transition_is_refused_and_leaves_nothing(
    journal: Journal, events: list[ev.Event], together: str
) -> None:
    begin(journal)
    *before, last = events
    if together == "one append":
        with pytest.raises(BugError):
            journal.append(Append("r1", events, fence=1))
        assert len(kinds(journal)) == 2
    else:
        for event in before:
            journal.append(Append("r1", [event], fence=1))
        with pytest.raises(BugError):
            journal.append(Append("r1", [last], fence=1))
        assert len(kinds(journal)) == 2 + len(before)
    assert journal.append(Append("r1", [told(ev.RunPausing())])).last_seq == len(kinds(journal))
