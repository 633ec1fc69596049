"""Filters that are evaluated here: certain answers only, and sentences for mistakes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_support import A, B, contact_table

from dataverse import FilterError, read_filter

TABLE = contact_table()
ROW = {
    "contactid": A,
    "lastname": "Ærø Berg",
    "description": None,
    "numberofchildren": 2,
    "creditlimit": Decimal("10.50"),
    "donotemail": False,
    "birthdate": "1980-05-17",
    "gendercode": 1,
    "statecode": 0,
    "parentcustomerid": f"account({A})",
    "ownerid": f"systemuser({B})",
    "address1_latitude": 55.5,
}


def verdict(text, **values):
    return read_filter(text, TABLE).matches(ROW | values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("statecode eq 0", True),
        ("statecode ne 0", False),
        ("numberofchildren gt 1 and numberofchildren le 2", True),
        ("numberofchildren lt 1 or creditlimit ge 10.5", True),
        ("creditlimit eq 10.50", True),
        ("not (statecode eq 1)", None),  # an empty column is among those looked at
        ("donotemail eq false", True),
        ("donotemail eq true", False),
        ("birthdate ge 1980-01-01", True),
        ("description eq null", True),
        ("description ne null", False),
        ("lastname ne null", True),
        ("description eq 'x'", False),
        ("lastname eq 'Ærø Berg'", True),
        ("lastname eq 'Other'", False),
        ("lastname eq 'ÆRØ BERG'", None),
        ("lastname eq 'Aero Berg'", False),
        ("contains(lastname,'Berg')", True),
        ("contains(lastname,'berg')", None),
        ("startswith(lastname,'X')", False),
        ("contains(lastname,'%')", None),
        ("endswith(description,'x')", False),
        (f"_parentcustomerid_value eq {A}", True),
        (f"_parentcustomerid_value eq {B}", False),
        ("_parentcustomerid_value ne null", True),
        ("parentcustomerid_account/accountid ne null", True),
        ("parentcustomerid_account/accountid eq null", False),
        ("parentcustomerid_contact/contactid ne null", False),
        ("parentcustomerid_account/name eq 'x'", None),
        (
            "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=7)",
            None,
        ),
        ("contact_customer_accounts/any(o:o/revenue gt 5)", None),
        ("statecode eq 1 and lastname eq 'AERØ'", False),
        ("statecode eq 0 or Microsoft.Dynamics.CRM.Today(PropertyName='x')", True),
        ("lastname eq description", None),
        ("lastname gt 'A'", None),
        ("((statecode eq 0))", True),
        ("lastname eq 'O''Hara' or statecode eq 0", True),
    ],
)
def test_what_can_be_told_here(text, expected):
    assert verdict(text) is expected


def test_a_row_without_the_column_is_asked_about():
    assert read_filter("statecode eq 0", TABLE).matches({"lastname": "x"}) is None
    assert read_filter("statecode eq 0", TABLE).columns == {"statecode"}
    found = read_filter("parentcustomerid_account/accountid ne null", TABLE)
    assert found.columns == {"parentcustomerid"}


def test_unequal_to_an_empty_column_is_for_dataverse_to_say():
    assert verdict("numberofchildren ne 5", numberofchildren=None) is None
    assert verdict("not contains(description,'x')") is None


def test_values_as_the_database_keeps_them():
    """JSON has no decimals: they come back as text."""
    assert verdict("creditlimit gt 10", creditlimit="10.50") is True


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("statecod eq 0", "The table 'Contact' has no column 'statecod' to filter by."),
        ("parentcustomerid eq null", "write '_parentcustomerid_value' instead of"),
        ("nowhere/accountid ne null", "has no column 'nowhere'"),
        ("statecode", "After 'statecode' the filter needs a comparison"),
        ("statecode = 0", "After 'statecode' the filter needs a comparison"),
        ("statecode eq", "The filter ends after 'eq'."),
        ("statecode eq 0 and", "The filter is incomplete."),
        ("(statecode eq 0", "The filter misses a ')'."),
        ("contains(lastname,'x'", "The filter misses a ')'."),
        ("statecode eq 0)", "cannot be read from ')' on"),
        ("statecode eq 'a'", "''a'' is no value of the column 'statecode' (State)."),
        ("donotemail eq 1", "'1' is no value of the column 'donotemail'"),
        ("statecode in (0,2)", "Dataverse does not know 'in'"),
        ("lastname eq 5", "'5' is no value of the column 'lastname'"),
        ("lastname eq 'x", "cannot be read from"),
        ("statecode eq 0 § 1", "cannot be read from '§"),
        ("(" * 60 + "statecode eq 0" + ")" * 60, "too many brackets"),
    ],
)
def test_mistakes_are_named(text, sentence):
    with pytest.raises(FilterError) as caught:
        read_filter(text, TABLE)
    assert sentence in str(caught.value)
    assert caught.value.template % caught.value.facts == str(caught.value)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "(",
                ")",
                "and",
                "or",
                "not",
                "statecode",
                "eq",
                "0",
                "'x'",
                "null",
                "in",
                ",",
                "contains",
                "lastname",
                "any",
                "/",
                ":",
            ]
        ),
        max_size=14,
    ).map(" ".join)
)
def test_whatever_is_typed_is_read_or_refused(text):
    try:
        result = read_filter(text, TABLE).matches(ROW)
    except FilterError:
        return
    assert result in (True, False, None)
