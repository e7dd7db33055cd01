"""A plan for each code that tells of loops and fallbacks that do not go together, and what is said of it."""

LOOP_PLANS = {
    "loop.fallback": (
        (
            "plan: p\nsteps:\n  a: {run: x, on_failure: {fallback: b}}\n  b: {run: x, next: [{on: success, to: c}]}\n"
            "  c: {run: x, next: [{on: failure, to: b, max_visits: 2}]}"
        ),
        (
            '5:40 step "c": next[0].to leads back to "b", which stands in for "a";'
            ' lead back to "a": its fallback goes round with it'
        ),
    ),
    "loop.overlap": (
        (
            "plan: p\nsteps:\n  a: {run: x}\n"
            "  b: {run: x, depends_on: [a], next: [{on: failure, to: a, max_visits: 2}]}\n"
            "  c: {run: x, depends_on: [a], next: [{on: failure, to: a, max_visits: 2}]}"
        ),
        (
            '4:57 step "b": next[0].to makes a loop that goes round beside the loop from "c" back to "a",'
            " with steps of it; let one loop lie in the other, or let one begin when the other is left"
        ),
    ),
}
