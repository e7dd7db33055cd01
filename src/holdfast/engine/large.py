"""Large plain data as JSON in pieces, so that it is stored without a second copy of it in memory."""

from collections.abc import Iterator

import msgspec

PIECE = 1 << 20
"""Texts longer than this are cut; data that weighs no more is encoded as one piece."""

_encode = msgspec.json.Encoder().encode


def weight(value: object, limit: int) -> int:
    """About how many characters the value's JSON has; where that is more than `limit`, any number above it."""
    if isinstance(value, str):
        return len(value)
    total = 8
    if isinstance(value, dict):
        for name, item in value.items():
            total += 8 + len(name) if isinstance(name, str) else 16
            total += weight(item, limit - total)
            if total > limit:
                break
    elif isinstance(value, list | tuple):
        for item in value:
            total += weight(item, limit - total)
            if total > limit:
                break
    return total


def pieces(value: object) -> Iterator[bytes]:
    """The value's JSON, as `msgspec.json.encode` writes it; raises what that raises."""
    if weight(value, PIECE) <= PIECE:
        yield _encode(value)
    elif isinstance(value, str):
        yield b'"'
        for start in range(0, len(value), PIECE):
            yield _encode(value[start : start + PIECE])[1:-1]
        yield b'"'
    elif isinstance(value, dict):
        before = b"{"
        for name, item in value.items():
            yield before + _encode({name: 0})[1:-2]
            yield from pieces(item)
            before = b","
        yield b"}"
    elif isinstance(value, list | tuple):
        before = b"["
        for item in value:
            yield before
            yield from pieces(item)
            before = b","
        yield b"]"
    else:
        yield _encode(value)
