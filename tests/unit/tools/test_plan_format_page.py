"""The reference page of the plan format is what the table says."""

from holdfast.plan.format.steps import STEP
from holdfast.plan.format.table import PLAN
from tools.plan_format_page import PAGE, main, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tools/plan_format_page.py"
    assert main(["--check"]) == 0


def test_the_page_has_every_key() -> None:
    text = page()
    assert [key for record in (PLAN, STEP) for key in record.fields if f"`{key}`" not in text] == []


def test_the_meaning_of_every_key_is_said() -> None:
    assert [key for record in (PLAN, STEP) for key, field in record.fields.items() if not field.meaning] == []
