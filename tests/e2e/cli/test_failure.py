"""What a failure does to a run, from real plans: every policy, failure modes, and what is said of them."""

from pathlib import Path

import pytest

from tests.e2e.cli.program import Program

PLAN = """\
plan: policies
steps:
  bad: {{run: exit 3, on_failure: {policy}}}
  after: {{run: 'true', depends_on: [bad]}}
  later: {{run: 'true', depends_on: [after]}}
  aside: {{run: 'true'}}
  last: {{run: 'true', depends_on: [aside]}}
"""


def steps(shown: dict[str, object]) -> dict[str, str]:
    """What each step of `show --json` became, with why where it says so."""
    listed = shown["steps"]
    assert isinstance(listed, list)
    return {it["step"]: it["status"] + (f":{it['why']}" if it["why"] else "") for it in listed}


@pytest.mark.parametrize(
    ("policy", "code", "status", "bad", "after", "aside"),
    [
        ("abort", 1, "failed", "failed", "canceled:abort", None),
        ("skip_dependents", 5, "partial", "failed", "skipped:upstream", "succeeded"),
        ("continue", 5, "partial", "failed", "succeeded", "succeeded"),
        ("skip", 5, "partial", "skipped:policy", "skipped:upstream", "succeeded"),
        ("rollback", 1, "failed", "failed", "canceled:abort", None),
    ],
)
def test_every_policy_ends_the_step_its_dependents_and_the_run_as_its_row_says(
    program: Program, folder: Path, policy: str, code: int, status: str, bad: str, after: str, aside: str | None
) -> None:
    # semantics S6, cli page, Exit codes
    (folder / "p.yaml").write_text(PLAN.format(policy=policy))
    outcome = program("run", "--json", "p.yaml")
    assert (outcome.code, outcome.document["status"]) == (code, status)
    became = steps(outcome.document)
    assert (became["bad"], became["after"], became["later"]) == (bad, after, after)
    if aside is not None:
        assert (became["aside"], became["last"]) == (aside, aside)
    attempt = outcome.document["steps"][0]["attempts"][0]
    assert attempt["disposed"]["action"] == policy
    assert attempt["disposed"]["reason"] == "there is no retry"


def test_keep_going_goes_on_with_what_does_not_depend_on_the_failure_and_the_run_fails(
    program: Program, folder: Path
) -> None:
    # cli page, --keep-going
    (folder / "p.yaml").write_text(PLAN.format(policy="abort"))
    outcome = program("run", "--keep-going", "--json", "p.yaml")
    assert (outcome.code, outcome.document["status"]) == (1, "failed")
    assert steps(outcome.document) == {
        "bad": "failed",
        "after": "skipped:upstream",
        "later": "skipped:upstream",
        "aside": "succeeded",
        "last": "succeeded",
    }


def test_depends_done_runs_after_a_tolerated_failure_and_after_a_skip(program: Program, folder: Path) -> None:
    # semantics S2: a tolerated failure never hangs its dependents
    (folder / "p.yaml").write_text(
        "plan: p\nsteps:\n  bad: {run: exit 3, on_failure: skip_dependents}\n"
        "  after: {run: 'true', depends_on: [bad]}\n"
        "  done: {run: 'true', depends_on: [bad, after], depends: done}\n"
        "  more: {run: 'true', depends_on: [done]}\n"
    )
    outcome = program("run", "--json", "p.yaml")
    assert outcome.code == 5
    assert steps(outcome.document) == {
        "bad": "failed",
        "after": "skipped:upstream",
        "done": "succeeded",
        "more": "succeeded",
    }


MODES = """\
plan: modes
steps:
  fetch:
    run: 'echo "{said}" >&2; exit {code}'
    retry: {{attempts: 3, delay: 10ms, on: [timeout]}}
    on_failure: skip
    failure_modes:
      - {{name: by hand, detect: {{prose: the table was dropped}}, advice: ask the owner}}
      - {{name: reset, detect: 'contains(stderr, "connection reset")', do: retry}}
      - {{name: quota, detect: exit_code == 75, advice: "raise the quota, then run ${{{{ plan.id }}}} again"}}
"""


@pytest.mark.parametrize(
    ("said", "code", "attempts", "mode", "reason"),
    [
        ("connection reset by peer", 1, 3, "reset", "all 3 attempts failed"),
        ("no luck", 75, 1, "quota", 'failure mode "quota" says fail'),
        ("no luck", 1, 1, None, "exit.nonzero is not among retry.on"),
    ],
)
def test_failure_modes_decide_before_retry_and_are_told(
    program: Program, folder: Path, said: str, code: int, attempts: int, mode: str | None, reason: str
) -> None:
    # semantics S5
    (folder / "p.yaml").write_text(MODES.format(said=said, code=code))
    outcome = program("run", "--json", "p.yaml")
    step = outcome.document["steps"][0]
    assert (outcome.code, step["status"], len(step["attempts"])) == (5, "skipped", attempts)
    made = step["attempts"][-1]["disposed"]
    assert (made["action"], made["mode"], made["reason"]) == ("skip", mode, reason)
    assert made["advice"][0] == "by hand: the table was dropped → ask the owner"
    assert (made["advice"][1:] == ["quota: raise the quota, then run modes again"]) == (mode == "quota")
    why = program("why", "fetch")
    assert reason in why.out
    assert "by hand: the table was dropped" in why.out


def test_advice_is_printed_when_the_run_fails(program: Program, folder: Path) -> None:
    (folder / "p.yaml").write_text(
        "plan: p\nsteps:\n  a:\n    run: exit 1\n    failure_modes: [{name: n, detect: true, advice: do this}]\n"
    )
    assert "  advice: n: do this\n" in program("run", "p.yaml").err


def test_a_failure_mode_that_cannot_be_evaluated_is_said(program: Program, folder: Path) -> None:
    # semantics S3, semantics S22
    (folder / "p.yaml").write_text(
        "plan: p\nsteps:\n  a:\n    run: exit 1\n    retry: 3\n"
        "    failure_modes: [{name: n, detect: 'outputs.x == 1', do: retry}]\n"
    )
    outcome = program("run", "--json", "p.yaml")
    (attempt,) = outcome.document["steps"][0]["attempts"]
    assert (outcome.code, attempt["error"]["code"]) == (1, "expression.invalid")
    assert "outputs.x == 1" in attempt["error"]["message"]


def test_a_rollback_says_what_stays_as_it_is(program: Program, folder: Path) -> None:
    # semantics S6
    (folder / "p.yaml").write_text(
        "plan: p\nsteps:\n  a: {run: 'true'}\n  b: {run: exit 1, depends_on: [a], on_failure: rollback}\n"
    )
    outcome = program("run", "--json", "p.yaml")
    (warning,) = outcome.document["warnings"]
    assert warning.endswith('have no rollback and stay as they are: "a"')


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("on_failure: aborrt", 'error: step "a": on_failure must be one of abort, skip_dependents'),
        ("on_failure: {fallback: c}", 'step "a": on_failure.fallback names step "c", which this plan does not define'),
        ("failure_modes: [{name: n, detect: 'exit_code =='}]", "failure_modes[0].detect: this is not an expression"),
        ("failure_modes: [{name: n, detect: steps.zz.ok}]", 'refers to step "zz", which this plan does not define'),
        ("failure_modes: [{name: n, detect: errr.code == 1}]", "errr"),
        ("failure_modes: [{name: n, detect: error.cod == 1}]", '"error" has no "cod"'),
        ("failure_modes: [{name: n, detect: true, do: again}]", "must be one of retry, fail"),
        ("expect: ['error.code == \"x\"']", '"error" is the step\'s own and only there in `detect`'),
    ],
)
def test_bad_input_is_one_message_with_its_place(program: Program, folder: Path, keys: str, message: str) -> None:
    (folder / "p.yaml").write_text(f"plan: p\nsteps:\n  a: {{run: x, {keys}}}\n")
    outcome = program("check", "p.yaml")
    assert outcome.code == 3
    assert message in outcome.err + outcome.out
    assert outcome.out.count(": error: ") == 1
    assert outcome.out.startswith("p.yaml:3:")


FALLBACK = """\
plan: fall
steps:
  fetch:
    run: {fetch}
    produces: {{data: data.txt}}
    on_failure: {{fallback: cached}}
  cached:
    run: {cached}
    produces: {{data: cached.txt}}
  use: {{command: [cat, "${{{{ steps.fetch.artifacts.data.path }}}}"]}}
"""


@pytest.mark.parametrize(
    ("fetch", "cached", "code", "became"),
    [
        ("echo new > data.txt", "exit 1", 0, ["succeeded", "skipped:branch", "succeeded"]),
        ("exit 1", "echo old > cached.txt", 0, ["recovered:by cached", "succeeded", "succeeded"]),
        ("exit 1", "exit 2", 1, ["failed", "failed", "canceled:abort"]),
    ],
)
def test_a_fallback_stands_in_and_its_artifacts_are_the_step_s(
    program: Program, folder: Path, fetch: str, cached: str, code: int, became: list[str]
) -> None:
    # semantics S6, S7
    (folder / "p.yaml").write_text(FALLBACK.format(fetch=fetch, cached=cached))
    outcome = program("run", "--json", "p.yaml")
    shown = {step: was.partition(":exit")[0] for step, was in steps(outcome.document).items()}
    assert (outcome.code, list(shown.values())) == (code, became)
    if became[0].startswith("recovered"):
        assert outcome.document["steps"][0]["artifacts"]["data"]["path"] == "cached.txt"
        (warning,) = outcome.document["warnings"]
        assert warning.startswith('step "fetch" failed (exit.nonzero') is True
        assert warning.endswith('was recovered by "cached"')
        assert "old" in program("logs", "last", "use").out
        assert '"cached" stood in for it' in program("why", "fetch").out


EDGES = """\
plan: edges
steps:
  triage:
    run: 'echo "outcome={outcome}" >> "$HOLDFAST_OUTPUT"; exit {code}'
    next: [{{on: small, to: quick}}, {{on: large, to: slow}}, {{on: failure, to: repair}}]
  quick: {{run: 'true'}}
  slow: {{run: 'true'}}
  repair: {{run: 'test "$CODE" = exit.nonzero', env: {{CODE: "${{{{ steps.triage.error.code }}}}"}}}}
  join: {{run: 'true', depends_on: [quick, slow, repair]}}
"""


@pytest.mark.parametrize(
    ("outcome", "code", "chosen"),
    [("small", 0, ["quick"]), ("large", 0, ["slow"]), ("", 1, ["repair"]), ("small", 1, ["quick", "repair"])],
)
def test_edges_choose_what_comes_next_and_a_failure_they_take_is_handled(
    program: Program, folder: Path, outcome: str, code: int, chosen: list[str]
) -> None:
    # semantics S17
    (folder / "p.yaml").write_text(EDGES.format(outcome=outcome, code=code))
    ran = program("run", "--json", "p.yaml")
    became = steps(ran.document)
    assert ran.code == 0, ran.err
    assert became.pop("triage") == ("failed" if code else "succeeded")
    assert became.pop("join") == "succeeded"
    assert became == {step: "succeeded" if step in chosen else "skipped:branch" for step in ("quick", "slow", "repair")}
    assert "no step that leads to it chose it" in program("why", (became.keys() - set(chosen)).pop()).out


def test_a_failure_mode_jumps(program: Program, folder: Path) -> None:
    # semantics S5, S17
    (folder / "p.yaml").write_text(
        "plan: p\nsteps:\n  a:\n    run: 'echo locked >&2; exit 1'\n    retry: 5\n    failure_modes:\n"
        "      - {name: locked, detect: 'contains(stderr, \"locked\")', do: {goto: unlock}}\n  unlock: {run: 'true'}\n"
    )
    outcome = program("run", "--json", "p.yaml")
    assert (outcome.code, steps(outcome.document)) == (0, {"a": "failed", "unlock": "succeeded"})
    made = outcome.document["steps"][0]["attempts"][0]["disposed"]
    assert (made["action"], made["target"], made["mode"]) == ("goto", "unlock", "locked")


LOCKED = """\
  a: {run: x, on_failure: {fallback: b}, next: [{on: success, to: c}]}
  b: {run: x, depends_on: [c]}
  c: {run: x}"""
FINALLY = """\
plan: last
steps:
  work: {{run: {work}}}
  more: {{run: 'true', depends_on: [work]}}
finally:
  notify: {{run: 'echo "$OUTCOME" > told; {notify}', env: {{OUTCOME: "${{{{ run.outcome }}}}"}}}}
  sweep: {{run: 'echo swept >> told', depends_on: [notify]}}
"""


@pytest.mark.parametrize(
    ("work", "notify", "code", "told"),
    [
        ("exit 0", "exit 0", 0, "succeeded"),
        ("exit 0", "exit 1", 5, "succeeded"),
        ("exit 1", "exit 0", 1, "failed"),
        ("exit 1", "exit 1", 1, "failed"),
    ],
)
def test_finally_runs_whatever_happened_and_knows_what_did(
    program: Program, folder: Path, work: str, notify: str, code: int, told: str
) -> None:
    # semantics S15
    (folder / "p.yaml").write_text(FINALLY.format(work=work, notify=notify))
    outcome = program("run", "--json", "p.yaml")
    assert (outcome.code, (folder / "told").read_text()) == (code, f"{told}\nswept\n")
    assert steps(outcome.document)["sweep"] == "succeeded"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "  a: {run: x, on_failure: {fallback: b}}\n  b: {run: x, on_failure: {fallback: a}}",
            'names "b", which leads back to "a"|leads back to "a"',
        ),
        (
            "  a: {run: x, on_failure: {fallback: b}, depends_on: [b]}\n  b: {run: x}",
            'names "b", for which "a" itself waits',
        ),
        (
            "  a: {run: x, on_failure: {fallback: b}}\n  b: {run: x, depends_on: [a]}",
            'names "b", which itself waits for "a"',
        ),
        (
            LOCKED,
            'names "b", which itself waits for "a"',
        ),
        ("  a: {run: x, on_failure: {fallback: a}}", 'leads back to "a"'),
        (
            "  a: {run: x, next: [{on: success, to: bb}]}\n  b: {run: x}",
            'names step "bb", which this plan does not define',
        ),
        ("  a: {run: x, next: [{on: failure, to: b}]}\n  b: {run: x, next: [{on: success, to: a}]}", "makes a loop"),
        ("  a: {run: x, failure_modes: [{name: n, detect: true, do: {goto: a}}]}", "makes a loop: a → a"),
        ("  a: {run: x, next: [{on: success, to: b, max_visits: 0}]}\n  b: {run: x}", "max_visits"),
    ],
)
def test_a_plan_that_leads_nowhere_is_one_message_with_its_place(
    program: Program, folder: Path, text: str, message: str
) -> None:
    # semantics S7, S17
    (folder / "p.yaml").write_text(f"plan: p\nsteps:\n{text}\n")
    outcome = program("check", "p.yaml")
    assert outcome.code == 3
    assert any(each in outcome.out for each in message.split("|")), outcome.out
    assert outcome.out.startswith("p.yaml:")


def test_a_step_that_waits_for_its_fallback_says_so_and_nothing_else(program: Program, folder: Path) -> None:
    # semantics S7: seen while the fallback waits for what never comes
    (folder / "p.yaml").write_text(
        "plan: p\nsteps:\n  a: {run: exit 1, on_failure: {fallback: x}}\n  x: {run: 'true', requires: ['false']}\n"
    )
    outcome = program("run", "--json", "p.yaml")
    waits = {(wait["kind"], wait["step"], wait["what"]) for wait in outcome.document["waits"]}
    assert (outcome.code, waits) == (4, {("fallback", "a", "x"), ("requires", "x", "false")})


@pytest.mark.parametrize(
    ("goal", "bad", "code", "said"),
    [
        ("['1 == 2']", "run: 'true'", 5, "warning: goal.unmet: 1 == 2"),
        ("[]", "run: exit 3, on_failure: rollback", 1, 'warning: step "bad" failed under on_failure: rollback; '),
        ("[]", "run: exit 3, on_failure: {fallback: x}", 0, 'warning: step "bad" failed (exit.nonzero: exit code 3) '),
    ],
)
def test_what_a_run_warns_of_at_its_end_is_said_there(
    program: Program, folder: Path, goal: str, bad: str, code: int, said: str
) -> None:
    # semantics S6, S18: a run that is partial for its goal says so
    x = "" if "fallback" not in bad else "  x: {run: 'true'}\n"
    (folder / "p.yaml").write_text(f"plan: p\ngoal: {{done_when: {goal}}}\nsteps:\n  bad: {{{bad}}}\n{x}")
    outcome = program("run", "p.yaml")
    assert outcome.code == code
    assert [line for line in outcome.err.splitlines() if line.startswith(said)]
