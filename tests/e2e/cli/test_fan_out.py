"""Fan-out as users meet it: real commands, a kill in the middle, lists of earlier steps, what is wrong with a list."""

import json
import signal
from pathlib import Path

import pytest

from tests.e2e.cli.program import Program, Running, as_process, wait_until

COUNT = 200
MANY = f"""\
plan: many
limits: {{concurrency: 4}}
steps:
  list:
    command: [python3, -c, 'import json; print(json.dumps(dict(numbers=[*range({COUNT})])), file=open("list", "w"))']
    produces: {{list: list}}
  load: {{run: 'cat list >> "$HOLDFAST_OUTPUT"', depends_on: [list]}}
  each:
    for_each: steps.load.outputs.numbers
    env: {{N: "${{{{ item }}}}"}}
    run: |
      echo "$N" >> begun
      sleep 0.02
      echo "$N" >> done
      echo "square=$((N * N))" >> "$HOLDFAST_OUTPUT"
  sum:
    command: [echo, '${{{{ steps["each[*]"].outputs.square }}}}']
"""


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_nothing_that_finished_runs_again_after_a_kill_in_the_middle(folder: Path) -> None:
    # semantics C2, semantics C5
    (folder / "many.yaml").write_text(MANY)
    running = Running("run", "many.yaml", cwd=folder)
    wait_until(lambda: len(lines(folder / "done")) >= COUNT // 3)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert len(lines(folder / "done")) < COUNT, "it was to be killed in the middle"
    resumed = as_process("resume", cwd=folder)
    assert resumed.code == 0, resumed.err
    expected = [str(n) for n in range(COUNT)]
    assert sorted(lines(folder / "begun"), key=int) == expected
    assert sorted(lines(folder / "done"), key=int) == expected
    shown = as_process("show", "last", "--json", cwd=folder).document
    steps = {step["step"]: step for step in shown["steps"]}
    assert [steps[f"each[{n}]"]["outputs"]["square"] for n in (0, 7, 199)] == ["0", "49", "39601"]
    assert (len(steps["each"]["instances"]), steps["each"]["outputs"]["199"]) == (COUNT, {"square": "39601"})
    squares = json.loads(as_process("logs", "last", "sum", cwd=folder).out)
    assert squares == [str(n * n) for n in range(COUNT)]
    checkup = as_process("doctor", "--json", cwd=folder)
    assert (checkup.code, checkup.document["differences"]) == (0, [])


STOPPED = """\
plan: stopped
limits: {concurrency: 2}
steps:
  each:
    for_each: [good, bad, slow, never, nor-this]
    env: {K: "${{ item }}"}
    run: |
      test "$K" != bad || { while [ ! -e slow ]; do sleep 0.01; done; exit 3; }
      test "$K" != slow || { touch slow; sleep 60; }
      touch "$K"
  after: {run: touch after, depends_on: [each]}
"""


def test_the_first_failure_stops_the_rest_of_a_group_and_only_the_group_decides(program: Program, folder: Path) -> None:
    # semantics S6
    (folder / "p.yaml").write_text(STOPPED)
    assert program("run", "p.yaml").code == 1
    steps = {step["step"]: step for step in program("show", "last", "--json").document["steps"]}
    assert {name: (step["status"], step["why"]) for name, step in steps.items() if step["status"] != "succeeded"} == {
        "each": ("failed", "1 of 5 instances failed: each[bad]: exit code 3"),
        "each[bad]": ("failed", None),
        "each[slow]": ("canceled", "fail-fast"),
        "each[never]": ("canceled", "fail-fast"),
        "each[nor-this]": ("canceled", "fail-fast"),
        "after": ("canceled", "abort"),
    }
    assert not (folder / "after").exists()
    said = program("why", "each[never]").out
    assert "another instance of the step failed (fail: fast)" in said
    assert "each[bad]" in said


ODD = ["a/b", "..", "../../etc/passwd", "A", "a", "ü" * 100, "x" * 500, "sp ace", "-", "🦆", "a]b[", ".", "a#2"]


def test_any_key_has_files_of_its_own(program: Program, folder: Path) -> None:
    document = {"plan": "odd", "steps": {"e": {"for_each": ODD, "command": ["echo", "${{ item }}"]}}}
    (folder / "odd.json").write_text(json.dumps(document))
    assert program("run", "odd.json").code == 0
    for key in ODD:
        assert program("logs", "last", f"e[{key}]").out == f"{key}\n"
    assert program("logs", "last", "e").out.splitlines() == [f"e[{key}] | {key}" for key in ODD]
    assert sorted(path.name for path in folder.iterdir()) == [".holdfast", "odd.json"]
    (logs,) = (folder / ".holdfast" / "runs").glob("*/logs")
    assert len([*logs.iterdir()]) == 2 * len(ODD)


def test_products_and_conditions_may_be_about_the_item(program: Program, folder: Path) -> None:
    (folder / "p.yaml").write_text("""\
plan: p
inputs: {skip: {default: two}}
steps:
  each:
    matrix: {n: [one, two, three]}
    when: item.n != inputs.skip
    command: [sh, -c, 'echo "$1" > "out-$1.txt"', x, "${{ item.n }}"]
    produces: {text: "out-${{ item.n }}.txt"}
    expect: ["artifacts.text.size > 3", "item.n != ''", "index >= 0"]
  join:
    command:
      - cat
      - ${{ steps.each.instances.one.artifacts.text.path }}
      - ${{ steps["each[three]"].artifacts.text.path }}
""")
    assert program("run", "p.yaml").code == 0
    assert program("logs", "last", "join").out == "one\nthree\n"
    assert program("show", "last", "--json").document["status"] == "succeeded"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("for_each: [a, b, a], run: x", "items 0 and 2 have the same key"),
        ("for_each: [{id: 1}], run: x", "item 0 is a map, and a key is text or a number"),
        ("for_each: {items: [a], max_parallel: 0}, run: x", "for_each.max_parallel must be a whole number, 1 or more"),
        ("for_each: {items: 7}, run: x", "for_each.items must be"),
        ("for_each: {items: item.x}, run: x", '"item" is there for each instance'),
        ("for_each: {items: [a], fail: never}, run: x", "for_each.fail must be"),
        ("matrix: {os: [a], exclude: [{so: a}]}, run: x", 'names "so", which is no axis of the matrix'),
        ("for_each: steps.b.outputs.x, run: x", 'refers to step "b", which this plan does not define'),
        ("run: x, env: {A: '${{ item }}'}", '"item" is only there in a step with for_each or matrix'),
        ("command: ['${{ steps[\"c[x]\"].ok }}']", 'refers to an instance of "c", which has no for_each'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(program: Program, folder: Path, step: str, said: str) -> None:
    (folder / "bad.yaml").write_text(f"plan: bad\nsteps:\n  c: {{run: x}}\n  a: {{{step}}}\n")
    refused = program("check", "bad.yaml")
    assert (refused.code, "bad.yaml:4:" in refused.out, said in refused.out) == (3, True, True), refused.out


def test_a_list_that_turns_out_to_be_none_fails_the_step(program: Program, folder: Path) -> None:
    (folder / "p.yaml").write_text("""\
plan: p
steps:
  list: {run: 'echo names=a,b >> "$HOLDFAST_OUTPUT"'}
  each: {for_each: steps.list.outputs.names, command: [echo, "${{ item }}"]}
""")
    assert program("run", "p.yaml").code == 1
    (each,) = [step for step in program("show", "last", "--json").document["steps"] if step["step"] == "each"]
    assert each["why"].startswith("expression.invalid: for_each: the list is text")


def test_a_list_as_an_output_does_not_fill_the_screen(program: Program, folder: Path) -> None:
    (folder / "lists.py").write_text("def numbers():\n    return list(range(5000))\n")
    (folder / "p.yaml").write_text(
        "plan: p\nsteps:\n  a: {uses: python, with: {call: 'lists:numbers', inline: true}}\n"
    )
    assert program("run", "p.yaml").code == 0
    (line,) = (line for line in program("show", "last").out.splitlines() if line.startswith("a.result"))
    assert line.endswith("…")
    assert len(line) < 600
    (step,) = program("show", "last", "--json").document["steps"]
    assert step["outputs"]["result"] == list(range(5000))
