"""Random values of every kind in the table of the plan format, and random changes of them."""

from collections.abc import Callable
from functools import cache

from hypothesis import strategies as st

from holdfast.plan.format.containers import ListOf, MapOf, OneOf, Record
from holdfast.plan.format.forms import DataMap, Values
from holdfast.plan.format.kinds import As, Bool, Choice, Duration, Either, Kind, Null, Number
from holdfast.plan.format.runners import RUNNERS, Apart, AsWritten, Later, Param
from holdfast.plan.format.steps import STEP
from holdfast.plan.format.texts import Data, Expression, Pattern, Text

WORDS = st.sampled_from(["a", "b", "c-d", "x1", "A.b"])
TEXTS = st.sampled_from(["text", "two words", "é", "a: b", "1", ""])
FORMED = (
    *(
        "a",
        "b1",
        "c-d",
        "_e",
        "A.b",
        "web.fetch",
        "m:f",
        "out/x",
        "!out/*.csv",
        "../x",
        "https://a.org/x",
        "0644",
        "KEY",
    ),
    *("2026-12-24", "2026-12-24T17:00:00Z", "effect:once", "cost > 5", "exit.nonzero", "two words", "a[*]", "LC_*"),
)
"""Texts of all the forms there are."""

NUMBERS = st.one_of(st.integers(-3, 300), st.sampled_from([0.5, 1.5, -2.25]))
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2)),
    max_leaves=4,
)
OTHER = st.one_of(DATA, st.sampled_from(["${{ 1 + 1 }}", "${{", "-", "~/x", "90s", "10m", "once", "abort"]))

Strategy = st.SearchStrategy[object]


@cache
def values(kind: Kind) -> Strategy:
    """Values that a kind takes, as far as one value shows it."""
    for cls, make in _MAKERS.items():
        if isinstance(kind, cls):
            return make(kind)
    return st.deferred(lambda: _special(kind))


def _special(kind: Kind) -> Strategy:
    if isinstance(kind, Later):
        return values(kind.kind)
    match type(kind).__name__:
        case "_Criterion":
            return st.one_of([values(part) for part in kind.parts()])
        case "_ShellText":
            return st.sampled_from(["make", 'echo "$A"', "a\nb\n"])
    raise AssertionError(f"no values for {kind}")


def _text(kind: Text) -> Strategy:
    if kind.form is None:
        return TEXTS
    plain = st.sampled_from([text for text in FORMED if kind.matches(text)])
    return plain if kind.scope is None else st.one_of(plain, st.just("${{ 1 + 1 }}"))


def _number(kind: Number) -> Strategy:
    schema = kind.schema({})
    low, high = (
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
    )
    assert low is None or isinstance(low, int | float)
    least, most = (-5 if low is None else low), (300 if high is None else high)
    assert isinstance(most, int | float)
    if schema["type"] == "integer":
        return st.integers(int(least), int(most))
    edges = "exclusiveMinimum" in schema
    return st.floats(least, most, exclude_min=edges, exclude_max=edges and high is not None, allow_subnormal=False)


def _record(kind: Record) -> Strategy:
    return st.deferred(lambda: _built(kind))


@st.composite
def _built(draw: Callable[[Strategy], object], kind: Record) -> object:
    """A map with the required keys, some others, and what its rules ask for."""
    fields = kind.fields
    chosen = [key for key in fields if fields[key].required or draw(st.integers(0, 9)) == 0]
    for rule in kind.rules:
        if isinstance(rule, OneOf):
            wanted = draw(st.sampled_from(rule.keys))
            chosen = [key for key in chosen if key not in rule.keys] + [str(wanted)]
    made: dict[str, object] = {key: draw(values(fields[key].kind)) for key in dict.fromkeys(chosen)}
    if "uses" in fields:
        _add_parameters(draw, made)
    if draw(st.integers(0, 9)) == 0:
        made["x-own"] = draw(DATA)
    if kind.rest is not None:
        made["axis"] = draw(values(kind.rest))
    return made


def _add_parameters(draw: Callable[[Strategy], object], made: dict[str, object]) -> None:
    made.pop("with", None)
    if "uses" in made:
        runner = str(draw(st.sampled_from(sorted(RUNNERS))))
        made["uses"] = runner
        made["with"] = draw(values(RUNNERS[runner]))


def _map(kind: MapOf) -> Strategy:
    schema = kind.schema({})
    least = schema.get("minProperties", 0)
    assert isinstance(least, int)
    return st.dictionaries(values(kind.key), values(kind.parts()[0]), min_size=least, max_size=2)


def _list(kind: ListOf) -> Strategy:
    schema = kind.schema({})
    least = schema.get("minItems", 0)
    assert isinstance(least, int)
    unique = str if schema.get("uniqueItems") else None
    return st.lists(values(kind.parts()[0]), min_size=least, max_size=2, unique_by=unique)


def _either(kind: Either) -> Strategy:
    return st.one_of([values(part) for part in kind.parts()])


def _same(kind: AsWritten | As) -> Strategy:
    return values(kind.parts()[0])


_MAKERS: dict[type[Kind], Callable[..., Strategy]] = {
    Text: _text,
    Expression: lambda kind: st.sampled_from(
        ["true", "1 == 1", *([True, False] if "boolean" in kind.schema({})["type"] else [])]
    ),
    Pattern: lambda _: st.sampled_from(["a*", "[0-9]+", ""]),
    Number: _number,
    Bool: lambda _: st.booleans(),
    Duration: lambda _: st.sampled_from(["90s", "10m", "1d12h", "250ms", 90, 0.5, " 1h "]),
    Choice: lambda kind: st.sampled_from(sorted(kind.options)),
    Data: lambda _: DATA,
    Null: lambda _: st.none(),
    Either: _either,
    Param: lambda kind: st.one_of(_same(kind), st.just("${{ 1 + 1 }}")),
    Apart: _same,
    AsWritten: _same,
    As: _same,
    ListOf: _list,
    MapOf: _map,
    Record: _record,
    DataMap: lambda _: st.dictionaries(WORDS, DATA, max_size=2),
    Values: lambda _: st.lists(DATA, min_size=1, max_size=2),
}


@st.composite
def changed(draw: Callable[[Strategy], object], value: object) -> object:
    """The value with one thing in it changed: replaced, taken out, renamed or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        rest = {name: held for name, held in value.items() if name != key}
        match draw(st.integers(0, 5)):
            case 0:
                return rest
            case 1:
                return {**rest, f"{key}s": value[key]}
            case 2:
                return {**value, str(draw(st.sampled_from(sorted(STEP.fields)))): draw(OTHER)}
            case _:
                return {**value, key: draw(changed(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        place = draw(st.integers(0, len(value) - 1))
        assert isinstance(place, int)
        return [*value[:place], draw(changed(value[place])), *value[place + 1 :]]
    return draw(OTHER)
