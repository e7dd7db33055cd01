"""`artifacts ls`, `get`, `verify`, `gc`: what steps made, listed, brought out, hashed again, collected."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.cli.program import Program

PLAN = """
plan: shop
steps:
  a:
    run: mkdir -p d; echo one > d/one; ln -sf one d/link; printf x > f; chmod +x f; printf big > big
    produces: {dir: d, file: f, big: {path: big, keep: digest}}
  b:
    depends_on: [a]
    run: printf hi > out.txt
    produces: {file: out.txt}
"""


@pytest.fixture
def run(program: Program, folder: Path) -> str:
    (folder / "shop.yaml").write_text(PLAN)
    assert program("run", "shop.yaml").code == 0
    document = json.loads(program("runs", "--json").out)
    return str(document["runs"][0]["run"])


def _object(folder: Path, digest: str) -> Path:
    name = digest.removeprefix("sha256:")
    return folder / ".holdfast/objects" / name[:2] / name[2:]


def _digest(program: Program, name: str) -> str:
    listed = json.loads(program("artifacts", "ls", "--json").out)["artifacts"]
    return str(next(one["digest"] for one in listed if f"{one['step']}.{one['artifact']}" == name))


def _damage(folder: Path, digest: str) -> None:
    path = _object(folder, digest)
    path.chmod(0o644)
    path.write_text("something else")


def test_ls_lists_what_is_stored(program: Program, folder: Path, run: str) -> None:
    listed = json.loads(program("artifacts", "ls", "--json").out)["artifacts"]
    assert [(one["step"], one["artifact"], one["path"], one["size"]) for one in listed] == [
        ("b", "file", "out.txt", 2),
        ("a", "big", "big", 3),
        ("a", "dir", "d", 4),
        ("a", "file", "f", 1),
    ]
    assert [(one["tree"], one["kept"], one["present"]) for one in listed] == [
        (False, "bytes", True),
        (False, "digest", False),
        (True, "bytes", True),
        (False, "bytes", True),
    ]
    assert {(one["run"], one["made_in"], one["plan"], one["attempt"]) for one in listed} == {(run, run, "shop", 1)}
    assert json.loads(program("artifacts", "ls", "last", "b", "--json").out)["artifacts"] == listed[:1]
    _object(folder, listed[0]["digest"]).unlink()
    lines = program("artifacts", "ls", run).out.splitlines()
    assert lines[0].split() == ["ARTIFACT", "BYTES", "DIGEST", "STORED", "MADE", "PATH"]
    assert {line.split()[0]: line.split()[3] for line in lines[1:]} == {
        "a.big": "digest",
        "a.dir": "yes",
        "a.file": "yes",
        "b.file": "missing",
    }


def test_without_runs_there_are_none(program: Program) -> None:
    assert json.loads(program("artifacts", "ls", "--json").out) == {"artifacts": []}
    assert "no artifacts yet" in program("artifacts", "ls").err
    assert program("artifacts", "ls", "last").code == 3
    for verb in ("verify", "gc"):
        assert "there are no runs here" in program("artifacts", verb).err


def test_get_brings_out_files_and_folders(program: Program, folder: Path, run: str) -> None:
    assert program("artifacts", "get", run, "b.file").out == "hi"
    assert program("artifacts", "get", "last", "b").out == "hi"
    assert program("artifacts", "get", run, "a.file", "-o", "copy").code == 0
    assert os.access(folder / "copy", os.X_OK)
    (folder / "into").mkdir()
    document = json.loads(program("artifacts", "get", run, "dir", "-o", "into", "--json").out)
    assert (document["at"], document["artifact"]["artifact"]) == ("into", "dir")
    assert (folder / "into/link").read_text() == "one\n"
    assert (folder / "into/link").is_symlink()
    assert program("artifacts", "get", run, "b.file", "-o", "into").code == 0
    assert (folder / "into/out.txt").read_text() == "hi"
    (folder / "copy").write_text("x" * 100)
    assert program("artifacts", "get", run, "a.file").out == "x"


def test_get_writes_over_nothing_unless_asked(program: Program, folder: Path, run: str) -> None:
    (folder / "there").write_text("mine")
    refused = program("artifacts", "get", run, "b.file", "-o", "there")
    assert (refused.code, "there exists" in refused.err, "--overwrite" in refused.err) == (3, True, True)
    assert (folder / "there").read_text() == "mine"
    assert program("artifacts", "get", run, "b.file", "-o", "there", "--overwrite").code == 0
    assert (folder / "there").read_text() == "hi"
    for place in (".", "d"):
        before = sorted(path.name for path in folder.iterdir())
        refused = program("artifacts", "get", run, "dir", "-o", place, "--overwrite")
        if place == ".":
            assert refused.code == 3  # ./d is there and is not empty
        else:
            assert (refused.code, (folder / "d/d/one").read_text()) == (0, "one\n")
        assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file", "may mean 2 artifacts"),
        ("a", "may mean 3 artifacts"),
        ("artifact:fil", "did you mean file?"),
        ("b.fil", "did you mean b.file?"),
        ("a.big", "only the digest was kept"),
    ],
)
def test_get_says_what_a_name_cannot_mean(program: Program, run: str, name: str, said: str) -> None:
    refused = program("artifacts", "get", run, name)
    assert (refused.code, refused.out) == (3, "")
    assert said in refused.err


def test_get_of_a_folder_needs_a_place(program: Program, run: str) -> None:
    assert program("artifacts", "get", run, "artifact:dir").code == 2
    assert program("artifacts", "get", run, "b", "--json").code == 2


@pytest.mark.parametrize("place", [[], ["-o", "copy"]])
def test_get_of_damaged_bytes_gives_none_of_them(program: Program, folder: Path, run: str, place: list[str]) -> None:
    # cli, Exit codes: 3 where a request names the artifact; planner 46
    _damage(folder, _digest(program, "b.file"))
    refused = program("artifacts", "get", run, "b.file", *place)
    assert (refused.code, refused.out) == (3, "")
    assert "b.file of run" in refused.err
    assert "quarantine" in refused.err
    assert not (folder / "copy").exists()
    assert "is missing" in program("artifacts", "get", run, "b.file", *place).err
    document = json.loads(program("artifacts", "get", run, "b.file", "-o", "copy", "--json").out)
    assert document["error"]["code"] == "E_ARTIFACT_MISSING"


def test_7_verify_finds_what_is_damaged_and_says_who_made_it(program: Program, folder: Path, run: str) -> None:
    assert program("artifacts", "verify").out.startswith("intact: 4 objects")
    one = next(
        path for path in (folder / ".holdfast/objects").rglob("*") if path.is_file() and path.read_bytes() == b"one\n"
    )
    _damage(folder, f"sha256:{one.parent.name}{one.name}")
    _damage(folder, _digest(program, "b.file"))
    found = program("artifacts", "verify")
    assert found.code == 7
    lines = found.out.splitlines()
    assert [line for line in lines if line.startswith("damaged")] == [
        f"damaged: b.file of run {run} of shop (out.txt): {_digest(program, 'b.file')}",
        f"damaged: a.dir of run {run} of shop (d): {_digest(program, 'a.dir')}",
    ]
    assert "to make it again: holdfast run shop.yaml" in lines
    assert len(list((folder / ".holdfast/quarantine").iterdir())) == 2
    again = program("artifacts", "verify", "--json")
    document = json.loads(again.out)
    assert (again.code, document["ok"], document["others"]) == (7, False, [])
    assert [(each["step"], each["artifact"], each["condition"]) for each in document["found"]] == [
        ("b", "file", "missing"),
        ("a", "dir", "missing"),
    ]
    # the same content heals the store
    assert program("run", "shop.yaml").code == 0
    assert program("artifacts", "verify").code == 0


def test_7_what_cannot_be_moved_away_is_not_said_to_be(
    program: Program, folder: Path, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _damage(folder, _digest(program, "b.file"))

    def refuse(*_: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", refuse)
    found = program("artifacts", "verify", "--json")
    assert (found.code, json.loads(found.out)["quarantine"]) == (7, None)
    assert "moved" not in program("artifacts", "verify").out


def test_7_a_damaged_object_that_nobody_needs_is_found_too(program: Program, folder: Path, run: str) -> None:
    stray = folder / ".holdfast/objects/00" / ("1" * 62)
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("x")
    found = program("artifacts", "verify")
    assert (found.code, f"sha256:00{'1' * 62}, which no step's latest attempt has" in found.out) == (7, True)


def test_gc_says_what_it_would_delete_and_deletes_it(program: Program, folder: Path, run: str) -> None:
    (folder / "shop.yaml").write_text(PLAN.replace("printf hi", "printf ho"))
    assert program("run", "shop.yaml").code == 0
    for path in (folder / ".holdfast/objects").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    told = program("artifacts", "gc", "--keep", "1", "--dry-run").out.splitlines()
    assert told == ["would be deleted: 1 object, 2 bytes", f"  b.file of run {run}", told[-1]]
    assert told[-1].startswith("kept: 4 objects")
    assert program("artifacts", "get", run, "b.file").out == "hi"
    done = json.loads(program("artifacts", "gc", "--keep", "1", "--min-age", "0s", "--json").out)
    assert (done["objects"], done["bytes"], done["kept"], done["young"]) == (1, 2, 4, 0)
    assert done["artifacts"] == [[run, "b", "file"]]
    assert program("artifacts", "get", run, "b.file").code == 3
    assert program("artifacts", "get", "last", "b.file").out == "ho"
    assert program("artifacts", "verify").code == 0
    assert program("artifacts", "gc", "--keep", "0").code == 2
    assert program("artifacts", "gc", "--min-age", "x").code == 2
