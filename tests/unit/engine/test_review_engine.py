"""The engine where two things happen at once, or where something is not as it should be."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.app import Answer, Request
from holdfast.app.people import NotPossibleError, ask, pausing
from holdfast.app.runs import Session, requested
from holdfast.engine.inline import Call, Pool, Target
from holdfast.errors import StoreError
from holdfast.ports import Append, Owner
from holdfast.run import events as ev
from holdfast.run.machine import Run
from tests.unit.engine.workshop import Workshop

HERE = Path(__file__).parent
WAITING = "while [ ! -e $HOLDFAST_PROJECT/go ]; do sleep 0.02; done"


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def until(holds: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        os.sched_yield()


def start(shop: Workshop, text: str) -> "subprocess.Popen[bytes]":
    shop.write(text)
    return subprocess.Popen([sys.executable, str(HERE / "run_plan.py"), str(shop.plan)])


def test_ctrl_c_while_the_last_commit_is_awaited_does_not_keep_the_engine(shop: Workshop) -> None:
    shop.write("steps: {a: {uses: noop}}")
    with Session(shop.app, shop.folder, Request(), None) as session:
        driver = session.create(requested(session.app, shop.plan, {}))
        driver.turn(alone=False)
        session.engine.interrupt()
        session.drive()
        assert driver.run.status == "succeeded"


def test_a_lease_that_is_taken_with_the_first_commit_is_not_lost_before_it(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # semantics C4: creating many runs, or importing a large module, may take longer than a third of a lease
    monkeypatch.setattr("holdfast.engine.lease.LEASE_S", 0.03)
    shop.write("steps: {a: {run: 'true'}}")
    with Session(shop.app, shop.folder, Request(), None) as session:
        driver = session.create(requested(session.app, shop.plan, {}))
        until(lambda: session.engine._inbox)
        session.drive()
        assert driver.run.status == "succeeded"


def test_an_answer_while_no_engine_runs_does_not_stop_what_the_keeper_has_in_hand(shop: Workshop) -> None:
    process = start(
        shop,
        f"""
        steps:
          a: {{run: "kill -9 $$", effect: once}}
          b: {{run: "echo $$ > pid; {WAITING}; echo done > b"}}
          c: {{run: "{WAITING}; echo done > c", effect: once}}
        """,
    )
    until(lambda: (shop.folder / "pid").exists() and shop.app.database.exists())
    [name] = [path.name for path in (shop.app.state / "runs").iterdir()]
    until(lambda: shop.state(name).states[0].status == "uncertain")
    process.kill()
    process.wait()
    shop.app.resolve(name, "a", Answer("happened"))
    (shop.folder / "go").touch()
    end = shop.resume(name)
    assert end.status == "succeeded"
    assert shop.starts(end) == {"a": 1, "b": 1, "c": 1}


def test_what_a_step_leaves_running_on_purpose_outlives_a_pause(shop: Workshop) -> None:
    # semantics S11
    shop.write(f"""
        steps:
          server: {{run: "sleep 300 & echo $! > pid", leave_running: true}}
          late: {{depends_on: [server], run: "false", retry: {{attempts: 2, delay: 1h, max_delay: 2h, jitter: 0}}}}
          other: {{run: "{WAITING}"}}
        """)
    (shop.folder / "go").touch()
    end = shop.app.run(shop.plan, {}, Request())
    pid = int(shop.text("pid"))
    try:
        assert end.status == "running"
        shop.resume(end.run)
        assert Path(f"/proc/{pid}").exists()
    finally:
        os.kill(pid, 9)


def test_a_coroutine_that_was_dropped_before_it_began_did_not_begin() -> None:
    async def function() -> None:
        return

    done: list[Call] = []
    pool = Pool(1, done.append)
    call = Call(Target(function), {}, None, 0, 1, {})
    call.dropped = True
    pool.submit(call)
    until(lambda: done)
    pool.close()
    assert not call.started


@pytest.mark.parametrize("make", ["mkfifo p", "ln -s /dev/zero p"])
def test_a_product_that_is_no_file_or_folder_is_refused_without_waiting_for_it(shop: Workshop, make: str) -> None:
    end = shop.run(f"steps: {{a: {{run: '{make}', produces: {{p: p}}}}}}")
    assert shop.error(end, "a").code == "output.invalid"


def test_an_output_file_that_is_a_pipe_is_refused_without_waiting_for_it(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: 'mkfifo $HOLDFAST_OUTPUT'}}")
    assert shop.error(end, "a").code == "output.invalid"


def test_a_product_folder_may_hold_names_that_are_no_text(shop: Workshop) -> None:
    shop.module("import os\nos.mkdir('p')\nopen(b'p/\\xff', 'w').close()\nos.symlink(b'\\xfe', b'p/l')\n", "odd")
    end = shop.run("steps: {a: {run: 'python3 odd.py', produces: {p: p}}}")
    assert end.status == "succeeded"


def test_an_output_that_is_damaged_in_the_store_quarantines_its_run(shop: Workshop) -> None:
    # semantics, States; C6
    shop.module("def large(): return 'x' * 100_000\n", "large")
    shop.write("""
        steps:
          a: {uses: python, with: {call: "large:large", inline: true}}
          b: {depends_on: [a], run: "exit 1", effect: once}
          c: {depends_on: [b], uses: noop, when: "len(steps.a.outputs.result) > 1"}
        """)
    end = shop.app.run(shop.plan, {}, Request())
    for path in (shop.app.state / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    shop.app.resolve(end.run, "b", Answer("happened"))
    again = shop.resume(end.run)
    assert again.status == "quarantined"
    assert "missing from the store" in (shop.state(end.run).quarantine or "")


def test_two_projects_with_modules_of_one_name_get_their_own(tmp_path: Path) -> None:
    ends = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shop = Workshop(tmp_path / name)
        shop.module(f"NAME = '{name}'\n", "twin_part")
        shop.module("import twin_part\ndef f(): return twin_part.NAME\n", "twin")
        shop.write("steps: {a: {uses: python, with: {call: 'twin:f', inline: true}}}")
        ends.append((shop, shop.app.run(shop.plan, {}, Request())))
    assert [shop.outputs(end, "a") for shop, end in ends] == [{"result": "one"}, {"result": "two"}]


def test_a_run_whose_owner_on_another_host_is_gone_does_not_stand_in_the_way_for_ever(shop: Workshop) -> None:
    # semantics C4: only unreachable owners are waited out
    shop.write("steps: {a: {run: 'true'}}")
    app = shop.app
    loaded = app.load(shop.plan)
    long_ago = 1_000_000
    elsewhere = Owner("elsewhere.invalid", "boot", 1, "1", "1")
    journal = app.open_journal()
    created = ev.RunCreated(loaded.plan.id, loaded.digest, str(loaded.file), str(shop.folder), {})
    owned = ev.RunOwned(1, elsewhere.host, 1, "1")
    events = [ev.Event(long_ago, created), ev.Event(long_ago, owned)]
    journal.append(Append("old", events, after=0, plan=loaded.data, take=elsewhere))
    journal.close()
    assert app.run(shop.plan, {}, Request()).status == "succeeded"
    assert shop.state("old").status == "canceled"


def test_canceling_a_run_with_an_effect_in_doubt_leaves_it_blocked_and_returns(shop: Workshop) -> None:
    # semantics S8
    end = shop.run("steps: {a: {run: exit 1, effect: once}, b: {depends_on: [a], run: 'true'}}")
    assert shop.app.cancel(end.run).status == "blocked"
    assert sum(isinstance(event.body, ev.RunOwned) for event in shop.events(end)) == 2
    shop.app.resolve(end.run, "a", Answer("happened"))
    assert shop.resume(end.run).status == "canceled"


def test_a_run_that_never_stands_still_can_be_paused_until_it_has_ended(shop: Workshop) -> None:
    end = shop.run("steps: {a: {run: exit 1, effect: once}}")
    journal = shop.app.open_journal()
    try:
        lease = journal.take(end.run, Owner("here", "boot", 1, "1", "1"), 2**50)
        owned = ev.Event(1, ev.RunOwned(lease.fence, "here", 1, "1"))
        journal.append(Append(end.run, [owned], lease.fence))

        def move_and_pause(state: Run) -> tuple[ev.Body, str | None]:
            journal.append(Append(end.run, [ev.Event(1, ev.RunPausing())], lease.fence))
            return pausing(state, ev.Who(), None), None

        assert ask(journal, end.run, 1, move_and_pause).pausing

        def finish_and_pause(state: Run) -> tuple[ev.Body, str | None]:
            if not state.final:
                skipped = ev.Event(1, ev.StepResolved("skip"), "a")
                journal.append(Append(end.run, [skipped, ev.Event(1, ev.RunFinished("partial"))], lease.fence))
            return pausing(state, ev.Who(), None), None

        with pytest.raises(NotPossibleError, match="partial"):
            ask(journal, end.run, 1, finish_and_pause)
    finally:
        journal.close()


def test_a_store_that_takes_nothing_stops_the_run_and_fails_no_step(shop: Workshop) -> None:
    # semantics C7
    shop.app.state.mkdir()
    (shop.app.state / "objects").write_text("in the way")
    assert start(shop, "steps: {a: {run: 'echo made > p', produces: {p: p}}}").wait() == StoreError.exit_code
    [run] = [path.name for path in (shop.app.state / "runs").iterdir()]
    (shop.app.state / "objects").unlink()
    end = shop.resume(run)
    assert end.status == "succeeded"
    assert shop.starts(end) == {"a": 1}


def test_a_run_given_up_for_its_store_goes_on_at_once_in_the_same_process(shop: Workshop) -> None:
    # semantics C4, C7
    shop.app.state.mkdir()
    (shop.app.state / "objects").write_text("in the way")
    with pytest.raises(StoreError):
        shop.run("steps: {a: {run: 'echo made > p', produces: {p: p}}}")
    [run] = [path.name for path in (shop.app.state / "runs").iterdir()]
    (shop.app.state / "objects").unlink()
    assert shop.resume(run).status == "succeeded"
