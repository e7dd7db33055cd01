"""What the store keeps of a folder whose files have any name that a file system allows."""

import errno
import os
import stat
from pathlib import Path

import msgspec
import pytest

from holdfast.artifacts.manifest import Entry
from holdfast.artifacts.objects import Condition
from holdfast.artifacts.store import Store
from holdfast.errors import IntegrityError, StoreError
from holdfast.run.events import ArtifactRef


def _manifest(store: Store, folder: Path) -> list[Entry]:
    kept = store.put_path(folder, "folder")
    assert kept.tree
    return msgspec.json.decode(store.read(kept.digest), type=list[Entry])


def test_a_folder_with_names_that_are_not_utf_8_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / os.fsdecode(b"a\\\xff")).write_bytes(b"x")
    (folder / "link").symlink_to(os.fsdecode(b"\xfe"))
    file, link = _manifest(Store(tmp_path / "state"), folder)
    assert (file.path, file.escaped) == (r"a\\\xff", True)
    assert (link.path, link.link, link.escaped) == ("link", r"\xfe", True)


def test_a_name_that_is_utf_8_stands_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    names = {"a\nb", "ünï x", "c\\d"}
    for name in names:
        (folder / name).write_bytes(b"x")
    entries = _manifest(Store(tmp_path / "state"), folder)
    assert {entry.path for entry in entries} == names
    assert not any(entry.escaped for entry in entries)


def test_a_store_that_grows_makes_its_other_folders_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digests = [store.put_bytes(str(number).encode()) for number in range(3)]
    assert len(list((tmp_path / "objects").iterdir())) == 3
    digests += [store.put_bytes(str(number).encode()) for number in range(3, 40)]
    assert len(list((tmp_path / "objects").iterdir())) == 256
    assert [Store(tmp_path).read(digest) for digest in digests] == [str(number).encode() for number in range(40)]


def _damage(store: Store, digest: str) -> None:
    path = store.path(digest)
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def _quarantined(tmp_path: Path) -> list[bytes]:
    folder = tmp_path / "quarantine"
    return [path.read_bytes() for path in folder.iterdir()] if folder.exists() else []


def test_objects_are_read_only(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert stat.S_IMODE(store.path(store.put_bytes(b"x")).stat().st_mode) == 0o444


def test_a_damaged_object_is_quarantined_when_it_is_read_and_never_consumed(tmp_path: Path) -> None:
    # planner 46
    store = Store(tmp_path)
    digest = store.put_bytes(b"content")
    _damage(store, digest)
    with pytest.raises(IntegrityError, match="do not match its digest") as damaged:
        store.read(digest)
    assert damaged.value.code == "E_ARTIFACT_DAMAGED"
    assert _quarantined(tmp_path) == [b"bontent"]
    with pytest.raises(IntegrityError, match="missing from the store") as missing:
        store.read(digest)
    assert missing.value.code == "E_ARTIFACT_MISSING"


@pytest.mark.parametrize("as_file", [False, True])
def test_the_same_content_heals_the_store_also_where_nobody_had_noticed(tmp_path: Path, *, as_file: bool) -> None:
    # planner 46
    store = Store(tmp_path)
    digest = store.put_bytes(b"content")
    _damage(store, digest)
    if as_file:
        (tmp_path / "made").write_bytes(b"content")
        assert store.put_path(tmp_path / "made", "made").digest == digest
    else:
        assert store.put_bytes(b"content") == digest
    assert store.read(digest) == b"content"
    assert _quarantined(tmp_path) == [b"bontent"]


def test_what_is_stored_again_is_as_young_as_that(tmp_path: Path) -> None:
    # what a run is about to commit, a collection must not take for old
    store = Store(tmp_path)
    digest = store.put_bytes(b"content")
    os.utime(store.path(digest), (1_000_000_000, 1_000_000_000))
    store.put_bytes(b"content")
    assert store.path(digest).stat().st_mtime > 1_600_000_000


def test_a_damaged_object_in_a_store_that_cannot_be_written_is_not_consumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    digest = store.put_bytes(b"content")
    _damage(store, digest)

    def refuse(*_: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(IntegrityError, match="damaged"):
        store.read(digest)
    assert store.verify(ArtifactRef("a", digest, 7)) is Condition.DAMAGED


def test_an_artifact_is_verified_with_all_its_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    for name in ("a", "b"):
        (tmp_path / "folder" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "folder" / name).write_text(name)
    ref = store.put_path(tmp_path / "folder", "folder")
    inside = {entry.path: str(entry.digest) for entry in store.entries(ref.digest)}
    assert store.verify(ref) is Condition.INTACT
    assert store.present([ref]) == {ref.digest}
    store.path(inside["a"]).unlink()
    assert store.verify(ref) is Condition.MISSING
    assert store.present([ref]) == set()
    _damage(store, inside["b"])
    assert store.verify(ref) is Condition.DAMAGED
    assert store.verify(ref) is Condition.MISSING
    _damage(store, ref.digest)
    assert store.verify(ref) is Condition.DAMAGED


@pytest.mark.parametrize("number", [3, 300])
def test_presence_is_known_by_the_stores_folders(tmp_path: Path, number: int) -> None:
    store = Store(tmp_path)
    refs = [ArtifactRef(str(n), store.put_bytes(str(n).encode()), 1) for n in range(5)]
    absent = [ArtifactRef(str(n), f"sha256:{n:064x}", 1) for n in range(number)]
    only = msgspec.structs.replace(refs[0], digest_only=True)
    assert store.present([*refs[1:], *absent, only]) == {ref.digest for ref in refs[1:]}


def test_links_in_a_folder_stay_in_the_project(tmp_path: Path) -> None:
    # issue 4: symlinks stored as links, escapes out of the project refused
    project = tmp_path / "project"
    (project / "out").mkdir(parents=True)
    (project / "x").write_text("x")
    (project / "out/up").symlink_to("../x")
    (project / "out/absolute").symlink_to(project / "x")
    store = Store(tmp_path / "state")
    ref = store.put_path(project / "out", "out", roots=[str(project)])
    assert {entry.link for entry in store.entries(ref.digest)} == {"../x", str(project / "x")}
    (project / "out/away").symlink_to("../../elsewhere")
    with pytest.raises(PermissionError, match=r"leads out of the project, to .*/elsewhere"):
        store.put_path(project / "out", "out", roots=[str(project)])
    assert store.put_path(project / "out", "out", roots=[str(tmp_path)]).tree


def test_of_a_product_that_keeps_its_digest_nothing_is_stored(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("a")
    (tmp_path / "b").write_text("b")
    store = Store(tmp_path / "state")
    folder = store.put_path(tmp_path / "folder", "folder", digest_only=True)
    file = store.put_path(tmp_path / "b", "b", digest_only=True)
    assert not (tmp_path / "state").exists()
    assert (folder.digest_only, folder.size, file.digest_only, file.size) == (True, 1, True, 1)
    assert store.put_path(tmp_path / "folder", "folder").digest == folder.digest
    assert store.put_path(tmp_path / "b", "b").digest == file.digest


def test_a_folder_that_holds_a_pipe_is_not_stored(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder/pipe")
    with pytest.raises(OSError, match="neither a file, a folder nor a link"):
        Store(tmp_path / "state").put_path(tmp_path / "folder", "folder")


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (3 << 20) + 5])
def test_files_of_any_size_are_stored_whole(tmp_path: Path, size: int) -> None:
    data = os.urandom(1024) * (size // 1024 + 1)
    (tmp_path / "file").write_bytes(data[:size])
    store = Store(tmp_path / "state")
    ref = store.put_path(tmp_path / "file", "file")
    assert (ref.size, store.read(ref.digest)) == (size, data[:size])
    assert not store.path(ref.digest).samefile(tmp_path / "file")


def test_large_files_are_copied_where_the_system_cannot_do_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", cannot, raising=False)
    data = os.urandom(2 << 20)
    (tmp_path / "file").write_bytes(data)
    store = Store(tmp_path / "state")
    assert store.read(store.put_path(tmp_path / "file", "file").digest) == data


def test_a_full_disk_leaves_nothing_half_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) > 10:
            return write(fd, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "file").write_bytes(b"x" * 15)
    store = Store(tmp_path / "state")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="is full") as error:
        store.put_path(tmp_path / "file", "file")
    assert error.value.exit_code == 75
    assert [path for path in (tmp_path / "state").rglob("*") if path.is_file()] == []
