"""What is said when a run has come to rest."""

import io
from pathlib import Path

import msgspec

from holdfast.app.documents import Shown
from holdfast.surfaces.cli.outcome import failures
from holdfast.surfaces.cli.screen import Screen

TIME = "2026-01-31T17:00:00Z"


def test_a_line_of_a_failed_steps_log_that_is_very_long_is_cut(tmp_path: Path) -> None:
    (tmp_path / "a.err").write_text("y" * 1_000_000)
    attempt: dict[str, object] = {
        "number": 1,
        "status": "failed",
        "exit_code": 1,
        "error": {"code": "exit.nonzero", "message": ""},
    }
    attempt |= {"started_at": TIME, "finished_at": TIME, "stdout": None, "stderr": str(tmp_path / "a.err")}
    step: dict[str, object] = {
        "step": "a",
        "verdict": "run",
        "reasons": [],
        "status": "failed",
        "why": None,
        "outputs": {},
    }
    step |= {"artifacts": {}, "attempts": [attempt | {"pid": 1, "adopted": False}]}
    run: dict[str, object] = {
        "run": "r",
        "plan": "p",
        "revision": 1,
        "status": "failed",
        "inputs": {},
        "owner": None,
        "request": {},
    }
    run |= {"created_at": TIME, "started_at": TIME, "finished_at": TIME, "steps": [step], "waits": [], "warnings": []}
    run |= {"spent": {"cost_usd": 0, "tokens": 0, "calls": {}}, "project": str(tmp_path), "plan_file": "plan.yaml"}
    run |= {"outputs": {}, "pausing": False, "canceling": False}
    lines = failures(Screen(io.StringIO(), io.StringIO()), msgspec.convert(run, Shown), lambda _: tmp_path)
    assert len("\n".join(lines)) < 2000
    assert any(line.endswith("y…") for line in lines)
