"""Write docs/reference/plan-format.md from the table of the plan format: `python tools/plan_format_page.py`."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from holdfast.plan.checks.codes import ERRORS, WARNINGS
from holdfast.plan.checks.references import SCOPES
from holdfast.plan.format.containers import FREE, OneOf, Record
from holdfast.plan.format.kinds import Kind
from holdfast.plan.format.runners import RUNNERS
from holdfast.plan.format.steps import DEFAULTS, MAX_STEPS, STEP
from holdfast.plan.format.table import PLAN
from holdfast.plan.source.document import MAX_DEPTH, MAX_EXPANDED, MAX_JSON_BYTES, MAX_YAML_BYTES

PAGE = Path(__file__).parent.parent / "docs/reference/plan-format.md"

MIB = 2**20

INTRODUCTION = f"""# The plan file

This page is made from the table that validates plans (`tools/plan_format_page.py`). What the keys mean together is in
[the design of the format](../design/plan-format.md); expressions have [a page of their own](expressions.md).

A plan is YAML 1.2 or JSON of the same shape. In YAML, `NO`, `on`, `12:30` and dates are text, `010` is 10, and keys
are always text. Unknown keys are errors, except those that begin with `{FREE}`. Refused are duplicate keys, merge keys
(`<<`), tags other than those of plain data, more than one document, nesting deeper than {MAX_DEPTH}, more than
{MAX_STEPS:,} steps, files over {MAX_YAML_BYTES // MIB} MiB (JSON: {MAX_JSON_BYTES // MIB} MiB), and aliases that expand
beyond {MAX_EXPANDED // MIB} MiB.

`holdfast check` reports all problems of a file at once, each with line, column, a code and a hint; `holdfast schema`
prints the JSON Schema for editors.

† may stand in `defaults`, for every step. **Bold** keys are required.
"""


def page() -> str:
    """The text of the page."""
    parts = [INTRODUCTION, "## Plan keys\n", table(PLAN), "## Step keys\n"]
    parts += ["Exactly one of `run`, `command` and `uses`.\n", table(STEP)]
    parts += ["## Maps inside\n", *nested({"": PLAN, "step": STEP})]
    parts += ["## Parameters of the runners (`with`)\n"]
    for name, record in RUNNERS.items():
        parts += [f"### `{name}`\n", *rules(record), table(record) if record.fields else "None.\n"]
    parts += ["## Names in expressions\n", names()]
    parts += [
        "## Codes of problems\n",
        "Errors:\n",
        codes(ERRORS),
        "Warnings, which leave a plan valid:\n",
        codes(WARNINGS),
    ]
    return "\n".join(parts)


def table(record: Record) -> str:
    """A record's keys."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in record.fields.items():
        name = f"**`{key}`**" if field.required else f"`{key}`"
        dagger = " †" if field.shared else ""
        rows.append(f"| {name}{dagger} | {cell(field.kind.label)} | {cell(field.default)} | {cell(field.meaning)} |")
    return "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|")


def rules(record: Record) -> list[str]:
    """What a record's keys must obey together."""
    said = []
    for rule in record.rules:
        if isinstance(rule, OneOf):
            number = "At most" if rule.may_lack else "Exactly"
            said.append(f"{number} one of {', '.join(f'`{key}`' for key in rule.keys)}.\n")
    return said


def nested(roots: Mapping[str, Record]) -> Iterator[str]:
    """A table for every map with keys of its own, by the key it stands at."""
    seen: set[int] = {id(record) for record in (*roots.values(), *RUNNERS.values(), DEFAULTS)}
    waiting = [(name, record) for name, record in roots.items()]
    for path, record in waiting:
        for key, field in record.fields.items():
            for found in inside(field.kind):
                if id(found) not in seen and len(found.fields) > 1:
                    seen.add(id(found))
                    place = f"{path}.{key}" if path else key
                    waiting.append((place, found))
                    yield f"### `{place}`\n"
                    yield from rules(found)
                    yield table(found)


def inside(kind: Kind) -> Iterator[Record]:
    """The records a kind is made of, down to the first on each way."""
    for part in (kind,) if isinstance(kind, Record) else kind.parts():
        if isinstance(part, Record):
            yield part
        else:
            yield from inside(part)


PLACES = {
    "plan": "`outputs`, `goal.done_when`",
    "step": "`when`, `skip_if`, `requires`, `for_each`, texts of a step",
    "after": "`expect`, `detect`, `metrics`, `evidence`",
    "undo": "`reconcile`, `rollback`",
    "environment": "`env` of the plan",
    "defaults": "`defaults`",
}


def names() -> str:
    """The first names an expression may use, by place."""
    rows = ["| in | names |", "|---|---|"]
    rows += [
        f"| {where} | {' '.join(f'`{name}`' for name in sorted(SCOPES[scope]))} |" for scope, where in PLACES.items()
    ]
    return "\n".join(rows) + "\n"


def codes(meanings: Mapping[str, str]) -> str:
    """Codes with their meaning."""
    return (
        "\n".join(["| code | meaning |", "|---|---|", *(f"| `{code}` | {cell(it)} |" for code, it in meanings.items())])
        + "\n"
    )


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` say whether it is up to date."""
    if arguments == ["--check"]:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
