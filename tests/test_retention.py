"""What is kept for how long, and what is never thrown away."""

from odoo import fields
from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestRetention(DataverseCase):
    def age(self, records, column="create_date", **ago):
        """Make records older than they are."""
        self.env.flush_all()
        self.env.cr.execute(
            f"UPDATE {records._table} SET {column} = %s WHERE id = ANY(%s)",
            [fields.Datetime.subtract(fields.Datetime.now(), **ago), records.ids],
        )
        self.env.invalidate_all()

    def test_jobs_that_did_something_are_kept_longer(self):
        partner, row_id = self.pair()
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.synchronize(self.customers)
        quiet, deleting, creating = self.customers.job_ids.sorted("id", reverse=True)
        self.assertEqual((deleting.deleted, creating.inserted), (1, 1))
        jobs = quiet | deleting | creating
        self.age(jobs, "started_at", days=10)
        jobs._gc_jobs()
        self.assertEqual(jobs.exists(), deleting | creating)
        self.age(deleting | creating, "started_at", days=100)
        jobs._gc_jobs()
        self.assertFalse(jobs.exists())
        self.assertFalse(partner.active)

    def test_what_was_held_back_is_kept_until_it_is_settled(self):
        job = self.env["integration.sync.job"].create(
            {
                "mapping_id": self.customers.id,
                "kind": "scheduled",
                "state": "held",
                "held_back": ["removed:1"],
            }
        )
        self.age(job, "started_at", days=400)
        job._gc_jobs()
        self.assertTrue(job.exists())

    def test_open_conflicts_are_kept_for_ever(self):
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        conflict = self.env["integration.conflict"].search([])
        self.age(conflict, years=5)
        conflict._gc_conflicts()
        self.assertTrue(conflict.exists())
        partner.coupling_ids.synchronize("send")
        self.assertEqual(conflict.state, "resolved")
        conflict._gc_conflicts()
        self.assertFalse(conflict.exists())

    def test_graves_of_living_records_are_kept(self):
        """Without its grave, an uncoupled record would be created in Dataverse."""
        partner, _row_id = self.pair()
        partner.coupling_ids._uncouple()
        gone, _gone_row = self.pair("Gone")
        gone.unlink()
        self.synchronize(self.customers)
        graves = self.env["integration.tombstone"].search([])
        self.assertEqual(len(graves), 2)
        self.age(graves, years=3)
        graves._gc_tombstones()
        self.assertEqual(graves.exists().res_id, partner.id)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 0)
