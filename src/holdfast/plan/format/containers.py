"""Lists, maps and records of the plan format: kinds that hold kinds."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from holdfast.plan.format.kinds import BAD, Kind, Schema, shown
from holdfast.plan.format.texts import Text
from holdfast.plan.problems import Fault, Found, place

FREE: Final = "x-"
"""A key that begins so is the author's own; nothing reads it."""


class ListOf(Kind):
    """A list of one kind, as a tuple for the model; `distinct` if no item may stand twice."""

    def __init__(
        self, item: Kind, words: str, *, least: int = 0, distinct: bool = False, hint: str | None = None
    ) -> None:
        self._item = item
        self._least = least
        self._distinct = distinct
        self._advice = hint
        self.words = f"a list of {words}"
        self.label = f"[{item.label}]"

    def read(self, value: object, found: Found) -> object:
        """The items that can be read."""
        if not isinstance(value, list):
            return self.refuse(value, found)
        if len(value) < self._least:
            found.append(Fault("value.empty", f" must be {self.words}, not an empty list"))
        read = self._item.read
        items: list[object] = []
        for number, item in enumerate(value):
            before = len(found)
            got = read(item, found)
            if len(found) != before:
                place(found, before, number)
            if got is not BAD:
                items.append(got)
        if self._distinct and len(value) > 1:
            self._check_distinct(value, found)
        return tuple(items)

    def _hint(self, value: object) -> str | None:
        return self._advice or super()._hint(value)

    def _check_distinct(self, items: list[object], found: Found) -> None:
        texts = sorted((item, number) for number, item in enumerate(items) if isinstance(item, str))
        for (left, _), (right, number) in pairwise(texts):
            if left == right:
                fault = Fault("value.repeated", f": {shown(right)} stands there twice", "remove one of the two")
                fault.path.append(number)
                found.append(fault)

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """An array."""
        made: Schema = {"type": "array", "items": self._item.schema(defs)}
        if self._least:
            made["minItems"] = self._least
        if self._distinct:
            made["uniqueItems"] = True
        return made

    def parts(self) -> Sequence[Kind]:
        """The kind of an item."""
        return (self._item,)


class MapOf(Kind):
    """A map from names of a form to one kind."""

    def __init__(self, key: Text, value: Kind, words: str = "", *, least: int = 0, most: int | None = None) -> None:
        self.key = key
        self._value = value
        self._least = least
        self._most = most
        self.words = f"a map of {words or value.words}"
        self.label = f"{key.label} → {value.label}"

    def read(self, value: object, found: Found) -> object:
        """The entries whose key and value can be read."""
        if not isinstance(value, dict):
            return self.refuse(value, found)
        if len(value) < self._least:
            found.append(Fault("value.empty", f" must be {self.words}, not an empty map"))
        elif self._most is not None and len(value) > self._most:
            found.append(Fault("value.count", f" has {len(value):,} entries; it may have {self._most:,}"))
            return BAD
        read, right_key = self._value.read, self.key.matches
        entries: dict[str, object] = {}
        for key, item in value.items():
            before = len(found)
            if not right_key(key):
                found.append(Fault("key.format", f"{shown(key)} is not {self.key.words}", self.key.hint, part="key"))
            got = read(item, found)
            if len(found) != before:
                place(found, before, key)
            if got is not BAD:
                entries[key] = got
        return entries

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """An object whose properties are not known by name."""
        made: Schema = {"type": "object", "additionalProperties": self._value.schema(defs)}
        made["propertyNames"] = self.key.schema(defs)
        if self._least:
            made["minProperties"] = self._least
        if self._most is not None:
            made["maxProperties"] = self._most
        return made

    def parts(self) -> Sequence[Kind]:
        """The kind of a value."""
        return (self._value,)

    def _hint(self, value: object) -> str | None:
        if isinstance(value, list):
            return f"write a map, each under its {self.key.label}: {{{self.key.label}: …}}"
        return super()._hint(value)


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record. `to` is where its value goes in the model (`group.attribute`; default: its own name)."""

    kind: Kind
    meaning: str
    to: str = ""
    default: str = ""
    required: bool = False
    shared: bool = False
    """Whether `defaults` may give it for every step (†)."""


class Rule(ABC):
    """What must hold between the keys of a record, where JSON Schema can say it too."""

    @abstractmethod
    def __call__(self, value: dict[str, object], found: Found) -> None:
        """Add the faults of a raw map."""
        ...

    @abstractmethod
    def schema(self) -> Schema:
        """The rule in JSON Schema."""
        ...


@dataclass(frozen=True, slots=True)
class OneOf(Rule):
    """Keys of which exactly one must stand, or at most one if `may_lack`."""

    keys: tuple[str, ...]
    may_lack: bool = False

    def __call__(self, value: dict[str, object], found: Found) -> None:
        """Add a fault if `value` has too many of the keys, or none."""
        given = [key for key in self.keys if key in value]
        if len(given) == 1 or (not given and self.may_lack):
            return
        keys = ", ".join(self.keys[:-1]) + f" or {self.keys[-1]}"
        number = "at most one" if self.may_lack else "exactly one"
        if given:
            message = f" has {' and '.join(given)}; it must have {number} of {keys}"
            found.append(Fault("key.conflict", message, "keep one of them"))
        else:
            found.append(Fault("key.missing", f" must have {number} of {keys}"))

    def schema(self) -> Schema:
        """The rule in JSON Schema."""
        one: list[Schema] = [{"required": [key]} for key in self.keys]
        if self.may_lack:
            one.append({"not": {"anyOf": [{"required": [key]} for key in self.keys]}})
        return {"oneOf": one}


Check = Callable[[dict[str, object], Found], None]
"""Adds the faults of a raw map."""


@dataclass(frozen=True, slots=True)
class Bound(Rule):
    """A check, and the schema that says the same."""

    check: Check
    says: Mapping[str, object]

    def __call__(self, value: dict[str, object], found: Found) -> None:
        """What the check adds."""
        self.check(value, found)

    def schema(self) -> Schema:
        """The schema given."""
        return {**self.says}


class Record(Kind):
    """A map with known keys; `build` makes the model's value of what was read.

    `rules` look at the raw map for what no single key shows. `rest` reads keys that are not known; without it they
    are errors. A record with a `name` stands in the schema's definitions, so that records may hold each other.
    A `partial` one is built also where a required key is missing.
    """

    def __init__(
        self,
        fields: Mapping[str, Field],
        build: Callable[..., object],
        *,
        name: str = "",
        rest: Kind | None = None,
        rules: tuple[Check, ...] = (),
        partial: bool = False,
    ) -> None:
        self.fields = dict(fields)
        self.name = name
        self.rules = rules
        self.rest = rest
        self._build = build
        self._partial = partial
        self._required = [key for key, field in self.fields.items() if field.required]
        self._targets = {key: field.to or key for key, field in self.fields.items()}
        self.words = "a map"
        self.label = "{" + ", ".join(self.fields) + "}"

    def read(self, value: object, found: Found) -> object:
        """The built value; BAD if a required key is missing or wrong."""
        if not isinstance(value, dict):
            return self.refuse(value, found)
        fields, targets = self.fields, self._targets
        values: dict[str, object] = {}
        for key, item in value.items():
            field = fields.get(key)
            before = len(found)
            if field is not None:
                got = field.kind.read(item, found)
                if got is not BAD:
                    values[targets[key]] = got
            else:
                self._other(key, item, values, found)
            if len(found) != before:
                place(found, before, key)
        complete = True
        for key in self._required:
            if key not in value:
                found.append(Fault("key.missing", f' needs the key "{key}"', f"{key}: {fields[key].meaning}"))
            complete = complete and targets[key] in values
        for rule in self.rules:
            rule(value, found)
        return self._build(**values) if complete or self._partial else BAD

    def _other(self, key: str, item: object, values: dict[str, object], found: Found) -> None:
        if key.startswith(FREE):
            return
        if self.rest is None:
            said, near = f' has no key "{key}"', (key, self.fields)
            found.append(Fault("key.unknown", said, self._inside(key), part="key", near=near))
            return
        got = self.rest.read(item, found)
        if got is not BAD:
            values[key] = got

    def _inside(self, key: str) -> str | None:
        """The hint where a key of this record would have the unknown one in its map."""
        for name, field in self.fields.items():
            inner = (field.kind, *(() if isinstance(field.kind, Record) else field.kind.parts()))
            if any(isinstance(kind, Record) and key in kind.fields for kind in inner):
                return f"it stands under {name}: {name}: {{{key}: …}}"
        return None

    def schema(self, defs: dict[str, Schema]) -> Schema:
        """An object; by name if it has one."""
        if not self.name:
            return self._schema(defs)
        if self.name not in defs:
            defs[self.name] = {}  # it may hold itself
            defs[self.name] = self._schema(defs)
        return {"$ref": f"#/$defs/{self.name}"}

    def parts(self) -> Sequence[Kind]:
        """The kinds of its keys."""
        return [field.kind for field in self.fields.values()]

    def _schema(self, defs: dict[str, Schema]) -> Schema:
        properties: dict[str, object] = {}
        for key, field in self.fields.items():
            properties[key] = {**field.kind.schema(defs), "description": _described(field)}
        made: Schema = {"type": "object", "properties": properties}
        made["additionalProperties"] = False if self.rest is None else self.rest.schema(defs)
        made["patternProperties"] = {f"^{FREE}": {}}
        if self._required:
            made["required"] = self._required
        rules = [rule.schema() for rule in self.rules if isinstance(rule, Rule)]
        if rules:
            made["allOf"] = rules
        return made


def _described(field: Field) -> str:
    return f"{field.meaning} (default {field.default})" if field.default else field.meaning
