"""Definitions, plain values both ways, and what is known to be refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from wire_support import A, B, contact_table

from dataverse import FAULTS, Column, Table, check

TABLE = contact_table()


# --- definitions ----------------------------------------------------------------------


def test_the_table_says_what_it_is():
    assert (TABLE.name, TABLE.entity_set) == ("contact", "contacts")
    assert (TABLE.primary_id, TABLE.primary_name) == ("contactid", "fullname")
    assert (TABLE.label, TABLE.object_type_code) == ("Contact", 2)
    assert TABLE.change_tracking and TABLE.optimistic_concurrency
    assert TABLE.labels["lastname"] == "Last Name"


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("contactid", "Uniqueidentifier"),
        ("lastname", "String"),
        ("description", "Memo"),
        ("numberofchildren", "Integer"),
        ("versionnumber", "BigInt"),
        ("creditlimit", "Money"),
        ("exchangerate", "Decimal"),
        ("address1_latitude", "Double"),
        ("donotemail", "Boolean"),
        ("birthdate", "DateTime"),
        ("gendercode", "Picklist"),
        ("interests", "MultiSelectPicklist"),
        ("statecode", "State"),
        ("statuscode", "Status"),
        ("parentcustomerid", "Customer"),
        ("accountid", "Lookup"),
        ("ownerid", "Owner"),
        ("entityimage", "Image"),
    ],
)
def test_types_are_told_apart(name, type_):
    assert TABLE.columns[name].type == type_


def test_columns_carry_their_limits_and_options():
    columns = TABLE.columns
    assert columns["lastname"].max_length == 50
    assert columns["lastname"].label == "Last Name"
    assert columns["creditlimit"].minimum == 0
    assert columns["creditlimit"].maximum == Decimal("100000000000000")
    assert columns["creditlimit"].precision == 2
    assert columns["gendercode"].options == {1: "Male", 2: "Female"}
    assert columns["statuscode"].status_state == {1: 0, 2: 1}
    assert columns["statecode"].default_status == {0: 1, 1: 2}
    assert columns["birthdate"].date_behavior == "DateOnly"
    assert columns["lastonholdtime"].date_behavior == "UserLocal"
    assert columns["birthdate"].format == "DateOnly"
    assert columns["accountid"].format is columns["gendercode"].format is None
    assert columns["isocode"].required == "system"
    assert columns["ordernumber"].automatic
    assert columns["exchangerate"].secured
    assert not columns["fullname"].creatable and not columns["fullname"].updatable
    assert columns["contactid"].creatable and not columns["contactid"].updatable


def test_lookups_know_their_targets_and_navigation_properties():
    customer = TABLE.columns["parentcustomerid"]
    assert customer.is_lookup and customer.property == "_parentcustomerid_value"
    assert customer.targets == ("account", "contact")
    assert customer.navigation["contact"] == "parentcustomerid_contact"
    assert TABLE.columns["new_driverid"].navigation == {"new_driver": "new_DriverId"}
    assert TABLE.columns["ownerid"].navigation == {
        "systemuser": "ownerid",
        "team": "ownerid",
    }


def test_shadow_attributes_are_no_columns():
    assert "parentcustomeridname" not in TABLE.columns


def test_a_stored_table_is_the_same_table():
    stored = json.loads(json.dumps(TABLE.to_dict()))
    assert Table.from_dict(stored) == TABLE
    assert Table.from_dict({**stored, "from_a_newer_version": 1}) == TABLE


def test_select_is_properties_with_the_key_first():
    assert TABLE.select(["lastname", "ownerid", "contactid"]) == (
        "contactid",
        "lastname",
        "_ownerid_value",
    )
    with pytest.raises(ValueError, match="'nope'"):
        TABLE.select(["nope"])


# --- values ---------------------------------------------------------------------------

LOOKUP_TABLE = "@Microsoft.Dynamics.CRM.lookuplogicalname"

#: Column, what the Web API sends, plain value, what the Web API is sent.
VALUES = [
    ("lastname", "Ødegård", "Ødegård", "Ødegård"),
    ("description", "a\nb", "a\nb", "a\nb"),
    ("numberofchildren", 3, 3, 3),
    ("versionnumber", 2**60, 2**60, 2**60),
    ("creditlimit", Decimal("20000.0000"), Decimal("20000.0000"), Decimal("20000")),
    ("creditlimit", 20000, Decimal(20000), Decimal(20000)),
    ("exchangerate", Decimal("0.1"), Decimal("0.1"), Decimal("0.1")),
    ("address1_latitude", Decimal("55.5"), 55.5, 55.5),
    ("donotemail", False, False, False),
    ("birthdate", "1990-02-28", "1990-02-28", "1990-02-28"),
    ("lastonholdtime",) + ("2024-01-02T03:04:05Z",) * 3,
    ("gendercode", 2, 2, 2),
    ("interests", "2,1", [1, 2], "1,2"),
    ("statecode", 0, 0, 0),
    ("statuscode", 1, 1, 1),
    ("contactid", A.upper(), A, A),
]


@pytest.mark.parametrize(("name", "raw", "plain", "sent"), VALUES)
def test_values_travel_both_ways(name, raw, plain, sent):
    row = TABLE.decode({"contactid": A, name: raw})
    value = row.values[name]
    assert value == plain and type(value) is type(plain)
    encoded = TABLE.encode({name: value})[name]
    assert encoded == sent and type(encoded) is type(sent)


@pytest.mark.parametrize("name", [n for n in TABLE.columns if n != "contactid"])
def test_empty_is_none_both_ways(name):
    column = TABLE.columns[name]
    row = TABLE.decode({"contactid": A, column.property: None})
    assert row.values == {"contactid": A, name: None}
    assert list(TABLE.encode({name: None}).values()) == [None]


def test_a_row_has_id_etag_and_only_columns():
    row = TABLE.decode(
        {
            "@odata.context": "…",
            "@odata.etag": 'W/"42"',
            "contactid": A.upper(),
            "lastname": "Doe",
            "somethingelse": 1,
        }
    )
    assert (row.id, row.etag) == (A, 'W/"42"')
    assert row.values == {"contactid": A, "lastname": "Doe"}


def test_fractions_of_seconds_are_dropped():
    row = TABLE.decode({"contactid": A, "lastonholdtime": "2024-01-02T03:04:05.123Z"})
    assert row.values["lastonholdtime"] == "2024-01-02T03:04:05Z"


def test_lookups_are_read_with_their_table():
    raw = {
        "contactid": A,
        "_parentcustomerid_value": B.upper(),
        "_parentcustomerid_value" + LOOKUP_TABLE: "account",
        "_accountid_value": B,
    }
    values = TABLE.decode(raw).values
    assert values["parentcustomerid"] == f"account({B})"
    assert values["accountid"] == f"account({B})"  # one target: no annotation needed


def test_a_polymorphic_lookup_without_its_table_is_refused():
    with pytest.raises(ValueError, match="parentcustomerid"):
        TABLE.decode({"contactid": A, "_parentcustomerid_value": B})


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (
            {"parentcustomerid": f"contact({B.upper()})"},
            {"parentcustomerid_contact@odata.bind": f"/contacts({B})"},
        ),
        (
            {"ownerid": f"team({B})"},
            {"ownerid@odata.bind": f"/teams({B})"},
        ),
        (
            {"new_driverid": f"new_driver({B})"},
            {"new_DriverId@odata.bind": f"/new_drivers({B})"},
        ),
        ({"accountid": None}, {"accountid@odata.bind": None}),
        (
            {"parentcustomerid": None},
            {"parentcustomerid_account@odata.bind": None},
        ),
    ],
)
def test_lookups_are_written_as_bindings(value, body):
    assert TABLE.encode(value) == body


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nope", 1),
        ("lastname", 5),
        ("numberofchildren", "5"),
        ("numberofchildren", True),
        ("numberofchildren", 1.5),
        ("creditlimit", "much"),
        ("creditlimit", Decimal("NaN")),
        ("creditlimit", True),
        ("address1_latitude", float("inf")),
        ("donotemail", 1),
        ("birthdate", "2024-01-02T03:04:05Z"),
        ("birthdate", "02/01/2024"),
        ("lastonholdtime", "2024-01-02"),
        ("gendercode", "Male"),
        ("interests", "1,2"),
        ("interests", ["1"]),
        ("parentcustomerid", B),
        ("parentcustomerid", f"lead({B})"),
        ("parentcustomerid", "account(1)"),
        ("contactid", "1"),
        ("entityimage", "AAAA"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        TABLE.encode({name: value})


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("lastname", 5),
        ("numberofchildren", "many"),
        ("creditlimit", {}),
        ("donotemail", 1),
        ("birthdate", "yesterday"),
        ("interests", "1,x"),
    ],
)
def test_answers_that_do_not_fit_are_refused_by_name(name, raw):
    with pytest.raises(ValueError, match=name):
        TABLE.decode({"contactid": A, name: raw})


def test_a_row_without_key_is_refused():
    with pytest.raises(ValueError):
        TABLE.decode({"lastname": "Doe"})


# --- check ----------------------------------------------------------------------------


def names(values, **options):
    return [problem.name for problem in check(TABLE, values, **options)]


def test_nothing_wrong_is_nothing_said():
    values = {
        "lastname": "x" * 50,
        "creditlimit": Decimal("0"),
        "gendercode": 1,
        "interests": [1, 2],
        "statecode": 1,
        "statuscode": 2,
        "birthdate": "1753-01-01",
        "parentcustomerid": None,
        "description": "tab\tline\r\nline",
    }
    assert check(TABLE, values) == []
    assert check(TABLE, {**values, "isocode": "DK"}, creating=True) == []


@pytest.mark.parametrize(
    ("values", "name", "sentence"),
    [
        (
            {"lastname": "x" * 53},
            "StringLengthTooLong",
            "'Last Name' takes at most 50 characters; this value has 53.",
        ),
        (
            {"lastname": "x" * 49 + "😀"},
            "StringLengthTooLong",
            "'Last Name' takes at most 50 characters; this value has 51.",
        ),
        (
            {"gendercode": 9},
            "PicklistValueOutOfRange",
            "'Gender' has no option 9. Check the option mapping.",
        ),
        (
            {"interests": [1, 7]},
            "PicklistValueOutOfRange",
            "'Interests' has no option 7. Check the option mapping.",
        ),
        (
            {"creditlimit": Decimal("-1")},
            "ValueOutOfRange",
            "'Credit Limit' takes values from 0 to 100000000000000; this value is -1.",
        ),
        (
            {"birthdate": "1752-12-31"},
            "ValueOutOfRange",
            "'Birthdate' does not take the value 1752-12-31; it is out of range.",
        ),
        (
            {"lastname": "a\x08b"},
            "InvalidCharactersInField",
            "'Last Name' contains characters that cannot be stored. Remove control "
            "characters from the text.",
        ),
        (
            {"isocode": None},
            "RequiredColumn",
            "'Isocode' must have a value in Dynamics 365.",
        ),
        (
            {"fullname": "x"},
            "ReadOnlyColumn",
            "'Fullname' cannot be written; Dynamics 365 sets it itself.",
        ),
        (
            {"nope": "x"},
            "UnknownColumn",
            "The table 'Contact' has no column 'nope'.",
        ),
        (
            {"statecode": 0, "statuscode": 2},
            "InvalidStateCodeStatusCode",
            "The status reason 2 does not belong to the status 0 in Dynamics 365.",
        ),
    ],
)
def test_what_would_be_refused_is_said_before(values, name, sentence):
    (problem,) = check(TABLE, values)
    assert (problem.name, problem.sentence) == (name, sentence)
    assert problem.column in values
    assert problem.sentence == problem.template % problem.facts
    assert problem.name in FAULTS


def test_a_value_of_the_wrong_kind_is_a_problem_not_an_exception():
    assert names({"gendercode": "Male", "lastname": 5}) == ["InvalidArgument"] * 2


def test_a_create_needs_what_dataverse_does_not_supply():
    # Not the owner, the state, the key, nor what is numbered automatically.
    assert [p.column for p in check(TABLE, {}, creating=True)] == ["isocode"]
    assert check(TABLE, {}) == []


def test_a_key_may_be_given_only_on_create():
    values = {"contactid": A, "isocode": "x"}
    assert names(values, creating=True) == []
    assert names(values) == ["ReadOnlyColumn"]


def test_a_column_without_known_options_accepts_any():
    table = Table("t", "ts", "tid", columns={"c": Column("c", "Picklist")})
    assert check(table, {"c": 5}) == []
