"""The nearest known name, for hints."""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final

MAX_COMPARED = 20_000
"""Names that are looked at for one hint; a plan with more steps than this gets hints from its first ones."""

OTHER_WORDS: Final = {
    **dict.fromkeys(("needs", "dependencies", "after", "requires_steps", "upstream", "wait_for"), "depends_on"),
    **dict.fromkeys(("if", "condition", "only_if", "run_if"), "when"),
    **dict.fromkeys(("unless", "skip_when"), "skip_if"),
    **dict.fromkeys(("cmd", "args", "argv", "exec"), "command"),
    **dict.fromkeys(("script", "bash", "sh"), "run"),
    **dict.fromkeys(("action", "runner", "type"), "uses"),
    **dict.fromkeys(("params", "parameters"), "with"),
    **dict.fromkeys(("workdir", "working_directory", "working_dir", "dir"), "cwd"),
    **dict.fromkeys(("environment", "variables", "vars"), "env"),
    **dict.fromkeys(("retries", "max_retries"), "retry"),
    **dict.fromkeys(("on_error", "continue_on_error", "allow_failure"), "on_failure"),
    **dict.fromkeys(("timeout_minutes", "timeout_seconds", "max_time"), "timeout"),
    **dict.fromkeys(("artifacts", "products", "creates"), "produces"),
    **dict.fromkeys(("sources", "input_files"), "reads"),
    **dict.fromkeys(("foreach", "loop", "with_items"), "for_each"),
    **dict.fromkeys(("jobs", "tasks", "stages"), "steps"),
    **dict.fromkeys(("id", "name"), "plan"),
    **dict.fromkeys(("cleanup", "always", "post"), "finally"),
    **dict.fromkeys(("compensate", "undo"), "rollback"),
    **dict.fromkeys(("max_attempts", "tries"), "attempts"),
    **dict.fromkeys(("backoff", "wait"), "delay"),
}
"""What other tools call our keys."""


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name with the fewest typing mistakes from `name`, or None if none is near."""
    other_word = OTHER_WORDS.get(name.lower().replace("-", "_"))
    if other_word is not None and other_word in known:
        return other_word
    best: str | None = None
    limit = max(1, min(3, (len(name) + 1) // 3)) + 1
    folded = name.lower().replace("-", "_")
    for other in islice(known, MAX_COMPARED):
        if abs(len(other) - len(name)) < limit:
            found = distance(folded, other.lower().replace("-", "_"), limit)
            if found < limit:
                best, limit = other, found
    return best or _extended(name, known)


def did_you_mean(name: str, known: Collection[str]) -> str | None:
    """The hint `did you mean "…"?`, or None if no known name is near."""
    other = nearest(name, known)
    return None if other is None else f'did you mean "{other}"?'


def distance(left: str, right: str, limit: int) -> int:
    """Insertions, deletions, changes and swaps of neighbours from `left` to `right`; `limit` if there are as many.

    Restricted Damerau-Levenshtein distance (optimal string alignment).
    """
    if left == right:
        return 0
    before: Sequence[int] = []
    above = list(range(len(right) + 1))
    for i, char in enumerate(left, 1):
        row = [i]
        for j, other in enumerate(right, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (char != other))
            if i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) >= limit:
            return limit
        before, above = above, row
    return min(above[-1], limit)


def _extended(name: str, known: Collection[str]) -> str | None:
    """The shortest known name that goes on where `name` ends: `fetch-src` for `fetch`."""
    if len(name) < 3:
        return None
    longer = [other for other in islice(known, MAX_COMPARED) if other.startswith(name)]
    return min(longer, key=len, default=None)
