"""The file $HOLDFAST_OUTPUT of an attempt: `key=value` or one JSON object a line, and what of it is spending."""

import errno
import os
import stat
import sys
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from holdfast.run import events as ev

OUTPUT_FILE_BYTES_MAX = 256 * 1024 * 1024
LARGEST = sys.float_info.max


def read_outputs(path: str) -> tuple[dict[str, object], ev.Spent | None]:
    """The outputs and what was spent; raises `ValueError` that says what cannot be read."""
    try:
        with _open_file(path) as file:
            data = file.read(OUTPUT_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return {}, None
    except OSError as error:
        raise ValueError(f"$HOLDFAST_OUTPUT cannot be read: {error.strerror}") from None
    if len(data) > OUTPUT_FILE_BYTES_MAX:
        raise ValueError(f"$HOLDFAST_OUTPUT is larger than {OUTPUT_FILE_BYTES_MAX} bytes")
    values: dict[str, object] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values |= _output_line(line)
        except ValueError as error:
            raise ValueError(f"$HOLDFAST_OUTPUT line {number}: {error}") from None
    try:
        return _split_spending(values)
    except ValueError as error:
        raise ValueError(f"$HOLDFAST_OUTPUT: {error}") from None


def _open_file(path: str) -> BinaryIO:
    """A file for reading; a pipe or a device, on which one might wait for ever, is an `OSError`."""
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115 - given away
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no file any more", path)
    return file


def _output_line(line: bytes) -> dict[str, object]:
    if line.lstrip().startswith(b"{"):
        try:
            value = msgspec.json.decode(line, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if "out of range" in str(error):
                raise ValueError(f"holds a number beyond {LARGEST:.2g}, which cannot be kept") from None
            raise ValueError(f"not a JSON object: {error}") from None
        return value
    try:
        name, equals, text = line.decode().rstrip("\r").partition("=")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text; write key=value or one JSON object a line") from None
    if not equals or not name.strip():
        raise ValueError("neither key=value nor a JSON object")
    return {name.strip(): text}


def _split_spending(values: dict[str, object]) -> tuple[dict[str, object], ev.Spent | None]:
    outputs: dict[str, object] = {}
    spent: dict[str, object] = {}
    calls: dict[str, int] = {}
    for name, value in values.items():
        if name == "cost_usd":
            spent[name] = _amount(name, value, float)
        elif name == "tokens":
            spent[name] = _amount(name, value, int)
        elif name.startswith("calls."):
            calls[name.removeprefix("calls.")] = int(_amount(name, value, int))
        else:
            outputs[name] = value
    if not spent and not calls:
        return outputs, None
    return outputs, msgspec.convert(spent | {"calls": calls}, ev.Spent)


def _amount(name: str, value: object, kind: Callable[[str], float]) -> float:
    try:
        amount = kind(str(value))
    except ValueError:
        raise ValueError(f"{name} must be a number, not {value!r}") from None
    if not 0 <= amount < float("inf"):
        raise ValueError(f"{name} must not be negative or infinite")
    return amount
