"""Log files that silent commands take turns with: making two files may take as long as the rest of a short command.

A command that is expected to print nothing gets a pair of empty files that is there already. When it prints, takes its
time or is stopped, they get the names of its own logs; else the next command takes them. So no file is ever another
command's that anything was written to, or that a process which may be left could still write to.
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.engine.keeper.attempt import Attempt

    Pair = tuple[str, str]

FOLDER = "spare"


class Spares:
    """The files of one keeper."""

    __slots__ = ("_folder", "_free", "_made", "_stem")

    def __init__(self, run_dir: str) -> None:
        self._folder = os.path.join(run_dir, FOLDER)
        self._stem = f"{self._folder}/{os.getpid()}-{time.time_ns()}"  # a keeper before us may have left some
        self._free: list[Pair] = []
        self._made = 0

    def take(self) -> "Pair | None":
        """Names of a pair of files that are empty, or made by who opens them; None where there can be none."""
        if self._free:
            return self._free.pop()
        if not self._made:
            try:
                os.makedirs(self._folder, exist_ok=True)
            except OSError:
                return None
        self._made += 1
        stem = f"{self._stem}.{self._made}"
        return f"{stem}.out", f"{stem}.err"

    def give_back(self, pair: "Pair") -> None:
        """Nothing has come of the start they were taken for."""
        self._free.append(pair)

    def name(self, attempt: "Attempt") -> None:
        """The files of the attempt are its own from now on, under the names of its logs."""
        spare, attempt.spare = attempt.spare, None
        if spare is None:
            return
        for path, log in zip(spare, attempt.logs, strict=True):
            try:
                os.rename(path, log)
            except OSError as error:
                sys.stderr.write(f"{path} cannot be renamed to {log}: {error.strerror}\n")

    def settle(self, attempt: "Attempt", *, is_clean: bool) -> bool:
        """The attempt has ended, and where it `is_clean`, nothing of it is left; says if it has printed anything."""
        has_printed = any(map(size_of, attempt.spare or attempt.logs))
        if attempt.spare is not None and (has_printed or not is_clean):
            self.name(attempt)
        elif attempt.spare is not None:
            self._free.append(attempt.spare)
            attempt.spare = None
        return has_printed

    def remove(self) -> None:
        """Nobody needs them any more."""
        try:
            for pair in self._free:
                for path in pair:
                    os.unlink(path)
            if self._made:
                os.rmdir(self._folder)
        except OSError:
            pass  # somebody else was here first, or something is still there for who looks


def size_of(path: str) -> int:
    """How large a file is; one that is not there is empty."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
