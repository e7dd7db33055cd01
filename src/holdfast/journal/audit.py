"""Proof that the journal is what was written: every run's chain, every commit's head, every plan's digest."""

from collections.abc import Iterator
from typing import Final, cast

import msgspec

from holdfast.errors import IntegrityError
from holdfast.journal.chain import FIRST, Chained, breaks, extend
from holdfast.journal.packing import unpacked
from holdfast.journal.reader import Reader

DAMAGES_MAX: Final = 100
"""How many damages are listed; the first says where it began."""


class Damage(msgspec.Struct, frozen=True):
    """Something that does not hold: in which run, at which event, what."""

    run: str | None
    seq: int | None
    what: str


class Audit(msgspec.Struct, frozen=True):
    """What was looked at, the store's head, and what does not hold."""

    runs: int
    events: int
    commits: int
    head: str
    damages: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.damages


def verify(reader: Reader, run: str | None = None, head: str | None = None) -> Audit:
    """Verify one run's chain, or every run and the store's heads.

    `head` is a head noted earlier (64 hex digits): the journal must have passed through it, so that a cut tail, a
    missing run or another file in its place is found.
    """
    with reader.snapshot():
        found = _Findings(reader)
        runs = _runs(reader, run)
        if run is None:
            found.add_all(_strays(reader, [n for n, _ in runs]))
        for n, name in runs:
            found.chain(n, name)
        if run is None:
            names = dict(runs)
            found.heads(names, head)
            found.add_all(_plans(reader))
        return Audit(
            sum(n > 0 for n, _ in runs),
            found.events,
            found.commits,
            found.head.hex(),
            tuple(found.damages[:DAMAGES_MAX]),
        )


def head_of(reader: Reader) -> str:
    """The store's head: 64 hex digits that stand for everything committed so far."""
    rows = reader.rows("last_commit")
    return cast("bytes", rows[0][1]).hex() if rows else FIRST.hex()


class _Findings:
    """What a verification has found so far."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.damages: list[Damage] = []
        self.events = 0
        self.commits = 0
        self.head = FIRST
        self._last: dict[int, int] = {}

    def add_all(self, damages: Iterator[Damage]) -> None:
        """Note damages."""
        self.damages.extend(damages)

    def chain(self, n: int, name: str) -> None:
        """Compute the hash of every event of run number `n` again."""
        rows = cast("list[Chained]", self._reader.rows("chain_of_run", (n,)))
        self.damages += [Damage(name, seq, what) for seq, what in breaks(name, rows)]
        if not rows and n:
            self.damages.append(Damage(name, 1, "the run has no events"))
        self.events += len(rows)
        self._last[n] = rows[-1][0] if rows else 0

    def heads(self, names: dict[int, str], wanted: str | None) -> None:
        """Compute the head of every commit again; every event belongs to exactly one."""
        placed: dict[int, int] = {}
        passed = wanted is None or wanted == FIRST.hex()
        rows = cast("list[tuple[int, bytes, str]]", self._reader.rows("commits"))
        for number, (n, stored, text) in enumerate(rows, 1):
            if n != number:
                self.damages.append(Damage(None, None, f"commit {number} is missing"))
                break
            hashes: list[bytes] = []
            for run, first, last in msgspec.json.decode(text, type=list[tuple[int, int, int]]):
                hashes += self._span(names.get(run, f"number {run}"), run, first, last)
                if first != placed.get(run, 0) + 1:
                    what = f"commit {n} does not follow the one before it in this run"
                    self.damages.append(Damage(names.get(run), first, what))
                placed[run] = last
            if extend(self.head, hashes) != stored:
                what = f"the head of commit {n} does not match its events and the head before it"
                self.damages.append(Damage(None, None, what))
            self.head = stored
            self.commits = n
            passed = passed or stored.hex() == wanted
        for run, last in self._last.items():
            if last > placed.get(run, 0):
                what = f"events {placed.get(run, 0) + 1} to {last} belong to no commit"
                self.damages.append(Damage(names.get(run), placed.get(run, 0) + 1, what))
        if not passed:
            what = f"the journal never had the head {wanted}: its tail was cut, or this is another journal"
            self.damages.append(Damage(None, None, what))

    def _span(self, name: str, run: int, first: int, last: int) -> list[bytes]:
        rows = self._reader.rows("hashes_of_run", (run, first, last))
        if len(rows) != last - first + 1:
            self.damages.append(
                Damage(name, first, f"of events {first} to {last}, {last - first + 1 - len(rows)} are missing")
            )
        return [cast("bytes", hash) for (hash,) in rows]


def _runs(reader: Reader, run: str | None) -> list[tuple[int, str]]:
    return cast("list[tuple[int, str]]", reader.rows("run_numbers", (run,)))


def _strays(reader: Reader, numbers: list[int]) -> Iterator[Damage]:
    for (n,) in cast("list[tuple[int]]", reader.rows("stray_events")):
        yield Damage(None, None, f"there are events of run number {n}, which is missing")
    for expected, n in enumerate(numbers):
        if n != expected:
            yield Damage(None, None, f"run number {expected} is missing")
            return


def _plans(reader: Reader) -> Iterator[Damage]:
    for run, digest, size, data in cast(
        "list[tuple[str, str, int | None, bytes | None]]", reader.rows("plans_of_runs")
    ):
        if size is None or data is None:
            yield Damage(run, 1, f"its plan {digest} is missing")
            continue
        try:
            unpacked(digest, size, data)
        except IntegrityError as error:
            yield Damage(run, 1, error.headline)
