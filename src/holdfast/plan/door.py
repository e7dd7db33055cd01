"""How a plan file is read: what the person who gives it says about it."""

from collections.abc import Mapping
from typing import NamedTuple


class Door(NamedTuple):
    """The file's format (None: what its shape says), and values for the `${VAR}` of a foreign one."""

    dialect: str | None = None
    variables: Mapping[str, str] = {}

    @property
    def mark(self) -> str:
        """What it adds to the identity of a file's content."""
        said = "".join(f"\n{name}={value!r}" for name, value in sorted(self.variables.items()))
        return f"{self.dialect or ''}{said}"

    def recorded(self) -> dict[str, object]:
        """What the journal keeps of it, to say how the same plan is run again."""
        said: dict[str, object] = {} if self.dialect is None else {"dialect": self.dialect}
        return said | {"variables": dict(self.variables)} if self.variables else said
