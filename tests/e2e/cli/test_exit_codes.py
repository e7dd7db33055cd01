"""The exit codes of the command line, each by what causes it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.surfaces.cli.driving import worst
from tests.e2e.cli.program import Program, Running, as_process, wait_until

PLANS = {
    "good": "plan: good\nsteps:\n  a: {run: 'true'}\n",
    "failing": "plan: failing\nsteps:\n  a: {run: 'echo because >&2; exit 3'}\n  b: {run: 'true', depends_on: [a]}\n",
    "doubtful": "plan: doubtful\nsteps:\n  pay: {run: exit 1, effect: once}\n",
    "input": "plan: input\ninputs: {day: {type: date, required: true}}\nsteps:\n  a: {run: 'true'}\n",
    "slow": "plan: slow\nsteps:\n  a: {run: 'touch started; sleep 30'}\n  b: {run: 'true', depends_on: [a]}\n",
}


@pytest.fixture(autouse=True)
def plans(folder: Path) -> None:
    for name, text in PLANS.items():
        (folder / f"{name}.yaml").write_text(text)


def test_0_a_run_that_succeeded(program: Program) -> None:
    outcome = program("run", "good.yaml")
    assert outcome.code == 0
    assert outcome.out.startswith("good succeeded in ")


def test_1_a_run_that_failed_says_why_and_what_to_do(program: Program) -> None:
    outcome = program("run", "failing.yaml")
    assert outcome.code == 1
    assert outcome.out.startswith("failing failed in ")
    assert "failed a: exit.nonzero" in outcome.err
    assert "  | because\n" in outcome.err
    assert "a.1.err; all of it: holdfast logs " in outcome.err
    assert "holdfast run failing.yaml" in outcome.err


def test_1_a_failed_run_is_not_resumed_and_run_is_named(program: Program) -> None:
    program("run", "failing.yaml")
    outcome = program("resume", "last")
    assert outcome.code == 3
    assert "holdfast run" in outcome.err


def test_3_an_input_that_is_missing_or_wrong(program: Program, folder: Path) -> None:
    missing = program("run", "input.yaml")
    wrong = program("run", "input.yaml", "-i", "day=tomorrow")
    unknown = program("run", "input.yaml", "-i", "day=2026-01-01", "-i", "dya=x")
    assert [outcome.code for outcome in (missing, wrong, unknown)] == [3, 3, 3]
    assert "day" in missing.err
    assert "tomorrow" in wrong.err
    assert "dya" in unknown.err
    assert not (folder / ".holdfast").exists()


def test_3_a_run_that_is_not_there(program: Program) -> None:
    assert program("show", "last").code == 3
    program("run", "good.yaml")
    assert program("show", "nonsense").code == 3
    assert program("show", "last").code == 0


def test_4_an_uncertain_effect_is_asked_and_settled(program: Program) -> None:
    outcome = program("run", "doubtful.yaml")
    assert outcome.code == 4
    assert "holdfast resolve " in outcome.err
    again = program("run", "doubtful.yaml")
    assert (again.code, "outcome is not known" in again.err) == (4, True)
    (asked,) = program("inbox", "--json").document["requests"]
    assert (asked["step"], "happened" in asked["options"]) == ("pay", True)
    assert "pay" in program("inbox").out
    assert program("resolve", "last", "pay", "happened", "--reason", "the bank says so", "--by", "ann").code == 0
    twice = program("resolve", "last", "pay", "not-happened")
    assert twice.code == 3
    assert program("resume", "last").code == 0


def test_5_a_run_whose_failures_were_tolerated(program: Program) -> None:
    assert program("run", "doubtful.yaml").code == 4
    assert program("resolve", "last", "pay", "skip").code == 0
    assert program("resume").code == 5


def test_6_a_run_that_was_canceled_from_elsewhere(program: Program, folder: Path) -> None:
    running = Running("run", "slow.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    assert program("cancel", "last", "--reason", "enough").code == 0
    assert running.wait() == 6
    assert "slow canceled in " in running.out
    assert "canceled the run: enough" in program("why", "b").out


def test_8_a_plan_that_another_engine_runs(program: Program, folder: Path) -> None:
    running = Running("run", "slow.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    outcome = program("run", "slow.yaml")
    assert outcome.code == 8
    assert f"pid {running.pid}" in outcome.err
    assert program("resume", "last").code == 8
    program("cancel", "last")
    assert running.wait() == 6


def test_7_a_journal_that_was_altered(program: Program, folder: Path) -> None:
    import apsw  # noqa: PLC0415 - the test plays the one who alters the file

    program("run", "good.yaml")
    database = apsw.Connection(str(folder / ".holdfast/journal.db"))
    for (name,) in database.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        database.execute(f"drop trigger {name}")
    database.execute("update events set at = at + 1 where kind = 'attempt.ended'")
    database.close()
    outcome = program("audit", "verify", "--json")
    assert outcome.code == 7
    assert not outcome.document["ok"]
    assert program("audit", "verify", "last").code == 7


def test_75_a_record_that_a_step_takes_away(program: Program, folder: Path) -> None:
    (folder / "p.yaml").write_text("plan: p\nsteps: {a: {run: rm -rf .holdfast}}")
    outcome = program("run", "p.yaml")
    assert outcome.code == 75
    assert "was taken away while it ran" in outcome.err


def test_75_a_store_that_cannot_be_written(program: Program, folder: Path) -> None:
    (folder / "file").write_text("not a folder")
    outcome = program("--db", f"sqlite:///{folder}/file/journal.db", "run", "good.yaml")
    assert outcome.code == 75
    assert "file cannot be made: " in outcome.err


def test_3_a_database_that_is_not_ours(program: Program, folder: Path) -> None:
    (folder / ".holdfast").mkdir()
    (folder / ".holdfast/journal.db").write_text("this is no database\n" * 100)
    for arguments in (["run", "good.yaml"], ["runs"], ["show", "last"], ["doctor"]):
        outcome = program(*arguments)
        assert outcome.code == 3
        assert "Traceback" not in outcome.err
    assert (folder / ".holdfast/journal.db").read_text().startswith("this is no database")


def test_3_a_database_of_a_newer_version(program: Program, folder: Path) -> None:
    import apsw  # noqa: PLC0415 - the test plays a newer version

    program("run", "good.yaml")
    database = apsw.Connection(str(folder / ".holdfast/journal.db"))
    database.execute("pragma user_version = 999")
    database.close()
    outcome = program("runs")
    assert outcome.code == 3
    assert "newer" in outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_130_ctrl_c_pauses_and_resume_goes_on(program: Program, folder: Path, number: signal.Signals) -> None:
    (folder / "slow.yaml").write_text(
        "plan: slow\nsteps:\n  a: {run: 'touch started; while [ ! -e go ]; do sleep 0.05; done'}\n"
        "  b: {run: 'touch b', depends_on: [a]}\n"
    )
    running = Running("run", "slow.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    running.send_signal(number)
    wait_until(lambda: "Ctrl-C again" in running.err)
    (folder / "go").touch()
    assert running.wait() == 130
    assert not (folder / "b").exists()
    assert "holdfast resume" in running.err
    assert program("resume").code == 0
    assert (folder / "b").exists()


def test_130_ctrl_c_twice_stops_the_steps_and_resume_runs_them_again(program: Program, folder: Path) -> None:
    running = Running("run", "slow.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    running.send_signal(signal.SIGINT)
    wait_until(lambda: "Ctrl-C again" in running.err)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    shown = program("show", "last", "--json").document
    assert shown["status"] == "paused"
    assert shown["steps"][0]["attempts"][0]["status"] == "canceled"
    (folder / "slow.yaml").unlink()
    assert program("cancel", "last").code == 0


def test_130_ctrl_c_three_times_leaves_at_once_and_resume_goes_on(program: Program, folder: Path) -> None:
    (folder / "slow.yaml").write_text(
        "plan: slow\nsteps:\n  a:\n    run: |\n      trap '' TERM; touch started\n"
        "      while [ ! -e go ]; do sleep 0.05; done\n"
    )
    running = Running("run", "slow.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    running.send_signal(signal.SIGINT)
    wait_until(lambda: "Ctrl-C again stops" in running.err)
    running.send_signal(signal.SIGINT)
    wait_until(lambda: "Ctrl-C again leaves" in running.err)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert running.err.endswith("interrupted\n")
    (folder / "go").touch()
    assert program("resume").code == 0


def test_130_a_run_that_was_paused_from_elsewhere(program: Program, folder: Path) -> None:
    (folder / "slow.yaml").write_text(
        "plan: slow\nsteps:\n  a: {run: 'touch started; while [ ! -e go ]; do sleep 0.05; done'}\n"
        "  b: {run: 'touch b', depends_on: [a]}\n"
    )
    running = Running("run", "slow.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    assert program("pause", "last").code == 0
    (folder / "go").touch()
    assert running.wait() == 130
    assert program("pause", "last").code == 3


def test_a_killed_engine_is_resumed_and_its_command_adopted(program: Program, folder: Path) -> None:
    (folder / "slow.yaml").write_text(
        "plan: slow\nsteps:\n  a: {run: 'touch started; while [ ! -e go ]; do sleep 0.05; done'}\n"
    )
    running = Running("run", "slow.yaml", cwd=folder)
    wait_until((folder / "started").exists)
    running.send_signal(signal.SIGKILL)
    running.wait()
    (folder / "go").touch()
    assert program("resume").code == 0
    assert program("show", "last", "--json").document["steps"][0]["attempts"][0]["adopted"]


def test_nothing_to_resume_is_no_error(program: Program) -> None:
    outcome = program("resume")
    assert (outcome.code, outcome.err) == (0, "nothing to resume\n")


def test_a_run_that_waits_for_a_person_is_named_where_nothing_can_be_resumed(program: Program, folder: Path) -> None:
    (folder / "pay.yaml").write_text("plan: pay\nsteps:\n  pay: {run: exit 1, effect: once}\n")
    assert program("run", "pay.yaml").code == 4
    outcome = program("resume")
    assert (outcome.code, outcome.err) == (0, "nothing to resume; 1 question waits for a person: holdfast inbox\n")


def test_the_worst_of_several_runs_decides() -> None:
    assert worst([]) == 0
    assert worst([0, 5, 0]) == 5
    assert worst([5, 4, 6]) == 6
    assert worst([1, 130]) == 1


def test_70_a_bug_says_what_to_report(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.surfaces.cli.verbs import look  # noqa: PLC0415 - imported when its verb is used

    monkeypatch.delattr(look, "table")
    program("run", "good.yaml")
    outcome = program("runs")
    assert outcome.code == 70
    assert "NameError" in outcome.err
    assert "report these lines" in outcome.err
    assert "Traceback" not in outcome.err
    assert "Traceback" in program("-v", "runs").err


def test_a_reader_that_leaves_early_changes_no_exit_code(folder: Path) -> None:
    script = f"'{sys.executable}' -m holdfast run failing.yaml --json-events | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.splitlines()[-1] == "1"
    assert "Broken pipe" not in done.stderr


def test_closed_streams_change_no_exit_code(folder: Path) -> None:
    for line, code in (("version", 0), ("run good.yaml", 0), ("run failing.yaml", 1)):
        command = f"'{sys.executable}' -m holdfast {line} >&- 2>&-"
        assert subprocess.run(["sh", "-c", command], cwd=folder, check=False, timeout=50).returncode == code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_an_error(folder: Path) -> None:
    as_process("run", "good.yaml", cwd=folder)
    script = f"'{sys.executable}' -m holdfast show last > /dev/full; echo $?"
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout == "75\n"
    assert done.stderr == "error: cannot write the output: No space left on device\n  hint: make room and try again\n"
