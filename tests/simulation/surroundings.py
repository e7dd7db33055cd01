"""What a run finds around it in the simulated world, and what may change there: the network, files."""

import random
from collections.abc import Callable

from holdfast.run.machine import Run
from holdfast.run.standing import Lingering, Waiting
from tests.simulation.wanting import FILES, ONLINE


class Surroundings:
    """Facts of the host, and files that somebody makes."""

    def __init__(self, rng: random.Random, note: Callable[[str], None]) -> None:
        self.online = rng.random() < 0.7
        self.files: set[str] = set()
        self._note = note

    @property
    def facts(self) -> dict[str, object]:
        """The host facts as they are now."""
        return {ONLINE: self.online}

    def meddle(self, rng: random.Random) -> None:
        """Something changes, whatever anybody waits for."""
        if rng.random() < 0.3:
            self._make(rng.choice(FILES))
        else:
            self.online = not self.online
            self._note(f"online: {self.online}")

    def comes(self, run: Run) -> list[Callable[[], None]]:
        """What comes sooner or later, where the run waits for it."""
        found: list[Callable[[], None]] = []
        for i in run.waiting:
            state = run.states[i]
            if isinstance(state, Lingering) and state.on in FILES and state.on not in self.files:
                found.append(lambda name=state.on: self._make(name))  # type: ignore[misc]  # the default binds it
            if isinstance(state, Waiting) and state.cause == "requires" and not self.online:
                found.append(self._connect)
        return found

    def _make(self, name: str) -> None:
        self.files.add(name)
        self._note(f"{name} is there")

    def _connect(self) -> None:
        self.online = True
        self._note("online")
