"""The runner `http` against real servers on this machine: what is sent, what comes back, what a failure means."""

import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from holdfast.runners.place import Place
from tests.unit.runners import web
from tests.unit.runners.web import do, failure


def test_a_request_has_what_the_plan_says(place: Place) -> None:
    with web.serving(web.reply()) as server:
        url = server.url("/a b/é?x=1#part")
        answer = do(place, url, query={"n": 3, "list": ["a", True], "none": None, "sp": "ü &"}, headers={"X-One": 1})
    assert answer.failure is None
    [asked] = server.asked
    assert asked.method == "GET"
    assert asked.target == "/a%20b/%C3%A9?x=1&n=3&list=a&list=true&sp=%C3%BC+%26"
    assert asked.headers["x-one"] == "1"
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    assert "idempotency-key" not in asked.headers


@pytest.mark.parametrize(
    ("params", "body", "kind"),
    [
        ({"json": {"é": [1, None]}}, '{"é": [1, null]}', "application/json"),
        ({"json": None}, "null", "application/json"),
        ({"form": {"a": [1, 2], "b": "x y"}}, "a=1&a=2&b=x+y", "application/x-www-form-urlencoded"),
        ({"body": "text é"}, "text é", "text/plain; charset=utf-8"),
        ({"body": "<x/>", "headers": {"content-type": "text/xml"}}, "<x/>", "text/xml"),
    ],
)
def test_a_body_goes_out_in_its_form(place: Place, params: dict[str, Any], body: str, kind: str) -> None:
    with web.serving(web.reply("201 Created")) as server:
        assert do(place, server.url(), method="POST", **params).outputs["status"] == 201
    assert (server.asked[0].body.decode(), server.asked[0].headers["content-type"]) == (body, kind)


def test_a_once_effect_carries_its_key(place: Place) -> None:
    # semantics E1
    once = Place(place.project, place.cwd, key="run/step", once=True, body=place.body)
    with web.serving(web.reply()) as server:
        do(once, server.url(), method="POST")
        do(once, server.url(), method="POST", idempotency_header="X-Key")
        do(once, server.url(), method="POST", headers={"idempotency-key": "mine"})
    assert server.asked[0].headers["idempotency-key"] == "run/step"
    assert server.asked[1].headers["x-key"] == "run/step"
    assert server.asked[2].headers["idempotency-key"] == "mine"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://a.org/", "ftp://a.org/ is not an http or https URL"),
        ("http:///x", "is not an http or https URL"),
        ("http://a.org:99999/", "is not a URL"),
        ("http://me:pw@[::1/?t=1", "is not a URL"),
        ("", "is not an http or https URL"),
    ],
)
def test_what_is_no_url_is_refused_without_its_secrets(place: Place, url: str, words: str) -> None:
    failed = failure(do(place, url))
    assert failed.code == "spawn.failed"
    assert words in str(failed)
    assert "pw" not in str(failed)


def test_a_header_that_would_break_the_request_is_refused(place: Place) -> None:
    with web.serving(web.reply()) as server:
        assert "cannot be sent" in str(failure(do(place, server.url(), headers={"X": "a\r\nY: b"})))
    assert server.asked == []


# What comes back.


def test_a_small_json_answer_is_an_output(place: Place) -> None:
    with web.serving(
        web.reply(body='{"a": [1]}', Content_Type="application/json", X_Two="2", Set_Cookie="s=1")
    ) as server:
        outputs = do(place, server.url("/p?token=hidden&n=1")).outputs
    assert outputs["json"] == {"a": [1]}
    assert outputs["status"] == 200
    assert outputs["url"] == server.url("/p?token=***&n=1")
    headers = outputs["headers"]
    assert isinstance(headers, dict)
    assert (headers["x-two"], headers["set-cookie"]) == ("2", "***")


@pytest.mark.parametrize(
    ("kind", "body", "output"),
    [
        ("text/plain; charset=latin-1", "é".encode("latin-1"), {"text": "é"}),
        ("application/problem+json", b"[1]", {"json": [1]}),
        ("application/json", b"{not json", {"text": "{not json"}),
        ("application/json", b"[1e999]", {"text": "[1e999]"}),
        ("application/json", b"[" * 60_000, {"text": "[" * 60_000}),
        ("text/html; charset=nonsense", b"x", {"bytes": 1}),
        ("image/png", b"\x89PNG", {"bytes": 4}),
        ("text/plain", b"", {}),
    ],
)
def test_a_body_is_json_text_or_an_artifact_by_its_type(
    place: Place, kind: str, body: bytes, output: dict[str, object]
) -> None:
    with web.serving(web.reply(body=body, Content_Type=kind)) as server:
        outputs = do(place, server.url()).outputs
    assert {name: outputs[name] for name in outputs if name not in {"status", "url", "headers"}} == output
    assert Path(place.body).exists() == ("bytes" in output)


def test_a_body_without_a_type_is_text_if_it_can_be(place: Place) -> None:
    with web.serving(web.each(web.reply(body="plain"), web.reply(body=b"\xff\x00"))) as server:
        assert do(place, server.url()).outputs["text"] == "plain"
        assert do(place, server.url()).outputs["bytes"] == 2


def test_an_answer_above_64_kib_is_an_artifact_and_never_in_memory_as_a_whole(place: Place) -> None:
    size = 40_000_000

    def huge(asked: web.Asked, connection: Any) -> None:  # noqa: ANN401 - a socket
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // 1_000_000):
            connection.sendall(b"x" * 1_000_000)

    import tracemalloc  # noqa: PLC0415 - only this test measures

    with web.serving(huge) as server:
        tracemalloc.start()
        outputs = do(place, server.url()).outputs
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert outputs["bytes"] == size
    assert Path(place.body).stat().st_size == size
    assert peak < 8_000_000


def test_a_compressed_answer_that_nobody_asked_for_is_read(place: Place) -> None:
    import gzip  # noqa: PLC0415 - only this test compresses

    bomb = gzip.compress(b"0" * 10_000_000)
    good = web.reply(body=gzip.compress(b'{"a": 1}'), Content_Type="application/json", Content_Encoding="gzip")
    bad = web.reply(body=bomb, Content_Type="text/plain", Content_Encoding="gzip")
    with web.serving(web.each(good, bad)) as server:
        assert do(place, server.url()).outputs["json"] == {"a": 1}
        assert do(place, server.url()).outputs["bytes"] == len(bomb)


def test_a_chunked_answer_is_put_together(place: Place) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    data = head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with web.serving(web.raw(data)) as server:
        assert do(place, server.url()).outputs["text"] == "abcde"


def test_the_answer_to_head_has_no_body(place: Place) -> None:
    with web.serving(web.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")) as server:
        assert "text" not in do(place, server.url(), method="HEAD").outputs


# What counts as success, and what a failure means (semantics E2, S22).


@pytest.mark.parametrize(
    ("status", "definite"),
    [
        ("400 Bad Request", True),
        ("401 Unauthorized", True),
        ("404 Not Found", True),
        ("408 Request Timeout", False),
        ("409 Conflict", False),
        ("422 Unprocessable", True),
        ("429 Too Many Requests", True),
        ("500 Oops", False),
        ("503 Later", False),
        ("304 Not Modified", False),
    ],
)
def test_a_status_says_whether_nothing_was_done(place: Place, status: str, definite: bool) -> None:  # noqa: FBT001 - a case
    with web.serving(web.reply(status, body="no\n such thing", Content_Type="text/plain")) as server:
        answer = do(place, server.url("/x"), method="POST")
    failed = failure(answer)
    assert (failed.code, failed.definite) == ("http.status", definite)
    more = "" if status.startswith("304") else ": no such thing"
    assert str(failed) == f"{status} from POST {server.url('/x')}{more}"
    assert answer.outputs["status"] == int(status[:3])


def test_a_page_for_people_is_no_part_of_the_message(place: Place) -> None:
    with web.serving(web.reply("404 Not Found", body="<html>no</html>", Content_Type="text/html")) as server:
        answer = do(place, server.url())
    assert str(failure(answer)) == f"404 Not Found from GET {server.url()}"
    assert answer.outputs["text"] == "<html>no</html>"


def test_what_is_expected_is_success_and_nothing_else(place: Place) -> None:
    with web.serving(web.reply("404 Not Found")) as server:
        assert do(place, server.url(), expect_status=404).failure is None
        assert do(place, server.url(), expect_status=[200, 404]).failure is None
    with web.serving(web.reply("200 OK")) as server:
        failed = failure(do(place, server.url(), method="POST", expect_status=201))
    assert (failed.code, failed.definite) == ("http.status", False)  # it was done, though not as was expected


def test_retry_after_is_taken_in_both_its_forms(place: Place) -> None:
    # semantics E2, S9
    later = formatdate(time.time() + 100, usegmt=True)
    answers = [web.reply("429 Slow", Retry_After=text) for text in ("7", later, "soon", "-5", "9999999")]
    with web.serving(web.each(*answers, web.reply("503 Down"))) as server:
        found = [failure(do(place, server.url())).retry_after_s for _ in range(6)]
    assert found[0] == 7
    assert found[1] is not None
    assert 90 < found[1] <= 100
    assert found[2:] == [None, 0, 86_400, None]


def test_no_connection_is_definite(place: Place) -> None:
    with web.serving(web.reply()) as server:
        pass
    failed = failure(do(place, server.url(), method="POST"))
    assert (failed.code, failed.definite) == ("http.connect", True)
    assert f"no connection to 127.0.0.1:{server.port}: Connection refused" in str(failed)
    assert failure(do(place, "http://no-such-host.invalid/")).definite


@pytest.mark.parametrize(
    "script",
    [
        web.reset(),
        web.raw(b""),
        web.raw(b"HTTP/1.1 "),
        web.raw(b"nonsense\r\n\r\n"),
        web.raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2000 + b"\r\n"),
        web.raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
    ],
    ids=["reset", "nothing", "torn", "nonsense", "headers", "header"],
)
def test_a_connection_that_breaks_after_the_request_is_not_definite(place: Place, script: web.Script) -> None:
    with web.serving(script) as server:
        failed = failure(do(place, server.url(), method="POST", json=1))
    assert (failed.code, failed.definite) == ("http.connect", False)
    assert "the connection was lost after POST" in str(failed)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "ended after 3 of 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "of the answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", "of the answer"),
    ],
)
def test_an_answer_that_ends_too_early_is_a_failure(place: Place, data: bytes, words: str) -> None:
    with web.serving(web.raw(data)) as server:
        answer = do(place, server.url())
    assert (failure(answer).code, failure(answer).definite) == ("http.connect", False)
    assert words in str(failure(answer))
    assert answer.outputs["status"] == 200


def test_a_server_that_answers_before_it_has_read_all_is_heard(place: Place) -> None:
    def early(asked: web.Asked, connection: Any) -> None:  # noqa: ANN401 - a socket
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    with web.serving(early) as server:
        assert failure(do(place, server.url(), method="POST", body="x" * 1000)).definite


def test_neither_logs_nor_messages_hold_what_looks_secret(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with web.serving(web.reply("500 Oops")) as server:
        url = server.url("/?api_key=hidden1&page=2").replace("//", "//me:hidden2@")
        answer = do(
            place, url, headers={"Authorization": "Bearer hidden3"}, json={"password": "hidden4"}, method="POST"
        )
    told = capsys.readouterr()
    said = told.out + told.err + str(answer.failure) + json.dumps(answer.outputs)
    assert "hidden" not in said
    assert "page=2" in told.out
