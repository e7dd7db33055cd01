"""What a command line costs before it does anything, and what it says of itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli.program import Program, as_process

HEAVY = ("asyncio", "yaml", "holdfast.engine", "holdfast.runners", "holdfast.plan.parse", "concurrent.futures")
PROBE = """
import sys
from holdfast.surfaces.cli import main
code = main(sys.argv[1:])
sys.stdout = sys.stderr
print("LOADED", *sorted(sys.modules))
"""


def loaded(folder: Path, *arguments: str) -> set[str]:
    """The modules that a command line has imported at its end."""
    command = [sys.executable, "-c", PROBE, *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=True)
    line = next(line for line in done.stderr.splitlines() if line.startswith("LOADED"))
    return set(line.split()[1:])


@pytest.mark.parametrize(
    "arguments", [["version"], ["--help"], ["run", "--help"], ["runs"], ["runs", "--json"], ["show", "last"], ["inbox"]]
)
def test_looking_imports_no_engine_and_no_yaml(program: Program, folder: Path, arguments: list[str]) -> None:
    program("new", "hello")
    program("run", "plan.yaml")
    modules = loaded(folder, *arguments)
    assert not [name for name in modules for heavy in HEAVY if name == heavy or name.startswith(f"{heavy}.")]


def test_help_imports_no_verb(folder: Path) -> None:
    modules = loaded(folder, "--help")
    assert not [name for name in modules if name.startswith("holdfast.surfaces.cli.verbs.")]
    assert "holdfast.app" not in modules


def test_the_version_needs_nothing_but_the_version(folder: Path) -> None:
    modules = loaded(folder, "version")
    assert "click" not in modules
    assert sorted(name for name in modules if name.startswith("holdfast")) == [
        "holdfast",
        "holdfast.surfaces",
        "holdfast.surfaces.cli",
    ]


def test_version_is_said_in_each_way(program: Program, folder: Path) -> None:
    expected = program("version").out
    assert expected.startswith("holdfast ")
    assert program("--version").out == expected
    assert as_process("version", cwd=folder).out == expected
    assert program("-q", "version").out == expected


def test_every_verb_has_help_and_says_its_line(program: Program) -> None:
    from holdfast.surfaces.cli.group import VERBS  # noqa: PLC0415 - after the fixture has set the folder

    page = program("--help")
    assert page.code == 0
    for verb in VERBS:
        help_page = program(verb, "--help")
        assert help_page.code == 0
        assert help_page.out.startswith(f"Usage: holdfast {verb}")
        assert f"  {verb}" in page.out
        assert program(verb, "-h").out == help_page.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(program: Program, shell: str) -> None:
    outcome = program("completion", shell)
    assert outcome.code == 0
    assert "_HOLDFAST_COMPLETE" in outcome.out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_completion_script_is_one_that_its_shell_reads(program: Program, folder: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    (folder / "script").write_text(program("completion", shell).out)
    subprocess.run([shell, "-n", "script"], cwd=folder, check=True, timeout=50)


def completed(folder: Path, words: str) -> list[str]:
    """What a shell is offered for the last word."""
    count = len(words.split(" ")) - 1
    outcome = as_process(cwd=folder, _HOLDFAST_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count))
    return [line.split(",", 1)[1] for line in outcome.out.splitlines()]


def test_verbs_options_runs_and_steps_are_completed(program: Program, folder: Path) -> None:
    program("new", "hello")
    run = program("run", "plan.yaml", "--json").document["run"]
    assert completed(folder, "holdfast re") == ["resume", "report", "release", "reject", "resolve"]
    assert completed(folder, "holdfast run --dr") == ["--dry-run"]
    assert completed(folder, "holdfast show ") == ["last", run]
    assert completed(folder, "holdfast logs last g") == ["greet"]
    assert completed(folder, "holdfast why s") == ["shout"]
    shutil.rmtree(folder / ".holdfast")
    assert completed(folder, "holdfast show ") == ["last"]


def test_state_is_where_the_options_say(program: Program, folder: Path) -> None:
    program("new", "hello")
    assert program("--dir", folder / "elsewhere", "run", "plan.yaml").code == 0
    assert (folder / "elsewhere/.holdfast/journal.db").is_file()
    assert not (folder / ".holdfast").exists()
    assert program("runs").out == ""
    assert program("--dir", folder / "elsewhere", "runs").out.count("hello") == 1
    assert program("--db", f"sqlite:///{folder}/other.db", "runs").out == ""
    assert program("--db", "mysql://x", "runs").code == 3
