"""Stored bytes back in the working tree: verified, all of it or nothing, and never a way into the store."""

import errno
import os
import sys
from pathlib import Path

import pytest

from holdfast.artifacts import placing
from holdfast.artifacts.statcache import StatCache
from holdfast.artifacts.store import Store
from holdfast.artifacts.tree import WorkingTree
from holdfast.errors import IntegrityError, RequestError, StoreError
from holdfast.run.events import ArtifactRef


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def store(project: Path) -> Store:
    return Store(project / ".holdfast")


def _stored(store: Store, project: Path, data: str, *, executable: bool = False) -> ArtifactRef:
    path = project / "a.txt"
    path.write_text(data)
    path.chmod(0o755 if executable else 0o644)
    return store.put_path(path, "a.txt")


def _folder(store: Store, project: Path) -> ArtifactRef:
    folder = project / "out"
    (folder / "sub/deep").mkdir(parents=True)
    (folder / "sub/empty").mkdir()
    (folder / "sub/deep/b").write_text("b")
    (folder / os.fsdecode(b"odd\xff")).write_text("odd")
    (folder / "run").write_text("#!/bin/sh")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("sub/deep/b")
    return store.put_path(folder, "out", roots=[str(project)])


def _all(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else (path.read_text(), os.access(path, os.X_OK))
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("executable", [False, True])
def test_a_file_comes_back_with_its_mode(store: Store, project: Path, *, executable: bool) -> None:
    ref = _stored(store, project, "old", executable=executable)
    (project / "a.txt").write_text("new")
    store.place(ref, str(project / "a.txt"))
    assert (project / "a.txt").read_text() == "old"
    assert os.access(project / "a.txt", os.X_OK) == executable
    store.place(ref, str(project / "made/for/it"))
    assert (project / "made/for/it").read_text() == "old"


def test_who_writes_to_what_came_back_does_not_write_into_the_store(store: Store, project: Path) -> None:
    ref = _stored(store, project, "old")
    store.place(ref, str(project / "a.txt"))
    with (project / "a.txt").open("r+") as file:
        file.write("changed in place")
    assert store.read(ref.digest) == b"old"


def test_a_folder_comes_back_whole_and_what_was_added_is_gone(store: Store, project: Path) -> None:
    ref = _folder(store, project)
    before = _all(project / "out")
    (project / "out/sub/deep/b").unlink()
    (project / "out/added").write_text("x")
    store.place(ref, str(project / "out"))
    assert _all(project / "out") == before
    assert WorkingTree(str(project), StatCache(str(project / "cache"))).product("out") == ref.digest
    assert list((project / ".holdfast/placing").iterdir()) == []


def test_a_folder_gives_way_first_where_two_names_cannot_change_places(
    store: Store, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = _folder(store, project)
    before = _all(project / "out")
    (project / "out/added").write_text("x")
    monkeypatch.setattr(sys, "platform", "darwin")
    store.place(ref, str(project / "out"))
    assert _all(project / "out") == before


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round(store: Store, project: Path) -> None:
    folder, file = _folder(store, project), _stored(store, project, "a")
    before = _all(project / "out")
    store.place(file, str(project / "out"))
    assert (project / "out").read_text() == "a"
    store.place(folder, str(project / "out"))
    assert _all(project / "out") == before
    (project / "link").symlink_to("out")
    store.place(file, str(project / "link"))
    assert (project / "link").read_text() == "a"
    assert _all(project / "out") == before


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_bytes_that_are_not_there_or_damaged_change_nothing(store: Store, project: Path, damage: str) -> None:
    # planner 46: damaged bytes are never consumed
    ref = _folder(store, project)
    (project / "out/sub/deep/b").write_text("edited")
    before = _all(project / "out")
    at = store.path(next(entry.digest for entry in store.entries(ref.digest) if entry.path == "sub/deep/b") or "")
    at.chmod(0o644)
    at.write_text("other") if damage == "damaged" else at.unlink()
    with pytest.raises(IntegrityError, match=damage):
        store.place(ref, str(project / "out"))
    assert _all(project / "out") == before
    assert not at.exists()
    assert list((project / ".holdfast/placing").iterdir()) == []


def test_a_path_that_links_lead_out_of_the_project_is_refused(store: Store, project: Path) -> None:
    ref = _stored(store, project, "a")
    (project.parent / "outside").mkdir()
    (project / "out").symlink_to("../outside")
    with pytest.raises(RequestError, match=r"leads out of the project, to .*/outside"):
        store.place(ref, str(project / "out/a.txt"), [str(project)])
    assert list((project.parent / "outside").iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_full_disk_changes_nothing(store: Store, project: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    ref = _folder(store, project) if kind == "folder" else _stored(store, project, "a")
    target = project / ref.path
    before = _all(project)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match=rf"{ref.path} cannot be written: No space left on device") as error:
        store.place(ref, str(target))
    monkeypatch.undo()
    assert error.value.exit_code == 75
    assert {name: held for name, held in _all(project).items() if "placing" not in name} == before


def test_what_stood_there_comes_back_where_its_successor_cannot_take_its_place(
    store: Store, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = _folder(store, project)
    (project / "out/edited").write_text("x")
    before = _all(project / "out")
    rename, tried = os.rename, []

    def failing(source: str, target: str) -> None:
        if target == str(project / "out") and source.endswith("/new"):
            tried.append(target)
            if len(tried) == 2:
                raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    monkeypatch.setattr(placing, "_exchanged", lambda _one, _other: False)
    with pytest.raises(StoreError, match="Input/output error"):
        store.place(ref, str(project / "out"))
    assert _all(project / "out") == before


def test_where_the_state_is_on_another_file_system_the_copy_is_staged_beside_its_place(
    project: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "gone" / ".holdfast")
    ref = _folder(store, project)
    (tmp_path / "gone").rename(tmp_path / "moved")
    away = Store(tmp_path / "moved" / ".holdfast")
    away.objects.state = str(tmp_path / "nowhere")  # as if its folder had another device
    away.place(ref, str(project / "copy"))
    assert _all(project / "copy") == _all(project / "out")
    assert {path.name for path in project.iterdir()} == {"out", "copy"}
