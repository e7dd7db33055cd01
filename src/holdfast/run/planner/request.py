"""What is asked of a plan, and what that means for its steps: scope, force, pins. All mistakes are told together."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from holdfast.run.planner.names import Names, Thing
from holdfast.run.planner.pins import Pinned, pinned
from holdfast.run.planner.snapshot import Pin, Snapshot
from holdfast.run.planner.subject import Field
from holdfast.run.planner.verdict import Fault

EVERYTHING: Final = None
"""As a scope: no step is left out."""


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a plan or run is asked for, as it was written."""

    from_: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    invalid_pins: Literal["fail", "regenerate"] = "fail"
    overwrite: bool = False


PLAIN: Final = Request()


class Asked(msgspec.Struct, frozen=True):
    """What a request means: positions of steps.

    `scope` is `None` for all; `targets` are what `--until STEP` demands, `None` where everything is demanded.
    `pins` are the valid ones by step and artifact; `regenerate` has the steps whose unusable pins are given up.
    `echo` says what each layer number stands for.
    """

    scope: frozenset[int] | None = EVERYTHING
    targets: frozenset[int] | None = None
    starts: frozenset[int] = frozenset()  # what runs because of `--from`
    excluded: frozenset[int] = frozenset()
    forced: frozenset[int] = frozenset()
    pins: Mapping[int, Mapping[str, Pinned]] = {}
    regenerate: Mapping[int, str] = {}
    overwrite: bool = False
    echo: Mapping[str, tuple[str, ...]] = {}
    warnings: tuple[tuple[str, str], ...] = ()
    faults: tuple[Fault, ...] = ()

    def in_scope(self, i: int) -> bool:
        """Whether the request reaches step `i`."""
        return self.scope is None or i in self.scope


def asked(field: Field, snapshot: Snapshot, request: Request) -> Asked:
    """What the request means for the plan's steps; with faults, nothing of it is to be done (planner 5)."""
    if request == PLAIN and not snapshot.pins:
        return Asked()
    return _Reading(field, snapshot, request).asked()


class _Reading:
    """Reads one request; keeps everything that is wrong with it."""

    def __init__(self, field: Field, snapshot: Snapshot, request: Request) -> None:
        self._field = field
        self._snapshot = snapshot
        self._request = request
        self._names = Names(field)
        self._ids = field.graph.ids
        self._main = len(field.plan.steps)
        self._last = max(field.layers[: self._main], default=-1)
        self._faults: list[Fault] = []
        self._warnings: list[tuple[str, str]] = []
        self._echo: dict[str, tuple[str, ...]] = {}

    def asked(self) -> Asked:
        request = self._request
        starts = self._starts()
        scope, targets = self._until()
        if request.only:
            allowed = frozenset(self._steps(request.only))
            scope = allowed if scope is None else scope & allowed
        excluded = frozenset(self._steps(request.exclude))
        if scope is not None:  # those run whatever happened
            scope |= frozenset(range(self._main, len(self._ids)))
        forced = self._things(request.force)
        self._check_reach(starts, scope, excluded, forced)
        held = pinned(self._field, self._snapshot, self._all_pins(), self._names)
        self._check_conflicts(forced, {i: frozenset(them) for i, them in held.named.items()})
        if request.invalid_pins == "fail":
            self._faults += held.invalid
        regenerate = {i: cause for i, cause in held.broken.items() if request.invalid_pins == "regenerate"}
        self._faults += held.faults
        for i, pins in sorted(held.named.items()):
            if scope is not None and i not in scope:
                names = ", ".join(sorted(pins))
                self._warnings.append(("W_PIN_OUT_OF_SCOPE", f"{self._ids[i]}: a pin on {names} is outside the scope"))
        return Asked(
            scope=scope,
            targets=targets,
            starts=starts if scope is None else starts & scope,
            excluded=excluded,
            forced=frozenset(it.step for it in forced),
            pins=held.valid,
            regenerate=regenerate,
            overwrite=request.overwrite,
            echo=self._echo,
            warnings=tuple(self._warnings),
            faults=tuple(self._faults),
        )

    def _all_pins(self) -> tuple[Pin, ...]:
        """The stored ones, then those of the request; of the same name, the request's holds."""
        pins = {pin.name: pin for pin in (*self._snapshot.pins, *self._request.pins)}
        return tuple([pins[name] for name in sorted(pins)])

    def _things(self, texts: Iterable[str]) -> list[Thing]:
        found = []
        for text in sorted(set(texts)):
            thing = self._names.thing(text)
            if isinstance(thing, Fault):
                self._faults.append(thing)
            else:
                found.append(thing)
        return found

    def _steps(self, texts: Iterable[str]) -> list[int]:
        return [thing.step for thing in self._things(texts)]

    def _starts(self) -> frozenset[int]:
        """What `--from` makes run: from a layer on, or a step with all its descendants (planner 33)."""
        starts: set[int] = set()
        for text in sorted(set(self._request.from_)):
            number = self._names.layer(text)
            if isinstance(number, Fault):
                self._faults.append(number)
            elif number is None:
                named = self._steps([text])
                starts.update(named, self._field.graph.downstream(named))
            elif number > self._last:
                self._faults.append(Fault("E_RANGE", text, f"the last layer of this plan is {self._last}"))
            else:
                self._say_layer(text, number)
                starts.update(i for i in range(self._main) if self._field.layers[i] >= number)
        return frozenset(i for i in starts if i < self._main)

    def _until(self) -> tuple[frozenset[int] | None, frozenset[int] | None]:
        """The scope that `--until` leaves, and what is demanded (planner 36)."""
        if not self._request.until:
            return EVERYTHING, None
        scope: set[int] = set()
        targets: set[int] = set()
        by_layer = False
        for text in sorted(set(self._request.until)):
            number = self._names.layer(text)
            if isinstance(number, Fault):
                self._faults.append(number)
            elif number is None:
                named = self._steps([text])
                targets.update(named)
                scope.update(named, self._field.graph.ancestors(named))
            else:
                if number > self._last:
                    self._warnings.append(("W_UNTIL_CLAMPED", f"{text}: the last layer of this plan is {self._last}"))
                self._say_layer(text, min(number, self._last))
                by_layer = True
                scope.update(i for i in range(self._main) if self._field.layers[i] <= number)
        return frozenset(scope), None if by_layer else frozenset(targets)

    def _say_layer(self, text: str, number: int) -> None:
        at = [i for i in range(self._main) if self._field.layers[i] == number]
        self._echo[text] = tuple(sorted(self._ids[i] for i in at))

    def _check_reach(
        self, starts: frozenset[int], scope: frozenset[int] | None, excluded: frozenset[int], forced: list[Thing]
    ) -> None:
        if scope is not None and starts and not starts & scope and not self._faults:
            both = f"--from {', '.join(self._request.from_)}"
            self._faults.append(Fault("E_RANGE", both, "nothing of it is inside the scope of --until and --only"))
        for thing in forced:
            name = self._ids[thing.step]
            if scope is not None and thing.step not in scope:
                said = "is forced, and outside the scope of --until and --only"
                self._faults.append(Fault("E_FORCE_OUT_OF_SCOPE", name, said))
            elif thing.step in excluded:
                self._faults.append(Fault("E_FORCE_OUT_OF_SCOPE", name, "is forced and excluded"))

    def _check_conflicts(self, forced: list[Thing], named: Mapping[int, frozenset[str]]) -> None:
        """A force and a pin on the same thing, by whatever names (planner 27)."""
        for thing in forced:
            held = named.get(thing.step, frozenset())
            made = frozenset(self._field.subjects[thing.step].makes)
            clash = thing.artifact in held if thing.artifact is not None else False
            if clash or (held and held >= made):
                what = self._names.spelled(thing)
                self._faults.append(Fault("E_PIN_FORCE_CONFLICT", what, "is both forced and pinned; take one out"))
