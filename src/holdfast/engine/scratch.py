"""The private folders of attempts: empty ones that come back are used again, since renaming costs less than making."""

import os
from contextlib import suppress


class Scratch:
    """The scratch folders of one run's attempts."""

    def __init__(self) -> None:
        self._spare: list[str] = []

    def make(self, path: str) -> None:
        """An empty folder at `path`; raises `OSError`."""
        while self._spare:
            with suppress(OSError):
                os.rename(self._spare.pop(), path)
                return
        os.makedirs(path, exist_ok=True)

    def done(self, path: str) -> None:
        """The attempt has succeeded: its folder goes, now or after somebody else has used it."""
        try:
            is_empty = not os.listdir(path)
        except OSError:
            return
        if is_empty:
            self._spare.append(path)
        else:
            _remove(path)

    def close(self) -> None:
        """No attempt will follow."""
        for path in self._spare:
            with suppress(OSError):
                os.rmdir(path)
        self._spare.clear()


def _remove(path: str) -> None:
    import shutil  # noqa: PLC0415 - it imports every compression there is

    shutil.rmtree(path, ignore_errors=True)
