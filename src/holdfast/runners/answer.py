"""What an http server answers: its status, headers, and a body that is bounded in memory."""

import json
import os
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse

from holdfast.runners.failing import WorkFailedError
from holdfast.runners.place import Place

INLINE_BYTES = 64 * 1024
"""A body up to this size is an output, a larger one an artifact."""
CHUNK_BYTES = 256 * 1024
BEAT_S = 1.0
SAY_S = 5.0
"""So often a long transfer touches the heartbeat, and says how far it is."""
RETRY_AFTER_S_MAX = 86_400.0
HIDDEN_HEADERS = frozenset({"set-cookie"})
"""What the record of a run must not keep."""
_TEXTS = ("text/", "application/xml", "application/javascript", "application/yaml", "application/x-www-form-urlencoded")


class Reply:
    """One response, and the place it is for."""

    def __init__(self, response: HTTPResponse, place: Place) -> None:
        self.response = response
        self.place = place
        self.status = response.status
        self.reason = response.reason
        self.kind = response.headers.get_content_type() if "content-type" in response.headers else ""

    def headers(self) -> dict[str, object]:
        """The headers by lower-case name; several of one name are joined. Cookies are hidden."""
        found: dict[str, list[str]] = {}
        for name, value in self.response.getheaders():
            found.setdefault(name.lower(), []).append(value)
        return {name: "***" if name in HIDDEN_HEADERS else ", ".join(values) for name, values in found.items()}

    def header(self, name: str) -> str:
        """One header; empty if there is none."""
        return self.response.getheader(name) or ""

    def retry_after_s(self) -> float | None:
        """What the server asks to wait: seconds, or until a time; a day at the most."""
        text = self.header("retry-after").strip()
        if not text:
            return None
        try:
            seconds = float(int(text))
        except ValueError:
            from email.utils import parsedate_to_datetime  # noqa: PLC0415 - most servers give seconds

            try:
                seconds = parsedate_to_datetime(text).timestamp() - time.time()
            except (ValueError, OverflowError):
                return None
        return min(max(seconds, 0.0), RETRY_AFTER_S_MAX)

    def chunks(self, expected: int | None) -> Iterator[bytes]:
        """The body as it comes. Raises `WorkFailedError` when the connection ends before all of it has come."""
        got = 0
        told = beaten = time.monotonic()
        while True:
            try:
                chunk = self.response.read1(CHUNK_BYTES)
            except (OSError, HTTPException) as error:
                raise _cut(got, expected, error) from None
            if not chunk:
                break
            got += len(chunk)
            yield chunk
            now = time.monotonic()
            if now - beaten >= BEAT_S:
                beaten = now
                self.place.beat()
            if now - told >= SAY_S:
                told = now
                of = f" of {expected:,}" if expected is not None else ""
                sys.stdout.write(f"{got:,}{of} bytes\n")
                sys.stdout.flush()
        if expected is not None and got < expected:
            raise _cut(got, expected, None)

    def length(self) -> int | None:
        """How many bytes the body has, where the server says it."""
        if self.response.chunked:
            return None
        return self.response.length

    def taken(self) -> dict[str, object]:
        """The body as outputs: `json` or `text` while it is small, else it is written to the place for artifacts."""
        head = b""
        chunks = self.chunks(self.length())
        for chunk in chunks:
            head += chunk
            if len(head) > INLINE_BYTES:
                break
        if len(head) <= INLINE_BYTES:
            if not head:
                return {}
            readable = self._readable(head)
            if readable is not None:
                return readable
        size = len(head)
        with open(self.place.body, "wb") as file:
            file.write(head)
            for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
        return {"bytes": size}

    def _readable(self, data: bytes) -> dict[str, object] | None:
        """A small body as JSON or text; `None` for one that is neither."""
        is_json = self.kind == "application/json" or self.kind.endswith("+json")
        if self.kind and not is_json and not self.kind.startswith(_TEXTS) and not self.kind.endswith("+xml"):
            return None
        plain = self._decoded(data)
        if plain is None:
            return None
        charset = self.response.headers.get_content_charset("utf-8")
        try:
            text = plain.decode(charset, "strict" if not self.kind else "replace")
        except (LookupError, UnicodeDecodeError):
            return None
        if is_json:
            try:
                value = json.loads(text)
                json.dumps(value, allow_nan=False)
            except (ValueError, RecursionError):
                return {"text": text}
            return {"json": value}
        return {"text": text}

    def _decoded(self, data: bytes) -> bytes | None:
        """A body that came compressed although nobody asked for it; `None` where it is too large or another kind."""
        coding = self.header("content-encoding").lower().strip()
        if coding in {"", "identity"}:
            return data
        if coding not in {"gzip", "x-gzip", "deflate"}:
            return None
        try:
            inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
            plain = inflate.decompress(data, INLINE_BYTES + 1)
        except zlib.error:
            return None
        return plain if len(plain) <= INLINE_BYTES else None


def _cut(got: int, expected: int | None, error: Exception | None) -> WorkFailedError:
    of = f" of {expected:,}" if expected is not None else ""
    why = f": {error}" if isinstance(error, OSError) else ""
    return WorkFailedError("http.connect", f"the connection ended after {got:,}{of} bytes of the answer{why}")


def discard(path: str) -> None:
    """Remove a file, if there is one."""
    with suppress(FileNotFoundError):
        os.unlink(path)
