"""Values of one side in the other side's types: unchanged, or refused."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import (
    Active,
    Choice,
    Choices,
    Html,
    Kind,
    Labels,
    Named,
    Untranslatable,
    conversion,
)
from sync.convert import NUMBERS
from sync.values import canonical

COPENHAGEN = ZoneInfo("Europe/Copenhagen")


def rule(odoo, dataverse, *, digits=(None, None), zone=COPENHAGEN, **limits):
    found = conversion(
        Kind(odoo, digits[0], **limits), Kind(dataverse, digits[1]), zone
    )
    assert found is not None
    return found


def there(a_rule, value):
    (result,) = a_rule.to_dataverse((value,), {})
    return result


def back(a_rule, value):
    (result,) = a_rule.to_odoo((value,), {})
    return result


def survives(a_rule, value):
    """Whether a value comes back as it was; False when it is refused. Fails when it
    comes back as another one."""
    try:
        returned = back(a_rule, there(a_rule, value))
    except Untranslatable as refusal:
        assert str(refusal.value)
        return False
    assert a_rule.normal(returned) == a_rule.normal(value)
    return True


# -- property: what Odoo can hold goes to Dataverse and back, or is reported ---------

KINDS = {
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(-(10**15), 10**15, places=6).map(float),
    "money": st.decimals(-(10**12), 10**12, places=4).map(float),
    "boolean": st.booleans(),
    "date": st.dates(),
    "datetime": st.datetimes(),
}
DATAVERSE = ["text", "guid", "integer", "decimal", "money", "float", "boolean"]
DATAVERSE += ["date", "datetime", "wall"]
PAIRS = [
    (here, other)
    for here in KINDS
    for other in DATAVERSE
    if conversion(Kind(here), Kind(other), COPENHAGEN)
]


@given(st.sampled_from(PAIRS), st.data(), st.sampled_from([None, 0, 2, 4, 10]))
def test_what_odoo_holds_comes_back_or_is_refused(pair, data, digits):
    here, other = pair
    value = canonical(data.draw(KINDS[here]), here)
    a_rule = rule(here, other, digits=(None, digits))
    if here == "datetime" and other == "date":
        # A day has no time: that is what the column is for. It is never sent back.
        try:
            day = there(a_rule, value)
            assert a_rule.normal(value) == a_rule.normal(back(a_rule, day))
        except Untranslatable:
            assert value[:4] in ("0001", "9999")
        return
    survives(a_rule, value)


@given(st.sampled_from(PAIRS), st.data(), st.sampled_from([None, 0, 2, 4]))
def test_what_dataverse_holds_comes_back_or_is_refused(pair, data, digits):
    here, other = pair
    kind = "datetime" if other == "wall" else other
    source = KINDS.get(kind, st.uuids().map(str))
    value = canonical(data.draw(source), kind)
    if other == "decimal":
        value = canonical(value, "decimal", digits=10)
    a_rule = rule(here, other, digits=(digits, None))
    try:
        held = back(a_rule, value)
        returned = there(a_rule, held)
    except Untranslatable:
        return
    assert a_rule.normal(returned) == a_rule.normal(value)


# -- limits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digits", "value", "expected"),
    [
        (4, "10.1234", "10.1234"),
        (2, "-0.01", "-0.01"),
        (2, "0.30000000000000004", "0.3"),
        (2, None, None),
        (2, "922337203685477.58", "922337203685477.58"),
    ],
)
def test_money_that_fits(digits, value, expected):
    assert there(rule("money", "money", digits=(None, digits)), value) == expected


def test_four_decimals_are_not_cut_to_two():
    with pytest.raises(Untranslatable, match="more decimals than the 2"):
        there(rule("money", "money", digits=(None, 2)), "10.1234")
    with pytest.raises(Untranslatable, match="more decimals than the 2"):
        back(rule("decimal", "decimal", digits=(2, 10)), "10.1234")


def test_numbers_that_odoo_cannot_hold():
    with pytest.raises(Untranslatable, match="too large for Odoo"):
        back(rule("integer", "integer"), 2**31)
    assert back(rule("integer", "integer"), -(2**31)) == -(2**31)
    with pytest.raises(Untranslatable, match="more digits than Odoo can hold"):
        back(rule("float", "decimal", digits=(None, 10)), "12345678901.1234567891")
    with pytest.raises(Untranslatable, match="more decimals than the 0"):
        there(rule("float", "integer"), 1.5)


def test_digits_in_a_text_are_a_number_only_as_they_are_written():
    a_rule = rule("text", "integer")
    assert there(a_rule, "42") == 42
    assert back(a_rule, 42) == "42"
    for text in ("007", "4,2", "many"):
        with pytest.raises(Untranslatable, match="is not a plain number"):
            there(a_rule, text)


@pytest.mark.parametrize(
    "text", ["🎉 Ærø", "שלום עולם", "مرحبا", "a" * 4000, "two\nlines", "tab\tbed"]
)
def test_text_of_any_script_travels_as_it_is(text):
    a_rule = rule("text", "text")
    assert there(a_rule, text) == back(a_rule, text) == text


def test_text_that_odoo_would_cut_is_refused():
    a_rule = rule("text", "text", size=5)
    assert back(a_rule, "12345") == "12345"
    with pytest.raises(Untranslatable, match="6 characters and Odoo's field holds 5"):
        back(a_rule, "123456")


def test_a_selection_takes_only_its_own_values():
    a_rule = rule("text", "text", allowed=("a", "b"))
    assert back(a_rule, "a") == "a"
    with pytest.raises(Untranslatable, match="does not know the choice 'c'"):
        back(a_rule, "c")


# -- days, moments, wall clocks ------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-01-31T23:30:00Z", "2026-02-01"),
        ("2026-07-01T21:59:59Z", "2026-07-01"),
        ("2026-07-01T22:00:00Z", "2026-07-02"),
    ],
)
def test_the_day_of_a_moment_is_the_one_people_see(moment, day):
    assert there(rule("datetime", "date"), moment) == day
    assert back(rule("date", "datetime"), moment) == day


def test_a_day_that_agrees_leaves_the_time_alone():
    a_rule = rule("date", "datetime")
    assert a_rule.normal("2026-07-01T12:00:00Z") == a_rule.normal(
        there(a_rule, "2026-07-01")
    )


@pytest.mark.parametrize(
    ("utc", "wall"),
    [
        ("2026-01-15T12:00:00Z", "2026-01-15T13:00:00Z"),
        ("2026-07-15T12:00:00Z", "2026-07-15T14:00:00Z"),
        ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
    ],
)
def test_a_wall_clock_follows_daylight_saving(utc, wall):
    a_rule = rule("datetime", "wall")
    assert there(a_rule, utc) == wall
    assert back(a_rule, wall) == utc


def test_the_hour_that_the_clock_shows_twice_is_refused_once():
    a_rule = rule("datetime", "wall")
    assert there(a_rule, "2026-10-25T00:30:00Z") == "2026-10-25T02:30:00Z"
    with pytest.raises(Untranslatable, match="clock shows twice"):
        there(a_rule, "2026-10-25T01:30:00Z")


def test_the_hour_that_the_clock_skips_is_refused():
    with pytest.raises(Untranslatable, match="clock never shows"):
        back(rule("datetime", "wall"), "2026-03-29T02:30:00Z")


def test_moments_at_the_end_of_time_are_refused():
    with pytest.raises(Untranslatable, match="out of range"):
        there(rule("date", "datetime"), "0001-01-01")


# -- what does not go together -------------------------------------------------------


@pytest.mark.parametrize(
    ("odoo", "dataverse"),
    [
        ("date", "integer"),
        ("datetime", "text"),
        ("boolean", "text"),
        ("integer", "boolean"),
        ("lookup", "text"),
        ("text", "lookup"),
        ("html", "integer"),
        ("text", "choice"),
    ],
)
def test_types_without_rule(odoo, dataverse):
    assert conversion(Kind(odoo), Kind(dataverse)) is None


def test_html_and_numbers_have_a_rule():
    assert isinstance(conversion(Kind("html"), Kind("text")), Html)
    for here in NUMBERS:
        for other in NUMBERS:
            assert conversion(Kind(here), Kind(other)) is not None


# -- several values ------------------------------------------------------------------


def test_several_choices():
    colours = Choices({"odoo:tag,1": 10, "odoo:tag,2": 20, "odoo:tag,3": 20})
    assert there(colours, ["odoo:tag,2", "odoo:tag,1"]) == [10, 20]
    assert there(colours, ["odoo:tag,3", "odoo:tag,2"]) == [20]
    assert back(colours, [20, 10]) == ["odoo:tag,1", "odoo:tag,2"]
    assert there(colours, None) is None and back(colours, None) is None
    with pytest.raises(Untranslatable, match="no choice in Odoo is mapped to '30'"):
        back(colours, [10, 30])


def test_records_by_their_names():
    labels = Labels({"t,1": "Blue", "t,2": "Round", "t,3": "Twin", "t,4": "twin"})
    assert there(labels, ["t,2", "t,1"]) == "Blue; Round"
    assert back(labels, "round ;Blue;") == ["t,1", "t,2"]
    assert there(labels, None) is None and back(labels, None) is None
    with pytest.raises(Untranslatable, match="2 records in Odoo are called 'Twin'"):
        back(labels, "Twin")
    with pytest.raises(Untranslatable, match="0 records in Odoo are called 'Green'"):
        back(labels, "Green")


def test_a_record_by_its_name():
    names = {"t,1": "Blue", "t,2": "Twin", "t,3": "twin"}

    def find(name):
        return [key for key, one in names.items() if one.casefold() == name.casefold()]

    named = Named(names.get, find)
    assert there(named, "t,1") == "Blue" and back(named, " blue ") == "t,1"
    assert there(named, None) is None and back(named, " ") is None
    with pytest.raises(Untranslatable, match="2 records in Odoo are called 'Twin'"):
        back(named, "Twin")
    with pytest.raises(Untranslatable, match="no record in Odoo is called 'Green'"):
        back(named, "Green")
    assert back(Named(names.get, find, creates=True), "Green") == "new:Green"


def test_a_name_with_the_separator_is_refused():
    with pytest.raises(Untranslatable, match="contains the separator"):
        there(Labels({"t,1": "a; b"}), ["t,1"])


def test_every_refusal_has_a_sentence_for_other_languages():
    for a_rule, value in (
        (Choice({"a": 1}), "x"),
        (Active(), None),
        (rule("money", "money", digits=(None, 2)), "1.234"),
    ):
        with pytest.raises(Untranslatable) as caught:
            if isinstance(a_rule, Active):
                a_rule.to_odoo((value, None), {})
            else:
                there(a_rule, value)
        problem = caught.value
        assert problem.template % problem.facts == problem.sentence
        assert "%(" not in problem.sentence


def test_utc_needs_no_zone():
    moment = datetime(2026, 5, 1, 8, tzinfo=timezone.utc)
    value = canonical(moment, "datetime")
    assert there(rule("datetime", "wall", zone=timezone.utc), value) == value
