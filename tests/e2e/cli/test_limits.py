"""Budgets and circuit breakers as their users meet them: two processes, kills, what is shown and said."""

import signal
from pathlib import Path

from tests.e2e.cli.program import Program, Running, wait_until

POLLING = """\
plan: polling
breakers: {api: {failures: 1, cooldown: 200ms}}
steps:
  s:
    run: "test -e failed || { touch failed; exit 1; }; touch begun; until test -e go; do sleep 0.02; done"
    breaker: api
    retry: {attempts: 2, delay: 0s}
"""
OTHER = """\
plan: other
breakers: {api: {failures: 1, cooldown: 200ms}}
steps:
  s: {run: "true", breaker: api}
"""


def plan(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return name


def test_a_breaker_is_shared_by_processes_and_a_killed_ones_trial_is_free(folder: Path, program: Program) -> None:
    # semantics S12, C2
    first = Running("run", plan(folder, "polling.yaml", POLLING), cwd=folder)
    wait_until((folder / "begun").exists)
    [listed] = program("breakers", "--json").document["breakers"]
    assert (listed["breaker"], listed["state"], listed["failures"]) == ("api", "half-open", 1)
    assert [trial["step"] for trial in listed["trials"]] == ["s"]
    second = Running("run", plan(folder, "other.yaml", OTHER), cwd=folder)
    wait_until(lambda: "waits" in second.err)
    assert "under way" in second.err
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.wait() == 0
    assert "closed" in program("breakers").out
    (folder / "go").touch()
    assert program("resume").code == 0
    assert program("audit", "verify").code == 0
    assert program("doctor").code == 0


def test_a_half_open_trial_survives_a_kill_and_a_resume(folder: Path, program: Program) -> None:
    # semantics S12, C2
    first = Running("run", plan(folder, "polling.yaml", POLLING), cwd=folder)
    wait_until((folder / "begun").exists)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (folder / "go").touch()
    assert program("resume").code == 0
    [listed] = program("breakers", "--json").document["breakers"]
    assert (listed["state"], listed["failures"], listed["trials"]) == ("closed", 0, [])


def test_a_store_without_breakers_lists_none(folder: Path, program: Program) -> None:
    assert folder.is_dir()
    assert program("breakers", "--json").document == {"breakers": []}
    assert program("breakers").code == 0


def test_a_spent_budget_blocks_until_somebody_allows_more(folder: Path, program: Program) -> None:
    # semantics S13, G9
    name = plan(
        folder,
        "ask.yaml",
        """\
plan: ask
limits: {tokens: 100}
steps:
  a: {run: 'echo tokens=100 >> "$HOLDFAST_OUTPUT"'}
  b: {run: "true", depends_on: [a]}
""",
    )
    blocked = program("run", name, "--json")
    assert blocked.code == 4
    document = blocked.document
    assert (document["status"], document["spent"]["tokens"]) == ("blocked", 100)
    [wait] = document["waits"]
    assert (wait["kind"], wait["step"]) == ("budget", "b")
    assert f"holdfast budget {document['run']} tokens +AMOUNT" in wait["what"]
    assert document["warnings"] == ["100 % of the run's budget spent: 100 of 100 tokens"]
    assert program("resume").code == 4
    assert program("budget", "last", "tokens", "+10").code == 2  # no reason
    assert program("budget", "last", "cost", "+10", "--reason", "x").code == 3
    assert program("budget", "last", "tokens", "-10", "--reason", "x").code == 3
    assert program("budget", "last", "tokens", "+10", "--reason", "x", "--step", "zz").code == 3
    raised = program("budget", "last", "tokens", "+10", "--reason", "one more", "--by", "ann", "--json")
    assert (raised.code, raised.document["spent"]["limits"]["tokens"]) == (0, 110)
    assert program("resume").code == 0
    assert "tokens +10, ann, one more" in program("events", "last").out
    assert program("budget", "last", "tokens", "+10", "--reason", "x").code == 3


def test_a_run_that_took_too_long_says_so(folder: Path, program: Program) -> None:
    # semantics S10
    name = plan(folder, "slow.yaml", "plan: slow\nlimits: {time: 300ms}\nsteps: {a: {run: exec sleep 60}}\n")
    done = program("run", name)
    assert done.code == 1
    assert "the run's time limit of 300ms was over (limits.time)" in done.err
    assert "the run's time limit of 300ms was over" in program("show", "last").out
    assert program("show", "last", "--json").document["reason"].startswith("the run's time limit")


def test_a_killed_engine_does_not_lend_its_run_more_time(folder: Path, program: Program) -> None:
    # semantics S10: the keeper stops the command
    name = plan(folder, "slow.yaml", "plan: slow\nlimits: {time: 2s}\nsteps: {a: {run: touch begun; exec sleep 60}}\n")
    first = Running("run", name, cwd=folder)
    wait_until((folder / "begun").exists)
    first.send_signal(signal.SIGKILL)
    first.wait()
    ended = folder / ".holdfast" / "runs"
    wait_until(lambda: any('"exited"' in path.read_text() for path in ended.glob("*/keeper.jsonl")))
    assert program("resume").code == 1
    [step] = program("show", "last", "--json").document["steps"]
    assert step["attempts"][0]["status"] in {"timed_out", "canceled"}
