"""What a server, or the way to it, can do to a client; see simulator/faults.py."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from simulator_process import Session, Simulator, create, error

from simulator.nemesis import CATALOGUE

pytest_plugins = ["simulator_fixture"]


def _rule(simulator: Simulator, path: str = "", nth: int = 1, **then: Any) -> None:
    rule = {"path": path, "nth": nth, "count": None, "then": then}
    simulator.control("PUT", "faults", [rule])


def _batch(api: Session, names: list[str]) -> requests.Response:
    parts = "".join(
        "--b\r\nContent-Type: application/http\r\n\r\nPOST accounts HTTP/1.1\r\n"
        f'Prefer: return=representation\r\n\r\n{{"name":"{name}"}}\r\n'
        for name in names
    )
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    return api.post("$batch", data=parts + "--b--\r\n", headers=headers)


def _names(answer: requests.Response) -> list[str]:
    return re.findall(r'"name":"(\w+)"', answer.text)


@pytest.mark.parametrize("wait", [0, 5, 86400, "soon"])
def test_retry_after_in_any_form(
    simulator: Simulator, api: Session, wait: int | str
) -> None:
    _rule(simulator, status=429, code="0x80072322", retry_after=wait)
    answer = api.get("WhoAmI")
    assert error(answer) == (429, "0x80072322")
    assert answer.headers["Retry-After"] == str(wait)


def test_retry_after_as_a_date(simulator: Simulator, api: Session) -> None:
    _rule(simulator, status=503, retry_after_date=30)
    answer = api.get("WhoAmI")
    moment = parsedate_to_datetime(answer.headers["Retry-After"])
    sent = parsedate_to_datetime(answer.headers["Date"])
    assert 28 <= (moment - sent).total_seconds() <= 31


def test_a_page_of_html_instead_of_json(simulator: Simulator, api: Session) -> None:
    _rule(simulator, status=200, content="<html>Sign in</html>")
    answer = api.get("accounts")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text == "<html>Sign in</html>"


def test_an_empty_answer(simulator: Simulator, api: Session) -> None:
    _rule(simulator, status=200, content="")
    answer = api.get("accounts")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_redirect_elsewhere(simulator: Simulator, api: Session) -> None:
    elsewhere = "https://elsewhere.invalid/"
    _rule(simulator, status=307, content="", headers={"Location": elsewhere})
    answer = api.get("accounts", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, elsewhere)


def test_compression_that_is_none(simulator: Simulator, api: Session) -> None:
    headers = {"Content-Encoding": "gzip"}
    _rule(simulator, status=200, content="no gzip", headers=headers)
    with pytest.raises(requests.exceptions.ContentDecodingError):
        api.get("accounts")


def test_a_reset_before_and_after_the_commit(
    simulator: Simulator, api: Session
) -> None:
    for drop, rows in (("before", 0), ("after", 1)):
        rule = {"method": "POST", "path": "accounts", "then": {"drop": drop}}
        simulator.control("PUT", "faults", [rule])
        with pytest.raises(requests.exceptions.ConnectionError):
            api.post("accounts", json={"name": "A"})
        assert len(api.get("accounts").json()["value"]) == rows


@pytest.mark.parametrize(
    ("how", "expected"),
    [("reversed", "CBA"), ("missing", "BC"), ("doubled", "AABC")],
)
def test_parts_of_a_batch_go_astray(
    simulator: Simulator, api: Session, how: str, expected: str
) -> None:
    _rule(simulator, r"^\$batch", parts=how)
    assert _names(_batch(api, ["A", "B", "C"])) == list(expected)
    simulator.control("PUT", "faults", [])
    assert len(api.get("accounts").json()["value"]) == 3


def test_a_truncated_batch(simulator: Simulator, api: Session) -> None:
    _rule(simulator, r"^\$batch", truncate=True)
    with pytest.raises(requests.exceptions.RequestException):
        _batch(api, ["A", "B"])
    simulator.control("PUT", "faults", [])
    assert len(api.get("accounts").json()["value"]) == 2


def test_etags_are_absent(simulator: Simulator, api: Session) -> None:
    address = f"accounts({create(api, 'accounts', name='A')})"
    _rule(simulator, etag="absent")
    answer = api.get(address)
    assert "ETag" not in answer.headers and "@odata.etag" not in answer.json()
    assert "@odata.etag" not in api.get("accounts?$select=name").json()["value"][0]


def test_etags_change_at_each_reading(simulator: Simulator, api: Session) -> None:
    address = f"accounts({create(api, 'accounts', name='A')})"
    _rule(simulator, etag="flaky")
    found = {api.get(address).json()["@odata.etag"] for _ in range(3)}
    assert len(found) == 3


def _page(api: Session, link: str) -> dict[str, Any]:
    return api.get(link, headers={"Prefer": "odata.maxpagesize=3"}).json()


@pytest.fixture
def six_rows(api: Session) -> None:
    for number in range(6):
        create(api, "accounts", name=str(number))


@pytest.mark.usefixtures("six_rows")
def test_a_next_link_leads_elsewhere(simulator: Simulator, api: Session) -> None:
    _rule(simulator, next_link="https://elsewhere.invalid/accounts")
    link = _page(api, "accounts?$select=name")["@odata.nextLink"]
    assert link == "https://elsewhere.invalid/accounts"


@pytest.mark.usefixtures("six_rows")
def test_a_next_link_leads_back(simulator: Simulator, api: Session) -> None:
    _rule(simulator, next_link="loop")
    first = _page(api, "accounts?$select=name")
    assert _page(api, first["@odata.nextLink"]) == first


@pytest.mark.usefixtures("six_rows")
def test_pages_overlap(simulator: Simulator, api: Session) -> None:
    _rule(simulator, overlap=1)
    first = _page(api, "accounts")
    second = _page(api, first["@odata.nextLink"])
    assert second["value"][0] == first["value"][-1]


def test_a_delta_token_of_the_future(simulator: Simulator, api: Session) -> None:
    _rule(simulator, delta_token="future")
    headers = {"Prefer": "odata.track-changes"}
    answer = api.get("accounts?$select=name", headers=headers).json()
    simulator.control("PUT", "faults", [])
    version = int(re.search(r"deltatoken=(\d+)", answer["@odata.deltaLink"])[1])
    row_id = create(api, "accounts", name="A")
    history = simulator.control("GET", f"history/account/{row_id}")
    assert version > history[0]["version"]


def test_chance_repeats_itself(simulator: Simulator, api: Session) -> None:
    def history(seed: int) -> list[int]:
        rule = {"count": None, "probability": 0.5, "seed": seed}
        rule["then"] = {"status": 503}
        simulator.control("PUT", "faults", [rule])
        return [api.get("WhoAmI").status_code for _ in range(20)]

    first = history(7)
    assert set(first) == {200, 503}
    assert history(7) == first
    assert history(8) != first


def test_the_organization_is_restored_from_a_backup(
    simulator: Simulator, api: Session
) -> None:
    kept = create(api, "accounts", name="A")
    simulator.control("POST", "snapshot")
    etag = api.get(f"accounts({kept})").json()["@odata.etag"]
    lost = create(api, "accounts", name="B")
    api.patch(f"accounts({kept})", json={"name": "C"})
    simulator.control("POST", "restore")
    row = api.get(f"accounts({kept})").json()
    assert (row["name"], row["@odata.etag"]) == ("A", etag)
    assert api.get(f"accounts({lost})").status_code == 404
    # Versions are given out a second time, as by a real server after a restore.
    assert create(api, "accounts", name="D")


def test_another_organization_answers(simulator: Simulator, api: Session) -> None:
    other = "00000000-0000-0000-0000-00000000000a"
    simulator.control("PUT", "organization", {"id": other})
    assert api.get("WhoAmI").json()["OrganizationId"] == other
    simulator.reset()
    own = simulator.ready["organization_id"]
    assert api.get("WhoAmI").json()["OrganizationId"] == own


@pytest.mark.parametrize(
    "then", [{"parts": "lost"}, {"etag": "x"}, {"drop": "never"}, {"delta_token": "x"}]
)
def test_unknown_faults_are_refused(simulator: Simulator, then: dict[str, str]) -> None:
    session = simulator.open(simulator.ready["control"])
    assert session.put("faults", json=[{"then": then}]).status_code == 400


def test_a_batch_ends_in_the_middle(simulator: Simulator, api: Session) -> None:
    """Its Content-Length is right; only the closing boundary is missing."""
    _rule(simulator, r"^\$batch", parts="truncated")
    answer = _batch(api, ["A", "B"])
    boundary = answer.headers["Content-Type"].partition("boundary=")[2]
    assert not answer.content.rstrip().endswith(f"--{boundary}--".encode())
    assert answer.content.startswith(f"--{boundary}".encode())


def test_compression_that_is_damaged(simulator: Simulator, api: Session) -> None:
    create(api, "accounts", name="A")
    _rule(simulator, "^accounts", gzip="good")
    assert api.get("accounts").json()["value"]
    _rule(simulator, "^accounts", gzip="corrupt")
    with pytest.raises(requests.exceptions.RequestException):
        api.get("accounts")


def test_an_answer_drips(simulator: Simulator, api: Session) -> None:
    create(api, "accounts", name="A")
    _rule(simulator, "^accounts", drip_ms=5)
    answer = api.get("accounts")
    assert answer.json()["value"]
    assert answer.elapsed.total_seconds() < 5


def test_a_row_comes_twice(simulator: Simulator, api: Session) -> None:
    create(api, "accounts", name="A")
    _rule(simulator, "^accounts", rows="doubled")
    assert len(api.get("accounts").json()["value"]) == 2


def test_tombstones_of_rows_that_nobody_knows(
    simulator: Simulator, api: Session
) -> None:
    tracked = {"Prefer": "odata.track-changes"}
    first = api.get("accounts?$select=name", headers=tracked).json()
    _rule(simulator, "deltatoken", tombstones=2)
    rows = api.get(first["@odata.deltaLink"]).json()["value"]
    assert [row["reason"] for row in rows] == ["deleted"] * 2


def test_a_privilege_goes_in_the_middle_of_a_run(
    simulator: Simulator, api: Session
) -> None:
    """The world changes at the request that the rule names."""
    user = f"users/{simulator.ready['client_id']}"
    rights = {"privileges": {"account": {"Write": "None"}}}
    row_id = create(api, "accounts", name="A")
    _rule(simulator, "^accounts", nth=2, world=[["PUT", user, rights]])
    answers = [api.patch(f"accounts({row_id})", json={"name": n}) for n in "BC"]
    rights["privileges"]["account"]["Write"] = "Organization"
    simulator.control("PUT", user, rights)
    assert [answer.status_code for answer in answers] == [204, 403]


def test_a_column_goes_or_shrinks_in_the_middle_of_a_run(
    simulator: Simulator, api: Session
) -> None:
    row_id = create(api, "accounts", name="A", fax="1234567890")
    shrink = ["PUT", "columns/account/fax", {"max_length": 5}]
    _rule(simulator, "^accounts", world=[shrink])
    answer = api.patch(f"accounts({row_id})", json={"fax": "123456"})
    assert answer.json()["error"]["code"] == "0x80044331"
    assert api.get(f"accounts({row_id})").json()["fax"] == "1234567890"
    _rule(simulator, "^accounts", world=[["DELETE", "columns/account/fax"]])
    answer = api.get("accounts?$select=fax")
    assert answer.json()["error"]["code"] == "0x80060888"


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"deadlock": True}, 500, "0x80044150"),
        ({"crash": True}, 500, "0x80040224"),
        ({"reject": "No"}, 400, "0x80040265"),
    ],
)
def test_plug_ins_fail(
    simulator: Simulator, api: Session, how: dict[str, Any], status: int, code: str
) -> None:
    rule = {"table": "account", "column": "name", "pattern": "^B", **how}
    simulator.control("PUT", "plug-ins", [rule])
    assert api.post("accounts", json={"name": "A"}).status_code == 204
    answer = api.post("accounts", json={"name": "B"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert api.get("accounts/$count").text[-1] == "1"


def test_a_nemesis_repeats_itself(simulator: Simulator, api: Session) -> None:
    """The same requests meet the same faults, from the seed alone."""
    create(api, "accounts", name="A")

    def history(seed: int) -> list[Any]:
        harmless = ["500", "HTML", "401", "no ETag", "a row twice", "compressed"]
        wish = {"seed": seed, "rate": 0.5, "only": harmless, "requests": 30}
        simulator.control("PUT", "nemesis", wish)
        answers = [api.get("accounts") for _ in range(32)]
        report = simulator.control("GET", "nemesis")
        assert report["seen"] == 30
        assert [answer.status_code for answer in answers[30:]] == [200, 200]
        return [report["drawn"], [answer.status_code for answer in answers]]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_every_fault_of_the_nemesis_happens(simulator: Simulator, api: Session) -> None:
    """None of them breaks the server: the next request is answered."""
    tracked = {"Prefer": "odata.track-changes"}
    delta = api.get("accounts?$select=name", headers=tracked).json()["@odata.deltaLink"]
    row_id = create(api, "accounts", name="A")
    for name, (pattern, _) in CATALOGUE.items():
        simulator.control("PUT", "nemesis", {"seed": 1, "rate": 1, "only": [name]})
        try:
            if "batch" in pattern:
                _batch(api, ["A", "B"])
            elif "delta" in pattern:
                api.get(delta)
            elif pattern.startswith("^(POST"):
                api.post("accounts", json={"name": "B"})
            else:
                api.get(f"accounts({row_id})", allow_redirects=False)
        except requests.exceptions.RequestException:
            assert name.startswith(("cut", "compressed and damaged")), name
        (drawn,) = simulator.control("GET", "nemesis")["drawn"]
        assert drawn[3] == name
        simulator.control("PUT", "nemesis", {})
        assert api.get(f"accounts({row_id})").status_code == 200


def test_the_log_names_the_fault(simulator: Simulator, api: Session) -> None:
    wish = {"seed": 1, "rate": 1, "only": ["500"]}
    simulator.control("PUT", "nemesis", wish)
    api.get("accounts")
    (entry,) = [e for e in simulator.control("GET", "requests") if "fault" in e]
    assert entry["fault"] == "500"


@pytest.mark.parametrize(
    "wish",
    [
        {"seed": 1, "rate": 2},
        {"seed": 1, "rate": 1, "only": ["nothing"]},
        {"seed": 1, "rate": 1, "path": "("},
        {"seed": 1},
    ],
)
def test_a_nemesis_that_cannot_be(simulator: Simulator, wish: dict[str, Any]) -> None:
    address = f"{simulator.ready['control']}/nemesis"
    answer = simulator.open("").put(address, json=wish)
    assert answer.status_code == 400


def test_a_rule_tells_how_often_it_was_met(simulator: Simulator, api: Session) -> None:
    unmet = {"path": "^contacts", "then": {"status": 500}}
    twice = {"path": "^accounts", "count": 2, "then": {"status": 500}}
    simulator.control("PUT", "faults", [unmet, twice])
    for _ in range(3):
        api.get("accounts")
    assert simulator.control("GET", "faults/taken") == [0, 2]
