"""Webhooks: one test for each documented fact.

Sources: "Use webhooks to create external handlers", "Register a webhook",
"Understand the data context passed to a plug-in".
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from simulator_process import Session, Simulator, create, error

pytest_plugins = ["simulator_fixture"]
_SETTINGS = (
    '<settings><setting name="X-Key" value="s e" /><setting name="b" value="2" />'
    "</settings>"
)


@dataclass
class Call:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Receiver:
    """``statuses`` are answered one after the other, then 200."""

    url: str
    calls: queue.Queue[Call] = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)
    hold: threading.Event | None = None

    def call(self) -> Call:
        return self.calls.get(timeout=10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            own.calls.put(Call(self.path, headers, json.loads(body)))
            if own.hold:
                own.hold.wait(10)
            self.send_response(own.statuses.pop(0) if own.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    own = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield own
    server.shutdown()
    thread.join()
    server.server_close()


Register = Callable[..., str]


@pytest.fixture
def register(api: Session, receiver: Receiver) -> Register:
    """Registers a step for ``receiver`` as a client would; returns its id."""

    def do(
        message: str = "Create",
        table: str = "account",
        authtype: int = 4,
        authvalue: str = "key",
        url: str = receiver.url,
        **step: Any,
    ) -> str:
        endpoint = create(
            api,
            "serviceendpoints",
            name="Odoo",
            contract=8,
            authtype=authtype,
            authvalue=authvalue,
            url=url,
        )
        query = (
            f"sdkmessagefilters?$filter=sdkmessageid/name eq '{message}' and "
            f"primaryobjecttypecode eq '{table}'"
            "&$select=sdkmessagefilterid,_sdkmessageid_value"
        )
        (found,) = api.get(query).json()["value"]
        return create(
            api,
            "sdkmessageprocessingsteps",
            name="Step",
            mode=1,
            stage=40,
            asyncautodelete=True,
            sdkmessageid__bind=f"sdkmessages({found['_sdkmessageid_value']})",
            sdkmessagefilterid__bind=(
                f"sdkmessagefilters({found['sdkmessagefilterid']})"
            ),
            eventhandler_serviceendpoint__bind=f"serviceendpoints({endpoint})",
            **step,
        )

    return do


def _parameter(call: Call, name: str) -> Any:
    parameters = {item["key"]: item["value"] for item in call.body["InputParameters"]}
    return parameters[name]


def _attributes(entity: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in entity["Attributes"]}


def _delivery(simulator: Simulator) -> dict[str, Any]:
    """The only delivery, when it has ended."""
    for _ in range(1000):
        (delivery,) = simulator.control("GET", "webhooks")
        if delivery["statuscode"]:
            return delivery
    raise AssertionError(delivery)


def test_a_create_is_told(
    api: Session, receiver: Receiver, register: Register, simulator: Simulator
) -> None:
    """MessageName, Target with all set columns, the id in OutputParameters."""
    step = register("Create")
    row_id = create(api, "accounts", name="Acme", revenue=10.5, industrycode=1)
    body = receiver.call().body
    assert (body["MessageName"], body["PrimaryEntityName"]) == ("Create", "account")
    assert body["PrimaryEntityId"] == row_id
    assert body["OutputParameters"] == [{"key": "id", "value": row_id}]
    assert body["OwningExtension"]["Id"] == step
    assert body["OrganizationId"] == simulator.ready["organization_id"]
    assert (body["Stage"], body["Mode"], body["Depth"]) == (40, 1, 1)
    assert body["InitiatingUserId"] == api.get("WhoAmI").json()["UserId"]


def test_values_are_wrapped(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """Money, OptionSetValue, EntityReference and dates in milliseconds."""
    register("Create")
    create(api, "accounts", name="Acme", revenue=10.5, industrycode=1)
    target = _parameter(receiver.call(), "Target")
    contracts = "http://schemas.microsoft.com/xrm/2011/Contracts"
    assert target["__type"] == f"Entity:{contracts}"
    values = _attributes(target)
    assert values["name"] == "Acme"
    assert values["revenue"] == {"__type": f"Money:{contracts}", "Value": 10.5}
    assert values["industrycode"]["__type"] == f"OptionSetValue:{contracts}"
    assert values["ownerid"]["LogicalName"] == "systemuser"
    assert values["createdon"].startswith("/Date(")


def test_headers(
    api: Session, receiver: Receiver, register: Register, simulator: Simulator
) -> None:
    """x-ms-dynamics-organization, -entity-name, -request-name, correlation id."""
    register("Create")
    create(api, "accounts", name="Acme")
    call = receiver.call()
    host = urlsplit(simulator.ready["url"]).netloc
    assert call.headers["x-ms-dynamics-organization"] == host
    assert call.headers["x-ms-dynamics-entity-name"] == "account"
    assert call.headers["x-ms-dynamics-request-name"] == "Create"
    correlation = call.headers["x-ms-correlation-request-id"]
    assert correlation == call.body["CorrelationId"]
    assert "x-ms-dynamics-msg-size-exceeded" not in call.headers


def test_an_update_tells_what_changed(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """Update: the Target holds the changed columns; the name is in the image."""
    register("Update")
    row_id = create(api, "accounts", name="Acme", telephone1="1")
    api.patch(f"accounts({row_id})", json={"telephone1": "2"})
    call = receiver.call()
    values = _attributes(_parameter(call, "Target"))
    assert values["telephone1"] == "2" and "name" not in values
    (image,) = call.body["PostEntityImages"]
    assert image["key"] == "AsynchronousStepPrimaryName"
    assert _attributes(image["value"]) == {"name": "Acme", "accountid": row_id}


def test_filtering_attributes(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """ "Filtering attributes": only when one of the columns is written."""
    register("Update", filteringattributes="name,telephone1")
    row_id = create(api, "accounts", name="Acme")
    api.patch(f"accounts({row_id})", json={"address1_city": "Odense"})
    api.patch(f"accounts({row_id})", json={"telephone1": "2"})
    assert "telephone1" in _attributes(_parameter(receiver.call(), "Target"))
    assert receiver.calls.empty()


def test_a_delete_tells_a_reference(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """Delete: the Target is an EntityReference."""
    register("Delete")
    row_id = create(api, "accounts", name="Acme")
    api.delete(f"accounts({row_id})")
    target = _parameter(receiver.call(), "Target")
    assert target["__type"].startswith("EntityReference:")
    assert (target["Id"], target["LogicalName"]) == (row_id, "account")


def test_the_tag_is_a_shared_variable(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """ "Add a shared variable": ``?tag=``, to recognize one's own writes."""
    register("Create")
    api.post("accounts?tag=odoo-sync", json={"name": "Acme"})
    api.post("accounts", json={"name": "Acme"})
    shared = [receiver.call().body["SharedVariables"] for _ in range(2)]
    assert sorted(map(len, shared)) == [0, 1]
    assert [{"key": "tag", "value": "odoo-sync"}] in shared


def test_a_disabled_step_hears_nothing(
    api: Session, simulator: Simulator, register: Register
) -> None:
    """A step can be disabled."""
    step = register("Create")
    off = {"statecode": 1, "statuscode": 2}
    answer = api.patch(f"sdkmessageprocessingsteps({step})", json=off)
    assert answer.status_code == 204, answer.text
    create(api, "accounts", name="Acme")
    assert simulator.control("GET", "webhooks") == []


def test_what_is_rolled_back_is_not_told(
    api: Session, simulator: Simulator, register: Register
) -> None:
    """Post-operation: only what was committed."""
    register("Create")
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.account"}
    targets = [{**kind, "name": "A"}, {**kind, "name": "x" * 161}]
    path = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert api.post(path, json={"Targets": targets}).status_code == 400
    assert simulator.control("GET", "webhooks") == []


# -- authentication ----------------------------------------------------------------


def test_a_webhook_key_goes_into_the_address(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """WebhookKey: ``?code=``."""
    register(authtype=4, authvalue="s e&c")
    create(api, "accounts", name="Acme")
    assert parse_qs(urlsplit(receiver.call().path).query) == {"code": ["s e&c"]}


def test_http_headers(api: Session, receiver: Receiver, register: Register) -> None:
    """HttpHeader: one or more pairs, as headers."""
    register(authtype=5, authvalue=_SETTINGS)
    create(api, "accounts", name="Acme")
    call = receiver.call()
    assert (call.headers["x-key"], call.headers["b"]) == ("s e", "2")
    assert call.path == "/hook"


def test_http_query_strings(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """HttpQueryString: one or more pairs, in the address."""
    register(authtype=6, authvalue=_SETTINGS)
    create(api, "accounts", name="Acme")
    query = parse_qs(urlsplit(receiver.call().path).query)
    assert query == {"X-Key": ["s e"], "b": ["2"]}


# -- what can go wrong -------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "attempts", "statuscode"),
    [
        ([204], [204], 30),
        ([500], [500], 31),
        ([503], [503, 200], 30),
        ([502, 504], [502, 504], 31),
        ([301], [301], 31),
    ],
)
def test_one_more_attempt_and_no_third(
    api: Session,
    receiver: Receiver,
    register: Register,
    simulator: Simulator,
    statuses: list[int],
    attempts: list[int],
    statuscode: int,
) -> None:
    """Any 2xx is success; 502, 503 and 504 are tried once more; nothing else is."""
    register()
    receiver.statuses[:] = statuses
    create(api, "accounts", name="Acme")
    delivery = _delivery(simulator)
    assert (delivery["attempts"], delivery["statuscode"]) == (attempts, statuscode)


def test_what_failed_stays_as_a_system_job(
    api: Session, receiver: Receiver, register: Register, simulator: Simulator
) -> None:
    """What succeeded is deleted by itself (asyncautodelete), what failed is not."""
    step = register()
    receiver.statuses[:] = [200]
    create(api, "accounts", name="Heard")
    assert _delivery(simulator)["statuscode"] == 30
    assert api.get("asyncoperations").json()["value"] == []
    simulator.control("POST", "reset")
    step = register()
    receiver.statuses[:] = [401]
    create(api, "accounts", name="Refused")
    assert _delivery(simulator)["statuscode"] == 31
    (job,) = api.get("asyncoperations").json()["value"]
    assert (job["statecode"], job["statuscode"]) == (3, 31)
    assert (job["operationtype"], job["_owningextensionid_value"]) == (1, step)
    assert "401" in job["message"]


def test_a_slow_receiver_is_given_up(
    api: Session, receiver: Receiver, register: Register, simulator: Simulator
) -> None:
    """60 seconds; shortened here, so that the test does not last as long."""
    register()
    simulator.control("PUT", "webhooks", {"timeout_seconds": 0.02})
    receiver.hold = threading.Event()
    create(api, "accounts", name="Acme")
    delivery = _delivery(simulator)
    receiver.hold.set()
    assert delivery["statuscode"] == 31
    assert "imeout" in delivery["attempts"][0]


def test_a_large_context_loses_its_parts(
    api: Session, receiver: Receiver, register: Register
) -> None:
    """Above 256 KB: parameters, images and parent are dropped, a header says so."""
    register("Create", table="annotation")
    create(api, "annotations", subject="A", notetext="x" * 90_000)
    small = receiver.call()
    assert small.body["InputParameters"] and small.body["ParentContext"]
    assert "x-ms-dynamics-msg-size-exceeded" not in small.headers
    row_id = create(api, "annotations", subject="B", notetext="€" * 90_000)
    large = receiver.call()
    assert large.headers["x-ms-dynamics-msg-size-exceeded"] == "true"
    assert large.body["PrimaryEntityId"] == row_id
    assert not large.body["InputParameters"] and not large.body["PostEntityImages"]
    assert large.body["ParentContext"] is None


def test_receivers_elsewhere_are_not_called(
    api: Session, register: Register, simulator: Simulator
) -> None:
    """Of this simulator: nothing leaves the machine."""
    register(url="https://example.invalid/hook")
    create(api, "accounts", name="Acme")
    delivery = _delivery(simulator)
    assert delivery["statuscode"] == 31
    assert "this machine" in delivery["attempts"][0]


@pytest.mark.parametrize("column", ["contract", "authtype"])
def test_other_kinds_of_endpoints_are_refused(api: Session, column: str) -> None:
    """Contract 8, authentication 4, 5 and 6 only."""
    body = {"name": "Odoo", "contract": 8, "authtype": 4, "url": "http://127.0.0.1/"}
    answer = api.post("serviceendpoints", json={**body, column: 7})
    assert error(answer) == (400, "0x8004431A")
