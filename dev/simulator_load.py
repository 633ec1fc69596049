"""How fast the simulator is, and how much memory it takes.

Rates are for one second of the server's own processor time, which is what one core can
do; a second on the clock says more about what else the machine is doing.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from . import environment, process, say, server

SINGLES = 2_000
BULK = 1_000
_TICKS = os.sysconf("SC_CLK_TCK")
_KIND = "Microsoft.Dynamics.CRM.account"
_COLUMNS = "name,accountnumber,telephone1,address1_city,revenue"


class Client:
    """One kept-open connection, signed in; it reads the server's processor time."""

    def __init__(self, ready: dict[str, Any], pid: int) -> None:
        self.pid = pid
        self._prefix = "/api/data/v9.2/"
        host = ready["url"].removeprefix("https://")
        trust = ssl.create_default_context(cafile=ready["ca"])
        self._connection = http.client.HTTPSConnection(host, context=trust)
        form = {
            "grant_type": "client_credentials",
            "client_id": ready["client_id"],
            "client_secret": ready["client_secret"],
            "scope": f"{ready['url']}/.default",
        }
        self._connection.request(
            "POST",
            f"/{ready['tenant']}/oauth2/v2.0/token",
            urlencode(form),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        token = json.loads(self._connection.getresponse().read())["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """The content of the answer. Raises RuntimeError if it is an error."""
        content = body if body is None or isinstance(body, str) else json.dumps(body)
        address = path if path.startswith("/") else self._prefix + path
        self._connection.request(method, address, content, {**self._headers, **headers})
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return text

    def pages(self, path: str, **headers: str) -> Iterator[dict[str, Any]]:
        """Each page of a collection, to the last."""
        while path:
            page = json.loads(self.send("GET", path, **headers))
            yield page
            _, _, path = page.get("@odata.nextLink", "").partition("localhost")
            path = path[path.find("/") :] if path else ""

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(li for li in status.splitlines() if li.startswith("VmRSS"))
        return int(line.split()[1]) // 1024


def run(rows: int = 20_000, data: str | None = None) -> None:
    """Measure with so many rows, kept in the folder ``data`` or in memory."""
    environment.prepare_python()
    with _simulator(data) as client:
        _singles(client)
        _bulk(client, rows)
        _reading(client, rows)
        _deleting(client)
    if data:
        with _simulator(data) as client:
            count = _count(client)
            say.line(f"after a restart: {count:,} rows, {client.megabytes()} MB")


@contextmanager
def _simulator(data: str | None) -> Iterator[Client]:
    started, ready = server.start_simulator(data=data, empty=True)
    try:
        yield Client(ready, started.pid)
    finally:
        process.stop(started)


def _count(client: Client) -> int:
    answer = client.send("GET", "RetrieveTotalRecordCount(EntityNames=['account'])")
    return json.loads(answer)["EntityRecordCountCollection"]["Values"][0]


def _singles(client: Client) -> None:
    ids = [str(uuid.UUID(int=number)) for number in range(1, SINGLES + 1)]
    _rate(
        client,
        "POST",
        SINGLES,
        lambda: [
            client.send("POST", "accounts", {"accountid": row_id, **_row(number)})
            for number, row_id in enumerate(ids)
        ],
    )
    _rate(
        client,
        "GET",
        SINGLES,
        lambda: [
            client.send("GET", f"accounts({row_id})?$select={_COLUMNS}")
            for row_id in ids
        ],
    )
    _rate(
        client,
        "PATCH",
        SINGLES,
        lambda: [
            client.send("PATCH", f"accounts({row_id})", {"telephone1": "1"})
            for row_id in ids
        ],
    )


def _bulk(client: Client, rows: int) -> None:
    ids: list[str] = []

    def create() -> None:
        for start in range(0, rows, BULK):
            targets = [
                {"@odata.type": _KIND, **_row(number)}
                for number in range(start, start + BULK)
            ]
            answer = client.send(
                "POST", f"accounts/{_message('Create')}", {"Targets": targets}
            )
            ids.extend(json.loads(answer)["Ids"])

    def update() -> None:
        for start in range(0, min(rows, 100_000), BULK):
            targets = [
                {"@odata.type": _KIND, "accountid": row_id, "telephone1": "2"}
                for row_id in ids[start : start + BULK]
            ]
            client.send("POST", f"accounts/{_message('Update')}", {"Targets": targets})

    _rate(client, "CreateMultiple, rows", rows, create)
    _rate(client, "UpdateMultiple, rows", min(rows, 100_000), update)


def _reading(client: Client, rows: int) -> None:
    total = rows + SINGLES
    path = f"accounts?$select={_COLUMNS}"
    _rate(
        client,
        "paged reading, rows",
        total,
        lambda: [len(page["value"]) for page in client.pages(path)],
    )
    last: list[str] = []

    def track() -> None:
        tracked = {"Prefer": "odata.track-changes"}
        for page in client.pages(path, **tracked):
            last[:] = [page.get("@odata.deltaLink", "")]

    _rate(client, "first tracked reading, rows", total, track)
    changed = 10 * BULK
    found = json.loads(client.send("GET", f"accounts?$select=accountid&$top={BULK}"))
    ids = [row["accountid"] for row in found["value"]]
    for number in range(changed // BULK):
        targets = [
            {"@odata.type": _KIND, "accountid": row_id, "fax": str(number)}
            for row_id in ids
        ]
        client.send("POST", f"accounts/{_message('Update')}", {"Targets": targets})
    delta = last[0].partition("localhost")[2]
    delta = delta[delta.find("/") :]
    _rate(
        client,
        "following a delta link, rows",
        BULK,
        lambda: [len(page["value"]) for page in client.pages(delta)],
    )


def _deleting(client: Client) -> None:
    path = f"accounts?$select=accountid&$top={BULK}"
    found = json.loads(client.send("GET", path))["value"]
    parts = "".join(
        "--b\r\nContent-Type: application/http\r\n\r\n"
        f"DELETE accounts({row['accountid']}) HTTP/1.1\r\n\r\n\r\n"
        for row in found
    )

    def delete() -> None:
        kind = "multipart/mixed; boundary=b"
        client.send("POST", "$batch", f"{parts}--b--\r\n", **{"Content-Type": kind})

    _rate(client, "DELETE in $batch, rows", len(found), delete)


def _rate(client: Client, what: str, count: int, work: Callable[[], Any]) -> None:
    before = client.processor_seconds()
    work()
    spent = max(client.processor_seconds() - before, 1 / _TICKS)
    rate = count / spent
    say.line(
        f"{what:32} {count:9,} in {spent:7.2f} s of the server's processor: "
        f"{rate:9,.0f}/s, {client.megabytes()} MB"
    )


def _row(number: int) -> dict[str, Any]:
    return {
        "name": f"Company {number}",
        "accountnumber": f"A{number}",
        "telephone1": "+45 12 34 56 78",
        "address1_city": "Aarhus",
        "revenue": number % 1000,
    }


def _message(name: str) -> str:
    return f"Microsoft.Dynamics.CRM.{name}Multiple"
