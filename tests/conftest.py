"""What every test gets: one Hypothesis profile, a clean environment, and who is measured."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("house")

# The settings of the person who runs the tests are not the tests' business.
for name in [*os.environ]:
    if name.startswith("HOLDFAST_") or name in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}:
        del os.environ[name]

MEASURING = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
UNMEASURED_SUITES = {"crash"}  # a child killed by SIGKILL leaves no data, and each of thousands would wait for coverage


@pytest.fixture(scope="module", autouse=True)
def measured(request: pytest.FixtureRequest) -> Iterator[None]:
    """Children of the crash suite run without coverage."""
    suite = Path(str(request.node.path)).relative_to(Path(__file__).parent).parts[0]
    with pytest.MonkeyPatch.context() as patch:
        if suite in UNMEASURED_SUITES:
            for name in MEASURING:
                patch.delenv(name, raising=False)
        yield
