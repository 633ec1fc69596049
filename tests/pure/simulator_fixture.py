"""Fixtures: a simulator for all tests of a session, new for each of them.

A test module says ``pytest_plugins = ["simulator_fixture"]``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simulator_process import Session, Simulator, start


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[Simulator]:
    with start("--empty", "--http-port", "0") as running:
        yield running


@pytest.fixture
def simulator(running_simulator: Simulator) -> Iterator[Simulator]:
    """Empty but for users and currencies, whatever the test before did."""
    running_simulator.reset()
    yield running_simulator
    running_simulator.close()


@pytest.fixture
def api(simulator: Simulator) -> Session:
    """A session of the integration user."""
    return simulator.session()
