"""Which format a plan file is written in, told by its shape."""

from collections.abc import Mapping
from typing import Final

NATIVE: Final = "native"
ORCHESTRATOR: Final = "orchestrator"
DIALECTS: Final = (NATIVE, ORCHESTRATOR)
"""The formats a plan file may have."""


def recognised(data: object) -> str:
    """The format of a file's data; what has the shape of no foreign one is native."""
    if not isinstance(data, Mapping) or "plan" in data:
        return NATIVE
    steps = data.get("steps")
    if "plan_id" in data:
        return NATIVE if isinstance(steps, Mapping) or "nodes" in data else ORCHESTRATOR
    named = isinstance(steps, list) and any(isinstance(step, Mapping) and "id" in step for step in steps)
    return ORCHESTRATOR if named else NATIVE
