"""What a run leaves for other tools: summary.json, graph, report."""

import json
import re
from pathlib import Path

from tests.e2e.cli.program import Program

PLAN = """
plan: sample
inputs: {name: {type: string, default: you}}
outputs: {answer: steps.first.outputs.answer}
steps:
  first: {run: 'echo answer=42 >> "$HOLDFAST_OUTPUT"; echo said-it'}
  bad: {run: "echo sorry >&2; exit 3", depends_on: [first]}
  after: {run: "true", depends_on: [bad]}
"""


def summary(folder: Path) -> dict[str, object]:
    found = list(folder.glob(".holdfast/runs/*/summary.json"))
    assert len(found) == 1
    loaded = json.loads(found[0].read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_a_run_that_failed_leaves_its_summary(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    assert program("run", "plan.yaml").code == 1
    found = summary(folder)
    assert (found["status"], found["exit_code"], found["failed"]) == ("failed", 1, ["bad"])
    assert found["counts"] == {"canceled": 1, "failed": 1, "succeeded": 1}
    assert (found["inputs"], found["outputs"]) == ({"name": "you"}, {"answer": "42"})
    steps = found["steps"]
    assert isinstance(steps, list)
    assert steps[1]["error"] == {"code": "exit.nonzero", "message": "exit code 3"}
    assert (steps[1]["exit_code"], steps[2]["status"]) == (3, "canceled")


def test_a_canceled_run_leaves_its_summary_and_a_waiting_one_is_updated(program: Program, folder: Path) -> None:
    a = "a: {run: 'kill -9 $PPID; kill -9 $$', effect: once}"
    (folder / "plan.yaml").write_text(f"plan: p\nsteps:\n  {a}\n  b: {{run: 'true', depends_on: [a]}}\n")
    assert program("run", "plan.yaml").code == 4
    assert (summary(folder)["status"], summary(folder)["waits_for"]) == ("blocked", ["a"])
    assert program("resolve", "last", "a", "happened", "--reason", "seen").code == 0
    assert program("cancel", "last", "--reason", "enough").code == 0
    assert (summary(folder)["status"], summary(folder)["exit_code"]) == ("canceled", 6)


def test_a_plan_is_drawn_before_it_runs_and_with_statuses_after(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    drawn = program("graph", "plan.yaml")
    assert drawn.out.splitlines()[:2] == ["flowchart TD", '  s0["first"]']
    assert not (folder / ".holdfast").exists()
    program("run", "plan.yaml")
    assert '  s1["bad<br>failed"]' in program("graph", "last").out
    dotted = program("graph", "last", "--dot").out
    assert dotted.startswith('digraph "sample" {')
    assert '"first" -> "bad";' in dotted
    document = json.loads(program("graph", "last", "--json").out)
    assert [each["status"] for each in document["nodes"]] == ["succeeded", "failed", "canceled"]
    assert document["arrows"][0] == {"from": "first", "to": "bad", "on": None}


def test_a_graph_of_nothing_is_refused_in_one_sentence(program: Program, folder: Path) -> None:
    outcome = program("graph", "none.yaml")
    assert outcome.code == 3
    assert outcome.err.startswith("error: there is no file none.yaml")
    (folder / "bad.yaml").write_text("plan: p\nsteps:\n  a: {rum: x}\n")
    assert program("graph", "bad.yaml").code == 3
    assert "Traceback" not in program("graph", "nothing").err


def test_the_report_has_the_graph_failures_first_and_the_logs_folded(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    program("run", "plan.yaml")
    assert program("report", "last", "-o", "r.html").code == 0
    page = (folder / "r.html").read_text()
    assert re.findall(r"<h2>([^<]*)</h2>", page)[:3] == ["Failed: bad", "Plan", "Timeline"]
    assert "<details><summary>first</summary>" in page
    assert "said-it" in page
    assert '<text x="' in page
