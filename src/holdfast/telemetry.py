"""What the engine does, as structured log lines: one JSON object a line, written only when somebody asked."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec


class EngineLog:
    """Writes lines such as `{"at": …, "what": "append", "run": …, "events": 4}`; safe from any thread.

    A line that cannot be written is dropped: the journal is the record, this is a view of the engine at work.
    """

    def __init__(self, stream: BinaryIO, now: Callable[[], int]) -> None:
        """`now` gives UTC microseconds since the epoch."""
        self._stream = stream
        self._now = now
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder()

    def __call__(self, what: str, run: str | None = None, /, **facts: object) -> None:
        """Write one line."""
        at = datetime.fromtimestamp(self._now() / 1e6, UTC).isoformat().replace("+00:00", "Z")
        line: dict[str, object] = {"at": at, "what": what}
        if run is not None:
            line["run"] = run
        data = self._encoder.encode(line | facts) + b"\n"
        with self._lock:
            try:
                self._stream.write(data)
                self._stream.flush()
            except (OSError, ValueError):
                return
