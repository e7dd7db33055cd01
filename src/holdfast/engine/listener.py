"""Who watches the runs of an engine."""

from typing import Protocol

from holdfast.run.events import StoredEvent


class Listener(Protocol):
    """Who watches the runs of an engine; called from the engine's thread."""

    def on_event(self, stored: StoredEvent) -> None:
        """An event is durable; each run's come in their order."""
        ...

    def on_idle(self) -> None:
        """The engine has nothing to do right now; called about five times a second."""
        ...
