"""What a step is: the part of it whose change means that it must run again (planner 13, 14)."""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from holdfast.plan.model import Plan, Step
from holdfast.run.planner.record import content_of

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def definition_of(plan: Plan, step: Step) -> str:
    """The digest of what counts; titles, labels, retry, timeouts, policies and resources do not."""
    process, files, results = step.process, step.files, step.results
    secrets = step.sharing.secrets if step.sharing.secrets is not None else plan.secrets
    counted: dict[str, object] = {
        "version": 1,
        "work": step.work,
        "cwd": process.cwd,
        "env": process.env,
        "secrets": sorted(secrets),
        "stdin": process.stdin,
        "reads": files.reads,
        "produces": {name: (it.path, it.type, it.optional) for name, it in files.produces.items()},
        "consumes": None if files.consumes is None else sorted(files.consumes),
        "outputs": results.outputs,
        "expect": results.expect,
        "effect": step.effect_class.value,
        "deterministic": results.deterministic,
    }
    return "sha256:" + hashlib.sha256(_ENCODER.encode(counted)).hexdigest()


def environment_of(plan: Plan, step: Step, passed: Mapping[str, str]) -> dict[str, str]:
    """The declared environment that the step gets: what the plan sets, and what `env_pass` lets through (`passed`).

    What the step itself sets is part of its definition.
    """
    if not (plan.env or passed):
        return {}
    own = step.process.env
    declared = {name: content_of(text) for name, text in plan.env.items() if text is not None and name not in own}
    return {name: content for name, content in passed.items() if name not in own and name not in plan.env} | declared
