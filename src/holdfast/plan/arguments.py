"""Arguments for a function, fitted to its annotations before it is called.

For any Python from 3.8, as the worker's interpreter may be another than the engine's. Plain data has no dates, paths or
sets: texts and lists become those where an annotation asks for them. Nothing else is converted.
"""

import collections.abc
import datetime as dt
import difflib
import enum
import inspect
import typing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Value = Any
    Hint = Any

PLAIN = {bool: "a bool", int: "an int", float: "a float", str: "a text", list: "a list", dict: "a map"}
SHOWN_MAX = 60
MISSING = inspect.Parameter.empty


class UnfitError(ValueError):
    """A value does not fit its annotation; the message names both."""


class Fitting:
    """What a function takes; made once, used for every call."""

    def __init__(self, name: str, function: "Callable[..., Any]") -> None:
        """Raises ValueError or TypeError where the function does not say what it takes."""
        self.name = name
        self.parameters = inspect.signature(function).parameters
        try:
            self.hints = typing.get_type_hints(function)
        except Exception:  # noqa: BLE001 - annotations are the author's own code, and only ours to read
            self.hints = {}

    def fit(self, arguments: "dict[str, Any]") -> "dict[str, Any]":
        """The arguments in their types; raises UnfitError that says which one does not fit, and why."""
        fitted = dict(arguments)
        takes_all = any(it.kind is it.VAR_KEYWORD for it in self.parameters.values())
        for name, value in arguments.items():
            if name not in self.parameters:
                if not takes_all:
                    raise UnfitError(f"{self.name} has no parameter {name}" + nearest(name, [*self.parameters]))
                continue
            try:
                fitted[name] = converted(value, self.hints.get(name, typing.Any))
            except UnfitError as error:
                raise UnfitError(f"{self.name}: the argument {name} {error}") from None
        for name, parameter in self.parameters.items():
            needed = parameter.default is MISSING and parameter.kind not in (
                parameter.VAR_KEYWORD,
                parameter.VAR_POSITIONAL,
            )
            if needed and name not in fitted and name != "ctx":
                raise UnfitError(f"{self.name} needs the argument {name}; give it under args")
        return fitted


def fitting_of(name: str, function: "Callable[..., Any]") -> "Fitting | None":
    """What a function takes, or None where it does not say so by annotations."""
    annotations = getattr(function, "__annotations__", None) or {}
    if not [it for it in annotations if it != "return"]:
        return None
    try:
        return Fitting(name, function)
    except (TypeError, ValueError):
        return None


def converted(value: "Value", hint: "Hint") -> "Value":
    """The value as the annotation asks for it; raises UnfitError."""
    origin: Hint = typing.get_origin(hint)
    if hint is typing.Any or hint is None or hint is object:
        return value
    if origin is typing.Union or type(hint).__name__ == "UnionType":
        return _one_of(value, typing.get_args(hint))
    if origin is typing.Literal:
        if not any(value == it and type(value) is type(it) for it in typing.get_args(hint)):
            raise _unfit(value, "one of " + ", ".join(repr(it) for it in typing.get_args(hint)))
        return value
    if type(hint).__name__ == "_AnnotatedAlias":
        return converted(value, typing.get_args(hint)[0])
    if origin is not None:
        return _held(value, origin, typing.get_args(hint))
    return _plain(value, hint)


def _one_of(value: "Value", hints: "tuple[Any, ...]") -> "Value":
    if value is None and type(None) in hints:
        return None
    reasons = []
    for hint in hints:
        if hint is not type(None):
            try:
                return converted(value, hint)
            except UnfitError as error:
                reasons.append(str(error))
    if len(reasons) == 1:
        raise UnfitError(reasons[0])
    raise _unfit(value, " or ".join(_name(hint) for hint in hints))


def _held(value: "Value", origin: "Hint", hints: "tuple[Any, ...]") -> "Value":
    """A container whose items have a type."""
    if origin in (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection):
        return [_item(it, hints[0], f"[{at}]") for at, it in enumerate(_is(value, list))]
    if origin in (set, frozenset):
        return origin(_item(it, hints[0], f"[{at}]") for at, it in enumerate(_is(value, list)))
    if origin is tuple:
        items = _is(value, list)
        if len(hints) == 2 and hints[1] is Ellipsis:
            return tuple(_item(it, hints[0], f"[{at}]") for at, it in enumerate(items))
        if len(items) != len(hints):
            raise _unfit(value, f"a list of {len(hints)}")
        return tuple(_item(it, hint, f"[{at}]") for at, (it, hint) in enumerate(zip(items, hints)))  # noqa: B905 - 3.8
    if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
        return {key: _item(it, hints[1], f"[{key!r}]") for key, it in _is(value, dict).items()}
    return value


def _item(value: "Value", hint: "Hint", where: str) -> "Value":
    try:
        return converted(value, hint)
    except UnfitError as error:
        raise UnfitError(f"{where} {error}" if str(error).startswith("must") else f"{where}{error}") from None


def _plain(value: "Value", hint: "Hint") -> "Value":
    if hint in PLAIN:
        return _is(value, hint)
    if hint in (tuple, set, frozenset):
        return hint(_is(value, list))
    if hint is dt.datetime:
        return _moment(value, dt.datetime, "a time such as 2026-12-24T17:00:00Z")
    if hint is dt.date:
        return _moment(value, dt.date, "a date such as 2026-12-24")
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        for member in hint:
            if value in (member.value, member.name):
                return member
        raise _unfit(value, "one of " + ", ".join(str(member.value) for member in hint))
    if isinstance(hint, type) and hint.__module__.partition(".")[0] == "pathlib":
        return hint(_is(value, str))
    return value


def _moment(value: "Value", kind: "Hint", words: str) -> "Value":
    try:
        return kind.fromisoformat(value[:-1] + "+00:00" if value[-1:] in "zZ" and value else value)
    except (TypeError, ValueError, AttributeError):
        raise _unfit(value, words) from None


def _is(value: "Value", kind: "Hint") -> "Value":
    """The value, if it is of a plain type: a bool is no number, and an int may stand for a float."""
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _unfit(value, PLAIN[kind])
    return value


def _unfit(value: "Value", words: str) -> UnfitError:
    shown = repr(value)
    what = next((name for kind, name in PLAIN.items() if type(value) is kind), "nothing" if value is None else "")
    told = shown if len(shown) <= SHOWN_MAX else shown[: SHOWN_MAX - 1] + "…"
    return UnfitError(f"must be {words}, not {told}" + (f", {what}" if what and value is not None else ""))


def _name(hint: "Hint") -> str:
    if hint is type(None):
        return "null"
    return PLAIN.get(hint) or str(getattr(hint, "__name__", hint))


def nearest(name: str, names: "list[str]") -> str:
    """Names the most similar one, as a question; empty when none is."""
    found = difflib.get_close_matches(name, names, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""
