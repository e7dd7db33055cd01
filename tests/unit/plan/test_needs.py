"""What a step needs: as written, by reference, and as the reader of what another makes."""

import pytest

from holdfast.plan.model import ArtifactStdin
from holdfast.plan.parse import parse_plan
from tests.unit.plan.plans import plan


def needs(text: str) -> tuple[str, ...]:
    """What the last step of a plan needs."""
    return plan(text).steps[-1].needs


BEFORE = "plan: p\nsteps:\n  a: {run: x, produces: {f: out/f, g: dir}}\n  b-c: {run: x}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run: x", ()),
        ("run: x, depends_on: [b-c, a]", ("b-c", "a")),
        ("run: x, when: steps.a.ok", ("a",)),
        ("run: x, when: 'steps[\"b-c\"].ok'", ("b-c",)),
        ("run: x, skip_if: [steps.a.ok]", ("a",)),
        ("run: x, requires: [steps.a.ok]", ("a",)),
        ("run: x, expect: [steps.a.ok]", ("a",)),
        ('run: x, env: {A: "${{ steps.a.outputs.n }}"}', ("a",)),
        ('run: x, stdin: "${{ steps.a.outputs.n }}"', ("a",)),
        ('run: x, cwd: "${{ steps.a.outputs.n }}"', ("a",)),
        ('command: [x, "-n=${{ steps.a.outputs.n }}"]', ("a",)),
        ('uses: python, with: {call: "m:f", args: {deep: [{x: "${{ steps.a.ok }}"}]}}', ("a",)),
        ('uses: someone, with: {deep: [{x: "${{ steps.a.ok }}"}]}', ("a",)),
        ("run: x, for_each: steps.a.outputs.list", ("a",)),
        ("run: x, metrics: {n: steps.a.duration_s}", ("a",)),
        ("run: x, failure_modes: [{name: n, detect: steps.a.ok}]", ("a",)),
        ("run: x, rollback: {command: ['${{ steps.a.ok }}']}", ("a",)),
        ("run: x, stdin: {artifact: a.f}", ("a",)),
        ("run: x, consumes: [f]", ("a",)),
        ("run: x, consumes: [step:a]", ("a",)),
        ("run: x, reads: [out/f]", ("a",)),
        ("run: x, reads: [./out/../out/f]", ("a",)),
        ("run: x, reads: [dir/inside.txt]", ("a",)),
        ("run: x, reads: [other]", ()),
        ("uses: gate, with: {question: q, shows: [a.f]}, next: [{on: success, to: a}]", ("a",)),
        ("run: x, gate: {question: q, evidence: [a.g]}", ("a",)),
        ("run: x, depends_on: [a], when: steps.a.ok, reads: [out/f]", ("a",)),
    ],
)
def test_a_step_needs_what_it_names_refers_to_and_reads(text: str, expected: tuple[str, ...]) -> None:
    made = parse_plan(f"{BEFORE}  z: {{{text}}}".encode(), "p", runners=("python", "gate", "someone"))
    assert [it for it in made.problems if it.code not in {"plan.loop", "gate.unused"}] == []
    text_without_loop = text.replace(", next: [{on: success, to: a}]", "")
    again = parse_plan(f"{BEFORE}  z: {{{text_without_loop}}}".encode(), "p", runners=("python", "gate", "someone"))
    assert again.plan is not None
    assert again.plan.steps[-1].needs == expected


def test_artifacts_are_written_out() -> None:
    made = plan(
        f"{BEFORE}  z: {{run: x, consumes: [f, 'artifact:a.g', b-c], stdin: {{artifact: g}}}}\nexports: {{o: f}}"
    )
    assert made.steps[-1].files.consumes == ("a.f", "a.g", "b-c")
    assert made.steps[-1].process.stdin == ArtifactStdin(artifact="a.g")
    assert made.exports == {"o": "a.f"}


def test_a_step_and_its_only_artifact_of_the_same_name_are_one() -> None:
    made = plan("plan: p\nsteps:\n  c: {run: x, produces: {c: o}}\n  d: {run: x, consumes: [c]}")
    assert made.steps[1].needs == ("c",)


@pytest.mark.parametrize(
    ("text", "templated"),
    [
        ("run: x", False),
        ("run: x, title: '${{ 1 }}'", False),
        ("run: x, when: inputs == 1", False),
        ("run: x, env: {A: '${{ 1 }}'}", True),
        ("run: x, cwd: '${{ 1 }}'", True),
        ("run: x, stdin: '${{ 1 }}'", True),
        ("command: ['${{ 1 }}']", True),
        ("uses: python, with: {call: 'm:f', args: {a: ['${{ 1 }}']}}", True),
    ],
)
def test_a_step_is_templated_if_what_it_starts_with_holds_a_template(text: str, *, templated: bool) -> None:
    assert plan(f"plan: p\nsteps: {{a: {{{text}}}}}").steps[0].templated is templated


def test_a_template_in_the_plans_environment_makes_every_step_templated() -> None:
    assert plan('plan: p\nenv: {A: "${{ run.id }}"}\nsteps: {a: {run: x}}').steps[0].templated
