"""Commands and outputs shown in the documents are what happens; `transcript.py` says how a page writes them."""

from pathlib import Path

import pytest

from tests.e2e.transcript import Command, differences, parse, run

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): parse(path.read_text(encoding="utf-8"))
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
}
SHOWING = sorted(name for name, page in PAGES.items() if any(isinstance(item, Command) for item in page))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", SHOWING)
def test_what_a_page_shows_is_what_happens(page: str, tmp_path: Path) -> None:
    assert "\n".join(differences(run(PAGES[page], tmp_path))) == ""
