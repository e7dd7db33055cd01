"""The work of the runners that come with Holdfast: by name, from plain parameters to outputs or a typed failure."""

import importlib
import os
from types import ModuleType

import msgspec

from holdfast.runners.failing import WorkFailedError, refused
from holdfast.runners.place import Place

MODULES = {"file": "files", "git": "git", "http": "http"}
"""The module of each runner; it has `Params` and `perform`, and is imported when it is first used."""


class Answer(msgspec.Struct, frozen=True):
    """What came of it: the outputs, and what went wrong, if anything did."""

    outputs: dict[str, object]
    failure: WorkFailedError | None = None


def perform(runner: str, params: dict[str, object], place: Place) -> Answer:
    """Do the work; what is no typed failure of the runner goes through."""
    module = load(runner)
    try:
        return Answer(module.perform(read(module, params), place))
    except WorkFailedError as error:
        return Answer(error.outputs, error)
    except OSError as error:
        return Answer({}, WorkFailedError("exit.nonzero", said_of(error)))


def load(runner: str) -> ModuleType:
    """The module of a runner."""
    return importlib.import_module(f"holdfast.runners.{MODULES[runner]}")


def read(module: ModuleType, params: dict[str, object]) -> object:
    """The parameters in their types, now that every template has its value; refused where one does not fit."""
    given = {name: value for name, value in params.items() if not name.startswith("x-")}
    try:
        return msgspec.convert(given, module.Params)
    except msgspec.ValidationError as error:
        raise refused(f"with: {error}") from None


def place_of(job: dict[str, object]) -> Place:
    """Where a job works, from what the worker was sent."""
    env = job["env"]
    told = job["place"]
    assert isinstance(env, dict)
    assert isinstance(told, dict)
    known = {
        "project": job["project"],
        "cwd": job["cwd"],
        "attempt": int(env.get("HOLDFAST_ATTEMPT", "1")),
        "key": env.get("HOLDFAST_IDEMPOTENCY_KEY", ""),
        "scratch": env.get("HOLDFAST_SCRATCH", ""),
        "heartbeat": env.get("HOLDFAST_HEARTBEAT", ""),
        "body": env.get("HOLDFAST_OUTPUT", "") + ".body",
    }
    return msgspec.convert(told | known, Place)


def said_of(error: OSError) -> str:
    """A refusal of the system in one line, with the file it is about."""
    what = error.strerror or str(error)
    return f"{os.fspath(error.filename)}: {what}" if isinstance(error.filename, str) else what
