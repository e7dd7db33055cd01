"""What only the whole plan shows: cycles, unknown names, products in each other's way, and what is unwise."""

from collections.abc import Collection

from holdfast.plan.checks.control import check_control
from holdfast.plan.checks.effects import check_effects
from holdfast.plan.checks.files import check_files
from holdfast.plan.checks.values import check_values
from holdfast.plan.draft import Draft
from holdfast.plan.problems import Fault


def check(made: Draft, runners: Collection[str]) -> list[Fault]:
    """All faults of the whole, errors and warnings; `runners` are the names that `uses` may give."""
    return [*check_control(made), *check_files(made), *check_effects(made), *check_values(made, runners)]
