"""What Microsoft's sample programs and OData clients send, and what they are shown.

The documentation prints each sample's requests with their answers: status, headers,
members of the body.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import requests
from environment import Api, Rows, bind, error

CRM = "Microsoft.Dynamics.CRM"
FORMATTED = "@OData.Community.Display.V1.FormattedValue"
ALL = 'odata.include-annotations="*"'
INCOMES = {"Nancy": 55500, "Maria": 31000, "Scott": 38000, "Robert": 78000}


@pytest.fixture(scope="module")
def contoso(shared: Rows) -> Rows:
    """An account with four contacts, each with an income and a task."""
    account = shared.add("accounts", name="Contoso")
    for name, income in INCOMES.items():
        body = {"firstname": name, "annualincome": income, "jobtitle": f"Boss {name}"}
        link = bind("parentcustomerid_account", "accounts", account)
        contact = shared.add("contacts", {**body, **link}, name)
        link = bind("regardingobjectid_contact_task", "contacts", contact)
        shared.add("tasks", {"actualdurationminutes": 3, **link}, name)
    return shared


def people(rows: Rows, options: str, **request: Any) -> requests.Response:
    condition = f"$filter=startswith(lastname,'{rows.mark}')"
    return rows.api.get(f"contacts?{condition}&{options}", **request)


# -- basic operations ----------------------------------------------------------------


def test_an_update_is_answered_with_the_address(api, rows):
    """PATCH with If-Match: * and If-None-Match: null: 204 and OData-EntityId.

    Learn: webapi/web-api-basic-operations-sample
    """
    address = f"contacts({rows.add('contacts')})"
    body = {"annualincome": 80000, "jobtitle": "Junior Developer"}
    answer = api.patch(address, json=body, if_match="*", if_none_match="null")
    assert answer.status_code == 204
    assert answer.headers["OData-EntityId"] == f"{api.base_url}/{address}"
    assert answer.headers["OData-Version"] == "4.0"


def test_the_currency_comes_along_after_the_columns(api, rows):
    """$select of an amount: its currency, with annotations, behind what was asked for.

    Learn: webapi/web-api-basic-operations-sample
    """
    row_id = rows.add("contacts", {"annualincome": 80000, "jobtitle": "Developer"})
    query = f"contacts({row_id})?$select=fullname,annualincome,jobtitle,description"
    answer = api.get(query, prefer=ALL)
    assert answer.headers["ETag"] == answer.json()["@odata.etag"]
    assert answer.headers["Preference-Applied"] == ALL
    currency = "_transactioncurrencyid_value"
    names = [name for name in answer.json() if not name.startswith((currency, "@"))]
    assert names == [
        "fullname",
        f"annualincome{FORMATTED}",
        "annualincome",
        "jobtitle",
        "description",
        "contactid",
    ]
    assert answer.json()[f"{currency}@{CRM}.lookuplogicalname"] == "transactioncurrency"


def test_a_comma_after_the_last_name_is_no_mistake(api, rows):
    """$select=name,&$expand=...

    Learn: webapi/web-api-basic-operations-sample
    """
    row_id = rows.add("accounts")
    row = api.retrieve(f"accounts({row_id})?$select=name,&$expand=primarycontactid")
    assert row["name"] == rows.name() and row["primarycontactid"] is None


def test_the_duration_of_a_task_is_scheduled(api, rows):
    """scheduleddurationminutes follows from start and end, whatever is sent.

    Learn: webapi/web-api-basic-operations-sample
    """
    times = {
        "scheduledstart": "2023-04-19T03:00:00+07:00",
        "scheduledend": "2023-04-19T04:00:00+07:00",
    }
    row_id = rows.add("tasks", {**times, "scheduleddurationminutes": 60})
    query = f"tasks({row_id})?$select=scheduledstart,scheduleddurationminutes"
    row = api.retrieve(query)
    assert row["scheduledstart"] == "2023-04-18T20:00:00Z"
    assert row["scheduleddurationminutes"] == 60


# -- queries -------------------------------------------------------------------------


def test_annotations_of_a_whole_answer(contoso):
    """totalrecordcount, totalrecordcountlimitexceeded, globalmetadataversion.

    Learn: webapi/web-api-query-data-sample
    """
    body = people(contoso, "$select=fullname", prefer=ALL).json()
    assert list(body)[:4] == [
        "@odata.context",
        f"@{CRM}.totalrecordcount",
        f"@{CRM}.totalrecordcountlimitexceeded",
        f"@{CRM}.globalmetadataversion",
    ]
    assert body[f"@{CRM}.globalmetadataversion"].isdigit()


@pytest.mark.parametrize("separator", ["; ", ","])
def test_two_preferences(contoso, separator):
    """A page size and annotations in one header.

    Learn: webapi/web-api-query-data-sample
    """
    wish = f"odata.maxpagesize=3{separator}{ALL}"
    first = people(contoso, "$select=annualincome&$count=true", prefer=wish)
    assert first.json()["@odata.count"] == 4 and len(first.json()["value"]) == 3
    assert f"annualincome{FORMATTED}" in first.json()["value"][0]
    second = contoso.api.get(first.json()["@odata.nextLink"], prefer=wish)
    assert len(second.json()["value"]) == 1


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        ("LastXHours", "1", 4),
        ("LastXDays", "1", 4),
        ("LastXMonths", "1", 4),
        ("ThisYear", None, 4),
        ("LastMonth", None, 0),
        ("NextWeek", None, 0),
        ("OlderThanXMinutes", "30", 0),
        ("OlderThanXYears", "1", 0),
    ],
)
def test_functions_of_time(contoso, function, value, expected):
    """With parameter aliases for the name of the property and the value.

    Learn: webapi/web-api-query-data-sample
    """
    arguments, aliases = "PropertyName=@p1", "&@p1='createdon'"
    if value:
        arguments, aliases = (
            f"{arguments},PropertyValue=@p2",
            f"{aliases}&@p2='{value}'",
        )
    mine = f"startswith(lastname,'{contoso.mark}')"
    condition = f"{CRM}.{function}({arguments}) and {mine}"
    query = f"contacts?$select=fullname&$filter={condition}{aliases}"
    assert len(contoso.api.rows(query)) == expected


def test_aliases_of_columns(contoso):
    """@p1=fullname in a condition, @p4=jobtitle in the order.

    Learn: webapi/web-api-query-data-sample
    """
    found = contoso.api.rows(
        f"contacts?$select=firstname&$filter=contains(@p1,'{contoso.mark}')"
        "&$orderby=@p2 asc, @p3 desc&@p1=fullname&@p2=jobtitle&@p3=annualincome"
    )
    assert [row["firstname"] for row in found] == sorted(INCOMES)


def test_a_user_has_the_key_of_its_kind_too(contoso):
    """$expand of a user: systemuserid, and the same once more as ownerid.

    Learn: webapi/query/join-tables
    """
    expand = "&$select=name&$expand=createdby($select=fullname)"
    (row,) = contoso.find("accounts", expand)
    user = {name: v for name, v in row["createdby"].items() if "@" not in name}
    assert list(user) == ["fullname", "systemuserid", "ownerid"]
    assert user["systemuserid"] == user["ownerid"]


def test_expand_to_a_reference(contoso):
    """$expand=<lookup>/$ref: the address alone, and the lookup's value.

    Learn: webapi/query/join-tables
    """
    row = people(contoso, "$select=jobtitle&$expand=parentcustomerid_account/$ref")
    (row, *_) = row.json()["value"]
    account = f"accounts({row['_parentcustomerid_value']})"
    address = f"{contoso.api.base_url}/{account}"
    assert row["parentcustomerid_account"] == {"@odata.id": address}
    answer = contoso.api.get("accounts?$expand=contact_customer_accounts/$ref")
    assert error(answer) == (400, "0x80060888")


def test_aggregate_related_rows(contoso):
    """accounts(id)/contact_customer_accounts?$apply=aggregate(...).

    Learn: webapi/web-api-query-data-sample
    """
    (account,) = contoso.find("accounts", "&$select=name")
    functions = "average", "sum", "min", "max"
    parts = [f"annualincome with {name} as {name}_income" for name in functions]
    (row,) = contoso.api.rows(
        f"accounts({account['accountid']})/contact_customer_accounts"
        f"?$apply=aggregate({','.join(parts)})"
    )
    incomes = INCOMES.values()
    assert row["average_income"] == sum(incomes) / 4
    assert row["sum_income"] == sum(incomes)
    assert (row["min_income"], row["max_income"]) == (min(incomes), max(incomes))


# -- FetchXML ------------------------------------------------------------------------


def _fetch(rows: Rows, options: str = "") -> str:
    return quote(
        f"<fetch {options}><entity name='contact'><attribute name='fullname'/>"
        "<attribute name='annualincome'/><order attribute='fullname'/><filter>"
        f"<condition attribute='lastname' operator='like' value='{rows.mark}%'/>"
        "</filter></entity></fetch>"
    )


def test_an_amount_of_fetchxml_brings_its_currency(contoso):
    """The column, its symbol in the formatted value, and the context that names it.

    Learn: fetchxml/page-results
    """
    body = contoso.api.retrieve(f"contacts?fetchXml={_fetch(contoso)}", prefer=ALL)
    context = body["@odata.context"].partition("#")[2]
    assert context == (
        "contacts(fullname,annualincome,_transactioncurrencyid_value,"
        "transactioncurrencyid,contactid,transactioncurrencyid())"
    )
    row = body["value"][0]
    assert row["_transactioncurrencyid_value"]
    plain = f"{row['annualincome']:,.2f}"
    assert row[f"annualincome{FORMATTED}"] not in (plain, "")
    assert row[f"annualincome{FORMATTED}"].endswith(plain)


@pytest.mark.parametrize(
    ("options", "query"), [("returntotalrecordcount='true'", ""), ("", "&$count=true")]
)
def test_fetchxml_counts(contoso, options, query):
    """returntotalrecordcount, or $count: @odata.count and the annotation.

    Learn: fetchxml/count-rows
    """
    xml = _fetch(contoso, f"count='3' page='1' {options}")
    body = contoso.api.retrieve(f"contacts?fetchXml={xml}{query}", prefer=ALL)
    assert body["@odata.count"] == body[f"@{CRM}.totalrecordcount"] == 4
    assert len(body["value"]) == 3


# -- what OData clients begin with -----------------------------------------------------


ACCEPT = (
    "application/json;odata.metadata=minimal;q=1.0,application/json;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7"
)


@pytest.mark.parametrize("path", ["", "accounts?$top=1", "WhoAmI"])
def test_a_list_of_accepted_formats(api, path):
    """JSON is what comes, with minimal metadata.

    Learn: webapi/compose-http-requests-handle-errors
    """
    answer = api.get(path, headers={"Accept": ACCEPT, "OData-MaxVersion": "4.0"})
    kind = "application/json; odata.metadata=minimal"
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.json()["@odata.context"].startswith(f"{api.base_url}/$metadata")


def test_annotations_of_the_model_by_preference(api):
    """Prefer: odata.include-annotations="*" does what ?annotations=true does.

    Learn: webapi/web-api-service-documents
    """
    preferred = api.get("$metadata", prefer=ALL, headers={"Accept": "application/xml"})
    asked = api.get("$metadata?annotations=true", headers={"Accept": "*/*"})
    assert preferred.status_code == 200
    assert (b"<Annotation" in preferred.content) is (b"<Annotation" in asked.content)
    assert len(preferred.content) == len(asked.content)


def test_details_of_an_error_by_preference(api: Api):
    """HelpLink and InnerError.Message, only for who asks for them.

    Learn: webapi/compose-http-requests-handle-errors
    """
    missing = "accounts(00000000-0000-0000-0000-000000000001)"
    plain = api.get(missing).json()["error"]
    assert set(plain) == {"code", "message"}
    detailed = api.get(missing, prefer=ALL).json()["error"]
    assert detailed["code"] == plain["code"]
    assert "80040217" in detailed["@Microsoft.PowerApps.CDS.HelpLink"]
    assert detailed["@Microsoft.PowerApps.CDS.InnerError.Message"]
