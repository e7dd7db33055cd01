"""Puts an artifact in the place of another, killed at the n-th thing it does, for every n; says how often.

Arguments: an empty folder. Whatever the moment, the place holds all of the old content or all of the new one.
"""

import os
import sys
from pathlib import Path

from holdfast.artifacts.statcache import StatCache
from holdfast.artifacts.store import Store
from holdfast.artifacts.tree import WorkingTree
from holdfast.run.events import ArtifactRef
from tests.crash.points import Points


def _make(folder: Path, word: str) -> None:
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        (folder / name).write_text(f"{word} {name}")
    (folder / "link").symlink_to("a")


def _killed(root: Path, store: Store, ref: ArtifactRef, n: int) -> bool:
    """Whether a child of this process that puts the artifact in its place was killed at its n-th point."""
    child = os.fork()
    if not child:
        points = Points(n, root / "report")
        points.watch_system()
        store.place(ref, str(root / "out"))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(root: Path) -> None:
    store = Store(root / ".holdfast")
    refs = {}
    for word in ("old", "new"):
        _make(root / word, word)
        refs[word] = store.put_path(root / word, "out")
    file = root / "file"
    file.write_text("a file")
    refs["file"] = store.put_path(file, "out")
    points = 0
    for first, second in (("old", "new"), ("file", "new"), ("old", "file"), ("file", "file")):
        n = 0
        going = True
        while going:
            n += 1
            store.place(refs[first], str(root / "out"))
            going = _killed(root, store, refs[second], n)
            held = WorkingTree(str(root), StatCache(str(root / "cache"))).product("out")
            assert held in {refs[first].digest, refs[second].digest}, f"{first} to {second}: torn at {n}"
            assert going or held == refs[second].digest
        points += n
    sys.stdout.write(f"{points}\n")


main(Path(sys.argv[1]))
