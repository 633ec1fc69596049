"""Change tracking: what changed since a client last asked."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from environment import Api, Environment, error

TRACK = "odata.track-changes"


class Cursor:
    """A client that keeps the link to what comes next."""

    def __init__(self, api: Api, query: str) -> None:
        self.api = api
        self.link = self._last(query, f"{TRACK},odata.maxpagesize=5000")["link"]

    def changes(self, **options: str) -> list[dict]:
        """Rows and tombstones since the last call, in the order they came."""
        found = self._last(self.link, options.get("prefer"))
        self.link = found["link"]
        return found["rows"]

    def of(self, *ids: str) -> list[dict]:
        """The changes of some rows; others may write at the same time."""
        return [row for row in self.changes() if key(row) in ids]

    def _last(self, link: str, prefer: str | None) -> dict:
        rows: list[dict] = []
        while True:
            body = self.api.retrieve(link, prefer=prefer)
            rows += body["value"]
            if "@odata.deltaLink" in body:
                return {"rows": rows, "link": body["@odata.deltaLink"]}
            link = body["@odata.nextLink"]


def key(row: dict) -> str:
    return row.get("accountid") or row["id"]


@pytest.fixture(scope="module")
def reader(environment: Environment, api: Api) -> Iterator[Cursor]:
    """One cursor for all tests: only the first full read is expensive."""
    answer = api.get("accounts?$select=name", prefer=f"{TRACK},odata.maxpagesize=1")
    if answer.status_code != 200:
        environment.lacks("change tracking of accounts, or the privilege for it")
    return Cursor(api, "accounts?$select=name,fax")


@pytest.fixture
def cursor(reader: Cursor) -> Cursor:
    """The cursor, with everything before the test behind it."""
    reader.changes()
    return reader


def test_the_preference_is_confirmed(api, cursor):
    """Preference-Applied: odata.track-changes.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    answer = api.get("accounts?$select=name", prefer=TRACK)
    assert answer.headers["Preference-Applied"] == TRACK


def test_the_first_answer_has_all_rows(api, cursor, rows):
    """Current rows and a link, no deletions.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts")
    first = Cursor(api, "accounts?$select=name")
    assert first.link.startswith(f"{api.base_url}/accounts?")
    body = api.retrieve(
        "accounts?$select=name", prefer=f"{TRACK},odata.maxpagesize=5000"
    )
    if "@odata.deltaLink" in body:  # the environment is small
        assert account in {row["accountid"] for row in body["value"]}
        assert all("reason" not in row for row in body["value"])


def test_the_delta_link_has_a_token(cursor):
    """$deltatoken, after what was asked for.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    assert "$deltatoken=" in cursor.link
    assert "$select=name,fax" in cursor.link


def test_nothing_changed(cursor):
    """An empty value, and a new link.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    body = cursor.api.retrieve(cursor.link)
    assert body["@odata.deltaLink"]
    assert isinstance(body["value"], list)


def test_a_delta_has_its_own_context(cursor):
    """$metadata#accounts(name,fax)/$delta.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    context = cursor.api.retrieve(cursor.link)["@odata.context"]
    assert context == f"{cursor.api.base_url}/$metadata#accounts(name,fax)/$delta"


def test_a_new_row_comes(cursor, rows):
    """With the selected columns.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts", {"fax": "1"})
    (row,) = cursor.of(account)
    assert (row["name"], row["fax"]) == (rows.name(), "1")
    assert row["@odata.etag"]


def test_a_changed_row_comes_once(cursor, rows):
    """With its present values, however often it changed.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts")
    for fax in "12":
        cursor.api.patch(f"accounts({account})", json={"fax": fax})
    (row,) = cursor.of(account)
    assert row["fax"] == "2"


def test_all_selected_columns_come(cursor, rows):
    """Not only those that changed.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts", {"fax": "1"})
    cursor.changes()
    cursor.api.patch(f"accounts({account})", json={"name": rows.name("B")})
    (row,) = cursor.of(account)
    assert row["fax"] == "1"


def test_a_change_of_another_column_counts(cursor, rows):
    """Tracking is by row, not by column.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts")
    cursor.changes()
    cursor.api.patch(f"accounts({account})", json={"telephone1": "1"})
    assert [row["accountid"] for row in cursor.of(account)] == [account]


def test_a_deleted_row_leaves_a_tombstone(cursor, rows):
    """$deletedEntity: id and reason, nothing else.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts")
    cursor.changes()
    cursor.api.delete(f"accounts({account})")
    (gone,) = cursor.of(account)
    assert gone.pop("@odata.context").endswith("$metadata#accounts/$deletedEntity")
    assert gone == {"id": account, "reason": "deleted"}


def test_deletions_come_last(cursor, rows):
    """After all new and changed rows.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    first, second = rows.add("accounts"), rows.add("accounts")
    cursor.changes()
    cursor.api.delete(f"accounts({first})")
    cursor.api.patch(f"accounts({second})", json={"fax": "1"})
    assert [key(row) for row in cursor.of(first, second)] == [second, first]


def test_changes_come_in_their_order(cursor, rows):
    """By version.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    first, second = rows.add("accounts"), rows.add("accounts")
    cursor.changes()
    for account in (second, first):
        cursor.api.patch(f"accounts({account})", json={"fax": "1"})
    assert [key(row) for row in cursor.of(first, second)] == [second, first]


def test_a_row_that_came_and_went_is_reported_as_deleted(cursor, rows):
    """Created and deleted between two calls.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts")
    cursor.api.delete(f"accounts({account})")
    (gone,) = cursor.of(account)
    assert gone["reason"] == "deleted"


def test_inactive_rows_come_as_well(cursor, rows):
    """Deactivation is a change like others.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    account = rows.add("accounts")
    cursor.changes()
    state = {"statecode": 1, "statuscode": 2}
    assert cursor.api.patch(f"accounts({account})", json=state).status_code == 204
    assert [key(row) for row in cursor.of(account)] == [account]


def test_changes_come_in_pages(cursor, rows):
    """odata.maxpagesize holds for deltas; every change once.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    ids = [rows.add("accounts") for _ in range(5)]
    cursor.api.delete(f"accounts({ids[0]})")
    prefer = "odata.maxpagesize=2"
    body = cursor.api.retrieve(cursor.link, prefer=prefer)
    assert len(body["value"]) <= 2 and "@odata.nextLink" in body
    found = [key(row) for row in cursor.changes(prefer=prefer)]
    assert sorted(set(found) & set(ids)) == sorted(ids)
    assert len(found) == len(set(found))


def test_an_old_link_can_be_used_again(cursor, rows):
    """A delta is not consumed by reading it.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    link, account = cursor.link, rows.add("accounts")
    for _ in range(2):
        assert account in {key(row) for row in cursor.api.retrieve(link)["value"]}


def test_changes_are_counted(cursor, rows):
    """accounts/$count?$deltatoken=...

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    rows.add("accounts")
    token = cursor.link.partition("$deltatoken=")[2]
    answer = cursor.api.get(f"accounts/$count?$deltatoken={token}")
    assert int(answer.content.decode("utf-8-sig")) >= 1


@pytest.mark.parametrize(
    "option", ["$filter=name eq 'a'", "$orderby=name", "$top=1", "$expand=owninguser"]
)
def test_only_select_goes_with_change_tracking(api, cursor, option):
    """The "$filter" query parameter isn't supported when Change Tracking is enabled.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    answer = api.get(f"accounts?$select=name&{option}", prefer=TRACK)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        f'The "{option.partition("=")[0]}" query parameter isn\'t supported when '
        "Change Tracking is enabled."
    )


def test_a_table_without_change_tracking(environment, api):
    """0x80072491.

    Learn: reference/web-service-error-codes
    """
    query = "EntityDefinitions?$select=EntitySetName&$filter=ChangeTrackingEnabled eq "
    sets = {row["EntitySetName"] for row in api.rows(f"{query}false")}
    untracked = sorted(sets & {"appmodules", "businessunits", "organizations"})
    if not untracked:
        environment.lacks("a known table without change tracking")
    answer = api.get(untracked[0], prefer=TRACK)
    assert error(answer) == (400, "0x80072491")
    message = answer.json()["error"]["message"]
    assert "isn't enabled for change tracking" in message


def test_a_token_that_is_none(api, cursor):
    """400.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    answer = api.get(f"accounts?$select=name&$deltatoken={uuid.uuid4()}")
    assert answer.status_code == 400


def test_tracked_tables_are_known_from_metadata(api, cursor):
    """ChangeTrackingEnabled of EntityDefinitions.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    query = (
        "EntityDefinitions?$select=LogicalName&$filter=ChangeTrackingEnabled eq true"
    )
    assert "account" in {row["LogicalName"] for row in api.rows(query)}


def test_how_long_tokens_live(api):
    """organization.expirechangetrackingindays.

    Learn: use-change-tracking-synchronize-data-external-systems
    """
    (row,) = api.rows("organizations?$select=expirechangetrackingindays")
    assert row["expirechangetrackingindays"] > 0
