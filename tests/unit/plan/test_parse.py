"""A correct plan becomes the model; a wrong one gives all of its problems at once."""

from pathlib import Path

import msgspec
import pytest

from holdfast.plan.model import (
    AttemptLimits,
    Command,
    Conditions,
    Depends,
    Edge,
    Effect,
    EffectPolicy,
    Evidence,
    FailureMode,
    FailurePolicy,
    Files,
    ForEach,
    Goal,
    Holds,
    OnFailure,
    Output,
    Overdue,
    Plan,
    Process,
    Product,
    Prose,
    Reconcile,
    Results,
    Retry,
    Reuse,
    Run,
    RunLimits,
    Sharing,
    Shell,
    Step,
    Uses,
    Valid,
)
from holdfast.plan.parse import parse_plan
from tests.unit.plan.plans import one, parsed, plan, step

DESIGN = Path(__file__).parents[3] / "docs/design/plan-format.md"


def design_example() -> str:
    """The example at the head of the design page."""
    text = DESIGN.read_text(encoding="utf-8")
    return text[text.index("```yaml\n") + 8 : text.index("\n```\n", text.index("```yaml\n"))]


def test_the_example_of_the_design_is_a_plan_without_problems() -> None:
    made = parsed(design_example())
    assert made.problems == ()
    assert made.plan is not None
    assert [(it.id, it.needs) for it in made.plan.steps] == [
        ("extract", ()),
        ("clean", ("extract",)),
        ("approve", ("clean",)),
        ("publish", ("approve",)),
    ]
    assert made.plan.finally_ == (
        Step(
            id="notify",
            work=Run(text='./notify.sh "$OUTCOME"'),
            depends=Depends.DONE,
            templated=True,
            process=Process(env={"OUTCOME": "${{ run.outcome }}"}),
            on_failure=FailurePolicy(action=OnFailure.CONTINUE),
        ),
    )


def test_json_gives_the_same_plan() -> None:
    data = msgspec.json.encode({"plan": "p", "steps": {"a": {"command": ["x", "y"], "timeout": "1m"}}})
    made = parse_plan(data, "p.json")
    assert made.plan == Plan(
        id="p", steps=(Step(id="a", work=Command(argv=("x", "y")), limits=AttemptLimits(timeout_s=60.0)),)
    )


def test_a_plan_survives_its_stored_form() -> None:
    made = plan(design_example())
    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made


# --- every step key reaches the model


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run: x\nshell: bash", {"work": Run(text="x", shell=Shell.BASH)}),
        ("command: [a, b]", {"work": Command(argv=("a", "b"))}),
        ("uses: noop", {"work": Uses(runner="noop")}),
        (
            "uses: python\nwith: {call: 'm:f', args: {n: 1}}",
            {"work": Uses(runner="python", params={"call": "m:f", "args": {"n": 1}})},
        ),
        ("run: x\ndepends: done", {"depends": Depends.DONE}),
        ("run: x\npriority: -3", {"priority": -3}),
        (
            "run: x\nwhen: true\nskip_if: ['1 == 2']\nrequires: [network.online]",
            {"conditions": Conditions(when="true", skip_if=("1 == 2",), requires=("network.online",))},
        ),
        (
            "run: x\ncwd: sub\nenv: {A: b, C: null}\nstdin: text\nleave_running: true",
            {"process": Process(cwd="sub", env={"A": "b", "C": None}, stdin="text", leave_running=True)},
        ),
        (
            "run: x\ntimeout: 90\nheartbeat: 1m\nquiet: 1.5h",
            {"limits": AttemptLimits(timeout_s=90.0, heartbeat_s=60.0, quiet_s=5400.0)},
        ),
        ("run: x\nretry: 3", {"retry": Retry(attempts=3)}),
        (
            "run: x\nretry: {attempts: 3, delay: 0, factor: 1, max_delay: 5s, jitter: 0, on: [timeout]}",
            {"retry": Retry(attempts=3, delay_s=0.0, factor=1.0, max_delay_s=5.0, jitter=0.0, on=("timeout",))},
        ),
        ("run: x\non_failure: skip", {"on_failure": FailurePolicy(action=OnFailure.SKIP)}),
        (
            """
            run: x
            failure_modes:
            - {name: full, detect: exit_code == 28, do: retry, advice: wait}
            - {name: odd, detect: {prose: looks odd}}
            - {name: loop, detect: true, do: {goto: a, max_visits: 2}}
            """,
            {
                "failure_modes": (
                    FailureMode(name="full", detect="exit_code == 28", do="retry", advice="wait"),
                    FailureMode(name="odd", prose="looks odd"),
                    FailureMode(name="loop", detect="true", do="goto", target="a", max_visits=2),
                )
            },
        ),
        ("run: x\nnext: [{on: failure, to: a, max_visits: 3}]", {"next": (Edge(on="failure", to="a", max_visits=3),)}),
        (
            "run: x\neffect: once\ndefinite_failures: [3]\nreconcile: {run: r, settle: 5s}\nrollback: {command: [u]}",
            {
                "effect": EffectPolicy(
                    effect=Effect.ONCE,
                    definite_failures=(3,),
                    reconcile=Reconcile(work=Run(text="r"), settle_s=5.0),
                    rollback=Command(argv=("u",)),
                )
            },
        ),
        (
            """
            run: x
            reads: [a, '!b*']
            produces: {p: out, q: {path: o2, type: csv, optional: true, keep: digest}}
            consumes: []
            backup: [c]
            fresh: true
            """,
            {
                "files": Files(
                    reads=("a", "!b*"),
                    produces={
                        "p": Product(path="out"),
                        "q": Product(path="o2", type="csv", optional=True, keep="digest"),
                    },
                    consumes=(),
                    backup=("c",),
                    fresh=True,
                )
            },
        ),
        (
            """
            run: x
            produces: {p: out}
            expect: [exit_code == 0, {prose: nice}, {valid: p, schema: s.json}]
            metrics: {n: duration_s}
            deterministic: false
            reuse: never
            formerly: [old]
            outputs: {n: {type: int}, m: {}}
            """,
            {
                "files": Files(produces={"p": Product(path="out")}),
                "results": Results(
                    outputs={"n": Output(type="int"), "m": Output()},
                    expect=(Holds(expression="exit_code == 0"), Prose(prose="nice"), Valid(valid="p", schema="s.json")),
                    metrics={"n": "duration_s"},
                    deterministic=False,
                    reuse=Reuse.NEVER,
                    formerly=("old",),
                ),
            },
        ),
        ("run: x\nfor_each: [1, 2]", {"for_each": ForEach(items=[1, 2])}),
        ("run: x\nfor_each: inputs", {"for_each": ForEach(items="inputs")}),
        (
            "run: x\nfor_each: {items: [1], item_key: item, max_parallel: 2, fail: all}",
            {"for_each": ForEach(items=[1], item_key="item", max_parallel=2, fail="all")},
        ),
        (
            "run: x\nmatrix: {os: [a, b], n: [1], exclude: [{os: a}]}\nfor_each: {max_parallel: 1}",
            {"for_each": ForEach(matrix={"os": ["a", "b"], "n": [1]}, exclude=({"os": "a"},), max_parallel=1)},
        ),
        (
            "run: x\nlocks: [db]\nbreaker: git\ncapabilities: [web.fetch]\nsecrets: [KEY]\nmemory: {keys: [k]}",
            {
                "sharing": Sharing(
                    locks=("db",), breaker="git", capabilities=("web.fetch",), secrets=("KEY",), memory=("k",)
                )
            },
        ),
    ],
)
def test_a_step_key_reaches_the_model(text: str, expected: dict[str, object]) -> None:
    assert step(text) == msgspec.structs.replace(Step(id="a", work=Run(text="x")), **expected)


def test_what_is_shown_and_asked_reaches_the_model() -> None:
    made = plan(
        """
        plan: p
        hypotheses: {h: {statement: s, prior: 0.2, rationale: r, test_cost: 3}}
        steps:
          a:
            run: x
            title: T
            kind: research
            labels: [l]
            milestone: true
            gate: {question: ok?}
            overdue: {after: 1h, escalate: boss}
            checkpoint: true
            budget: {time: 1h, cost: 2, tokens: 3, calls: {web.fetch: 4}, on_exhausted: fail}
            evidence:
            - {for: h, supports: strong}
            - {for: h, refutes: 3, when: exit_code == 0, note: n}
            - {for: h, neutral: true}
        """
    )
    made_step = made.steps[0]
    assert (made_step.shown.title, made_step.shown.kind, made_step.shown.labels) == ("T", "research", ("l",))
    assert made_step.shown.milestone
    assert made_step.people.gate == {"question": "ok?"}
    assert made_step.people.overdue == Overdue(after_s=3600.0, escalate="boss")
    assert made_step.people.checkpoint
    assert made_step.people.evidence == (
        Evidence(hypothesis="h", supports="strong"),
        Evidence(hypothesis="h", refutes=3.0, when="exit_code == 0", note="n"),
        Evidence(hypothesis="h", neutral=True),
    )
    assert made_step.sharing.budget is not None
    assert (made_step.sharing.budget.cost_usd, made_step.sharing.budget.calls) == (2.0, {"web.fetch": 4})
    assert made.hypotheses["h"].test_cost == 3.0


def test_a_plan_key_reaches_the_model() -> None:
    made = plan(
        """
        plan: p
        metadata: {any: [thing]}
        title: T
        version: "1.0"
        links: [https://a.org]
        goal: {objective: o, deadline: 2026-12-24, done_when: [steps.a.ok, {prose: nice}]}
        inputs: {day: {type: date, required: true}, n: {type: int, default: 3}}
        env: {A: b}
        env_pass: [CI_*]
        secrets: [KEY]
        limits: {concurrency: 4, time: 2h, step_time: 1h, cost: 5, tokens: 6, grace: 0, resources: {gpu: 1}}
        locks: [db]
        breakers: {git: {failures: 2, cooldown: 5s}}
        outputs: {n: steps.a.outputs.n}
        exports: {f: f}
        memory: {keys: [k]}
        policy: {capabilities: {allow: [web.*]}, require_gate: [kind:deploy]}
        overdue: {after: 1d}
        x-own: anything
        steps:
          a: {run: x, produces: {f: out}, breaker: git, x-mine: [1]}
        """
    )
    assert made.shown.metadata == {"any": ["thing"]}
    assert (made.shown.title, made.shown.version, made.shown.links) == ("T", "1.0", ("https://a.org",))
    done = (Holds(expression="steps.a.ok"), Prose(prose="nice"))
    assert made.goal == Goal(objective="o", deadline="2026-12-24", done_when=done)
    assert made.inputs["day"].required
    assert (made.inputs["n"].has_default, made.inputs["n"].default) == (True, 3)
    assert (made.env, made.env_pass, made.secrets, made.locks) == ({"A": "b"}, ("CI_*",), ("KEY",), ("db",))
    assert isinstance(made.limits, RunLimits)
    assert (made.limits.concurrency, made.limits.step_time_s, made.limits.grace_s) == (4, 3600.0, 0.0)
    assert (made.limits.budget.time_s, made.limits.budget.cost_usd) == (7200.0, 5.0)
    assert (made.breakers["git"].failures, made.breakers["git"].cooldown_s) == (2, 5.0)
    assert (made.outputs, made.exports, made.memory) == ({"n": "steps.a.outputs.n"}, {"f": "a.f"}, ("k",))
    assert made.policy is not None
    assert made.policy.capabilities.allow == ("web.*",)
    assert made.overdue == Overdue(after_s=86400.0)


# --- defaults


def test_defaults_hold_for_every_step_that_does_not_say_otherwise() -> None:
    made = plan(
        """
        plan: p
        defaults: {timeout: 1m, retry: 2, env: {A: a, B: b}, shell: bash, effect: none}
        steps:
          a: {run: x}
          b: {run: x, timeout: 2m, env: {B: c}, shell: sh}
        finally:
          z: {run: x}
        """
    )
    a, b = made.steps
    assert (a.limits.timeout_s, a.retry.attempts, a.process.env) == (60.0, 2, {"A": "a", "B": "b"})
    assert (b.limits.timeout_s, b.retry.attempts, b.process.env) == (120.0, 2, {"A": "a", "B": "c"})
    assert (a.work, b.work) == (Run(text="x", shell=Shell.BASH), Run(text="x"))
    assert made.finally_[0].limits.timeout_s == 60.0
    assert made.finally_[0].on_failure.action == OnFailure.CONTINUE


def test_defaults_take_only_the_keys_that_may_be_shared() -> None:
    problem = one("plan: p\ndefaults: {when: x}\nsteps: {a: {run: x}}")
    assert (problem.code, problem.message) == ("key.unknown", 'defaults has no key "when"')


def test_a_template_in_the_defaults_makes_every_step_templated() -> None:
    made = plan('plan: p\ninputs: {n: {}}\ndefaults: {env: {N: "${{ inputs.n }}"}}\nsteps: {a: {run: x}}')
    assert made.steps[0].templated


def test_the_defaults_cannot_refer_to_a_step() -> None:
    problem = one('plan: p\ndefaults: {env: {N: "${{ steps.a.ok }}"}}\nsteps: {a: {run: x}}')
    assert (problem.code, problem.line, problem.column) == ("reference.misplaced", 2, 26)
