"""The hash chain: each event's hash covers the one before it, each commit's head covers every event so far."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import add

import msgspec

from holdfast.errors import IntegrityError

FIRST = bytes(32)
"""What stands before a run's first event, and before the store's first commit."""

Fact = tuple[int, str, str | None, int | None, bytes]
Chained = tuple[int, int, str, str | None, int | None, str, bytes]
"""A stored event: seq, at, kind, step, attempt, data, hash."""

_encoder = msgspec.json.Encoder()
_canonical = _encoder.encode


def link(previous: bytes, run: str, seq: int, fact: Fact) -> bytes:
    """The hash of one event: SHA-256 of the previous one and the JSON `[run, seq, at, kind, step, attempt, data]`.

    `fact` is (at, kind, step, attempt, data); `data` stands in the array as it is stored.
    """
    at, kind, step, attempt, data = fact
    array = _canonical((run, seq, at, kind, step, attempt, msgspec.Raw(data)))
    return hashlib.sha256(previous + array).digest()


def extend(head: bytes, hashes: Iterable[bytes]) -> bytes:
    """The store's head after a commit: SHA-256 of the head before it and its events' hashes, by run, then number."""
    return hashlib.sha256(head + b"".join(hashes)).digest()


def breaks(run: str, rows: Sequence[Chained], end: int = 0) -> Iterator[tuple[int, str]]:
    """Where the chain of a run does not hold, and why; it is known to reach at least to event `end`."""
    if rows and len(rows) >= end and _holds(run, rows):
        return
    before, expected = FIRST, 1
    for seq, at, kind, step, attempt, data, stored in rows:
        if seq != expected:
            yield expected, _missing(expected, seq - 1)
        if link(before, run, seq, (at, kind, step, attempt, data.encode())) != stored:
            yield seq, f"event {seq} ({kind}) is not what was written, or follows something that is not"
        before, expected = stored, seq + 1
    if expected <= end:
        yield expected, _missing(expected, end)


def _holds(run: str, rows: Sequence[Chained]) -> bool:
    """Whether every event is there and has its hash: what `breaks` asks one by one, all at once and twice as fast."""
    seqs, ats, kinds, steps, attempts, data, hashes = zip(*rows, strict=True)
    if seqs != tuple(range(1, len(rows) + 1)):
        return False
    facts = zip(repeat(run), seqs, ats, kinds, steps, attempts, map(msgspec.Raw, data), strict=False)
    arrays = _encoder.encode_lines(list(facts)).split(b"\n")
    if arrays.pop() or len(arrays) != len(rows):
        return False  # no data that we write has a line break, which would make two lines of one
    found = [sha.digest() for sha in map(hashlib.sha256, map(add, (FIRST, *hashes), arrays))]
    return found == list(hashes)


def damaged(run: str, what: str) -> IntegrityError:
    """The error for a run that is not what was written."""
    return IntegrityError(
        f"run {run} is damaged: {what}",
        code="E_JOURNAL_DAMAGED",
        hint="`holdfast audit verify` lists all that does not hold; put back a copy of the journal that does",
    )


def _missing(first: int, last: int) -> str:
    return f"event {first} is missing" if first == last else f"events {first} to {last} are missing"
