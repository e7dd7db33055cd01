"""The criterion `{valid: artifact, schema: path}`: a JSON document against a JSON Schema (semantics S20).

The library is the extra `schema`. Patterns are matched in linear time, and nothing outside of the schema's own file is
looked at, so that neither a document nor a schema can hang the engine or reach the network.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from jsonschema_rs import Validator

SAID_MAX: Final = 300
"""Characters of one fault: the library quotes what is wrong, which may be the whole document."""
FAULTS_MAX: Final = 3
COUNTED_MAX: Final = 100
DOCUMENT_BYTES_MAX: Final = 64 * 1024 * 1024
LINES: Final = (".jsonl", ".ndjson")
EXTRA: Final = "pip install 'holdfast[schema]'"


class UncheckedError(Exception):
    """Nothing can be said of the document; the text says why."""


def is_there() -> bool:
    """Whether the extra is installed."""
    from importlib.util import find_spec  # noqa: PLC0415 - only plans with schemas pay for it

    return find_spec("jsonschema_rs") is not None


def faults_of(data: bytes, path: str, schema: Path) -> str | None:
    """What is wrong with the document at `path`, with the places; `None` where it is valid. Raises `UncheckedError`."""
    if len(data) > DOCUMENT_BYTES_MAX:
        raise UncheckedError(f"{path} has {len(data):,} bytes, more than can be checked ({DOCUMENT_BYTES_MAX:,})")
    validator = _validator(schema)
    found = list(islice(_faults(data, path, validator), COUNTED_MAX))
    if not found:
        return None
    more = f"; and {len(found) - FAULTS_MAX} more" if len(found) > FAULTS_MAX else ""
    return "; ".join(found[:FAULTS_MAX]) + more


def _validator(schema: Path) -> "Validator":
    try:
        import jsonschema_rs as library  # noqa: PLC0415 - an extra, of few plans
    except ImportError:
        raise UncheckedError(f"to check documents by schemas needs an extra: {EXTRA}") from None
    try:
        content = msgspec.json.decode(schema.read_bytes())
    except OSError as error:
        raise UncheckedError(f"the schema {schema.name} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise UncheckedError(f"the schema {schema.name} is not JSON: {error}") from None
    try:
        return library.validator_for(content, offline=True, pattern_options=library.RegexOptions())
    except (ValueError, RecursionError) as error:
        raise UncheckedError(f"the schema {schema.name} is no JSON Schema: {_first_line(error)}") from None


def _faults(data: bytes, path: str, validator: "Validator") -> Iterator[str]:
    if not path.endswith(LINES):
        yield from _of_document(data, validator, "")
        return
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield from _of_document(line, validator, f"line {number}, ")


def _of_document(data: bytes, validator: "Validator", where: str) -> Iterator[str]:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield f"{where}it is not JSON: {error}"
        return
    for fault in validator.iter_errors(document):
        yield f"{where}at {_pointer(fault.instance_path)}: {_cut(fault.message)}"


def _pointer(path: list[str | int]) -> str:
    """Where in the document, as a JSON pointer; `/` is all of it."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _first_line(error: Exception) -> str:
    return _cut(str(error).partition("\n")[0])


def _cut(text: str) -> str:
    return text if len(text) <= SAID_MAX else text[:SAID_MAX] + "…"
