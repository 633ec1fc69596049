"""Lines and groups: what a mapping may say, and what it would write."""

from __future__ import annotations

import pytest

from sync import (
    Active,
    Choice,
    Constant,
    Country,
    Group,
    Line,
    PersonName,
    Rule,
    State,
    Text,
    Untranslatable,
    group_lines,
)

COUNTRY = Country([("US", "United States"), ("DK", "Denmark")])
STATE = State([("US-WA", "Washington")], COUNTRY, "country")
ADDRESS = Group(
    "address",
    (
        Line("street", ("street",), ("line1",)),
        Line("country", ("country_id",), ("country",), COUNTRY),
        Line("state", ("state_id",), ("state",), STATE),
    ),
)
BOTH = "bidirectional"


def rows(odoo, dataverse):
    return {"odoo": odoo, "dataverse": dataverse}


@pytest.mark.parametrize(
    ("fields", "columns", "rule", "direction", "sentence"),
    [
        (("a",), ("x", "y"), None, BOTH, "k: the rule Same does not fit 1 fields"),
        ((), (), None, BOTH, "does not fit 0 fields and 0 columns"),
        (("a",), ("x",), PersonName(), BOTH, "PersonName does not fit"),
        (("a", "b"), ("x", "y"), COUNTRY, BOTH, "Country does not fit"),
        (("a", "b"), ("x", "y"), STATE, BOTH, "State does not fit"),
        (("a",), ("x",), Active(), BOTH, "Active does not fit"),
        ((), ("x", "y"), Constant(1), "to_integration", "Constant does not fit"),
        (("a",), ("x",), Constant(1), BOTH, "Constant needs one direction"),
        (("a",), (), Constant(1), "to_integration", "nothing to write to in dataverse"),
        (("a",), ("x",), None, "sideways", "unknown direction 'sideways'"),
    ],
)
def test_a_line_that_cannot_work_is_refused(fields, columns, rule, direction, sentence):
    with pytest.raises(ValueError, match=sentence):
        Line(
            "k",
            fields,
            columns,
            **({"rule": rule} if rule else {}),
            direction=direction,
        )


def test_a_group_translates_all_its_lines():
    assert ADDRESS.fields == ("street", "country_id", "state_id")
    assert ADDRESS.columns == ("line1", "country", "state")
    assert ADDRESS.direction == BOTH
    odoo = {"street": "Main 1", "country_id": "US", "state_id": "US-WA", "other": 1}
    dataverse = {"line1": "Main 1", "country": "United States", "state": "Washington"}
    assert ADDRESS.to_dataverse(odoo) == dataverse
    assert ADDRESS.to_odoo(dataverse) == {
        "street": "Main 1",
        "country_id": "US",
        "state_id": "US-WA",
    }


def test_a_value_that_was_not_read_is_no_empty_value():
    with pytest.raises(KeyError):
        ADDRESS.to_dataverse({"street": "x", "country_id": None})


def test_a_rule_that_gives_too_much_is_found_out():
    class Two(Rule):
        def to_odoo(self, values, row):
            return values * 2

    with pytest.raises(ValueError):
        Line("k", ("a",), ("x",), Two()).translate("odoo", {"x": 1})


def test_untranslatable_names_its_line():
    with pytest.raises(Untranslatable) as caught:
        ADDRESS.to_odoo({"line1": "x", "country": "Atlantis", "state": None})
    assert caught.value.line == "country"


def test_a_failure_can_clear_the_target():
    line = Line("c", ("country_id",), ("country",), COUNTRY, clear_on_failure=True)
    assert line.translate("odoo", {"country": "Atlantis"}) == {"country_id": None}
    assert line.translate("dataverse", {"country_id": "XX"}) == {"country": None}


def test_sides_agree_when_either_translation_says_so():
    name = Group("n", (Line("n", ("name",), ("first", "last"), PersonName()),))
    odoo = {"name": "Maria Garcia Lopez"}
    split_otherwise = {"first": "Maria", "last": "Garcia Lopez"}
    for direction in (BOTH, "to_integration", "from_integration"):
        assert name.agrees(rows(odoo, split_otherwise), direction)
    terms = Group("t", (Line("t", ("term",), ("code",), Choice({"a": 1, "b": 1})),))
    assert terms.agrees(rows({"term": "b"}, {"code": 1}), BOTH)
    assert not terms.agrees(rows({"term": None}, {"code": 1}), BOTH)


def test_a_status_reason_of_its_own_is_left_alone():
    active = Group("a", (Line("a", ("active",), ("state", "status"), Active()),))
    assert active.agrees(rows({"active": True}, {"state": 0, "status": 77}), BOTH)
    changed = rows({"active": False}, {"state": 0, "status": 77})
    assert active.changes("dataverse", changed, BOTH) == {"state": 1, "status": 2}


def test_a_region_that_odoo_has_no_room_for_is_not_erased():
    odoo = {"street": "Ny 2", "country_id": "DK", "state_id": None}
    dataverse = {"line1": "Ny 1", "country": "Danmark", "state": "Sjælland"}
    pair = rows(odoo, dataverse)
    assert ADDRESS.changes("dataverse", pair, BOTH) == {"line1": "Ny 2"}
    assert ADDRESS.changes("odoo", pair, BOTH) == {"street": "Ny 1"}


def test_what_cannot_be_translated_does_not_agree():
    odoo = {"street": None, "country_id": "DK", "state_id": None}
    dataverse = {"line1": None, "country": "Atlantis", "state": None}
    assert not ADDRESS.agrees(rows(odoo, dataverse), BOTH)
    assert ADDRESS.changes("dataverse", rows(odoo, dataverse), BOTH) == {
        "country": "Denmark"
    }


@pytest.mark.parametrize(
    ("line", "odoo", "dataverse", "push"),
    [
        (Line("c", (), ("x",), Constant(3), "to_integration"), {}, {"x": 5}, {"x": 3}),
        (Line("c", (), ("x",), Constant(3), "to_integration"), {}, {"x": 3}, {}),
        (
            Line("c", (), ("x",), Constant(3), "to_integration", fill_only=True),
            {},
            {"x": 5},
            {},
        ),
        (
            Line("c", (), ("x",), Constant(3), "to_integration", fill_only=True),
            {},
            {"x": None},
            {"x": 3},
        ),
        (Line("f", ("a",), ("x",), fill_only=True), {"a": "A"}, {"x": "X"}, {}),
        (
            Line("f", ("a",), ("x",), fill_only=True),
            {"a": "A"},
            {"x": None},
            {"x": "A"},
        ),
        (Line("f", ("a",), ("x",), fill_only=True), {"a": None}, {"x": None}, {}),
        (Line("u", ("a",), ("x",), Text("upper")), {"a": "b"}, {"x": "B"}, {}),
    ],
)
def test_what_a_line_would_write(line, odoo, dataverse, push):
    group, pair = Group(line.key, (line,)), rows(odoo, dataverse)
    assert group.changes("dataverse", pair, line.direction) == push
    assert group.agrees(pair, line.direction) == (not push)


def test_fill_only_fills_only_what_is_empty_of_several():
    line = Line("f", ("a", "b"), ("x", "y"), fill_only=True)
    pair = rows({"a": "A", "b": "B"}, {"x": "X", "y": None})
    assert line.changes("dataverse", pair) == {"y": "B"}


def test_an_owner_is_never_emptied():
    line = Line("owner", ("user_id",), ("ownerid",), never_empties=True)
    for target, pair in (
        ("dataverse", rows({"user_id": None}, {"ownerid": "systemuser(1)"})),
        ("odoo", rows({"user_id": "systemuser(1)"}, {"ownerid": None})),
    ):
        assert line.changes(target, pair) == {}
        assert line.agrees(pair, BOTH)
    group = Group("owner", (line,))
    assert group.to_dataverse({"user_id": None}) == {}
    pair = rows({"user_id": "systemuser(2)"}, {"ownerid": "systemuser(1)"})
    assert line.changes("dataverse", pair) == {"ownerid": "systemuser(2)"}


class Percent(Rule):
    of_the_row = True

    def to_dataverse(self, values, row):
        return (values[0] * row["price"] // 100,)

    def to_odoo(self, values, row):
        return (values[0] * 100 // row["amount"],)


def test_a_value_of_the_row_agrees_only_if_both_sides_say_so():
    line = Line("discount", ("percent",), ("discount",), Percent())
    before = {"amount": 100, "discount": 10}
    assert line.agrees(rows({"percent": 10, "price": 100}, before), BOTH)
    doubled = rows({"percent": 10, "price": 200}, before)
    assert not line.agrees(doubled, BOTH)
    assert line.changes("dataverse", doubled) == {"discount": 20}


def test_lines_are_grouped_in_their_order():
    lines = [Line(k, (k,), (k.upper(),)) for k in "abcd"]
    groups = group_lines(lines, {"b": "pair", "d": "pair"})
    assert [g.key for g in groups] == ["a", "pair", "c"]
    assert groups[1].fields == ("b", "d")
    assert groups[1].columns == ("B", "D")


@pytest.mark.parametrize(
    ("lines", "groups", "sentence"),
    [
        (
            [Line("a", ("x",), ("X",)), Line("b", ("x",), ("Y",))],
            {},
            "a and b both write x",
        ),
        (
            [
                Line("a", ("x",), ("Z",), direction="to_integration"),
                Line("b", ("y",), ("Z",)),
            ],
            {},
            "a and b both write Z",
        ),
        ([Line("a", ("x",), ("X",)), Line("a", ("y",), ("Y",))], {}, "two lines"),
        (
            [
                Line("a", ("x",), ("X",)),
                Line("b", ("y",), ("Y",), direction="from_integration"),
            ],
            {"a": "g", "b": "g"},
            "g: a and b have different directions",
        ),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(lines, groups, sentence):
    with pytest.raises(ValueError, match=sentence):
        group_lines(lines, groups)


def test_one_column_may_be_read_by_one_line_and_written_by_another():
    lines = [
        Line("out", ("x",), ("X",), direction="to_integration"),
        Line("in", ("y",), ("X",), direction="from_integration"),
    ]
    assert len(group_lines(lines, {})) == 2


def test_a_group_without_lines_is_refused():
    with pytest.raises(ValueError, match="needs a line"):
        Group("g", ())
