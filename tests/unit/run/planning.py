"""A project that is planned and run over and over, without files or processes: what tests of the planner are made of.

Its steps are functions of what they read: `World.run` does what the decided plan says, in the way of the engine.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from holdfast.plan.model import Command, Conditions, Effect, EffectPolicy, Files, Output, Plan, Product, Results, Step
from holdfast.run.particulars import ArtifactRef
from holdfast.run.planner.conditions import condition_of
from holdfast.run.planner.decide import decide
from holdfast.run.planner.kind import Kind
from holdfast.run.planner.planning import Answer, Planning, Sheet, plan_steps
from holdfast.run.planner.ports import ports_of
from holdfast.run.planner.record import Record, base_of, digest_of, key_of, recorded
from holdfast.run.planner.request import PLAIN, Request
from holdfast.run.planner.snapshot import History, Pin, Snapshot
from holdfast.run.planner.subject import Field, field_of
from holdfast.run.planner.verdict import Decision, Sight, Sights, Verdict

NOTHING: tuple[str, ...] = ()


def planned(
    name: str,
    *needs: str,
    makes: Sequence[str] | None = None,
    reads: Sequence[str] = NOTHING,
    text: str | None = None,
    effect: Effect | None = None,
    when: str | None = None,
    optional: bool = False,
    outputs: Sequence[str] = NOTHING,
    consumes: Sequence[str] | None = None,
    deterministic: bool = True,
    formerly: Sequence[str] = NOTHING,
) -> Step:
    """A step that makes one artifact of its own name in small letters, unless it says otherwise."""
    products = [name.lower()] if makes is None else makes
    return Step(
        id=name,
        work=Command(argv=(text or f"make {name}",)),
        needs=needs,
        conditions=Conditions(when=when) if when else None,
        effect=EffectPolicy(effect=effect),
        files=Files(
            reads=tuple(reads),
            produces={it: Product(path=f"out/{it}", optional=optional) for it in products},
            consumes=None if consumes is None else tuple(consumes),
        ),
        results=Results(
            outputs={it: Output() for it in outputs}, deterministic=deterministic, formerly=tuple(formerly)
        ),
    )


def plan_of(*steps: Step, last: Sequence[Step] = ()) -> Plan:
    return Plan(id="p", steps=steps, finally_=tuple(last))


def chain() -> Plan:
    """A, B, C, D one after another over the file X."""
    return plan_of(planned("A", reads=["X"]), planned("B", "A"), planned("C", "B"), planned("D", "C"))


class World:
    """Sources by path, what the store and the working tree hold, and the history of one plan."""

    def __init__(self, plan: Plan, **sources: str) -> None:
        self.plan = plan
        self.sources = dict(sources)
        self.inputs: dict[str, object] = {}
        self.history: dict[str, History] = {}
        self.missing: set[str] = set()
        self.damaged: set[str] = set()
        self.working: dict[str, str | None] = {}
        self.in_doubt: dict[str, str] = {}
        self.pins: tuple[Pin, ...] = ()
        self.equal: set[str] = set()  # steps that make the same whatever they read
        self.runs = 0
        self.draws = 0
        self.executed: list[str] = []
        self._field: Field | None = None

    def field(self) -> Field:
        if self._field is None or self._field.plan is not self.plan:
            self._field = field_of(self.plan)
        return self._field

    def snapshot(self) -> Snapshot:
        files = {
            step.id: {read: digest_of(self.sources[read]) for read in step.files.reads if read in self.sources}
            for step in self.plan.steps
            if step.files.reads
        }
        return Snapshot(
            self.runs,
            dict(self.inputs),
            history=dict(self.history),
            files=files,
            working=dict(self.working),
            missing=frozenset(self.missing),
            damaged=frozenset(self.damaged),
            pins=self.pins,
            in_doubt=self.in_doubt,
        )

    def ask(self, request: Request = PLAIN) -> Answer:
        return plan_steps(self.field(), self.snapshot(), request)

    def verdicts(self, request: Request = PLAIN) -> dict[str, str]:
        answer = self.ask(request)
        return {step: it.verdict.value for step, it in zip(answer.field.graph.ids, answer.decisions, strict=True)}

    def run(self, request: Request = PLAIN, fails: str | None = None, killed: str | None = None) -> Answer:
        """Plan, then do it; `executed` has what ran. A step that `fails` or is `killed` ends the run."""
        answer = self.ask(request)
        assert not answer.faults, answer.faults
        self.executed = []
        self.runs += 1
        field = answer.field
        planning = Planning(field, answer.snapshot, answer.asked)
        sheet = Sheet(len(field.subjects))
        for i in field.order:
            decision = answer.decisions[i]
            if decision.verdict is Verdict.MAYBE:  # its upstream is known now
                decision = decide(
                    *planning.case(i, sheet.sights, condition_of(field, i, answer.snapshot, sheet.decided))
                )
            if decision.verdict not in {Verdict.RUN, Verdict.MAYBE}:
                self._kept(field, i, decision)
                sheet.write(i, decision)
                continue
            if field.subjects[i].step.id == fails:
                self._ended(field, i, "failed")
                break
            if field.subjects[i].step.id == killed:
                self._begun(field, i)
                break
            pins = answer.asked.pins.get(i, {})
            record = self._execute(field, i, decision, sheet.sights, {name: it.ref for name, it in pins.items()})
            planning.index.add(record)
            sheet.write(i, decision._replace(sight=Sight(record, pinned=decision.sight.pinned)))
        return answer

    def _execute(
        self,
        field: Field,
        i: int,
        decision: Decision,
        sights: Sights,
        held: Mapping[str, ArtifactRef | None],
    ) -> Record:
        step = field.subjects[i].step
        self.executed.append(step.id)
        keyed = decision.keyed
        if keyed is None:
            ports = ports_of(self.plan, field.subjects[i], self.snapshot(), sights)
            assert not ports.unknown
            keyed = ports.keyed
        self.draws += 0 if step.results.deterministic else 1
        base = base_of(keyed)
        seen = step.id if step.id in self.equal else key_of(keyed, base)
        made = {
            name: ArtifactRef(
                f"out/{name}", digest_of(name, seen, str(0 if step.results.deterministic else self.draws)), 1
            )
            for name in step.files.produces
        }
        kept = {name: ref for name, ref in held.items() if ref is not None}
        made |= kept
        outputs = dict.fromkeys(step.results.outputs, seen[-6:])
        record = recorded(
            Record(
                step.id,
                keyed,
                f"r{self.runs}",
                1,
                self.runs * 1000 + i,
                outputs=outputs,
                artifacts=made,
                kept=tuple(kept),
            )
        )
        if field.subjects[i].kind in {Kind.REUSABLE, Kind.ONCE}:
            self._stand(field, i, record)
        for name, ref in made.items():
            if name not in decision.sight.pinned:
                self.working[ref.path] = ref.digest
            self.missing.discard(ref.digest)
            self.damaged.discard(ref.digest)
        return record

    def _stand(self, field: Field, i: int, record: Record) -> None:
        step = field.subjects[i].step
        records = tuple(it for it in self._of(step).records if it.key != record.key or it.run != record.run)
        self.history[step.id] = History((*records, record), "succeeded", record.run)

    def _of(self, step: Step) -> History:
        return next((self.history[it] for it in (step.id, *step.results.formerly) if it in self.history), History())

    def _kept(self, field: Field, i: int, decision: Decision) -> None:
        record = decision.proof
        if record is None:
            return
        step = field.subjects[i].step
        for ref in record.artifacts.values():
            self.working[ref.path] = ref.digest
        if decision.verdict is Verdict.RESTORE:
            own = self._of(step)
            records = tuple(it for it in own.records if it.key != record.key)
            again = replace(record, step=step.id, position=self.runs * 1000 + i)
            self.history[step.id] = History((*records, again), own.latest, own.latest_run)

    def _ended(self, field: Field, i: int, status: Literal["failed"]) -> None:
        step = field.subjects[i].step
        self.history[step.id] = replace(self._of(step), latest=status, latest_run=f"r{self.runs}", begun=True)

    def _begun(self, field: Field, i: int) -> None:
        step = field.subjects[i].step
        self.history[step.id] = replace(self._of(step), begun=True, abandoned=True)


def reasons(answer: Answer) -> Mapping[str, list[str]]:
    return {
        step: [reason.code for reason in it.reasons]
        for step, it in zip(answer.field.graph.ids, answer.decisions, strict=True)
    }


def done(*, x: str = "1") -> World:
    """The chain over X, of which all four have succeeded."""
    world = World(chain(), X=x)
    world.run()
    assert world.executed == ["A", "B", "C", "D"]
    return world


def in_short(world: World, request: Request | None = None) -> str:
    """`run A; maybe B C`: the steps by verdict, in the order of the verdicts."""
    found: dict[str, list[str]] = {}
    for step, verdict in world.verdicts(request or Request()).items():
        found.setdefault(verdict, []).append(step)
    order = ["run", "restore", "maybe", "pinned", "held", "reuse", "excluded", "inactive", "out", "not-needed"]
    return "; ".join(f"{verdict} {' '.join(sorted(found[verdict]))}" for verdict in order if verdict in found)


def faults(world: World, request: Request) -> list[tuple[str, str, str]]:
    return [tuple(it) for it in world.ask(request).faults]  # type: ignore[misc] # a fault has three texts


def pin(name: str, run: str | None = None) -> tuple[Pin, ...]:
    return (Pin(name, run, stored=False),)


def edge_of(world: World, name: str) -> str:
    current = world.history[name].current
    assert current is not None
    return current.artifacts[name.lower()].digest
