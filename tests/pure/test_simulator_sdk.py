"""Microsoft's own Python SDK, unmodified, works against the simulator.

Nothing here knows how the SDK speaks: what it asks for must simply come out right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError, MetadataError
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.upsert import UpsertItem
from simulator_process import Simulator

pytest_plugins = ["simulator_fixture"]


class _Credential:
    """What the classes of azure-identity do: tokens from the authority, by scope."""

    def __init__(self, simulator: Simulator) -> None:
        ready = simulator.ready
        self._client = simulator.msal(ready["client_id"], ready["client_secret"])

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        answer = self._client.acquire_token_for_client(list(scopes))
        return AccessToken(answer["access_token"], 2**31)


@pytest.fixture
def client(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DataverseClient]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", simulator.ready["ca"])
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    url = simulator.ready["url"]
    with DataverseClient(url, _Credential(simulator)) as dataverse:
        yield dataverse


def _companies(client: DataverseClient, count: int) -> list[str]:
    bodies = [
        {"name": f"Company {number:02}", "accountnumber": f"A{number:02}"}
        for number in range(count)
    ]
    return client.records.create("account", bodies)


# -- tables ------------------------------------------------------------------------


def test_a_table_is_found_by_its_name(client: DataverseClient) -> None:
    table = client.tables.get("account")
    assert table.entity_set_name == "accounts"
    assert table.primary_id_attribute == "accountid"
    assert client.tables.get("nothing") is None


def test_tables_are_listed(client: DataverseClient) -> None:
    tables = client.tables.list(select=["LogicalName", "EntitySetName"])
    assert {"account", "contact"} <= {table["LogicalName"] for table in tables}


def test_columns_are_listed(client: DataverseClient) -> None:
    columns = client.query.sql_columns("account")
    assert columns[0]["name"] == "accountid"
    assert columns[1]["name"] == "name"
    assert {"telephone1", "revenue"} <= {column["name"] for column in columns}


def test_columns_are_described_with_their_types(client: DataverseClient) -> None:
    column = client.tables.get_column("account", "name", typed=True)
    assert column["MaxLength"] == 160


def test_relationships_are_listed(client: DataverseClient) -> None:
    found = client.tables.list_table_relationships("contact")
    assert "contact_customer_accounts" in {item["SchemaName"] for item in found}


def test_an_unknown_table_has_no_rows(client: DataverseClient) -> None:
    with pytest.raises(MetadataError):
        client.records.retrieve("nothing", "1" * 8)


def test_an_alternate_key_is_made_and_used(client: DataverseClient) -> None:
    client.tables.create_alternate_key("account", "new_number", ["accountnumber"])
    keys = client.tables.get_alternate_keys("account")
    assert [key.key_attributes for key in keys] == [["accountnumber"]]


# -- rows --------------------------------------------------------------------------


def test_a_row_lives(client: DataverseClient) -> None:
    row_id = client.records.create("account", {"Name": "Alpha", "revenue": 12.5})
    client.records.update("account", row_id, {"telephone1": "+45 1"})
    row = client.records.retrieve("account", row_id, select=["name", "telephone1"])
    assert (row["name"], row["telephone1"]) == ("Alpha", "+45 1")
    client.records.delete("account", row_id)
    assert client.records.retrieve("account", row_id) is None


def test_labels_of_options_become_numbers(client: DataverseClient) -> None:
    row_id = client.records.create(
        "account", {"name": "Alpha", "accountcategorycode": "preferred customer"}
    )
    assert client.records.retrieve("account", row_id)["accountcategorycode"] == 1


def test_updating_a_missing_row_is_an_error(client: DataverseClient) -> None:
    missing = "00000000-0000-0000-0000-000000000001"
    with pytest.raises(HttpError) as caught:
        client.records.update("account", missing, {"name": "Alpha"})
    assert caught.value.status_code == 404


def test_rows_are_created_and_updated_in_bulk(client: DataverseClient) -> None:
    ids = _companies(client, 20)
    assert len(set(ids)) == 20
    client.records.update("account", ids, {"address1_city": "Odense"})
    changes = [{"telephone1": str(number)} for number in range(20)]
    client.records.update("account", ids, changes)
    row = client.records.retrieve("account", ids[7])
    assert (row["name"], row["address1_city"], row["telephone1"]) == (
        "Company 07",
        "Odense",
        "7",
    )


@pytest.mark.parametrize("count", [1, 3])
def test_rows_are_upserted_by_alternate_key(
    client: DataverseClient, count: int
) -> None:
    client.tables.create_alternate_key("account", "new_number", ["accountnumber"])
    _companies(client, 2)
    client.records.upsert(
        "account",
        [
            UpsertItem({"accountnumber": f"A{number:02}"}, {"name": f"New {number}"})
            for number in range(count)
        ],
    )
    rows = client.query.sql("SELECT name FROM account ORDER BY accountnumber")
    expected = {1: ["New 0", "Company 01"], 3: ["New 0", "New 1", "New 2"]}
    assert [row["name"] for row in rows] == expected[count]


def test_rows_are_deleted_in_bulk(client: DataverseClient) -> None:
    ids = _companies(client, 5)
    assert client.records.delete("account", ids[:4])
    rows = client.query.sql("SELECT name FROM account")
    assert [row["name"] for row in rows] == ["Company 04"]


# -- queries -----------------------------------------------------------------------


def test_a_query_reads_all_pages(client: DataverseClient) -> None:
    _companies(client, 25)
    pages = list(
        client.query.builder("account")
        .select("name")
        .order_by("name", descending=True)
        .page_size(10)
        .execute_pages()
    )
    assert [len(page.records) for page in pages] == [10, 10, 5]
    names = [row["name"] for page in pages for row in page.records]
    assert names == sorted(names, reverse=True)


def test_a_query_filters(client: DataverseClient) -> None:
    _companies(client, 12)
    found = (
        client.query.builder("account")
        .select("name")
        .where((col("name") == "Company 03") | col("accountnumber").in_(["A05", "A06"]))
        .execute()
    )
    assert sorted(row["name"][-2:] for row in found.records) == ["03", "05", "06"]


def test_sql_selects(client: DataverseClient) -> None:
    _companies(client, 5)
    rows = client.query.sql(
        "SELECT TOP 2 name, accountnumber FROM account "
        "WHERE name LIKE 'company%' AND accountnumber <> 'A04' ORDER BY name DESC"
    )
    assert [row["accountnumber"] for row in rows] == ["A03", "A02"]


def test_sql_joins_and_groups(client: DataverseClient) -> None:
    first, second = _companies(client, 2)
    for parent in (first, first, second):
        person = {"lastname": "X", "parentcustomerid_account@odata.bind": None}
        person["parentcustomerid_account@odata.bind"] = f"/accounts({parent})"
        client.records.create("contact", person)
    rows = client.query.sql(
        "SELECT a.name, COUNT(c.contactid) AS people FROM account a "
        "JOIN contact c ON c.parentcustomerid = a.accountid "
        "GROUP BY a.name ORDER BY people DESC"
    )
    assert [(row["name"], row["people"]) for row in rows] == [
        ("Company 00", 2),
        ("Company 01", 1),
    ]


def test_sql_reads_all_pages(client: DataverseClient) -> None:
    bodies = [{"name": f"Company {number}"} for number in range(5003)]
    client.records.create("account", bodies)
    assert len(client.query.sql("SELECT name FROM account ORDER BY name")) == 5003


def test_fetchxml_reads_all_pages(client: DataverseClient) -> None:
    _companies(client, 7)
    query = client.query.fetchxml(
        '<fetch count="3"><entity name="account"><attribute name="name" />'
        '<order attribute="name" /></entity></fetch>'
    )
    pages = list(query.execute_pages())
    assert [len(page.records) for page in pages] == [3, 3, 1]
    names = [row["name"] for page in pages for row in page.records]
    assert names == [f"Company {number:02}" for number in range(7)]


# -- batches -----------------------------------------------------------------------


def test_a_batch_works(client: DataverseClient) -> None:
    (existing,) = _companies(client, 1)
    batch = client.batch.new()
    batch.records.create("account", {"name": "Beta"})
    batch.records.update("account", existing, {"name": "Gamma"})
    batch.records.retrieve("account", existing, select=["name"])
    batch.query.sql("SELECT name FROM account ORDER BY name")
    result = batch.execute()
    assert not result.failed
    assert [answer.status_code for answer in result.responses] == [204, 204, 200, 200]
    assert [row["name"] for row in result.responses[3].data["value"]] == [
        "Beta",
        "Gamma",
    ]


def test_a_change_set_is_all_or_nothing(client: DataverseClient) -> None:
    batch = client.batch.new()
    with batch.changeset() as changes:
        company = changes.records.create("account", {"name": "Alpha"})
        changes.records.create(
            "contact",
            {"lastname": "X", "parentcustomerid_account@odata.bind": company},
        )
    assert not batch.execute().failed
    batch = client.batch.new()
    with batch.changeset() as changes:
        changes.records.create("account", {"name": "Beta"})
        changes.records.create("account", {"name": "x" * 161})
    assert batch.execute(continue_on_error=True).failed
    assert len(client.query.sql("SELECT name FROM account")) == 1
