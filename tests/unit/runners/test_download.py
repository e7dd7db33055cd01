"""An answer that goes to a file: whole or not at all, resumed by range where it is the same version still."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from holdfast.runners.place import Place
from tests.unit.runners import web
from tests.unit.runners.web import do, failure


def part_of(data: bytes, **headers: str) -> web.Script:
    """A server that has one file, and gives ranges of it."""
    tag = headers.get("ETag", '"v1"')

    def answer(asked: web.Asked, connection: Any) -> None:  # noqa: ANN401 - a socket
        wanted = asked.headers.get("range", "")
        if wanted and asked.headers.get("if-range") == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                web.reply("416 No", Content_Range=f"bytes */{len(data)}", ETag=tag)(asked, connection)
                return
            ranged = f"bytes {start}-{len(data) - 1}/{len(data)}"
            web.reply("206 Partial", data[start:], Content_Range=ranged, ETag=tag)(asked, connection)
        else:
            web.reply("200 OK", data, **{"ETag": tag, **headers})(asked, connection)

    return answer


DATA = bytes(range(256)) * 1000


def cut_at(size: int, tag: str = '"v1"') -> web.Script:
    head = f"HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {len(DATA)}\r\n\r\n".encode()
    return web.raw(head + DATA[:size])


def test_an_answer_goes_to_a_file_that_is_there_as_a_whole(place: Place, tmp_path: Path) -> None:
    with web.serving(part_of(DATA)) as server:
        outputs = do(place, server.url(), to="deep/data.bin").outputs
    assert (tmp_path / "deep" / "data.bin").read_bytes() == DATA
    assert (outputs["path"], outputs["bytes"], outputs["resumed_at"]) == ("deep/data.bin", len(DATA), 0)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["data.bin"]


def test_a_broken_download_keeps_its_part_and_goes_on_from_there(place: Place, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_text("old")
    with web.serving(web.each(cut_at(100_000), part_of(DATA))) as server:
        failed = failure(do(place, server.url(), to="data.bin"))
        assert failed.code == "http.connect"
        assert "ended after 100,000 of 256,000 bytes of the answer; data.bin.part holds 100,000 bytes" in str(failed)
        assert (tmp_path / "data.bin").read_text() == "old"
        outputs = do(place, server.url(), to="data.bin").outputs
    assert server.asked[1].headers["range"] == "bytes=100000-"
    assert server.asked[1].headers["if-range"] == '"v1"'
    assert (outputs["status"], outputs["resumed_at"], outputs["bytes"]) == (206, 100_000, len(DATA))
    assert outputs["digest"] == "sha256:" + hashlib.sha256(DATA).hexdigest()
    assert (tmp_path / "data.bin").read_bytes() == DATA
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.bin"]


def test_a_part_of_another_version_is_not_gone_on_with(place: Place, tmp_path: Path) -> None:
    with web.serving(web.each(cut_at(1000, '"v0"'), part_of(DATA))) as server:
        do(place, server.url(), to="data.bin")
        assert do(place, server.url(), to="data.bin").outputs["resumed_at"] == 0
    assert server.asked[1].headers["if-range"] == '"v0"'
    assert (tmp_path / "data.bin").read_bytes() == DATA


@pytest.mark.parametrize("tag", ['W/"v1"', ""])
def test_a_part_without_a_strong_word_for_its_version_is_fetched_anew(place: Place, tmp_path: Path, tag: str) -> None:
    with web.serving(web.each(cut_at(1000, tag), part_of(DATA))) as server:
        do(place, server.url(), to="data.bin")
        assert do(place, server.url(), to="data.bin").failure is None
    assert "range" not in server.asked[1].headers
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_a_part_of_another_url_is_not_gone_on_with(place: Place) -> None:
    with web.serving(web.each(cut_at(1000), part_of(DATA))) as server:
        do(place, server.url("/a?token=x"), to="data.bin")
        assert "token" not in Path(place.project, "data.bin.part.json").read_text()
        do(place, server.url("/b"), to="data.bin")
    assert "range" not in server.asked[1].headers


def test_a_part_that_is_the_whole_is_done(place: Place, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(DATA)
    with web.serving(web.each(cut_at(10), part_of(DATA))) as server:
        do(place, server.url(), to="data.bin")
        (tmp_path / "data.bin.part").write_bytes(DATA)
        outputs = do(place, server.url(), to="data.bin").outputs
    assert (outputs["status"], outputs["bytes"]) == (416, len(DATA))
    assert (tmp_path / "data.bin").read_bytes() == DATA


@pytest.mark.parametrize("ranged", ["bytes 7-255999/256000", "nonsense", "bytes */5"])
def test_a_range_that_was_not_asked_for_is_not_taken(place: Place, tmp_path: Path, ranged: str) -> None:
    odd = web.reply("206 Partial", DATA[7:], Content_Range=ranged)
    with web.serving(web.each(cut_at(1000), odd, part_of(DATA))) as server:
        do(place, server.url(), to="data.bin")
        assert do(place, server.url(), to="data.bin").failure is None
    assert len(server.asked) == 3
    assert (tmp_path / "data.bin").read_bytes() == DATA


def test_an_error_is_not_taken_for_the_file(place: Place, tmp_path: Path) -> None:
    with web.serving(web.reply("404 Not Found", body="nothing here", Content_Type="text/plain")) as server:
        answer = do(place, server.url(), to="data.bin")
    assert answer.outputs["text"] == "nothing here"
    assert not (tmp_path / "data.bin").exists()


def test_a_file_outside_of_the_project_is_refused_before_anything_is_sent(place: Place) -> None:
    with web.serving(web.reply()) as server:
        assert "lies outside of policy.write_roots" in str(failure(do(place, server.url(), to="../x")))
    assert server.asked == []
