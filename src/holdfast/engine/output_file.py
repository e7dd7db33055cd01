"""What an attempt says of itself in `$HOLDFAST_OUTPUT`: outputs, and what it spent.

Every line about spending counts, also of an attempt that failed, was stopped or lost: what was spent stays spent
(semantics S13). A line that cannot be read spoils the outputs, and none of the spending that others tell of.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from holdfast.run import events as ev

OUTPUT_FILE_BYTES_MAX = 256 * 1024 * 1024
AMOUNT_MAX: Final = 1e15
"""More than this of anything is a mistake, and sums of floats would lose the small ones."""
LARGEST: Final = sys.float_info.max
SPENT: Final = frozenset({"cost_usd", "tokens"})
CALLS: Final = "calls."


class Reported(msgspec.Struct, eq=False):
    """Outputs by name, what was spent, and the first thing that is wrong with what was said."""

    outputs: dict[str, object]
    spent: ev.Spent | None = None
    error: ev.Error | None = None


def read_reported(path: str) -> Reported:
    """What an attempt's output file says; nothing where there is none."""
    try:
        with _open_file(path) as file:
            data = file.read(OUTPUT_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return Reported({})
    except OSError as error:
        return Reported({}, error=_invalid(f" cannot be read: {error.strerror}"))
    whole = len(data) <= OUTPUT_FILE_BYTES_MAX
    if not data:
        return Reported({})
    found = _Findings()
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            found.take(f" line {number}", line)
    if not whole:
        found.error = _invalid(f" is larger than {OUTPUT_FILE_BYTES_MAX} bytes")
    return found.reported()


def read_spent(path: str) -> ev.Spent | None:
    """What an attempt of which nothing else is known says that it spent."""
    return read_reported(path).spent


def of_values(values: dict[str, object]) -> Reported:
    """The same for values that a function returned; raises `ValueError` for an amount that is none."""
    if not any(name in SPENT or name.startswith(CALLS) for name in values):
        return Reported(values)
    found = _Findings()
    for name, value in values.items():
        found.add(name, value)
    return found.reported()


class _Findings:
    """What the lines so far said."""

    def __init__(self) -> None:
        self.error: ev.Error | None = None
        self._outputs: dict[str, object] = {}
        self._spent: dict[str, float] = {}

    def take(self, where: str, line: bytes) -> None:
        """One line that is not empty."""
        try:
            for name, value in _values_of(line):
                self.add(name, value)
        except ValueError as error:
            self.error = self.error or _invalid(f"{where}: {error}")

    def add(self, name: str, value: object) -> None:
        """One value; raises `ValueError` for an amount that is none."""
        if name in SPENT or name.startswith(CALLS):
            amount = _amount(name, value)
            self._spent[name] = min(AMOUNT_MAX, self._spent.get(name, 0) + amount)
        else:
            self._outputs[name] = value

    def reported(self) -> Reported:
        """All of it; outputs that are not whole are none."""
        outputs = self._outputs if self.error is None else {}
        if not self._spent:
            return Reported(outputs, error=self.error)
        calls = {name.removeprefix(CALLS): int(n) for name, n in self._spent.items() if name.startswith(CALLS)}
        spent = ev.Spent(float(self._spent.get("cost_usd", 0)), int(self._spent.get("tokens", 0)), calls)
        return Reported(outputs, spent, self.error)


def _invalid(what: str) -> ev.Error:
    return ev.Error("output.invalid", f"$HOLDFAST_OUTPUT{what}")


def _open_file(path: str) -> BinaryIO:
    """A file for reading; a pipe or a device, on which one might wait for ever, is an `OSError`."""
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115 - given away
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no file any more", path)
    return file


def _values_of(line: bytes) -> Iterator[tuple[str, object]]:
    if line.lstrip().startswith(b"{"):
        yield from _object_of(line).items()
        return
    try:
        name, equals, text = line.decode().rstrip("\r").partition("=")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text; write key=value or one JSON object a line") from None
    if not equals or not name.strip():
        raise ValueError("neither key=value nor a JSON object")
    yield name.strip(), text


def _object_of(line: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if "out of range" in str(error):
            raise ValueError(f"holds a number beyond {LARGEST:.2g}, which cannot be kept") from None
        raise ValueError(f"not a JSON object: {error}") from None


def _amount(name: str, value: object) -> float:
    kind = float if name == "cost_usd" else int
    try:
        amount = kind(str(value))
    except ValueError:
        raise ValueError(f"{name} must be a {'whole ' if kind is int else ''}number, not {value!r}") from None
    if not 0 <= amount <= AMOUNT_MAX:
        raise ValueError(f"{name} must be between 0 and {AMOUNT_MAX:.0e}, not {value!r}")
    return amount
