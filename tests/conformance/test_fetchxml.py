"""FetchXML: `?fetchXml=` on a collection."""

from __future__ import annotations

from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import requests
from environment import Rows, bind

ALL = 'odata.include-annotations="*"'
CRM = "@Microsoft.Dynamics.CRM"


@pytest.fixture(scope="module")
def companies(shared: Rows) -> Rows:
    """Alpha (100, Odense, two contacts), Beta (200, Odense, one), Gamma."""
    for name, revenue, city, people in (
        ("Alpha", 100, "Odense", ("Ane", "Bo")),
        ("Beta", 200, "Odense", ("Carl",)),
        ("Gamma", None, None, ()),
    ):
        body = {"revenue": revenue, "address1_city": city}
        account = shared.add("accounts", body, name)
        for person in people:
            link = bind("parentcustomerid_account", "accounts", account)
            shared.add("contacts", {"firstname": person, **link})
    return shared


def fetch(
    companies: Rows, inner: str, options: str = "", **request: str
) -> requests.Response:
    """The answer to a query of the test's accounts; `inner` stands within entity."""
    mine = (
        f"<condition attribute='name' operator='begins-with' value='{companies.mark}'/>"
    )
    xml = (
        f"<fetch {options}><entity name='account'>{inner}"
        f"<filter>{mine}</filter></entity></fetch>"
    )
    return companies.api.get(f"accounts?fetchXml={quote(xml)}", **request)


def found(companies: Rows, inner: str, options: str = "", **request: str) -> list[dict]:
    answer = fetch(companies, inner, options, **request)
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


def names(companies: Rows, inner: str, options: str = "") -> list[str]:
    """The names found, without their mark, sorted unless the query orders."""
    rows = found(companies, f"<attribute name='name'/>{inner}", options)
    texts = [row["name"].removeprefix(f"{companies.mark} ") for row in rows]
    return texts if "<order" in inner else sorted(texts)


# -- columns -------------------------------------------------------------------------


def test_only_named_columns_come(companies):
    """attribute elements, and the primary key.

    Learn: fetchxml/select-columns
    """
    row = found(companies, "<attribute name='name'/><order attribute='name'/>")[0]
    assert {name for name in row if "@" not in name} == {"name", "accountid"}


def test_all_columns_come_on_request(companies):
    """all-attributes.

    Learn: fetchxml/select-columns
    """
    row = found(companies, "<all-attributes/><order attribute='name'/>")[0]
    assert row["revenue"] == 100 and row["address1_city"] == "Odense"


def test_columns_without_value_are_left_out(companies):
    """No nulls.

    Learn: fetchxml/select-columns
    """
    inner = "<attribute name='revenue'/><order attribute='name'/>"
    assert "revenue" not in found(companies, inner)[2]


def test_lookups_are_values(companies):
    """_x_value, with annotations on request.

    Learn: fetchxml/select-columns
    """
    row = found(companies, "<attribute name='ownerid'/>", prefer=ALL)[0]
    assert row["_ownerid_value"]
    assert row[f"_ownerid_value{CRM}.lookuplogicalname"] in ("systemuser", "team")


# -- conditions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("attribute='revenue' operator='eq' value='100'", ["Alpha"]),
        ("attribute='revenue' operator='ne' value='100'", ["Beta", "Gamma"]),
        ("attribute='revenue' operator='gt' value='100'", ["Beta"]),
        ("attribute='revenue' operator='ge' value='100'", ["Alpha", "Beta"]),
        ("attribute='revenue' operator='lt' value='200'", ["Alpha"]),
        ("attribute='revenue' operator='le' value='200'", ["Alpha", "Beta"]),
        ("attribute='revenue' operator='null'", ["Gamma"]),
        ("attribute='revenue' operator='not-null'", ["Alpha", "Beta"]),
        ("attribute='name' operator='like' value='%ALP%'", ["Alpha"]),
        ("attribute='name' operator='not-like' value='%alp%'", ["Beta", "Gamma"]),
        ("attribute='name' operator='ends-with' value='ta'", ["Beta"]),
        ("attribute='name' operator='not-end-with' value='ta'", ["Alpha", "Gamma"]),
        ("attribute='ownerid' operator='eq-userid'", ["Alpha", "Beta", "Gamma"]),
        ("attribute='ownerid' operator='ne-userid'", []),
        (
            "attribute='createdon' operator='last-x-days' value='2'",
            ["Alpha", "Beta", "Gamma"],
        ),
        ("attribute='createdon' operator='olderthan-x-days' value='2'", []),
        ("attribute='createdon' operator='on-or-before' value='2020-01-01'", []),
        (
            "attribute='createdon' operator='on-or-after' value='2020-01-01'",
            ["Alpha", "Beta", "Gamma"],
        ),
    ],
)
def test_operators(companies, condition, expected):
    """Each means what its name says.

    Learn: fetchxml/reference/operators
    """
    assert names(companies, f"<filter><condition {condition}/></filter>") == expected


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("in", (100, 300), ["Alpha"]),
        ("not-in", (100, 300), ["Beta"]),
        ("between", (50, 150), ["Alpha"]),
        ("not-between", (50, 150), ["Beta"]),
    ],
)
def test_operators_with_values(companies, operator, values, expected):
    """value elements within the condition.

    Learn: fetchxml/reference/operators
    """
    inside = "".join(f"<value>{value}</value>" for value in values)
    condition = (
        f"<condition attribute='revenue' operator='{operator}'>{inside}</condition>"
    )
    known = "<condition attribute='revenue' operator='not-null'/>"
    assert names(companies, f"<filter>{condition}{known}</filter>") == expected


def test_filters_are_joined_by_or(companies):
    """filter type='or', with a filter within.

    Learn: fetchxml/filter-rows
    """
    inner = (
        "<filter type='or'><condition attribute='revenue' operator='null'/><filter>"
        "<condition attribute='address1_city' operator='eq' value='Odense'/>"
        "<condition attribute='revenue' operator='eq' value='200'/></filter></filter>"
    )
    assert names(companies, inner) == ["Beta", "Gamma"]


def test_columns_of_a_row_are_compared(companies):
    """valueof.

    Learn: fetchxml/filter-rows
    """
    condition = "<condition attribute='modifiedon' operator='ge' valueof='createdon'/>"
    assert len(names(companies, f"<filter>{condition}</filter>")) == 3


# -- other tables --------------------------------------------------------------------

PEOPLE = "<link-entity name='contact' from='parentcustomerid' to='accountid'"


def test_a_link_joins(companies):
    """One row for each match; none without.

    Learn: fetchxml/join-tables
    """
    assert names(companies, f"{PEOPLE}/>") == ["Alpha", "Alpha", "Beta"]


def test_an_outer_link_keeps_rows(companies):
    """link-type='outer'.

    Learn: fetchxml/join-tables
    """
    link = f"{PEOPLE} link-type='outer'/>"
    assert names(companies, link) == ["Alpha", "Alpha", "Beta", "Gamma"]


def test_linked_columns_are_named_by_alias(companies):
    """alias.column.

    Learn: fetchxml/join-tables
    """
    link = f"{PEOPLE} alias='p'><attribute name='firstname'/></link-entity>"
    rows = found(companies, link)
    assert sorted(row["p.firstname"] for row in rows) == ["Ane", "Bo", "Carl"]


def test_a_filter_within_a_link(companies):
    """It is part of the join.

    Learn: fetchxml/join-tables
    """
    condition = "<condition attribute='firstname' operator='eq' value='Carl'/>"
    link = f"{PEOPLE}><filter>{condition}</filter></link-entity>"
    assert names(companies, link) == ["Beta"]


def test_rows_without_a_match(companies):
    """An outer link and a condition with entityname.

    Learn: fetchxml/join-tables
    """
    condition = "<condition entityname='p' attribute='contactid' operator='null'/>"
    link = f"{PEOPLE} link-type='outer' alias='p'/><filter>{condition}</filter>"
    assert names(companies, link) == ["Gamma"]


# -- order, pages, counts ------------------------------------------------------------


@pytest.mark.parametrize(
    ("descending", "expected"),
    [("false", ["Alpha", "Beta", "Gamma"]), ("true", ["Gamma", "Beta", "Alpha"])],
)
def test_order(companies, descending, expected):
    """order elements.

    Learn: fetchxml/order-rows
    """
    order = f"<order attribute='name' descending='{descending}'/>"
    assert names(companies, order) == expected


def test_top(companies):
    """The first rows only.

    Learn: fetchxml/select-columns
    """
    assert names(companies, "<order attribute='name'/>", "top='2'") == ["Alpha", "Beta"]


def test_pages_by_number(companies):
    """count and page.

    Learn: fetchxml/page-results
    """
    order = "<order attribute='name'/>"
    assert names(companies, order, "count='2' page='1'") == ["Alpha", "Beta"]
    assert names(companies, order, "count='2' page='2'") == ["Gamma"]


def test_more_records_are_announced(companies):
    """morerecords, and a paging cookie, as annotations.

    Learn: fetchxml/page-results
    """
    order = "<attribute name='name'/><order attribute='name'/>"
    body = fetch(companies, order, "count='2' page='1'", prefer=ALL).json()
    assert body[f"{CRM}.morerecords"] is True
    cookie = ElementTree.fromstring(body[f"{CRM}.fetchxmlpagingcookie"])
    assert (cookie.tag, cookie.get("pagenumber")) == ("cookie", "2")
    assert cookie.get("pagingcookie")


def test_top_and_pages_exclude_each_other(companies):
    """400.

    Learn: fetchxml/page-results
    """
    assert fetch(companies, "", "top='1' count='1'").status_code == 400


@pytest.mark.parametrize(("wish", "expected"), [("true", 3), ("false", -1)])
def test_the_total_is_counted_on_request(companies, wish, expected):
    """returntotalrecordcount.

    Learn: fetchxml/count-rows
    """
    options = f"count='1' returntotalrecordcount='{wish}'"
    body = fetch(companies, "<attribute name='name'/>", options, prefer=ALL).json()
    assert body[f"{CRM}.totalrecordcount"] == expected


def test_distinct(companies):
    """Each combination of values once.

    Learn: fetchxml/select-columns
    """
    inner = "<attribute name='address1_city'/><order attribute='address1_city'/>"
    rows = found(companies, inner, "distinct='true'")
    assert [row.get("address1_city") for row in rows] in (
        [None, "Odense"],
        ["Odense", None],
    )


# -- aggregates ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("count", 3),
        ("countcolumn", 2),
        ("sum", 300),
        ("avg", 150),
        ("min", 100),
        ("max", 200),
    ],
)
def test_aggregates(companies, kind, expected):
    """Rows without a value are left out, except by count.

    Learn: fetchxml/aggregate-data
    """
    inner = f"<attribute name='revenue' aggregate='{kind}' alias='result'/>"
    (row,) = found(companies, inner, "aggregate='true'")
    assert row["result"] == expected


def test_groups(companies):
    """groupby, ordered by alias.

    Learn: fetchxml/aggregate-data
    """
    inner = (
        "<attribute name='address1_city' groupby='true' alias='city'/>"
        "<attribute name='accountid' aggregate='count' alias='number'/>"
        "<order alias='number' descending='true'/>"
    )
    rows = found(companies, inner, "aggregate='true'")
    assert [(row.get("city"), row["number"]) for row in rows] == [
        ("Odense", 2),
        (None, 1),
    ]


def test_groups_by_date(companies):
    """dategrouping.

    Learn: fetchxml/aggregate-data
    """
    inner = (
        "<attribute name='createdon' groupby='true' dategrouping='year' alias='year'/>"
        "<attribute name='accountid' aggregate='count' alias='number'/>"
    )
    rows = found(companies, inner, "aggregate='true'")
    assert sum(row["number"] for row in rows) == 3
    assert all(row["year"] > 2020 for row in rows)


# -- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "xml",
    [
        "<fetch><entity name='account'>",
        "<fetch><entity name='nosuch'/></fetch>",
        "<fetch><entity name='account'><attribute name='nosuch'/></entity></fetch>",
        "<fetch><entity name='account'><filter><condition attribute='name' "
        "operator='nosuch'/></filter></entity></fetch>",
    ],
)
def test_wrong_queries(companies, xml):
    """Broken XML, unknown tables, columns and operators are refused.

    Learn: fetchxml/retrieve-data
    """
    answer = companies.api.get(f"accounts?fetchXml={quote(xml)}")
    assert 400 <= answer.status_code < 500


def test_the_table_is_that_of_the_collection(companies):
    """accounts does not answer a query of contacts.

    Learn: fetchxml/retrieve-data
    """
    xml = "<fetch top='1'><entity name='contact'/></fetch>"
    assert companies.api.get(f"accounts?fetchXml={quote(xml)}").status_code == 400


def test_fetchxml_within_a_batch(companies):
    """Long queries are sent in the body of a batch.

    Learn: fetchxml/retrieve-data
    """
    from multipart import operation, read, send

    xml = (
        "<fetch><entity name='account'><attribute name='name'/><filter><condition "
        f"attribute='name' operator='begins-with' value='{companies.mark}'/></filter>"
        "</entity></fetch>"
    )
    (part,) = read(
        send(companies.api, operation("GET", f"accounts?fetchXml={quote(xml)}"))
    )
    assert len(part.json()["value"]) == 3
