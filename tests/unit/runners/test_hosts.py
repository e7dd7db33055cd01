"""Which host something is on, and what a policy says to it."""

import pytest

from holdfast.plan.hosts import denied, host_in
from holdfast.runners.hosts import host_of, host_of_remote


@pytest.mark.parametrize(
    ("remote", "host"),
    [
        ("https://user:pw@Example.org/x.git", ("example.org", 443)),
        ("ssh://git@example.org:2222/x", ("example.org", 2222)),
        ("git@example.org:x/y.git", ("example.org", 22)),
        ("example.org:x", ("example.org", 22)),
        ("file:///srv/x.git", None),
        ("/srv/x.git", None),
        ("../x.git", None),
        ("C:/x", None),
        ("origin", None),
    ],
)
def test_a_remote_names_its_host_or_is_on_this_machine(remote: str, host: tuple[str, int] | None) -> None:
    assert host_of_remote(remote) == host


@pytest.mark.parametrize(
    ("allowed", "refused", "url", "said"),
    [
        (None, [], "https://a.org", None),
        (["a.org"], [], "https://A.ORG./x", None),
        (["a.org"], [], "https://b.org", "does not allow"),
        (["*.a.org"], [], "https://x.a.org", None),
        (["*.a.org"], [], "https://a.org", "does not allow"),
        (["*"], ["*.b.org"], "https://x.b.org", "denies"),
        (["localhost:8080"], [], "http://localhost:8080/x", None),
        (["localhost:8080"], [], "http://localhost/x", "does not allow"),
        (["[::1]:80"], [], "http://[::1]/", None),
        (["::1"], [], "http://[::1]:9/", None),
        ([], [], "https://a.org", "does not allow"),
        (None, ["A.org"], "https://a.org", "denies"),
    ],
)
def test_a_policy_holds_for_the_host_in_any_spelling(
    allowed: list[str] | None, refused: list[str], url: str, said: str | None
) -> None:
    assert denied(*host_of(url), allowed, refused) == said
    assert host_in(url) == host_of(url)  # what check sees is what runs
