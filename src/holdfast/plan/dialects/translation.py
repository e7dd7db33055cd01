"""What becomes of a foreign plan: native data, where each part of it stood, and what was wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.plan.dialects.origins import Origins
from holdfast.plan.problems import Fault, Path


@dataclass(frozen=True, slots=True)
class Translation:
    """A foreign plan in the native format; `data` is what a native file would hold. Faults have foreign paths."""

    data: dict[str, object] | None
    origins: Origins
    faults: list[Fault]
    subject: Callable[[Path], str]
    """What messages call the thing at a foreign path."""
