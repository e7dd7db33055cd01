"""What the record shows of an environment."""

import os

from holdfast.engine.environment import redacted
from holdfast.run import events as ev


def test_a_value_that_is_not_utf_8_can_be_recorded() -> None:
    env = redacted({"TERM": os.fsdecode(b"a\xff"), os.fsdecode(b"LC_\xfe"): "x"})
    assert env == {"TERM": r"a\xff", r"LC_\xfe": "x"}
    assert ev.encode(ev.RunOwned(fence=1, host="h", pid=1, engine="e", os="o", environment=env))


def test_user_and_password_in_a_url_are_hidden() -> None:
    env = redacted({"HTTP_PROXY": "http://ada:pw@proxy:3128/", "https_proxy": "http://proxy:3128", "PATH": "/a@b://c"})
    assert env == {"HTTP_PROXY": "http://***@proxy:3128/", "https_proxy": "http://proxy:3128", "PATH": "/a@b://c"}
