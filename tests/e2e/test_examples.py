"""The examples and the demo are run for real; every plan that is shipped is valid."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from holdfast.journal.documents import Shown, ShownStep
from tests.e2e.cli.program import Outcome, as_process
from tests.e2e.html_page import stands_alone

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TEMPLATES = ROOT / "src/holdfast/templates"
PLANS = sorted(
    path
    for folder in (EXAMPLES, TEMPLATES)
    for name in ("plan.yaml", "*_plan.json")
    for path in folder.glob(f"*/{name}")
)
BIN = Path(sys.executable).parent

Run = Callable[..., Outcome]


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], tuple[Path, Run]]:
    """A copy of an example in a folder of its own, and the program in it, with the developer's tools on its path."""

    def make(name: str) -> tuple[Path, Run]:
        folder = tmp_path / name
        shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns(".holdfast", "dist", "out", "data"))

        def run(*arguments: str) -> Outcome:
            return as_process(*arguments, cwd=folder, PATH=f"{BIN}:{os.environ['PATH']}", HOME=str(tmp_path))

        return folder, run

    return make


def shown(done: Outcome) -> tuple[Shown, dict[str, ShownStep]]:
    document = msgspec.json.decode(done.out, type=Shown)
    return document, {step.step: step for step in document.steps}


@pytest.mark.parametrize("plan", PLANS, ids=[str(path.relative_to(ROOT)) for path in PLANS])
def test_every_plan_that_is_shipped_is_valid(plan: Path, tmp_path: Path) -> None:
    variables = (
        sorted(set(re.findall(r"\$\{([A-Z]+)\}", plan.read_text(encoding="utf-8")))) if plan.suffix == ".json" else []
    )
    done = as_process("check", plan, *(word for name in variables for word in ("--var", f"{name}=x")), cwd=tmp_path)
    assert (done.code, done.out) == (0, f"{plan}: ok\n")


def test_the_demo_is_the_example() -> None:
    shipped = {path.name: path.read_bytes() for path in (TEMPLATES / "demo").iterdir() if path.is_file()}
    example = {name: (EXAMPLES / "stdlib-inventory" / name).read_bytes() for name in shipped}
    assert example == shipped


@pytest.mark.timeout(120)
def test_the_demo_ends_with_a_report_and_with_commands_that_work(tmp_path: Path) -> None:
    done = as_process("demo", cwd=tmp_path, PATH=os.environ["PATH"], HOME=str(tmp_path))
    assert done.code == 0, done.err
    folder = tmp_path / "holdfast-demo"
    assert "The report is holdfast-demo/out/report.html" in done.err
    text = (folder / "out/report.html").read_text(encoding="utf-8")
    assert stands_alone(text)
    assert text.count("<rect ") == 24
    assert 'class="failed"' in text
    assert "encodings" in text
    commands = re.findall(r"^  ((?:cd|export|holdfast) .*)$", done.err, re.MULTILINE)
    # What the newcomer has time for is awaited here: a busy machine may need longer than that to begin the run.
    commands[-1] = commands[-1].replace("sleep 2", "until holdfast runs | grep -q running; do :; done")
    assert [command.split()[0] for command in commands] == ["cd", *["export"] * (len(commands) - 4), *["holdfast"] * 3]
    tried = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=tmp_path,
        env={"PATH": f"{os.environ['PATH']}:{BIN}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr
    assert "failing on purpose" in tried.stdout
    assert tried.stdout.splitlines()[-1].startswith("stdlib-inventory succeeded")


def test_the_demo_leaves_a_folder_alone_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "holdfast-demo").mkdir()
    (tmp_path / "holdfast-demo/notes.txt").write_text("mine", encoding="utf-8")
    done = as_process("demo", cwd=tmp_path)
    assert done.code == 3
    assert "the folder holdfast-demo is not empty; nothing was written" in done.err
    assert "holdfast demo holdfast-demo-2" in done.err
    assert [path.name for path in (tmp_path / "holdfast-demo").iterdir()] == ["notes.txt"]


def test_the_demo_says_how_to_run_an_earlier_one_again(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES / "demo", tmp_path / "holdfast-demo")
    done = as_process("demo", cwd=tmp_path)
    assert done.code == 3
    assert "cd holdfast-demo && holdfast run plan.yaml" in done.err


def test_the_inventory_is_run_with_another_input(copy: Callable[[str], tuple[Path, Run]]) -> None:
    folder, run = copy("stdlib-inventory")
    done = run("run", "plan.yaml", "-i", "top=5", "--json")
    assert done.code == 0, done.err
    _, steps = shown(done)
    assert {step.status for step in steps.values()} == {"succeeded"}
    assert [attempt.status for attempt in steps["timing"].attempts] == ["failed", "succeeded"]
    assert steps["chart"].outputs == {"bars": 10}
    assert (folder / "out/report.html").stat().st_size == steps["report"].artifacts["report"].size


def test_the_checks_build_a_wheel(copy: Callable[[str], tuple[Path, Run]]) -> None:
    folder, run = copy("checks")
    done = run("run", "plan.yaml", "--json")
    assert done.code == 0, done.err
    document, steps = shown(done)
    assert {step.status for step in steps.values()} == {"succeeded"}
    wheel = steps["wheel"].artifacts["wheel"]
    assert (folder / wheel.path).stat().st_size == wheel.size
    assert document.outputs == {"wheel": wheel.path, "digest": wheel.digest}


def test_a_package_whose_tests_fail_is_not_built(copy: Callable[[str], tuple[Path, Run]]) -> None:
    folder, run = copy("checks")
    source = folder / "src/roman_numbers/__init__.py"
    source.write_text(source.read_text(encoding="utf-8").replace("M{0,3}", "M{0,4}"), encoding="utf-8")
    done = run("run", "plan.yaml", "--json")
    assert done.code == 1
    _, steps = shown(done)
    assert {name: steps[name].status for name in ("tools", "tests", "wheel", "try")} == {
        "tools": "succeeded",
        "tests": "failed",
        "wheel": "canceled",
        "try": "canceled",
    }
    assert not (folder / "dist").exists()


def test_the_checks_say_which_tool_is_missing(copy: Callable[[str], tuple[Path, Run]], tmp_path: Path) -> None:
    folder, _ = copy("checks")
    done = as_process("run", "plan.yaml", cwd=folder, PATH="/usr/bin:/bin", HOME=str(tmp_path))
    assert done.code == 1
    assert "is not on PATH: pip install ruff pytest uv" in done.err


@pytest.mark.parametrize("name", ["flights", "test-gates", "safe-merge"])
def test_a_template_is_the_example(name: str) -> None:
    files = {path.relative_to(TEMPLATES / name): path for path in (TEMPLATES / name).rglob("*") if path.is_file()}
    shipped = {str(name): path.read_bytes() for name, path in files.items() if "__pycache__" not in path.parts}
    assert {path: (EXAMPLES / name / path).read_bytes() for path in shipped} == shipped
    assert {"plan.yaml", "README.md", ".gitignore"} < set(shipped)


GATES = ("plan.yaml", "test_gate_plan.json")
"""The two forms of the plan of test-gates."""


@pytest.fixture(params=GATES)
def gated(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Run]:
    """A folder made of the template `test-gates`, and its plan, run with a message."""
    folder = tmp_path / "the shop"
    done = as_process("new", "test-gates", folder, cwd=tmp_path)
    assert done.code == 0
    assert done.err == f"now: holdfast run '{Path('the shop/plan.yaml')}'\n"
    plan = str(request.param)

    def run(message: str) -> Outcome:
        given = ("-i", f"message={message}") if plan == "plan.yaml" else ("--var", f"MESSAGE={message}")
        return as_process("run", plan, *given, "--json", cwd=folder, HOME=str(tmp_path))

    return folder, run


def log(folder: Path) -> list[str]:
    command = ["git", "-C", str(folder), "log", "--format=%s"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_what_is_green_is_committed(gated: tuple[Path, Run]) -> None:
    folder, run = gated
    assert run('A "shop" for $5').code == 0
    assert log(folder) == ['A "shop" for $5']
    assert "- tests: succeeded, 5 run, 0 failed" in (folder / "out/report.md").read_text(encoding="utf-8")
    assert run("Nothing new").code == 0
    assert log(folder) == ['A "shop" for $5']


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("tests/test_shopping.py", "899", "898", "1 failed\n  - test_a_discount_is_rounded_down"),
        ("shopping.py", "\n\n\ndef total", "\n\nimport os\n\n\ndef total", "0 failed"),
    ],
    ids=["a test", "lint"],
)
def test_what_is_not_green_is_told_and_not_committed(
    gated: tuple[Path, Run], file: str, old: str, new: str, told: str
) -> None:
    folder, run = gated
    assert run("A shop").code == 0
    source = (folder / file).read_text(encoding="utf-8")
    assert old in source
    (folder / file).write_text(source.replace(old, new, 1), encoding="utf-8")
    done = run("Worse")
    assert done.code == 1, done.err
    assert told in (folder / "out/report.md").read_text(encoding="utf-8")
    assert log(folder) == ["A shop"]
    _, steps = shown(done)
    assert steps["commit"].status == "canceled"
