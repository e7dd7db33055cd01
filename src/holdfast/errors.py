"""Every error a user can meet, built one way: headline, facts, hint, code."""

from collections.abc import Sequence
from typing import ClassVar


class HoldfastError(Exception):
    """Root of all errors that Holdfast raises on purpose.

    `headline` says which thing and what is wrong in one line, `facts` are further lines that help to see why,
    `hint` says what to do, `code` is the stable name of the error (`E_…` for requests, dotted for problems).
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, headline: str, *, code: str, facts: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(headline)
        self.headline = headline
        self.code = code
        self.facts = tuple(facts)
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.headline, *(f"  {fact}" for fact in self.facts)]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class UsageError(HoldfastError):
    """The command line itself is wrong; the person at the keyboard acts."""

    exit_code = 2


class RequestError(HoldfastError):
    """The plan or the request is not valid; its author acts; nothing was run."""

    exit_code = 3


class WaitingError(HoldfastError):
    """A person must answer first (for example an effect in doubt)."""

    exit_code = 4


class IntegrityError(HoldfastError):
    """A journal or an artifact does not match its digest; an operator acts."""

    exit_code = 7


class BusyError(HoldfastError):
    """Another engine owns the run; wait for it or stop it."""

    exit_code = 8


class StoreError(HoldfastError):
    """The store is not reachable, full or read only; an operator acts, then tries again."""

    exit_code = 75


class BugError(HoldfastError):
    """Something that cannot happen happened; we act."""

    exit_code = 70
