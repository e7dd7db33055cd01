"""A step as the planner sees it: whether it can be reused, and its ports, by position in the plan."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from holdfast.plan.checks.paths import Products, parents, plain
from holdfast.plan.expr import compile_expression, compile_template
from holdfast.plan.graph import Graph, of_plan
from holdfast.plan.loops import loops_of
from holdfast.plan.model import ArtifactStdin, Command, Holds, Plan, Step, Uses, Valid
from holdfast.run.control import control_of
from holdfast.run.growth import group_id
from holdfast.run.planner.definition import definition_of
from holdfast.run.planner.kind import Kind, kind_of
from holdfast.run.planner.layers import layers_of


class Port(NamedTuple):
    """A port that another step makes: its position, the artifact, output or (no `name`) the execution itself."""

    dep: int
    kind: str  # artifact, output, outputs or step
    name: str
    label: str
    explicit: bool = False  # named by the step, not only there by the dependency
    optional: bool = False


class Subject(msgspec.Struct, frozen=True):
    """One step. `reads` are the patterns of files that no step makes; `inputs` the plan inputs it refers to."""

    step: Step
    kind: Kind
    alias: str  # its oldest name
    definition: str
    identity: str
    reads: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    causes: tuple[int, ...] = ()  # actions it waits for, where it declares nothing else that it reads
    dormant: bool = False  # until another step's end chooses it
    many: bool = False  # one instance for each item, decided when they are there
    last: bool = False  # a `finally` step

    @property
    def makes(self) -> Iterable[str]:
        """The names of the artifacts it leaves behind."""
        return self.step.files.produces


class Field(msgspec.Struct, frozen=True, eq=False):
    """A plan as the planner sees it: all that needs no snapshot. `order` is topological."""

    plan: Plan
    graph: Graph
    order: tuple[int, ...]
    layers: list[int]
    subjects: list[Subject]
    deterministic_twins: bool  # whether two steps do the same


def field_of(plan: Plan) -> Field:
    """The plan's steps with their ports, the `finally` steps last."""
    graph = of_plan(plan)
    control = control_of(plan, graph.index)
    dormant = {} if control is None else control.choosers
    layers = layers_of(graph, dormant, len(plan.steps))
    steps = plan.steps + plan.finally_
    finder = _Finder(plan, steps, graph)
    subjects = [
        finder.subject(i, step, dormant=i in dormant, last=i >= len(plan.steps)) for i, step in enumerate(steps)
    ]
    same = [it.definition for it in subjects if it.kind is Kind.REUSABLE and not it.identity]
    twins = len(set(same)) < len(same)
    order: Sequence[int] = graph.order
    if plan.finally_ or dormant or twins:
        order = sorted(order, key=lambda i: (layers[i], graph.ids[i]))
    return Field(plan, graph, tuple(order), layers, subjects, twins)


def _alias(step: Step, index: Mapping[str, int]) -> str:
    return next((name for name in reversed(step.results.formerly) if name not in index), step.id)


class _Finder:
    """Finds the ports of a plan's steps."""

    def __init__(self, plan: Plan, steps: Sequence[Step], graph: Graph) -> None:
        self._plan = plan
        self._steps = steps
        self._index = graph.index
        self._needs = graph.needs
        self._kinds = [kind_of(step) for step in steps]
        self._aliases = [_alias(step, graph.index) if step.results.formerly else step.id for step in steps]
        self._products = Products.of({step.id: step.files.produces for step in steps if step.files.produces})
        self._going_round = {name for loop in loops_of(plan) for name in loop.members}
        self._of_environment = _references(text for text in plan.env.values() if text is not None)

    def subject(self, i: int, step: Step, *, dormant: bool, last: bool) -> Subject:
        """The step at position `i`."""
        kind = self._kinds[i]
        many = step.for_each is not None
        if (many or last) and kind in {Kind.REUSABLE, Kind.QUIET}:
            kind = Kind.ACTION
        if step.id in self._going_round:  # each visit is another
            kind = Kind.ACTION
        alias = self._aliases[i]
        fixed = kind is Kind.ONCE or not step.results.deterministic
        own = _references_of(step)
        paths = [*self._of_environment, *own]
        inputs = self._inputs(paths)
        reads, ports = self._ports(i, step, paths)
        causes: tuple[int, ...] = ()
        scripted = isinstance(step.work, Uses) and step.work.runner == "python"  # its module is read, too
        declares = reads or ports or scripted or self._inputs(own)  # what the plan gives every step is not its own
        if not (declares or any(self._steps[j].files.produces for j in self._needs[i])):
            causes = tuple([j for j in self._needs[i] if self._kinds[j] is Kind.ACTION or self._is_many(j)])
        return Subject(
            step=step,
            kind=kind,
            alias=alias,
            definition=definition_of(self._plan, step) if kind in {Kind.REUSABLE, Kind.ONCE} else "",
            identity=alias if fixed else "",
            reads=reads,
            inputs=inputs,
            ports=ports,
            causes=causes,
            dormant=dormant,
            many=many,
            last=last,
        )

    def _is_many(self, j: int) -> bool:
        return self._steps[j].for_each is not None

    def _inputs(self, paths: Iterable[tuple[str | int, ...]]) -> tuple[str, ...]:
        found: set[str] = set()
        for path in paths:
            if path[0] == "inputs":
                found.update([str(path[1])] if len(path) > 1 else self._plan.inputs)
        return tuple(sorted(found))

    def _ports(
        self, i: int, step: Step, paths: Iterable[tuple[str | int, ...]]
    ) -> tuple[tuple[str, ...], tuple[Port, ...]]:
        """The patterns that no step makes, and the ports that steps make."""
        ports: dict[str, Port] = {}
        reads = []
        schemas = [it.schema for it in step.results.expect if isinstance(it, Valid)]  # they are read too
        for read in (*step.files.reads, *schemas):
            made = [it for it in self._makers(read) if it[0] != step.id]
            for maker, name in made:
                self._add(ports, "artifact", self._index[maker], name, explicit=True)
            if not made:
                reads.append(read)
        for path in paths:
            if path[0] == "steps":
                self._refer(ports, path)
        stdin = step.process.stdin
        if isinstance(stdin, ArtifactStdin):
            self._consume(ports, stdin.artifact)
        consumes = step.files.consumes
        for text in consumes or ():
            self._consume(ports, text)
        if consumes is None:
            for j in self._needs[i]:
                for name in self._steps[j].files.produces:
                    self._add(ports, "artifact", j, name)
        if not any(not read.startswith("!") for read in reads):
            reads = []
        return tuple(reads), tuple(ports.values())

    def _makers(self, read: str) -> Iterator[tuple[str, str]]:
        if not self._products.at or read.startswith("!") or any(char in read for char in "*?[") or "${{" in read:
            return
        for path in parents(plain(read)):
            for made in self._products.at.get(path, ()):
                yield made.step, made.artifact

    def _consume(self, ports: dict[str, Port], text: str) -> None:
        """A name in `consumes` or `stdin`: a step, or one of its artifacts."""
        j = self._index.get(text)
        if j is not None:
            for name in self._steps[j].files.produces:
                self._add(ports, "artifact", j, name, explicit=True)
            if not self._steps[j].files.produces:
                self._add(ports, "step", j, "", explicit=True)
            return
        dot = text.find(".")
        while dot > 0:
            j = self._index.get(text[:dot])
            if j is not None and text[dot + 1 :] in self._steps[j].files.produces:
                self._add(ports, "artifact", j, text[dot + 1 :], explicit=True)
                return
            dot = text.find(".", dot + 1)

    def _refer(self, ports: dict[str, Port], path: tuple[str | int, ...]) -> None:
        """A reference to another step: one of its artifacts or outputs, all of them, or how it went."""
        j = self._index.get(group_id(str(path[1]))) if len(path) > 1 else None
        if j is None:
            return
        key = str(path[2]) if len(path) > 2 else ""
        named = str(path[3]) if len(path) > 3 else None
        if self._is_many(j) or key not in {"outputs", "artifacts"}:
            self._add(ports, "step", j, "", explicit=True)
        elif key == "outputs":
            self._add(ports, "outputs" if named is None else "output", j, named or "", explicit=True)
        else:
            for name in self._steps[j].files.produces if named is None else (named,):
                self._add(ports, "artifact", j, name, explicit=True)

    def _add(self, ports: dict[str, Port], kind: str, j: int, name: str, *, explicit: bool = False) -> None:
        if kind == "artifact" and self._is_many(j):
            kind, name = "step", ""  # what its instances leave behind is known when they have
        label = f"{kind}:{self._aliases[j]}" + (f".{name}" if name else "")
        if label in ports and not explicit:
            return
        product = self._steps[j].files.produces.get(name) if kind == "artifact" else None
        ports[label] = Port(j, kind, name, label, explicit, product is not None and product.optional)


def _references_of(step: Step) -> list[tuple[str | int, ...]]:
    """What the expressions of a step refer to that say what it does, reads, makes and promises."""
    texts: list[str] = []
    if step.templated:
        texts += _texts(step.work.argv if isinstance(step.work, Command) else [])
        texts += _texts(step.work.params) if isinstance(step.work, Uses) else ()
        texts += [step.process.cwd, *[text for text in step.process.env.values() if text is not None]]
        if isinstance(step.process.stdin, str):
            texts.append(step.process.stdin)
    for product in step.files.produces.values():
        if "${{" in product.path:
            texts.append(product.path)
    texts += [read for read in step.files.reads if "${{" in read]
    found = _references(texts)
    for criterion in step.results.expect:
        if isinstance(criterion, Holds):
            found += [reference.path for reference in compile_expression(criterion.expression).references]
    return found


def _references(texts: Iterable[str]) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    for text in texts:
        if "${{" in text:
            template = compile_template(text)
            found += [reference.path for reference in template.references] if template is not None else ()
    return found


def _texts(value: object) -> Iterator[str]:
    """Every text in plain data."""
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, dict):
            left.extend(here.values())
        elif isinstance(here, list | tuple):
            left.extend(here)
