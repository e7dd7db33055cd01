"""Every JSON document, field by field."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli.program import Program

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
PLAN = """
plan: sample
inputs: {day: {type: date, default: "2026-01-01"}}
steps:
  make:
    run: echo made > made.txt; echo "rows=5" >> "$HOLDFAST_OUTPUT"; echo out; echo err >&2
    produces: {made: made.txt}
    outputs: {rows: {type: int}}
  fail: {run: "exit 4", depends_on: [make]}
  never: {run: "true", depends_on: [fail]}
  unless: {run: "true", when: inputs.day == "x"}
"""


class Is:
    """Equal to any text that matches, or any value of a type."""

    def __init__(self, what: re.Pattern[str] | type) -> None:
        self._what = what

    def __eq__(self, other: object) -> bool:
        if isinstance(self._what, re.Pattern):
            return isinstance(other, str) and self._what.fullmatch(other) is not None
        return type(other) is self._what

    def __hash__(self) -> int:
        return hash(self._what)

    def __repr__(self) -> str:
        return f"Is({self._what})"


AT, SHA, TEXT, NUMBER = Is(TIME), Is(DIGEST), Is(str), Is(int)
NEVER_RUN: list[dict[str, Any]] = [{"code": "never-run", "detail": None, "because": []}]


@pytest.fixture
def run(program: Program, folder: Path) -> str:
    """A run of the sample, which fails."""
    (folder / "plan.yaml").write_text(PLAN)
    outcome = program("run", "plan.yaml", "--json")
    assert outcome.code == 1
    name: str = outcome.document["run"]
    return name


def test_run_prints_the_document_of_show(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    document = program("run", "plan.yaml", "--json").document
    assert document == program("show", "last", "--json").document


def test_plan(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    document = program("plan", "plan.yaml", "--json").document
    unknown = {"low": None, "likely": None, "high": None, "basis": "unknown"}
    assert {key: document[key] for key in ("plan", "revision", "layers", "errors")} == {
        "plan": "sample",
        "revision": 1,
        "layers": [["make", "unless"], ["fail"], ["never"]],
        "errors": [],
    }
    assert {"position", "totals", "warnings"} <= document.keys()
    (step,) = [one for one in document["steps"] if one["step"] == "make"]
    assert (step["layer"], step["verdict"], step["notes"], step["pinned"]) == (0, "run", [], [])
    assert step["reasons"][0]["code"] == "never-run"
    assert step["expected"] == {"time_s": unknown, "cost_usd": unknown}
    assert not (folder / ".holdfast").exists()
    assert program("run", "plan.yaml", "--dry-run", "--json").document == document


def test_check(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    (folder / "bad.yaml").write_text("plan: bad\nsteps:\n  a: {run: x, rnu: y}\n")
    outcome = program("check", "plan.yaml", "bad.yaml", "nosuch.yaml", "--json")
    problem = {
        "code": "key.unknown",
        "severity": "error",
        "message": 'step "a" has no key "rnu"',
        "file": "bad.yaml",
        "line": 3,
        "column": 15,
        "hint": 'did you mean "run"?',
    }
    document = outcome.document
    assert (outcome.code, document["ok"]) == (3, False)
    good, bad, missing = document["plans"]
    assert good == {"file": "plan.yaml", "plan": "sample", "problems": []}
    assert (bad["file"], bad["problems"]) == ("bad.yaml", [problem])
    assert missing["problems"][0]["code"] == "file.unreadable"


def test_runs(program: Program, run: str) -> None:
    assert program("runs", "--json").document == {
        "runs": [
            {
                "run": run,
                "plan": "sample",
                "revision": 1,
                "status": "failed",
                "created_at": AT,
                "started_at": AT,
                "finished_at": AT,
                "inputs": {"day": "2026-01-01"},
                "parent": None,
            }
        ]
    }


def test_runs_of_nothing_is_an_empty_list(program: Program, folder: Path) -> None:
    assert program("runs", "--json").document == {"runs": []}
    assert program("inbox", "--json").document == {"requests": []}
    assert [*folder.iterdir()] == []


def attempt(number: int, status: str, code: int, error: dict[str, Any] | None, step: str) -> dict[str, Any]:
    return {
        "number": number,
        "status": status,
        "exit_code": code,
        "error": error,
        "started_at": AT,
        "finished_at": AT,
        "stdout": Is(re.compile(rf"/.+/logs/{step}\.{number}\.out")),
        "stderr": Is(re.compile(rf"/.+/logs/{step}\.{number}\.err")),
        "pid": NUMBER,
        "adopted": False,
        "notes": [],
        "disposed": None if error is None else Is(dict),
    }


def test_show(program: Program, folder: Path, run: str) -> None:
    document = program("show", run[:12], "--json").document
    plain: dict[str, Any] = {"verdict": "run", "reasons": NEVER_RUN, "outputs": {}, "artifacts": {}}
    plain |= dict.fromkeys(("from_run", "instances", "instance_of", "visit_of", "next_visit"))
    steps = {one["step"]: one for one in document.pop("steps")}
    assert document == {
        "run": run,
        "plan": "sample",
        "revision": 1,
        "status": "failed",
        "inputs": {"day": "2026-01-01"},
        "created_at": AT,
        "started_at": AT,
        "finished_at": AT,
        "owner": None,
        "request": {},
        "waits": [],
        "spent": {"cost_usd": 0.0, "tokens": 0, "calls": {}, "time_s": None, "limits": None},
        "goal": {},
        "reason": None,
        "warnings": [],
        "outputs": {},
        "pausing": False,
        "canceling": False,
        "project": str(folder),
        "plan_file": str(folder / "plan.yaml"),
    }
    for step in steps.values():
        assert [step.pop(name) for name in ("outputs_digest", "nested_run")] == [None, None]
    assert steps["make"] == plain | {
        "step": "make",
        "status": "succeeded",
        "why": None,
        "attempts": [attempt(1, "succeeded", 0, None, "make")],
        "outputs": {"rows": 5},
        "artifacts": {"made": {"path": "made.txt", "digest": SHA, "size": 5}},
    }
    error = {"code": "exit.nonzero", "message": TEXT}
    failed = {"step": "fail", "status": "failed", "why": None, "attempts": [attempt(1, "failed", 4, error, "fail")]}
    assert steps["fail"] == plain | failed | {"reasons": [{"code": "action", "detail": None, "because": []}]}
    assert steps["never"] == plain | {"step": "never", "status": "canceled", "why": "abort", "attempts": []}
    decided = {"code": "condition-false", "detail": 'when: inputs.day == "x"', "because": []}
    skipped = {"step": "unless", "status": "skipped", "why": "condition", "attempts": []}
    assert steps["unless"] == plain | skipped | {"verdict": "inactive", "reasons": [decided]}
    assert (folder / ".holdfast/runs" / run / "logs/make.1.out").read_text() == "out\n"


def test_timeline(program: Program, run: str) -> None:
    document = program("timeline", run, "--json").document
    assert [(one["step"], one["number"], one["status"]) for one in document["attempts"]] == [
        ("make", 1, "succeeded"),
        ("fail", 1, "failed"),
    ]
    assert (document["attempts"][0]["started_at"], document["attempts"][0]["finished_at"]) == (AT, AT)
    assert (document["run"], document["plan"], document["status"]) == (run, "sample", "failed")


def test_events_as_one_document_and_as_lines(program: Program, folder: Path, run: str) -> None:
    document = program("events", run, "--json").document
    first, last = document["events"][0], document["events"][-1]
    assert document["run"] == run
    assert [one["seq"] for one in document["events"]] == [*range(1, len(document["events"]) + 1)]
    assert (first["run"], first["at"], first["kind"]) == (run, AT, "run.created")
    assert (last["kind"], last["data"]["outcome"]) == ("run.finished", "failed")
    ended = next(one for one in document["events"] if one["kind"] == "attempt.ended")
    assert (ended["step"], ended["attempt"], ended["data"]["exit_code"]) == ("make", 1, 0)
    assert len(program("events", run, "--json", "--after", "3").document["events"]) == len(document["events"]) - 3
    lines = program("events", run, "--json", "-f").out.splitlines()
    assert len(lines) == len(document["events"])
    streamed = program("run", "plan.yaml", "--json-events", "--force", "make").out.splitlines()
    assert len(streamed) == len(lines)
    assert '"kind":"run.created"' in streamed[0]
    assert '"kind":"run.finished"' in streamed[-1]


def test_logs(program: Program, folder: Path, run: str) -> None:
    document = program("logs", run, "make", "--json").document
    path = folder / ".holdfast/runs" / run / "logs/make.1.out"
    shared = {"step": "make", "attempt": 1, "size": 4, "truncated": False}
    assert document == {
        "run": run,
        "logs": [
            shared | {"stream": "stdout", "path": str(path), "text": "out\n"},
            shared | {"stream": "stderr", "path": str(path.with_suffix(".err")), "text": "err\n"},
        ],
    }


def test_inbox_and_resolve(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text("plan: pay\nsteps:\n  pay: {run: 'exit 1', effect: once}\n")
    ended = program("run", "plan.yaml", "--json")
    assert ended.code == 4
    (wait,) = ended.document["waits"]
    assert wait == {"kind": "uncertain", "step": "pay", "since": AT, "what": TEXT}
    (request,) = program("inbox", "--json").document["requests"]
    assert request == {
        "id": TEXT,
        "run": ended.document["run"],
        "step": "pay",
        "kind": "resolve",
        "question": TEXT,
        "options": ["happened", "not-happened", "skip"],
        "shows": Is(dict),
        "since": AT,
        "expires_at": None,
        "role": None,
    }
    assert {"command", "error", "idempotency_key"} <= request["shows"].keys()
    answered = program("resolve", "last", "pay", "happened", "--output", "id=7", "--json").document
    assert answered["steps"][0]["status"] == "succeeded"
    assert answered["steps"][0]["outputs"] == {"id": "7"}
    (resumed,) = program("resume", "--json").document["runs"]
    assert resumed["status"] == "succeeded"


def test_why(program: Program, run: str) -> None:
    assert program("why", "never", "--json").document == {
        "run": run,
        "plan": "sample",
        "step": "never",
        "status": "canceled",
        "verdict": "run",
        "reasons": NEVER_RUN,
        "chain": [
            {"step": "never", "status": "canceled", "said": TEXT, "because": ["fail"]},
            {"step": "fail", "status": "failed", "said": TEXT, "because": []},
        ],
    }
    assert program("why", "unless", "--plan", "sample", "--run", "last").code == 0
    assert 'inputs.day == "x"' in program("why", "unless", "--plan", "sample").out
    assert program("why", "make", "--plan", "other").code == 3
    assert 'did you mean "make"?' in program("why", "mak").err


def test_audit_and_doctor(program: Program, run: str) -> None:
    document = program("audit", "verify", "--json").document
    assert document == {
        "ok": True,
        "chains": NUMBER,
        "events": NUMBER,
        "commits": NUMBER,
        "head": Is(re.compile("[0-9a-f]{64}")),
        "damages": [],
    }
    assert program("audit", "verify", "--head", document["head"]).code == 0
    assert program("audit", "verify", "--head", "a" * 64).code == 7
    assert program("audit", "verify", run, "--json").document["head"] is None
    found = program("doctor", "--json").document
    assert found.keys() == {"ok", "mended", "health", "differences"}
    assert (found["ok"], found["mended"], found["differences"]) == (True, False, [])
    assert found["health"].keys() == {"path", "sqlite", "schema", "counts", "damages", "left_leases"}
    assert program("doctor", "--rebuild", "--json").document["mended"] is True


def test_new_report_version_and_schema(program: Program, folder: Path, run: str) -> None:
    assert program("new", "hello", "there", "--json").document == {
        "template": "hello",
        "directory": str(folder / "there"),
        "files": ["plan.yaml"],
    }
    assert program("report", run, "-o", "r.md", "--json").document == {
        "run": run,
        "file": str(folder / "r.md"),
        "format": "md",
    }
    assert program("version", "--json").document.keys() == {"version", "python", "platform"}
    assert program("schema").document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_with_json_stdout_holds_one_document_and_nothing_else(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    outcome = program("run", "plan.yaml", "--json")
    assert outcome.document["status"] == "failed"
    assert "failed     fail" in outcome.err
    assert program("-q", "run", "plan.yaml", "--json").document["status"] == "failed"
