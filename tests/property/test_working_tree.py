"""What the snapshot of a working tree does not depend on: the order of patterns and of folders, locale, hash seed."""

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.artifacts.statcache import StatCache
from holdfast.artifacts.tree import WorkingTree
from holdfast.plan.checks.paths import is_glob, matcher, plain

NAMES = st.sampled_from(["a", "b.py", "c.txt", "lib", "tests", "ü", ".hidden"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PARTS = st.sampled_from(["**", "*", "*.py", "?", "[ab]*", "lib", "a", ".*"])
GLOBS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
READS = st.lists(st.one_of(GLOBS, PATHS, GLOBS.map("!{}".format)), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _planted(scratch: Path, paths: list[str]) -> Path:
    root = Path(tempfile.mkdtemp(dir=scratch))
    for path in paths:
        file = root / path
        if not any(parent.is_file() for parent in file.parents if parent.is_relative_to(root)) and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(path)
    return root


def _look(root: Path, reads: list[str]) -> dict[str, str | None]:
    return WorkingTree(str(root), StatCache(str(root / ".holdfast/stat"))).snapshot(reads)


@settings(max_examples=150, deadline=None)
@given(paths=st.lists(PATHS, max_size=12), reads=READS, seed=st.integers(0, 1000))
def test_globs_match_as_the_checks_of_a_plan_say(scratch: Path, paths: list[str], reads: list[str], seed: int) -> None:
    root = _planted(scratch, paths)
    found = _look(root, reads)
    files = [str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()]
    left_out = [matcher(read[1:]) for read in reads if read.startswith("!")]
    wanted = {
        file
        for read in reads
        if not read.startswith("!") and is_glob(read)
        for file in files
        if matcher(read).fullmatch(file) and not any(form.fullmatch(file) for form in left_out)
    }
    literal = {plain(read) for read in reads if not read.startswith("!") and not is_glob(read)}
    assert {path for path in found if path not in literal} == wanted - literal
    assert all(found[path] == "sha256:" + hashlib.sha256(path.encode()).hexdigest() for path in wanted)
    shuffled = random.Random(seed).sample(reads, len(reads))
    assert list(_look(root, shuffled).items()) == list(found.items())


CHILD = """
import json, os, sys
from holdfast.artifacts.statcache import StatCache
from holdfast.artifacts.tree import WorkingTree
found = WorkingTree(sys.argv[1], StatCache(sys.argv[1] + "/.holdfast/stat")).snapshot(json.loads(sys.argv[2]))
print(json.dumps(found))
"""


def test_locale_and_hash_seed_do_not_matter(tmp_path: Path) -> None:
    # issue: file order, locale and hash seed changed
    for name in (b"b", b"a", b"\xc3\xbc", b"Z", b"\xff"):
        (tmp_path / os.fsdecode(name)).write_bytes(name)
        (tmp_path / "sub").mkdir(exist_ok=True)
        (tmp_path / "sub" / os.fsdecode(name)).write_bytes(name)
    answers = set()
    for locale, seed in (("C", "1"), ("C.UTF-8", "2"), ("POSIX", "3")):
        environment = {**os.environ, "LC_ALL": locale, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", CHILD, str(tmp_path), json.dumps(["*", "sub", "ü"])]
        answers.add(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    assert len(answers) == 1
    assert len(json.loads(answers.pop())) == 11
