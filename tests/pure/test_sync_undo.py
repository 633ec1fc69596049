"""Undo, decided on plain data: what may be restored, and what is agreed then."""

from sync import Base, Group, Line, plan_restoration

PHONE = Group("phone", (Line("1", ("phone",), ("telephone1",)),))
ADDRESS = Group(
    "address",
    (Line("2", ("street",), ("line1",)), Line("3", ("city",), ("city1",))),
)
GROUPS = (PHONE, ADDRESS)


def restore(now, before, after, side="odoo"):
    return plan_restoration(GROUPS, side, now, before, after)


def test_what_still_stands_is_restored():
    now = {"phone": "2", "street": "A", "city": "B"}
    plan = restore(now, {"phone": "1"}, {"phone": "2"})
    assert (plan.pull, plan.push, plan.left) == ({"phone": "1"}, {}, [])


def test_what_changed_since_is_left():
    now = {"phone": "3", "street": "new", "city": "B"}
    plan = restore(
        now, {"phone": "1", "street": "old"}, {"phone": "2", "street": "new"}
    )
    assert plan.pull == {"street": "old"}
    assert plan.left == ["phone"]


def test_a_group_is_restored_as_a_whole_or_not_at_all():
    now = {"phone": "1", "street": "new", "city": "edited"}
    plan = restore(now, {"street": "old", "city": "x"}, {"street": "new", "city": "y"})
    assert plan.pull == {}
    assert plan.left == ["street", "city"]


def test_a_name_that_is_not_mapped_stands_alone():
    now = {"phone": "1", "street": None, "city": None, "active": False}
    plan = restore(now, {"active": True}, {"active": False})
    assert plan.pull == {"active": True}
    assert plan.groups == ()


def test_a_name_that_is_gone_is_left():
    assert restore({"phone": "1"}, {"fax": "1"}, {"fax": "2"}).left == ["fax"]


def test_the_other_side_of_the_base_stays():
    base = Base({"phone": "2"}, {"telephone1": "2"})
    now = {"phone": "2", "street": None, "city": None}
    plan = restore(now, {"phone": "1"}, {"phone": "2"})
    after = plan.base_after(base, odoo_read={"phone": "1"})
    assert after == Base({"phone": "1"}, {"telephone1": "2"})
    assert not after.changed(PHONE, "dataverse", {"telephone1": "2"})


def test_what_else_the_group_holds_is_not_agreed_by_it():
    """A street that somebody wrote since the last run is still news."""
    base = Base({"street": "A", "city": "new"}, {"line1": "A", "city1": "new"})
    now = {"street": "edited", "city": "new"}
    plan = restore(now, {"city": "old"}, {"city": "new"})
    after = plan.base_after(base, odoo_read={"street": "edited", "city": "old"})
    assert after == base.merge(ADDRESS, {"street": "A", "city": "old"}, base.dataverse)
    assert after.changed(ADDRESS, "odoo", {"street": "edited", "city": "old"})
    now = {"line1": "edited", "city1": "new"}
    plan = restore(now, {"city1": "old"}, {"city1": "new"}, "dataverse")
    after = plan.base_after(base, dataverse_read={**now, "city1": "old"})
    assert after.dataverse == {"line1": "A", "city1": "old"}


def test_what_was_never_agreed_stays_so():
    now = {"phone": "2", "street": None, "city": None}
    plan = restore(now, {"phone": "1"}, {"phone": "2"})
    assert not plan.base_after(None, odoo_read={"phone": "1"}).knows(PHONE)
