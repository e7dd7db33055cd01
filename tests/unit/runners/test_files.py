"""The runner `file` on real files."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from holdfast.runners.failing import WorkFailedError
from holdfast.runners.performing import Answer, perform
from holdfast.runners.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    project = tmp_path / "project"
    project.mkdir()
    return Place(str(project), str(project))


def do(place: Place, op: str, path: str, **params: Any) -> Answer:  # noqa: ANN401 - any parameter
    given = {name.rstrip("_"): value for name, value in params.items()}
    return perform("file", {"op": op, "path": path, **given}, place)


def failure(answer: Answer) -> WorkFailedError:
    assert answer.failure is not None
    return answer.failure


def in_project(place: Place, name: str) -> Path:
    return Path(place.project, name)


def names(folder: Path | str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def again(place: Place) -> Place:
    return Place(place.project, place.cwd, attempt=2)


def test_write_makes_the_file_and_its_folders_and_nothing_else(place: Place) -> None:
    answer = do(place, "write", "a/b/c.txt", content="é\n")
    assert answer.outputs == {"path": "a/b/c.txt", "changed": True, "bytes": 3}
    assert in_project(place, "a/b/c.txt").read_bytes() == "é\n".encode()
    assert names(in_project(place, "a/b")) == ["c.txt"]


def test_writing_what_is_there_changes_nothing(place: Place) -> None:
    do(place, "write", "c", content="x")
    before = in_project(place, "c").stat()
    assert do(place, "write", "c", content="x").outputs["changed"] is False
    assert in_project(place, "c").stat().st_ctime_ns == before.st_ctime_ns


def test_a_file_keeps_its_permissions_unless_it_is_given_others(place: Place) -> None:
    path = in_project(place, "c")
    path.write_text("old")
    path.chmod(0o750)
    do(place, "write", "c", content="new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert do(place, "write", "c", content="new", mode="0600").outputs["changed"] is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_content_that_is_no_text_is_written_as_json(place: Place) -> None:
    do(place, "write", "c.json", content={"é": [1, None]})
    assert in_project(place, "c.json").read_text() == '{\n  "é": [\n    1,\n    null\n  ]\n}\n'


def test_a_link_inside_of_the_project_is_written_through(place: Place) -> None:
    in_project(place, "real").write_text("old")
    in_project(place, "link").symlink_to("real")
    do(place, "write", "link", content="new")
    assert in_project(place, "link").is_symlink()
    assert in_project(place, "real").read_text() == "new"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../out", "lies outside of policy.write_roots, now [.]"),
        ("/etc/holdfast-test", "lies outside of policy.write_roots"),
        ("way/out", "which is "),
        ("leak", "lies outside of policy.write_roots"),
        (".holdfast/x", "inside .holdfast, the engine's folder"),
        (".", "is the project's folder itself"),
        ("folder", "folder is a folder, not a file"),
        ("pipe", "pipe is no plain file"),
    ],
)
def test_a_place_that_may_not_be_written_is_refused(place: Place, path: str, words: str) -> None:
    in_project(place, "way").symlink_to("..")
    in_project(place, "leak").symlink_to("../leaked")
    in_project(place, "folder").mkdir()
    os.mkfifo(in_project(place, "pipe"))
    failed = failure(do(place, "write", path, content="x"))
    assert (failed.code, failed.definite) == ("spawn.failed", True)
    assert words in str(failed)
    assert names(Path(place.project).parent) == ["project"]


def test_a_write_root_outside_of_the_project_may_be_written(place: Place, tmp_path: Path) -> None:
    wider = Place(place.project, place.cwd, write_roots=("sub", "../out"))
    assert do(wider, "write", "../out/x", content="x").failure is None
    assert (tmp_path / "out" / "x").read_text() == "x"
    assert "policy.write_roots, now [sub, ../out]" in str(failure(do(wider, "write", "x", content="x")))


def test_copy_takes_content_and_permissions_and_is_done_once(place: Place) -> None:
    in_project(place, "a").write_text("text")
    in_project(place, "a").chmod(0o755)
    assert do(place, "copy", "deep/b", from_="a").outputs == {"path": "deep/b", "changed": True, "bytes": 4}
    assert stat.S_IMODE(in_project(place, "deep/b").stat().st_mode) == 0o755
    assert do(place, "copy", "deep/b", from_="a").outputs["changed"] is False
    assert do(place, "copy", "deep/b", from_="a", mode="0600").outputs["changed"] is True
    assert names(in_project(place, "deep")) == ["b"]


def test_a_folder_is_copied_as_a_whole_and_takes_the_place_of_the_old(place: Place) -> None:
    in_project(place, "a/sub").mkdir(parents=True)
    in_project(place, "a/sub/f").write_text("1")
    in_project(place, "b").mkdir()
    in_project(place, "b/old").write_text("0")
    do(place, "copy", "b", from_="a")
    assert sorted(str(path.relative_to(in_project(place, "b"))) for path in in_project(place, "b").rglob("*")) == [
        "sub",
        "sub/f",
    ]
    assert names(place.project) == ["a", "b"]


def test_move_renames_and_an_attempt_after_it_finds_it_done(place: Place) -> None:
    in_project(place, "a").write_text("text")
    assert do(place, "move", "to/b", from_="a").outputs["changed"] is True
    assert not in_project(place, "a").exists()
    assert in_project(place, "to/b").read_text() == "text"
    assert do(again(place), "move", "to/b", from_="a").outputs["changed"] is False
    assert str(failure(do(place, "move", "to/b", from_="a"))) == "there is no a to move"


def test_a_move_between_devices_is_a_copy_then_a_removal(place: Place, tmp_path: Path) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system here")
    outside = shared / f"holdfast-{os.getpid()}"
    outside.write_text("text")
    wider = Place(place.project, place.cwd, write_roots=(".", "/dev/shm"))
    assert do(wider, "move", "b", from_=str(outside)).failure is None
    assert not outside.exists()
    assert in_project(place, "b").read_text() == "text"


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("none", "b", "there is no none to copy"),
        ("a", "a", "are the same file"),
        ("folder", "folder/in", "folder/in lies inside folder"),
        ("a", "folder", "folder is a folder; write the file's name too"),
    ],
)
def test_a_copy_that_makes_no_sense_is_refused(place: Place, source: str, target: str, words: str) -> None:
    in_project(place, "a").write_text("")
    in_project(place, "folder").mkdir()
    assert words in str(failure(do(place, "copy", target, from_=source)))


def test_delete_removes_files_folders_and_links_and_is_content_with_nothing(place: Place) -> None:
    in_project(place, "a").write_text("")
    in_project(place, "d/e").mkdir(parents=True)
    in_project(place, "l").symlink_to("/etc")
    for path in ("a", "d", "l"):
        assert do(place, "delete", path).outputs == {"path": path, "changed": True}
        assert do(place, "delete", path).outputs == {"path": path, "changed": False}
    assert names(place.project) == []
    assert Path("/etc").is_dir()


DIFF = "--- a\n+++ b\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"


def test_a_patch_is_applied_once(place: Place) -> None:
    in_project(place, "a").write_text("one\ntwo\n")
    assert do(place, "patch", "a", diff=DIFF).outputs == {"path": "a", "changed": True, "bytes": 6}
    assert in_project(place, "a").read_text() == "one\n2\n"
    assert do(place, "patch", "a", diff=DIFF).outputs["changed"] is False


def test_an_addition_without_context_is_not_made_twice_by_a_second_attempt(place: Place) -> None:
    in_project(place, "a").write_text("x\n")
    bare = "@@ -1,0 +2 @@\n+x\n"
    do(place, "patch", "a", diff=bare)
    assert do(again(place), "patch", "a", diff=bare).outputs["changed"] is False
    assert in_project(place, "a").read_text() == "x\nx\n"


def test_a_patch_makes_and_removes_files(place: Place) -> None:
    make = "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+hello\n"
    assert do(place, "patch", "n", diff=make).outputs["changed"] is True
    assert do(place, "patch", "n", diff=make).outputs["changed"] is False
    gone = "--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-hello\n"
    assert do(place, "patch", "n", diff=gone).outputs["changed"] is True
    assert do(place, "patch", "n", diff=gone).outputs["changed"] is False
    in_project(place, "n").write_text("other\n")
    assert "the diff makes the file, but it is there" in str(failure(do(place, "patch", "n", diff=make)))


def test_a_rejected_patch_leaves_the_file_alone(place: Place) -> None:
    in_project(place, "a").write_text("one\nTWO\n")
    failed = failure(do(place, "patch", "a", diff=DIFF))
    assert (failed.code, failed.definite) == ("exit.nonzero", True)
    assert str(failed).startswith("a: hunk 1 (line 3 of the diff) does not fit: it expects line 2 to be 'two'")
    assert in_project(place, "a").read_text() == "one\nTWO\n"
    assert str(failure(do(place, "patch", "none", diff=DIFF))) == "none: there is no such file"


def test_bytes_that_are_no_text_survive_a_patch(place: Place) -> None:
    in_project(place, "a").write_bytes(b"one\ntwo\n\xff\x00\n")
    do(place, "patch", "a", diff=DIFF)
    assert in_project(place, "a").read_bytes() == b"one\n2\n\xff\x00\n"


def test_what_the_system_refuses_is_said_with_the_file(place: Place) -> None:
    in_project(place, "a").write_text("")
    failed = failure(do(place, "write", "a/b", content="x"))
    assert failed.code == "exit.nonzero"
    assert "Not a directory" in str(failed) or "File exists" in str(failed)


def test_a_parameter_of_a_wrong_type_is_refused_before_anything_happens(place: Place) -> None:
    failed = failure(do(place, "write", "a", content="x", mode=644))
    assert (failed.code, str(failed)) == ("spawn.failed", "with: Expected `str | null`, got `int` - at `$.mode`")
