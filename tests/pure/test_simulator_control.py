"""The simulator's frame: headers, privileges, faults, plug-ins, log, restarts."""

from __future__ import annotations

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from simulator_process import Simulator, create, error, start

from simulator.server import listen

pytest_plugins = ["simulator_fixture"]


def faults(simulator: Simulator, *rules: dict) -> None:
    simulator.control("PUT", "faults", list(rules))


# -- headers -----------------------------------------------------------------------


def test_response_headers(api):
    """Captured from a live organization in 2024."""
    first, second = api.get("WhoAmI"), api.get("WhoAmI")
    headers = first.headers
    assert headers["OData-Version"] == "4.0"
    assert headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert headers["x-ms-service-request-id"] == headers["REQ_ID"]
    assert headers["REQ_ID"] != second.headers["REQ_ID"]
    assert headers["x-ms-dop-hint"] == "4"
    assert headers["x-ms-ratelimit-time-remaining-xrm-requests"] == "1,200.00"
    left = "x-ms-ratelimit-burst-remaining-xrm-requests"
    assert int(second.headers[left]) == int(headers[left]) - 1
    assert headers["Set-Cookie"].startswith("ARRAffinity=")
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("version", ["v9.0", "v9.1", "v9.2"])
def test_api_versions(simulator, api, version):
    """9.0, 9.1 and 9.2 are all alive; others are not."""
    root = simulator.ready["url"]
    answer = api.get(f"{root}/api/data/{version}/WhoAmI")
    assert f"/api/data/{version}/$metadata" in answer.json()["@odata.context"]
    assert api.get(f"{root}/api/data/v8.2/WhoAmI").status_code == 404


# -- privileges --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "attempt"),
    [
        ("Create", lambda api, a: api.post("accounts", json={"name": "B"})),
        ("Read", lambda api, a: api.get(a)),
        ("Read", lambda api, a: api.get("accounts")),
        ("Read", lambda api, a: api.get("accounts/$count")),
        ("Write", lambda api, a: api.patch(a, json={"name": "B"})),
        ("Delete", lambda api, a: api.delete(a)),
    ],
)
def test_a_missing_privilege(simulator, api, access, attempt):
    """PrivilegeDenied 0x80040220, naming privilege and table."""
    address = f"accounts({create(api, 'accounts', name='A')})"
    assert attempt(api, address).ok
    path = f"users/{simulator.ready['client_id']}"
    simulator.control("PUT", path, {"privileges": {"account": {access: "None"}}})
    answer = attempt(api, address)
    assert error(answer) == (403, "0x80040220")
    message = answer.json()["error"]["message"]
    assert f"is missing prv{access}Account privilege" in message
    assert "OTC=1 for entity 'account'" in message


def test_user_level_rights_end_at_ones_own_rows(simulator, api):
    """Depth User: others' rows are not listed, and refused with 0x80048306."""
    mine = create(api, "accounts", name="mine")
    people = simulator.session(simulator.ready["salesperson"])
    theirs = create(people, "accounts", name="theirs")
    rights = {"account": {"Read": "User", "Write": "User"}}
    path = f"users/{simulator.ready['client_id']}"
    simulator.control("PUT", path, {"privileges": rights})
    listed = api.get("accounts?$select=name&$count=true").json()
    assert listed["@odata.count"] == 1
    assert listed["value"][0]["accountid"] == mine
    assert error(api.get(f"accounts({theirs})")) == (403, "0x80048306")
    write = api.patch(f"accounts({theirs})", json={"name": "x"})
    assert error(write) == (403, "0x80048306")
    assert api.patch(f"accounts({mine})", json={"name": "x"}).status_code == 204


# -- faults ------------------------------------------------------------------------


def test_an_answer_on_request(simulator, api):
    """Service protection: 429 with Retry-After; only the nth match, count times."""
    throttle = {"status": 429, "code": "0x80072322", "retry_after": 7}
    rule = {
        "method": "GET",
        "path": "^accounts",
        "nth": 2,
        "count": 2,
        "then": throttle,
    }
    faults(simulator, rule)
    answers = [api.get("accounts") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert error(answers[1]) == (429, "0x80072322")
    assert api.get("contacts").status_code == 200


def test_a_connection_cut_before_the_work(simulator, api):
    """Nothing is stored, nothing is answered."""
    faults(simulator, {"method": "POST", "then": {"drop": "before"}})
    with pytest.raises(requests.ConnectionError):
        api.post("accounts", json={"name": "A"})
    assert api.get("accounts/$count").content.endswith(b"0")


def test_a_connection_cut_after_the_work(simulator, api):
    """Stored, but the client cannot know."""
    faults(simulator, {"method": "POST", "then": {"drop": "after"}})
    with pytest.raises(requests.ConnectionError):
        api.post("accounts", json={"name": "A"})
    assert api.get("accounts/$count").content.endswith(b"1")


def test_a_truncated_answer(simulator, api):
    """The headers promise more than comes."""
    faults(simulator, {"then": {"truncate": True}})
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.get("accounts")
    assert api.get("accounts").status_code == 200


def test_a_delay(simulator, api):
    """delay_ms before the work."""
    faults(simulator, {"then": {"delay_ms": 30}})
    started = time.perf_counter()
    api.get("WhoAmI")
    assert time.perf_counter() - started >= 0.03


def test_a_late_request_ends_with_the_organization_it_was_for(simulator, api):
    """A reset while a request is delayed: nothing of it appears in the new world."""
    faults(simulator, {"method": "POST", "then": {"delay_ms": 300}})
    with ThreadPoolExecutor() as pool:
        late = pool.submit(api.post, "accounts", json={"name": "Late"})
        time.sleep(0.1)
        simulator.control("POST", "reset")
        with pytest.raises(requests.ConnectionError):
            late.result()
    assert "Late" not in api.get("accounts?$select=name").text


def test_a_fault_by_body_and_inside_a_batch(simulator, api):
    """A poisoned row fails wherever it is sent."""
    then = {"status": 503, "code": "0x80044151"}
    rule = {"body": "poison", "count": None, "then": then}
    faults(simulator, rule, {**rule, "in_batch": True, "body": "poison2"})
    assert error(api.post("accounts", json={"name": "poison"})) == (503, "0x80044151")
    assert api.post("accounts", json={"name": "good"}).status_code == 204
    part = (
        "--b\r\nContent-Type: application/http\r\n\r\nPOST accounts HTTP/1.1\r\n\r\n"
        '{"name":"poison2"}\r\n'
    )
    faults(simulator, {**rule, "in_batch": True})
    answer = api.post(
        "$batch",
        data=part + "--b--\r\n",
        headers={"Content-Type": "multipart/mixed; boundary=b"},
    )
    assert answer.status_code == 503 and "0x80044151" in answer.text


def test_faults_can_be_read_and_cleared(simulator, api):
    """GET and PUT of the same list."""
    rule = {"then": {"status": 500}, "count": None}
    faults(simulator, rule)
    assert simulator.control("GET", "faults") == [rule]
    faults(simulator)
    assert api.get("WhoAmI").status_code == 200


# -- plug-ins ----------------------------------------------------------------------


def test_a_plug_in_rejects(simulator, api):
    """IsvAborted 0x80040265 with the text for the user."""
    rule = {"table": "account", "column": "name", "pattern": "bad", "reject": "No!"}
    simulator.control("PUT", "plug-ins", [rule])
    answer = api.post("accounts", json={"name": "a bad name"})
    assert error(answer) == (400, "0x80040265")
    assert answer.json()["error"]["message"] == "No!"
    assert api.post("accounts", json={"name": "fine"}).status_code == 204


def test_a_plug_in_rewrites(simulator, api):
    """The stored value is not the one that was sent."""
    rule = {
        "table": "account",
        "column": "telephone1",
        "pattern": r"^00(\d+)$",
        "replace": r"+\1",
        "messages": ["Update"],
    }
    simulator.control("PUT", "plug-ins", [rule])
    address = f"accounts({create(api, 'accounts', telephone1='0045')})"
    assert api.get(address).json()["telephone1"] == "0045"
    api.patch(address, json={"telephone1": "0046"})
    assert api.get(address).json()["telephone1"] == "+46"


# -- what can be asked -------------------------------------------------------------


def test_the_request_log(simulator, api):
    """Method, path, status, client, and how many requests a batch held."""
    simulator.control("DELETE", "requests")
    api.get("accounts?$top=1")
    part = (
        "--b\r\nContent-Type: application/http\r\n\r\nGET WhoAmI HTTP/1.1\r\n\r\n\r\n"
    )
    kind = {"Content-Type": "multipart/mixed; boundary=b"}
    api.post("$batch", data=part * 3 + "--b--\r\n", headers=kind)
    simulator.open(simulator.api_url).get("WhoAmI")
    query, batch, stranger = simulator.control("GET", "requests")
    assert (query["method"], query["path"]) == ("GET", "accounts?$top=1")
    assert (query["status"], query["batch"]) == (200, 0)
    assert query["client"] == simulator.ready["client_id"]
    assert (batch["path"], batch["batch"]) == ("$batch", 3)
    assert (stranger["status"], stranger["client"]) == (401, None)


def test_the_history_of_a_row(simulator, api):
    """Every write with version, operation, user and changes."""
    row_id = create(api, "accounts", name="A")
    api.patch(f"accounts({row_id})", json={"name": "B"})
    api.delete(f"accounts({row_id})")
    history = simulator.control("GET", f"history/account/{row_id}")
    assert [entry["operation"] for entry in history] == ["Create", "Update", "Delete"]
    assert history[1]["changes"]["name"] == "B"
    assert history[0]["by"] == api.get("WhoAmI").json()["UserId"]
    versions = [entry["version"] for entry in history]
    assert versions == sorted(set(versions))


def test_reset(simulator, api):
    """Rows, rights, faults, clock and log as at the start; old deltas are void."""
    create(api, "accounts", name="A")
    link = api.get(
        "accounts?$select=name", headers={"Prefer": "odata.track-changes"}
    ).json()["@odata.deltaLink"]
    simulator.control("POST", "clock", {"advance_seconds": 1000})
    faults(simulator, {"then": {"status": 500}, "count": None})
    simulator.reset(accounts=3, contacts=5)
    assert api.get("accounts/$count").content.endswith(b"3")
    assert api.get("contacts/$count").content.endswith(b"5")
    assert simulator.control("GET", "clock")["offset_seconds"] == 0
    assert error(api.get(link)) == (400, "0x80044352")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "tables/nosuch", {}, 404),
        ("GET", "history/nosuch/1", None, 404),
        ("PUT", "users/nobody", {"enabled": True}, 404),
        ("PUT", "users/x", {"privileges": {"account": {"Read": "Some"}}}, 400),
        ("PUT", "faults", [{"then": {"explode": True}}], 400),
        ("PUT", "plug-ins", [{"table": "account", "column": "n", "pattern": "("}], 400),
        ("POST", "reset", {"planets": 1}, 400),
    ],
)
def test_what_the_control_api_refuses(simulator, method, path, body, status):
    """A mistake in a test is said, not swallowed."""
    session = simulator.open(simulator.ready["control"])
    answer = session.request(method, path, json=body)
    assert answer.status_code == status and answer.json()["error"]


# -- the process -------------------------------------------------------------------


def test_data_and_identity_survive_a_restart(tmp_path):
    """--data keeps rows, keys and certificates; no second set of sample data."""
    arguments = ("--data", str(tmp_path), "--accounts", "5", "--contacts", "9")
    with start(*arguments) as first:
        api = first.session()
        create(api, "accounts", name="mine")
        link = api.get(
            "accounts?$select=name", headers={"Prefer": "odata.track-changes"}
        ).json()["@odata.deltaLink"]
        query = link.partition("?")[2]
    with start(*arguments) as second:
        for name in ("tenant", "client_id", "client_secret", "organization_id", "ca"):
            assert second.ready[name] == first.ready[name]
        again = second.session()
        assert again.get("accounts/$count").content.endswith(b"6")
        assert again.get("contacts/$count").content.endswith(b"9")
        assert again.get(f"accounts?{query}").json()["value"] == []
        create(again, "accounts", name="new")
        (change,) = again.get(f"accounts?{query}").json()["value"]
        assert change["name"] == "new"


def test_small_answers_are_sent_at_once():
    """Measured: 44 ms a request with Nagle's algorithm and delayed ACKs."""
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_it_ends_cleanly_on_sigterm():
    """Exit status 0; nothing left behind."""
    with start("--empty") as running:
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0


def test_it_ends_with_its_parent():
    """--exit-with-parent: stdin closed is enough."""
    with start("--empty") as running:
        running.process.stdin.close()
        assert running.process.wait(10) == 0
