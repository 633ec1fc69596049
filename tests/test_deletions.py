"""What happens when one side deletes."""

from dataclasses import replace
from unittest.mock import patch

from odoo.tests import tagged

from .. import dataverse
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestDeletions(DataverseCase):
    def exists(self, row_id):
        return row_id in self.person.all("account", "name")

    def test_deleted_row_archives_the_record(self):
        partner, row_id = self.pair()
        self.person.delete("account", row_id)
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["deleted"], counters["uncoupled"]), (1, 1))
        self.assertFalse(partner.active)
        self.assertFalse(partner.coupling_ids)
        self.assertQuiet()

    def test_deleted_record_deactivates_the_row(self):
        partner, row_id = self.pair()
        partner.unlink()
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 1)
        self.assertEqual(
            self.person.read("account", row_id, "statecode"), {"statecode": 1}
        )
        self.assertQuiet()

    def test_delete_policy(self):
        self.customers.deletion_policy = "delete"
        partner, row_id = self.pair()
        other, other_row = self.pair("Other")
        partner.unlink()
        self.person.delete("account", other_row)
        self.synchronize(self.customers)
        self.assertFalse(self.exists(row_id))
        self.assertFalse(other.exists())
        self.assertQuiet()

    def test_a_deleted_company_takes_no_contact_with_it(self):
        """Dataverse would delete the contacts of an account with the account."""
        (self.customers | self.contacts).deletion_policy = "delete"
        company, account = self.pair()
        other, other_row = self.pair("Other")
        anna, bo = self.employee(company, "Anna Berg"), self.employee(company, "Bo Ek")
        self.synchronize()
        contacts = {p: self.coupled(p, self.contacts) for p in anna | bo}
        company.with_context(active_test=False).unlink()
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 0)
        self.assertTrue(self.exists(account))
        error = self.env["sync.error"].search([("external_id", "=", account)])
        self.assertIn("2 rows in Dataverse still belong to it", error.message)
        anna.parent_id = other
        self.person.delete("contact", contacts[bo])
        self.synchronize(self.contacts)
        error.action_retry()
        self.synchronize(self.customers)
        self.assertFalse(self.exists(account))
        self.assertEqual(
            self.person.read("contact", contacts[anna], "parentcustomerid"),
            {"parentcustomerid": f"account({other_row})"},
        )
        self.assertEqual(anna.exists(), anna)
        self.assertQuiet()

    def test_uncouple_policy_leaves_the_survivor_alone(self):
        self.customers.deletion_policy = "uncouple"
        partner, row_id = self.pair()
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertTrue(partner.active)
        self.assertFalse(partner.coupling_ids)
        partner.phone = "5"
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 0, "what was deleted is not born again")

    def test_restore_policy_recreates_under_a_new_identity(self):
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair(telephone1="1")
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        restored = self.coupled(partner)
        self.assertNotEqual(restored, row_id)
        self.assertEqual(
            self.person.read("account", restored, "telephone1"), {"telephone1": "1"}
        )
        self.assertQuiet()

    def test_restore_policy_against_the_direction(self):
        """Found by a random history: an empty row came back."""
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair(telephone1="1")
        self.customers.direction = "from_integration"
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", self.coupled(partner), "name", "telephone1"),
            {"name": "Acme", "telephone1": "1"},
        )
        self.assertQuiet()

    def test_restore_policy_and_a_name_that_goes_one_way(self):
        """Nothing is made that has lost its name."""
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair(telephone1="1")
        lines = self.customers.field_mapping_ids
        lines.filtered(
            lambda line: line.field_name == "name"
        ).direction = "from_integration"
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertFalse(self.person.all("account"))
        (error,) = self.customers.error_ids
        self.assertIn("its fields only go the other way", error.message)
        self.assertTrue(partner.exists())

    def test_restore_policy_recreates_the_odoo_record(self):
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair(telephone1="1")
        partner.unlink()
        self.synchronize(self.customers)
        restored = self.partner_of(row_id)
        self.assertEqual((restored.name, restored.phone), ("Acme", "1"))
        self.assertQuiet()

    def test_an_archived_record_is_restored_archived(self):
        """Found by a random history: it was left coupled to a row that is gone."""
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair(telephone1="1")
        self.person.delete("account", row_id)
        partner.action_archive()
        self.customers.update_conflict_policy = "send"
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read(
                "account", self.coupled(partner), "statecode", "telephone1"
            ),
            {"statecode": 1, "telephone1": "1"},
        )
        self.assertFalse(partner.active)
        self.assertQuiet()

    def test_a_refused_restoration_can_be_tried_again(self):
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair(telephone1="1")
        self.person.delete("account", row_id)
        rule = {"table": "account", "column": "name", "reject": "Not now"}
        self.simulator.rules("plug-ins", rule)
        self.synchronize(self.customers)
        error = partner.coupling_ids.error_ids
        self.assertIn("Not now", error.message)
        self.simulator.rules("plug-ins")
        error.action_retry()
        self.synchronize(self.customers)
        self.assertTrue(self.exists(self.coupled(partner)))
        self.assertEqual(error.state, "resolved")

    def test_an_inactive_row_is_restored_archived(self):
        """Found by a random history: the change wins over the deletion."""
        self.customers.update_conflict_policy = "get"
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, statecode=1, statuscode=2)
        partner.unlink()
        self.synchronize(self.customers)
        restored = self.partner_of(row_id)
        self.assertEqual((restored.name, restored.active), ("Acme", False))
        self.assertQuiet()

    def test_manual_policy_asks_and_obeys(self):
        self.customers.deletion_policy = "manual"
        partner, row_id = self.pair()
        self.person.delete("account", row_id)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1)
        self.assertTrue(partner.active)
        error = partner.coupling_ids.error_ids
        self.assertEqual(error.kind, "deleted")
        self.assertIn("'Acme' was deleted in Dataverse", error.message)
        error.action_restore_record()
        self.assertTrue(self.exists(self.coupled(partner)))
        self.assertEqual(error.state, "resolved")

    def test_manual_policy_deletes_on_demand(self):
        self.customers.deletion_policy = "manual"
        partner, row_id = self.pair()
        partner.unlink()
        self.synchronize(self.customers)
        self.assertTrue(self.exists(row_id))
        error = self.env["sync.error"].search([("external_id", "=", row_id)])
        error.action_delete_record()
        self.assertFalse(self.exists(row_id))

    def test_a_change_nobody_saw_is_not_deleted(self):
        """sync-bugs 45, 49: deleted here, changed there."""
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.person.delete("account", row_id)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1)
        self.assertTrue(partner.active)
        self.assertEqual(partner.phone, "2")

    def test_the_unseen_change_of_a_contact_is_not_deleted(self):
        """The address of a contact takes no part, and so is no unseen change."""
        account = self.person.create("account", name="Acme", address1_city="Odense")
        contact = self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            address1_city="Aarhus",
            parentcustomerid=f"account({account})",
        )
        self.synchronize()
        self.partner_of(contact).unlink()
        counters = self.synchronize(self.contacts)
        self.assertEqual(counters["conflicts"], 0)
        self.assertEqual(
            self.person.read("contact", contact, "statecode"), {"statecode": 1}
        )

    def test_a_flood_of_deletions_stops_and_asks(self):
        """sync-bugs 53: nothing at all is done before a person has confirmed."""
        rows = [self.person.create("account", name=f"Customer {n}") for n in range(30)]
        self.synchronize(self.customers)
        for row_id in rows[:20]:
            self.person.delete("account", row_id)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 0)
        partners = self.env["res.partner"].search([("name", "=like", "Customer %")])
        self.assertEqual(len(partners), 30, "all still active")
        error = self.env["sync.error"].search([("kind", "=", "guard")])
        self.assertIn("20 of the 30", error.message)
        self.assertEqual((error.job_id.state, error.job_id.held_count), ("held", 20))
        self.synchronize(self.customers)
        self.assertEqual(len(partners.filtered("active")), 30, "it does not fade away")
        error.action_retry()
        self.synchronize(self.customers)
        self.assertEqual(len(partners.filtered("active")), 10)
        self.assertEqual(error.state, "resolved")
        self.assertEqual(error.job_id.state, "done")

    def test_an_expired_link_finds_deletions_too(self):
        """sync-bugs 18: a full list has no tombstones; absent rows are asked for."""
        partner, row_id = self.pair()
        kept, _kept_row = self.pair("Kept")
        self.person.delete("account", row_id)
        self.simulator.control("POST", "delta-tokens/expire")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 1)
        self.assertFalse(partner.active)
        self.assertTrue(kept.active)
        self.assertQuiet()

    def test_a_row_that_may_not_be_read_is_not_deleted(self):
        partner, row_id = self.pair()
        self.simulator.rules(
            "faults",
            {
                "in_batch": True,
                "method": "GET",
                "path": "^accounts",
                "count": None,
                "then": {"status": 403, "code": "0x80040220"},
            },
        )
        self.env["integration.inbox"]._put_hints(self.customers, external_ids=[row_id])
        self.synchronize(self.customers)
        self.simulator.rules("faults")
        self.assertTrue(partner.active)
        self.assertEqual(self.coupled(partner), row_id)

    def test_absence_from_a_list_is_no_deletion(self):
        """sync-bugs 37, 53: what a list lacks is asked for, and may be there."""
        partner, row_id = self.pair()
        changes = dataverse.Client.changes

        def without_row(client, *args, **kwargs):
            for page in changes(client, *args, **kwargs):
                yield replace(page, rows=[r for r in page.rows if r.id != row_id])

        self.simulator.control("POST", "delta-tokens/expire")
        with patch.object(dataverse.Client, "changes", without_row):
            counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 0)
        self.assertTrue(partner.active)
        self.assertEqual(self.coupled(partner), row_id)

    def test_a_tombstone_for_a_row_nobody_knew(self):
        row_id = self.person.create("account", name="Short-lived")
        self.customers.synch_only_coupled = True
        self.synchronize(self.customers)
        self.person.delete("account", row_id)
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["deleted"], counters["failed"]), (0, 0))
