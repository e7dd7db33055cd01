"""Time in the simulated world: one clock for everybody, which may jump while no engine lives."""

from dataclasses import dataclass

from tests.simulation.plans import SECOND
from tests.simulation.wanting import BEGIN_S


@dataclass(slots=True)
class Hours:
    """What time it really is, and what the clocks on the walls say."""

    now: int = BEGIN_S * SECOND
    jump: int = 0  # how far the clocks are off

    @property
    def wall(self) -> int:
        """What a clock says."""
        return self.now + self.jump
