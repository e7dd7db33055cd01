"""The plan as frozen values: what `parse` makes and everything else reads.

Groups of keys that most steps leave alone share one default, so that a step of a 100,000-step plan costs a few hundred
bytes. Durations are seconds; expressions and templates stay text. The JSON form is the frozen plan of the journal.
"""

from enum import StrEnum
from typing import Literal, dataclass_transform

import msgspec

DEFAULT_TIMEOUT_S = 1800.0
DEFAULT_GRACE_S = 10.0


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every model value: frozen, keyword only, defaults left out of the JSON form."""


# What a step does.


class Shell(StrEnum):
    """The shells `run` knows."""

    SH = "sh"
    BASH = "bash"
    ZSH = "zsh"
    PWSH = "pwsh"
    POWERSHELL = "powershell"
    CMD = "cmd"
    PYTHON = "python"


class Run(Value, tag="run"):
    """Shell text."""

    text: str
    shell: Shell = Shell.SH


class Command(Value, tag="command"):
    """An argument list; each part may be a template."""

    argv: tuple[str, ...]


class Uses(Value, tag="uses"):
    """A runner by name with its parameters (`with`); strings in them may be templates."""

    runner: str
    params: dict[str, object] = {}


Work = Run | Command | Uses


# How the work meets the machine.


class ArtifactStdin(Value):
    """Standard input taken from a stored artifact (`step.artifact`)."""

    artifact: str


class Process(Value):
    """Folder, environment and input of a step's process; `None` in `env` removes a name."""

    cwd: str = "."
    env: dict[str, str | None] = {}
    stdin: str | ArtifactStdin | None = None
    leave_running: bool = False


class AttemptLimits(Value):
    """The three clocks of one attempt, in seconds; `None` is no limit."""

    timeout_s: float | None = None  # None: the default of the runner
    heartbeat_s: float | None = None
    quiet_s: float | None = None


class Retry(Value):
    """`attempts` counts all attempts; the delay before attempt n+1 is semantics S9."""

    attempts: int = 1
    delay_s: float = 1.0
    factor: float = 2.0
    max_delay_s: float = 60.0
    jitter: float = 0.2
    on: tuple[str, ...] = ()


class OnFailure(StrEnum):
    """What a failure of the step means for the run (semantics S6)."""

    ABORT = "abort"
    SKIP_DEPENDENTS = "skip_dependents"
    CONTINUE = "continue"
    SKIP = "skip"
    FALLBACK = "fallback"
    ROLLBACK = "rollback"


class FailurePolicy(Value):
    """`on_failure`, with the fallback's step id where it is one."""

    action: OnFailure = OnFailure.ABORT
    fallback: str | None = None


class FailureMode(Value):
    """One entry of `failure_modes`; exactly one of `detect` and `prose` is set."""

    name: str
    do: Literal["retry", "fail", "goto", "fallback"] = "fail"
    detect: str | None = None
    prose: str | None = None
    target: str | None = None
    max_visits: int = 1  # of a goto
    advice: str | None = None


class Edge(Value):
    """One entry of `next`: a control edge (semantics S17)."""

    on: str
    to: str
    max_visits: int = 1


class Effect(StrEnum):
    """What repeating the step would do to the outside world."""

    NONE = "none"
    REPEATABLE = "repeatable"
    ONCE = "once"


class Reconcile(Value):
    """Finds out whether an effect happened."""

    work: Work
    settle_s: float = 0.0
    timeout_s: float = 30.0


class EffectPolicy(Value):
    """The step's effect as written (`None`: the runner's default) and how doubt about it is settled."""

    effect: Effect | None = None
    definite_failures: tuple[int, ...] = ()
    reconcile: Reconcile | None = None
    rollback: Work | str | None = None


# Conditions, files, outputs.


class Conditions(Value):
    """Expressions that decide whether and when the step runs."""

    when: str | None = None
    skip_if: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()


class Prose(Value, tag="prose"):
    """A criterion in words: shown to a person, never passed by itself."""

    prose: str


class Valid(Value, tag="valid"):
    """A criterion: the artifact matches a JSON Schema."""

    valid: str
    schema: str


class Holds(Value, tag="expression"):
    """A criterion: the expression is true."""

    expression: str


Criterion = Holds | Prose | Valid


class Product(Value):
    """One artifact a step leaves behind: a file or a directory."""

    path: str
    type: str | None = None
    optional: bool = False
    retention_s: float | None = None
    keep: Literal["bytes", "digest"] = "bytes"


class Files(Value):
    """What a step reads and leaves behind; paths are relative to the plan file's folder."""

    reads: tuple[str, ...] = ()
    produces: dict[str, Product] = {}
    consumes: tuple[str, ...] | None = None
    backup: tuple[str, ...] = ()
    fresh: bool = False


class Output(Value):
    """A declared output value."""

    type: str | None = None


class Reuse(StrEnum):
    """Whether an earlier result may stand in (planner)."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Results(Value):
    """Outputs, success criteria and measures of a step."""

    outputs: dict[str, Output] = {}
    expect: tuple[Criterion, ...] = ()
    metrics: dict[str, str] = {}
    deterministic: bool = True
    reuse: Reuse = Reuse.AUTO
    formerly: tuple[str, ...] = ()


# Several instances, shared resources, people.


class ForEach(Value):
    """One instance per item; `items` is a list or an expression. A `matrix` is kept as its axes."""

    items: list[object] | str | None = None
    matrix: dict[str, list[object]] = {}
    exclude: tuple[dict[str, object], ...] = ()
    item_key: str | None = None
    max_parallel: int | None = None
    fail: Literal["fast", "all"] = "fast"


class Budget(Value):
    """Amounts that may be spent, of a run or of a step."""

    time_s: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    calls: dict[str, int] = {}
    on_exhausted: Literal["block", "fail"] = "block"


class Sharing(Value):
    """What the step shares with others: locks, amounts of resources, a breaker, capabilities, its budget."""

    locks: tuple[str, ...] = ()
    needs_resources: dict[str, float] = {}
    breaker: str | None = None
    capabilities: tuple[str, ...] = ()
    budget: Budget | None = None
    secrets: tuple[str, ...] | None = None
    memory: tuple[str, ...] = ()


class Overdue(Value):
    """An inbox item when the run or step is not done by then."""

    after_s: float
    escalate: str | None = None


class Evidence(Value):
    """One entry of `evidence`: how a result bears on a hypothesis."""

    hypothesis: str
    when: str | None = None
    supports: str | float | None = None
    refutes: str | float | None = None
    neutral: bool = False
    artifact: str | None = None
    note: str | None = None


class People(Value):
    """Where people come in: an approval before the step, escalation, evidence, a checkpoint."""

    gate: dict[str, object] | None = None
    overdue: Overdue | None = None
    evidence: tuple[Evidence, ...] = ()
    checkpoint: bool = False


class StepShown(Value):
    """What is shown of a step and never part of a fingerprint."""

    title: str | None = None
    description: str | None = None
    kind: str = "implement"
    labels: tuple[str, ...] = ()
    owner: str | None = None
    rationale: str | None = None
    risks: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    group: str | None = None
    milestone: bool = False


class Depends(StrEnum):
    """When a step's dependencies count as satisfied (semantics S2)."""

    OK = "ok"
    DONE = "done"


class Step(Value):
    """One step. `needs` holds every dependency: written, and made by a reference or by a product that is read."""

    id: str
    work: Work
    needs: tuple[str, ...] = ()
    depends: Depends = Depends.OK
    templated: bool = False  # whether any string of work, env or stdin holds a template
    priority: int = 0
    conditions: Conditions | None = None
    process: Process = Process()
    limits: AttemptLimits = AttemptLimits()
    retry: Retry = Retry()
    on_failure: FailurePolicy = FailurePolicy()
    failure_modes: tuple[FailureMode, ...] = ()
    next: tuple[Edge, ...] = ()
    effect: EffectPolicy = EffectPolicy()
    files: Files = Files()
    results: Results = Results()
    for_each: ForEach | None = None
    sharing: Sharing = Sharing()
    people: People = People()
    shown: StepShown = StepShown()

    @property
    def effect_class(self) -> Effect:
        """The effect in force: the one written, else the runner's default (semantics, Effects)."""
        if self.effect.effect is not None:
            return self.effect.effect
        if isinstance(self.work, Uses):
            return _RUNNER_EFFECT.get(self.work.runner, Effect.REPEATABLE) if not self.inline else Effect.NONE
        return Effect.REPEATABLE

    @property
    def inline(self) -> bool:
        """Whether the engine itself runs the step's Python function."""
        return isinstance(self.work, Uses) and self.work.runner == "python" and self.work.params.get("inline") is True


_RUNNER_EFFECT = {"noop": Effect.NONE, "wait": Effect.NONE, "gate": Effect.NONE}


# The plan around its steps.


class Input(Value):
    """One typed input; checked before anything runs."""

    type: Literal["string", "int", "float", "bool", "date", "datetime", "duration", "path", "list", "map"] = "string"
    enum: tuple[object, ...] = ()
    default: object = None
    has_default: bool = False
    required: bool = False
    pattern: str | None = None
    secret: bool = False
    description: str | None = None


class RunLimits(Value):
    """Limits of a run; `concurrency` `None` is twice the number of cores."""

    concurrency: int | None = None
    step_time_s: float | None = None
    grace_s: float = DEFAULT_GRACE_S
    resources: dict[str, float] = {}
    budget: Budget = Budget()


class Breaker(Value):
    """A circuit breaker by capability (semantics S12)."""

    failures: int = 5
    cooldown_s: float = 60.0
    trials: int = 1


class Goal(Value):
    """What the plan is for."""

    objective: str | None = None
    scope: str | None = None
    constraints: tuple[str, ...] = ()
    deadline: str | None = None
    done_when: tuple[Criterion, ...] = ()
    stakeholders: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()


class Hypothesis(Value):
    """What the steps' evidence bears on."""

    statement: str
    prior: float = 0.5
    rationale: str | None = None
    test_cost: float | None = None


class AllowDeny(Value):
    """A pair of lists; a name that `deny` matches is refused whatever `allow` says."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


class Policy(Value):
    """What the plan's steps may touch."""

    capabilities: AllowDeny = AllowDeny()
    write_roots: tuple[str, ...] = (".",)
    require_gate: tuple[str, ...] = ()
    hosts: AllowDeny = AllowDeny()


class PlanShown(Value):
    """What is shown of a plan and never part of a fingerprint."""

    title: str | None = None
    description: str | None = None
    owner: str | None = None
    labels: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    version: str | None = None
    metadata: dict[str, object] = {}


class Plan(Value):
    """A whole plan. `steps` and `finally_` are in file order; their ids are unique across both."""

    id: str
    steps: tuple[Step, ...]
    finally_: tuple[Step, ...] = msgspec.field(default=(), name="finally")
    inputs: dict[str, Input] = {}
    env: dict[str, str | None] = {}
    env_pass: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    limits: RunLimits = RunLimits()
    locks: tuple[str, ...] = ()
    breakers: dict[str, Breaker] = {}
    outputs: dict[str, str] = {}
    exports: dict[str, str] = {}
    memory: tuple[str, ...] = ()
    goal: Goal | None = None
    hypotheses: dict[str, Hypothesis] = {}
    policy: Policy | None = None
    overdue: Overdue | None = None
    nested: dict[str, "Plan"] = {}  # the plans that steps run, by step
    shown: PlanShown = PlanShown()
