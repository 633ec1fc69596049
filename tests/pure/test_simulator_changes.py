"""Change tracking in the simulator.

Source: "Use change tracking to synchronize data with external systems".
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from simulator_process import Session, create, error

pytest_plugins = ["simulator_fixture"]

TRACK = {"Prefer": "odata.track-changes"}


class Reader:
    """A client that follows links until it holds the next delta link."""

    # Not a model of Odoo: `read` overrides nothing.
    # pylint: disable=method-required-super

    def __init__(self, session: Session, url: str, size: int = 5000) -> None:
        self.session = session
        self.url = url
        self.size = size
        self.between = lambda: None

    def read(self) -> list[dict]:
        """Everything up to the next delta link; ``between`` runs after each page."""
        found: list[dict] = []
        prefer = f"odata.track-changes,odata.maxpagesize={self.size}"
        while True:
            answer = self.session.get(self.url, headers={"Prefer": prefer})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert len(page["value"]) <= self.size
            assert ("@odata.nextLink" in page) != ("@odata.deltaLink" in page)
            found += page["value"]
            if "@odata.deltaLink" in page:
                self.url = page["@odata.deltaLink"]
                return found
            self.url = page["@odata.nextLink"]
            self.between()


@pytest.fixture
def reader(api: Session) -> Reader:
    return Reader(api, "accounts?$select=name")


def test_the_first_call_returns_all_rows(simulator, api):
    """All current rows and a delta link; the preference is echoed."""
    create(api, "accounts", name="A")
    gone = create(api, "accounts", name="B")
    api.delete(f"accounts({gone})")
    answer = api.get("accounts?$select=name", headers=TRACK)
    assert answer.headers["Preference-Applied"] == "odata.track-changes"
    body = answer.json()
    assert [row["name"] for row in body["value"]] == ["A"]
    link = body["@odata.deltaLink"]
    assert link.startswith(f"{simulator.api_url}/accounts?$select=name&$deltatoken=")
    token = dict(parse_qsl(urlsplit(link).query))["$deltatoken"]
    assert re.fullmatch(r"\d+!\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", token)


def test_changes_then_deletions(simulator, api, reader):
    """Changed rows with all selected columns, in order of change, then tombstones."""
    first, second, third = (create(api, "accounts", name=n) for n in "ABC")
    reader.read()
    api.patch(f"accounts({third})", json={"fax": "not selected"})
    api.delete(f"accounts({second})")
    api.patch(f"accounts({first})", json={"name": "A2"})
    answer = api.get(reader.url).json()
    assert answer["@odata.context"] == (
        f"{simulator.api_url}/$metadata#accounts(name)/$delta"
    )
    c, a, tombstone = answer["value"]
    assert (c["accountid"], c["name"]) == (third, "C")
    assert (a["accountid"], a["name"]) == (first, "A2")
    assert a["@odata.etag"].startswith('W/"')
    assert tombstone == {
        "@odata.context": f"{simulator.api_url}/$metadata#accounts/$deletedEntity",
        "id": second,
        "reason": "deleted",
    }


def test_nothing_changed(reader):
    """An empty value and a new link."""
    reader.read()
    before = reader.url
    assert reader.read() == []
    assert reader.url.startswith(before.partition("$deltatoken")[0])


def test_created_and_deleted_between_two_polls(api, reader):
    """Such a row still shows up as deleted."""
    reader.read()
    brief = create(api, "accounts", name="brief")
    api.delete(f"accounts({brief})")
    assert [entry.get("id") for entry in reader.read()] == [brief]


def test_deleted_and_created_again(api, reader):
    """A row that exists is reported as a row, not as deleted."""
    again = create(api, "accounts", name="A")
    reader.read()
    api.delete(f"accounts({again})")
    create(api, "accounts", accountid=again, name="A")
    (entry,) = reader.read()
    assert entry["accountid"] == again and "reason" not in entry


def test_cascaded_deletions_are_reported(api):
    """Every row a cascade removes leaves a tombstone."""
    account = create(api, "accounts", name="A")
    binding = {"parentcustomerid_account__bind": f"accounts({account})"}
    contacts = {create(api, "contacts", **binding) for _ in range(3)}
    reader = Reader(api, "contacts?$select=fullname")
    reader.read()
    api.delete(f"accounts({account})")
    assert {entry["id"] for entry in reader.read()} == contacts


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_paging_loses_and_repeats_nothing(api, size):
    """Next links before the delta link, for rows and for tombstones."""
    ids = [create(api, "accounts", name=f"{n}") for n in range(7)]
    reader = Reader(api, "accounts?$select=name", size)
    assert sorted(row["accountid"] for row in reader.read()) == sorted(ids)
    for row_id in ids[:3]:
        api.delete(f"accounts({row_id})")
    for row_id in ids[3:]:
        api.patch(f"accounts({row_id})", json={"fax": "1"})
    found = reader.read()
    assert [entry.get("accountid") for entry in found[:4]] == ids[3:]
    assert [entry.get("id") for entry in found[4:]] == ids[:3]


def test_writes_while_a_client_pages_are_not_missed(api):
    """Snapshot of the version before the first page, in both phases."""
    ids = {create(api, "accounts", name=f"{n}") for n in range(6)}
    reader = Reader(api, "accounts?$select=name,fax", 2)
    known: dict[str, str] = {}
    step = iter(range(1000))

    def disturb() -> None:
        number = next(step)
        for row_id in sorted(ids)[number % 2 :: 2]:
            api.patch(f"accounts({row_id})", json={"fax": f"{number}"})
        ids.add(create(api, "accounts", name="late", fax=f"{number}"))
        gone = sorted(ids)[number % len(ids)]
        ids.discard(gone)
        api.delete(f"accounts({gone})")

    reader.between = disturb
    for round_number in range(3):
        if round_number == 2:
            reader.between = lambda: None
        for entry in reader.read():
            if "reason" in entry:
                known.pop(entry["id"], None)
            else:
                known[entry["accountid"]] = entry["fax"]
    rows = api.get("accounts?$select=fax").json()["value"]
    assert known == {row["accountid"]: row["fax"] for row in rows}


def test_tracking_pages_say_so_in_their_token(api):
    """istracking="True"."""
    for name in "AB":
        create(api, "accounts", name=name)
    prefer = {"Prefer": "odata.track-changes,odata.maxpagesize=1"}
    link = api.get("accounts", headers=prefer).json()["@odata.nextLink"]
    token = dict(parse_qsl(urlsplit(link).query))["$skiptoken"]
    assert token.endswith('istracking="True" />')
    # The header is not needed again: the token knows what it continues.
    assert "@odata.deltaLink" in api.get(link).json()


def test_a_reencoded_delta_token_is_understood(api, reader):
    """Measured: some clients decode and encode the token again."""
    reader.read()
    create(api, "accounts", name="A")
    link = urlsplit(reader.url)
    query = urlencode(parse_qsl(link.query))
    answer = api.get(f"https://{link.netloc}{link.path}?{query}")
    assert [row["name"] for row in answer.json()["value"]] == ["A"]


def test_counting_changes(api, reader):
    """accounts/$count?$deltatoken=…."""
    gone = create(api, "accounts", name="A")
    reader.read()
    create(api, "accounts", name="B")
    api.delete(f"accounts({gone})")
    address = reader.url.replace("accounts?", "accounts/$count?")
    assert api.get(address).content == b"\xef\xbb\xbf2"


@pytest.mark.parametrize(
    "option",
    ["$filter=name eq 'A'", "$orderby=name", "$top=1", "$expand=primarycontactid"],
)
def test_only_select_may_be_combined(api, option):
    """The message names the option."""
    answer = api.get(f"accounts?{option}", headers=TRACK)
    name = option.partition("=")[0]
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        f'The "{name}" query parameter isn\'t supported when Change Tracking is '
        "enabled."
    )


def test_tables_without_change_tracking(simulator, api, reader):
    """0x80072491, also for a link from before."""
    answer = api.get("appmodules?$select=name", headers=TRACK)
    assert error(answer) == (400, "0x80072491")
    assert "Entity appmodule isn't enabled" in answer.json()["error"]["message"]
    reader.read()
    simulator.control("PUT", "tables/account", {"change_tracking": False})
    assert error(api.get(reader.url)) == (400, "0x80072491")


def test_old_tokens_expire(simulator, api, reader):
    """ExpireChangeTrackingInDays, 7 by default → 0x80044352, never full data."""
    reader.read()
    simulator.control("POST", "clock", {"advance_seconds": 6 * 86400})
    simulator._tokens.clear()
    session = simulator.session()
    assert session.get(reader.url).status_code == 200
    simulator.control("POST", "clock", {"advance_seconds": 86400 + 5})
    simulator._tokens.clear()
    answer = simulator.session().get(reader.url)
    assert error(answer) == (400, "0x80044352")
    assert "perform a full sync" in answer.json()["error"]["message"]


def test_tokens_can_be_expired_at_once(simulator, api, reader):
    """A schema change can do this; a new full read works at once."""
    reader.read()
    old = reader.url
    simulator.control("POST", "delta-tokens/expire")
    assert error(api.get(old)) == (400, "0x80044352")
    reader.url = "accounts?$select=name"
    reader.read()
    assert reader.read() == []


def test_a_restored_backup_has_the_version_of_the_backup(simulator, api, reader):
    """Also the one that the end of all links took: new links do not end at once."""
    reader.read()
    simulator.control("POST", "delta-tokens/expire")
    simulator.control("POST", "snapshot")
    simulator.control("POST", "restore")
    reader.url = "accounts?$select=name"
    reader.read()
    assert reader.read() == []


def test_organization_level_read_is_needed(simulator, api):
    """Change tracking needs Read for the whole organization."""
    path = f"users/{simulator.ready['client_id']}"
    rights = {"privileges": {"account": {"Read": "BusinessUnit"}}}
    simulator.control("PUT", path, rights)
    assert api.get("accounts").status_code == 200
    assert error(api.get("accounts", headers=TRACK)) == (403, "0x80040220")


def test_a_malformed_token(api):
    """Tokens are the server's."""
    assert error(api.get("accounts?$deltatoken=x")) == (400, "0x80060888")
