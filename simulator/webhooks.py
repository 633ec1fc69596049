"""Webhooks: steps registered for a service endpoint hear of committed writes.

Source: "Register a webhook", "Use webhooks", "Test webhook registration": a
``serviceendpoint`` of contract 8 and a ``sdkmessageprocessingstep`` (asynchronous,
post-operation). 60 seconds for an answer, any 2xx is success, one more attempt on 502,
503 and 504, nothing after that; no order is promised. Only receivers on this machine
are called. What failed stays as a row of ``asyncoperation``, a system job; what
succeeded is not kept, as with ``asyncautodelete``.
"""

from __future__ import annotations

import http.client
import queue
import ssl
import threading
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit
from xml.etree import ElementTree

from . import execution_context
from .execution_context import Event, Origin
from .initial_rows import BUSINESS_UNIT, SYSTEM_USER
from .organization import Organization

TIMEOUT_SECONDS = 60
SUCCEEDED, FAILED = 30, 31  # statuscode of an asyncoperation
_TRY_AGAIN = (502, 503, 504)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WEBHOOK_KEY, _HTTP_HEADER, _HTTP_QUERY = 4, 5, 6
_SYSTEM_EVENT, _COMPLETED = 1, 3  # operationtype, statecode of an asyncoperation
_WORKERS = 4
_KEPT = 10_000


@dataclass
class Delivery:
    """One event for one endpoint; ``attempts`` are statuses, or why there is none."""

    step: str
    url: str
    message: str
    table: str
    row_id: str
    attempts: list[int | str] = field(default_factory=list)
    statuscode: int | None = None


@dataclass(frozen=True)
class _Parcel:
    delivery: Delivery
    url: str
    headers: dict[str, str]
    body: bytes


class Webhooks:
    """``deliveries`` lists what was sent, or is about to be."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization
        self.timeout = float(TIMEOUT_SECONDS)
        self.deliveries: deque[Delivery] = deque(maxlen=_KEPT)
        self._heard = organization.store.version
        self._tags: list[tuple[int, int, str]] = []
        self._known_steps: tuple[tuple[int, ...], list[dict[str, Any]]] | None = None
        self._parcels: queue.SimpleQueue[_Parcel] = queue.SimpleQueue()
        self._workers: list[threading.Thread] = []
        self._failed: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._trust = ssl.create_default_context(
            cafile=str(organization.identity.ca_file)
        )

    def tag(self, after: int, until: int, text: str) -> None:
        """The writes of these versions were made by a request with ``?tag=``."""
        self._tags.append((after, until, text))

    def tell(self, host: str) -> None:
        """Send what was committed since the last call; ``host`` of the organization."""
        store = self.organization.store
        heard, self._heard = self._heard, store.version
        if heard == store.version:
            return
        tags, self._tags = self._tags, []
        steps = self._steps()
        for event in self._events(heard, tags) if steps else ():
            for step in steps:
                if _wants(step, event):
                    self._send(step, event, host)

    def settle(self) -> None:
        """Keep the calls that have failed since as system jobs."""
        while not self._failed.empty():
            failed = self._failed.get()
            # What was told before a reset is of no step that there is now.
            if failed in self.deliveries:
                self._keep(failed)

    def _keep(self, failed: Delivery) -> None:
        store = self.organization.store
        now = self.organization.clock.text()
        row = {
            "asyncoperationid": str(uuid.uuid4()),
            "name": f"{failed.message} of {failed.table}",
            "operationtype": _SYSTEM_EVENT,
            "owningextensionid": failed.step,
            "statecode": _COMPLETED,
            "statuscode": FAILED,
            "message": f"The webhook call failed: {failed.attempts[-1]}",
            "createdon": now,
            "completedon": now,
        }
        with store.transaction():
            table = self.organization.schema.tables["asyncoperation"]
            store.insert(table, row, SYSTEM_USER, now)

    def reset(self) -> None:
        self.deliveries.clear()
        self.timeout = float(TIMEOUT_SECONDS)
        self._heard = self.organization.store.version

    def listing(self) -> list[dict[str, Any]]:
        return [asdict(delivery) for delivery in self.deliveries]

    # -- what happened, and who wants to hear of it ----------------------------------

    def _steps(self) -> list[dict[str, Any]]:
        """Those in force; read again when one may have changed."""
        stamp = self.organization.store.stamp(
            "sdkmessageprocessingstep", "serviceendpoint"
        )
        if self._known_steps is None or self._known_steps[0] != stamp:
            self._known_steps = stamp, self._read_steps()
        return self._known_steps[1]

    def _read_steps(self) -> list[dict[str, Any]]:
        found = self.organization.store.execute(
            "SELECT s.sdkmessageprocessingstepid, m.name, f.primaryobjecttypecode, "
            "s.filteringattributes, e.url, e.authtype, e.authvalue "
            "FROM sdkmessageprocessingstep s "
            "JOIN sdkmessage m ON m.sdkmessageid = s.sdkmessageid "
            "JOIN serviceendpoint e ON e.serviceendpointid = s.eventhandler "
            "LEFT JOIN sdkmessagefilter f "
            "ON f.sdkmessagefilterid = s.sdkmessagefilterid "
            "WHERE s.statecode = 0"
        )
        names = ("id", "message", "table", "columns", "url", "authtype", "authvalue")
        return [dict(zip(names, row, strict=True)) for row in found]

    def _events(self, heard: int, tags: list[tuple[int, int, str]]) -> Iterable[Event]:
        store, schema = self.organization.store, self.organization.schema
        for version, entry in store.journal_after(heard):
            table = schema.tables[entry["table"]]
            if table.name == "asyncoperation":
                continue
            yield Event(
                table=table,
                row_id=entry["row_id"],
                message=entry["operation"],
                at=entry["at"],
                by=entry["by"],
                changes=entry["changes"] or {},
                row=store.row(table, entry["row_id"]),
                tag=next((t for low, high, t in tags if low < version <= high), None),
            )

    def _send(self, step: dict[str, Any], event: Event, host: str) -> None:
        organization = self.organization
        correlation = str(uuid.uuid4())
        origin = Origin(organization.id, organization.name, BUSINESS_UNIT, step["id"])
        body, dropped = execution_context.body(
            organization.schema, event, origin, correlation
        )
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "x-ms-dynamics-organization": host,
            "x-ms-dynamics-entity-name": event.table.name,
            "x-ms-dynamics-request-name": event.message,
            "x-ms-correlation-request-id": correlation,
        }
        if dropped:
            headers["x-ms-dynamics-msg-size-exceeded"] = "true"
        url = step["url"]
        if step["authtype"] == _HTTP_HEADER:
            headers.update(_settings(step["authvalue"]))
        delivery = Delivery(
            step["id"], url, event.message, event.table.name, event.row_id
        )
        if step["authtype"] == _WEBHOOK_KEY:
            url = _with_query(url, {"code": step["authvalue"] or ""})
        elif step["authtype"] == _HTTP_QUERY:
            url = _with_query(url, _settings(step["authvalue"]))
        self.deliveries.append(delivery)
        self._start_workers()
        self._parcels.put(_Parcel(delivery, url, headers, body))

    # -- delivering, away from the server's thread -----------------------------------

    def _start_workers(self) -> None:
        while len(self._workers) < _WORKERS:
            worker = threading.Thread(target=self._work, daemon=True)
            self._workers.append(worker)
            worker.start()

    def _work(self) -> None:
        while True:
            parcel = self._parcels.get()
            delivery = parcel.delivery
            for _ in range(2):
                answer = self._post(parcel)
                delivery.attempts.append(answer)
                if answer not in _TRY_AGAIN:
                    break
            fine = isinstance(answer, int) and 200 <= answer < 300
            delivery.statuscode = SUCCEEDED if fine else FAILED
            if not fine:
                self._failed.put(delivery)

    def _post(self, parcel: _Parcel) -> int | str:
        """The status of the answer, or the reason why there is none."""
        try:
            address = urlsplit(parcel.url)
            if address.hostname not in _LOOPBACK:
                return "only receivers on this machine are called"
            connection = self._connection(address)
            try:
                target = f"{address.path or '/'}?{address.query}".rstrip("?")
                connection.request("POST", target, parcel.body, parcel.headers)
                return connection.getresponse().status
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"

    def _connection(self, address: SplitResult) -> http.client.HTTPConnection:
        host = address.hostname or ""
        if address.scheme == "https":
            return http.client.HTTPSConnection(
                host, address.port, timeout=self.timeout, context=self._trust
            )
        return http.client.HTTPConnection(host, address.port, timeout=self.timeout)


def _wants(step: dict[str, Any], event: Event) -> bool:
    if step["message"] != event.message or step["table"] not in (
        None,
        event.table.name,
    ):
        return False
    if event.message != "Update" or not step["columns"]:
        return True
    wanted = {name.strip() for name in step["columns"].split(",")}
    return not wanted.isdisjoint(event.changes)


def _settings(text: str | None) -> dict[str, str]:
    """``<settings><setting name="a" value="b" /></settings>`` as a dictionary."""
    try:
        root = ElementTree.fromstring(text or "<settings />")
    except ElementTree.ParseError:
        return {}
    return {
        setting.get("name", ""): setting.get("value", "")
        for setting in root.iter("setting")
    }


def _with_query(url: str, pairs: dict[str, str]) -> str:
    mark = "&" if urlsplit(url).query else "?"
    return f"{url}{mark}{urlencode(pairs, quote_via=quote)}"
