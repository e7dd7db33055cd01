"""The reading side: a connection of its own that cannot write, opened when first asked."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw

from holdfast.journal.opening import open_for_reading
from holdfast.journal.statements import sql
from holdfast.journal.trouble import explained

Value = int | float | str | bytes | None
Row = tuple[Value, ...]


class Reader:
    """Runs statements by name; safe to use from several threads, one at a time."""

    def __init__(self, path: str, connection: apsw.Connection | None = None) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """All rows of the statement in `<statement>.sql`."""
        with self._lock:
            if self._connection is None:
                self._connection = open_for_reading(self.path)
            try:
                return self._connection.execute(sql(statement), values).fetchall()
            except apsw.Error as error:
                raise explained(error, self.path) from error
            except UnicodeDecodeError as error:
                raise explained(apsw.CorruptError(f"a text is not UTF-8: {error}"), self.path) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Every statement inside sees the same moment."""
        with self._lock:
            self.rows("begin_reading")
            try:
                yield
            finally:
                self.rows("rollback")

    def close(self) -> None:
        """Close the connection, if it was opened."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
