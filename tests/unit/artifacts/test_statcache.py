"""Digests by what `stat` says: when they are trusted, and when a file is read again (planner 10)."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from holdfast.artifacts.statcache import PREFIX, StatCache, _is_young, _read

HOUR_NS = 3_600_000_000_000


def _later() -> int:
    """A time at which no file of the test is young."""
    return time.time_ns() + HOUR_NS


def _of(cache: StatCache, path: Path) -> str:
    return cache.digest(path.name, str(path), path.stat())


def _sha(data: bytes) -> str:
    return PREFIX + hashlib.sha256(data).hexdigest()


def _place(tmp_path: Path) -> str:
    (tmp_path / ".holdfast").mkdir()
    return str(tmp_path / ".holdfast/cache/stat")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    done: list[str] = []

    def read(path: str, size: int) -> tuple[bytes, os.stat_result]:
        done.append(Path(path).name)
        return _read(path, size)

    monkeypatch.setattr("holdfast.artifacts.statcache._read", read)
    return done


def test_an_untouched_file_is_read_once(tmp_path: Path, reads: list[str]) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    place = _place(tmp_path)
    cache = StatCache(place, _later)
    assert _of(cache, file) == _of(cache, file) == _sha(b"one")
    cache.save()
    assert _of(StatCache(place, _later), file) == _sha(b"one")
    assert reads == ["a"]


def test_a_file_as_young_as_its_record_is_read_again(tmp_path: Path, reads: list[str]) -> None:
    # planner 10; two writes within one tick of the clock leave the same signature
    file = tmp_path / "a"
    file.write_bytes(b"one")
    found = file.stat()
    cache = StatCache(str(tmp_path / "cache"), lambda: found.st_ctime_ns + 5_000_000)
    assert cache.digest("a", str(file), found) == _sha(b"one")
    inode = os.open(file, os.O_WRONLY)
    os.write(inode, b"two")  # as if in the same tick: it is the same stat that is given
    os.close(inode)
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert cache.digest("a", str(file), found) == _sha(b"two")
    assert reads[0] == "a"
    assert len(reads) >= 2


def test_two_writes_within_one_tick_of_the_clock_are_told_apart(tmp_path: Path) -> None:
    # planner 10, with the clock and the file system as they are
    file = tmp_path / "a"
    cache = StatCache(str(tmp_path / "cache"))
    for number in range(100):
        file.write_bytes(b"%03d" % number)
        assert _of(cache, file) == _sha(b"%03d" % number)


@pytest.mark.parametrize(("age_s", "young"), [(1, True), (2, True), (3, False)])
def test_where_times_are_whole_seconds_a_file_is_young_for_longer(tmp_path: Path, *, age_s: int, young: bool) -> None:
    numbers = list(tmp_path.stat())
    whole_s = 1_700_000_000
    coarse = os.stat_result(numbers, {f"st_{kind}time_ns": whole_s * 10**9 for kind in "amc"})
    assert _is_young(coarse, (whole_s + age_s) * 10**9) == young
    fine = os.stat_result(numbers, {f"st_{kind}time_ns": whole_s * 10**9 + 1 for kind in "amc"})
    assert not _is_young(fine, (whole_s + age_s) * 10**9)


def test_other_bytes_with_the_same_size_and_mtime_are_seen(tmp_path: Path) -> None:
    # `cp -p`: size and mtime are those of before, ctime or inode are not
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"one")
    other.write_bytes(b"two")
    cache = StatCache(str(tmp_path / "cache"), _later)
    before = file.stat()
    assert _of(cache, file) == _sha(b"one")
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert _of(cache, file) == _sha(b"two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.write_bytes(b"new")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(file)
    assert _of(cache, file) == _sha(b"new")


def test_a_file_from_the_future_is_never_trusted(tmp_path: Path, reads: list[str]) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    os.utime(file, (4_000_000_000, 4_000_000_000))
    cache = StatCache(str(tmp_path / "cache"), _later)
    assert _of(cache, file) == _of(cache, file)
    assert reads == ["a", "a"]


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    tries: list[int] = []

    def read(path: str, size: int) -> tuple[bytes, os.stat_result]:
        digest, _ = _read(path, size)
        tries.append(size)
        if len(tries) == 1:
            file.write_bytes(b"three")
        return digest, file.stat()

    monkeypatch.setattr("holdfast.artifacts.statcache._read", read)
    assert _of(StatCache(str(tmp_path / "cache"), _later), file) == _sha(b"three")
    assert tries == [3, 5]


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_files_of_any_size_are_read_whole(tmp_path: Path, size: int) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * size)
    assert _of(StatCache(str(tmp_path / "cache")), file) == _sha(b"x" * size)


def test_a_damaged_or_foreign_cache_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    place = _place(tmp_path)
    cache = StatCache(place, _later)
    _of(cache, file)
    cache.save()
    whole = Path(place).read_bytes()
    assert StatCache(place)._index == {"a": 0}
    for at in range(len(whole)):
        Path(place).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert StatCache(place)._index == {}
        Path(place).write_bytes(whole[:at])
        assert StatCache(place)._index == {}


def test_a_cache_is_written_only_where_there_is_a_state_folder(tmp_path: Path) -> None:
    # planner 2: planning writes nothing but caches and creates no `.holdfast`
    file = tmp_path / "a"
    file.write_bytes(b"one")
    cache = StatCache.of(str(tmp_path / ".holdfast"), str(tmp_path))
    _of(cache, file)
    cache.save()
    assert not (tmp_path / ".holdfast").exists()


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    place = _place(tmp_path)
    (tmp_path / ".holdfast/cache").write_text("a file where the folder should be")
    cache = StatCache(place, _later)
    assert _of(cache, file) == _sha(b"one")
    cache.save()
    assert (tmp_path / ".holdfast/cache").is_file()


def test_a_few_changes_among_many_files_are_not_worth_writing_all_of_them(tmp_path: Path) -> None:
    place = _place(tmp_path)
    cache = StatCache(place, _later)
    for number in range(150):
        (tmp_path / f"{number}").write_text(str(number))
        _of(cache, tmp_path / f"{number}")
    cache.save()
    written = Path(place).stat().st_mtime_ns, Path(place).stat().st_ino
    again = StatCache(place, _later)
    (tmp_path / "0").write_text("changed")
    _of(again, tmp_path / "0")
    again.save()
    assert (Path(place).stat().st_mtime_ns, Path(place).stat().st_ino) == written
    (tmp_path / "1").write_text("changed")
    _of(again, tmp_path / "1")
    again.save()
    assert Path(place).stat().st_ino != written[1]
    assert StatCache(place)._index.keys() == cache._index.keys()


def test_names_of_any_bytes_are_kept(tmp_path: Path) -> None:
    place = _place(tmp_path)
    file = tmp_path / os.fsdecode(b"\xff\n\xc3\xbc")
    file.write_bytes(b"one")
    cache = StatCache(place, _later)
    _of(cache, file)
    cache.save()
    assert list(StatCache(place)._index) == [file.name]


def test_two_projects_on_one_state_folder_have_caches_of_their_own(tmp_path: Path) -> None:
    state = str(tmp_path / ".holdfast")
    places = {StatCache.of(state, str(tmp_path / name))._file for name in ("", "a", "b")}
    assert len(places) == 3
