"""Random histories of people who edit on both sides, and of runs in between.

The checker knows what people did and looks at both sides afterwards; it never asks the
engine. Each seed is one history: ``HISTORIES=500 SEED=1000 make test
TAGS=/dataverse_sync:TestHistories`` plays five hundred others.
"""

import os
import random

from odoo.tests import tagged

from .common import DataverseCase

COLUMNS = {
    "phone": "telephone1",
    "email": "emailaddress1",
    "city": "address1_city",
    "street": "address1_line1",
}
# What is decided as one value is also overwritten as one value.
GROUPS = {"phone": "phone", "email": "email", "city": "address", "street": "address"}

DEEDS = (
    *("create_in_odoo", "create_in_dataverse"),
    *("edit_in_odoo", "edit_in_odoo", "empty_in_odoo"),
    *("edit_in_dataverse", "edit_in_dataverse"),
    *("edit_on_both_sides", "edit_on_both_sides"),
    *("archive_in_odoo", "deactivate_in_dataverse"),
    *("delete_in_odoo", "delete_in_dataverse"),
    *("let_it_run", "let_it_run", "expire_the_link"),
)


@tagged("post_install", "-at_install")
class TestHistories(DataverseCase):
    def test_histories(self):
        first = int(os.environ.get("SEED", 0))
        for seed in range(first, first + int(os.environ.get("HISTORIES", 25))):
            with self.subTest(seed=seed), self.env.cr.savepoint() as savepoint:
                self.simulator.control("POST", "reset")
                self.play(seed)
                savepoint.rollback()
            self.env.invalidate_all()

    def play(self, seed):
        self.random = random.Random(seed)
        self.told, self.writes, self.deleted, self.values = [seed], [], set(), 0
        self.customers.update_conflict_policy = self.random.choice(
            ["manual", "send", "get"]
        )
        self.customers.deletion_policy = self.random.choice(
            ["manual", "restore", "uncouple", "deactivate", "delete"]
        )
        for _ in range(self.random.randint(8, 24)):
            self.step()
        for _ in range(3):
            last = self.synchronize(self.customers)
        self.tell("quiet", last)
        self.check(last)

    # -- what people do ---------------------------------------------------------------

    def step(self):
        """One deed of somebody, on a record that happens to be there."""
        partners, rows = self.partners(), self.rows()
        partner = self.random.choice(partners) if partners else None
        row_id = self.random.choice(sorted(rows)) if rows else None
        deed = self.random.choice(DEEDS)
        if deed.endswith("both_sides"):
            partner = row_id and self.partner_of(row_id).exists()
        needed = {"odoo": partner, "dataverse": row_id, "sides": partner}
        place = deed.rpartition("_")[2]
        if not deed.startswith("create") and place in needed and not needed[place]:
            return
        field = self.random.choice(list(COLUMNS))
        name = rows[row_id]["name"] if place == "dataverse" and row_id else None
        self.tell(deed, name or partner and partner.name, field)
        getattr(self, deed)(partner, row_id, name, field)
        self.env.flush_all()

    def create_in_odoo(self, _partner, _row_id, _name, _field):
        self.company(f"E{self.value()}")

    def create_in_dataverse(self, _partner, _row_id, _name, field):
        self.person.create(
            "account", name=f"E{self.value()}", **{COLUMNS[field]: self.value()}
        )

    def edit_in_odoo(self, partner, _row_id, _name, field):
        partner[field] = self.wrote(partner.name, field, self.value())

    def empty_in_odoo(self, partner, _row_id, _name, field):
        partner[field] = self.wrote(partner.name, field, False)

    def edit_in_dataverse(self, _partner, row_id, name, field):
        value = self.wrote(name, field, self.value())
        self.person.write("account", row_id, **{COLUMNS[field]: value})

    def edit_on_both_sides(self, partner, row_id, _name, field):
        other = self.random.choice(list(COLUMNS))
        partner[field] = self.wrote(partner.name, field, self.value())
        value = self.wrote(partner.name, other, self.value())
        self.person.write("account", row_id, **{COLUMNS[other]: value})

    def archive_in_odoo(self, partner, _row_id, _name, _field):
        partner.active = not partner.active

    def deactivate_in_dataverse(self, _partner, row_id, _name, _field):
        state = 1 - self.rows()[row_id]["statecode"]
        self.person.write("account", row_id, statecode=state, statuscode=1 + state)

    def delete_in_odoo(self, partner, _row_id, _name, _field):
        self.deleted.add(partner.name)
        partner.unlink()

    def delete_in_dataverse(self, _partner, row_id, name, _field):
        self.deleted.add(name)
        self.person.delete("account", row_id)

    def let_it_run(self, *_):
        counters = self.synchronize(self.customers)
        self.tell(counters)
        self.assertNotEqual(counters["state"], "failed", self.told)

    def expire_the_link(self, *_):
        self.simulator.control("POST", "delta-tokens/expire")

    # -- what the checker remembers ---------------------------------------------------

    def value(self):
        """A value that nobody else ever writes."""
        self.values += 1
        return f"v{self.values}"

    def wrote(self, name, field, value):
        self.writes.append((name, field, value))
        return value

    def tell(self, *what):
        self.told.append(what)

    # -- what must hold in the end ----------------------------------------------------

    def partners(self):
        return (
            self.env["res.partner"]
            .with_context(active_test=False)
            .search([("is_company", "=", True), ("name", "=like", "E%")])
        )

    def rows(self):
        return self.person.all("account", "name", "statecode", *COLUMNS.values())

    def check(self, last):
        """Nobody is active any more, three runs are over."""
        partners, rows = self.partners(), self.rows()
        self.assertEqual(
            [
                last[n]
                for n in ("inserted", "modified", "deleted", "failed", "requests")
            ],
            [0, 0, 0, 0, 1],
            self.told,
        )
        self.check_twins(partners.mapped("name"))
        self.check_twins([row["name"] for row in rows.values()])
        for coupling in self.customers.coupling_ids:
            if coupling.state == "coupled":
                self.check_pair(coupling, partners, rows)
        self.check_losses(partners, rows)

    def check_twins(self, names):
        """What nobody deleted is there once."""
        twins = {name for name in names if names.count(name) > 1}
        self.assertFalse(twins - self.deleted, self.told)

    def check_pair(self, coupling, partners, rows):
        """What is said to be in sync is there on both sides, and the same."""
        self.assertIn(coupling.res_id, partners.ids, self.told)
        self.assertIn(coupling.external_id, rows, self.told)
        partner = partners.browse(coupling.res_id)
        row = rows[coupling.external_id]
        self.assertEqual(
            {"active": partner.active} | {f: partner[f] or None for f in COLUMNS},
            {"active": row["statecode"] == 0} | {f: row[c] for f, c in COLUMNS.items()},
            self.told,
        )

    def check_losses(self, partners, rows):
        """Every value is on some side or in the conflict log, or people replaced it."""
        there = {value for row in rows.values() for value in row.values()}
        there |= {partner[field] for partner in partners for field in COLUMNS}
        for conflict in self.env["integration.conflict"].search([("id", "!=", False)]):
            for text in (conflict.odoo_value, conflict.dataverse_value):
                there |= set((text or "").replace(",", " ").split())
        for number, (name, field, value) in enumerate(self.writes):
            if not value or value in there or name in self.deleted:
                continue
            replaced = any(
                (name, GROUPS[field]) == (other, GROUPS[another])
                for other, another, _value in self.writes[number + 1 :]
            )
            self.assertTrue(replaced, (f"{value} of {name}", self.told))
