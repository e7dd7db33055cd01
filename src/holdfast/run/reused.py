"""A step that does not run because an earlier result stands in for it (planner, Verdicts)."""

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from holdfast.run import events as ev
from holdfast.run.particulars import ArtifactRef, Cause, Keyed
from holdfast.run.standing import Result, Reused
from holdfast.run.states import step_after

if TYPE_CHECKING:
    from holdfast.run.machine import Run


class StepReused(ev.Body, frozen=True):
    """The step does not run: the result that attempt `from_attempt` of `from_step` in `from_run` left stands in for it.

    `keyed`: what it is for now, where it was not the step's result before (restored).
    """

    kind: ClassVar[str] = "step.reused"
    verdict: Literal["reuse", "restore", "pinned", "held"]
    from_run: str
    from_step: str
    from_attempt: int
    reasons: tuple[Cause, ...] = ()
    outputs: dict[str, object] = msgspec.field(default_factory=dict)
    outputs_digest: str | None = None
    artifacts: dict[str, ArtifactRef] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    keyed: Keyed | None = None

    @property
    def origin(self) -> str:
        """Which execution it was."""
        return f"{self.from_run}/{self.from_step}/{self.from_attempt}"


def stand_in(run: "Run", event: ev.Event) -> None:
    """Fold it: the step is done, with that result."""
    body = event.body
    assert isinstance(body, StepReused)
    i = run.index[event.step or ""]
    step_after(run.states[i].status, "reused")
    run.queue.withdraw(i)
    result = Result(0, event.at, event.at, 0, body.outputs, body.outputs_digest, body.artifacts)
    run.finish(i, Reused(result, body.origin))
