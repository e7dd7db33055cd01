"""Whatever the bytes of a plan file are, there is a plan or there are problems with places."""

import pytest

from tests.fuzz.fuzz_source import fuzz


@pytest.mark.parametrize("seed", range(1, 5))
def test_any_bytes_give_a_plan_or_problems(seed: int) -> None:
    assert fuzz(seed, 5_000) > 50
