"""Plans inside of plans, by files and inline: runs of their own, linked to the step that they are."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from holdfast.engine.keeper_facts import read_facts
from tests.e2e.cli.program import Program, Running, wait_until


def kill_keepers(folder: Path) -> None:
    """As a power cut does: the keepers die too."""
    for path in (folder / ".holdfast/runs").iterdir():
        keeper = read_facts(path).keeper
        if keeper is not None:
            os.kill(keeper.pid, signal.SIGKILL)


INNER = """
plan: inner
inputs: {x: {type: int, required: true}}
outputs: {double: steps.work.outputs.y}
exports: {copy: work.file}
steps:
  work:
    run: echo "y=$((X * 2))" >> "$HOLDFAST_OUTPUT"; echo "$X" > made.txt
    env: {X: "${{ inputs.x }}"}
    outputs: {y: {type: int}}
    produces: {file: made.txt}
"""
OUTER = """
plan: outer
steps:
  first: {run: 'echo n=3 >> "$HOLDFAST_OUTPUT"', outputs: {n: {type: int}}}
  part: {uses: plan, with: {file: sub/inner.yaml, inputs: {x: "${{ steps.first.outputs.n }}"}}}
  inline:
    uses: plan
    with:
      inputs: {who: "${{ steps.part.outputs.double }}"}
      steps:
        one: {run: 'echo "got=$WHO" >> "$HOLDFAST_OUTPUT"', env: {WHO: "${{ inputs.who }}"}}
  last: {command: [test, "${{ steps.part.artifacts.copy.size }}", "=", "2"], depends_on: [inline]}
"""


@pytest.fixture
def plans(folder: Path) -> Path:
    (folder / "sub").mkdir()
    (folder / "sub/inner.yaml").write_text(INNER)
    (folder / "outer.yaml").write_text(OUTER)
    return folder


def document(program: Program, *words: str) -> dict[str, Any]:
    loaded = json.loads(program(*words, "--json").out)
    assert isinstance(loaded, dict)
    return loaded


def steps(shown: dict[str, Any]) -> dict[str, Any]:
    return {one["step"]: one for one in shown["steps"]}


def test_inputs_go_in_and_outputs_and_artifacts_come_out(program: Program, plans: Path) -> None:
    outcome = program("run", "outer.yaml")
    assert outcome.code == 0, outcome.err
    assert "done       part/work" in outcome.err
    shown = document(program, "show", "last")
    assert (shown["plan"], shown["status"]) == ("outer", "succeeded")
    part = steps(shown)["part"]
    assert part["outputs"] == {"double": 6}
    assert part["artifacts"]["copy"]["size"] == 2
    assert (plans / "sub/made.txt").read_text() == "3\n"
    inner = document(program, "show", part["nested_run"])
    assert (inner["plan"], inner["inputs"], inner["status"]) == ("inner", {"x": 3}, "succeeded")
    of_inline = document(program, "show", steps(shown)["inline"]["nested_run"])
    assert steps(of_inline)["one"]["outputs"] == {"got": "6"}


def test_nested_runs_are_listed_with_their_parent_and_last_is_the_whole(program: Program, plans: Path) -> None:
    del plans
    program("run", "outer.yaml")
    listed = document(program, "runs")["runs"]
    assert [(one["plan"], (one["parent"] or {}).get("step")) for one in listed] == [
        ("outer.inline", "inline"),
        ("inner", "part"),
        ("outer", None),
    ]
    assert len(program("runs").out.splitlines()) == 2
    assert len(program("runs", "--nested").out.splitlines()) == 4
    assert program("doctor").code == 0
    assert program("audit", "verify").code == 0


def test_a_failure_inside_is_the_failure_of_the_step_and_says_where(program: Program, folder: Path) -> None:
    inside = "{bad: {run: exit 7}, never: {run: 'true', depends_on: [bad]}}"
    (folder / "p.yaml").write_text(f"plan: p\nsteps:\n  a: {{uses: plan, with: {{steps: {inside}}}}}\n")
    outcome = program("run", "p.yaml")
    assert outcome.code == 1
    attempt = steps(document(program, "show", "last"))["a"]["attempts"][0]
    assert attempt["error"]["code"] == "exit.nonzero"
    assert 'plan "p.a" failed' in attempt["error"]["message"]
    assert 'step "bad": exit code 7' in attempt["error"]["message"]


def test_a_retry_of_the_step_is_a_new_run(program: Program, folder: Path) -> None:
    inside = "{flaky: {run: 'test -e there && exit; touch there; exit 1'}}"
    plan = f"plan: p\nsteps:\n  a: {{uses: plan, retry: {{attempts: 2, delay: 10ms}}, with: {{steps: {inside}}}}}\n"
    (folder / "p.yaml").write_text(plan)
    assert program("run", "p.yaml").code == 0
    assert [(one["plan"], one["status"]) for one in document(program, "runs")["runs"]] == [
        ("p.a", "succeeded"),
        ("p.a", "failed"),
        ("p", "succeeded"),
    ]


@pytest.mark.parametrize(
    ("inner", "outer", "said"),
    [
        ("", "{file: none.yaml}", "there is no file none.yaml"),
        ("", "{file: p.yaml}", "a plan cannot run itself: p.yaml → p.yaml"),
        ("", '{file: "${{ plan.id }}"}', "read before the run and cannot be a template"),
        (INNER, "{file: inner.yaml}", 'plan "inner" needs its input "x"'),
        (INNER, "{file: inner.yaml, inputs: {x: 1, y: 2}}", 'plan "inner" has no input "y"'),
        (INNER.replace("run:", "rum:"), "{file: inner.yaml, inputs: {x: 1}}", "inner.yaml:"),
        ("", "{steps: {b: {run: x, depends_on: [c]}}}", 'needs "c", which this plan does not define'),
    ],
)
def test_what_is_wrong_with_a_nested_plan_is_said_before_anything_runs(
    program: Program, folder: Path, inner: str, outer: str, said: str
) -> None:
    (folder / "inner.yaml").write_text(inner)
    (folder / "p.yaml").write_text(f"plan: p\nsteps:\n  a: {{uses: plan, with: {outer}}}\n")
    outcome = program("run", "p.yaml")
    assert outcome.code == 3
    assert said in outcome.err + outcome.out
    assert said in program("check", "p.yaml").out
    assert not (folder / ".holdfast").exists()


def test_inputs_that_turn_out_wrong_fail_the_step(program: Program, plans: Path) -> None:
    (plans / "outer.yaml").write_text(OUTER.replace("n=3", "n=4.5").replace("{type: int}", "{type: string}"))
    assert program("run", "outer.yaml").code == 1
    part = steps(document(program, "show", "last"))["part"]
    assert part["status"] == "failed"
    assert 'plan "inner" cannot take its inputs: input "x"' in part["why"]


DOUBT = """
plan: p
steps:
  a:
    uses: plan
    with:
      steps:
        pay: {run: 'echo paid >> ledger; kill -9 $$', effect: once}
        after: {run: echo after >> ledger, depends_on: [pay]}
  other: {run: echo other >> ledger}
  z: {run: echo z >> ledger, depends_on: [a, other]}
"""


def test_a_nested_run_that_waits_for_a_person_blocks_what_depends_on_it(program: Program, folder: Path) -> None:
    (folder / "p.yaml").write_text(DOUBT)
    assert program("run", "p.yaml").code == 4
    shown = document(program, "show", "last")
    assert shown["status"] == "blocked"
    inner = steps(shown)["a"]["nested_run"]
    assert shown["waits"] == [{**shown["waits"][0], "kind": "plan", "step": "a", "what": f"run {inner} is blocked"}]
    assert steps(shown)["other"]["status"] == "succeeded"
    asked = document(program, "inbox")["requests"]
    assert [(one["run"], one["step"]) for one in asked] == [(inner, "pay")]
    refused = program("resume", inner)
    assert refused.code == 3
    assert f"is a part of run {shown['run']}" in refused.err
    assert program("run", "p.yaml").code == 4  # E_IN_DOUBT: nothing is repeated beside a doubt
    settled = program("resolve", inner, "pay", "happened")
    assert (settled.code, settled.out.endswith(f"to go on: holdfast resume {shown['run']}\n")) == (0, True)
    assert program("resume").code == 0
    assert sorted((folder / "ledger").read_text().split()) == ["after", "other", "paid", "z"]


def test_the_end_of_the_outer_run_is_the_end_of_the_inner_ones(program: Program, folder: Path) -> None:
    inside = "{long: {run: 'echo $$ > pid; exec sleep 60'}}"
    bad = "{run: 'until test -s pid; do sleep 0.02; done; exit 1'}"
    (folder / "p.yaml").write_text(f"plan: p\nsteps:\n  a: {{uses: plan, with: {{steps: {inside}}}}}\n  bad: {bad}\n")
    assert program("run", "p.yaml").code == 1
    runs = document(program, "runs")["runs"]
    assert [(one["plan"], one["status"]) for one in runs] == [("p.a", "canceled"), ("p", "failed")]
    assert not Path(f"/proc/{(folder / 'pid').read_text().strip()}").exists()
    assert steps(document(program, "show", "last"))["a"]["status"] == "canceled"


@pytest.mark.parametrize("victim", ["engine", "engine and keepers"])
def test_a_killed_run_goes_on_inside_of_its_nested_run(program: Program, folder: Path, victim: str) -> None:
    one = "{run: 'echo one >> log'}"
    two = "{run: 'echo two >> log; touch there; until test -e go; do sleep 0.02; done', depends_on: [one]}"
    inside = f"{{one: {one}, two: {two}}}"
    a, b = f"{{uses: plan, with: {{steps: {inside}}}}}", "{run: echo b >> log, depends_on: [a]}"
    (folder / "p.yaml").write_text(f"plan: p\nsteps:\n  a: {a}\n  b: {b}\n")
    engine = Running("run", "p.yaml", cwd=folder)
    wait_until((folder / "there").exists)
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    if victim != "engine":
        kill_keepers(folder)
    (folder / "go").touch()
    outcome = program("resume")
    assert outcome.code == 0, outcome.err
    written = (folder / "log").read_text().split()
    assert written == (["one", "two", "b"] if victim == "engine" else ["one", "two", "two", "b"])
    assert [(each["plan"], each["status"]) for each in document(program, "runs")["runs"]] == [
        ("p.a", "succeeded"),
        ("p", "succeeded"),
    ]


def test_a_budget_reaches_down_and_a_raised_one_goes_on(program: Program, folder: Path) -> None:  # semantics S13
    spend = """{run: 'echo cost_usd=0.6 >> "$HOLDFAST_OUTPUT"'}"""
    inside = f"{{s: {spend}, t: {{run: 'true', depends_on: [s]}}}}"
    steps_of = f"{{uses: plan, with: {{steps: {inside}}}}}"
    (folder / "p.yaml").write_text(f"plan: p\nlimits: {{cost: 1.0}}\nsteps:\n  a: {steps_of}\n  b: {steps_of}\n")
    assert program("run", "p.yaml").code == 4
    shown = document(program, "show", "last")
    assert shown["spent"]["cost_usd"] == pytest.approx(0.6)
    inner = steps(shown)["b"]["nested_run"]
    assert steps(document(program, "show", inner))["t"]["status"] == "waiting"
    assert program("budget", inner, "cost", "+1", "--reason", "go").code == 0
    assert program("resume").code == 0
    assert document(program, "show", "last")["spent"]["cost_usd"] == pytest.approx(1.2)


def test_a_timeout_of_the_step_is_the_time_of_its_run(program: Program, folder: Path) -> None:  # semantics S10
    a = "{uses: plan, timeout: 300ms, on_failure: continue, with: {steps: {s: {run: sleep 30}}}}"
    (folder / "p.yaml").write_text(f"plan: p\nsteps:\n  a: {a}\n")
    assert program("run", "p.yaml").code == 5
    (attempt,) = steps(document(program, "show", "last"))["a"]["attempts"]
    assert (attempt["status"], attempt["error"]["code"]) == ("timed_out", "timeout")


def test_instances_of_a_fan_out_may_be_plans(program: Program, plans: Path) -> None:
    each = '{uses: plan, for_each: {items: [1, 2]}, with: {file: sub/inner.yaml, inputs: {x: "${{ item }}"}}}'
    (plans / "p.yaml").write_text(f"plan: p\noutputs: {{all: steps.a.outputs}}\nsteps:\n  a: {each}\n")
    outcome = program("run", "p.yaml")
    assert outcome.code == 0, outcome.err
    assert document(program, "show", "last")["outputs"] == {"all": {"1": {"double": 2}, "2": {"double": 4}}}


def test_no_step_inside_may_run_longer_than_the_outer_run_allows(program: Program, folder: Path) -> None:
    inside = "{s: {run: sleep 30}}"  # semantics S10: step_time is a ceiling that no step may raise
    (folder / "p.yaml").write_text(
        f"plan: p\nlimits: {{step_time: 300ms, grace: 1s}}\nsteps:\n  a: {{uses: plan, with: {{steps: {inside}}}}}\n"
    )
    assert program("run", "p.yaml").code == 1
    (attempt,) = steps(document(program, "show", "last"))["a"]["attempts"]
    assert attempt["error"]["code"] == "timeout"
