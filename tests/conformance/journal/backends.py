"""The journals that the suite runs on: each backend opens several on one store, as several processes would."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Journal, Owner

IsAlive = Callable[[Owner], bool | None]


class Backend(Protocol):
    """One empty store."""

    def open(self, is_alive: IsAlive = lambda _: None) -> Journal:
        """Another journal on the store."""
        ...

    def close(self) -> None:
        """Close every journal that was opened."""
        ...


class Sqlite:
    """A file in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "journal.db")
        self._opened: list[SqliteJournal] = []

    def open(self, is_alive: IsAlive = lambda _: None) -> Journal:
        journal = SqliteJournal.open(self._path, is_alive=is_alive)
        self._opened.append(journal)
        return journal

    def close(self) -> None:
        for journal in self._opened:
            journal.close()


BACKENDS: dict[str, Callable[[Path], Backend]] = {"sqlite": Sqlite}
