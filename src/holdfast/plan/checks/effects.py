"""What steps do to the world and to people: effects without a way back, secrets in arguments, gates, policy."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from holdfast.plan.draft import Draft
from holdfast.plan.expr import ExpressionError, Reference, compile_template
from holdfast.plan.hosts import denied, host_in
from holdfast.plan.model import AllowDeny, Command, Effect, Policy, Run, Step, Uses
from holdfast.plan.problems import Fault, Path, fault_at, warning_at

_COST_RULE: Final = re.compile(r"cost\s*>\s*([0-9.]+)")


def check_effects(made: Draft) -> Iterator[Fault]:
    """The faults of effects, secrets, gates and policy."""
    wanted = _wanted(made)
    secretive = made.names.secrets or made.names.secret_inputs
    for path, step in made.steps():
        yield from _effect(path, step)
        if secretive:
            yield from _secrets_in_arguments(made, step)
        if isinstance(step.work, Uses) and step.work.runner == "gate" and step.id not in wanted and not step.next:
            message = f'step "{step.id}" is a gate that guards nothing: no step depends on it'
            yield warning_at(path, "gate.unused", message, "name it in depends_on of the steps that must wait for it")
    if made.plan.policy is not None:
        yield from _policy(made, made.plan.policy)


def _wanted(made: Draft) -> set[str]:
    """The steps that others depend on, or that the plan's own expressions ask."""
    wanted = {name for _, step in made.steps() for name in step.needs}
    for use in made.uses.get(None, ()):
        wanted.update(str(it.path[1]) for it in use.expression.references if it.path[0] == "steps" and len(it.path) > 1)
    return wanted


def _effect(path: Path, step: Step) -> Iterator[Fault]:
    effect = step.effect
    once = step.effect_class == Effect.ONCE
    if once and effect.reconcile is None and not effect.definite_failures:
        message = f'step "{step.id}" has effect once, but nothing finds out whether it happened'
        hint = "give it reconcile, or definite_failures; without them every failure asks a person"
        yield warning_at((*path, "effect"), "effect.unreconciled", message, hint)
    if once and step.inline:
        message = f'step "{step.id}" has effect once and is inline, where it cannot be stopped, nor fenced off'
        yield fault_at((*path, "effect"), "effect.inline", message, "take out inline: true; a worker does it then")
    if effect.rollback is None and (once or step.shown.kind == "deploy"):
        what = "has effect once" if once else "is of kind deploy"
        message = f'step "{step.id}" {what} and no rollback, so it cannot be undone'
        yield warning_at(path, "effect.no-rollback", message, "give it rollback: the work or the step that undoes it")
    if not once:
        for key, given in (("reconcile", effect.reconcile), ("definite_failures", effect.definite_failures)):
            if given:
                message = f' has no effect: step "{step.id}" is {step.effect_class}, not once'
                yield warning_at((*path, key), "key.unused", message, "write effect: once, or take it out")


def _secrets_in_arguments(made: Draft, step: Step) -> Iterator[Fault]:
    """Secrets, and variables filled with them, inside `command`: other users see arguments."""
    tainted = _tainted({**made.plan.env, **step.process.env}, made)
    for use in made.uses.get(step.id, ()):
        if "command" not in use.path:
            continue
        for reference in use.expression.references:
            name = str(reference.path[1]) if len(reference.path) > 1 else ""
            if _is_secret(reference, made) or (reference.path[0] == "env" and name in tainted):
                message = f' holds the secret "{name}", and other users can see arguments'
                hint = "let the command read it from its environment, or from stdin"
                fault = Fault("command.secret", message, hint, path=[*use.path])
                fault.excerpt, fault.offset = use.expression.text, reference.offset
                yield fault


def _is_secret(reference: Reference, made: Draft) -> bool:
    root, *rest = reference.path
    held = made.names.secrets if root == "env" else made.names.secret_inputs if root == "inputs" else frozenset[str]()
    return bool(rest) and rest[0] in held


def _tainted(env: Mapping[str, str | None], made: Draft) -> set[str]:
    """The variables whose value is made of a secret."""
    tainted: set[str] = set()
    for name, text in env.items():
        if text is None or "${{" not in text:
            continue
        try:
            template = compile_template(text)
        except ExpressionError:
            continue  # its fault is found where it is read
        if template is not None and any(_is_secret(reference, made) for reference in template.references):
            tainted.add(name)
    return tainted


def _policy(made: Draft, policy: Policy) -> Iterator[Fault]:
    unconfined: str | None = None
    gated = _gated(made) if policy.require_gate else set[str]()
    for path, step in made.steps():
        yield from _capabilities(made, path, step, policy)
        if isinstance(step.work, Uses):
            yield from _host(path, step.work, policy)
        if isinstance(step.work, Run | Command) or step.work.runner == "python":
            unconfined = unconfined or step.id
        for rule in policy.require_gate:
            if _falls_under(rule, step) and step.id not in gated:
                message = f'step "{step.id}" must have a gate before it (policy.require_gate: {rule})'
                yield fault_at(path, "policy.gate", message, "give it a gate, or let it depend on a step that is one")
    if unconfined and _confines(policy):
        message = f'the commands of step "{unconfined}" and others are not confined by write_roots and hosts'
        hint = "they hold for cwd, products and our own runners; a command may write and connect anywhere"
        yield warning_at(("policy",), "policy.unconfined", message, hint)


def _capabilities(made: Draft, path: Path, step: Step, policy: Policy) -> Iterator[Fault]:
    """The capabilities that a step names, or that its runner has where it names none."""
    written = "capabilities" in made.raw.get(step.id, {})
    for number, name in enumerate(step.sharing.capabilities):
        why = _denied(name, policy.capabilities)
        if why is not None:
            where = (*path, "capabilities", number) if written else (*path, "uses")
            verb = "uses" if written else "needs"
            message = f' {verb} "{name}", which policy.capabilities {why}'
            yield fault_at(where, "policy.capability", message)


def _confines(policy: Policy) -> bool:
    return policy.write_roots != Policy().write_roots or policy.hosts != AllowDeny()


def _denied(name: str, rule: AllowDeny) -> str | None:
    """How a rule refuses a name: `denies` or `does not allow`; None if it does not."""
    if any(fnmatchcase(name, glob) for glob in rule.deny):
        return "denies"
    if rule.allow is not None and not any(fnmatchcase(name, glob) for glob in rule.allow):
        return "does not allow"
    return None


_ADDRESSES: Final[Mapping[str, str]] = {"http": "url", "git": "remote"}


def _host(path: Path, work: Uses, policy: Policy) -> Iterator[Fault]:
    key = _ADDRESSES.get(work.runner)
    url = work.params.get(key) if key is not None else None
    host = host_in(url) if isinstance(url, str) else None
    why = None if host is None else denied(*host, policy.hosts.allow, policy.hosts.deny)
    if host is not None and why is not None:
        yield fault_at((*path, "with", str(key)), "policy.host", f' is on "{host[0]}", which policy.hosts {why}')


def _falls_under(rule: str, step: Step) -> bool:
    kind, _, name = rule.partition(":")
    if cost := _COST_RULE.fullmatch(rule):
        budget = step.sharing.budget
        return budget is not None and budget.cost_usd is not None and budget.cost_usd > float(cost[1])
    held: dict[str, tuple[str, ...]] = {
        "effect": (step.effect_class,),
        "kind": (step.shown.kind,),
        "label": step.shown.labels,
        "capability": step.sharing.capabilities,
    }
    return any(fnmatchcase(it, name) for it in held[kind])


def _gated(made: Draft) -> set[str]:
    """The steps behind a gate: their own, or a step that they wait for, directly or not."""
    dependents: dict[str, list[str]] = {}
    gated: set[str] = set()
    waiting: list[str] = []
    for _, step in made.steps():
        for name in step.needs:
            dependents.setdefault(name, []).append(step.id)
        if step.people.gate is not None:
            gated.add(step.id)
            waiting.append(step.id)
        elif isinstance(step.work, Uses) and step.work.runner == "gate":
            waiting.append(step.id)
    while waiting:
        behind = [it for it in dependents.get(waiting.pop(), ()) if it not in gated]
        gated.update(behind)
        waiting += behind
    return gated
