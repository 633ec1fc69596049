"""Transformation rules: each step, chains of them, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import Chain, Join, Kind, Line, Step, Untranslatable, conversion, steps
from sync.values import canonical


def chain(*some_steps, **options):
    return Chain(some_steps, **options)


STEPS = [
    (steps.upper(), "straße", "STRASSE"),
    (steps.lower(), "ÆRØ", "ærø"),
    (steps.title(), "van der BERG", "Van Der Berg"),
    (steps.trim(), "  x ", "x"),
    (steps.trim(), "   ", None),
    (steps.substring(2, 3), "abcdef", "bcd"),
    (steps.substring(3, 0), "abcdef", "cdef"),
    (steps.substring(9, 2), "abc", None),
    (steps.replace("-", ""), "1-2-3", "123"),
    (steps.alphanumeric(), "Æ-1 (b)", "Æ1b"),
    (steps.split(";", 2), "a; b;c", "b"),
    (steps.split(";", -1), "a; b;c", "c"),
    (steps.split(";", 5), "a;b", None),
    (steps.prefix("DK-"), "10", "DK-10"),
    (steps.default("none"), None, "none"),
    (steps.default("none"), "x", "x"),
    (steps.table([("a", "1"), ("b", "2")]), "b", "2"),
    (steps.rounded(1), "1.25", "1.3"),
    (steps.number_format(2, ",", "."), "-1234567.5", "-1.234.567,50"),
    (steps.number_format(0, ",", "."), 1500, "1.500"),
    (steps.date_format("%d.%m.%Y"), "2026-02-01", "01.02.2026"),
    (steps.date_format("%Y-%m-%d %H:%M"), "2026-02-01T08:30:00Z", "2026-02-01 08:30"),
]


@pytest.mark.parametrize(("step", "value", "expected"), STEPS)
def test_a_step(step, value, expected):
    assert chain(step).forward(value) == expected


@pytest.mark.parametrize(
    ("step", "value", "returned"),
    [
        (steps.prefix("DK-"), "DK-10", "10"),
        (steps.default("none"), "none", None),
        (steps.table([("a", "1"), ("b", "1")]), "1", "a"),
        (steps.number_format(2, ",", "."), "-1.234,50", "-1234.5"),
        (steps.date_format("%d.%m.%Y"), "01.02.2026", "2026-02-01"),
        (
            steps.date_format("%d.%m.%Y %H:%M"),
            "01.02.2026 08:30",
            "2026-02-01T08:30:00Z",
        ),
        (steps.upper(), "Ab", "AB"),
    ],
)
def test_the_way_back(step, value, returned):
    assert chain(step).backward(value) == returned


@pytest.mark.parametrize(
    ("step", "value", "sentence"),
    [
        (steps.prefix("DK-"), "SE-1", "does not begin with 'DK-'"),
        (steps.table([("a", "1")]), "9", "is not in the table"),
        (steps.number_format(2, ",", "."), "many", "is not a number"),
        (steps.date_format("%d.%m.%Y"), "soon", "is not a date of the form %d.%m.%Y"),
    ],
)
def test_what_cannot_come_back_is_refused(step, value, sentence):
    with pytest.raises(Untranslatable) as caught:
        chain(step).backward(value)
    assert sentence in caught.value.sentence


def test_a_step_that_meets_another_type_refuses_it():
    with pytest.raises(Untranslatable, match="is not a date"):
        chain(steps.date_format("%d.%m.%Y")).forward("soon")
    with pytest.raises(Untranslatable, match="is not a number"):
        chain(steps.number_format(2, ",", ".")).forward("many")
    with pytest.raises(Untranslatable, match="is not a number"):
        chain(steps.rounded(2)).forward("many")


def test_steps_follow_each_other_and_are_undone_in_reverse():
    rule = chain(steps.default("0"), steps.prefix("A-"), steps.prefix("B-"))
    assert rule.forward(None) == "B-A-0"
    assert rule.backward("B-A-0") is None
    assert not rule.one_way


def test_what_loses_something_needs_one_direction():
    rule = chain(steps.trim(), steps.replace("a", "b"))
    assert rule.one_way
    with pytest.raises(ValueError, match="needs one direction"):
        Line("x", ("f",), ("c",), rule)
    line = Line("x", ("f",), ("c",), rule, direction="to_integration")
    assert line.translate("dataverse", {"f": " banana "}) == {"c": "bbnbnb"}


def test_towards_odoo_the_steps_work_on_the_way_to_odoo():
    rule = chain(steps.replace("Inc.", "Ltd."), to_odoo_only=True)
    line = Line("x", ("f",), ("c",), rule, direction="from_integration")
    assert line.translate("odoo", {"c": "Acme Inc."}) == {"f": "Acme Ltd."}


def test_forms_make_no_difference():
    rule = chain(steps.trim(), steps.upper())
    assert rule.normal(" a ") == rule.normal("A") == "A"
    line = Line("x", ("f",), ("c",), rule)
    assert line.agrees(
        {"odoo": {"f": "acme"}, "dataverse": {"c": "ACME"}}, "bidirectional"
    )


def test_steps_and_then_the_types():
    """The result of the steps still has to fit the column."""
    rule = Chain([steps.prefix("9")], conversion(Kind("text"), Kind("integer")))
    assert rule.to_dataverse(("5",), {}) == (95,)
    assert rule.to_odoo((95,), {}) == ("5",)


def test_a_step_of_another_addon_is_one_function():
    rule = chain(Step(lambda text: text[::-1], lambda text: text[::-1]))
    assert rule.backward(rule.forward("abc")) == "abc"


@pytest.mark.parametrize(
    "make",
    [
        lambda: steps.substring(0, 1),
        lambda: steps.replace("", "x"),
        lambda: steps.split("", 1),
        lambda: steps.split(";", 0),
        lambda: steps.prefix(""),
        lambda: steps.default(""),
        lambda: steps.table([]),
        lambda: steps.date_format("day"),
        lambda: steps.number_format(2, ",", ","),
        lambda: Join("", 2),
    ],
)
def test_settings_that_make_no_sense(make):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        make()


def test_one_field_of_several_columns():
    join = Join(", ", 3)
    assert join.to_odoo(("a", None, "c"), {}) == ("a, c",)
    assert join.to_dataverse(("a, b",), {}) == ("a", "b", None)
    assert join.to_dataverse(("a, b, c, d",), {}) == ("a", "b", "c, d")
    assert join.to_dataverse((None,), {}) == (None, None, None)
    assert join.fits(1, 3) and not join.fits(1, 2)


TWO_WAY = [
    steps.prefix("P"),
    steps.default("(none)"),
    steps.table([("a", "1"), ("b", "2")]),
]


@given(st.lists(st.sampled_from(TWO_WAY), max_size=3), st.text(max_size=9))
def test_a_chain_brings_back_what_it_took(some_steps, text):
    value = canonical(text, "text")
    rule = chain(*some_steps)
    try:
        returned = rule.backward(rule.forward(value))
    except Untranslatable:
        return
    assert returned == value or value == "(none)"
