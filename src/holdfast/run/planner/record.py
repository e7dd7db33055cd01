"""What is recorded of a step's successes, with the components of its key, so that a change can be shown old to new.

A port's content is text: `=` and the value as canonical JSON where that is short, else its digest `sha256:<hex>`.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from holdfast.run.particulars import ArtifactRef, Keyed

SHOWN_MAX: Final = 80
"""Characters of a value that is kept as it is; a longer one is kept by its digest."""

NO_REFS: Final[Mapping[str, str]] = {}
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


def digest_of(*parts: str) -> str:
    """The digest of texts, each apart from the next."""
    return "sha256:" + hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def content_of(value: object) -> str:
    """Plain data as the content of a port."""
    text = _ENCODER.encode(value)
    if len(text) <= SHOWN_MAX:
        return "=" + text.decode()
    return "sha256:" + hashlib.sha256(text).hexdigest()


def base_of(keyed: Keyed) -> str:
    """The digest of what is known before any other step is: two keys with different bases differ."""
    environment = [f"{name}\n{content}" for name, content in sorted(keyed.environment.items())]
    own = [f"{port}\n{content}" for port, content in sorted(keyed.own.items())]
    return digest_of("1", keyed.definition, keyed.identity, *environment, "", *own)


def key_of(keyed: Keyed, base: str | None = None) -> str:
    """The key itself."""
    made = [f"{port}\n{content}" for port, content in sorted(keyed.made.items())]
    return digest_of(base or base_of(keyed), *made)


class Record(msgspec.Struct, frozen=True):
    """A success: the key it was made for, what it left behind, and which attempt of which run that was."""

    step: str
    keyed: Keyed
    run: str
    attempt: int
    position: int  # where in the journal it was recorded, or last restored
    base: str = ""
    key: str = ""
    outputs: Mapping[str, object] = {}
    outputs_digest: str | None = None  # outputs too large for the journal
    artifacts: Mapping[str, ArtifactRef] = {}
    kept: tuple[str, ...] = ()  # artifacts that were pinned then: their bytes are older, what it made was given up

    @property
    def identity(self) -> str:
        """Which execution it was: the content of a port on the step itself."""
        return f"{self.run}/{self.step}/{self.attempt}"


def recorded(record: Record) -> Record:
    """The record with its digests, where the journal keeps only the components."""
    base = base_of(record.keyed)
    return msgspec.structs.replace(record, base=base, key=key_of(record.keyed, base))
