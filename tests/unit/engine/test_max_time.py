"""`--max-time D`: nothing starts later, and the run can be gone on with (cli page)."""

from pathlib import Path

import pytest

from holdfast.app import Request
from holdfast.run import events as ev
from tests.unit.engine.workshop import Workshop

SOON = Request(max_time_s=0.3)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_what_runs_is_awaited_and_nothing_starts_later(shop: Workshop) -> None:
    # cli page, `--max-time`
    shop.write('steps: {a: {run: sleep 0.6}, b: {run: "true", depends_on: [a]}}')
    end = shop.app.run(shop.plan, {}, SOON)
    assert (end.status, end.exit_code) == ("paused", 130)
    assert shop.statuses(end) == {"a": "succeeded", "b": "ready"}
    [asked] = [event.body for event in shop.events(end) if isinstance(event.body, ev.RunPausing)]
    assert (asked.reason, asked.stop) == ("300ms are over (--max-time)", False)
    assert shop.resume(end.run).status == "succeeded"


def test_a_run_that_is_done_by_then_ends_as_ever_and_so_does_one_that_is_done_when_it_stops(shop: Workshop) -> None:
    # cli page, `--max-time`
    shop.write("steps: {a: {run: sleep 0.6}}")
    assert shop.app.run(shop.plan, {}, SOON).status == "succeeded"
    shop.write("steps: {a: {uses: noop}}")
    assert shop.app.run(shop.plan, {}, Request(max_time_s=3600)).status == "succeeded"


def test_no_retry_starts_later_and_nothing_inside_of_a_nested_plan(shop: Workshop) -> None:
    # cli page, `--max-time`
    shop.write("""
        steps:
          a: {run: exit 1, retry: {attempts: 2, delay: 2s, jitter: 0}, on_failure: continue}
          n: {uses: plan, with: {steps: {x: {run: sleep 0.6}, y: {run: echo > y, depends_on: [x]}}}}
        """)
    end = shop.app.run(shop.plan, {}, SOON)
    assert end.exit_code == 130
    assert (shop.starts(end), (shop.folder / "y").exists()) == ({"a": 1, "n": 1}, False)
    assert shop.resume(end.run).status == "partial"
    assert (shop.starts(end), (shop.folder / "y").exists()) == ({"a": 2, "n": 1}, True)
