"""Throws random texts at expressions, templates and patterns: `python tests/fuzz/fuzz_expr.py --count 1000000`.

Nothing but ExpressionError may come out, its offset lies in the text, a result is plain data of bounded size, no
warning is given, and no input takes more than its share of time and memory.
"""

import argparse
import os
import random
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final

import msgspec

from holdfast.plan.expr import ExpressionError, compile_expression, compile_pattern, compile_template, status_synonyms

MAX_CPU_S: Final = 10.0
"""The slowest takes half a second; the rest is for a machine that is busy."""
MAX_GROWTH_KIB: Final = 256 * 1024
MAX_ENCODED: Final = 4 * 1_048_576


def tokens(text: str) -> tuple[str, ...]:
    return tuple(text.split(" "))


NAMES: Final = tokens("steps inputs run disk network stdout many deep words a b x nope")
KEYS: Final = tokens("ok status outputs build day n free online f items _x __class__ import")
FUNCTIONS: Final = tokens(
    "len max min sum abs round any all sorted str int float bool lower upper strip split join startswith endswith "
    "contains matches exists empty size duration date now_utc hash json get eval open"
)
ATOMS: Final = (
    *tokens(
        "0 1 2 -1 7 0.5 1e3 1e308 0x1F 1_000 9 400 true false null True None [] {} stdout many deep words now_utc()"
    ),
    *tokens('"a" \'b\' "" "10m" "50MB" "2026-01-31" "2026-01-31T10:00:00Z" "(a+)+" "é" r"\\d+" "\\n"'),
    *('"[1, {}]"', '"success"', '[1, "a"]', '{"k": [1]}', "steps.build.ok", "steps.run-tests.ok"),
    *('steps["run-tests"].ok', "steps.build.outputs.n", "inputs.day"),
)
OPERATORS: Final = tokens(
    "+ - * / // % ** == != < <= > >= and or in <= if else not is & | ^ << >> ~ @ := = => && || ! ? ; \\ `"
)
SOUP: Final = (
    *(*NAMES, *KEYS, *FUNCTIONS, *ATOMS, *OPERATORS),
    *tokens("( ) [ ] { } . , : ' \" # $ ${{ }} lambda for async await yield \n \r \t \0 \v \f \u00a0 \u2028 \ufeff"),
    *tokens("é \ufb01 \U0001d7d9 \u0663 \ud800"),
)
PATTERN_SOUP: Final = tokens(
    "a b z 0 _ - é . ^ $ | ( ) [ ] { } * + ? \\d \\w \\s \\D \\W \\S \\b \\B \\A \\Z \\1 \\x41 \\u00e9 \\n \\. [a-z] "
    "[^a] (?: (?P<n> (?i) (?m) (?s) (?= (?! (?<= (?> (?P=n) {2} {1,3} {,2} {2,} {1000} {0,999} .* .+ .*? a++ [] [^] "
    "\\ , (a+)+ (a|a)* (.*)* (a?){9}a{9}"
)
NESTS: Final = tuple(
    line.split("~~")
    for line in (
            "(~~1~~)", "[~~~~]", "{1:~~1~~}", "not ~~true~~", "-~~1~~", "~ ~~1~~", "1 if true else ~~2~~", "x.~~a~~",
            "x[~~0~~]", "str(~~1~~)", "1+~~1~~", "2**~~2~~", "a and ~~a~~", "1<~~2~~", "~~1~~, 1", "lambda:~~1~~",
            "x.a~~~~", "get(x,'a',~~1~~)", "1,~~1~~", "'a' ~~'b'~~", "-(~~1~~)", "not (~~1~~)", "[1]+~~[2]~~",
            "many+~~many~~", "stdout+~~stdout~~", "a*~~a~~", "${{~~1~~}}", "{'k':~~many~~}", "[many,~~stdout~~]",
            "max(many)+~~1~~", "await ~~x~~", ".5~~~~", "(a~~~~)*", "(?:~~a~~)?", "a{2}~~~~", "[~~a~~]", "a|~~b~~",
    )
)  # fmt: skip
"""What is written before, in and after a deep nesting."""
HEAVY: Final = (
    *("sorted({0}) == sorted({1})", "sum({0}) + sum({1})", "{0} == {1}", "{1} in {0}", "contains({0}, {1})"),
    *("hash({0})", "[{0}, {0}, {0}, {0}] == [{0}, {0}, {0}, {1}]", 'join({0}, "{1}")', "json(str({0}))"),
    *("max({0}, {1})", "upper({0})", 'matches(str({0}), "(e|r)*r(e|r){{9}}")', 'matches({0}, ".*a.*b.*c")', "min({0})"),
    *("[" + "{0}," * 40 + "{1}]", " == ".join(["{0}"] * 60), " + ".join(["{0}"] * 60), "str([{0}, {1}, {0}])"),
    *("int({0})", "float({0})", "bool({0})", "round({0}, {1})", "{0} ** {1}", "split(join({0}, stdout))"),
)
"""Expressions that do much with two values."""
SUBJECTS: Final = ("", "\n", "a", "a" * 400 + "!", "error 12\nfatal: é\n", "ab" * 200, "0.1,-2 é\n" * 40)

CONTEXT: Final[dict[str, object]] = {
    "steps": {
        "build": {"ok": True, "status": "succeeded", "outputs": {"n": 3, "f": 2.5, "items": ["a", "b"], "none": None}},
        "run-tests": {"ok": False, "status": "failed", "outputs": {}},
    },
    "inputs": {"day": "2026-01-31", "n": 7, "max-size": 10},
    "run": {"id": "r1", "started_at": "2026-01-31T10:00:00Z"},
    "disk": {"free": 10**12, "store_free": 10**9},
    "network": {"online": True},
    "now_utc": 1_770_000_000.5,
    "stdout": "error: 12 failed\n" * 3_855,
    "many": list(range(2_000)),
    "vast": list(range(100_000)),
    "words": [f"word-{i % 97}" for i in range(1_000)],
    "deep": [[[[[[[[{"a": [[[[[1]]]]]}]]]]]]]],
    "a": 10**300,
    "b": [[1, 2], [1, 2.0], [True], {"x": None}],
    "x": {"a": {"x": {"a": 1}}},
}


def soup(rng: random.Random) -> str:
    """Any tokens in any order."""
    glue = rng.choice(("", " ", " "))
    return glue.join(rng.choice(SOUP) for _ in range(rng.randint(0, rng.choice((4, 12, 60)))))


def sentence(rng: random.Random, depth: int = 0) -> str:
    """Mostly an expression that compiles."""
    if depth > 4 or rng.random() < 0.25:
        return rng.choice(ATOMS)
    part = partial(sentence, rng, depth + 1)
    match rng.randrange(9):
        case 0:
            return f"{part()} {rng.choice(OPERATORS[:16])} {part()}"
        case 1:
            return f"({part()})"
        case 2:
            return f"{rng.choice(FUNCTIONS)}({', '.join(part() for _ in range(rng.choice((1, 1, 2, 2, 3))))})"
        case 3:
            return f"{part()} if {part()} == {part()} else {part()}"
        case 4:
            return f"[{part()}, {part()}]"
        case 5:
            return f"{part()}[{part()}]"
        case 6:
            return f"{rng.choice(NAMES)}.{rng.choice(KEYS)}.{rng.choice(KEYS)}"
        case 7:
            return f"{{{part()}: {part()}}}"
        case _:
            return f"{rng.choice(('not ', '-', '+'))}{part()}"


def mutant(rng: random.Random) -> str:
    """An expression with a few characters changed."""
    chars = list(sentence(rng))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(chars) + 1)
        match rng.randrange(4):
            case 0:
                chars.insert(at, rng.choice(SOUP))
            case 1:
                del chars[at : at + rng.randint(1, 3)]
            case 2:
                chars[at:at] = chars[max(0, at - rng.randint(1, 30)) : at]
            case _:
                chars[at : at + 1] = chr(
                    rng.choice((rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x110000)))
                )
    return "".join(chars)


def nest(rng: random.Random) -> str:
    """A deep or a long thing."""
    opening, middle, closing = rng.choice(NESTS)
    count = rng.choice((2, 16, 31, 33, 64, 200, 600, 3_000, 20_000))
    return opening * count + middle + closing * count


def huge(rng: random.Random) -> str:
    """A literal that is large, alone or in some use."""
    size = rng.choice((10, 300, 640, 700, 4_000, 4_095, 5_000))
    literal = rng.choice(
        (
            "9" * size, "0x" + "f" * size, "1e" + "9" * rng.randint(1, 9), "." + "1" * size, '"' + "a" * size + '"',
            '"' + "\\u0041" * (size // 6) + '"', "_" * size, "a" * size, "1_" * (size // 2) + "1", " " * size + "1",
            "0b" + "1" * size, f"{rng.randint(2, 99)}**{rng.randint(2, 99_999)}", '"' + "[" * size + '"',
        )
    )  # fmt: skip
    use = ("{}", "{} + 1", "len({})", "str({})", "json({})", "duration({})", "2 ** {}", "{} ** {}", "x[{}]", "hash({})")
    return rng.choice(use).replace("{}", literal)


def heavy(rng: random.Random) -> str:
    """Much work in a short text."""
    part = rng.choice(
        ("many", "stdout", "words", "many + many + many", "stdout + stdout", "split(stdout)", "[many, many]")
    )
    other = rng.choice(("vast", "many", "words", "stdout", '"error"', "19999", "[many, many]", 'split(stdout, "e")'))
    return rng.choice(HEAVY).format(part, other)


def pattern(rng: random.Random) -> str:
    """Tokens of patterns."""
    return "".join(rng.choice(PATTERN_SOUP) for _ in range(rng.randint(0, rng.choice((4, 12, 40)))))


def evaluate(text: str) -> None:
    """One expression, compiled and evaluated, and its statuses looked at."""
    expression = compile_expression.__wrapped__(text)
    assert all(0 <= reference.offset < len(text) for reference in expression.references), "offset of a reference"
    status_synonyms(expression)
    check_plain(expression.evaluate(CONTEXT))


def render(text: str) -> None:
    """One template, compiled and rendered."""
    compile_expression.cache_clear()
    template = compile_template(text)
    assert (template is None) == ("${{" not in text), "a template is a text with ${{"
    if template is not None:
        assert all(
            text.startswith(str(ref.path[0]), ref.offset) for ref in template.references if str(ref.path[0]) in text
        )
        check_plain(template.render(CONTEXT))


def match(text: str) -> None:
    """One pattern, compiled and matched."""
    compiled = compile_pattern.__wrapped__(text)
    for subject in SUBJECTS:
        assert compiled.search(subject) in {True, False}
        if compiled.fullmatch(subject):
            assert compiled.search(subject), "what matches as a whole is found"


def check_plain(value: object) -> None:
    """Fails unless `value` is plain data of bounded size."""
    assert len(msgspec.json.encode(value)) <= MAX_ENCODED, "size of the result"


def template(rng: random.Random) -> str:
    """Texts and expressions in turn, not always well closed."""
    text = ""
    for _ in range(rng.randint(1, 3)):
        text += rng.choice(("", "a", "}} ", "é $", "{{", "${{", '"')) + "${{"
        text += rng.choice((sentence, sentence, mutant, soup))(rng) + rng.choice(("}}", "}}", "}}", " }}", "}", ""))
    return text


Target = Callable[[str], None]
Maker = Callable[[random.Random], str]
KINDS: Final[tuple[tuple[int, Maker, Target], ...]] = (
    (220, soup, evaluate),
    (250, sentence, evaluate),
    (200, mutant, evaluate),
    (40, nest, evaluate),
    (40, huge, evaluate),
    (3, heavy, evaluate),
    (117, template, render),
    (10, nest, render),
    (110, pattern, match),
    (10, nest, match),
)


def fuzz(seed: int, count: int) -> int:
    """Try `count` inputs; the number of those that compiled and gave a result. Raises AssertionError with the input."""
    rng = random.Random(seed)
    weights = [weight for weight, _, _ in KINDS]
    good = 0
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _, make, target in rng.choices(KINDS, weights, k=count):
            text = make(rng)
            good += attempt(target, text)
            assert not warned, f"{text!r} warns: {warned[0].message}"
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            assert grown - memory < MAX_GROWTH_KIB, f"{text!r} takes {(grown - memory) >> 10} MiB"
    return good


def attempt(target: Target, text: str) -> bool:
    """True if the target accepts `text`; False if it refuses it as it should."""
    begun = time.process_time()
    refused: ExpressionError | None = None
    try:
        target(text)
    except ExpressionError as error:
        refused = error
    except BaseException as error:
        raise AssertionError(f"{target.__name__}({text!r}) lets {type(error).__name__} out: {error}") from error
    finally:
        spent = time.process_time() - begun
        assert spent < MAX_CPU_S, f"{text!r} takes {spent:.1f} s"
    if refused is not None:
        assert refused.offset is None or 0 <= refused.offset <= len(text), f"{text!r}: offset {refused.offset}"
        assert str(refused).encode(), "the message can be printed"
    return refused is None


def chunks(seed: int, count: int, size: int = 10_000) -> Iterable[tuple[int, int]]:
    """Seeds and counts that make `count` inputs in pieces."""
    for begun in range(0, count, size):
        yield seed * 1_000_003 + begun // size, min(size, count - begun)


def main(arguments: list[str]) -> int:
    """Fuzz on every core and say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    pieces = list(chunks(options.seed, options.count))
    with ProcessPoolExecutor(options.jobs) as pool:
        good = sum(pool.map(fuzz, *zip(*pieces, strict=True)))
    spent = time.monotonic() - begun
    sys.stdout.write(
        f"{options.count:,} inputs, {good:,} gave a result, {options.count - good:,} were refused; {spent:.0f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
