"""What the runner `file` says it would do is what it does."""

import os
from pathlib import Path

import pytest

from holdfast.runners.files import Params, perform
from holdfast.runners.place import Place
from holdfast.runners.preview import Ahead, Preview, preview

PATCH = "@@ -1 +1 @@\n-one\n+two\n"


def seen(place: Place, ahead: Ahead, **params: str) -> list[Preview]:
    given = {name.rstrip("_"): value for name, value in params.items()}
    return preview(Params(op=given["op"], path=given["path"], **_more(given)), place, ahead)  # type: ignore[arg-type]  # words of a test


def _more(given: dict[str, str]) -> dict[str, str]:
    names = {"content": "content", "from": "source", "diff": "diff", "mode": "mode"}
    return {to: given[name] for name, to in names.items() if name in given}


def test_a_chain_of_steps_is_seen_one_after_the_other_and_nothing_changes(place: Place, tmp_path: Path) -> None:
    ahead: Ahead = {}
    assert seen(place, ahead, op="write", path="a", content="one\n") == [
        Preview("a", "created", "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+one\n")
    ]
    assert seen(place, ahead, op="patch", path="a", diff=PATCH) == [
        Preview("a", "changed", "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n")
    ]
    assert [it.change for it in seen(place, ahead, op="move", from_="a", path="b")] == ["created", "deleted"]
    assert seen(place, ahead, op="delete", path="a") == [Preview("a", "unchanged")]
    assert [it.change for it in seen(place, ahead, op="copy", from_="b", path="c")] == ["created"]
    assert seen(place, ahead, op="write", path="c", content="two\n") == [Preview("c", "unchanged")]
    assert list(tmp_path.iterdir()) == []


def test_what_would_be_refused_is_said(place: Place, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    [outside] = seen(place, {}, op="write", path="../x", content="")
    assert (outside.change, outside.why) == ("refused", "../x lies outside of policy.write_roots, now [.]")
    [missing] = seen(place, {}, op="patch", path="none", diff=PATCH)
    assert (missing.change, missing.why) == ("refused", "none: there is no such file")
    assert seen(place, {}, op="copy", path="x", from_="none")[0].why == "there is no none to copy"
    assert seen(place, {}, op="write", path="d", content="")[0].why == "d is a folder, not a file"


def test_folders_permissions_and_what_is_no_text_are_told_in_words(place: Place, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "x").write_bytes(b"\0\1")
    (tmp_path / "y").write_text("y")
    (tmp_path / "y").chmod(0o644)
    assert seen(place, {}, op="delete", path="d") == [Preview("d", "deleted", why="the folder with all in it")]
    assert seen(place, {}, op="copy", path="e", from_="d") == [
        Preview("e", "created", why="the folder d is copied there")
    ]
    assert seen(place, {}, op="copy", path="y", from_="x")[0].why == "1 bytes become 2 bytes, no text"
    kept = seen(place, {}, op="write", path="y", content="y", mode="0600")
    assert kept == [Preview("y", "changed", why="permissions 0644 become 0600")]
    [long] = seen(place, {}, op="write", path="y", content="line\n" * 20_000)
    assert (len(long.diff) <= 65_536, long.why) == (True, "the diff is longer than is shown")


@pytest.mark.parametrize("op", ["write", "patch", "copy", "move", "delete"])
def test_the_change_that_is_shown_is_the_one_that_is_made(place: Place, tmp_path: Path, op: str) -> None:
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "b").write_text("1\n2")
    given = Params(op=op, path="a", content="new", source="b", diff=PATCH)  # type: ignore[arg-type]  # a word of the test
    told = {it.path: it for it in preview(given, place, {})}
    before = {name: (tmp_path / name).read_text() for name in "ab"}
    perform(given, place)
    for name, text in before.items():
        there = os.path.lexists(tmp_path / name)
        changed = "deleted" if not there else "unchanged" if (tmp_path / name).read_text() == text else "changed"
        assert told[name].change == changed if name in told else changed == "unchanged"
