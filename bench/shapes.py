"""The workloads' shapes, the same for every contender: steps by number with the numbers they depend on."""

import json
from pathlib import Path

LAYER = 100
MODULE = '''\
"""The functions that the benchmark's steps call."""

import os
import time


def noop():
    return None


def numbers(n):
    """A list to fan out over."""
    return list(range(n))


def payload(size, i):
    """A new text of `size` characters, made in one piece and in no time."""
    return str(i).rjust(size, "x")


def marked(i, path):
    """One step that can be seen from outside: its number and time, one line."""
    time.sleep(0.001)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"%d %d\\n" % (i, time.time_ns()))
    os.close(descriptor)
'''


def chain(n: int) -> list[tuple[int, ...]]:
    """W2: each step needs the one before."""
    return [(i - 1,) if i else () for i in range(n)]


def wide(n: int) -> list[tuple[int, ...]]:
    """W3: no step needs another."""
    return [()] * n


def layers(n: int) -> list[tuple[int, ...]]:
    """W4: layers of 100; each step needs three of the layer before."""
    needs: list[tuple[int, ...]] = []
    for i in range(n):
        layer, at = divmod(i, LAYER)
        inputs = sorted({(at * 7 + j * 13 + layer) % LAYER for j in range(3)}) if layer else ()
        needs.append(tuple((layer - 1) * LAYER + each for each in inputs))
    return needs


SHAPES = {"chain": chain, "wide": wide, "layers": layers}


def fan_file(folder: Path, n: int) -> Path:
    """A Holdfast plan that fans out over a list of `n` numbers which an earlier step gives."""
    path = plan_file(folder, "fan", [], [])
    each = inline("noop") | {"for_each": "steps.list.outputs.result"}
    path.write_text(json.dumps({"plan": "fan", "steps": {"list": inline("numbers", n=n), "each": each}}))
    return path


def inline(call: str, **arguments: object) -> dict[str, object]:
    """A step that calls a function of the module inside the engine."""
    given: dict[str, object] = {"call": f"bench_steps:{call}", "inline": True}
    return {"uses": "python", "with": given | ({"args": arguments} if arguments else {})}


def plan_file(folder: Path, name: str, steps: list[dict[str, object]], needs: list[tuple[int, ...]]) -> Path:
    """A Holdfast plan of these steps, with the module beside it."""
    (folder / "bench_steps.py").write_text(MODULE)
    entries = {
        f"s{i}": step | ({"depends_on": [f"s{j}" for j in before]} if before else {})
        for i, (step, before) in enumerate(zip(steps, needs, strict=True))
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"plan": name, "steps": entries}))
    return path
