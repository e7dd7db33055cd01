"""`summary.json`: what became of a run, in one small file beside its logs, for programs that wait for it."""

import os
from collections import Counter
from pathlib import Path

import msgspec

from holdfast.app.runs import EXIT_CODES
from holdfast.run.machine import Run
from holdfast.run.standing import Failed, Recovered, Retrying, Reused, Skipped, Succeeded, Uncertain
from holdfast.run.states import OK_STEP

NAME = "summary.json"


class StepSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step: its status, how often it was attempted, and what its last attempt left. Times are seconds."""

    step: str
    status: str
    attempts: int = 0
    why: str | None = None
    exit_code: int | None = None
    duration_s: float | None = None
    error: dict[str, str] | None = None
    artifacts: dict[str, str] = {}


class Summary(msgspec.Struct, frozen=True):
    """What became of a run; times are RFC 3339 UTC. `failed` names the steps that failed, in file order."""

    run: str
    plan: str
    status: str
    exit_code: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    duration_s: float | None
    inputs: dict[str, object]
    outputs: dict[str, object]
    counts: dict[str, int]
    failed: list[str]
    waits_for: list[str]
    warnings: list[str]
    steps: list[StepSummary]


def summary_of(run: Run, warnings: tuple[str, ...] = ()) -> Summary:
    """The summary of a run as the fold has it."""
    from holdfast.journal.documents import stamp, stamp_or_none

    steps = [_step(run, i) for i in range(len(run.steps))]
    began, ended = run.started_at, run.finished_at
    return Summary(
        run=run.id,
        plan=run.plan.id,
        status=run.status.value,
        exit_code=EXIT_CODES[run.status],
        created_at=stamp(run.created_at),
        started_at=stamp_or_none(began),
        finished_at=stamp_or_none(ended),
        duration_s=(ended - began) / 1e6 if began is not None and ended is not None else None,
        inputs=run.inputs,
        outputs=run.outputs,
        counts=dict(sorted(Counter(each.status for each in steps).items())),
        failed=[each.step for each in steps if each.status == "failed"],
        waits_for=[each.step for each in steps if each.status in {"uncertain", "waiting", "retrying"}],
        warnings=list(warnings),
        steps=steps,
    )


def write_summary(folder: Path, summary: Summary) -> Path:
    """Put it into the run's folder whole: a reader sees the old one or the new one. It can be made again any time."""
    folder.mkdir(parents=True, exist_ok=True)
    path, draft = folder / NAME, folder / f".{NAME}.{os.getpid()}"
    try:
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _step(run: Run, i: int) -> StepSummary:
    state = run.states[i]
    result = (
        getattr(state, "result", None)
        if isinstance(state, Succeeded | Reused | Recovered | Failed | Uncertain)
        else None
    )
    error = state.error if isinstance(state, Failed | Uncertain | Retrying) else None
    artifacts = result.artifacts if result is not None and state.status in OK_STEP else {}
    return StepSummary(
        step=run.steps[i].id,
        status=state.status.value,
        attempts=run.attempts_of(i).total,
        why=state.why if isinstance(state, Skipped) else None,
        exit_code=result.exit_code if result is not None else None,
        duration_s=(result.ended - result.started) / 1e6 if result is not None else None,
        error={"code": error.code, "message": error.message} if error is not None else None,
        artifacts={name: ref.digest for name, ref in artifacts.items()},
    )
