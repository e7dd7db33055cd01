"""What a run ends as: a pure function of its steps' outcomes (semantics S14), and what is said with it."""

from collections.abc import Mapping

from holdfast.plan.expr import Expression, ExpressionError, compile_expression, truth
from holdfast.plan.model import Holds, Prose
from holdfast.run import events as ev
from holdfast.run.context import context_for
from holdfast.run.disposition import POLICIES
from holdfast.run.machine import Run
from holdfast.run.reckoning import expiry, ran_s
from holdfast.run.standing import Canceled, Failed, Recovered, Skipped
from holdfast.run.states import OK_STEP, SOFT_SKIPS

NAMES_MAX = 10
"""How many steps a warning names."""


def outcome(run: Run) -> ev.RunOutcome:
    """The run's outcome from its steps' outcomes (semantics S14); steps that never ran count as canceled."""
    tolerated = False
    unfinished = run.left > (0 if run.finalizing else run.tail)
    canceled = (run.canceling is not None and unfinished) or (run.visits is not None and bool(run.visits.cut))
    if run.expired and (run.outcome == "failed" if run.finalizing else unfinished):
        return "failed"
    past = run.visits.past if run.visits is not None else ()
    for i, state in enumerate(run.states):
        if i in run.group_of or i in past:
            continue  # the expanded step speaks for its instances, the latest visit for those before it
        if isinstance(state, Failed):
            said = POLICIES[state.action].run
            if said == "failed":
                return "failed"
            tolerated = tolerated or said == "partial"
        elif isinstance(state, Skipped):
            tolerated = tolerated or state.why not in SOFT_SKIPS
        elif isinstance(state, Canceled):
            canceled = True
    if canceled:
        return "canceled"
    return "partial" if tolerated else "succeeded"


def so_far(run: Run, facts: Mapping[str, object]) -> ev.RunOutcome:
    """The outcome that `finally` steps see: of everything else, the goal included as far as it is not about them."""
    ended = outcome(run)
    last = {step.id for step in run.plan.finally_}
    unmet = [text for text, found in goals(run, facts, last).items() if found != "true"]
    return "partial" if unmet and ended == "succeeded" else ended


def goals(run: Run, facts: Mapping[str, object], but: frozenset[str] | set[str] = frozenset()) -> dict[str, str]:
    """What each criterion of `goal.done_when` is (semantics S18): true, false, or why it has no value.

    Expressions that refer to a step of `but` are left out; so is prose of which nobody was asked.
    """
    found: dict[str, str] = {}
    for criterion in run.plan.goal.done_when if run.plan.goal is not None else ():
        if isinstance(criterion, Prose) and criterion.prose in run.judged:
            found[criterion.prose] = run.judged[criterion.prose] or "nobody has said"
        if not isinstance(criterion, Holds):
            continue
        try:
            expression = compile_expression(criterion.expression)
            if any(each.path[:1] == ("steps",) and each.path[1] in but for each in expression.references):
                continue
            holds = truth(expression.evaluate(_context(run, expression, facts)))
            found[criterion.expression] = "true" if holds else "false"
        except ExpressionError as error:
            found[criterion.expression] = error.headline
    return found


def _context(run: Run, expression: Expression, facts: Mapping[str, object]) -> dict[str, object]:
    """What an expression of the plan itself sees at the end, where the outcome is known."""
    context = context_for(run, expression.references, facts)
    shown = context.get("run")
    if isinstance(shown, dict):
        shown["outcome"] = outcome(run)
    return context


def finished(run: Run, now: int, facts: Mapping[str, object]) -> ev.RunFinished:
    """The run's end: its outcome, outputs, goal, and what is to be said of it."""
    ended = outcome(run)
    goal = goals(run, facts)
    if None in run.judged.values():  # the run was canceled while people were asked
        ended = "canceled"
    outputs: dict[str, object] = {}
    warnings = _not_undone(run) + _recoveries(run)
    for name, text in run.plan.outputs.items():
        try:
            expression = compile_expression(text)
            outputs[name] = expression.evaluate(_context(run, expression, facts))
        except ExpressionError as error:
            warnings.append(f'output "{name}" has no value: {error.headline}')
    unmet = {text: found for text, found in goal.items() if found != "true"}
    warnings += [f"goal.unmet: {text}" + ("" if found == "false" else f": {found}") for text, found in unmet.items()]
    if unmet and ended == "succeeded":
        ended = "partial"
    reason = expiry(run) if ended == "failed" else None
    return ev.RunFinished(ended, outputs, tuple(warnings), reason, ran_s(run, now), goal)


def _recoveries(run: Run) -> list[str]:
    """What is said of steps that failed and whose fallback stood in (semantics S6)."""
    said = []
    past = run.visits.past if run.visits is not None else ()
    for i, (step, state) in enumerate(zip(run.steps, run.states, strict=True)):
        if isinstance(state, Recovered) and i not in past:
            error = state.error
            why = f"{error.code}: {error.message}" if error.message else error.code
            said.append(f'step "{step.id}" failed ({why}) and was recovered by "{state.by}"')
    return said[:NAMES_MAX] + ([f"{len(said) - NAMES_MAX} more steps were recovered"] if len(said) > NAMES_MAX else [])


def _not_undone(run: Run) -> list[str]:
    """What is said of a failure that asks for a rollback: completed steps that have none stay as they are."""
    asking = [i for i, state in enumerate(run.states) if isinstance(state, Failed) and state.action == "rollback"]
    if not asking:
        return []
    done = [i for i, state in enumerate(run.states) if state.status in OK_STEP]
    lacking = [f'"{run.steps[i].id}"' for i in done if run.steps[i].effect.rollback is None]
    failed = f'step "{run.steps[asking[0]].id}" failed under on_failure: rollback'
    if not lacking:
        return [f"{failed}; there was nothing to undo"]
    more = f" and {len(lacking) - NAMES_MAX} more" if len(lacking) > NAMES_MAX else ""
    names = ", ".join(lacking[:NAMES_MAX]) + more
    return [f"{failed}; these completed steps have no rollback and stay as they are: {names}"]
