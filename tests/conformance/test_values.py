"""Values: numbers, money, dates, texts, options, and what the server computes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from environment import Api, Rows, bind, error

JSON = {"Content-Type": "application/json"}


def stored(rows: Rows, column: str, value: Any, entity_set: str = "accounts") -> str:
    """How an answer writes the value of a column."""
    row_id = rows.add(entity_set, {column: value})
    text = rows.api.get(f"{entity_set}({row_id})?$select={column}").text
    return text.partition(f'"{column}":')[2].rstrip("}").partition(",")[0]


# -- numbers -------------------------------------------------------------------------


def test_money_has_four_decimals(rows):
    """20000 is 20000.0000.

    Recorded: answers in the documentation
    """
    assert stored(rows, "revenue", 20000) == "20000.0000"


def test_money_is_exact(api, rows):
    """Fifteen digits before and after the point survive.

    Learn: transaction-currency-currency-entity
    """
    account = rows.add("accounts")
    answer = api.patch(
        f"accounts({account})", data='{"revenue": 99999999999.99}', headers=JSON
    )
    assert answer.status_code == 204
    text = api.get(f"accounts({account})?$select=revenue").text
    assert '"revenue":99999999999.99' in text


def test_money_out_of_range(api, rows):
    """0x80044330.

    Learn: reference/web-service-error-codes
    """
    body = rows.body("accounts", {"revenue": 1e17})
    answer = api.post("accounts", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].lower() == "0x80044330"


def test_an_integer_out_of_range(api, rows):
    """0x8004432F: accounts have no negative number of employees.

    Learn: reference/web-service-error-codes
    """
    body = rows.body("accounts", {"numberofemployees": -1})
    answer = api.post("accounts", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].lower() == "0x8004432f"


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("numberofemployees", 7, "7"),
        ("address1_latitude", 55.5, "55.5"),
        ("donotemail", True, "true"),
        ("industrycode", 1, "1"),
    ],
)
def test_plain_values(rows, column, value, text):
    """Integers, floating point numbers, two options, choices.

    Learn: entity-attribute-metadata
    """
    assert stored(rows, column, value).startswith(text)


def test_versions_are_numbers(rows):
    """versionnumber is an integer.

    Learn: reference/entities/account
    """
    row = rows.api.retrieve(f"accounts({rows.add('accounts')})")
    assert type(row["versionnumber"]) is int


# -- currencies ----------------------------------------------------------------------


def test_a_row_with_money_has_a_currency(rows):
    """Without one given: the caller's or the organization's.

    Learn: transaction-currency-currency-entity
    """
    row = rows.api.retrieve(f"accounts({rows.add('accounts', {'revenue': 1})})")
    assert row["_transactioncurrencyid_value"]


def test_money_in_the_base_currency(rows):
    """revenue_base is revenue divided by exchangerate.

    Learn: transaction-currency-currency-entity
    """
    row = rows.api.retrieve(f"accounts({rows.add('accounts', {'revenue': 100})})")
    assert row["revenue_base"] == pytest.approx(100 / row["exchangerate"], abs=0.01)


def test_the_base_currency_has_the_rate_one(api):
    """organization.basecurrencyid.

    Learn: transaction-currency-currency-entity
    """
    (organization,) = api.rows("organizations?$select=_basecurrencyid_value")
    currency = organization["_basecurrencyid_value"]
    row = api.retrieve(f"transactioncurrencies({currency})?$select=exchangerate")
    assert row["exchangerate"] == 1


def test_another_currency_has_another_rate(environment, api, rows):
    """exchangerate is that of the row's currency.

    Learn: transaction-currency-currency-entity
    """
    query = "transactioncurrencies?$select=exchangerate&$filter=exchangerate ne 1"
    found = api.rows(query)
    if not found:
        environment.lacks("a second currency")
    currency = found[0]["transactioncurrencyid"]
    link = bind("transactioncurrencyid", "transactioncurrencies", currency)
    account = rows.add("accounts", {"revenue": 100, **link})
    row = api.retrieve(f"accounts({account})")
    assert row["exchangerate"] == pytest.approx(found[0]["exchangerate"])
    assert row["revenue_base"] == pytest.approx(100 / row["exchangerate"], abs=0.01)


# -- dates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2023-04-07T21:59:01Z", "2023-04-07T21:59:01Z"),
        ("2023-04-07T23:59:01+02:00", "2023-04-07T21:59:01Z"),
        ("2023-04-07T21:59:01.345Z", "2023-04-07T21:59:01Z"),
    ],
)
def test_a_date_with_time_is_utc(rows, given, expected):
    """Whole seconds, a Z.

    Learn: behavior-format-date-time-attribute
    """
    assert json.loads(stored(rows, "scheduledend", given, "tasks")) == expected


def test_a_date_only_column_has_no_time(rows):
    """contact.birthdate: 2000-02-29.

    Learn: behavior-format-date-time-attribute
    """
    assert stored(rows, "birthdate", "2000-02-29", "contacts") == '"2000-02-29"'


def test_a_date_only_column_takes_no_time(api, rows):
    """Edm.Date is no Edm.DateTimeOffset.

    Learn: behavior-format-date-time-attribute
    """
    body = rows.body("contacts", {"birthdate": "2000-02-29T00:00:00Z"})
    assert error(api.post("contacts", json=body)) == (400, "0x80048d19")


def test_a_date_that_does_not_exist(api, rows):
    """February 30th.

    Learn: behavior-format-date-time-attribute
    """
    body = rows.body("contacts", {"birthdate": "2000-02-30"})
    assert api.post("contacts", json=body).status_code == 400


def test_dates_begin_in_1753(api, rows):
    """0x80040239.

    Learn: behavior-format-date-time-attribute
    """
    body = rows.body("tasks", {"scheduledend": "1752-12-31T00:00:00Z"})
    assert error(api.post("tasks", json=body)) == (400, "0x80040239")


# -- texts ---------------------------------------------------------------------------


def test_a_text_that_is_too_long(api, rows):
    """StringLengthTooLong with the column, the table and the limit.

    Learn: reference/web-service-error-codes
    """
    answer = api.post("accounts", json=rows.body("accounts", {"fax": "x" * 51}))
    assert error(answer) == (400, "0x80044331")
    assert answer.json()["error"]["message"] == (
        "A validation error occurred.  The length of the 'fax' attribute of the "
        "'account' entity exceeded the maximum allowed length of '50'."
    )


def test_a_text_of_the_greatest_length(rows):
    """Fits.

    Learn: entity-attribute-metadata
    """
    assert json.loads(stored(rows, "fax", "x" * 50)) == "x" * 50


def test_control_characters_are_refused(api, rows):
    r"""\b: InvalidCharactersInField.

    Learn: reference/web-service-error-codes
    """
    answer = api.post("accounts", json=rows.body("accounts", {"fax": "a\bb"}))
    assert error(answer) == (400, "0x80040278")


@pytest.mark.parametrize("text", ["Ærø", "Ελλάδα", "日本", "🙂", 'a "b" \\ c', "a\nb"])
def test_texts_survive(rows, text):
    """Any Unicode, quotes, line breaks.

    Learn: entity-attribute-metadata
    """
    row_id = rows.add("accounts", {"description": text})
    row = rows.api.retrieve(f"accounts({row_id})?$select=description")
    assert row["description"] == text


# -- options and states --------------------------------------------------------------


def test_an_option_that_does_not_exist(api, rows):
    """PicklistValueOutOfRange.

    Learn: reference/web-service-error-codes
    """
    answer = api.post("accounts", json=rows.body("accounts", {"industrycode": 987654}))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].lower() == "0x8004431a"


def test_an_option_is_a_number(api, rows):
    """Not its label.

    Learn: entity-attribute-metadata
    """
    body = rows.body("accounts", {"industrycode": "Accounting"})
    assert error(api.post("accounts", json=body)) == (400, "0x80048d19")


def test_a_row_is_deactivated(api, rows):
    """statecode and statuscode together.

    Learn: reference/entities/account
    """
    address = f"accounts({rows.add('accounts')})"
    state = {"statecode": 1, "statuscode": 2}
    assert api.patch(address, json=state).status_code == 204
    row = api.retrieve(address)
    assert (row["statecode"], row["statuscode"]) == (1, 2)


def test_a_state_brings_its_default_status(api, rows):
    """statecode alone.

    Learn: reference/entities/account
    """
    address = f"accounts({rows.add('accounts')})"
    assert api.patch(address, json={"statecode": 1}).status_code == 204
    assert api.retrieve(address)["statuscode"] == 2


def test_a_status_of_another_state(api, rows):
    """InvalidStateCodeStatusCode.

    Learn: reference/web-service-error-codes
    """
    address = f"accounts({rows.add('accounts')})"
    answer = api.patch(address, json={"statecode": 1, "statuscode": 1})
    assert error(answer) == (400, "0x80048408")
    message = answer.json()["error"]["message"]
    assert "is not a valid status code for state code" in message


def test_a_row_is_activated_again(api, rows):
    """Back to statecode 0.

    Learn: reference/entities/account
    """
    address = f"accounts({rows.add('accounts')})"
    for state in (1, 0):
        assert api.patch(address, json={"statecode": state}).status_code == 204
    row = api.retrieve(address)
    assert (row["statecode"], row["statuscode"]) == (0, 1)


# -- what the server computes --------------------------------------------------------


def test_a_contact_has_a_full_name(api, rows):
    """First name and last name.

    Learn: reference/entities/contact
    """
    contact = rows.add("contacts", {"firstname": "Ada"}, "King")
    row = api.retrieve(f"contacts({contact})?$select=fullname")
    assert row["fullname"] == f"Ada {rows.name('King')}"


def test_a_full_name_follows_its_parts(api, rows):
    """It is computed again.

    Learn: reference/entities/contact
    """
    address = f"contacts({rows.add('contacts', {'firstname': 'Ada'})})"
    api.patch(address, json={"firstname": "Bo"})
    assert api.retrieve(address)["fullname"].startswith("Bo ")


def test_a_full_name_is_not_written(api, rows):
    """It is not valid for create.

    Learn: reference/entities/contact
    """
    contact = rows.add("contacts", {"firstname": "Ada", "fullname": "Other"})
    assert api.retrieve(f"contacts({contact})")["fullname"].startswith("Ada ")


def test_an_address_has_a_composite(api, rows):
    """All lines of it in one text.

    Learn: reference/entities/account
    """
    address = {
        "address1_line1": "Nygade 1",
        "address1_city": "Odense",
        "address1_postalcode": "5000",
        "address1_country": "Denmark",
    }
    composite = api.retrieve(f"accounts({rows.add('accounts', address)})")[
        "address1_composite"
    ]
    assert all(value in composite for value in address.values())
    assert "\r\n" in composite


def test_documents_are_numbered(api, rows):
    """quotenumber is given by the server.

    Learn: reference/entities/quote
    """
    account = rows.add("accounts")
    quote = rows.add("quotes", bind("customerid_account", "accounts", account))
    assert api.retrieve(f"quotes({quote})")["quotenumber"]


def test_an_activity_is_also_a_pointer(api, rows):
    """activitypointers: one row for each activity, with its type.

    Learn: reference/entities/activitypointer
    """
    task = rows.add("tasks")
    row = api.retrieve(f"activitypointers({task})")
    assert (row["subject"], row["activitytypecode"]) == (rows.name(), "task")


def test_required_columns(api):
    """A team without a name: refused.

    Learn: entity-attribute-metadata
    """
    assert api.post("teams", json={}).status_code == 400


def test_two_parents_at_once(api: Api, rows):
    """One customer lookup cannot be bound to two tables.

    Learn: webapi/multitable-lookups
    """
    account, contact = rows.add("accounts"), rows.add("contacts")
    body = rows.body(
        "contacts",
        {
            **bind("parentcustomerid_account", "accounts", account),
            **bind("parentcustomerid_contact", "contacts", contact),
        },
        "Child",
    )
    assert api.post("contacts", json=body).status_code == 400
