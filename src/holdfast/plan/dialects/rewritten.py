"""Texts that were changed on their way into the native format, and where each part of them came from."""

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(slots=True)
class Rewritten:
    """A text made of pieces of another; `before` is that other text."""

    before: str
    text: str = ""
    earlier: "Rewritten | None" = None
    """How `before` itself was made, if it was."""
    _starts: list[int] = field(default_factory=list)
    _origins: list[tuple[int, bool]] = field(default_factory=list)

    def copy(self, start: int, end: int) -> None:
        """Take over a part of the text before as it is."""
        if end > start:
            self._add(self.before[start:end], start, exact=True)

    def put(self, text: str, start: int) -> None:
        """Write another text in the place of what began at `start`."""
        if text:
            self._add(text, start, exact=False)

    def origin(self, offset: int) -> tuple[str, int]:
        """The text as the file has it, and the offset in it, of an offset in the rewritten text."""
        number = bisect_right(self._starts, offset) - 1
        place = offset
        if number >= 0:
            start, exact = self._origins[number]
            place = start + (offset - self._starts[number] if exact else 0)
        place = min(place, len(self.before))
        return (self.before, place) if self.earlier is None else self.earlier.origin(place)

    def _add(self, text: str, start: int, *, exact: bool) -> None:
        self._starts.append(len(self.text))
        self._origins.append((start, exact))
        self.text += text
