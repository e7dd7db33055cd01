"""Fixtures of the engine's tests."""

import pytest

from tests.unit.engine.keeper_rig import rigs

make_rig = pytest.fixture(rigs)
