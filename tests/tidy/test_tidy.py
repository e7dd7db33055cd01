"""The house rules that a program can hold, applied to the whole tree; `test_rules.py` shows that each can fail."""

import tomllib
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial

import pytest

import holdfast
from tests.tidy import code, documents, packages, ratchet, statements
from tests.tidy.house import ROOT, Finding, tracked

PYTHON = dict(tracked(".py"))
PAGES = dict(tracked(".md"))
SQL = dict(tracked(".sql"))
RATCHET = tomllib.loads((ROOT / "tests/tidy/ratchet.toml").read_text(encoding="utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))

STAND_ALONE = {
    "src/holdfast/engine/keeper/*": "holdfast.engine.keeper",
    "src/holdfast/runners/worker.py": "holdfast.runners.worker",
}
CORE = ("src/holdfast/plan/*", "src/holdfast/run/*", "src/holdfast/errors.py")
STARTUP_FILES = {"coverage": "a1_coverage.pth", "holdfast": "holdfast.pth"}  # measures children; the editable install


def everywhere(rule: Callable[[str, str], list[Finding]], *patterns: str) -> str:
    """The findings of a rule in the Python files that match a pattern, one a line."""
    files = {path: text for path, text in PYTHON.items() if any(fnmatch(path, pattern) for pattern in patterns)}
    return listed(finding for path, text in files.items() for finding in rule(path, text))


def listed(findings: object) -> str:
    """Findings as text, so that a failure shows all of them."""
    assert hasattr(findings, "__iter__")
    return "\n".join(str(finding) for finding in findings)


def test_no_file_is_longer_than_400_lines_but_those_in_the_ratchet() -> None:
    # style 3
    lengths = {path: len(text.splitlines()) for path, text in PYTHON.items()}
    assert listed(ratchet.strays(lengths, 400, RATCHET["files"])) == ""


def test_no_function_is_longer_than_60_lines_but_those_in_the_ratchet() -> None:
    # style 3
    lengths = {name: n for path, text in PYTHON.items() for name, n in code.function_lengths(path, text).items()}
    assert listed(ratchet.strays(lengths, 60, RATCHET["functions"])) == ""


def test_names_say_a_role_and_not_a_rank() -> None:
    # style 1, style 2
    assert everywhere(code.banned_names, "*") == ""


def test_nothing_is_left_over() -> None:
    texts = tracked(".py", ".md", ".sql", ".sh", ".toml", ".yaml", ".yml", ".json", "Makefile", ".ci/run", ".ci/setup")
    assert listed(finding for path, text in texts for finding in code.leftover_markers(path, text)) == ""


def test_every_silenced_check_names_the_check_and_gives_a_reason() -> None:
    assert everywhere(code.silent_silencers, "*") == ""


def test_every_rule_that_is_off_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert listed(code.silent_exceptions("pyproject.toml", text)) == ""


def test_no_test_sleeps() -> None:
    assert everywhere(code.sleeping, "tests/*") == ""


def test_the_core_reads_no_clock_and_does_no_io() -> None:
    # style 5
    assert everywhere(code.impure, *CORE) == ""


@pytest.mark.parametrize("pattern", STAND_ALONE)
def test_a_stand_alone_program_imports_only_the_standard_library(pattern: str) -> None:
    # semantics C2
    assert any(fnmatch(path, pattern) for path in PYTHON)
    assert everywhere(partial(code.foreign_imports, own=STAND_ALONE[pattern]), pattern) == ""


def test_a_sql_file_holds_one_statement() -> None:
    # style 9
    assert listed(statements.crowded(SQL)) == ""


def test_a_sql_file_is_named_by_code() -> None:
    # style 9
    assert listed(statements.unused(SQL, (text for path, text in PYTHON.items() if path.startswith("src/")))) == ""


def test_every_dialect_has_every_statement() -> None:
    # style 9
    assert listed(statements.unpaired(path for path in SQL if "/journal/sql/" in path)) == ""


def test_links_in_documents_resolve() -> None:
    assert listed(documents.dead_links(PAGES, frozenset(path for path, _ in tracked("")))) == ""


def test_every_design_page_says_whether_it_holds() -> None:
    assert listed(documents.without_status({p: t for p, t in PAGES.items() if p.startswith("docs/design/")})) == ""


def test_decisions_are_short_and_numbered() -> None:
    assert listed(documents.long_records({p: t for p, t in PAGES.items() if p.startswith("docs/design/adr/")})) == ""


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    assert "## Unreleased" in PAGES["CHANGELOG.md"]


def test_every_export_has_a_docstring() -> None:
    # style 21
    assert listed(packages.undocumented(holdfast)) == ""


def test_no_dependency_runs_code_at_the_start_of_python() -> None:
    names = [package["name"] for package in LOCK["package"]]
    assert listed(packages.startup_files(names, STARTUP_FILES)) == ""
