"""Plans as they are stored: packed where that saves space, checked by their digest when read."""

import hashlib
import zlib
from typing import Final

from holdfast.errors import IntegrityError

PACK_BYTES_MIN: Final = 64 * 1024
UNPACK_BYTES_MAX: Final = 64 * 1024 * 1024
"""Room made at once, though a damaged row may ask for more: growing piece by piece takes three times as long."""


def digest_of(plan: bytes) -> str:
    """`sha256:<hex>` of a frozen plan."""
    return "sha256:" + hashlib.sha256(plan).hexdigest()


def packed(plan: bytes) -> bytes:
    """The bytes to store."""
    if len(plan) <= PACK_BYTES_MIN:
        return plan
    small = zlib.compress(plan, 1)
    return small if len(small) < len(plan) else plan


def unpacked(digest: str, size: int, data: bytes) -> bytes:
    """The frozen plan again; `IntegrityError` when the bytes are not those that were stored."""
    try:
        plan = data if len(data) == size else zlib.decompress(data, bufsize=min(size, UNPACK_BYTES_MAX))
    except zlib.error:
        plan = b""
    if digest_of(plan) != digest:
        raise IntegrityError(f"the stored plan {digest} is damaged", code="E_JOURNAL_DAMAGED")
    return plan
