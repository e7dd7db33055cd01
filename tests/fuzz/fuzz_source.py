"""Throws random and damaged bytes at the reader of plans: `python tests/fuzz/fuzz_source.py --count 1000000`.

Whatever the bytes, there is a plan or there are problems with places, never an exception; a plan survives its stored
form, and no input takes more than its share of time and memory.
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
from typing import Final

import msgspec

from holdfast.plan.format.steps import STEP
from holdfast.plan.format.table import PLAN
from holdfast.plan.model import Plan
from holdfast.plan.notyet import unsupported
from holdfast.plan.parse import parse_plan
from holdfast.plan.source.document import read_source

MAX_CPU_S: Final = 3.0
MAX_GROWTH_KIB: Final = 256 * 1024

SEED: Final = """\
plan: nightly
title: Nightly é report
inputs: {day: {type: date, required: true}, n: {type: int, default: 3, enum: [1, 3]}}
env: {A: "${{ inputs.day }}"}
secrets: [KEY]
limits: {concurrency: 4, time: 2h, resources: {gpu: 2}}
hypotheses: {h: {statement: s}}
policy: {write_roots: [., ../out], require_gate: [kind:deploy], hosts: {allow: ["*.org"]}}
defaults: &d {timeout: 10m, retry: {attempts: 3, delay: 2s}}
steps:
  extract:
    run: |
      ./extract.sh "$DAY" > data/raw.csv
    env: {DAY: "${{ inputs.day }}", X: null}
    reads: [extract.sh, "src/**/*.py", "!src/x*"]
    produces: {raw: data/raw.csv, log: {path: logs, optional: true}}
  clean-up:
    depends_on: [extract]
    command: [python, clean.py, "${{ steps.extract.outputs.n }}"]
    when: steps.extract.ok and inputs.n > 1
    expect: ["exit_code == 0", {prose: looks right}]
    on_failure: {fallback: other}
    next: [{on: failure, to: extract, max_visits: 2}]
  other: {run: x, x-note: *d}
  many: {uses: python, with: {call: "m:f", args: {a: ["${{ item }}"]}}, for_each: [1, 2], consumes: [raw]}
  approve:
    uses: gate
    with: {kind: choose, question: "?", options: [{id: a}, {id: b}], shows: [extract.raw]}
  publish:
    uses: http
    with: {method: POST, url: "https://a.org/x", json: {a: 1}}
    depends_on: [approve, "many[*]"]
    effect: once
    reconcile: {command: [./is-published]}
    rollback: other
    evidence: [{for: h, supports: strong, artifact: extract.raw}]
    stdin: {artifact: raw}
finally:
  notify: {run: ./notify.sh, env: {O: "${{ run.outcome }}"}}
outputs: {o: 'steps["clean-up"].outputs.o'}
exports: {raw: extract.raw}
"""
DATA: Final = read_source(SEED.encode(), "seed").value
TOKENS: Final = (
    *(
        "plan: p\n",
        "steps:\n",
        "  a:\n",
        "    run: x\n",
        "a: ",
        "- ",
        "? ",
        ": ",
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        "\n",
        "\n  ",
    ),
    *(
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "!x ",
        "| \n",
        "> \n",
        "'",
        '"',
        "#",
        "%YAML 1.2\n",
        "---\n",
        "...\n",
        "\t",
        "\r\n",
    ),
    *(
        "~",
        "null",
        "true",
        "NO",
        "0x1F",
        "0o7",
        "1e999",
        ".inf",
        "-1",
        "9" * 25,
        "1.5",
        "12:30",
        "\\",
        "\\u0000",
        "\\ud800",
    ),
    *("${{", "}}", "${{ steps.a.ok }}", "é", "\u2028", "\ufeff", "\0", "\x01", "x" * 300, "10m", "once", "fallback"),
    *PLAN.fields,
    *STEP.fields,
)
_GRAFTS: Final[tuple[object, ...]] = (
    *(
        None,
        True,
        0,
        1,
        -1,
        2.5,
        10**15,
        "",
        "a",
        "extract",
        "nope",
        "10m",
        "raw",
        "extract.raw",
        "${{ inputs.n }}",
        "${{",
    ),
    *(
        "steps.other.ok",
        "steps.nope.ok",
        "1 +",
        "a b",
        "~/x",
        "..",
        "out/**",
        "once",
        [],
        {},
        [[]],
        ["a", "a"],
        {"a": {}},
    ),
    *(
        {"fallback": "other"},
        {"goto": "extract"},
        {"run": "x"},
        {"prose": "p"},
        {"path": "out"},
        {"artifact": "raw"},
    ),
)
VALUES: Final = tuple(msgspec.json.encode(it) for it in _GRAFTS)


def noise(rng: random.Random) -> bytes:
    """Any bytes."""
    return rng.randbytes(rng.choice((1, 3, 20, 200)))


def soup(rng: random.Random) -> bytes:
    """Tokens of YAML, JSON and plans in any order."""
    text = "".join(rng.choice(TOKENS) for _ in range(rng.randint(1, rng.choice((4, 15, 80)))))
    return text.encode("utf-8", "surrogatepass")


def mutant(rng: random.Random) -> bytes:
    """A good plan with some bytes changed."""
    data = bytearray(SEED.encode() if rng.random() < 0.7 else msgspec.json.encode(DATA))
    for _ in range(rng.choice((1, 1, 2, 5, 30))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at:at] = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
            case 1:
                del data[at : at + rng.randint(1, rng.choice((2, 40, 400)))]
            case 2:
                data[at:at] = data[max(0, at - rng.randint(1, 60)) : at]
            case 3:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                other = rng.randrange(len(data) + 1)
                data[at:at] = data[other : other + rng.randint(1, 80)]
    return bytes(data)


def graft(rng: random.Random) -> bytes:
    """A good plan with some values exchanged."""
    data = msgspec.json.decode(msgspec.json.encode(DATA))
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        holder, key = data, rng.choice(sorted(data) or [""])
        while (
            isinstance(holder.get(key) if isinstance(holder, dict) else holder[key], dict | list)
            and rng.random() < 0.85
        ):
            inner = holder[key]
            if not inner:
                break
            holder = inner
            key = rng.choice(sorted(inner)) if isinstance(inner, dict) else rng.randrange(len(inner))
        if isinstance(holder, dict) and rng.random() < 0.3:
            key = rng.choice((*PLAN.fields, *STEP.fields, "x-y", "", "a.b"))
        holder[key] = msgspec.json.decode(rng.choice(VALUES))
    return msgspec.json.encode(data)


def nest(rng: random.Random) -> bytes:
    """A deep, long or expanding thing."""
    count = rng.choice((10, 63, 65, 200, 3_000, 20_000))
    kind = rng.randrange(6)
    if kind == 0:
        return (rng.choice(("[", "{", "- ", "? ", "{a: ", "[&a ", '{"a":', "!!seq [", "'")) * count).encode()
    if kind == 1:
        return ("plan: p\nsteps: {a: {run: x, x: " + "[" * count + "]" * count + "}}").encode()
    if kind == 2:
        width = rng.randint(2, 12)
        return "\n".join(
            ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, min(count, 200))]
        ).encode()
    if kind == 3:
        return ("a: " + rng.choice(("9", "x", " ", "'", "é", "- ", "%", "\\")) * count).encode()
    if kind == 4:
        return (
            "plan: p\nsteps: {"
            + "".join(f"s{n}: {{run: x, depends_on: [s{n + 1}]}}, " for n in range(count // 20))
            + "}"
        ).encode()
    return ('plan: p\nsteps: {a: {run: x, when: "' + rng.choice(("(", "not ", "1+", "[")) * count + '1"}}').encode()


Maker = Callable[[random.Random], bytes]
KINDS: Final[tuple[tuple[int, Maker], ...]] = ((100, noise), (250, soup), (300, mutant), (330, graft), (8, nest))


def check(data: bytes, name: str) -> bool:
    """True if the bytes hold a valid plan; fails if the answer is none."""
    made = parse_plan(data, name)
    errors = [problem for problem in made.problems if problem.severity == "error"]
    assert (made.plan is None) is bool(errors), "a plan or errors"
    lines = data.count(b"\n") + 1
    for problem in made.problems:
        assert 1 <= problem.line <= lines, f"line {problem.line}"
        assert problem.column >= 1
        assert problem.message
        assert not problem.message.startswith((" ", ":"))
        assert problem.file == name
        assert str(problem).encode(), "the message can be printed"
    if made.plan is not None:
        assert msgspec.json.decode(msgspec.json.encode(made.plan), type=Plan) == made.plan, "the stored form"
        for missing in unsupported(made.plan):
            assert made.positions.of(missing.path)[0] >= 1
    return made.plan is not None


def attempt(data: bytes, name: str) -> bool:
    """True if the bytes hold a valid plan. Raises AssertionError with the input."""
    begun = time.process_time()
    try:
        good = check(data, name)
    except BaseException as error:
        raise AssertionError(f"{name}: {data!r} gives {type(error).__name__}: {error}") from error
    spent = time.process_time() - begun
    assert spent < MAX_CPU_S, f"{data[:1000]!r} takes {spent:.1f} s"
    return good


def fuzz(seed: int, count: int) -> int:
    """Try `count` inputs; the number of those that were plans. Raises AssertionError with the input."""
    rng = random.Random(seed)
    weights = [weight for weight, _ in KINDS]
    good = 0
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _, make in rng.choices(KINDS, weights, k=count):
            data = make(rng)
            good += attempt(data, rng.choice(("plan.yaml", "plan.yaml", "plan.json")))
            assert not warned, f"{data!r} warns: {warned[0].message}"
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            assert grown - memory < MAX_GROWTH_KIB, f"{data[:1000]!r} takes {(grown - memory) >> 10} MiB"
    return good


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
        f"{options.count:,} inputs, {good:,} were plans, {options.count - good:,} were not; {spent:.0f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
