"""What the journal costs: events per second by group size, CPU and disk per step, strict chains against bare commits.

Run as `python bench/journal.py [FOLDER]`; the folder should be on the disk that is asked about. Compare the ratios:
the absolute figures are the disk's.
"""

import hashlib
import sys
import tempfile
import threading
import time
from pathlib import Path

import apsw

from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append, Owner
from holdfast.run import events as ev

PLAN = b"{}"
DIGEST = "sha256:" + hashlib.sha256(PLAN).hexdigest()
OWNER = Owner("host", "boot", 1, "start", "engine")
STEPS = 20_000
CHAIN = 3_000
ROUNDS = 3


def opened(folder: str, run: str = "run") -> SqliteJournal:
    """A new journal with one run."""
    journal = SqliteJournal.open(str(Path(folder, "journal.db")))
    created = ev.Event(1, ev.RunCreated("plan", DIGEST, "plan.yaml", "project"))
    owned = ev.Event(2, ev.RunOwned(1, "host", 1, "engine"))
    journal.append(Append(run, [created, owned], plan=PLAN, take=OWNER))
    return journal


def step_events(i: int) -> list[ev.Event]:
    """The two events of an inline step that does nothing."""
    step, at = f"step-{i}", 1_795_000_000_000_000 + i
    return [
        ev.Event(at, ev.AttemptStarted(), step, 1),
        ev.Event(at, ev.AttemptEnded("succeeded"), step, 1),
    ]


def grouped(group: int) -> tuple[float, float, float]:
    """Steps per second and CPU microseconds per step when `group` steps wait at a time, and bytes on disk per step."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        journal = opened(folder)
        steps = [step_events(i) for i in range(STEPS if group > 1 else CHAIN)]
        done = threading.Semaphore(0)
        begin, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(steps), group):
            some = steps[first : first + group]
            for events in some:
                journal.submit(Append("run", events, fence=1), lambda _: None)
            journal.submit(Append("run", [], fence=1), lambda _: done.release())
            done.acquire()
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
        journal.close()
        connection = apsw.Connection(str(Path(folder, "journal.db")))
        connection.pragma("page_count")  # a connection that has read nothing has no log to move
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        size = Path(folder, "journal.db").stat().st_size
        connection.close()
    return len(steps) / wall, cpu / len(steps) * 1e6, size / len(steps)


def chain() -> float:
    """Commits per second of a strict chain: the end of one step and the start of the next."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        journal = opened(folder)
        events = [event for i in range(CHAIN) for event in step_events(i)]
        begin = time.perf_counter()
        journal.append(Append("run", events[:1], fence=1))
        for first in range(1, len(events), 2):
            journal.append(Append("run", events[first : first + 2], fence=1))
        wall = time.perf_counter() - begin
        journal.close()
    return CHAIN / wall


def bare(*, extended: bool) -> float:
    """Commits per second of one row, with nothing around it."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        connection = apsw.Connection(str(Path(folder, "bare.db")))
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.execute("create table t (seq integer primary key, data text)")
        if extended:
            connection.execute("create table big (data blob)")
            connection.execute("insert into big values (zeroblob(8000000))")
            connection.execute("drop table big")
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        begin = time.perf_counter()
        for _ in range(CHAIN):
            connection.execute("insert into t (data) values ('x')")
        wall = time.perf_counter() - begin
        connection.close()
    return CHAIN / wall


if __name__ == "__main__":
    FOLDER = sys.argv[1] if len(sys.argv) > 1 else "."
    for group in (1, 10, 100, 1000):
        rate, cpu, size = max(grouped(group) for _ in range(ROUNDS))
        print(f"group {group:5}: {rate * 2:9.0f} events/s  {cpu:6.1f} us CPU/step  {size:5.0f} bytes/step")
    for _ in range(ROUNDS):
        ours, growing, overwriting = chain(), bare(extended=False), bare(extended=True)
        print(
            f"chain {ours:6.0f}/s; bare rows {growing:6.0f}/s ({ours / growing:.2f}),"
            f" in a log made beforehand {overwriting:6.0f}/s ({ours / overwriting:.2f})"
        )
