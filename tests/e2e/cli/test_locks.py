"""Locks by name, fought over by processes: one at a time, in line, and never held by the dead."""

import os
import signal
from functools import partial
from pathlib import Path

from holdfast.engine.keeper_facts import read_facts
from holdfast.engine.processes import Identity, is_alive
from tests.e2e.cli.program import Program, Running, wait_until

ROUNDS = 15
"""For each of two processes."""
HOLDS = "plan: hold\nsteps: {long: {run: 'touch in; until test -e go; do sleep 0.02; done', locks: [db]}}\n"
WANTS = "plan: want\nsteps: {next: {run: touch got, locks: [db]}}\n"


def write(folder: Path, **plans: str) -> None:
    for name, text in plans.items():
        (folder / f"{name}.yaml").write_text(text)


def holding(folder: Path, plan: str = HOLDS) -> Running:
    write(folder, hold=plan, want=WANTS)
    running = Running("run", "hold.yaml", cwd=folder)
    wait_until((folder / "in").exists)
    return running


def wanting(folder: Path) -> Running:
    running = Running("run", "want.yaml", cwd=folder)
    wait_until(lambda: "waits" in running.err)
    return running


def kill(running: Running) -> None:
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL


def gone(identity: Identity) -> bool:
    return not is_alive(identity)


def kill_keepers(folder: Path) -> None:
    for path in (folder / ".holdfast" / "runs").glob("*"):
        keeper = read_facts(path).keeper
        if keeper is not None and is_alive(identity := Identity(keeper.boot, keeper.pid, keeper.start)):
            os.kill(keeper.pid, signal.SIGKILL)
            wait_until(partial(gone, identity))


def test_two_processes_never_have_a_lock_at_once(folder: Path) -> None:
    # semantics S4: whoever has it makes a folder that must not be there, and takes it away again
    step = "{run: 'mkdir held && sleep 0.01 && rmdir held && echo . >> done', locks: [db]}"
    steps = "".join(f"  s{i}: {step}\n" for i in range(ROUNDS))
    write(folder, one=f"plan: one\nsteps:\n{steps}", two=f"plan: two\nsteps:\n{steps}")
    both = [Running("run", f"{name}.yaml", cwd=folder) for name in ("one", "two")]
    assert [each.wait() for each in both] == [0, 0], [each.err for each in both]
    assert len((folder / "done").read_text().split()) == 2 * ROUNDS


def test_show_names_the_holder_and_the_next_gets_the_lock(program: Program, folder: Path) -> None:
    # semantics G9
    first = holding(folder)
    second = wanting(folder)
    [wait] = program("show", "last", "--json").document["waits"]
    held_by = program("runs", "--json").document["runs"][1]["run"]
    assert (wait["kind"], wait["step"]) == ("lock", "next")
    said = f'the lock db, held by run {held_by}, step "long" (host {os.uname().nodename}, pid {first.pid}) since 20'
    assert wait["what"].startswith(said)
    [holder] = wait["holders"]
    assert holder.pop("since")[:19] in wait["what"]
    assert holder == {
        "lock": "db", "run": held_by, "step": "long", "host": os.uname().nodename, "pid": first.pid
    }  # fmt: skip
    assert not (folder / "got").exists()
    (folder / "go").touch()
    assert (first.wait(), second.wait()) == (0, 0)
    assert (folder / "got").exists()


def test_a_lock_stays_while_only_the_engine_is_dead_and_resume_keeps_it(program: Program, folder: Path) -> None:
    # semantics G9
    first = holding(folder)
    kill(first)
    second = wanting(folder)
    held_by = program("runs", "--json").document["runs"][1]["run"]
    resumed = Running("resume", held_by, cwd=folder)
    wait_until(lambda: "adopted" in program("events", held_by).out)
    assert not (folder / "got").exists()
    (folder / "go").touch()
    assert (resumed.wait(), second.wait()) == (0, 0)
    assert (folder / "got").exists()


def test_a_lock_dies_with_engine_and_keeper(folder: Path) -> None:
    # semantics G9
    first = holding(folder)
    second = wanting(folder)
    kill(first)
    assert not (folder / "got").exists()
    kill_keepers(folder)
    (folder / "go").touch()
    assert second.wait() == 0, second.err
    assert (folder / "got").exists()


def test_cancel_while_waiting_leaves_the_line(program: Program, folder: Path) -> None:
    # semantics S4
    first = holding(folder)
    second = wanting(folder)
    write(folder, third=WANTS.replace("want", "third"))
    third = Running("run", "third.yaml", cwd=folder)
    wait_until(lambda: "waits" in third.err)
    canceled = program("runs", "--json").document["runs"][1]["run"]
    assert program("cancel", canceled, "--reason", "enough").code == 0
    assert second.wait() == 6
    (folder / "go").touch()
    assert (first.wait(), third.wait()) == (0, 0)


def test_two_locks_in_different_order_do_not_deadlock(folder: Path) -> None:
    # semantics S4: all or nothing
    step = "{{run: sleep 0.01, locks: [{0}]}}"
    for name, locks in (("one", "db, web"), ("two", "web, db")):
        steps = "".join(f"  s{i}: {step.format(locks)}\n" for i in range(8))
        write(folder, **{name: f"plan: {name}\nsteps:\n{steps}"})
    both = [Running("run", f"{name}.yaml", cwd=folder) for name in ("one", "two")]
    assert [each.wait() for each in both] == [0, 0]


def test_two_runs_that_would_wait_for_each_other_for_ever_are_told_so(program: Program, folder: Path) -> None:
    # semantics S4
    for name, own, other in (("one", "db", "web"), ("two", "web", "db")):
        wait = f"touch {name}.has; until test -e one.has && test -e two.has; do sleep 0.05; done"
        steps = f"  w: {{run: '{wait}'}}\n  s: {{run: 'true', locks: [{other}], depends_on: [w]}}\n"
        write(folder, **{name: f"plan: {name}\nlocks: [{own}]\nsteps:\n{steps}"})
    both = [Running("run", f"{name}.yaml", cwd=folder) for name in ("one", "two")]
    said = "waits for a lock of this run: cancel one of the two"
    wait_until(lambda: any(said in each.err for each in both))
    [(told, waits)] = [pair for pair in (both, both[::-1]) if said in pair[0].err]
    assert told.wait() == 4
    blocked = next(it["run"] for it in program("runs", "--json").document["runs"] if it["status"] == "blocked")
    assert program("cancel", blocked).code == 0
    assert waits.wait() == 0


def test_a_part_of_a_run_uses_the_locks_of_the_whole(program: Program, folder: Path) -> None:
    # semantics G9
    inner = "{uses: plan, locks: [db], with: {file: want.yaml}}"
    write(folder, want=WANTS, outer=f"plan: outer\nsteps: {{part: {inner}}}\n")
    assert program("run", "outer.yaml").code == 0
    assert (folder / "got").exists()


def test_a_runs_lock_stays_while_it_is_blocked_at_a_person(program: Program, folder: Path) -> None:
    # semantics G9
    asks = "plan: hold\nlocks: [db]\nsteps: {ask: {run: 'true', expect: [{prose: it looks right}]}}\n"
    write(folder, hold=asks, want=WANTS.replace("steps", "locks: [db]\nsteps").replace(", locks: [db]}}", "}}"))
    assert program("run", "hold.yaml").code == 4
    [asked] = program("inbox", "--json").document["requests"]
    second = wanting(folder)
    [wait] = program("show", "last", "--json").document["waits"]
    assert f"held by run {asked['run']}, which is blocked, (host" in wait["what"]
    assert not (folder / "got").exists()
    assert program("approve", asked["id"]).code == 0
    assert program("resume", asked["run"]).code == 0
    assert second.wait() == 0, second.err
    assert (folder / "got").exists()
