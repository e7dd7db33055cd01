"""The document of `plan` as the command line reads it."""

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """Why a step has its verdict."""

    code: str
    detail: str | None = None


class PlannedStep(msgspec.Struct, frozen=True):
    """A step with its verdict."""

    step: str
    layer: int
    verdict: str
    reasons: list[Reason] = []
    notes: list[str] = []


class Fault(msgspec.Struct, frozen=True):
    """An error of the request."""

    code: str
    message: str


class FilePreview(msgspec.Struct, frozen=True):
    """What would become of one file."""

    path: str
    change: str
    diff: str = ""
    why: str = ""


class StepPreview(msgspec.Struct, frozen=True):
    """What one step would do to files."""

    step: str
    op: str
    files: list[FilePreview]


class Planned(msgspec.Struct, frozen=True):
    """What would run, and why."""

    plan: str
    revision: int
    layers: list[list[str]]
    steps: list[PlannedStep]
    warnings: list[str]
    errors: list[Fault]
    previews: list[StepPreview] = []
    to_do: bool = False


def read(document: dict[str, object]) -> Planned:
    """The document's fields that people are shown."""
    return msgspec.convert(document, Planned)
