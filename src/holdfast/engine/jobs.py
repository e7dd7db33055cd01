"""What a warm worker is asked to do: a function of the plan's author, or the work of one of our own runners."""

import re
import sys
from pathlib import Path

from holdfast.engine.keeper_messages import Call, WorkerSpec
from holdfast.plan.model import Effect, Plan, Policy, Step, Uses

WORKER = str(Path(__file__).parent.parent / "runners" / "worker.py")
NO_POLICY = Policy()
_PARTS_OF_URL = re.compile(r"(?<=://)[^/@\s]*@|[?#].*", re.DOTALL)
"""What of a URL may be secret: the user, and the query."""


def call_of(plan: Plan, step: Step, params: dict[str, object], where: tuple[dict[str, str], str, str]) -> Call:
    """The job of one attempt; `where` is its environment, its folder and the project's."""
    assert isinstance(step.work, Uses)
    runner = step.work.runner
    if "script" in params and runner == "python":
        return Call(str(params["script"]), params, *where, runner="script")
    if runner == "python":
        arguments = params.get("args") or {}
        assert isinstance(arguments, dict)
        return Call(str(params["call"]), arguments, *where)
    return Call(shown(runner, params), params, *where, runner=runner, place=_place(plan, step))


def worker_of(step: Step, params: dict[str, object], project: str, env: dict[str, str]) -> WorkerSpec:
    """How the worker for a step is started: by its own interpreter where it names one."""
    python = params.get("python") if isinstance(step.work, Uses) and step.work.runner == "python" else None
    return WorkerSpec([str(python or sys.executable), "-u", WORKER], project, env)


def shown(runner: str, params: dict[str, object]) -> str:
    """What the job is, as the record and the process list show it; nothing that may hold a secret."""
    named = {"file": ("path",), "git": ("name", "branch", "tag")}.get(runner, ())
    what = next((params[name] for name in named if params.get(name)), None)
    if runner == "http":
        what = _PARTS_OF_URL.sub("", str(params.get("url")))
    return " ".join(str(part) for part in (runner, params.get("op") or params.get("method"), what) if part)


def _place(plan: Plan, step: Step) -> dict[str, object]:
    policy = plan.policy or NO_POLICY
    return {
        "write_roots": policy.write_roots,
        "hosts_allowed": policy.hosts.allow,
        "hosts_denied": policy.hosts.deny,
        "plan": plan.id,
        "once": step.effect_class is Effect.ONCE,
    }
