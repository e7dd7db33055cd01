"""Each house rule can fail: a small wrong text is found, and the right one beside it is not."""

import json
import subprocess
import sys
from types import ModuleType

import pytest

from tests.tidy import code, documents, packages, ratchet, statements
from tests.tidy.house import ROOT, Finding


def lines(findings: list[Finding]) -> list[int]:
    return [finding.line for finding in findings]


# --- lengths


def test_a_function_is_measured_from_def_to_its_last_line() -> None:
    text = "class A:\n    def f(self):\n        x = 1\n\n        return x\n\n\nasync def g():\n    def h(): ...\n"
    assert code.function_lengths("m.py", text) == {"m.py::A.f": 4, "m.py::g": 2, "m.py::g.h": 1}


@pytest.mark.parametrize(
    ("length", "exceptions", "word"),
    [
        (10, {}, None),
        (11, {}, "limit"),
        (15, {"a": 15}, None),
        (16, {"a": 15}, "grew"),
        (14, {"a": 15}, "shrank"),
        (10, {"a": 15}, "fits"),
        (10, {"b": 15}, "gone"),
    ],
)
def test_a_ratchet_only_goes_down(length: int, exceptions: dict[str, int], word: str | None) -> None:
    found = ratchet.strays({"a": length}, 10, exceptions)
    assert (word in found[0]) if word else found == []


# --- names, markers, silencers


@pytest.mark.parametrize(
    "text",
    [
        "class LeaseManager: ...",
        "def common_part(): ...",
        "def f(helper): ...",
        "url_utils = 1",
        "for misc in (): ...",
        "class HTTPService: ...",
    ],
)
def test_a_name_of_rank_is_found(text: str) -> None:
    assert lines(code.banned_names("a.py", text)) == [1]


def test_a_file_name_of_rank_is_found() -> None:
    assert lines(code.banned_names("src/plan/helpers.py", "")) == [1]


def test_a_name_that_only_contains_a_banned_word_is_not_found() -> None:
    assert code.banned_names("a.py", "process = uncommon = management = self.service") == []


def test_a_leftover_marker_is_found() -> None:
    text = "ok\n# TO" + "DO: later\nraise Not" + "ImplementedError\nTODOS = mktemp -t XXXXXX\n"
    assert lines(code.leftover_markers("a.py", text)) == [2, 3]


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: BLE001",
        "# type: ignore",
        "# type: ignore[attr-defined]",
        "# pragma: no cover",
        "# ruff: noqa: D",
    ],
)
def test_a_silenced_check_without_a_reason_is_found(comment: str) -> None:
    assert lines(code.silent_silencers("a.py", f"x = 1\ny = 2  {comment}\n")) == [2]


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: BLE001 a boundary: what is caught is recorded",
        "# noqa: A001, A002 - words of the plan format",
        "# type: ignore[attr-defined]  # the stub lacks it",
        "# pragma: no cover - only on macOS",
        "# nothing is silenced here",
    ],
)
def test_a_silenced_check_with_a_reason_is_accepted(comment: str) -> None:
    assert code.silent_silencers("a.py", f"y = 2  {comment}\n") == []


def test_a_silencer_inside_a_string_is_no_silencer() -> None:
    assert code.silent_silencers("a.py", "x = '# noqa'\n") == []


def test_a_rule_that_is_off_without_a_reason_is_found() -> None:
    text = '[tool.ruff.lint]\nignore = [\n  "D105",  # said elsewhere\n  "S",\n  "T201", #\n]\n'
    assert lines(code.silent_exceptions("pyproject.toml", text)) == [4, 5]


# --- time, the core, stand-alone programs


@pytest.mark.parametrize("text", ["import time\ntime.sleep(1)", "x = 1\nfrom time import sleep"])
def test_sleep_is_found(text: str) -> None:
    assert lines(code.sleeping("t.py", text)) == [2]


def test_time_that_passes_without_sleep_is_accepted() -> None:
    assert code.sleeping("t.py", "import time\ntime.monotonic()\nclock.sleep(1)") == []


@pytest.mark.parametrize("text", ["datetime.now(UTC)", "date.today()", "open('x')", "print(1)", "eval('1')"])
def test_io_in_the_core_is_found(text: str) -> None:
    assert lines(code.impure("run/x.py", text)) == [1]


def test_arithmetic_with_dates_is_accepted_in_the_core() -> None:
    assert code.impure("run/x.py", "date(2026, 1, 1) + timedelta(days=1)\nstore.open") == []


@pytest.mark.parametrize(
    "text", ["import msgspec", "from holdfast import errors", "from . import x", "import os, apsw"]
)
def test_an_import_a_stand_alone_program_cannot_make_is_found(text: str) -> None:
    assert lines(code.foreign_imports("k.py", text, "holdfast.k")) == [1]


def test_the_standard_library_and_its_own_package_are_there_for_a_stand_alone_program() -> None:
    text = "import os.path\nfrom collections.abc import Iterator\nfrom holdfast.k.wire import x\nimport holdfast.k"
    assert code.foreign_imports("k.py", text, "holdfast.k") == []


# --- SQL


@pytest.mark.parametrize(
    ("text", "count"),
    [("select 1", 1), ("select ';'; -- a;b", 1), ("select 1; select 2", 2), ("/* ; */", 0), ("select ';''';", 1)],
)
def test_statements_are_counted_without_quotes_and_comments(text: str, count: int) -> None:
    assert statements.statements(text) == count


def test_a_crowded_sql_file_is_found_and_a_schema_may_hold_many() -> None:
    files = {"s/append.sql": "insert a; insert b", "s/0001_start.sql": "create a; create b", "s/schema.sql": "a;b"}
    assert statements.crowded(files) == ["s/append.sql holds 2 statements, not one"]


def test_a_sql_file_that_no_code_names_is_found() -> None:
    files = ["s/append.sql", "s/dead.sql", "s/tail.sql", "s/0001_start.sql"]
    assert statements.unused(files, ["load('append')", 'load("tail.sql") # dead']) == ["s/dead.sql is named by no code"]


def test_a_statement_that_one_dialect_lacks_is_found() -> None:
    files = ["sql/sqlite/a.sql", "sql/sqlite/b.sql", "sql/postgres/a.sql", "sql/sqlite/0002_x.sql"]
    assert statements.unpaired(files) == ["postgres has no b.sql"]


# --- documents


def test_a_dead_link_is_found() -> None:
    pages = {
        "docs/a.md": "# A b\n[x](b.md) [y](no.md)\n[z](b.md#c-d) [w](b.md#no) [v](#a-b) [u](#no)\n[t](../src) [s](https://x.y)\n",
        "docs/b.md": "## `C` d!\n```\n[code](nowhere)\n```\n`[code](nowhere)`\n",
    }
    found = documents.dead_links(pages, frozenset({"docs/a.md", "docs/b.md", "src/x.py"}))
    assert [(f.line, f.what.split(":")[0]) for f in found] == [
        (2, "link to no.md"),
        (3, "link to b.md#no"),
        (3, "link to #no"),
    ]


def test_the_second_of_two_equal_headings_is_numbered() -> None:
    assert documents.anchors("# Same\n# Same\n") == {"same", "same-1"}


def test_a_page_without_a_status_is_found() -> None:
    pages = {"a.md": "# A\n\nStatus: accepted\n", "b.md": "# B\n", "c.md": "# C\nStatus: perhaps\n"}
    assert [f.path for f in documents.without_status(pages)] == ["b.md", "c.md"]


def test_a_long_or_misnumbered_decision_is_found() -> None:
    pages = {"adr/0001-a.md": "x\n" * 41, "adr/0003-b.md": "x"}
    assert [f.path for f in documents.long_records(pages)] == ["adr/0001-a.md", "adr/0003-b.md"]


# --- packages


def test_a_dependency_with_a_startup_file_is_found() -> None:
    assert packages.startup_files(["coverage", "msgspec", "not-installed"], {}) == ["coverage ships a1_coverage.pth"]


def test_an_export_without_a_docstring_is_found() -> None:
    module = ModuleType("m")
    exec("def f(): ...\ndef g():\n  'Says.'\nx = 1\n__all__ = ['f', 'g', 'x']", module.__dict__)
    assert packages.undocumented(module) == ["m.f has no docstring"]


# --- what ruff holds for us


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("def f(flag: bool) -> None: ...", "FBT001"),
        ("def f(flag=True): ...", "FBT002"),
        ("def f(a: int, b: int, c: int, d: int, e: int, f: int, g: int) -> None: ...", "PLR0913"),
        ("import sqlite3", "TID251"),
        ("from . import x", "TID252"),
        ("try:\n    f()\nexcept Exception:\n    pass", "BLE001"),
        ("x = 1  # noqa", "PGH004"),
    ],
)
def test_ruff_refuses(text: str, rule: str) -> None:
    # style 11, style 12, style 16, style 23
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--output-format=json",
        "--stdin-filename=src/holdfast/plan/new.py",
        "-",
    ]
    done = subprocess.run(command, input=text + "\n", cwd=ROOT, capture_output=True, text=True, check=False)
    assert rule in {problem["code"] for problem in json.loads(done.stdout)}
