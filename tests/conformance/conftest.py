"""Where the facts are tested, and that nothing of it remains.

Without `--url` the simulator is started. Each option can be given as an environment
variable as well: `DATAVERSE_URL`, `DATAVERSE_CLIENT_SECRET`...
"""

from __future__ import annotations

import itertools
import os
import re
import uuid
from collections.abc import Iterator

import pytest
from environment import NAMES, Api, Environment, Rows, simulator
from sources import PAGES

OPTIONS = {
    "url": "the environment, https://<org>.crm4.dynamics.com; none: the simulator",
    "tenant": "the id of its tenant",
    "client-id": "the application (client) id of an application user",
    "client-secret": "its secret",
    "authority": "sign-in address with the tenant, if it is not Microsoft's",
    "ca": "a file of certificates to trust instead of the machine's",
}
_SOURCE = re.compile(r"\n\s*(?:Learn: (?P<page>\S+)|(?:Recorded|Measured): .+)\s*$")
_environment = pytest.StashKey[Environment]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("environment")
    for name, meaning in OPTIONS.items():
        variable = f"DATAVERSE_{name.upper().replace('-', '_')}"
        group.addoption(f"--{name}", default=os.environ.get(variable), help=meaning)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every fact names its source in the last line of its docstring."""
    for item in items:
        source = _SOURCE.search(item.function.__doc__ or "")
        if not source or (page := source["page"]) and page not in PAGES:
            raise pytest.UsageError(f"{item.nodeid} does not name its source")


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config) -> Iterator[Environment]:
    given = {name: pytestconfig.getoption(f"--{name}") for name in OPTIONS}
    if given["url"]:
        missing = [name for name in list(OPTIONS)[:4] if not given[name]]
        if missing:
            raise pytest.UsageError(f"--url needs --{', --'.join(missing)} as well")
        values = {name.replace("-", "_"): value for name, value in given.items()}
        pytestconfig.stash[_environment] = Environment(**values)
        yield pytestconfig.stash[_environment]
        return
    with simulator() as started:
        yield started


@pytest.fixture(scope="session")
def api(environment: Environment) -> Iterator[Api]:
    """A session of the application user."""
    with environment.sign_in() as session:
        yield session


@pytest.fixture(scope="session")
def prefix(environment: Environment, api: Api) -> Iterator[str]:
    """What the marks of this run begin with; at the end no row has it."""
    text = f"cf{uuid.uuid4().hex[:6]}"
    yield text
    left = {
        (entity_set, row[key])
        for entity_set, name in NAMES.items()
        for row in api.rows(f"{entity_set}?$filter=startswith({name},'{text}')")
        if (key := _primary_key(entity_set)) and row[key]
    }
    forgotten = left - environment.left_behind.keys()
    assert not forgotten, f"rows of this run are left: {sorted(forgotten)}"
    if environment.local:
        assert not environment.left_behind, environment.left_behind


def _primary_key(entity_set: str) -> str:
    activities = ("appointments", "emails", "phonecalls", "tasks")
    if entity_set in activities or entity_set.endswith("closes"):
        return "activityid"
    return {"opportunities": "opportunityid"}.get(entity_set, f"{entity_set[:-1]}id")


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def rows(
    environment: Environment, api: Api, prefix: str, numbers: Iterator[int]
) -> Iterator[Rows]:
    """The test's own rows."""
    mine = Rows(environment, api, f"{prefix}-{next(numbers):03}")
    yield mine
    mine.clean()


@pytest.fixture(scope="module")
def shared(
    environment: Environment, api: Api, prefix: str, numbers: Iterator[int]
) -> Iterator[Rows]:
    """Rows of all tests of a module, which only read them."""
    ours = Rows(environment, api, f"{prefix}-{next(numbers):03}")
    yield ours
    ours.clean()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell the owner of the environment what could not be deleted."""
    tested = config.stash.get(_environment, None)
    for (entity_set, row_id), reason in tested.left_behind.items() if tested else ():
        terminalreporter.write_line(f"left: {entity_set}({row_id}): {reason}")
