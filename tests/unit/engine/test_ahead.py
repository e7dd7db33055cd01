"""Quick commands are handed out ahead of time and wait in the keeper, never more than may run (semantics S4)."""

from pathlib import Path

import pytest

from holdfast.app.runs import RunEnd
from holdfast.engine.pace import DEPTH, Paces
from holdfast.run import events as ev
from tests.unit.engine.workshop import Workshop

COUNT = 24
QUICK_US = 400_000  # on a busy machine nothing is quick


@pytest.fixture(autouse=True)
def every_command_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.engine.pace.QUICK_US", QUICK_US)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def _plan(step: str, more: str = "") -> str:
    steps = "".join(f"  s{n}: {step}\n" for n in range(COUNT))
    return f"limits: {{concurrency: 2}}\nsteps:\n{steps}{more}"


def _most_under_way(shop: Workshop, end: RunEnd) -> int:
    under_way = most = 0
    for event in shop.events(end):
        under_way += isinstance(event.body, ev.AttemptStarted)
        under_way -= isinstance(event.body, ev.AttemptEnded)
        most = max(most, under_way)
    return most


def _most_at_a_time(shop: Workshop) -> int:
    running = most = 0
    for word in shop.text("seen").split():
        running += 1 if word == "in" else -1
        most = max(most, running)
    return most


def test_quick_commands_wait_in_the_keeper_for_their_turn(shop: Workshop) -> None:
    end = shop.run(_plan("{run: 'echo in >> seen; echo out >> seen'}"))
    assert end.status == "succeeded"
    assert 2 < _most_under_way(shop, end) <= 2 + 2 * DEPTH
    assert _most_at_a_time(shop) <= 2


@pytest.mark.parametrize(
    ("took_us", "depth"),
    [
        ([1_000, 1_000], 0),  # twice is not proof
        ([1_000, 1_000, 1_000], DEPTH),
        ([QUICK_US // 2] * 3, 2),
        ([1_000, QUICK_US - 1, 1_000], 1),  # the slowest of late counts
        ([QUICK_US - 1] + [1_000] * 30, DEPTH),  # and fades
    ],
)
def test_what_waits_ahead_of_time_never_waits_long(took_us: list[int], depth: int) -> None:
    paces = Paces()
    for us in took_us:
        paces.learn("work", us)
    assert paces.depth("work") == depth
    assert paces.depth("other work") == 0
    paces.learn("work", QUICK_US)
    assert paces.depth("work") == 0


def test_commands_that_take_their_time_are_not_handed_out_ahead(shop: Workshop) -> None:
    end = shop.run("limits: {concurrency: 2}\nsteps:\n" + "".join(f"  s{n}: {{run: 'sleep 0.45'}}\n" for n in range(6)))
    assert end.status == "succeeded"
    assert _most_under_way(shop, end) == 2


def test_a_once_step_is_never_handed_out_ahead(shop: Workshop) -> None:
    end = shop.run(_plan("{run: 'true', effect: once, definite_failures: [1]}"))
    assert end.status == "succeeded"
    assert _most_under_way(shop, end) == 2


def test_what_waits_when_another_step_fails_never_runs(shop: Workshop) -> None:
    bad = "  bad: {depends_on: [s8], priority: 5, run: 'exit 1'}\n"
    end = shop.run(_plan("{run: 'echo $HOLDFAST_STEP >> seen'}", bad))
    assert end.status == "failed"
    never = {
        event.step
        for event in shop.events(end)
        if isinstance(event.body, ev.AttemptEnded)
        and event.body.error is not None
        and "before" in event.body.error.message
    }
    assert never.isdisjoint(shop.text("seen").split())
    assert "canceled" in shop.statuses(end).values()


def test_beside_a_function_in_the_engine_no_more_commands_run_than_may(shop: Workshop) -> None:
    # semantics S4
    shop.module(
        "import threading\n"
        "def note(path, word):\n"
        "    with open(path, 'a') as file:\n"
        "        file.write(word + '\\n')\n"
        "def slow(path):\n"
        "    note(path, 'in')\n"
        "    threading.Event().wait(0.5)\n"
        "    note(path, 'out')\n"
    )
    call = f"with: {{call: 'acts:slow', inline: true, args: {{path: '{shop.folder / 'seen'}'}}}}"
    slow = f"  slow: {{depends_on: [s3], priority: 9, uses: python, {call}}}\n"
    end = shop.run(_plan("{run: 'echo in >> seen; sleep 0.05; echo out >> seen'}", slow))
    assert end.status == "succeeded", shop.statuses(end)
    assert _most_at_a_time(shop) <= 2
