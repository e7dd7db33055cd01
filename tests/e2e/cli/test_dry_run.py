"""`run --dry-run` shows what would change in files, and changes nothing."""

from pathlib import Path

from tests.e2e.cli.program import Program

PLAN = """\
plan: edit
inputs: {port: {type: int, default: 8080}}
steps:
  write: {uses: file, with: {op: write, path: "conf/${{ plan.id }}", content: "port ${{ inputs.port }}\\n"}}
  later: {uses: file, with: {op: write, path: x, content: "${{ steps.write.outputs.path }}"}}
  each: {uses: file, for_each: [a, b], with: {op: delete, path: "${{ item }}"}}
"""


def test_changes_are_shown_as_diffs(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    outcome = program("run", "plan.yaml", "--dry-run", "-i", "port=1")
    assert outcome.code == 0
    shown = outcome.out.splitlines()
    at = shown.index("write  write conf/edit: created")
    assert shown[at + 1 : at + 5] == ["--- /dev/null", "+++ b/conf/edit", "@@ -0,0 +1 @@", "+port 1"]
    assert "later  write x: unknown, it takes values that only the run has" in shown
    assert "each  delete ${{ item }}: unknown, it takes values that only the run has" in shown
    assert sorted(path.name for path in folder.iterdir()) == ["plan.yaml"]


def test_the_document_holds_them_too_and_only_where_there_are_any(program: Program, folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    document = program("run", "plan.yaml", "--dry-run", "--json").document
    first = document["previews"][0]
    assert (first["step"], first["op"]) == ("write", "write")
    assert first["files"][0]["diff"] == "--- /dev/null\n+++ b/conf/edit\n@@ -0,0 +1 @@\n+port 8080\n"
    assert "previews" not in program("plan", "plan.yaml", "--json").document
