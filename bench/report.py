"""What a measuring child prints: one JSON line about the phase between a ready plan and the final result."""

import json
import resource
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


def cpu_s() -> float:
    """User and system seconds of this process and the children it has waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_mib() -> float:
    """The most memory that this program has had; its `ru_maxrss` also knows what its parent had when it was made."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


class Phase:
    """Times what is inside `with`."""

    wall = cpu = 0.0

    def __enter__(self) -> Self:
        self.wall, self.cpu = time.perf_counter(), cpu_s()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, cpu_s() - self.cpu

    def tell(self, n: int, **more: object) -> None:
        """Print the line for `n` steps."""
        line = {"n": n, "engine_s": self.wall, "cpu_s": self.cpu, "rss_mib": peak_mib()}
        print(json.dumps(line | more), flush=True)
