"""What an attempt's end means: exit, outputs, products and criteria become one `attempt.ended` event."""

import os
import signal
from collections.abc import Callable, Mapping
from math import isfinite, isinf
from pathlib import Path

import msgspec

from holdfast.engine.attempt import Attempt, Site, leads_to, real_roots, rendered, signature
from holdfast.engine.large import PIECE, pieces, weight
from holdfast.engine.leavings import BODY, body_of, parts_of
from holdfast.engine.output_file import LARGEST, of_values, read_reported
from holdfast.plan.expr import ExpressionError, compile_expression, truth
from holdfast.plan.model import Effect, Holds, Step, Valid
from holdfast.plan.units import parse_duration
from holdfast.run import events as ev
from holdfast.run.context import context_for
from holdfast.run.machine import Run
from holdfast.run.reviews import promised

INLINE_OUTPUT_BYTES = 64 * 1024
"""Outputs above this go to the store by digest (architecture: large values never enter the journal)."""
TAIL_BYTES = 64 * 1024
PLAIN_TYPES = frozenset({str, int, bool, type(None)})
PROVES = "sub-reaper"
"""What gets every orphan below it, so that it can tell that none is left."""
DEFINITE = frozenset({"spawn.failed"})


class Tree(msgspec.Struct, frozen=True):
    """How all that an attempt started was ended, grandchildren too (semantics S11).

    `by`: what told which processes are its own. `left`: it had ended by itself, and left them running.
    """

    by: str
    left: bool
    proven: bool

    @property
    def note(self) -> str:
        """The same in the attempt's record."""
        what = "left-running-stopped" if self.left else "tree-stopped"
        return f"{what}: {self.by}, {'proven' if self.proven else 'best effort'}"

    @property
    def in_doubt(self) -> bool:
        """Whether something of it runs although there is proof where nothing does: it could not be ended."""
        return self.by == PROVES and not self.proven


class Exit(msgspec.Struct, frozen=True):
    """How an attempt's process ended. `code` is its exit status, or minus a signal's number, or `None` if unknown.

    `definite`: whoever did the work knows that nothing has happened outside (semantics E2).
    """

    code: int | None
    why: str | None = None  # timeout, stalled, stopped: who ended it
    error: ev.Error | None = None
    at: int = 0
    cpu_s: float | None = None
    max_rss_kib: int | None = None
    definite: bool = False
    pid: int | None = None  # where nothing has told it before
    tree: Tree | None = None  # where anything had to be stopped


class Findings(msgspec.Struct, eq=False):
    """What an attempt left behind."""

    outputs: dict[str, object]
    spent: ev.Spent | None
    artifacts: dict[str, ev.ArtifactRef]
    notes: list[str]
    error: ev.Error | None = None


def judge(site: Site, run: Run, attempt: Attempt, end: Exit, facts: Mapping[str, object]) -> ev.AttemptEnded:
    """The attempt's end as an event: status by semantics S10, S20 and E2; `disposed` adds what follows."""
    status, error = plain_status(end)
    said = read_reported(attempt.out)
    found = Findings(said.outputs, said.spent, {}, [], said.error)
    if end.code is not None and end.why is None:  # of one that was stopped there is no whole answer
        body = body_of(site, attempt)
        found.artifacts = {} if body is None else {BODY: body}
    if status == "succeeded":
        error = _success_error(site, run, attempt, end, found, facts)
        status = "succeeded" if error is None else "failed"
    elif attempt.step.effect_class is Effect.ONCE and not _definite(attempt.step, end, error):
        status = "uncertain"
    if end.tree is not None:
        found.notes.append(end.tree.note)
    if status not in {"succeeded", "lost"}:
        found.notes += parts_of(site, run, attempt, _since(run, attempt))
    outputs, digest = _keep(site, found.outputs)
    return ev.AttemptEnded(
        status,
        None if end.code is None or end.code < 0 else end.code,
        error,
        outputs,
        digest,
        found.artifacts,
        found.spent,
        cpu_s=end.cpu_s,
        max_rss_kib=end.max_rss_kib,
        notes=tuple(found.notes),
        pid=end.pid,
        review=promised(attempt.step) if status == "succeeded" else (),
    )


def value_outputs(value: object) -> dict[str, object]:
    """A Python function's return value as outputs: a dict is the outputs, another value is `result`, `None` is none."""
    if value is None:
        return {}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return value
    return {"result": value}


def _plain(outputs: dict[str, object]) -> dict[str, object]:
    """The outputs as the journal would give them back, and nobody else's; raises what says why they are no JSON."""
    if all(type(value) in PLAIN_TYPES and (type(value) is not str or value.isascii()) for value in outputs.values()):
        return dict(outputs)
    import json  # noqa: PLC0415 - only functions that return more than numbers and plain text pay for it

    return msgspec.json.decode(json.dumps(outputs, allow_nan=False), type=dict[str, object])


SUCCEEDED = ev.AttemptEnded("succeeded")
"""The end of an attempt that leaves nothing; one object for all of them."""


def promises_nothing(step: Step) -> bool:
    """Whether nothing is asked of the step's end but that it comes."""
    return not (step.results.outputs or step.results.expect or step.files.produces)


def judge_value(site: Site, run: Run, attempt: Attempt, value: object, facts: Mapping[str, object]) -> ev.AttemptEnded:
    """The end of an inline function that returned `value`."""
    try:
        said = of_values(_plain(value_outputs(value)))
    except (TypeError, ValueError, RecursionError, msgspec.DecodeError) as problem:
        why = f"the function's return value is not plain data: {problem}; return dicts, lists, text, numbers, booleans"
        return ev.AttemptEnded("failed", error=ev.Error("output.invalid", why))
    found = Findings(said.outputs, said.spent, {}, [], said.error)
    error = _success_error(site, run, attempt, Exit(0), found, facts)
    outputs, digest = _keep(site, found.outputs)
    if error is not None:
        return ev.AttemptEnded("failed", None, error, outputs, digest, found.artifacts, found.spent)
    end = ev.AttemptEnded("succeeded", None, None, outputs, digest, found.artifacts, found.spent)
    return msgspec.structs.replace(end, notes=tuple(found.notes), review=promised(attempt.step))


def plain_status(end: Exit) -> tuple[ev.AttemptStatus, ev.Error | None]:
    """What the process's end alone says; `canceled` only where nothing of it can be left (semantics S11)."""
    if end.error is not None:
        return "failed", end.error
    if end.why == "timeout":
        return "timed_out", ev.Error("timeout", "the attempt ran longer than its timeout and was stopped")
    if end.why == "stalled":
        return "stalled", ev.Error("stalled", "the attempt went silent for longer than allowed and was stopped")
    if end.why == "stopped" and end.tree is not None and end.tree.in_doubt:
        return "failed", ev.Error("canceled", "the attempt was stopped on request, but something of it may still run")
    if end.why == "stopped":
        return "canceled", ev.Error("canceled", "the attempt was stopped on request")
    if end.code == 0:
        return "succeeded", None
    if end.code is None:
        return "lost", ev.Error("lost", "the process that ran the attempt is gone and left no exit code")
    if end.code < 0:
        return "failed", ev.Error("signal", f"killed by {_signal_name(-end.code)}")
    return "failed", ev.Error("exit.nonzero", f"exit code {end.code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _definite(step: Step, end: Exit, error: ev.Error | None) -> bool:
    """Whether a failure is documented as "no effect" (semantics E2)."""
    if end.definite or (error is not None and error.code in DEFINITE):
        return True
    return end.why is None and end.code is not None and end.code in step.effect.definite_failures


def _success_error(
    site: Site, run: Run, attempt: Attempt, end: Exit, found: Findings, facts: Mapping[str, object]
) -> ev.Error | None:
    """Why an exit 0 is no success after all (semantics S20), or `None`."""
    if found.error is not None:
        return found.error
    for check in (_declared_outputs, _products):
        error = check(site, attempt, found)
        if error is not None:
            return error
    return _expectations(site, run, attempt, end, found, facts) if attempt.step.results.expect else None


def _declared_outputs(_site: Site, attempt: Attempt, found: Findings) -> ev.Error | None:
    for name, declared in attempt.step.results.outputs.items():
        if name not in found.outputs:
            return ev.Error("output.missing", f'output "{name}" is declared and was not given')
        if declared.type is not None:
            try:
                found.outputs[name] = _typed(found.outputs[name], declared.type)
            except ValueError as error:
                return ev.Error("output.invalid", f'output "{name}": {error}')
    return None


def _typed(value: object, kind: str) -> object:
    """The value in its declared type; text from `key=value` lines is read as that type."""
    read: dict[str, Callable[[str], object]] = {
        "int": int,
        "float": _finite,
        "bool": lambda text: {"true": True, "false": False}[text.lower()],
        "duration": parse_duration,
        "list": lambda text: msgspec.json.decode(text, type=list),
        "map": lambda text: msgspec.json.decode(text, type=dict),
    }
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "list": (list,)}
    wanted = kinds.get(kind, (dict,) if kind == "map" else (str,))
    if isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool)) and kind != "duration":
        return value
    if isinstance(value, str) and kind in read:
        try:
            return read[kind](value)
        except (ValueError, KeyError, msgspec.DecodeError):
            pass
    if kind == "float" and isinstance(value, str) and _is_huge(value):
        raise ValueError(f"{value} is beyond {LARGEST:.2g}, the largest number that can be kept")
    raise ValueError(f"{value!r} is not of type {kind}")


def _is_huge(text: str) -> bool:
    try:
        return "inf" not in text.lower() and isinf(float(text))
    except ValueError:
        return False


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _products(site: Site, attempt: Attempt, found: Findings) -> ev.Error | None:
    for name, product in attempt.step.files.produces.items():
        path = f"{site.project}/{product.path}"
        now = signature(path)
        if now is None:
            if product.optional:
                continue
            return ev.Error("output.missing", f'product "{name}": {product.path} is not there')
        real = leads_to(site, path)
        if real is not None:
            said = f'product "{name}": {product.path} leads out of the project, to {real}'
            return ev.Error("output.invalid", said)
        if attempt.products.get(name) == now:
            found.notes.append(f"output-untouched: {name}")
        try:
            roots = real_roots(site) if os.path.isdir(path) else ()
            digest_only = product.keep == "digest"
            found.artifacts[name] = site.store.put_path(Path(path), product.path, roots=roots, digest_only=digest_only)
        except OSError as error:
            inside = error.filename is not None and os.fspath(error.filename) != path
            what = f"{os.path.relpath(error.filename, site.project)} in it " if inside else ""
            said = f'product "{name}": {product.path} cannot be stored: {what}{error.strerror}'
            return ev.Error("output.invalid", said)
    return None


def _expectations(
    site: Site, run: Run, attempt: Attempt, end: Exit, found: Findings, facts: Mapping[str, object]
) -> ev.Error | None:
    own = {
        "outputs": found.outputs,
        "artifacts": {
            name: {"path": ref.path, "digest": ref.digest, "size": ref.size} for name, ref in found.artifacts.items()
        },
        "exit_code": end.code,
        "stdout": tail(attempt.stdout),
        "stderr": tail(attempt.stderr),
        "duration_s": max(0.0, (end.at - _since(run, attempt)) / 1e6) if end.at else 0.0,
    }
    for criterion in attempt.step.results.expect:
        if isinstance(criterion, Valid):
            error = _invalid(site, run, attempt, found, criterion)
            if error is not None:
                return error
        if not isinstance(criterion, Holds):
            continue
        try:
            expression = compile_expression(criterion.expression)
            holds = truth(expression.evaluate(context_for(run, expression.references, facts, attempt.at) | own))
        except ExpressionError as error:
            return ev.Error("expression.invalid", f"expect: {criterion.expression}: {error.headline}")
        if not holds:
            return ev.Error("expect.failed", f"expected {criterion.expression}")
    return None


def _invalid(site: Site, run: Run, attempt: Attempt, found: Findings, criterion: Valid) -> ev.Error | None:
    """Why an artifact does not match its schema, or `None`."""
    from holdfast.engine.schemas import UncheckedError, faults_of  # noqa: PLC0415 - few steps have any

    made_by, _, name = criterion.valid.rpartition(".")
    made = found.artifacts.get(criterion.valid)
    if made is None and made_by in run.index:
        result = getattr(run.states[run.index[made_by]], "result", None)
        made = None if result is None else result.artifacts.get(name)
    if made is None or made.tree:
        said = f"expected {criterion.valid} to match a schema: {'it is a folder' if made else 'it is not there'}"
        return ev.Error("expect.failed", said)
    try:
        schema = rendered(run, attempt.at, criterion.schema, "expect.schema")
    except ExpressionError as problem:
        return ev.Error("expression.invalid", problem.headline)
    try:
        wrong = faults_of(site.store.read(made.digest), made.path, Path(site.project, schema))
    except UncheckedError as problem:
        wrong = str(problem)
    if wrong is None:
        return None
    return ev.Error("expect.failed", f"expected {criterion.valid} to match {schema}: {made.path}: {wrong}")


def _since(run: Run, attempt: Attempt) -> int:
    state = run.states[attempt.at]
    since = getattr(state, "since", 0)
    assert isinstance(since, int)
    return since


def tail(path: str) -> str:
    """The last 64 KiB of a log."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read(TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _keep(site: Site, outputs: dict[str, object]) -> tuple[dict[str, object], str | None]:
    """Outputs as the journal takes them: small ones as they are, large ones by digest."""
    if not outputs:
        return {}, None
    if weight(outputs, PIECE) > PIECE:
        return {}, site.store.put_pieces(pieces(outputs))
    data = msgspec.json.encode(outputs)
    if len(data) <= INLINE_OUTPUT_BYTES:
        return outputs, None
    return {}, site.store.put_bytes(data)
