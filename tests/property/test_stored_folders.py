"""Whatever a folder holds, it comes back from the store as it was, and has one digest however it is looked at."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.artifacts.statcache import StatCache
from holdfast.artifacts.store import Store
from holdfast.artifacts.tree import WorkingTree

NAMES = (
    st.binary(min_size=1, max_size=6)
    .filter(lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."})
    .map(os.fsdecode)
)
FILES = st.tuples(st.binary(max_size=20), st.booleans())
LINKS = st.lists(NAMES, min_size=1, max_size=2).map("/".join)
FOLDERS = st.recursive(
    st.dictionaries(NAMES, FILES | LINKS, max_size=3),
    lambda inner: st.dictionaries(NAMES, inner | FILES | LINKS, max_size=3),
    max_leaves=6,
)


def _plant(folder: Path, held: dict[str, object]) -> None:
    folder.mkdir()
    for name, what in held.items():
        if isinstance(what, dict):
            _plant(folder / name, what)
        elif isinstance(what, tuple):
            (folder / name).write_bytes(what[0])
            (folder / name).chmod(0o755 if what[1] else 0o644)
        else:
            (folder / name).symlink_to(str(what))


def _held(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in folder.iterdir():
        if path.is_symlink():
            found[path.name] = str(path.readlink())
        elif path.is_dir():
            found[path.name] = _held(path)
        else:
            found[path.name] = (path.read_bytes(), os.access(path, os.X_OK))
    return found


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One for all examples: its 256 folders cost more than they."""
    with tempfile.TemporaryDirectory() as folder:
        yield Store(Path(folder))


@settings(max_examples=30)
@given(held=FOLDERS)
def test_a_folder_comes_back_as_it_was(store: Store, held: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _plant(root / "out", held)
        ref = store.put_path(root / "out", "out")
        store.place(ref, str(root / "again"))
        assert _held(root / "again") == held
        tree = WorkingTree(scratch, StatCache(str(root / "cache")))
        assert tree.product("out") == tree.product("again") == ref.digest
        assert store.put_path(root / "again", "again", digest_only=True).digest == ref.digest
