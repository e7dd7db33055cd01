"""The keeper's facts on disk: `keeper.jsonl`, one line each, written before anybody is told; and the fence."""

import fcntl
import os
import time

FACTS = "keeper.jsonl"
FENCE = "fence"
LOCK = "keeper.lock"
LOCK_WAIT_S = 5.0
LOCK_LOOK_S = 0.005


class Record:
    """The append-only file of facts of one run. A full disk delays lines, it never loses or tears one."""

    __slots__ = ("_fd", "_unwritten")

    def __init__(self, run_dir: str) -> None:
        self._fd = os.open(os.path.join(run_dir, FACTS), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._unwritten = b""
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            self._unwritten = b"\n"  # the last keeper died within a line; ours must not be glued to it

    def write(self, lines: bytes) -> None:
        """Appends lines; what cannot be written now is kept and goes first next time."""
        self._unwritten += lines
        if not self._unwritten:
            return
        try:
            written = os.write(self._fd, self._unwritten)
        except OSError:
            return
        self._unwritten = self._unwritten[written:]

    @property
    def is_behind(self) -> bool:
        """True while lines wait for room on the disk."""
        return bool(self._unwritten)


def read_fence(run_dir: str) -> int:
    """The highest fence that took this run's commands over; 0 when there was none."""
    try:
        with open(os.path.join(run_dir, FENCE), "rb") as file:
            return int(file.read() or b"0")
    except FileNotFoundError:
        return 0


def write_fence(run_dir: str, fence: int) -> None:
    """Replaces the fence in one step; a reader sees the old or the new one."""
    path = os.path.join(run_dir, FENCE)
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, b"%d" % fence)
    finally:
        os.close(fd)
    os.rename(path + ".new", path)


def take_over(run_dir: str, fence: int) -> bool:
    """Becomes the one keeper of this run; False when a newer engine has it or an older keeper does not go."""
    lock = os.open(os.path.join(run_dir, LOCK), os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOCK_LOOK_S)
    known = read_fence(run_dir)
    if known < fence:
        write_fence(run_dir, fence)
    return known <= fence
