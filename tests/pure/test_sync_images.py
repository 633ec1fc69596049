"""Images: two values that cannot be compared, and when they agree nevertheless."""

from __future__ import annotations

import itertools

import pytest

from sync import (
    Base,
    Group,
    Image,
    Kind,
    Line,
    canonical,
    conversion,
    plan_create,
    plan_fields,
)

LINE = Line("image", ("image",), ("picture",), Image())
GROUP = Group("image", (LINE,))
CARD = Group("card", (Line("name", ("name",), ("title",)), LINE))
POLICIES = {
    "direction": "bidirectional",
    "conflict_policy": "manual",
    "drift_policy": "keep",
}


def plan(base, odoo, dataverse, group=GROUP, **policies):
    rows = ({"image": odoo}, {"picture": dataverse})
    return plan_fields((group,), base, *rows, **{**POLICIES, **policies})


def agreed(odoo="hash/1", dataverse="100"):
    return Base({"image": odoo}, {"picture": dataverse})


def written(made):
    return made.push, made.pull, [conflict.group for conflict in made.conflicts]


@pytest.mark.parametrize(
    ("value", "form"),
    [(637388308718090885, "637388308718090885"), ("hash/1", "hash/1"), (False, None)],
)
def test_the_form_of_an_image_is_a_text(value, form):
    assert canonical(value, "image") == form
    assert canonical(form, "image") == form


@pytest.mark.parametrize("value", [True, 1.5, b"bytes", []])
def test_what_is_no_image(value):
    with pytest.raises(ValueError, match="image"):
        canonical(value, "image")


def test_images_go_with_images_only():
    image = Kind("image")
    assert isinstance(conversion(image, image), Image)
    for other in ("text", "integer", "html", "guid", "float"):
        assert conversion(image, Kind(other)) is conversion(Kind(other), image) is None


@pytest.mark.parametrize("prefer", [None, "send", "get", "manual"])
def test_what_is_as_agreed_does_not_travel(prefer):
    """Even when a person asks for a direction: it would replace an image by its own
    thumbnail."""
    assert written(plan(agreed(), "hash/1", "100", prefer=prefer)) == ({}, {}, [])


def test_what_changed_travels_under_the_name_of_its_source():
    base = agreed()
    assert written(plan(base, "hash/2", "100")) == ({"picture": "hash/2"}, {}, [])
    assert written(plan(base, "hash/1", "200")) == ({}, {"image": "200"}, [])
    assert written(plan(base, None, "100")) == ({"picture": None}, {}, [])
    assert written(plan(base, "hash/1", None)) == ({}, {"image": None}, [])
    assert written(plan(base, "hash/2", "200")) == ({}, {}, ["image"])
    assert written(plan(base, None, None)) == ({}, {}, [])


def test_what_one_side_lacks_is_filled_at_first():
    assert written(plan(None, "hash/1", None)) == ({"picture": "hash/1"}, {}, [])
    assert written(plan(None, None, "100")) == ({}, {"image": "100"}, [])


def test_two_images_that_nobody_compared_are_no_conflict():
    made = plan(None, "hash/1", "100")
    assert written(made) == ({}, {}, [])
    assert made.base_after(None) == agreed()
    chosen = plan(None, "hash/1", "100", initial_policy="send")
    assert written(chosen) == ({"picture": "hash/1"}, {}, [])
    assert [loser.side for loser in chosen.losers] == ["dataverse"]


def test_what_travels_with_an_image_does_not_take_it_along():
    base = Base({"name": "a", "image": "hash/1"}, {"title": "a", "picture": "100"})
    made = plan_fields(
        (CARD,),
        base,
        {"name": "b", "image": "hash/1"},
        {"title": "a", "picture": "100"},
        **POLICIES,
    )
    assert made.push == {"title": "b"}


def test_a_new_record_gets_the_image():
    assert plan_create((GROUP,), "odoo", {"image": "hash/1"}, "bidirectional") == (
        {"picture": "hash/1"},
        [],
    )


def test_an_image_that_is_held_back_stays_a_change():
    made = plan(agreed(), "hash/1", "200")
    made.hold_back({"image"}, "odoo")
    assert made.pull == {}
    assert made.base_after(agreed(), odoo_read={"image": "hash/1"}) == agreed()


def test_nothing_goes_back_and_forth():
    """Whatever changes: once it was carried out, nothing is left to do.

    A side that is written holds another image than it was given, as it may well.
    """
    numbers = itertools.count(1000)
    states = [None, "1", "2"]
    for odoo, dataverse, base in itertools.product(
        states, states, (None, agreed("1", "1"))
    ):
        made = plan(base, odoo, dataverse, conflict_policy="send", initial_policy="get")
        now = {"image": odoo}, {"picture": dataverse}
        for side, values in zip(now, (made.pull, made.push), strict=True):
            side.update({n: v and f"made {next(numbers)}" for n, v in values.items()})
        after = made.base_after(base, *now)
        again = plan_fields((GROUP,), after, *now, **POLICIES)
        assert written(again) == ({}, {}, []), (odoo, dataverse, base)
