"""The kinds of values a plan holds: each reads plain data, says what it takes, and describes itself as JSON Schema.

`read` returns the value for the model, or `BAD` after adding a fault; it never raises. What a value holds is read even
where a neighbour is wrong, so that all problems are found at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from holdfast.plan.problems import Fault, Found
from holdfast.plan.units import parse_duration

Schema = dict[str, object]


class _Bad:
    def __repr__(self) -> str:
        return "BAD"


BAD: Final = _Bad()
"""Stands for a value that could not be read; a fault says why."""


class Kind(ABC):
    """A kind of value. `words` is what a message calls it (`a list of texts`), `label` what the reference page does."""

    words: str = "anything"
    label: str = "data"

    @abstractmethod
    def read(self, value: object, found: Found) -> object:
        """The value for the model, or BAD."""
        ...

    @abstractmethod
    def schema(self, defs: dict[str, Schema]) -> Schema:
        """Its JSON Schema; what has a name goes into `defs`."""
        ...

    def parts(self) -> Sequence["Kind"]:
        """The kinds it is made of."""
        return ()

    def refuse(self, value: object, found: Found) -> object:
        """Add the fault that `value` is not of this kind."""
        found.append(Fault("value.type", f" must be {self.words}, not {shown(value)}", self._hint(value)))
        return BAD

    def _hint(self, value: object) -> str | None:
        if value is None:
            return "give it a value, or leave the key out"
        if self.words.startswith("a list") and _is_word(value):
            return f"write a list: [{value if isinstance(value, str) else shown(value)}]"
        if self.words.startswith(("text", "a text")) and isinstance(value, bool | int | float):
            return f'put it in quotes: "{shown(value)}"'
        return None


def _is_word(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and not {*value} & {*", \n"})


def shown(value: object) -> str:
    """A value in the words of a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value}"
        case str():
            return f'"{value if len(value) <= 60 else value[:57] + "..."}"'
        case list():
            return "a list"
        case _:
            return "a map"


class Number(Kind):
    """A whole or decimal number within bounds, both included unless `open_bounds`."""

    def __init__(
        self,
        words: str,
        *,
        whole: bool = False,
        least: float | None = None,
        most: float | None = None,
        open_bounds: bool = False,
    ) -> None:
        self.words = words
        self.label = "int" if whole else "float"
        self._whole = whole
        self._least = least
        self._most = most
        self._open = open_bounds

    def read(self, value: object, found: Found) -> object:
        """The number, whole or as float."""
        kind = type(value)
        if kind is not int and (kind is not float or self._whole):
            return self.refuse(value, found)
        assert isinstance(value, int | float)
        low = self._least is not None and (value < self._least or (self._open and value == self._least))
        high = self._most is not None and (value > self._most or (self._open and value == self._most))
        if low or high:
            found.append(Fault("value.range", f" must be {self.words}, not {value}"))
            return BAD
        return value if self._whole else float(value)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """A number with its bounds."""
        del defs
        made: Schema = {"type": "integer" if self._whole else "number"}
        if self._least is not None:
            made["exclusiveMinimum" if self._open else "minimum"] = self._least
        if self._most is not None:
            made["exclusiveMaximum" if self._open else "maximum"] = self._most
        return made


class Bool(Kind):
    """True or false."""

    words = "true or false"
    label = "bool"

    def read(self, value: object, found: Found) -> object:
        """The boolean."""
        return value if isinstance(value, bool) else self.refuse(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """A boolean."""
        del defs
        return {"type": "boolean"}

    def _hint(self, value: object) -> str | None:
        if isinstance(value, str) and value.lower() in {"yes", "on", "y", "true"}:
            return "write true"
        if isinstance(value, str) and value.lower() in {"no", "off", "n", "false"}:
            return "write false"
        return super()._hint(value)


_seconds = lru_cache(maxsize=1_024)(parse_duration)


_DURATION_FORM: Final = (
    r"^\s*(?:[0-9]+(?:\.[0-9]+)?"
    r"|(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?[0-9]+(?:\.[0-9]+)?(?:ms|[dhms]))\s*$"
)


class Duration(Kind):
    """A duration, in seconds for the model; a bare number is seconds."""

    words = "a duration such as 90s, 10m or 1d12h"
    label = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def read(self, value: object, found: Found) -> object:
        """Seconds."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self.refuse(value, found)
        try:
            seconds = _seconds(value) if isinstance(value, str) else parse_duration(value)
        except ValueError as error:
            found.append(Fault("value.duration", f": {error}"))
            return BAD
        if not seconds and not self._zero:
            found.append(Fault("value.range", " must be longer than 0s"))
            return BAD
        return seconds

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """A number of seconds, or text in our notation."""
        number: Schema = {"type": "number", "minimum": 0} if self._zero else {"type": "number", "exclusiveMinimum": 0}
        defs.setdefault(
            "duration",
            {
                "type": "string",
                "description": "A duration: 90, 90s, 10m, 2h, 1d12h, 250ms",
                "pattern": _DURATION_FORM,
                "maxLength": 64,
            },
        )
        return {"anyOf": [number, {"$ref": "#/$defs/duration"}]}


class Choice(Kind):
    """One of some words."""

    def __init__(self, options: Mapping[str, object] | tuple[str, ...], *, label: str = "") -> None:
        self.options = dict(options) if isinstance(options, Mapping) else {option: option for option in options}
        self.words = f"one of {', '.join(self.options)}" if len(self.options) > 1 else next(iter(self.options))
        self.label = label or " · ".join(self.options)

    def read(self, value: object, found: Found) -> object:
        """What the word stands for in the model."""
        if isinstance(value, str) and value in self.options:
            return self.options[value]
        near = (value, self.options) if isinstance(value, str) else None
        found.append(Fault("value.choice", f" must be {self.words}, not {shown(value)}", near=near))
        return BAD

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """An enumeration."""
        del defs
        return {"enum": [*self.options]}


class Either(Kind):
    """One kind or another, told apart by the type of the value: text, number, list, map, bool, null."""

    def __init__(self, *, words: str = "", label: str = "", **kinds: Kind) -> None:
        self._kinds = {cls: kind for name, kind in kinds.items() for cls in _CLASSES[name]}
        self._distinct = [*dict.fromkeys(kinds.values())]
        self.words = words or " or ".join(dict.fromkeys(kind.words for kind in self._distinct))
        self.label = label or " or ".join(dict.fromkeys(kind.label for kind in self._distinct))

    def read(self, value: object, found: Found) -> object:
        """What the kind for the value's type reads."""
        kind = self._kinds.get(type(value))
        return self.refuse(value, found) if kind is None else kind.read(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """Any of the kinds."""
        return {"anyOf": [kind.schema(defs) for kind in self._distinct]}

    def parts(self) -> Sequence[Kind]:
        """Each kind it may be."""
        return self._distinct


_CLASSES: Final[dict[str, tuple[type, ...]]] = {
    "text": (str,),
    "number": (int, float),
    "list": (list,),
    "map": (dict,),
    "bool": (bool,),
    "null": (type(None),),
}


class Null(Kind):
    """Nothing, where nothing means something."""

    words = "null"
    label = "null"

    def read(self, value: object, found: Found) -> object:
        """None."""
        return None if value is None else self.refuse(value, found)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """Null."""
        del defs
        return {"type": "null"}


class As(Kind):
    """Another kind, converted for the model."""

    def __init__(self, kind: Kind, convert: Callable[[object], object]) -> None:
        self._kind = kind
        self._convert = convert
        self.words = kind.words
        self.label = kind.label

    def read(self, value: object, found: Found) -> object:
        """The converted value."""
        got = self._kind.read(value, found)
        return BAD if got is BAD else self._convert(got)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """The schema of the other kind."""
        return self._kind.schema(defs)

    def parts(self) -> Sequence[Kind]:
        """The other kind."""
        return (self._kind,)
