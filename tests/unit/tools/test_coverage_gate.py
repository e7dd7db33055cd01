import json
from pathlib import Path

import pytest

from tools.coverage_gate import GATES, Count, counts, main, verdicts


def report(**files: tuple[int, int, int, int]) -> dict[str, object]:
    keys = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return {"files": {name: {"summary": dict(zip(keys, count, strict=True))} for name, count in files.items()}}


def test_a_gate_holds_over_all_files_of_its_package_together() -> None:
    files = counts(report(**{"p/a.py": (100, 100, 50, 50), "p/b.py": (100, 92, 50, 45), "q/c.py": (9, 0, 9, 0)}))
    assert verdicts(files, {"p/": 95.0}) == [("p/: 95.0 % of at least 95 %", True)]


def test_branches_below_the_gate_fail_it_and_the_worst_file_is_named() -> None:
    files = counts(report(**{"p/a.py": (100, 100, 50, 50), "p/b.py": (100, 100, 50, 40)}))
    assert verdicts(files, {"p/": 95.0})[:2] == [("p/: 90.0 % of at least 95 %", False), ("  p/b.py: 80.0 %", True)]


def test_statements_that_never_ran_fail_a_gate_even_without_branches() -> None:
    assert verdicts({"p/a.py": Count(10, 5)}, {"p/": 95.0})[0] == ("p/: 50.0 % of at least 95 %", False)


def test_a_gate_that_measured_nothing_does_not_hold() -> None:
    assert verdicts({}, {"p/": 0.0}) == [("p/: nothing was measured", False)]


def test_the_exit_code_says_whether_all_gates_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "coverage.json"
    file.write_text(json.dumps(report(**{prefix + "a.py": (20, 20, 20, 20) for prefix in GATES})))
    assert main([str(file)]) == 0
    file.write_text(json.dumps(report(**{prefix + "a.py": (20, 20, 20, 10) for prefix in GATES})))
    assert main([str(file)]) == 1
    assert "src/holdfast/engine/: 50.0 % of at least 85 %" in capsys.readouterr().out
