"""An answer that goes to a file: streamed beside its place, resumed where the server has the same bytes still.

While it is under way there is `FILE.part`, and `FILE.part.json` says of which URL and version it is a part.
"""

import hashlib
import json
import os
import re
from http import HTTPStatus

from holdfast.runners.answer import CHUNK_BYTES, Reply, discard
from holdfast.runners.failing import WorkFailedError
from holdfast.runners.files import sync_folder
from holdfast.runners.place import Place

_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class Download:
    """The file an answer goes to, and what an earlier attempt left of it."""

    def __init__(self, written: str, place: Place) -> None:
        self.target = place.writable(written)
        self.place = place
        self.part = self.target + ".part"
        self._note = self.target + ".part.json"
        os.makedirs(os.path.dirname(self.target), exist_ok=True)

    def asked(self, url: str) -> dict[str, str]:
        """The headers that ask for the rest of a part; none where there is no part of this URL."""
        try:
            with open(self._note, encoding="utf-8") as file:
                note = json.load(file)
            size = os.path.getsize(self.part)
        except (OSError, ValueError):
            return {}
        if note.get("url") != _mark(url) or not size:
            return {}
        return {"Range": f"bytes={size}-", "If-Range": str(note.get("validator"))}

    def fits(self, reply: Reply) -> bool:
        """Whether an answer to a request for the rest can be used; where not, the part is dropped."""
        if reply.status not in {HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}:
            return True
        match = _RANGE.fullmatch(reply.header("content-range").strip())
        size = os.path.getsize(self.part)
        if match is not None and reply.status == HTTPStatus.PARTIAL_CONTENT and match[1] == str(size):
            return True
        if match is not None and match[1] is None and match[2] == str(size) and self._is_of(reply):
            return True  # all of it was there already
        discard(self.part)
        discard(self._note)
        return False

    def take(self, reply: Reply, url: str) -> dict[str, object]:
        """Bring the answer's body to the disk and the file to its place; gives the outputs."""
        begun = 0
        digest = hashlib.sha256()
        if reply.status == HTTPStatus.OK or not os.path.exists(self.part):
            self._remember(reply, url)
        else:
            begun = os.path.getsize(self.part)
            with open(self.part, "rb") as file:
                while piece := file.read(CHUNK_BYTES):
                    digest.update(piece)
        size = begun
        with open(self.part, "ab" if begun else "wb") as file:
            if reply.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                try:
                    for chunk in reply.chunks(reply.length()):
                        file.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
                except WorkFailedError as error:
                    kept = f"{error}; {self.place.shown(self.part)} holds {size:,} bytes"
                    raise WorkFailedError(error.code, kept, outputs=error.outputs) from None
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.part, self.target)
        sync_folder(os.path.dirname(self.target))
        discard(self._note)
        outputs: dict[str, object] = {"path": self.place.shown(self.target), "bytes": size}
        return outputs | {"digest": f"sha256:{digest.hexdigest()}", "resumed_at": begun}

    def _is_of(self, reply: Reply) -> bool:
        with open(self._note, encoding="utf-8") as file:
            return json.load(file).get("validator") in {reply.header("etag"), reply.header("last-modified")}

    def _remember(self, reply: Reply, url: str) -> None:
        """Note of what the part is, where the server gives a word to know it by; without one nothing is resumed."""
        discard(self.part)
        discard(self._note)
        etag = reply.header("etag")
        validator = etag if etag and not etag.startswith("W/") else reply.header("last-modified")
        if validator and reply.header("accept-ranges").lower() != "none":
            with open(self._note, "w", encoding="utf-8") as file:
                json.dump({"url": _mark(url), "validator": validator}, file)


def _mark(url: str) -> str:
    """What a URL is known by on the disk, where it must not stand as it may hold a secret."""
    return hashlib.sha256(url.encode()).hexdigest()
