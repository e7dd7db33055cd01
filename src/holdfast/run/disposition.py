"""What becomes of a failure (semantics S5 to S8), all of it in one place.

Classify → fatal? stop → the first `failure_modes` entry that matches → retry, if attempts allow → `on_failure`. The
decision goes into the event that tells of the failure, with its reason: the fold, the reports and `why` only read it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec.structs import replace

from holdfast.plan.expr import ExpressionError, compile_expression, compile_template, truth
from holdfast.plan.model import Effect, FailureMode, Step
from holdfast.run import events as ev
from holdfast.run.context import context_for
from holdfast.run.control import edges_taken, taken
from holdfast.run.policy import APPLIED_CODES, FATAL_CODES, delay_s
from holdfast.run.standing import Failed
from holdfast.run.states import StepStatus

if TYPE_CHECKING:
    from holdfast.run.machine import Run
    from holdfast.run.reached import Reached
    from holdfast.run.standing import Falling, Result


class Row(NamedTuple):
    """A row of the table of S6: what the step becomes, what its dependents do, what the run is if all else is well."""

    becomes: StepStatus
    dependents: Literal["canceled", "skipped", "run", "wait"]
    run: ev.RunOutcome


POLICIES: Final[Mapping[ev.Action, Row]] = {
    "retry": Row(StepStatus.RETRYING, "wait", "succeeded"),
    "abort": Row(StepStatus.FAILED, "canceled", "failed"),
    "skip_dependents": Row(StepStatus.FAILED, "skipped", "partial"),
    "continue": Row(StepStatus.FAILED, "run", "partial"),
    "skip": Row(StepStatus.SKIPPED, "skipped", "partial"),
    "fallback": Row(StepStatus.WAITING, "wait", "succeeded"),
    "rollback": Row(StepStatus.FAILED, "canceled", "failed"),
    # A failure that an edge or a jump takes is handled (semantics S17).
    "goto": Row(StepStatus.FAILED, "skipped", "succeeded"),
    "next": Row(StepStatus.FAILED, "skipped", "succeeded"),
}
"""Every way a failure may go (semantics S6)."""
TRIGGERS: Final[Mapping[StepStatus, str]] = {
    StepStatus.FAILED: "",
    StepStatus.SKIPPED: ", to be skipped",
    StepStatus.WAITING: ", to be recovered",
}
"""What a failure for good is called in the table of transitions, by what the step becomes."""

ENDED_BADLY: Final = frozenset({"failed", "timed_out", "stalled"})
NO_TAIL: Final[Callable[[str], str]] = lambda _: ""  # noqa: E731 - a constant, which a parameter's default may be
FOUND_MAX: Final = 300
"""Characters of an error that a reason repeats."""


class Scene(NamedTuple):
    """Where a failure is judged: when, with which host facts, and where the tails of the attempt's logs are read."""

    now: int
    facts: Mapping[str, object] = {}
    tail: Callable[[str], str] = NO_TAIL


class Failure(NamedTuple):
    """A failure as far as it is known; `counted` attempts were made, `final` says why no other may follow."""

    error: ev.Error
    counted: int
    mode: FailureMode | None = None
    final: str | None = None
    outcome: str | None = None


class Failing(NamedTuple):
    """A failure for good, as an event tells of it."""

    at: int
    error: ev.Error
    result: "Result | None"
    disposed: ev.Disposition | None


def dispose(run: "Reached", i: int, failure: Failure) -> ev.Disposition:
    """What becomes of a failure of step `i`, with the reason."""
    step, mode = run.steps[i], failure.mode
    name = None if mode is None else mode.name
    refused = _ending(run, i) or no_retry(step, failure)
    if refused is None:
        reason = f"attempt {failure.counted} of {step.retry.attempts} failed with {failure.error.code}"
        return ev.Disposition("retry", None, name, reason)
    if mode is not None and mode.target is not None and failure.error.code not in FATAL_CODES:
        return ev.Disposition("goto" if mode.do == "goto" else "fallback", mode.target, name, refused)
    policy = step.on_failure
    if policy.fallback is None and step.next and edges_taken(step, "failure", failure.outcome):
        return ev.Disposition("next", None, name, refused)
    return ev.Disposition(policy.action.value, policy.fallback, name, refused)


def unrecovered(run: "Reached", state: "Falling", step: Step) -> tuple[ev.Error, ev.Disposition]:
    """What becomes of a step whose fallback is no help: it fails with the policy of that (semantics S6)."""
    by = run.place(state.fallback)
    stand_in = run.states[by]
    became = f'its fallback "{run.steps[by].id}" {stand_in.status.value}'
    error = ev.Error(state.error.code, f"{state.error.message or state.error.code}; {became}")
    outcome = None if state.result is None else state.result.outcome
    if step.next and edges_taken(step, "failure", outcome):
        return error, ev.Disposition("next", reason=became)
    return error, ev.Disposition(_policy_of(run, state.fallback), reason=became)


def left_behind(run: "Reached", i: int) -> ev.Disposition:
    """What becomes of a failure of step `i` that led back, where a person has said that the loop is left.

    Another edge may have taken it; else it counts as if there were no loop. The step has failed and stays so.
    """
    reason = "the loop is left"
    if taken(run, i):
        return ev.Disposition("next", reason=reason)
    policy = run.steps[i].on_failure
    action = policy.action.value if policy.fallback is None else _policy_of(run, policy.fallback)
    return ev.Disposition("skip_dependents" if action == "skip" else action, reason=reason)


def _policy_of(run: "Reached", fallback: str) -> ev.Action:
    """The policy that a step has failed with, or would have."""
    i = run.place(fallback)
    state, policy = run.states[i], run.steps[i].on_failure
    if isinstance(state, Failed):
        return state.action
    return policy.action.value if policy.fallback is None else _policy_of(run, policy.fallback)


def _ending(run: "Reached", i: int) -> str | None:
    """Why nothing is started for step `i` any more (semantics S8)."""
    if run.ending:
        return "the run is ending"
    return "another instance failed" if run.group_of.get(i) in run.failing else None


def no_retry(step: Step, failure: Failure) -> str | None:
    """Why a failure is not tried again, or `None` where it is (semantics S5, S9, S22)."""
    code, mode, retry = failure.error.code, failure.mode, step.retry
    if code in FATAL_CODES:
        return f"{code} is never retried"
    if mode is not None and mode.do != "retry":
        return f'failure mode "{mode.name}" says {mode.do}'
    if failure.final is not None:
        return failure.final
    if failure.counted >= retry.attempts:
        return "there is no retry" if retry.attempts == 1 else f"all {retry.attempts} attempts failed"
    if mode is None and retry.on and code not in retry.on:
        return f"{code} is not among retry.on"
    return None


def disposed(run: "Run", i: int, attempt: int, ended: ev.AttemptEnded, scene: Scene) -> ev.AttemptEnded:
    """The end of an attempt with what becomes of it, and when the next one is due where there is to be one."""
    if run.control is not None:
        ended = _with_outcome(run, ended)
    error = ended.error
    if error is None or ended.status not in ENDED_BADLY:
        return _in_doubt(run, i, ended, scene) if ended.status == "uncertain" else ended
    step = run.steps[i]
    mode = None
    if step.failure_modes and error.code not in FATAL_CODES:
        mode, error = _mode_of(run, i, ended, scene)
    final = None
    if step.effect_class is Effect.ONCE and (ended.exit_code == 0 or error.code in APPLIED_CODES):
        final = "the effect is applied all the same, and never repeated"  # semantics S20
    counted = run.attempts_of(i).counted
    decision = dispose(run, i, Failure(error, counted, mode, final, ended.outcome))
    if step.failure_modes:
        decision = replace(decision, advice=_advice(run, i, mode, ended, scene))
    retry_at = None
    if decision.action == "retry":
        delay = error.retry_after_s
        if delay is None:
            delay = delay_s(step.retry, counted, f"{run.id}/{step.id}/{attempt}")
        retry_at = scene.now + round(delay * 1e6)
    return replace(ended, error=error, disposed=decision, retry_at=retry_at)


def _with_outcome(run: "Run", ended: ev.AttemptEnded) -> ev.AttemptEnded:
    """The end of an attempt with the outcome that its outputs name (semantics S17)."""
    outputs = run.recall(ended.outputs_digest) if ended.outputs_digest else ended.outputs
    outcome = outputs.get("outcome")
    return replace(ended, outcome=outcome) if isinstance(outcome, str) else ended


def mode_named(step: Step, name: str | None) -> FailureMode | None:
    """The failure mode that matched an earlier end, by its name."""
    return None if name is None else next(mode for mode in step.failure_modes if mode.name == name)


def _in_doubt(run: "Run", i: int, ended: ev.AttemptEnded, scene: Scene) -> ev.AttemptEnded:
    """Whether the effect happened must be known first; which failure mode it would be is known now only."""
    if not run.steps[i].failure_modes:
        return ended
    mode, _ = _mode_of(run, i, ended, scene)
    name = None if mode is None else mode.name
    reason = "whether the effect happened must be known first"
    decision = ev.Disposition("doubt", None, name, reason, _advice(run, i, mode, ended, scene))
    return replace(ended, disposed=decision)


def _mode_of(run: "Run", i: int, ended: ev.AttemptEnded, scene: Scene) -> tuple[FailureMode | None, ev.Error]:
    """The first failure mode that matches, and the error: another one where an expression cannot be evaluated."""
    error = ended.error or ev.Error("uncertain")
    own = _Own(run, i, ended, scene)
    for mode in run.steps[i].failure_modes:
        if mode.detect is None:
            continue  # prose never matches
        try:
            expression = compile_expression(mode.detect)
            names = {str(reference.path[0]) for reference in expression.references if reference.path}
            context = context_for(run, expression.references, scene.facts, i) | own.of(names)
            if truth(expression.evaluate(context)):
                return mode, error
        except ExpressionError as wrong:
            found = f"{error.code}: {error.message}"[:FOUND_MAX]
            said = f'failure mode "{mode.name}": {mode.detect}: {wrong.headline} (the attempt ended with {found})'
            return None, ev.Error("expression.invalid", said)
    return None, error


class _Own:
    """What an attempt's own expressions see of it (plan-format, Context)."""

    def __init__(self, run: "Run", i: int, ended: ev.AttemptEnded, scene: Scene) -> None:
        self._run, self._i, self._ended, self._scene = run, i, ended, scene

    def of(self, names: set[str]) -> dict[str, object]:
        """The names that are asked for; logs and large outputs are read only then."""
        found: dict[str, object] = {}
        for name in names:
            value = self._READ.get(name)
            if value is not None:
                found[name] = value(self)
        return found

    def _outputs(self) -> dict[str, object]:
        ended = self._ended
        return self._run.recall(ended.outputs_digest) if ended.outputs_digest else ended.outputs

    def _artifacts(self) -> dict[str, object]:
        artifacts = self._ended.artifacts
        return {name: {"path": it.path, "digest": it.digest, "size": it.size} for name, it in artifacts.items()}

    def _error(self) -> dict[str, object]:
        error = self._ended.error or ev.Error("uncertain")
        return {"code": error.code, "message": error.message}

    def _duration_s(self) -> float:
        since = getattr(self._run.states[self._i], "since", self._scene.now)
        return max(0.0, (self._scene.now - since) / 1e6)

    def _exit_code(self) -> int | None:
        return self._ended.exit_code

    def _stdout(self) -> str:
        return self._scene.tail("stdout")

    def _stderr(self) -> str:
        return self._scene.tail("stderr")

    _READ: Final[dict[str, Callable[["_Own"], object]]] = {
        "outputs": _outputs,
        "artifacts": _artifacts,
        "error": _error,
        "duration_s": _duration_s,
        "exit_code": _exit_code,
        "stdout": _stdout,
        "stderr": _stderr,
    }


def _advice(run: "Run", i: int, matched: FailureMode | None, ended: ev.AttemptEnded, scene: Scene) -> tuple[str, ...]:
    """What people are told of a failure: the advice of the mode that matched, and every mode in prose."""
    own = _Own(run, i, ended, scene)
    said: list[str] = []
    for mode in run.steps[i].failure_modes:
        text = None if mode.advice is None else _filled(run, i, mode.advice, (own, scene))
        if mode is matched and text is not None:
            said.append(f"{mode.name}: {text}")
        elif mode.prose is not None:
            said.append(f"{mode.name}: {mode.prose}" + (f" → {text}" if text else ""))
    return tuple(said)


def _filled(run: "Run", i: int, text: str, seen: tuple[_Own, Scene]) -> str:
    """The text with its expressions filled in; as it is written where one cannot be evaluated."""
    own, scene = seen
    try:
        template = compile_template(text)
        if template is None:
            return text
        names = {str(reference.path[0]) for reference in template.references if reference.path}
        return str(template.render(context_for(run, template.references, scene.facts, i) | own.of(names)))
    except ExpressionError:
        return text
