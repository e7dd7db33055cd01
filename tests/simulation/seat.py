"""A simulated engine as parts of the real one see their driver: passages, waits."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

from holdfast.engine.board import Board
from holdfast.engine.waits import Waits
from holdfast.errors import HoldfastError
from holdfast.run import events as ev
from holdfast.run.machine import Run
from tests.simulation.project import Seen

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver
    from tests.simulation.calls import Calls
    from tests.simulation.engine import Engine


class Clock(NamedTuple):
    """What tells the time."""

    now: Callable[[], int]


class Around(NamedTuple):
    """What the parts of a driver need from around it."""

    board: Board
    journal: Seen
    clock: Clock


class Seat:
    """What they need of their driver."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self.world = Around(engine.board, engine.world.seen, Clock(engine.now))

    @property
    def run(self) -> Run:
        """The run as the engine sees it."""
        return self._engine.run

    @property
    def fence(self) -> int:
        """The engine's fencing number."""
        return self._engine.fence

    @property
    def seq(self) -> int:
        """The last event of the run that is known to be durable."""
        return self._engine.seq

    @property
    def told(self) -> int:
        """Events of the engine so far."""
        return self._engine.told

    @property
    def durable_told(self) -> int:
        """Those of them that are durable."""
        return self._engine.durable_told

    @property
    def concurrency(self) -> int:
        """How many attempts may run at once."""
        return self._engine.world.script.concurrency

    @property
    def closing(self) -> bool:
        """Whether nothing new starts."""
        return self._engine.closing

    @property
    def failure(self) -> HoldfastError | None:
        """Why the engine gives the run up."""
        return self._engine.failure

    @failure.setter
    def failure(self, error: HoldfastError | None) -> None:
        self._engine.failure = error

    @property
    def calls(self) -> "Calls":
        """The inline calls."""
        return self._engine.calls

    def tell(self, event: ev.Event) -> None:
        """Fold an event and queue it for the journal."""
        self._engine.tell(event)

    def end(self, at: int, i: int, attempt: int, ended: ev.AttemptEnded) -> None:
        """Tell of an attempt's end, with what becomes of it."""
        self._engine.end(at, i, attempt, ended)


def seat_of(engine: "Engine") -> "Driver":
    """The engine in place of a driver."""
    return cast("Driver", Seat(engine))


class SimulatedWaits(Waits):
    """The real ones, with the files of the simulated world."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__(seat_of(engine))
        self._surroundings = engine.world.surroundings

    def is_there(self, path: str) -> bool:
        """Whether somebody has made the file."""
        return path in self._surroundings.files

    def wants_to_look(self, run: Run) -> bool:
        """Whether an attempt waits for a file that is there."""
        return any(self.is_there(run.states[i].on) for i in run.lingering)  # type: ignore[attr-defined]  # they linger
