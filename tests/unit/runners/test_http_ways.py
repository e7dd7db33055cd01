"""The runner `http` on its way: redirects, proxies, TLS, and the hosts that a policy allows."""

from pathlib import Path

import pytest

from holdfast.runners.place import Place
from tests.unit.runners import web
from tests.unit.runners.web import do, failure


def test_redirects_are_followed_and_the_url_is_the_last_one(place: Place) -> None:
    pages = {
        "/a": web.reply("302 Found", Location="/b?x=1"),
        "/b": web.reply("301 Moved", Location="c"),
        "/c": web.reply(body="there", Content_Type="text/plain"),
    }
    with web.serving(web.by_path(pages)) as server:
        outputs = do(place, server.url("/a")).outputs
    assert (outputs["text"], outputs["url"]) == ("there", server.url("/c"))
    assert [asked.target for asked in server.asked] == ["/a", "/b?x=1", "/c"]


@pytest.mark.parametrize(
    ("status", "method", "body"), [(303, "GET", b""), (302, "GET", b""), (307, "POST", b"1"), (308, "POST", b"1")]
)
def test_a_redirect_keeps_method_and_body_where_it_must(place: Place, status: int, method: str, body: bytes) -> None:
    with web.serving(web.each(web.reply(f"{status} Go", Location="/b"), web.reply())) as server:
        assert do(place, server.url(), method="POST", json=1).failure is None
    assert (server.asked[1].method, server.asked[1].body) == (method, body)
    assert ("content-type" in server.asked[1].headers) == (method == "POST")


def test_a_failure_behind_a_redirect_is_definite_only_if_nothing_was_done_before(place: Place) -> None:
    for status, definite in ((303, False), (307, True)):
        with web.serving(web.each(web.reply(f"{status} Go", Location="/b"), web.reply("404 Not Found"))) as server:
            assert failure(do(place, server.url(), method="POST")).definite is definite


def test_a_loop_of_redirects_ends(place: Place) -> None:
    with web.serving(web.reply("302 Found", Location="/")) as server:
        failed = failure(do(place, server.url()))
    assert (failed.code, len(server.asked)) == ("http.status", 11)
    assert "was redirected more than 10 times" in str(failed)


def test_redirects_may_be_left_alone(place: Place) -> None:
    with web.serving(web.reply("302 Found", Location="/b")) as server:
        outputs = do(place, server.url(), follow=False).outputs
    assert outputs["status"] == 302
    assert len(server.asked) == 1


def test_what_is_secret_is_not_told_to_another_origin(place: Place) -> None:
    with web.serving(web.reply()) as other, web.serving(web.reply("307 Go", Location=other.url("/x"))) as server:
        url = server.url().replace("//", "//me:pw@")
        do(place, url, method="POST", headers={"X-Api-Key": "k", "Accept": "text/plain"}, json=1)
    assert server.asked[0].headers["authorization"] == "Basic bWU6cHc="
    assert server.asked[0].headers["x-api-key"] == "k"
    assert "authorization" not in other.asked[0].headers
    assert "x-api-key" not in other.asked[0].headers
    assert other.asked[0].headers["accept"] == "text/plain"


@pytest.mark.parametrize("location", ["ftp://a.org/x", "http://[bad", "file:///etc/passwd"])
def test_a_redirect_to_what_is_no_web_address_is_a_failure(place: Place, location: str) -> None:
    with web.serving(web.reply("302 Found", Location=location)) as server:
        assert "was redirected: " in str(failure(do(place, server.url())))


def test_the_policy_holds_for_the_first_host_and_for_redirects(place: Place) -> None:
    only = Place(place.project, place.cwd, hosts_allowed=("127.0.0.1",))
    with (
        web.serving(web.reply()) as other,
        web.serving(web.reply("302 Go", Location=other.url(host="localhost"))) as one,
    ):
        redirected = failure(do(only, one.url()))
        denied = failure(do(only, other.url("/", "localhost")))
    assert str(redirected).endswith("was redirected to localhost, which policy.hosts does not allow")
    assert denied.code == "spawn.failed"
    assert "is on localhost, which policy.hosts does not allow" in str(denied)
    assert other.asked == []


# Proxies and TLS.


def test_a_proxy_of_the_environment_is_used_unless_the_host_is_exempt(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web.serving(web.reply(body="by proxy", Content_Type="text/plain")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://me:pw@127.0.0.1:{proxy.port}")
        assert do(place, "http://example.org/x?y=1").outputs["text"] == "by proxy"
        assert proxy.asked[0].target == "http://example.org/x?y=1"
        assert proxy.asked[0].headers["host"] == "example.org"
        assert proxy.asked[0].headers["proxy-authorization"] == "Basic bWU6cHc="
        monkeypatch.setenv("no_proxy", "example.org,127.0.0.1")
        with web.serving(web.reply(body="direct", Content_Type="text/plain")) as server:
            assert do(place, server.url()).outputs["text"] == "direct"


def test_a_proxy_that_refuses_the_tunnel_is_definite(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with web.serving(web.reply("403 Forbidden")) as proxy:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
        failed = failure(do(place, "https://example.org/"))
    assert (failed.code, failed.definite) == ("http.connect", True)
    assert (
        f"no connection to example.org through the proxy 127.0.0.1:{proxy.port}: Tunnel connection failed: 403"
        in str(failed)
    )
    assert proxy.asked[0].method == "CONNECT"


def test_a_proxy_of_another_kind_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    assert "of kind socks5; only http proxies can be used" in str(failure(do(place, "http://example.org/")))


def test_a_certificate_is_verified_by_default_and_by_the_authority_that_is_named(place: Place, tmp_path: Path) -> None:
    authority, context = web.authority(tmp_path)
    with web.serving(web.reply(body="safe", Content_Type="text/plain"), context) as server:
        failed = failure(do(place, server.url("/", "localhost")))
        assert (failed.code, failed.definite) == ("http.connect", True)
        assert "its certificate does not hold" in str(failed)
        assert server.asked == []
        assert do(place, server.url("/", "localhost"), verify=authority.name).outputs["text"] == "safe"
        assert "does not hold" in str(failure(do(place, server.url("/", "127.0.0.1"), verify=authority.name)))
        assert do(place, server.url("/", "127.0.0.1"), verify=False).outputs["text"] == "safe"
        assert "cannot be read" in str(failure(do(place, server.url("/", "localhost"), verify="none.pem")))
        with (
            web.serving(web.reply()) as plain,
            web.serving(web.reply("302 Go", Location=plain.url()), context) as secure,
        ):
            failed = failure(do(place, secure.url("/", "localhost"), verify=authority.name))
        assert "which is not encrypted" in str(failed)
