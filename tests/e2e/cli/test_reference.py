"""The reference page names every verb, every option and every exit code."""

import re
from pathlib import Path

import click
import pytest

from holdfast.errors import HoldfastError
from holdfast.surfaces.cli.commands import cli
from holdfast.surfaces.cli.group import LATER, LATER_FLAGS, VERBS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
DESIGN = (ROOT / "docs/design/cli.md").read_text(encoding="utf-8")


def command(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found.commands["verify"] if isinstance(found, click.Group) else found


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_names_every_verb_and_its_options(verb: str) -> None:
    assert re.search(rf"`{verb}\b", PAGE)
    options = [name for one in command(verb).params if isinstance(one, click.Option) for name in one.opts]
    missing = [name for name in options if name not in {"--json", "--help"} and not re.search(rf"`{name}\b", PAGE)]
    assert missing == []


def test_the_page_names_the_options_before_the_command() -> None:
    assert [name for one in cli.params for name in one.opts if f"`{name}" not in PAGE] == []


def test_the_page_names_every_exit_code_that_errors_have() -> None:
    kinds: list[type[HoldfastError]] = [HoldfastError, *HoldfastError.__subclasses__()]
    codes = {kind.exit_code for kind in kinds}
    assert [code for code in codes if f"| {code} |" not in PAGE] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_that_prints_gives_json(verb: str) -> None:
    options = {name for one in command(verb).params for name in one.opts}
    assert "--json" in options or verb == "completion"


def test_every_verb_of_the_design_is_here_or_known_as_later() -> None:
    table = DESIGN[DESIGN.index("| command |") : DESIGN.index("Flags of `plan`")]
    words = set(
        re.findall(r"`([a-z]+)\b[^`]*`", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    )
    assert words - set(VERBS) - LATER - {"happened"} == set()
    assert LATER.isdisjoint(VERBS)


def test_every_flag_of_the_design_is_here_or_known_as_later() -> None:
    line = DESIGN[DESIGN.index("Flags of `plan`") : DESIGN.index("RUN is an id")]
    flags = set(re.findall(r"`(--[a-z-]+)", line))
    here = {name for verb in ("plan", "run") for one in command(verb).params for name in one.opts}
    assert flags - here - LATER_FLAGS == set()
