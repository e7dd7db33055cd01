"""What the engine does when it meets what cannot be, and what it says of itself to those who ask."""

import json
from pathlib import Path

import pytest

from holdfast.app import Request
from holdfast.app.runs import Session
from holdfast.errors import IntegrityError
from holdfast.ports import Append
from holdfast.run import events as ev
from tests.unit.engine.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


class Meddler:
    """Appends an event that no table allows, from another journal, as soon as a step has started."""

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        self.done = False

    def on_event(self, stored: ev.StoredEvent) -> None:
        run, _, event = stored
        if isinstance(event.body, ev.AttemptSpawned) and not self.done:
            self.done = True
            journal = self.shop.app.open_journal()
            bad = ev.Event(event.at, ev.StepSkipped("condition"), "a")
            journal.append(Append(run, [bad]))
            journal.close()

    def on_idle(self) -> None:
        pass


def test_an_event_that_no_table_allows_quarantines_the_run(shop: Workshop) -> None:
    # semantics S1
    shop.write("""
        steps:
          a: {run: "echo $$ > pid; until test -e go; do sleep 0.02; done"}
          b: {depends_on: [a], run: "touch never"}
        """)
    end = shop.app.run(shop.plan, {}, Request(), Meddler(shop))
    assert (end.status, end.exit_code) == ("quarantined", 7)
    assert not (shop.folder / "never").exists()
    assert not Path(f"/proc/{shop.text('pid').strip()}").exists()
    with pytest.raises(IntegrityError, match="quarantined"):
        shop.app.resume(end.run)


def test_the_engine_logs_what_it_does_as_json_lines_when_asked(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "engine.log"
    monkeypatch.setenv("HOLDFAST_LOG", str(log))
    end = shop.run("steps: {a: {run: 'true'}}")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["run"] for line in lines} == {end.run}
    assert [line["what"] for line in lines][-1] == "rest"
    assert lines[-1]["status"] == "succeeded"
    told = sum(sum(line["events"].values()) for line in lines if line["what"] == "append")
    assert told == len(shop.events(end))


def test_a_plan_without_commands_starts_no_keeper(shop: Workshop) -> None:
    end = shop.run("steps: {a: {uses: noop}, b: {uses: noop, depends_on: [a]}}")
    assert end.exit_code == 0
    assert not (shop.app.logs_folder(end.run) / "keeper.jsonl").exists()


def test_a_session_runs_many_plans_one_after_another(shop: Workshop) -> None:
    shop.write("steps: {a: {uses: noop}}")
    with Session(shop.app, shop.folder, Request(), None) as session:
        ends = [session.run(shop.plan, {}) for _ in range(5)]
    assert {end.status for end in ends} == {"succeeded"}
    assert len({end.run for end in ends}) == 5
