"""Crash points: the process kills itself at the n-th thing it does to the world outside its memory."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Points:
    """Counts writes, syncs, renames, links, folders, spawns; kills this process in the n-th. `n` 0 only counts."""

    def __init__(self, n: int, report: Path) -> None:
        self.n = n
        self.report = report
        self.count = 0
        self._write = os.write

    def reached(self) -> bool:
        """Another point is reached; whether it is the one to die in."""
        self.count += 1
        return self.count == self.n

    def die(self) -> None:
        """As `kill -9`: nothing is cleaned up."""
        os.kill(os.getpid(), signal.SIGKILL)

    def say(self) -> None:
        """Leave the number of points passed, for the one who counts."""
        self.report.write_text(str(self.count))

    def wrap(self, name: str) -> None:
        """Make `os.<name>` a point: this process dies before it is done."""
        real: Callable[..., object] = getattr(os, name)

        def counted(*args: object, **kwargs: object) -> object:
            if not _is_one_of_many(name, args) and self.reached():
                self.die()
            return real(*args, **kwargs)

        setattr(os, name, counted)

    def tear_writes(self) -> None:
        """Make `os.write` a point: this process dies with half of it written."""

        def counted(fd: int, data: bytes) -> int:
            if self.reached():
                self._write(fd, bytes(data)[: len(data) // 2])
                self.die()
            return self._write(fd, data)

        os.write = counted  # type: ignore[assignment]  # a crash point by design

    def watch_system(self) -> None:
        """Count what goes through `os`."""
        for name in ("fsync", "fdatasync", "rename", "replace", "link", "mkdir", "posix_spawn", "unlink"):
            self.wrap(name)
        self.tear_writes()

    def watch_database(self) -> None:
        """Count what SQLite writes and syncs, half of the n-th write done."""
        import apsw  # noqa: PLC0415 - the keeper, which shares this module, has no apsw

        points = self

        class File(apsw.VFSFile):
            def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
                if points.reached():
                    super().xWrite(bytes(data)[: len(data) // 2], offset)
                    points.die()
                super().xWrite(data, offset)

            def xLock(self, level: int) -> None:  # noqa: N802 - SQLite's name
                # Closing a connection that only reads asks for a lock it cannot get, which SQLite takes as "busy".
                try:
                    super().xLock(level)
                except apsw.IOError:
                    raise apsw.BusyError from None

            def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
                if points.reached():
                    points.die()
                super().xSync(flags)

        class Vfs(apsw.VFS):
            def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> File:  # noqa: N802 - SQLite's name
                return File("unix", name, flags)

        self._vfs = Vfs("crash", "unix", makedefault=True)


def _is_one_of_many(name: str, args: tuple[object, ...]) -> bool:
    """The store makes its 256 folders in one loop: a point in the first, the middle and the last says it all."""
    if name != "mkdir":
        return False
    folder = Path(str(args[0]))
    return folder.parent.name == "objects" and len(folder.name) == 2 and folder.name not in {"00", "80", "ff"}
