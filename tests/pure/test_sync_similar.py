"""Similar names: nearly all misspellings are found, with few comparisons."""

from __future__ import annotations

import random

import pytest

from dev.names import companies, misspelt
from sync import Criterion, match
from sync.keys import company
from sync.similar import similar

fuzz = pytest.importorskip("rapidfuzz.fuzz")
process = pytest.importorskip("rapidfuzz.process")

NAME = Criterion(("name",), 3, kinds=("similar",), degree=88)


class Compare:
    """Compares as the engine does, and counts."""

    def __init__(self):
        self.comparisons = 0

    def __call__(self, text, choices, degree):
        self.comparisons += len(choices)
        found = process.extract(
            text, choices, scorer=fuzz.ratio, score_cutoff=degree, limit=None
        )
        return [(number, alike) for _text, alike, number in found]


def found(odoo, dataverse, *criteria):
    odoo = {number: {"name": name} for number, name in enumerate(odoo, 1)}
    dataverse = {f"g{number}": {"name": n} for number, n in enumerate(dataverse, 1)}
    return match(odoo, dataverse, criteria or [NAME], Compare())


def pairs(matching):
    return [(pair.odoo_id, pair.dataverse_id) for pair in matching.pairs]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nordic Bakery", "Nordic Bakry ApS"),
        ("Nordic Bakery", "Nrodic Bakery"),
        ("Nordic Bakery A/S", "NordicBakery"),
        ("Zelbergvin", "Zelbergwin Inc."),
        ("Müller Möbel GmbH", "Muller Möbel"),
        ("Contoso Pharmaceuticals", "Contoso Pharmaceutical"),
    ],
)
def test_a_misspelt_name_is_a_suggestion(one, other):
    matching = found([one, "Quite Another"], [other, "Something Else"])
    assert pairs(matching) == [(1, "g1")]
    assert 88 <= matching.pairs[0].degree <= 100


def test_what_is_less_alike_is_none():
    assert not pairs(found(["Nordic Bakery"], ["Nordic Brewery"]))
    assert pairs(
        found(
            ["Nordic Bakery"],
            ["Nordic Brewery"],
            Criterion(("name",), kinds=("similar",), degree=70),
        )
    )


def test_the_most_similar_is_the_pair():
    matching = found(
        ["Nordic Bakery", "Nordic Bakerys"], ["Nordic Bakery", "Nordic Bakerys"]
    )
    assert pairs(matching) == [(1, "g1"), (2, "g2")]


def test_two_equally_similar_are_for_a_person():
    (unclear,) = found(["Nordic Bakery"], ["Nordic Bakerx", "Nordic Bakerz"]).ambiguous
    assert (unclear.odoo_ids, unclear.dataverse_ids) == ((1,), ("g1", "g2"))
    (unclear,) = found(["Nordic Bakerx", "Nordic Bakerz"], ["Nordic Bakery"]).ambiguous
    assert (unclear.odoo_ids, unclear.dataverse_ids) == ((1, 2), ("g1",))


def test_other_keys_of_the_criterion_must_mean_the_same():
    near = Criterion(("name", "phone"), kinds=("similar", "phone"), degree=88)
    odoo = {1: {"name": "Nordic Bakery", "phone": "+45 33123456"}}
    dataverse = {
        "g1": {"name": "Nordic Bakry", "phone": "33 12 34 56"},
        "g2": {"name": "Nordic Bakery", "phone": "+46 33 12 34 56"},
    }
    assert pairs(match(odoo, dataverse, [near], Compare())) == [(1, "g1")]


def test_the_same_number_with_two_countries_is_for_a_person():
    phone = Criterion(("phone",), kinds=("phone",))
    odoo = {1: {"phone": "33123456"}, 2: {"phone": "+45 99 99 99 99"}}
    dataverse = {
        "g1": {"phone": "+45 33123456"},
        "g2": {"phone": "+46 33123456"},
        "g3": {"phone": "99999999"},
    }
    matching = match(odoo, dataverse, [phone])
    (unclear,) = matching.ambiguous
    assert (unclear.odoo_ids, unclear.dataverse_ids) == ((1,), ("g1", "g2"))
    assert pairs(matching) == [(2, "g3")]


def test_nothing_compares_without_a_comparison():
    with pytest.raises(ValueError, match="nothing compares"):
        match({1: {"name": "a"}}, {"g": {"name": "b"}}, [NAME])


def test_nearly_all_misspellings_are_found_with_few_comparisons():
    luck = random.Random(5)
    ours = companies(3000, luck)
    theirs = [misspelt(name, luck) for name in ours]
    wanted = {(company(a), company(b)) for a, b in zip(ours, theirs, strict=True)}
    compare = Compare()
    suggestions = {
        (a, b)
        for a, b, _ in similar(
            {a for a, _ in wanted}, {b for _, b in wanted}, 85, compare
        )
    }
    assert len(wanted & suggestions) >= 0.95 * len(wanted)
    assert compare.comparisons < 250 * len(ours)
