"""``?fetchXml=`` and ``?sql=``: one test for each documented fact.

Sources: "Query data using FetchXml" (overview, select columns, join tables, order
rows, filter rows, page results, aggregate data, count rows), "Web service error
codes", and for SQL the description in Microsoft's Python SDK.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from simulator_process import Session, create, error

pytest_plugins = ["simulator_fixture"]
_MORE = (
    'odata.include-annotations="Microsoft.Dynamics.CRM.morerecords,'
    'Microsoft.Dynamics.CRM.fetchxmlpagingcookie"'
)


@pytest.fixture
def companies(api: Session) -> dict[str, str]:
    """Alpha (100, Odense), Beta (200, Odense), Gamma (no revenue, no city)."""
    alpha = create(api, "accounts", name="Alpha", revenue=100, address1_city="Odense")
    beta = create(api, "accounts", name="Beta", revenue=200, address1_city="Odense")
    gamma = create(api, "accounts", name="Gamma")
    for name, company in (("Ane", alpha), ("Bo", alpha), ("Carl", beta)):
        create(
            api,
            "contacts",
            lastname=name,
            parentcustomerid_account__bind=f"accounts({company})",
        )
    return {"Alpha": alpha, "Beta": beta, "Gamma": gamma}


def _fetch(api: Session, inner: str, options: str = "", **headers: str) -> Any:
    xml = f"<fetch {options}><entity name='account'>{inner}</entity></fetch>"
    return api.get("accounts", params={"fetchXml": xml}, headers=headers)


def _names(api: Session, inner: str, options: str = "") -> list[str]:
    inner = f"<attribute name='name'/>{inner}"
    answer = _fetch(api, inner, options)
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["value"]]


def _where(conditions: str, kind: str = "and") -> str:
    return f"<filter type='{kind}'>{conditions}</filter><order attribute='name'/>"


# -- columns -----------------------------------------------------------------------


def test_null_values_are_left_out(api: Session, companies: dict[str, str]) -> None:
    """ "Use FetchXML with Web API": properties with null values are not returned."""
    inner = "<attribute name='name'/><attribute name='revenue'/>"
    rows = _fetch(api, inner + "<order attribute='name'/>").json()["value"]
    assert rows[0]["revenue"] == 100
    assert "revenue" not in rows[2]


def test_a_linked_column_is_named_with_its_alias(
    api: Session, companies: dict[str, str]
) -> None:
    """ "Join tables": linked columns appear as ``alias.column``."""
    link = (
        "<link-entity name='contact' from='parentcustomerid' to='accountid' "
        "alias='person'><attribute name='lastname'/><order attribute='lastname'/>"
        "</link-entity>"
    )
    rows = _fetch(api, f"<attribute name='name'/>{link}").json()["value"]
    found = [(row["name"], row["person.lastname"]) for row in rows]
    assert found == [("Alpha", "Ane"), ("Alpha", "Bo"), ("Beta", "Carl")]


def test_an_outer_link_keeps_rows_without_match(
    api: Session, companies: dict[str, str]
) -> None:
    """ "Join tables": link-type outer; "Filter rows": on a linked column of no row."""
    link = (
        "<link-entity name='contact' from='parentcustomerid' to='accountid' "
        "link-type='outer' alias='person'/>"
    )
    condition = "<condition entityname='person' attribute='contactid' operator='null'/>"
    assert _names(api, link + _where(condition)) == ["Gamma"]


def test_formatted_values_and_lookup_tables(
    api: Session, companies: dict[str, str]
) -> None:
    """ "Formatted values": annotations with FetchXML as with OData."""
    person = create(api, "contacts", lastname="Dorthe")
    api.patch(
        f"accounts({companies['Alpha']})",
        json={"primarycontactid@odata.bind": f"contacts({person})"},
    )
    inner = "<attribute name='primarycontactid'/>" + _where(
        "<condition attribute='name' operator='eq' value='Alpha'/>"
    )
    answer = _fetch(api, inner, Prefer='odata.include-annotations="*"')
    (row,) = answer.json()["value"]
    key = "_primarycontactid_value"
    assert row[key] == person
    assert row[f"{key}@OData.Community.Display.V1.FormattedValue"] == "Dorthe"
    assert row[f"{key}@Microsoft.Dynamics.CRM.lookuplogicalname"] == "contact"


# -- conditions --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("attribute='name' operator='eq' value='ALPHA'", ["Alpha"]),
        ("attribute='name' operator='ne' value='Alpha'", ["Beta", "Gamma"]),
        ("attribute='revenue' operator='gt' value='100'", ["Beta"]),
        ("attribute='revenue' operator='le' value='100'", ["Alpha"]),
        ("attribute='revenue' operator='null'", ["Gamma"]),
        ("attribute='revenue' operator='not-null'", ["Alpha", "Beta"]),
        ("attribute='name' operator='like' value='%ET%'", ["Beta"]),
        ("attribute='name' operator='not-like' value='%a'", []),
        ("attribute='name' operator='begins-with' value='g'", ["Gamma"]),
        ("attribute='name' operator='ends-with' value='ta'", ["Beta"]),
        ("attribute='ownerid' operator='eq-userid'", ["Alpha", "Beta", "Gamma"]),
        ("attribute='createdon' operator='today'", ["Alpha", "Beta", "Gamma"]),
        ("attribute='createdon' operator='olderthan-x-days' value='1'", []),
    ],
)
def test_condition_operators(
    api: Session, companies: dict[str, str], condition: str, expected: list[str]
) -> None:
    """ "condition element: operator": each means what its name says."""
    assert _names(api, _where(f"<condition {condition}/>")) == expected


def test_operators_with_several_values(api: Session, companies: dict[str, str]) -> None:
    """ "value element": in, not-in and between take several."""
    values = "<value>Alpha</value><value>Gamma</value>"
    inside = f"<condition attribute='name' operator='in'>{values}</condition>"
    assert _names(api, _where(inside)) == ["Alpha", "Gamma"]
    assert _names(api, _where(inside.replace("'in'", "'not-in'"))) == ["Beta"]
    between = (
        "<condition attribute='revenue' operator='between'>"
        "<value>150</value><value>250</value></condition>"
    )
    assert _names(api, _where(between)) == ["Beta"]


def test_filters_nest(api: Session, companies: dict[str, str]) -> None:
    """ "filter element": type or, with a filter inside."""
    inner = (
        "<condition attribute='revenue' operator='null'/><filter type='and'>"
        "<condition attribute='address1_city' operator='eq' value='Odense'/>"
        "<condition attribute='revenue' operator='eq' value='200'/></filter>"
    )
    assert _names(api, _where(inner, "or")) == ["Beta", "Gamma"]


def test_columns_of_one_row_are_compared(
    api: Session, companies: dict[str, str]
) -> None:
    """ "Filter rows: Filter on column values in the same row": valueof."""
    create(api, "accounts", name="Same", address1_city="Same")
    condition = "<condition attribute='name' operator='eq' valueof='address1_city'/>"
    assert _names(api, _where(condition)) == ["Same"]


# -- order, pages, counts ----------------------------------------------------------


def test_top_and_descending_order(api: Session, companies: dict[str, str]) -> None:
    """ "Order rows", "Select columns: limit the number of rows"."""
    order = "<order attribute='name' descending='true'/>"
    assert _names(api, order, "top='2'") == ["Gamma", "Beta"]


def test_top_and_count_exclude_each_other(api: Session) -> None:
    """ "Page results": do not use top with paging."""
    assert error(_fetch(api, "", "top='1' count='1'"))[0] == 400


def test_pages_follow_the_cookie(api: Session, companies: dict[str, str]) -> None:
    """ "Page results": morerecords and the paging cookie, asked for by Prefer."""
    inner = "<attribute name='name'/><order attribute='name'/>"
    first = _fetch(api, inner, "count='2'", Prefer=_MORE).json()
    assert first["@Microsoft.Dynamics.CRM.morerecords"] is True
    cookie = ElementTree.fromstring(
        first["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"]
    )
    assert cookie.get("pagenumber") == "2"
    second = _fetch(api, inner, "count='2' page='2'", Prefer=_MORE).json()
    assert [row["name"] for row in second["value"]] == ["Gamma"]
    assert second["@Microsoft.Dynamics.CRM.morerecords"] is False
    assert "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie" not in second


def test_the_total_is_counted_on_request(
    api: Session, companies: dict[str, str]
) -> None:
    """ "Count rows": returntotalrecordcount, -1 without."""
    prefer = 'odata.include-annotations="Microsoft.Dynamics.CRM.*"'
    key = "@Microsoft.Dynamics.CRM.totalrecordcount"
    options = "count='1' returntotalrecordcount='true'"
    assert _fetch(api, "", options, Prefer=prefer).json()[key] == 3
    assert _fetch(api, "", "count='1'", Prefer=prefer).json()[key] == -1


def test_distinct_rows(api: Session, companies: dict[str, str]) -> None:
    """ "Select columns: return distinct results"."""
    inner = (
        "<attribute name='address1_city'/>"
        "<filter><condition attribute='address1_city' operator='not-null'/></filter>"
    )
    rows = _fetch(api, inner, "distinct='true'").json()["value"]
    assert rows == [{"address1_city": "Odense"}]


# -- aggregates --------------------------------------------------------------------


def test_aggregates(api: Session, companies: dict[str, str]) -> None:
    """ "Aggregate data": null values are not counted into columns' aggregates."""
    inner = "".join(
        f"<attribute name='revenue' aggregate='{kind}' alias='{kind}'/>"
        for kind in ("count", "countcolumn", "sum", "avg", "min", "max")
    )
    (row,) = _fetch(api, inner, "aggregate='true'").json()["value"]
    assert row == {
        "count": 3,
        "countcolumn": 2,
        "sum": 300,
        "avg": 150,
        "min": 100,
        "max": 200,
    }


def test_groups(api: Session, companies: dict[str, str]) -> None:
    """ "Aggregate data: grouping", ordered by alias."""
    inner = (
        "<attribute name='address1_city' groupby='true' alias='city'/>"
        "<attribute name='accountid' aggregate='count' alias='number'/>"
        "<order alias='number' descending='true'/>"
    )
    rows = _fetch(api, inner, "aggregate='true'").json()["value"]
    assert rows == [{"city": "Odense", "number": 2}, {"number": 1}]


def test_groups_by_parts_of_dates(api: Session, companies: dict[str, str]) -> None:
    """ "Aggregate data: grouping by parts of a date"."""
    created = api.get("accounts?$select=createdon").json()["value"][0]["createdon"]
    inner = (
        "<attribute name='createdon' groupby='true' dategrouping='year' alias='y'/>"
        "<attribute name='accountid' aggregate='count' alias='number'/>"
    )
    rows = _fetch(api, inner, "aggregate='true'").json()["value"]
    assert rows == [{"y": int(created[:4]), "number": 3}]


# -- errors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<fetch><entity name='nothing'/></fetch>", (400, "0x80060888")),
        (
            "<fetch><entity name='account'><attribute name='x'/></entity></fetch>",
            (400, "0x80041103"),
        ),
        (
            "<fetch><entity name='account'><link-entity name='x' from='a' to='b'/>"
            "</entity></fetch>",
            (404, "0x80041102"),
        ),
        ("<fetch><entity name='account'>", (400, "0x80040203")),
        (
            '<!DOCTYPE x [<!ENTITY a "b">]><fetch><entity name="account"/></fetch>',
            (400, "0x80040203"),
        ),
        (
            "<fetch><entity name='account'><filter>"
            + "<condition attribute='name' operator='null'/>" * 501
            + "</filter></entity></fetch>",
            (400, "0x8004430C"),
        ),
        (
            "<fetch><entity name='account'>"
            + "<link-entity name='contact' from='contactid' to='primarycontactid'/>"
            * 16
            + "</entity></fetch>",
            (400, "0x8004430D"),
        ),
        (
            "<fetch><entity name='account'><filter><condition attribute='name' "
            "operator='above' value='1'/></filter></entity></fetch>",
            (501, "0x80060885"),
        ),
    ],
)
def test_wrong_queries_are_refused(
    api: Session, xml: str, expected: tuple[int, str]
) -> None:
    """ "Web service error codes"; "FetchXml reference": 500 conditions, 15 links."""
    assert error(api.get("accounts", params={"fetchXml": xml})) == expected


def test_fetch_asks_for_the_read_privilege_of_every_table(
    api: Session, companies: dict[str, str], simulator: Any
) -> None:
    """ "Security roles and privileges"."""
    client_id = simulator.ready["client_id"]
    rights = {"privileges": {"contact": {"Read": "None"}}}
    simulator.control("PUT", f"users/{client_id}", rights)
    link = "<link-entity name='contact' from='contactid' to='primarycontactid'/>"
    assert error(_fetch(api, link)) == (403, "0x80040220")


# -- SQL ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("name = 'alpha'", ["Alpha"]),
        ("revenue > 100", ["Beta"]),
        ("150 < revenue", ["Beta"]),
        ("revenue IS NULL OR name LIKE 'A%'", ["Alpha", "Gamma"]),
        ("NAME NOT IN ('Alpha', 'Beta')", ["Gamma"]),
        ("revenue BETWEEN 50 AND 150", ["Alpha"]),
        ("(name = 'Beta' OR name = 'Gamma') AND revenue = 200", ["Beta"]),
        ("name = 'O''Hara'", []),
        ("name = [name]", ["Alpha", "Beta", "Gamma"]),
    ],
)
def test_sql_conditions(
    api: Session, companies: dict[str, str], where: str, expected: list[str]
) -> None:
    """SDK, ``client.query.sql``: WHERE with =, <, LIKE, IN, BETWEEN, NULL, AND, OR."""
    statement = f"SELECT name FROM account WHERE {where} ORDER BY name"
    answer = api.get("accounts", params={"sql": statement})
    assert [row["name"] for row in answer.json()["value"]] == expected


def test_sql_offset(api: Session, companies: dict[str, str]) -> None:
    """SDK, ``client.query.sql``: OFFSET ... FETCH."""
    statement = (
        "SELECT name FROM account ORDER BY name DESC "
        "OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY"
    )
    answer = api.get("accounts", params={"sql": statement})
    assert [row["name"] for row in answer.json()["value"]] == ["Beta"]


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "SELECT * FROM account",
        "SELECT name FROM account; SELECT name FROM account",
        "DELETE FROM account",
        "SELECT name FROM account HAVING name = 'x'",
        "SELECT name FROM account WHERE accountid IN (SELECT accountid FROM contact)",
        "SELECT name FROM account UNION SELECT name FROM account",
        "SELECT nothing FROM account",
        "SELECT fullname FROM contact",
        "SELECT name FROM account WHERE name = 'open",
    ],
)
def test_sql_outside_its_subset_is_refused(api: Session, statement: str) -> None:
    """SDK, ``client.query.sql``: what the endpoint does not support."""
    answer = api.get("accounts", params={"sql": statement})
    assert answer.status_code == 400
