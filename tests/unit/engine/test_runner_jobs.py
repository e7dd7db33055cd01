"""Our own runners are jobs of the warm worker: what they are told, and what becomes of their answers."""

from pathlib import Path

import pytest

from holdfast.run import events as ev
from tests.unit.engine.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_files_are_written_patched_copied_and_removed_in_one_plan(shop: Workshop) -> None:
    end = shop.run(r"""
        inputs: {name: {default: out}}
        steps:
          a: {uses: file, with: {op: write, path: "${{ inputs.name }}/a", content: "1\n2\n"}}
          b: {uses: file, depends_on: [a], with: {op: patch, path: out/a, diff: "@@ -1,2 +1,2 @@\n 1\n-2\n+two\n"}}
          c: {uses: file, depends_on: [b], with: {op: move, from: "${{ steps.b.outputs.path }}", path: b}}
          d: {uses: file, with: {op: write, path: c.json, content: "${{ steps.c.outputs }}"}}
        """)
    assert end.exit_code == 0
    assert shop.text("b") == "1\ntwo\n"
    assert shop.text("c.json") == '{\n  "path": "b",\n  "changed": true,\n  "bytes": 6\n}\n'
    assert shop.log(end, "b.1.out") == b"patch out/a: done\n"


def test_a_place_that_only_the_template_gives_is_refused_when_it_is_known(shop: Workshop) -> None:
    end = shop.run("""
        inputs: {name: {default: ../x}}
        steps:
          a: {uses: file, retry: 3, with: {op: write, path: "${{ inputs.name }}", content: x}}
        """)
    assert shop.error(end, "a") == ev.Error("spawn.failed", "../x lies outside of policy.write_roots, now [.]")
    assert shop.starts(end) == {"a": 1}  # semantics S22: it is fatal


def test_a_definite_failure_of_a_once_effect_is_no_doubt(shop: Workshop) -> None:
    # semantics E2
    end = shop.run("""
        steps:
          a: {uses: file, effect: once, with: {op: move, from: none, path: b}}
        """)
    assert end.status == "failed"
    assert shop.error(end, "a") == ev.Error("exit.nonzero", "there is no none to move")


def test_the_record_shows_what_was_done_and_never_the_content(shop: Workshop) -> None:
    end = shop.run("steps: {a: {uses: file, with: {op: write, path: p, content: hidden}}}")
    started = next(event.body for event in shop.events(end) if isinstance(event.body, ev.AttemptStarted))
    assert started.launch is not None
    assert started.launch.argv == ("file write p",)
