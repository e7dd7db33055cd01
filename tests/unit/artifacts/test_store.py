"""What the store keeps of a folder whose files have any name that a file system allows."""

import os
from pathlib import Path

import msgspec

from holdfast.artifacts.manifest import Entry
from holdfast.artifacts.store import Store


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
