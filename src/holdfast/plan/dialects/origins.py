"""Where each part of a translated plan stands in the foreign one."""

from dataclasses import dataclass, field

from holdfast.plan.dialects.rewritten import Rewritten
from holdfast.plan.problems import Fault, Path


@dataclass(slots=True)
class Origins:
    """The foreign path of each native path, and how its text was rewritten; below a known path both go on alike."""

    _paths: dict[Path, Path] = field(default_factory=dict)
    _texts: dict[Path, Rewritten] = field(default_factory=dict)

    def add(self, native: Path, foreign: Path, text: Rewritten | None = None) -> None:
        """What stands at `native` comes from `foreign`."""
        self._paths[native] = foreign
        if text is not None:
            self._texts[native] = text

    def text(self, native: Path) -> Rewritten | None:
        """How the text at a native path was rewritten."""
        return self._texts.get(native)

    def of(self, native: Path) -> Path:
        """The foreign path of a native one."""
        for length in range(len(native), 0, -1):
            found = self._paths.get(native[:length])
            if found is not None:
                return (*found, *native[length:])
        return ()

    def place(self, fault: Fault) -> Fault:
        """The fault of the translated plan, with its place in the foreign one."""
        native = (*reversed(fault.path),)
        rewritten = self._texts.get(native)
        if rewritten is not None and fault.offset is not None:
            fault.excerpt, fault.offset = rewritten.origin(fault.offset)
        fault.path = [*reversed(self.of(native))]
        return fault
