"""The simulator as a test sees it: a process, an address, sessions that are signed in.

The fixtures in ``simulator_fixture`` share one process; ``start`` gives another.
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
import requests

REPOSITORY = Path(__file__).resolve().parents[2]


class Session(requests.Session):
    """Speaks to one address, trusts the simulator's CA and nothing of the machine."""

    def __init__(self, base_url: str, ca: str, token: str | None = None) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = ca
        self._base_url = base_url
        self.headers.update({"Accept": "application/json", "OData-Version": "4.0"})
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        absolute = url if url.startswith("http") else f"{self._base_url}/{url}"
        return super().request(method, absolute, *args, **kwargs)


class Simulator:
    """A running simulator; ``ready`` is the line it printed."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process = process
        self.ready = ready
        self.api_url = f"{ready['url']}/api/data/v9.2"
        self._control = Session(ready["control"], ready["ca"])
        self._sessions: list[Session] = []
        self._tokens: dict[str, str] = {}

    def token(self, application: dict[str, str] | None = None) -> str:
        """A bearer token of the integration user, or of ``salesperson``."""
        application = application or self.ready
        client_id = application["client_id"]
        if client_id not in self._tokens:
            client = self.msal(client_id, application["client_secret"])
            answer = client.acquire_token_for_client([self.ready["url"] + "/.default"])
            self._tokens[client_id] = answer["access_token"]
        return self._tokens[client_id]

    def msal(
        self, client_id: str, credential: Any
    ) -> msal.ConfidentialClientApplication:
        """The Microsoft client library, pointed at this simulator."""
        return msal.ConfidentialClientApplication(
            client_id,
            authority=self.ready["authority"],
            client_credential=credential,
            instance_discovery=False,
            http_client=self.open(self.ready["url"]),
        )

    def session(self, application: dict[str, str] | None = None) -> Session:
        """A signed-in session whose addresses start below ``/api/data/v9.2``."""
        return self.open(self.api_url, self.token(application))

    def open(self, base_url: str, token: str | None = None) -> Session:
        """A session of any kind, closed with the test."""
        session = Session(base_url, self.ready["ca"], token)
        self._sessions.append(session)
        return session

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the control API; returns its JSON, None for no content."""
        answer = self._control.request(method, path, json=body)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def reset(self, **sample: int) -> None:
        """As at its start; ``accounts``, ``contacts``, ``seed`` ask for other rows."""
        self.control("POST", "reset", sample)

    def close(self) -> None:
        """Close the sessions handed out; the process goes on."""
        self._tokens.clear()
        while self._sessions:
            self._sessions.pop().close()


@contextmanager
def start(*arguments: str) -> Iterator[Simulator]:
    """A simulator of your own, ended when the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--exit-with-parent", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line, "the simulator did not start; see its message above"
        running = Simulator(process, json.loads(line))
        yield running
        running.close()
        running._control.close()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def create(session: Session, entity_set: str, **body: Any) -> str:
    """Add a row; returns its id. Lookups: ``primarycontactid__bind="contacts(…)"``."""
    body = {name.replace("__", "@odata."): value for name, value in body.items()}
    answer = session.post(entity_set, json=body)
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"].rsplit("(", 1)[1].rstrip(")")


def error(answer: requests.Response) -> tuple[int, str]:
    """``(status, Dataverse code)`` of an error answer."""
    return answer.status_code, answer.json()["error"]["code"]
