"""One attempt of a command or a worker job, as named stages: prepare, arrange, and (in `verdict`) judge.

`prepare` is pure apart from looking at product files: it makes the launch that is journaled before anything starts.
`arrange` touches the disk, and runs only when that intent is durable.
"""

import errno
import os
from pathlib import Path
from typing import TypedDict

import msgspec

from holdfast.engine.environment import REDACTED, redacted
from holdfast.engine.jobs import call_of, worker_of
from holdfast.engine.keeper_messages import Heartbeat, Job, Spawn, Spawned
from holdfast.engine.naming import attempt_name
from holdfast.plan.expr import ExpressionError, compile_template
from holdfast.plan.model import ArtifactStdin, Command, Effect, Plan, Run, Shell, Step, Uses
from holdfast.ports import Artifacts
from holdfast.run import events as ev
from holdfast.run.choose import Start
from holdfast.run.context import context_for
from holdfast.run.machine import Run as RunState
from holdfast.run.reckoning import timeout_s as attempt_timeout_s
from holdfast.run.standing import Recovered, Reused, Succeeded

SHELLS = {
    Shell.SH: ("sh", "-e", "-c"),
    Shell.BASH: ("bash", "-euo", "pipefail", "-c"),
    Shell.ZSH: ("zsh", "-euo", "pipefail", "-c"),
}
PLAIN_START = ev.AttemptStarted()
"""A start of which nothing is to be said; one object for all of them."""
DEFAULT_ROOTS = (".",)
Signature = tuple[int, int, int]  # inode, ctime in ns, size


class Site(msgspec.Struct, frozen=True):
    """Where a run's work happens."""

    run: str
    project: str
    folder: str  # the run's own folder in the state folder
    env: dict[str, str]  # what passed from outside, plus the plan's
    store: Artifacts
    grace_s: float
    write_roots: tuple[str, ...] = DEFAULT_ROOTS  # where the plan's policy lets it write


class Attempt(msgspec.Struct, eq=False):
    """One attempt that is, or is about to be, under way."""

    step: Step
    at: int  # the step's position
    number: int
    id: str
    out: str  # where $HOLDFAST_OUTPUT points
    scratch: str
    stdout: str
    stderr: str
    spawned: Spawned | None = None
    is_spawn_told: bool = False
    stdin_text: str | None = None
    request: Spawn | Job | None = None
    started: ev.AttemptStarted = PLAIN_START
    products: dict[str, Signature] = {}  # what stood there before


def describe(site: Site, run: RunState, at: int, number: int) -> Attempt:
    """The attempt's names and places; also how a resumed engine finds one that another engine began."""
    step = run.steps[at]
    name = attempt_name(step.id, number)
    folder = site.folder
    return Attempt(
        placed(run, at) if step.files.produces else step,
        at,
        number,
        name,
        f"{folder}/out/{name}",
        f"{folder}/scratch/{name}",
        f"{folder}/logs/{name}.out",
        f"{folder}/logs/{name}.err",
    )


def prepare(site: Site, run: RunState, start: Start, slots: int | None = None) -> Attempt:
    """Everything the attempt needs, with its templates rendered; raises `ExpressionError`.

    With `slots` it is handed out ahead of time, to wait in the keeper until fewer than that are in hand.
    """
    at, number, facts = start
    attempt = describe(site, run, at, number)
    step = attempt.step
    render = _Renderer(run, at) if step.templated else None
    own = _own_environment(step, render)
    own_set = {name: text for name, text in own.items() if text is not None}
    key = run.keys.get(at) or f"{run.id}/{step.id}" if step.effect_class is Effect.ONCE else None
    env = own_set | _marks(site, attempt, key)
    unset = [name for name, text in own.items() if text is None and name not in env]
    cwd = _folder(site, render.text(step.process.cwd, "cwd") if render else step.process.cwd)
    limits = step.limits
    timeout_s = attempt_timeout_s(run, at)
    stdin = _stdin(site, run, attempt, render)
    shared: _Shared = {
        "id": attempt.id,
        "stdout": attempt.stdout,
        "stderr": attempt.stderr,
        "slots": slots,
        "timeout_s": timeout_s,
        "heartbeat": Heartbeat(env["HOLDFAST_HEARTBEAT"], limits.heartbeat_s) if limits.heartbeat_s else None,
        "quiet_s": limits.quiet_s,
        "grace_s": site.grace_s,
        "leave_running": step.process.leave_running,
    }
    if isinstance(step.work, Uses):
        whole = {name: text for name, text in site.env.items() if name not in unset} | env
        params = render_params(run, at)
        call = call_of(run.plan, step, params, (whole, cwd, site.project))
        attempt.request = Job(worker=worker_of(step, params, site.project, site.env), job=call, **shared)
        argv: tuple[str, ...] = (call.call,)
    else:
        path = env.get("PATH", None if "PATH" in unset else site.env.get("PATH"))
        argv = _argv(step.work, path, render)
        attempt.request = Spawn(argv=list(argv), cwd=cwd, env=env, based=True, unset=unset, stdin=stdin, **shared)
    attempt.products = _signatures(site, step)
    attempt.started = ev.AttemptStarted(
        ev.Launch(
            argv=argv,
            cwd=cwd,
            env=redacted(own_set),
            stdout=f"logs/{attempt.id}.out",
            stderr=f"logs/{attempt.id}.err",
            timeout_s=timeout_s,
            heartbeat_s=limits.heartbeat_s,
            quiet_s=limits.quiet_s,
            grace_s=site.grace_s,
        ),
        key,
        facts,
    )
    return attempt


def _marks(site: Site, attempt: Attempt, key: str | None) -> dict[str, str]:
    """What every attempt is told by its environment."""
    step = attempt.step.id
    return {
        "HOLDFAST_RUN": site.run,
        "HOLDFAST_STEP": step,
        "HOLDFAST_ATTEMPT": str(attempt.number),
        "HOLDFAST_OUTPUT": attempt.out,
        "HOLDFAST_HEARTBEAT": attempt.out + ".beat",
        "HOLDFAST_SCRATCH": attempt.scratch,
        "HOLDFAST_PROJECT": site.project,
        "HOLDFAST_IDEMPOTENCY_KEY": key or f"{site.run}/{step}",
    }


def placed(run: RunState, at: int) -> Step:
    """The step at a position with the paths of its products filled in; raises `ExpressionError`."""
    step = run.steps[at]
    if not any("${{" in product.path for product in step.files.produces.values()):
        return step
    from holdfast.plan.checks import paths  # noqa: PLC0415 - start-up time: few products are templates

    render = _Renderer(run, at)
    products = {}
    for name, product in step.files.produces.items():
        path = paths.plain(render.text(product.path, f"produces.{name}"))
        if not paths.inside(path, ".") or path == "." or paths.STATE_FOLDER in path.split("/"):
            raise ExpressionError(f"produces.{name}: {path} is no place for a product inside the project")
        products[name] = msgspec.structs.replace(product, path=path)
    return msgspec.structs.replace(step, files=msgspec.structs.replace(step.files, produces=products))


def arrange(site: Site, attempt: Attempt) -> None:
    """Make what the attempt expects to find: parents of products, no old products where `fresh`, its input file.

    Raises `OSError`, also for a folder or a product that symbolic links lead out of the project.
    """
    launch = attempt.started.launch
    assert launch is not None
    if launch.cwd != site.project:
        _stay_inside(site, "cwd", launch.cwd)
    files = attempt.step.files
    for product in files.produces.values():
        path = Path(site.project, product.path)
        _stay_inside(site, "product", str(path.parent))
        path.parent.mkdir(parents=True, exist_ok=True)
        if files.fresh:
            remove(path)
    work, request = attempt.step.work, attempt.request
    if isinstance(work, Run) and work.shell not in SHELLS and isinstance(request, Spawn):
        from holdfast.engine.shells import require  # noqa: PLC0415 - as in _argv

        require(work, request.env.get("PATH", site.env.get("PATH")))
    if attempt.stdin_text is not None:
        Path(f"{attempt.out}.in").write_text(attempt.stdin_text, encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # noqa: PLC0415 - it imports every compression there is

        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def signature(path: str) -> Signature | None:
    """What tells whether a file was touched (semantics S21): inode, ctime and size; `None` if there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_size


def leads_to(site: Site, path: str) -> str | None:
    """Where a path really is, symbolic links followed, that the policy does not let the plan write; else `None`."""
    real = os.path.realpath(path)
    for root in real_roots(site):
        if real == root or real.startswith(root.rstrip("/") + "/"):
            return None
    return real


def real_roots(site: Site) -> list[str]:
    """The folders that the policy lets the plan write, symbolic links followed."""
    return [os.path.realpath(os.path.join(site.project, written)) for written in site.write_roots]


def _stay_inside(site: Site, what: str, path: str) -> None:
    real = leads_to(site, path)
    if real is not None:
        shown = os.path.relpath(path, site.project)
        raise PermissionError(errno.EPERM, f"leads out of the project, to {real}", f"{what} {shown}")


class _Shared(TypedDict):
    """What a command and a job have in common for the keeper."""

    id: str
    stdout: str
    stderr: str
    slots: int | None
    timeout_s: float | None
    heartbeat: Heartbeat | None
    quiet_s: float | None
    grace_s: float
    leave_running: bool


def rendered(run: RunState, at: int, text: str, field: str) -> str:
    """A text of the step at a position with its templates filled in; raises `ExpressionError`."""
    return _Renderer(run, at).text(text, field) if "${{" in text else text


class _Renderer:
    """Renders the templates of one step against the run as it stands; errors name the field."""

    def __init__(self, run: RunState, at: int | None) -> None:
        self._run = run
        self._at = at

    def value(self, text: str, field: str) -> object:
        try:
            template = compile_template(text)
            if template is None:
                return text
            context = context_for(self._run, template.references, {}, self._at)
            if "env" in context:
                context["env"] = _shown(context["env"])
            return template.render(context)
        except ExpressionError as error:
            raise ExpressionError(f"{field}: {error.headline}", hint=error.hint, facts=error.facts) from None

    def text(self, text: str, field: str) -> str:
        value = self.value(text, field)
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if not isinstance(value, bool | dict | list):
            return str(value)
        import json  # noqa: PLC0415 - for its spacing; few templates hold more than text

        return json.dumps(value, ensure_ascii=False)

    def deep(self, value: object, field: str) -> object:
        if isinstance(value, str):
            return self.value(value, field)
        if isinstance(value, list):
            return [self.deep(item, f"{field}[{n}]") for n, item in enumerate(value)]
        if isinstance(value, dict):
            return {name: self.deep(item, f"{field}.{name}") for name, item in value.items()}
        return value


def plan_environment(run: RunState) -> dict[str, str | None]:
    """The plan's own variables with their templates rendered, which reach inputs, the plan and the run's id."""
    env = run.plan.env
    if not any(text is not None and "${{" in text for text in env.values()):
        return env
    renderer = _Renderer(run, None)
    return {name: None if text is None else renderer.text(text, f"env.{name}") for name, text in env.items()}


def check_environment(plan: Plan, inputs: dict[str, object]) -> None:
    """Raises `ExpressionError` where a run of the plan with these inputs could not have its variables."""
    if any(text is not None and "${{" in text for text in plan.env.values()):
        run = RunState("", plan)
        run.inputs = inputs
        plan_environment(run)


def render_params(run: RunState, at: int) -> dict[str, object]:
    """The parameters of the `uses` step at a position with their templates rendered; raises `ExpressionError`."""
    step = run.steps[at]
    assert isinstance(step.work, Uses)
    params = step.work.params
    rendered = _Renderer(run, at).deep(params, "with") if step.templated else params
    assert isinstance(rendered, dict)
    return rendered


def render_inputs(run: RunState, at: int) -> dict[str, object]:
    """The inputs that the step at a position gives to its plan, rendered; raises `ExpressionError`."""
    work = run.steps[at].work
    assert isinstance(work, Uses)
    rendered = _Renderer(run, at).deep(work.params.get("inputs") or {}, "with.inputs")
    assert isinstance(rendered, dict)
    return rendered


def _folder(site: Site, written: str) -> str:
    if written == ".":
        return site.project
    folder = os.path.normpath(os.path.join(site.project, written))
    for root in site.write_roots:
        allowed = os.path.normpath(os.path.join(site.project, root))
        if folder == allowed or folder.startswith(allowed.rstrip("/") + "/"):
            return folder
    raise ExpressionError(f"cwd {written} leaves the project; policy.write_roots must name it")


def _shown(env: object) -> dict[str, object]:
    """The environment without the values that the record hides: what hides a value must not be taken for it."""
    assert isinstance(env, dict)
    return {name: value for name, value in env.items() if value != REDACTED}


def _own_environment(step: Step, render: _Renderer | None) -> dict[str, str | None]:
    env = step.process.env
    if render is None:
        return env
    return {name: None if text is None else render.text(text, f"env.{name}") for name, text in env.items()}


def _argv(work: Run | Command, path: str | None, render: _Renderer | None) -> tuple[str, ...]:
    if isinstance(work, Command):
        return tuple(render.text(part, f"command[{n}]") for n, part in enumerate(work.argv)) if render else work.argv
    if work.shell not in SHELLS:
        from holdfast.engine.shells import argv_of  # noqa: PLC0415 - it looks for programs, which few shells need

        return argv_of(work, path)
    return (*SHELLS[work.shell], work.text)


def _stdin(site: Site, run: RunState, attempt: Attempt, render: _Renderer | None) -> str | None:
    stdin = attempt.step.process.stdin
    if stdin is None:
        return None
    if isinstance(stdin, ArtifactStdin):
        made_by, _, name = stdin.artifact.rpartition(".")
        state = run.states[run.index[made_by]]
        if not isinstance(state, Succeeded | Reused | Recovered) or name not in state.result.artifacts:
            raise ExpressionError(f"stdin: there is no artifact {stdin.artifact} in this run")
        return os.path.join(site.project, state.result.artifacts[name].path)
    attempt.stdin_text = render.text(stdin, "stdin") if render else stdin
    return f"{attempt.out}.in"


def _signatures(site: Site, step: Step) -> dict[str, Signature]:
    found = {name: signature(f"{site.project}/{product.path}") for name, product in step.files.produces.items()}
    return {name: value for name, value in found.items() if value is not None}
