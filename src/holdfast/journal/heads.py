"""What the writer knows of each run without asking the database again."""

import apsw
import msgspec

from holdfast.journal.chain import FIRST
from holdfast.journal.statements import sql


class Head(msgspec.Struct, eq=False):
    """Where a run's stream stands and who may extend it."""

    n: int
    status: str
    seq: int
    hash: bytes
    fence: int
    held: bool

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self.status in _FINISHED


_FINISHED = frozenset({"succeeded", "partial", "failed", "canceled"})


class Heads:
    """Heads by run id, and the store's own; valid until anybody else commits or a transaction is rolled back."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._heads: dict[str, Head] = {}
        self._version = -1
        self.commit = 0
        self.head = FIRST
        self.last_run = 0

    def refresh(self) -> bool:
        """Forget everything if anything was committed since `committed`; to be called inside a transaction."""
        if self._connection.data_version() == self._version:
            return False
        self._heads.clear()
        last = self._connection.execute(sql("last_commit")).fetchone()
        self.commit, self.head = last or (0, FIRST)
        self.last_run = self._connection.execute(sql("last_run")).get
        return True

    def committed(self) -> None:
        """What is known now is what is stored; to be called after a commit."""
        self._version = self._connection.data_version()

    def forget(self) -> None:
        """Read everything again next time."""
        self._version = -1

    def of(self, run: str) -> Head | None:
        """The head of a run, `None` where there is no such run."""
        head = self._heads.get(run)
        if head is None:
            row = self._connection.execute(sql("head_of_run"), (run,)).fetchone()
            if row is None:
                return None
            n, status, seq, hash, fence, held = row
            head = self._heads[run] = Head(n, status, seq, hash or FIRST, fence, bool(held))
        return head

    def add(self, run: str, head: Head) -> None:
        """A run that was made in this transaction."""
        self._heads[run] = head

    def drop(self, run: str) -> None:
        """A run that needs no place in memory any more."""
        self._heads.pop(run, None)
