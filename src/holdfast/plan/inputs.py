"""The values of a plan's inputs: given as text on a command line or as data, typed and checked before anything runs."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

import msgspec

from holdfast.errors import RequestError
from holdfast.plan.expr import ExpressionError, compile_pattern
from holdfast.plan.format.kinds import shown
from holdfast.plan.model import Input, Plan
from holdfast.plan.nearest import did_you_mean
from holdfast.plan.source.document import MAX_INTEGER, Source, SourceError
from holdfast.plan.units import parse_duration

_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?")


class InputsInvalidError(RequestError):
    """Inputs that are missing, unknown or wrong; `problems` holds a sentence for each."""

    def __init__(self, plan: str, problems: tuple[str, ...]) -> None:
        what = "one input is" if len(problems) == 1 else f"{len(problems)} inputs are"
        super().__init__(f'plan "{plan}": {what} not valid', code="E_INPUT_INVALID", facts=problems)
        self.problems = problems


class WrongValueError(Exception):
    """A value that an input cannot have; the message goes behind the input's name and before `, not <value>`."""


def bind_inputs(plan: Plan, given: Mapping[str, object]) -> dict[str, object]:
    """The value of every input that has one: given, or its default. Text is converted to the input's type.

    Raises InputsInvalidError with all that is wrong.
    """
    problems: list[str] = []
    values: dict[str, object] = {}
    for name in given:
        if name not in plan.inputs:
            hint = did_you_mean(name, plan.inputs)
            problems.append(f'this plan has no input "{name}"' + (f"; {hint}" if hint else ""))
    for name, declared in plan.inputs.items():
        if name not in given and not declared.has_default:
            if declared.required:
                about = f" ({declared.description})" if declared.description else ""
                problems.append(f'input "{name}"{about} is required; give it with -i {name}=…')
            continue
        value = given.get(name, declared.default)
        try:
            values[name] = checked(declared, value)
        except WrongValueError as error:
            problems.append(f'input "{name}" {error}, not {"what was given" if declared.secret else shown(value)}')
    if problems:
        raise InputsInvalidError(plan.id, tuple(problems))
    return values


def checked(declared: Input, value: object) -> object:
    """The value as the input's type, among its `enum` and after its `pattern`; raises WrongValueError."""
    typed = converted(declared, value)
    if declared.enum and typed not in _options(declared):
        raise WrongValueError(f"must be one of {', '.join(_words(option) for option in declared.enum)}")
    if declared.pattern is not None and isinstance(typed, str):
        try:
            matches = compile_pattern(declared.pattern).fullmatch(typed)
        except ExpressionError as error:
            raise WrongValueError(f"must be what its pattern can judge ({error.headline})") from error
        if not matches:
            raise WrongValueError(f"must match {declared.pattern}")
    return typed


def converted(declared: Input, value: object) -> object:
    """The value as the input's type; raises WrongValueError.

    Dates and times are kept as text, durations are seconds.
    """
    return _CONVERTERS[declared.type](value)


def _options(declared: Input) -> list[object]:
    """The values of `enum` that are of the type."""
    options: list[object] = []
    for option in declared.enum:
        try:
            options.append(converted(declared, option))
        except WrongValueError:
            continue
    return options


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _string(value: object) -> object:
    if isinstance(value, str):
        return _clean(value)
    raise WrongValueError("must be text")


def _path(value: object) -> object:
    if isinstance(value, str) and value:
        return _clean(value)
    raise WrongValueError("must be a path")


def _clean(text: str) -> str:
    """The text, if a process can be given it."""
    if "\0" in text or not _is_unicode(text):
        raise WrongValueError("must be text without the character 0 and halves of surrogate pairs")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _int(value: object) -> object:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        return value
    raise WrongValueError("must be a whole number")


def _float(value: object) -> object:
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf"):
        return float(value)
    raise WrongValueError("must be a number")


def _bool(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise WrongValueError("must be true or false")


def _date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise WrongValueError("must be a day that exists") from None
    raise WrongValueError("must be a date such as 2026-01-31")


def _datetime(value: object) -> object:
    if isinstance(value, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:", value):
        text = value.upper().replace(" ", "T", 1)
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise WrongValueError("must be a time that exists") from None
        return text
    raise WrongValueError("must be a time such as 2026-01-31T17:00:00Z")


def _duration(value: object) -> object:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            seconds = parse_duration(value)
        except ValueError:
            raise WrongValueError("must be a duration such as 90s, 10m or 1d12h") from None
        return int(seconds) if seconds.is_integer() else seconds
    raise WrongValueError("must be a duration such as 90s, 10m or 1d12h")


def _list(value: object) -> object:
    data = _from_json(value) if isinstance(value, str) else value
    if isinstance(data, list | tuple):
        return _plain([*data])
    raise WrongValueError("must be a list, as text in JSON such as [1, 2]")


def _map(value: object) -> object:
    data = _from_json(value) if isinstance(value, str) else value
    if isinstance(data, Mapping):
        return _plain({**data})
    raise WrongValueError('must be a map, as text in JSON such as {"a": 1}')


def _from_json(text: str) -> object:
    """What JSON text holds, read with the care a plan file is read with; None if it is not JSON."""
    from holdfast.plan.source import json as json_source  # noqa: PLC0415 - start-up time: few inputs are lists or maps

    try:
        source: Source | None = json_source.read(text, "", only=False)
    except SourceError as error:
        raise WrongValueError(f"must be JSON that can be read ({error.fault.message})") from error
    if source is None:
        return None
    if source.faults:
        raise WrongValueError(f"must be JSON that can be read ({source.faults[0][0].message})")
    return source.value


def _plain(value: object) -> object:
    """The value, if it is plain data that JSON can hold."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise WrongValueError("must be plain data") from None


_CONVERTERS: Final[Mapping[str, Callable[[object], object]]] = {
    "string": _string,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "duration": _duration,
    "path": _path,
    "list": _list,
    "map": _map,
}
