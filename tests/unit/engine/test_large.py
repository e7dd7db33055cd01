"""Large outputs are stored piece by piece, as the JSON they would have been in one."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.artifacts.store import Store
from holdfast.engine.large import PIECE, pieces, weight

SMALL = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
LONG = st.builds(
    lambda text, size: (text * (size // len(text) + 1))[:size], st.text(min_size=1), st.integers(0, 3 * PIECE)
)
VALUES = st.recursive(
    SMALL | LONG,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_the_pieces_together_are_the_json_of_the_value(value: object) -> None:
    try:
        whole = msgspec.json.encode(value)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            list(pieces(value))
        return
    assert b"".join(pieces(value)) == whole


def test_keys_that_are_numbers_are_written_as_msgspec_writes_them() -> None:
    value = {1: "x" * (PIECE + 1), 2: [None, ("y" * PIECE,)]}
    assert b"".join(pieces(value)) == msgspec.json.encode(value)


def test_no_piece_is_much_longer_than_its_limit() -> None:
    assert max(map(len, pieces({"a": "x" * (5 * PIECE), "b": ["y" * (2 * PIECE)]}))) <= PIECE + 16


def test_weighing_stops_at_the_limit() -> None:
    looked: list[int] = []

    class Long(list[object]):
        def __iter__(self) -> Iterator[object]:
            for i in range(1_000_000):
                looked.append(i)
                yield "x" * 100

    assert weight(Long(), 1_000) > 1_000
    assert len(looked) < 20


def test_bytes_in_pieces_are_stored_under_the_digest_of_all_of_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    data = bytes(range(256)) * 40_000
    digest = store.put_pieces(data[start : start + 999_999] for start in range(0, len(data), 999_999))
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert store.read(digest) == data
    assert store.put_bytes(data) == digest


def test_pieces_that_cannot_be_made_leave_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 100
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        Store(tmp_path).put_pieces(broken())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
