"""What is out of the ordinary stops, asks, and goes on with what was confirmed."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestGuards(DataverseCase):
    def many(self, count):
        self.rows = [
            self.person.create("account", name=f"Customer {n}", telephone1="1")
            for n in range(count)
        ]
        self.synchronize(self.customers)
        return self.partners()

    def partners(self):
        return (
            self.env["res.partner"]
            .with_context(active_test=False)
            .search([("name", "=like", "Customer %")], order="id")
        )

    def held(self):
        return self.env["integration.sync.job"].search([("state", "=", "held")])

    def stopped(self):
        """A run stops, says so, and changes nothing at all; returns its job."""
        before = self.state()
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "held", counters)
        job = self.held()
        self.assertEqual(len(job), 1)
        self.assertIn("Nothing was done about it", job.message)
        self.assertEqual(self.state(), before)
        return job

    def state(self):
        """Everything that a run could have changed."""
        self.env.invalidate_all()
        couplings = self.env["integration.coupling"].search([], order="id")
        return (
            self.person.all("account", "name", "telephone1", "statecode"),
            [(p.id, p.name, p.phone, p.active) for p in self.partners()],
            [(c.id, c.state, c.sudo().base, c.sudo().etag) for c in couplings],
        )

    def test_confirmation_is_for_this_plan_only(self):
        partners = self.many(30)
        for row_id in self.rows[:15]:
            self.person.delete("account", row_id)
        job = self.stopped()
        self.assertEqual(job.held_count, 15)
        shown = self.env["integration.coupling"].search(
            job.action_open_held_back()["domain"]
        )
        self.assertEqual(set(shown.mapped("external_id")), set(self.rows[:15]))
        job.action_confirm()
        self.person.delete("account", self.rows[20])
        job = self.stopped()
        self.assertEqual(job.held_count, 16)
        job.action_confirm()
        self.synchronize(self.customers)
        self.assertEqual(len(partners.filtered("active")), 14)
        self.assertEqual(job.state, "done")
        for row_id in self.rows[15:20] + self.rows[21:28]:
            self.person.delete("account", row_id)
        self.stopped()

    def test_nothing_else_happens_meanwhile_and_nothing_is_lost(self):
        self.many(30)
        for row_id in self.rows[:15]:
            self.person.delete("account", row_id)
        self.stopped()
        partner = self.partner_of(self.rows[20])
        partner.phone = "2"
        self.stopped()
        self.held().action_confirm()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", self.rows[20], "telephone1"),
            {"telephone1": "2"},
        )

    def test_what_is_undone_needs_no_confirmation(self):
        partners = self.many(30)
        partners[:15].unlink()
        self.stopped()
        self.customers.deletion_policy = "uncouple"
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertFalse(self.held())
        self.assertEqual(
            {
                row["statecode"]
                for row in self.person.all("account", "statecode").values()
            },
            {0},
        )

    def test_an_emptied_side(self):
        """sync-bugs 53: fewer than the limit, but all there are."""
        self.many(6)
        for row_id in self.rows:
            self.person.delete("account", row_id)
        job = self.stopped()
        self.assertIn("6 of the 6", job.message)

    def test_an_emptied_side_whose_link_expired(self):
        """Absent rows are asked for before the guard counts."""
        self.many(6)
        for row_id in self.rows:
            self.person.delete("account", row_id)
        self.simulator.control("POST", "delta-tokens/expire")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "held")
        self.assertEqual(set(self.partners().mapped("active")), {True})

    def test_rows_that_went_with_their_parent_count(self):
        """A cascade in PostgreSQL: nobody unlinked these in Odoo."""
        self.many(20)
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM res_partner WHERE name LIKE 'Customer %%'")
        self.env.invalidate_all()
        self.assertIn("20 of the 20", self.stopped().message)

    def test_most_records_are_overwritten(self):
        partners = self.many(12)
        self.customers.write({"guard_changes": 5})
        partners[:6].write({"phone": "2"})
        self.assertEqual(self.synchronize(self.customers)["modified"], 6)
        partners[:7].write({"phone": "3"})
        job = self.stopped()
        self.assertIn("7 of the 12", job.message)
        partners[0].phone = "4"
        self.held().action_confirm()
        self.stopped()
        self.held().action_confirm()
        self.assertEqual(self.synchronize(self.customers)["modified"], 7)
        self.assertEqual(
            self.person.read("account", self.coupled(partners[0]), "telephone1"),
            {"telephone1": "4"},
        )

    def test_touching_all_records_is_no_change(self):
        """sync-bugs 48: no values differ, so nothing is held back and nothing sent."""
        partners = self.many(12)
        self.customers.guard_changes = 5
        for partner in partners:
            partner.phone = partner.phone
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["modified"]), ("done", 0))

    def test_most_records_are_overwritten_in_odoo(self):
        partners = self.many(12)
        self.customers.guard_changes = 5
        for row_id in self.rows:
            self.person.write("account", row_id, telephone1="9")
        self.stopped()
        self.assertEqual(set(partners.mapped("phone")), {"1"})

    def test_only_managers_confirm(self):
        self.many(6)
        for row_id in self.rows:
            self.person.delete("account", row_id)
        job = self.stopped()
        user = new_test_user(
            self.env, "sam", groups="base.group_user,dataverse_sync.group_user"
        )
        with self.assertRaises(AccessError):
            job.with_user(user).action_confirm()
