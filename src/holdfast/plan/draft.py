"""A plan as read so far: model values, names, and what its expressions refer to, before the whole is checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from holdfast.plan import assemble
from holdfast.plan.assemble import Values
from holdfast.plan.checks.names import Known, Named, Names, makers
from holdfast.plan.checks.paths import Products
from holdfast.plan.checks.references import resolve
from holdfast.plan.expr import Template
from holdfast.plan.model import ArtifactStdin, Criterion, Input, Plan, Step, Valid
from holdfast.plan.problems import Fault, Found, Path, Use, fault_at

SECTIONS: Final = ("steps", "finally")
"""Where steps stand."""


@dataclass(slots=True)
class Draft:
    """The plan as far as it could be read."""

    plan: Plan
    names: Names
    products: Products
    uses: Mapping[str | None, list[Use]]
    """Its expressions by step; None: of the plan itself."""
    written: Mapping[str, Values]
    """The values of each step as they were read, `defaults` included."""
    raw: Mapping[str, Mapping[str, object]]
    """The steps as the file has them."""
    faults: list[Fault]

    def steps(self) -> Iterator[tuple[Path, Step]]:
        """Every step with its path, the `finally` steps last."""
        for section, steps in (("steps", self.plan.steps), ("finally", self.plan.finally_)):
            for step in steps:
                yield (section, step.id), step


def draft(raw: Mapping[str, object], values: Values, found: Found) -> Draft:
    """The draft of a plan's data, of which the table read `values` and found `found`."""
    sections = {step: section for section in reversed(SECTIONS) for step in _entries(raw, section)}
    order = [step for section in SECTIONS for step in _entries(raw, section) if sections[step] == section]
    defaults = values.get("defaults", {})
    written = {step: _merged(defaults, values.get(sections[step], {}).get(step) or {}) for step in order}
    names = _names(values, written, sections, _broken(found))
    products = Products.of({step: held.get("files.produces", {}) for step, held in written.items()})
    uses = _uses(found, sections)
    faults = [
        fault_at(("finally", step), "id.duplicate", f'"{step}" is also the id of a step under `steps`', "rename one")
        for step in _entries(raw, "finally")
        if sections[step] == "steps"
    ]
    linker = _Linker(names, products, uses, faults)
    templated = any(_fills_steps(use) for use in uses.get(None, ()))
    steps: dict[str, list[Step]] = {section: [] for section in SECTIONS}
    for step in order:
        steps[sections[step]].append(linker.step(step, written[step], templated=templated))
    linker.of_plan()
    exports = linker.exports(values.get("exports", {}))
    plan = assemble.plan({**values, "exports": exports}, tuple(steps["steps"]), tuple(steps["finally"]))
    entries = {step: _entries(raw, sections[step])[step] for step in order}
    as_is = {step: held for step, held in entries.items() if isinstance(held, dict)}
    return Draft(plan, names, products, uses, written, as_is, faults)


class _Linker:
    """Finds what each step needs: as written, by reference, and as the reader of what another makes."""

    def __init__(
        self, names: Names, products: Products, uses: Mapping[str | None, list[Use]], faults: list[Fault]
    ) -> None:
        self._names = names
        self._products = products
        self._uses = uses
        self._faults = faults

    def step(self, name: str, values: Values, *, templated: bool) -> Step:
        """The step with its needs; artifacts it names are written out as `step.artifact`.

        `templated`: something that holds for every step is a template.
        """
        section = self._names.steps[name].section
        path: Path = (section, name)
        needs: dict[str, None] = {}
        for number, wanted in enumerate(values.get("depends_on", ())):
            self._depends(path, number, wanted.removesuffix("[*]"), needs)
        for use in self._uses.get(name, ()):
            needed, faults = resolve(use, self._names, name)
            needs.update(dict.fromkeys(needed))
            self._faults += faults
            templated = templated or (isinstance(use.expression, Template) and use.path[-3] in _FILLED)
        if not _NAMING.isdisjoint(values):
            values = self._named_artifacts(path, values, needs)
        for read in values.get("files.reads", ()):
            needs.update(dict.fromkeys(self._products.makers_of(read)))
        for criterion in values.get("results.expect", ()):
            if isinstance(criterion, Valid):  # the schema is read too
                needs.update(dict.fromkeys(self._products.makers_of(criterion.schema)))
        needs.pop(name, None)
        return assemble.step(name, values, tuple(needs), templated=templated, final=section == "finally")

    def of_plan(self) -> None:
        """Check the plan's own expressions."""
        for use in self._uses.get(None, ()):
            self._faults += resolve(use, self._names, None)[1]

    def exports(self, exports: Mapping[str, str]) -> dict[str, str]:
        """The plan's exports, written out."""
        named = {name: self._artifact(("exports", name), text) for name, text in exports.items()}
        return {name: str(it) for name, it in named.items() if it is not None}

    def _depends(self, path: Path, number: int, wanted: str, needs: dict[str, None]) -> None:
        name = str(path[1])
        where = (*path, "depends_on", number)
        known = self._names.steps.get(wanted)
        if known is None:
            message = f'step "{name}" needs "{wanted}", which this plan does not define'
            fault = fault_at(where, "step.unknown", message)
            fault.near = (wanted, self._names.steps)
            self._faults.append(fault)
        elif wanted == name:
            self._faults.append(fault_at(where, "plan.cycle", f'step "{name}" needs itself', "take it out"))
        elif known.section == "finally" and path[0] != "finally":
            message = f'step "{name}" needs "{wanted}", a `finally` step, which runs after all others'
            self._faults.append(fault_at(where, "step.finally", message))
        else:
            needs[wanted] = None

    def _artifact(self, where: Path, text: str, *, steps_too: bool = False) -> Named | None:
        named = self._names.artifact(text, steps_too=steps_too)
        if isinstance(named, Fault):
            named.path = [*reversed(where)]
            self._faults.append(named)
            return None
        return named

    def _named_artifacts(self, path: Path, values: Values, needs: dict[str, None]) -> Values:
        changed: dict[str, Any] = {}
        wanted: list[Named | None] = []
        if "files.consumes" in values:
            places = [(*path, "consumes", number) for number in range(len(values["files.consumes"]))]
            named = [
                self._artifact(place, text, steps_too=True)
                for place, text in zip(places, values["files.consumes"], strict=True)
            ]
            changed["files.consumes"] = tuple(str(it) for it in named if it is not None)
            wanted += named
        stdin = values.get("process.stdin")
        if isinstance(stdin, ArtifactStdin):
            source = self._artifact((*path, "stdin", "artifact"), stdin.artifact)
            if source is not None and self._names.steps[source.step].many:
                message = f' names "{source}", which each instance of "{source.step}" has'
                hint = "one step reads one file; pass the paths as an argument"
                self._faults.append(fault_at((*path, "stdin", "artifact"), "artifact.unknown", message, hint))
            changed["process.stdin"] = stdin if source is None else ArtifactStdin(artifact=str(source))
            wanted.append(source)
        if any(isinstance(it, Valid) for it in values.get("results.expect", ())):
            changed["results.expect"], of_others = self._checked(str(path[1]), values["results.expect"])
            wanted += of_others
        for key, gate in (("gate", values.get("people.gate")), ("with", _gate_params(values))):
            wanted += self._shown((*path, key), gate)
        for it in wanted:
            if it is None:
                continue
            if self._names.steps[it.step].section == "finally" and path[0] != "finally":
                message = f'step "{path[1]}" takes "{it}" of a `finally` step, which runs after all others'
                self._faults.append(fault_at(path, "step.finally", message))
            else:
                needs[it.step] = None
        return {**values, **changed} if changed else values

    def _checked(self, step: str, expect: tuple[Criterion, ...]) -> tuple[tuple[Criterion, ...], list[Named]]:
        """The criteria with the full names of other steps' artifacts that are checked by a schema, and those."""
        own = self._names.steps[step].artifacts
        criteria: list[Criterion] = []
        of_others: list[Named] = []
        for criterion in expect:
            criteria.append(criterion)
            if isinstance(criterion, Valid) and criterion.valid not in own:
                named = self._names.artifact(criterion.valid)  # what is wrong with it is found with the step's files
                if isinstance(named, Named):
                    of_others.append(named)
                    criteria[-1] = Valid(valid=str(named), schema=criterion.schema)
        return tuple(criteria), of_others

    def _shown(self, where: Path, gate: Mapping[str, object] | None) -> Iterator[Named | None]:
        """The artifacts a gate shows or asks for."""
        for key in ("shows", "evidence"):
            texts = (gate or {}).get(key)
            for number, text in enumerate(texts if isinstance(texts, list) else ()):
                if isinstance(text, str):
                    yield self._artifact((*where, key, number), text)


def _entries(raw: Mapping[str, object], section: str) -> Mapping[str, object]:
    steps = raw.get(section)
    return steps if isinstance(steps, dict) else {}


def _merged(defaults: Values, values: Values) -> Values:
    """A step's values over the defaults; of `env`, name by name."""
    if not defaults:
        return values
    merged = {**defaults, **values}
    if "process.env" in defaults and "process.env" in values:
        merged["process.env"] = {**defaults["process.env"], **values["process.env"]}
    return merged


def _broken(found: Found) -> set[str]:
    """The steps that have errors of their own."""
    return {
        str(it.path[-2])
        for it in found
        if isinstance(it, Fault) and it.severity == "error" and len(it.path) > 1 and it.path[-1] in SECTIONS
    }


_BODY: Final = frozenset(("body",))
"""What an http step leaves where its answer is too large for an output."""


def _made(held: Values) -> frozenset[str]:
    return frozenset(held["files.produces"]) if "files.produces" in held else _NONE


def _names(values: Values, steps: Mapping[str, Values], sections: Mapping[str, str], broken: set[str]) -> Names:
    known = {
        step: Known(
            sections[step],
            frozenset(held.get("files.produces", ())) | _BODY if held.get("uses") == "http" else _made(held),
            frozenset(held["results.outputs"]) if "results.outputs" in held else _NONE,
            frozenset(held["process.env"]) if "process.env" in held else _NONE,
            many="for_each" in held or "matrix" in held,
            broken=step in broken or held.get("uses") == "plan",  # what a nested plan exports, its own file says
        )
        for step, held in steps.items()
    }
    inputs: Mapping[str, Input] = values.get("inputs", {})
    memories = [values.get("memory"), *(held.get("sharing.memory") for held in steps.values())]
    secrets = {*values.get("secrets", ())}.union(*(held.get("sharing.secrets", ()) for held in steps.values()))
    return Names(
        known,
        inputs=frozenset(inputs),
        secret_inputs=frozenset(name for name, it in inputs.items() if it.secret),
        env=frozenset(values.get("env", {})),
        env_pass=values.get("env_pass", ()),
        secrets=frozenset(secrets),
        hypotheses=frozenset(values.get("hypotheses", {})),
        memory=frozenset(key for keys in memories for key in keys or ()),
        makers=makers(known),
    )


_NONE: Final[frozenset[str]] = frozenset()


def _uses(found: Found, sections: Mapping[str, str]) -> dict[str | None, list[Use]]:
    """The expressions of each step; those of `defaults` belong to the plan and may refer to no step."""
    uses: dict[str | None, list[Use]] = {}
    for item in found:
        if not isinstance(item, Use):
            continue
        owner: str | None = None
        if item.path[-1] in SECTIONS:
            owner = str(item.path[-2])
            if sections[owner] != item.path[-1]:
                continue  # a second step of the same id, which is a fault already
        elif item.path[-1] == "defaults":
            item.scope = "defaults"
        uses.setdefault(owner, []).append(item)
    return uses


_FILLED: Final = frozenset(("command", "with", "env", "stdin", "cwd"))
"""The keys whose templates are filled in when the step starts."""

_NAMING: Final = frozenset(("files.consumes", "results.expect", "process.stdin", "people.gate", "params"))
"""The values that may name artifacts."""


def _fills_steps(use: Use) -> bool:
    """Whether an expression of the plan is a template that every step fills in."""
    where = use.path[-2:] if use.path[-1] == "defaults" else use.path[-1:]
    return isinstance(use.expression, Template) and where[0] in _FILLED


def _gate_params(values: Values) -> Mapping[str, object] | None:
    return values.get("params", {}) if values.get("uses") == "gate" else None
