"""What an attempt's files are called."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.engine.naming import attempt_name

KEYS = st.text(min_size=1, max_size=600)


@given(KEYS, st.integers(1, 10**6))
def test_any_key_gives_a_name_that_every_file_system_takes(key: str, number: int) -> None:
    name = attempt_name(f"s[{key}]", number)
    assert "/" not in name
    assert name.isascii()
    assert name.isprintable()
    assert len(name) <= 80
    assert name.startswith("s+")


@given(KEYS, KEYS)
def test_two_keys_never_share_a_name_in_whatever_case(one: str, other: str) -> None:
    same = attempt_name(f"s[{one}]", 1).lower() == attempt_name(f"s[{other}]", 1).lower()
    assert same is (one == other)


def test_a_plain_step_and_a_plain_key_stay_readable() -> None:
    names = [attempt_name(step, 2) for step in ("build", "build#2", "build[linux]", "build[a/b]")]
    assert names == ["build.2", "build#2.2", "build+linux.2", "build+a-b~c14cddc033f64b9d.2"]
