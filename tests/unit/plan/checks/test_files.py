"""What steps read and leave behind: paths, products, globs."""

import pytest

from tests.unit.plan.plans import codes, in_step, one, plan, problems


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("produces: {f: ../x}", ["path.outside"]),
        ("produces: {f: /tmp/x}", ["path.outside"]),
        ("produces: {f: {path: a/../../x}}", ["path.outside"]),
        ("produces: {f: a/../x}", []),
        ("produces: {f: .}", ["path.reserved"]),
        ("produces: {f: sub/.holdfast/x}", ["path.reserved"]),
        ("produces: {f: '${{ run.id }}/x'}", []),
        ("cwd: /", ["path.outside"]),
        ("cwd: sub", []),
        ("cwd: ..", ["path.outside"]),
        ("cwd: ~/x", ["value.format"]),
        ("reads: [../outside, /etc/hosts]", []),
        ("reads: [~/x, '!~/y']", ["value.format", "value.format"]),
        ("backup: ['']", ["value.format"]),
    ],
)
def test_paths_stay_in_the_project(text: str, found: list[str]) -> None:
    assert codes(in_step(f"run: x\n{text}")) == found


def test_a_policy_may_open_other_folders() -> None:
    step = "{uses: noop, cwd: /data/x, produces: {f: ../out/f}}"
    text = f"plan: p\npolicy: {{write_roots: [., ../out/, /data]}}\nsteps:\n  a: {step}"
    assert problems(text) == []


def test_a_folder_with_a_longer_name_is_another_folder() -> None:
    text = "plan: p\npolicy: {write_roots: [., ../out]}\nsteps: {a: {uses: noop, produces: {f: ../outside/f}}}"
    assert codes(text) == ["path.outside"]


READS = "plan: p\nsteps:\n  a: {run: x, produces: {f: out/f.csv, d: tree}}\n  b: {run: x, depends_on: [a]}\n"


@pytest.mark.parametrize(
    ("reads", "found"),
    [
        ("out/*.csv", 1),
        ("out/**", 1),
        ("**/*.csv", 1),
        ("**/f.*", 1),
        ("out", 1),
        (".", 2),
        ("*/f.csv", 1),
        ("o?t/[a-f].csv", 1),
        ("tree/*.txt", 1),
        ("tree/sub/**/x", 1),
        ("*", 2),
        ("*.csv", 0),
        ("out/*.txt", 0),
        ("out/*/f.csv", 0),
        ("other/**", 0),
        ("outer/*", 0),
        ("${{ run.id }}/*", 0),
    ],
)
def test_a_glob_on_another_steps_product_needs_the_dependency(reads: str, found: int) -> None:
    # planner, Terms
    assert codes(f'{READS}  c: {{run: x, reads: ["{reads}"]}}') == ["reads.undeclared"] * found
    assert codes(f'{READS}  c: {{run: x, reads: ["{reads}"], depends_on: [b]}}') == []
    assert codes(f'{READS}  c: {{run: x, reads: ["{reads}", "!out/*", "!tree"]}}') == []


def test_a_steps_own_products_never_match() -> None:
    assert problems(in_step("run: x\nreads: ['**']\nproduces: {f: out/f}")) == []
    assert plan(in_step("run: x\nreads: [out/f]\nproduces: {f: out/f}")).steps[0].needs == ()


def test_one_step_cannot_make_two_artifacts_of_one_file() -> None:
    problem = one(in_step("run: x\nproduces: {f: out, g: out}"))
    assert problem.code == "product.duplicate"


def test_a_file_of_a_folder_is_one_steps_own_matter() -> None:
    assert problems(in_step("run: x\nproduces: {f: out, g: out/g}")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("produces: {f: out}\nexpect: [{valid: f, schema: s.json}]", []),
        ("produces: {f: out}\nexpect: [{valid: a.f, schema: s.json}]", []),
        ("produces: {f: out}\nexpect: [{valid: g, schema: s.json}]", ["artifact.unknown"]),
        ("produces: {f: out}\nexpect: [artifacts.f.size > 1]", []),
        ("produces: {f: out}\nexpect: [artifacts.g.size > 1]", ["artifact.unknown"]),
        ("produces: {f: out}\nexpect: [artifacts.f.sise > 1]", ["reference.unknown"]),
    ],
)
def test_own_artifacts_are_named_as_they_are(text: str, found: list[str]) -> None:
    assert codes(in_step(f"run: x\n{text}")) == found


def test_evidence_may_come_from_an_artifact() -> None:
    step = "{run: x, evidence: [{for: h, neutral: true, artifact: nope}]}"
    text = f"plan: p\nhypotheses: {{h: {{statement: s}}}}\nsteps:\n  a: {step}"
    assert codes(text) == ["artifact.unknown"]
