from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.ports import Journal
from tests.conformance.journal.backends import BACKENDS, Backend


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    backend = BACKENDS[request.param](tmp_path)
    yield backend
    backend.close()


@pytest.fixture
def journal(store: Backend) -> Journal:
    return store.open()
