"""A path such as `steps.build.outputs["x"]`: read out of plain data, with a helpful error when it leads nowhere."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import islice
from typing import Final

from holdfast.plan.language.values import kind_of
from holdfast.plan.language.work import ExpressionError, Frame

Closure = Callable[[Frame], object]
Part = str | int | Closure
"""One step of a path: a key, a position, or what computes one of them."""

_MAX_NAMES: Final = 1_000
_MAX_NAME: Final = 64
_LISTED: Final = 8


class Missing:
    """What a path gives that leads nowhere, where that is allowed."""

    __slots__ = ()


MISSING: Final = Missing()


class Path:
    """A path in the text of an expression: where it begins and the parts that follow.

    It begins at `start` in `text`; part i begins at `marks[i]`. `base` computes the value it starts from; None is the
    context, whose names the first part is one of.
    """

    __slots__ = ("base", "marks", "parts", "start", "text")

    def __init__(
        self, text: str, start: int, parts: Sequence[Part], marks: Sequence[int], *, base: Closure | None = None
    ) -> None:
        self.text = text
        self.start = start
        self.base = base
        self.parts = tuple(parts)
        self.marks = tuple(marks)

    def reader(self) -> Closure:
        """The closure that reads this path and raises ExpressionError where it leads nowhere."""
        keys = tuple(part for part in self.parts if isinstance(part, str))
        if self.base is not None or len(keys) < len(self.parts):
            return self.read

        def read(frame: Frame) -> object:
            # A name finds nothing but in a map, so this way is safe, and it is the fast one.
            try:
                return reduce(operator.getitem, keys, frame.context)  # type: ignore[arg-type]  # data of any shape
            except (KeyError, TypeError, IndexError):
                return self.read(frame)

        return read

    def read(self, frame: Frame) -> object:
        """The value at the end of the path; raises ExpressionError where it leads nowhere."""
        value = frame.context if self.base is None else self.base(frame)
        for position, part in enumerate(self.parts):
            key = part(frame) if callable(part) else part
            found = item_or_missing(value, key)
            if isinstance(found, Missing):
                raise self._nowhere(value, key, position)
            value = found
        return value

    def find(self, frame: Frame) -> object:
        """The value at the end of the path, or MISSING."""
        value = frame.context if self.base is None else self.base(frame)
        for part in self.parts:
            value = item_or_missing(value, part(frame) if callable(part) else part)
            if isinstance(value, Missing):
                break
        return value

    def _nowhere(self, value: object, key: object, position: int) -> ExpressionError:
        mark = self.marks[position]
        if self.base is None and position == 0:
            return _no_name(str(key), value if isinstance(value, Mapping) else ()).placed(mark)
        before = self.text[self.start : mark].strip()
        if isinstance(value, Mapping) and isinstance(key, str):
            return _no_key(before, value, key).placed(mark)
        if isinstance(value, list | tuple) and isinstance(key, int) and not isinstance(key, bool):
            return ExpressionError(f"{before} has {len(value)} items, none at position {key}", offset=mark)
        if isinstance(value, Mapping | list | tuple):
            needed = "a text" if isinstance(value, Mapping) else "a whole number"
            return ExpressionError(f"{before} is {kind_of(value)}: its key is {needed}, not {_shown(key)}", offset=mark)
        return ExpressionError(
            f"{before} is {kind_of(value)}, which holds no {_shown(key)}", offset=mark, hint=_method_hint(key)
        )


def item_or_missing(value: object, key: object) -> object:
    """The item of a map by its key or of a list by its position, or MISSING."""
    if isinstance(value, Mapping):
        return value.get(key, MISSING) if isinstance(key, str) else MISSING
    if isinstance(value, list | tuple) and isinstance(key, int) and not isinstance(key, bool):
        return value[key] if -len(value) <= key < len(value) else MISSING
    return MISSING


def nearest(name: str, known: Iterable[object]) -> list[str]:
    """Up to three of the `known` names that are most like `name`."""
    import difflib  # noqa: PLC0415 - only a mistake pays for it

    names = [key for key in islice(known, _MAX_NAMES) if isinstance(key, str) and len(key) <= _MAX_NAME]
    return difflib.get_close_matches(name, names, n=3, cutoff=0.6) if len(name) <= _MAX_NAME else []


def suggestion(name: str, known: Iterable[object]) -> str | None:
    """`did you mean …?` with the known names that are most like `name`."""
    names = nearest(name, known)
    return f"did you mean {' or '.join(names)}?" if names else None


def _no_name(name: str, known: Iterable[object]) -> ExpressionError:
    names = list(islice(known, _MAX_NAMES))
    hint = suggestion(name, names) or (f"known here: {', '.join(sorted(map(str, names))[:20])}" if names else None)
    return ExpressionError(f'"{name}" is not known here', hint=hint)


def _no_key(before: str, value: Mapping[object, object], key: str) -> ExpressionError:
    names = [name for name in islice(value, _MAX_NAMES) if isinstance(name, str)]
    longer = next((name for name in names if name.startswith((f"{key}-", f"{key}."))), None)
    if longer is not None and len(longer) <= _MAX_NAME:
        hint: str | None = f'write {before}["{longer}"]: after a dot a name ends at a hyphen or a dot'
    else:
        hint = suggestion(key, names)
    if hint is None:
        listed = [name for name in names if len(name) <= _MAX_NAME][:_LISTED]
        hint = f"it has {', '.join(listed)}{' …' if len(names) > len(listed) else ''}" if listed else "it is empty"
    return ExpressionError(f"{before} has no key {_shown(key)}", hint=hint)


def _shown(key: object) -> str:
    if isinstance(key, str):
        return f'"{key[:_MAX_NAME]}{"…" if len(key) > _MAX_NAME else ""}"'
    return str(key) if isinstance(key, int) and key.bit_length() < 64 else kind_of(key)


def _method_hint(key: object) -> str | None:
    return "values have no methods or attributes; functions are called like lower(x)" if isinstance(key, str) else None
