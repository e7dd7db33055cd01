"""What a step's `reads` match in the working tree, by content."""

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from holdfast.artifacts.manifest import encodable
from holdfast.artifacts.statcache import StatCache
from holdfast.artifacts.store import Store
from holdfast.artifacts.tree import WorkingTree
from holdfast.errors import RequestError


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def _look(root: Path, *reads: str, products: tuple[str, ...] = ()) -> dict[str, str | None]:
    return WorkingTree(str(root), StatCache(str(root / ".holdfast/cache/stat"))).snapshot(reads, products)


def test_a_literal_path_is_its_bytes_and_a_missing_one_is_marked(tmp_path: Path) -> None:
    _make(tmp_path, "a.txt", "deep/b.txt")
    assert _look(tmp_path, "gone.txt", "./deep//b.txt", "a.txt", "a.txt/below") == {
        "a.txt": _digest(b"a.txt"),
        "a.txt/below": None,
        "deep/b.txt": _digest(b"deep/b.txt"),
        "gone.txt": None,
    }


@pytest.mark.parametrize(
    ("reads", "matched"),
    [
        (["*.py"], ["a.py", "b.py"]),
        (["?.py", "!b.py"], ["a.py"]),
        (["!b.py", "[!x].py"], ["a.py"]),
        (["**/*.py"], ["a.py", "b.py", "src/c.py", "src/deep/d.py"]),
        (["src/**"], ["src/c.py", "src/deep/d.py", "src/deep/e.txt"]),
        (["src/**/d.py"], ["src/deep/d.py"]),
        (["src/*"], ["src/c.py", "src/deep/d.py", "src/deep/e.txt"]),
        (["**", "!src", "!**/b.*"], ["a.py", "other/e.txt"]),
        (["**/deep"], ["src/deep/d.py", "src/deep/e.txt"]),
        (["s*/d*/*.txt"], ["src/deep/e.txt"]),
        (["no/**"], []),
        (["a.py/*"], []),
    ],
)
def test_globs_match_files_and_the_trees_of_folders(tmp_path: Path, reads: list[str], matched: list[str]) -> None:
    _make(tmp_path, "a.py", "b.py", "src/c.py", "src/deep/d.py", "src/deep/e.txt", "other/e.txt", ".holdfast/x.py")
    found = _look(tmp_path, *reads)
    assert found == {path: _digest(path.encode()) for path in matched}
    assert list(found) == sorted(matched)


def test_the_state_folder_and_the_steps_own_products_never_match(tmp_path: Path) -> None:
    # planner, Terms: a step's own products and `.holdfast` never match
    _make(tmp_path, "in.txt", "out/made.txt", "out/more/x.txt", ".holdfast/journal.db", "sub/.holdfast/y")
    found = _look(tmp_path, "**", ".holdfast/journal.db", "out/made.txt", products=("out",))
    assert found == {"in.txt": _digest(b"in.txt")}
    alone = _look(tmp_path, ".", products=("out",))
    _make(tmp_path, "out/another.txt", ".holdfast/cache/more")
    assert _look(tmp_path, ".", products=("out",)) == alone
    assert _look(tmp_path, ".", products=("elsewhere",)) != alone


def test_a_folder_is_one_entry_that_follows_its_files(tmp_path: Path) -> None:
    _make(tmp_path, "data/a", "data/sub/b")
    first = _look(tmp_path, "data")
    assert list(first) == ["data"]
    (tmp_path / "data/empty").mkdir()
    assert _look(tmp_path, "data/") == first
    (tmp_path / "data/a").chmod(0o755)
    executable = _look(tmp_path, "data")
    assert executable != first
    (tmp_path / "data/sub/b").unlink()
    removed = _look(tmp_path, "data")
    assert removed not in (first, executable)
    _make(tmp_path, "data/tmp/c")
    assert _look(tmp_path, "data") != removed
    assert _look(tmp_path, "data", "!data/tmp") == removed


def test_a_product_has_the_digest_that_the_store_gives_to_it(tmp_path: Path) -> None:
    _make(tmp_path, "out/a", "out/sub/b", "one.txt")
    (tmp_path / "out/run").write_text("#!/bin/sh")
    (tmp_path / "out/run").chmod(0o755)
    (tmp_path / "out/link").symlink_to("sub/b")
    (tmp_path / "out/empty").mkdir()
    store = Store(tmp_path / ".holdfast")
    tree = WorkingTree(str(tmp_path), StatCache(str(tmp_path / "cache")))
    assert tree.product("out") == store.put_path(tmp_path / "out", "out").digest
    assert tree.product("one.txt") == store.put_path(tmp_path / "one.txt", "one.txt").digest
    assert tree.product("gone") is None


def test_links_stand_for_what_is_behind_them(tmp_path: Path) -> None:
    _make(tmp_path, "real/a", "data/b")
    (tmp_path / "link").symlink_to("real/a")
    (tmp_path / "data/away").symlink_to("../real")
    (tmp_path / "data/here").symlink_to("b")
    (tmp_path / "data/self").symlink_to(".")
    (tmp_path / "real/back").symlink_to("../data")
    (tmp_path / "dangling").symlink_to("nothing")
    reads = ("link", "data", "dangling", "data/*")
    before = _look(tmp_path, *reads)
    assert before["link"] == _digest(b"real/a")
    (tmp_path / "real/a").write_text("other")
    after = _look(tmp_path, *reads)
    assert {path for path in before if before[path] != after[path]} == {"link", "data", "data/away", "data/self"}
    _make(tmp_path, "nothing")
    assert _look(tmp_path, *reads)["dangling"] == _digest(b"nothing") != before["dangling"]


@pytest.mark.parametrize("read", ["link", "link/secret", "li*", "l*/secret", "sub", "sub/**"])
def test_a_link_that_leads_out_of_the_project_is_refused(tmp_path: Path, read: str) -> None:
    _make(tmp_path, "outside/secret", "project/sub/x")
    project = tmp_path / "project"
    (project / "link").symlink_to("../outside")
    (project / "sub/link").symlink_to(tmp_path / "outside/secret")
    with pytest.raises(RequestError, match=r"leads out of the project, to .*/outside") as refused:
        _look(project, read)
    assert refused.value.code == "E_INPUT_UNAVAILABLE"


def test_a_path_that_is_written_outside_of_the_project_is_read(tmp_path: Path) -> None:
    _make(tmp_path, "shared/a.txt", "shared/sub/b.txt", "project/x")
    project = tmp_path / "project"
    assert _look(project, "../shared/a.txt") == {"../shared/a.txt": _digest(b"shared/a.txt")}
    assert list(_look(project, "../shared/**", f"{tmp_path}/shared/*.txt")) == [
        "../shared/a.txt",
        "../shared/sub/b.txt",
        f"{tmp_path}/shared/a.txt",
    ]


def test_a_digest_that_cannot_be_computed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # planner 16
    _make(tmp_path, "sub/a")
    os.mkfifo(tmp_path / "sub/pipe")
    for read in ("sub/pipe", "sub", "sub/*", "**"):
        with pytest.raises(RequestError, match="sub/pipe is neither a file nor a folder"):
            _look(tmp_path, read)
    assert _look(tmp_path, "sub", "!sub/pipe")
    with pytest.raises(RequestError, match="null"):
        _look(tmp_path, "a\0b")

    def refuse(path: str, *_: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)  # root may read whatever the mode says
    with pytest.raises(RequestError, match="sub/a cannot be read: Permission denied") as refused:
        _look(tmp_path, "sub/a")
    assert refused.value.hint is not None
    assert '"!sub/a"' in refused.value.hint


def test_names_that_are_not_utf_8_are_entries_that_json_can_hold(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a\\\xff")
    _make(tmp_path, "sub/x")
    (tmp_path / "sub" / odd).write_text("odd")
    (tmp_path / r"sub/a\\\xff").write_text("plain")
    (tmp_path / "sub/ünï\n").write_text("text")
    found = _look(tmp_path, "sub/*", "sub")
    assert found[r"./sub/a\\\xff"] == _digest(b"odd")
    assert found[r"sub/a\\\xff"] == _digest(b"plain")
    assert found["sub/ünï\n"] == _digest(b"text")
    assert len(found) == 5
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert encodable("plain.txt") == "plain.txt"


def test_each_file_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "a", "sub/b", "sub/c", "sub/deep/d")
    looked: list[str] = []
    lstat = os.lstat

    def looking(path: str) -> os.stat_result:
        looked.append(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", looking)
    tree = WorkingTree(str(tmp_path), StatCache(str(tmp_path / "cache")))
    for step in range(3):
        tree.snapshot(["a", "sub/**", "sub/b", "sub/*", "**/c"], [f"out{step}"])
    files = [path for path in looked if Path(path).is_file()]
    assert sorted(files) == sorted({*files})
    assert len(files) == 4
