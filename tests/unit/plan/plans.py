"""Plans for tests: text in, problems or a plan out."""

from textwrap import dedent

from holdfast.plan.model import Plan, Step
from holdfast.plan.parse import Parsed, parse_plan
from holdfast.plan.problems import Problem


def parsed(text: str, name: str = "plan.yaml") -> Parsed:
    """The text read and checked; its indentation does not matter."""
    return parse_plan(dedent(text).lstrip("\n").encode(), name)


def problems(text: str, name: str = "plan.yaml") -> list[Problem]:
    """All problems of a plan."""
    return list(parsed(text, name).problems)


def codes(text: str, name: str = "plan.yaml") -> list[str]:
    """The codes of all problems, in the order of the file."""
    return [problem.code for problem in problems(text, name)]


def one(text: str, name: str = "plan.yaml") -> Problem:
    """The only problem of a plan."""
    (problem,) = problems(text, name)
    return problem


def plan(text: str) -> Plan:
    """A plan without errors."""
    made = parsed(text)
    assert made.plan is not None, made.problems
    return made.plan


def step(text: str) -> Step:
    """The only step of a plan whose step `a` is this text."""
    return plan(in_step(text)).steps[0]


def in_step(text: str) -> str:
    """A plan whose step `a` is this text."""
    lines = "".join(f"    {line}\n" for line in dedent(text).strip("\n").splitlines())
    return f"plan: p\nsteps:\n  a:\n{lines}"
