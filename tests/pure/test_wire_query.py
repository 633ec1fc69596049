"""Filters: exact text, and nothing a value can break out of."""

from __future__ import annotations

import uuid

import pytest

from dataverse import Column, query

NAME = Column("name", "String")
LOOKUP = Column("parentid", "Lookup", targets=("account",))
GUID = "2E451703-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("column", "value", "condition"),
    [
        (NAME, "O'Brien') or 1 eq 1", "name eq 'O''Brien'') or 1 eq 1'"),
        (NAME, None, "name eq null"),
        (LOOKUP, f"account({GUID})", f"_parentid_value eq {GUID.lower()}"),
        (LOOKUP, GUID, f"_parentid_value eq {GUID.lower()}"),
        (Column("id", "Uniqueidentifier"), uuid.UUID(GUID), f"id eq {GUID.lower()}"),
        (Column("n", "Integer"), 5, "n eq 5"),
        (Column("n", "Picklist"), 1, "n eq 1"),
        (Column("n", "Money"), "1.50", "n eq 1.50"),
        (Column("n", "Boolean"), True, "n eq true"),
        (Column("n", "Boolean"), False, "n eq false"),
        (Column("d", "DateTime"), "2024-02-29", "d eq 2024-02-29"),
        (Column("d", "DateTime"), "2024-02-29T01:02:03Z", "d eq 2024-02-29T01:02:03Z"),
    ],
)
def test_eq(column, value, condition):
    assert query.eq(column, value) == condition


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (LOOKUP, "account(x) or 1 eq 1"),
        (Column("id", "Uniqueidentifier"), "' or ''='"),
        (Column("n", "Integer"), "5 or 1 eq 1"),
        (Column("d", "DateTime"), "2024-02-29 or 1 eq 1"),
        (Column("d", "DateTime"), 5),
    ],
)
def test_values_that_do_not_fit_are_refused(column, value):
    with pytest.raises((ValueError, ArithmeticError)):
        query.eq(column, value)


def test_any_of_quotes_every_value():
    assert query.any_of(NAME, ['a"b', "O'Brien", "c\\d"]) == (
        "Microsoft.Dynamics.CRM.In(PropertyName='name',"
        'PropertyValues=["a\\"b","O\'Brien","c\\\\d"])'
    )
    column = Column("accountid", "Uniqueidentifier")
    assert GUID.lower() in query.any_of(column, [GUID])
    for values in ([], [None]):
        with pytest.raises(ValueError):
            query.any_of(NAME, values)


def test_conditions_combine_in_parentheses():
    assert query.and_("a eq 1", "", "b eq 2") == "((a eq 1) and (b eq 2))"
    assert query.or_("a eq 1", query.and_("b eq 2", "c eq 3")) == (
        "((a eq 1) or (((b eq 2) and (c eq 3))))"
    )
    assert query.and_("a eq 1") == "a eq 1"
    assert query.or_() == ""


def test_guid_and_name_accept_nothing_else():
    assert query.guid("{" + GUID + "}") == GUID.lower()
    assert query.quote("a'b") == "'a''b'"
    for bad in ("", None, "1", GUID + "x"):
        with pytest.raises(ValueError):
            query.guid(bad)
    for bad in ("", None, "a b", "a(b)", "a'b", "../x", "1a"):
        with pytest.raises(ValueError):
            query.name(bad)
