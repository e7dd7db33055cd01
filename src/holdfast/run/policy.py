"""Retry arithmetic: which codes never are, and when the next attempt is due (semantics S9, S22)."""

import zlib

from holdfast.plan.model import Retry

FATAL_CODES = frozenset({"spawn.failed", "expression.invalid", "budget.exhausted", "canceled"})
UNCOUNTED_CODES = frozenset({"lost", "canceled"})
"""What ended such an attempt was not its own work: it does not count against `retry.attempts` (semantics C3)."""
APPLIED_CODES = frozenset({"expect.failed", "output.missing", "output.invalid"})
"""The effect happened although its step failed (semantics S20)."""
LOST_ATTEMPTS_MAX = 3
"""After this many lost attempts of one step the run is quarantined (semantics C3)."""


def delay_s(policy: Retry, failed: int, seed: str) -> float:
    """Seconds between the `failed`-th attempt (1 is the first) and the next (S9).

    `min(delay × factor^(failed−1), max_delay)`, then ± jitter that never exceeds `max_delay` and is drawn from `seed`,
    so that the same failure of the same run always gives the same delay.
    """
    if not policy.delay_s:
        return 0.0
    try:
        plain = min(policy.delay_s * policy.factor ** (failed - 1), policy.max_delay_s)
    except OverflowError:
        plain = policy.max_delay_s
    draw = zlib.crc32(seed.encode()) / 0xFFFFFFFF * 2 - 1
    return max(0.0, min(plain * (1 + policy.jitter * draw), policy.max_delay_s))
