import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.plan.model import Retry
from holdfast.run.policy import FATAL_CODES, delay_s


def test_the_fatal_codes_are_those_of_the_rule() -> None:
    # semantics S22
    assert frozenset({"spawn.failed", "expression.invalid", "budget.exhausted", "canceled"}) == FATAL_CODES


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (Retry(delay_s=1, factor=2, max_delay_s=60, jitter=0), [1, 2, 4, 8, 16, 32, 60, 60]),
        (Retry(delay_s=5, factor=1, max_delay_s=60, jitter=0), [5, 5, 5]),
        (Retry(delay_s=5, factor=3, max_delay_s=7, jitter=0), [5, 7, 7]),
        (Retry(delay_s=90, factor=2, max_delay_s=60, jitter=0), [60, 60]),
        (Retry(delay_s=8, factor=0.5, max_delay_s=60, jitter=0), [8, 4, 2, 1]),
        (Retry(delay_s=0, factor=2, max_delay_s=60, jitter=0.5), [0, 0, 0]),
    ],
)
def test_the_delay_grows_by_the_factor_up_to_its_maximum(policy: Retry, delays: list[float]) -> None:
    # semantics S9
    assert [delay_s(policy, n, "seed") for n in range(1, len(delays) + 1)] == delays


@pytest.mark.parametrize("failed", [1_000, 10_000, 10**9])
def test_a_delay_too_large_to_reckon_is_the_maximum(failed: int) -> None:
    # semantics S9
    assert delay_s(Retry(delay_s=1, factor=2, max_delay_s=60, jitter=0), failed, "seed") == 60
    assert delay_s(Retry(delay_s=1, factor=1e308, max_delay_s=60, jitter=0), failed, "seed") == 60
    assert delay_s(Retry(delay_s=0, factor=2, max_delay_s=60), failed, "seed") == 0


policies = st.builds(
    Retry,
    attempts=st.integers(1, 100),
    delay_s=st.floats(0, 1e6),
    factor=st.floats(0, 1e6),
    max_delay_s=st.floats(0, 1e7),
    jitter=st.floats(0, 5),
)


@given(policies, st.integers(1, 10_000), st.text(max_size=20))
def test_jitter_stays_within_its_share_and_never_exceeds_the_maximum(policy: Retry, failed: int, seed: str) -> None:
    # semantics S9
    delay = delay_s(policy, failed, seed)
    try:
        plain = min(policy.delay_s * policy.factor ** (failed - 1), policy.max_delay_s) if policy.delay_s else 0.0
    except OverflowError:
        plain = policy.max_delay_s
    assert math.isfinite(delay)
    assert 0 <= delay <= policy.max_delay_s
    most = plain * (1 + policy.jitter)
    assert delay <= most or math.isclose(delay, most)
    least = plain * (1 - policy.jitter)
    assert delay >= least or math.isclose(delay, least, abs_tol=1e-300)


def test_jitter_differs_by_seed_and_is_the_same_for_the_same_seed() -> None:
    policy = Retry(delay_s=10, jitter=0.5)
    delays = [delay_s(policy, 1, f"run/step/{n}") for n in range(200)]
    assert delays == [delay_s(policy, 1, f"run/step/{n}") for n in range(200)]
    assert len(set(delays)) > 190
    assert min(delays) < 6
    assert max(delays) > 14
