"""Questions to the person at the terminal, asked there and then; leaving one leaves it open."""

from typing import TYPE_CHECKING, Final

from holdfast.surfaces.cli import PROGRAM
from holdfast.surfaces.cli.moments import local
from holdfast.surfaces.cli.outcome import worded
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.text import compact, one_line

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.app.documents import Asked

WORDS: Final = {
    "approve": "it did what it promised",
    "reject": "it did not: the step fails",
    "happened": "the effect happened: the step succeeded",
    "not-happened": "it did not happen: the step may be tried again",
    "recheck": "look again",
    "skip": "skip the step and what depends on it",
}
OF_GOAL: Final = {"approve": "it is met", "reject": "it is not: the run ends as partial"}
LOOP_WORDS: Final = {
    "approve": "the loop goes round once more",
    "reject": "the loop is left: the end of the step counts as if it did not lead back",
}
APPROVABLE: Final = frozenset({"review", "loop"})
"""What is answered with `approve` and `reject`."""
TRIES: Final = 3


def answered(screen: Screen, app: "Holdfast", run: str) -> bool:
    """Ask what the run waits for; whether anything was answered."""
    with app.reading() as reading:
        requests = [one for one in reading.inbox().requests if one.run == run]
    answers = [_answer(screen, app, one) for one in requests]
    return any(answers)


def _words_of(one: "Asked") -> dict[str, str]:
    """What answers mean where it is not about what a step did."""
    if one.kind == "loop":
        return LOOP_WORDS
    return {} if one.step else OF_GOAL


def described(one: "Asked") -> list[str]:
    """A request in lines: the question, and what is needed to answer it."""
    lines = [one_line(one.question), f"  run {one.run}, since {local(one.since)}"]
    for name, value in one.shows.items() if one.kind != "budget" else ():  # the question says all
        if name == "criteria":  # they are in the question
            continue
        said = " ".join(map(str, value)) if isinstance(value, list) else compact(value)
        lines.append(f"  {name.replace('_', ' ')}: {one_line(said)}")
    return lines


def to_answer(one: "Asked") -> list[str]:
    """The commands that answer a request."""
    if one.kind in APPROVABLE:
        return [f"{PROGRAM} {word} {one.id}" for word in one.options]
    if one.kind == "budget":
        step = one.shows["step"]
        whose = "" if step is None else f" --step {worded(str(step))}"
        return [f"{PROGRAM} budget {one.run} {one.shows['key']} +AMOUNT{whose} --reason TEXT"]
    if one.kind == "escalation":
        return [f"{PROGRAM} show {one.run}"]
    return [f"{PROGRAM} resolve {one.run} {one.step} {'|'.join(one.options)}"]


def _answer(screen: Screen, app: "Holdfast", one: "Asked") -> bool:
    from msgspec import convert

    from holdfast.app import Answer
    from holdfast.run.events import Resolution, Verdict

    screen.complain("\n".join(["", *described(one)]))
    if not one.options:
        screen.complain("\n".join(f"  {line}" for line in to_answer(one)))
        return False
    for word, meaning in (WORDS | _words_of(one)).items():
        if word in one.options:
            screen.complain(f"  {word:<13} {meaning}")
    for _ in range(TRIES):
        screen.draw("answer (nothing leaves it open): ")
        choice = _line().strip()
        if not choice:
            return False
        meant = [word for word in one.options if word.startswith(choice)]
        if len(meant) == 1:
            if one.kind in APPROVABLE:
                app.answer(one.id, convert(meant[0], Verdict))
            else:
                app.resolve(one.run, one.step or "", Answer(convert(meant[0], Resolution)))
            return True
        screen.complain(f"one of {', '.join(one.options)}")
    return False


def _line() -> str:
    try:
        return input()
    except (EOFError, KeyboardInterrupt):
        return ""
