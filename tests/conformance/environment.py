"""The environment that is tested: where it is, who signs in, what was written there.

An independent witness: nothing but `requests` and `msal`, and of the simulator no more
than its command line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msal
import pytest
import requests
from urllib3.util import Retry

REPOSITORY = Path(__file__).resolve().parents[2]
AUTHORITY = "https://login.microsoftonline.com"
# The column that carries the mark of a row, for each table the tests write to.
NAMES = {
    "accounts": "name",
    "appointments": "subject",
    "contacts": "lastname",
    "emails": "subject",
    "invoices": "name",
    "leads": "lastname",
    "opportunities": "name",
    "opportunitycloses": "subject",
    "ordercloses": "subject",
    "phonecalls": "subject",
    "products": "name",
    "quotecloses": "subject",
    "quotes": "name",
    "salesorders": "name",
    "tasks": "subject",
    "uomschedules": "name",
}


class Api(requests.Session):
    """A session of one user; addresses without a host start below `base_url`.

    Numbers in answers are read as they are; `text` shows how they were written. A
    request that is told to slow down (429) is sent again when the server says.
    """

    def __init__(self, base_url: str, ca: str | None, token: str | None = None) -> None:
        super().__init__()
        self.base_url = base_url
        if ca:  # otherwise what the machine trusts, and its proxies
            self.trust_env = False
            self.verify = ca
        patience = Retry(5, status_forcelist=[429], allowed_methods=None, read=0)
        self.mount("https://", requests.adapters.HTTPAdapter(max_retries=patience))
        self.headers.update(
            {
                "Accept": "application/json",
                "OData-Version": "4.0",
                "OData-MaxVersion": "4.0",
            }
        )
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """As of requests; `prefer` and `if_match`, `if_none_match` are headers."""
        headers = dict(options.pop("headers", {}))
        for name in ("prefer", "if_match", "if_none_match"):
            if value := options.pop(name, None):
                headers[name.replace("_", "-")] = value
        if not url.startswith("http"):
            url = f"{self.base_url}/{url}"
        return super().request(method, url, headers=headers, timeout=120, **options)

    def rows(self, url: str, **options: Any) -> list[dict[str, Any]]:
        """The rows of a query's first page; the query must succeed."""
        return self.retrieve(url, **options)["value"]

    def retrieve(self, url: str, **options: Any) -> dict[str, Any]:
        """The JSON of a GET that must succeed."""
        answer = self.get(url, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Environment:
    """One Dataverse environment and an application user's way in.

    `local`: it is the simulator, started for this run; everything can be tested there.
    """

    def __init__(
        self,
        url: str,
        tenant: str,
        client_id: str,
        client_secret: str,
        authority: str | None = None,
        ca: str | None = None,
        local: bool = False,
    ) -> None:
        self.url = url.rstrip("/")
        self.api_url = f"{self.url}/api/data/v9.2"
        self.tenant = tenant
        self.client_id = client_id
        self.client_secret = client_secret
        self.authority = authority or f"{AUTHORITY}/{tenant}"
        self.ca = ca
        self.local = local
        # Rows the server would not delete: (entity set, id) -> its reason.
        self.left_behind: dict[tuple[str, str], str] = {}

    @property
    def scope(self) -> str:
        return f"{self.url}/.default"

    def application(self, secret: str | None = None) -> msal.ClientApplication:
        """Microsoft's client library, as this application or with another secret."""
        return msal.ConfidentialClientApplication(
            self.client_id,
            authority=self.authority,
            client_credential=secret or self.client_secret,
            instance_discovery=False if self.ca else None,
            http_client=self.anonymous(),
        )

    def anonymous(self, base_url: str | None = None) -> Api:
        """A session that shows no token."""
        return Api(base_url or self.api_url, self.ca)

    def sign_in(self) -> Api:
        """A session of the application user."""
        answer = self.application().acquire_token_for_client([self.scope])
        assert "access_token" in answer, answer
        return Api(self.api_url, self.ca, answer["access_token"])

    def lacks(self, what: str) -> None:
        """End the test: this environment cannot show the fact. The simulator can."""
        end = pytest.fail if self.local else pytest.skip
        end(f"this environment lacks {what}")


class Rows:
    """The rows a test writes: all carry its mark in their name, none outlives it."""

    def __init__(self, environment: Environment, api: Api, mark: str) -> None:
        self.environment = environment
        self.api = api
        self.mark = mark
        self._written: list[tuple[str, str]] = []

    def name(self, name: str = "A") -> str:
        """`name` with the mark before it."""
        return f"{self.mark} {name}"

    def body(
        self, entity_set: str, body: dict[str, Any] | None = None, name: str = "A"
    ) -> dict[str, Any]:
        """`body` with a marked name."""
        return {NAMES[entity_set]: self.name(name), **(body or {})}

    def add(
        self, entity_set: str, body: dict[str, Any] | None = None, name: str = "A"
    ) -> str:
        """Create a row called `name`; returns its id."""
        answer = self.api.post(entity_set, json=self.body(entity_set, body, name))
        assert answer.status_code == 204, answer.text
        return self.adopt(answer)

    def adopt(self, answer: requests.Response) -> str:
        """See to it that the row an answer names is deleted; returns its id."""
        entity_set, row_id = split_address(answer.headers["OData-EntityId"])
        return self.own(entity_set, row_id)

    def own(self, entity_set: str, row_id: str) -> str:
        """See to it that a row is deleted; returns its id."""
        self._written.append((entity_set, row_id))
        return row_id

    def find(self, entity_set: str, options: str = "", **request: Any) -> list[dict]:
        """The rows with this test's mark; `options` are further query options."""
        column = NAMES[entity_set]
        query = f"{entity_set}?$filter=startswith({column},'{self.mark}'){options}"
        return self.api.rows(query, **request)

    def clean(self) -> None:
        """Delete what was written, the last first."""
        while self._written:
            entity_set, row_id = self._written.pop()
            answer = self.api.delete(f"{entity_set}({row_id})")
            if answer.status_code not in (204, 404):
                self.environment.left_behind[entity_set, row_id] = answer.text


def split_address(address: str) -> tuple[str, str]:
    """`(entity set, id)` of an address that ends in `accounts(<id>)`."""
    entity_set, _, row_id = address.rpartition("/")[2].rstrip(")").partition("(")
    return entity_set, row_id


def error(answer: requests.Response) -> tuple[int, str]:
    """`(status, Dataverse code)` of an error answer."""
    return answer.status_code, answer.json()["error"]["code"]


def bind(navigation: str, entity_set: str, row_id: str) -> dict[str, str]:
    """The part of a body that points a lookup to a row."""
    return {f"{navigation}@odata.bind": f"/{entity_set}({row_id})"}


@contextmanager
def simulator() -> Iterator[Environment]:
    """The simulator, started with its published command line for as long as needed."""
    command = (sys.executable, "-m", "simulator", "--empty", "--exit-with-parent")
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        if not line:
            pytest.exit("the simulator did not start; see its message above", 1)
        ready = json.loads(line)
        names = ("url", "tenant", "client_id", "client_secret", "authority", "ca")
        yield Environment(*(ready[name] for name in names), local=True)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
