"""Matching: one to one is a pair, everything else is for a person."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sync import Ambiguous, Criterion, Pair, match

MAIL = Criterion(("email",), 1)
NAME_CITY = Criterion(("name", "city"), 2)
PHONE = Criterion(("phone",), 3)


def ids(found):
    return [(pair.odoo_id, pair.dataverse_id) for pair in found.pairs]


def unclear(found):
    return [(x.odoo_ids, x.dataverse_ids) for x in found.ambiguous]


def test_one_to_one_is_a_pair_with_its_reason():
    found = match({1: {"email": "A@b.com"}}, {"g": {"email": "a@B.com"}}, [MAIL])
    assert found.pairs == [Pair(1, "g", MAIL, "same email 'a@b.com'")]
    assert not (found.ambiguous or found.unmatched_odoo or found.unmatched_dataverse)


def test_text_is_compared_without_case_width_and_surplus_blanks():
    odoo = {1: {"name": " \uff23ontoso   Straße\xa0A"}}
    dataverse = {"g": {"name": "CONTOSO STRASSE A"}}
    assert ids(match(odoo, dataverse, [Criterion(("name",))])) == [(1, "g")]
    exact = Criterion(("name",), case_sensitive=True)
    assert ids(match(odoo, dataverse, [exact])) == []
    same_case = {"g": {"name": "Contoso Straße A "}}
    assert ids(match(odoo, same_case, [exact])) == [(1, "g")]


def test_all_keys_must_match_and_blanks_never_do():
    odoo = {
        1: {"name": "a", "city": "x"},
        2: {"name": "b", "city": None},
        3: {"name": "c", "city": " "},
        4: {"name": "d"},
        5: {"name": "e", "city": []},
    }
    dataverse = {
        "g1": {"name": "a", "city": "y"},
        "g2": {"name": "b", "city": None},
        "g3": {"name": "c", "city": " "},
        "g4": {"name": "d"},
        "g5": {"name": "e", "city": []},
    }
    found = match(odoo, dataverse, [NAME_CITY])
    assert not (found.pairs or found.ambiguous)
    assert found.unmatched_odoo == [1, 2, 3, 4, 5]
    assert found.unmatched_dataverse == ["g1", "g2", "g3", "g4", "g5"]
    assert match(odoo, dataverse, [Criterion(())]).pairs == []


def test_numbers_and_lists_are_compared_as_they_are():
    odoo = {1: {"n": 0, "tags": [1, 2]}, 2: {"n": 5, "tags": [1]}}
    dataverse = {"g": {"n": 0, "tags": [1, 2]}}
    assert ids(match(odoo, dataverse, [Criterion(("n", "tags"))])) == [(1, "g")]


def test_an_earlier_priority_takes_both_out():
    odoo = {
        1: {"email": "a", "phone": "1"},
        2: {"email": None, "phone": "1"},
    }
    dataverse = {
        "g1": {"email": "a", "phone": "2"},
        "g2": {"email": None, "phone": "1"},
    }
    found = match(odoo, dataverse, [PHONE, MAIL])
    assert ids(found) == [(1, "g1"), (2, "g2")]
    assert [pair.criterion for pair in found.pairs] == [MAIL, PHONE]


def test_many_to_one_and_one_to_many_and_many_to_many():
    odoo = {i: {"email": e} for i, e in enumerate("aabcc")}
    dataverse = {f"g{i}": {"email": e} for i, e in enumerate("abbcc")}
    found = match(odoo, dataverse, [MAIL])
    assert found.pairs == []
    assert found.ambiguous == [
        Ambiguous((0, 1), ("g0",), MAIL, "same email 'a'"),
        Ambiguous((2,), ("g1", "g2"), MAIL, "same email 'b'"),
        Ambiguous((3, 4), ("g3", "g4"), MAIL, "same email 'c'"),
    ]
    assert not (found.unmatched_odoo or found.unmatched_dataverse)


def test_a_weaker_criterion_does_not_decide_what_a_stronger_one_could_not():
    odoo = {1: {"email": "a", "phone": "1"}, 2: {"email": "a", "phone": "2"}}
    dataverse = {"g": {"email": "a", "phone": "1"}}
    found = match(odoo, dataverse, [MAIL, PHONE])
    assert found.pairs == []
    assert unclear(found) == [((1, 2), ("g",))]


def test_who_matches_an_unclear_record_is_not_created_a_second_time():
    odoo = {
        1: {"email": "a", "phone": "1"},
        2: {"email": "a", "phone": "2"},
        3: {"email": None, "phone": "3"},
    }
    dataverse = {"g": {"email": "a", "phone": "3"}}
    found = match(odoo, dataverse, [MAIL, PHONE])
    assert unclear(found) == [((1, 2), ("g",)), ((3,), ("g",))]
    assert found.unmatched_odoo == []


def test_duplicates_of_one_side_are_named():
    odoo = {1: {"email": "a"}, 2: {"email": "A"}, 3: {"email": "b"}}
    found = match(odoo, {"g": {"email": "b"}}, [MAIL])
    (duplicates,) = found.duplicates_odoo
    assert (duplicates.ids, duplicates.reason) == ((1, 2), "same email 'a'")
    assert found.duplicates_dataverse == []
    assert found.unmatched_odoo == [1, 2]


ROW = st.fixed_dictionaries(
    {
        name: st.sampled_from([None, "a", "A", "b"])
        for name in ("email", "name", "city", "phone")
    }
)
ODOO = st.dictionaries(st.integers(1, 8), ROW, max_size=6)
DATAVERSE = st.dictionaries(st.sampled_from("ghijkl"), ROW, max_size=6)
CRITERIA = [MAIL, NAME_CITY, PHONE, Criterion(("name",), 3)]


@settings(max_examples=300)
@given(ODOO, DATAVERSE, st.randoms(use_true_random=False))
def test_no_order_changes_the_result(odoo, dataverse, luck):
    def shuffled(items):
        return luck.sample(list(items), len(items))

    assert match(odoo, dataverse, CRITERIA) == match(
        dict(shuffled(odoo.items())),
        dict(shuffled(dataverse.items())),
        shuffled(CRITERIA),
    )


@settings(max_examples=300)
@given(ODOO, DATAVERSE)
def test_every_record_has_one_fate(odoo, dataverse):
    found = match(odoo, dataverse, CRITERIA)
    for rows, side, unmatched in (
        (odoo, "odoo", found.unmatched_odoo),
        (dataverse, "dataverse", found.unmatched_dataverse),
    ):
        paired = [getattr(pair, f"{side}_id") for pair in found.pairs]
        open_ = {i for x in found.ambiguous for i in getattr(x, f"{side}_ids")}
        assert sorted([*paired, *open_, *unmatched]) == sorted(rows)
    for pair in found.pairs:
        left, right = odoo[pair.odoo_id], dataverse[pair.dataverse_id]
        assert pair.criterion.key(left) == pair.criterion.key(right) is not None


@given(ODOO, DATAVERSE)
def test_no_side_is_treated_better_than_the_other(odoo, dataverse):
    there, back = match(odoo, dataverse, CRITERIA), match(dataverse, odoo, CRITERIA)
    assert ids(there) == [pair[::-1] for pair in ids(back)]
    assert unclear(there) == [pair[::-1] for pair in unclear(back)]
    assert there.unmatched_odoo == back.unmatched_dataverse


class Counted:
    """A value that counts how often it is compared."""

    comparisons = 0

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return hash(self.value)

    def __eq__(self, other):
        Counted.comparisons += 1
        return isinstance(other, Counted) and self.value == other.value


def test_work_grows_with_the_records_not_with_the_pairs():
    size = 2_000
    odoo = {i: {"email": None, "phone": Counted(i)} for i in range(size)}
    dataverse = {i: {"email": None, "phone": Counted(i)} for i in range(size)}
    assert len(match(odoo, dataverse, [MAIL, PHONE]).pairs) == size
    assert Counted.comparisons < 20 * size
