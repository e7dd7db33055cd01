"""Plain data as YAML that reads back as the same data: for people, in the order given."""

import json
import re
from collections.abc import Iterator
from typing import Final

WIDTH: Final = 100
"""A list is written on one line up to this length."""

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./%+@=-]*(?: [A-Za-z0-9_./%+@=()-]+)*")
_WORDS: Final = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_DURATION: Final = re.compile(r"(?:[0-9]+[dhms])+|[0-9]+ms")
_ODD: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
"""What stands in a file only as an escape."""


def yaml_of(data: dict[str, object]) -> str:
    """The text of a map; a text of several lines is a block, a short list stands on one line."""
    return "".join(f"{line}\n" for line in _map(data, ""))


def _map(data: dict[str, object], indent: str) -> Iterator[str]:
    for key, value in data.items():
        yield from _entry(f"{indent}{_scalar(key)}:", value, indent)


def _entry(head: str, value: object, indent: str) -> Iterator[str]:
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        yield head
        yield from _map(value, deeper)
    elif isinstance(value, list) and value:
        line = f"{head} {_flow(value)}"
        if len(line) <= WIDTH and not any(isinstance(item, dict | list) and item for item in value):
            yield line
        else:
            yield head
            for item in value:
                yield from _item(item, deeper)
    elif isinstance(value, str) and _is_block(value):
        yield f"{head} |{_chomping(value)}"
        yield from (f"{deeper}{line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {_flow(value)}"


def _item(item: object, indent: str) -> Iterator[str]:
    if isinstance(item, dict) and item:
        lines = [*_map(item, indent + "  ")]
        yield f"{indent}- {lines[0].removeprefix(indent + '  ')}"
        yield from lines[1:]
    else:
        yield f"{indent}- {_flow(item)}"


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(held)}" for key, held in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    if isinstance(value, str) and (_is_plain(value) or _DURATION.fullmatch(value)):
        return value
    if isinstance(value, str) and {'"', "\\"} & {*value} and "\n" not in value and not _ODD.search(value):
        return "'" + value.replace("'", "''") + "'"
    return _ODD.sub(_escape, json.dumps(value, ensure_ascii=False))


def _escape(odd: re.Match[str]) -> str:
    code = ord(odd[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_plain(text: str) -> bool:
    """Whether a text without quotes is read as itself, also between the brackets of a list."""
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _is_block(text: str) -> bool:
    """Whether a text may stand as a block: lines of printable characters, the first not indented."""
    if "\n" not in text.removesuffix("\n") or _ODD.search(text) is not None:
        return False
    return not text.startswith((" ", "\n")) and not text.endswith("\n\n") and "\n \n" not in text


def _chomping(text: str) -> str:
    return "" if text.endswith("\n") else "-"
