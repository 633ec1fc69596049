"""Backups, copies and exchanged environments: nothing is written before a choice."""

from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from .. import dataverse
from .common import DataverseCase


class EpochCase(DataverseCase):
    def snapshot(self):
        self.simulator.control("POST", "snapshot")

    def restore(self):
        self.simulator.control("POST", "restore")

    def writes(self):
        """The requests that changed something in Dataverse, since the last reset."""
        return [
            request
            for request in self.simulator.control("GET", "requests")
            if request["method"] in ("POST", "PATCH", "DELETE", "PUT")
            and "batch" not in request["path"]
            and "token" not in request["path"]
        ]

    def forget_requests(self):
        self.simulator.control("DELETE", "requests")


@tagged("post_install", "-at_install")
class TestRestoredDataverse(EpochCase):
    """sync-bugs 55: old values are no news, and what a backup lacks is not deleted."""

    def setUp(self):
        super().setUp()
        self.old, self.old_row = self.pair("Old", telephone1="1")
        self.gone, self.gone_row = self.pair("Gone", telephone1="5")
        self.snapshot()
        self.old.phone = "2"
        self.new, self.new_row = self.pair("New", telephone1="3")
        self.person.delete("account", self.gone_row)
        self.synchronize(self.customers)
        self.assertFalse(self.gone.active)
        self.restore()
        self.forget_requests()

    def notice(self):
        """A run that has something to do notices, and does nothing."""
        self.old.email = "old@example.com"
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "failed")
        self.assertIn("was restored from a backup", counters["message"])

    def test_nothing_is_written(self):
        self.notice()
        self.assertEqual(self.connection.state, "suspended")
        self.assertEqual(self.connection.safe_mode, "restored")
        self.assertIn("restored", self.connection.state_reason)
        self.assertFalse(self.writes())
        self.assertEqual((self.old.phone, self.new.active), ("2", True))
        with self.assertRaisesRegex(UserError, "Choose how to go on"):
            self.connection.action_connect()
        error = self.env["sync.error"].search([("kind", "=", "guard")])
        with self.assertRaisesRegex(UserError, "in the connection 'Test'"):
            error.action_retry()
        with self.assertRaisesRegex(UserError, "is suspended"):
            self.old.coupling_ids.synchronize()

    def test_the_nightly_compare_notices_too(self):
        """Nobody edits anything in Odoo: the link alone tells of no change."""
        self.env["integration.table.mapping"]._cron_compare()
        self.assertEqual(self.synchronize(self.customers)["state"], "failed")
        self.assertEqual(self.connection.safe_mode, "restored")
        self.assertEqual((self.old.phone, self.new.active), ("2", True))

    def test_send_again(self):
        self.notice()
        self.connection.action_send_again()
        self.synchronize()
        self.assertEqual(
            self.person.read("account", self.old_row, "telephone1", "emailaddress1"),
            {"telephone1": "2", "emailaddress1": "old@example.com"},
        )
        created = self.coupled(self.new)
        self.assertNotEqual(created, self.new_row, "a GUID is never used twice")
        self.assertEqual(
            self.person.read("account", created, "telephone1"), {"telephone1": "3"}
        )
        self.assertFalse(self.gone.active, "what was deleted is not in use again")
        self.assertQuiet()

    def test_accept_the_backup(self):
        self.notice()
        self.connection.action_accept_restored()
        self.synchronize()
        self.assertEqual(self.old.phone, "1")
        self.assertFalse(self.new.active, "the deletion policy archives")
        self.assertTrue(self.gone.active, "it is in use again")
        self.assertQuiet()

    def test_review(self):
        self.notice()
        self.connection.action_review_differences()
        self.forget_requests()
        self.synchronize()
        self.assertFalse(self.writes())
        self.assertEqual((self.old.phone, self.new.active), ("2", True))
        errors = self.env["sync.error"].search([("state", "=", "open")])
        self.assertEqual(
            {(error.kind, error.res_id) for error in errors}
            & {("conflict", self.old.id), ("deleted", self.new.id)},
            {("conflict", self.old.id), ("deleted", self.new.id)},
        )
        errors.filtered(lambda e: e.kind == "deleted").action_restore_record()
        self.assertNotEqual(self.coupled(self.new), self.new_row)
        self.old.coupling_ids.synchronize("send")
        self.assertEqual(
            self.person.read("account", self.old_row, "telephone1"),
            {"telephone1": "2"},
        )

    def test_only_a_manager_chooses(self):
        self.notice()
        with self.assertRaises(UserError):
            self.connection.with_user(self.env.ref("base.public_user")).sudo(
                False
            ).action_send_again()


@tagged("post_install", "-at_install")
class TestNotRestored(EpochCase):
    def test_the_newest_row_is_deleted(self):
        """The highest version of a table goes back, and nothing was restored."""
        partner, _row = self.pair("Kept")
        last, last_row = self.pair("Last")
        self.person.delete("account", last_row)
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertFalse(last.active)
        partner.phone = "7"
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertQuiet()

    def test_the_newest_row_is_deleted_during_the_run(self):
        """After the changes were read, before anybody asked for the newest row."""
        partner, _row = self.pair("Kept")
        last, last_row = self.pair("Last")
        partner.phone = "7"
        epoch = self.env.registry["integration.engine.epoch"]
        check = epoch._check

        def deleted_before(engine, session):
            self.person.delete("account", last_row)
            return check(engine, session)

        with patch.object(epoch, "_check", deleted_before):
            self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertFalse(last.active)
        self.assertQuiet()

    def test_the_newest_row_is_deleted_before_the_nightly_compare(self):
        """A complete list does not tell of deletions: the link from before does."""
        self.pair("Kept")
        _last, last_row = self.pair("Last")
        self.person.delete("account", last_row)
        self.env["integration.table.mapping"]._cron_compare()
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertQuiet()

    def delete_before_the_list(self, row_id):
        """Delete a row after the last moment at which the old link was asked first."""
        capture = self.env.registry["integration.engine.capture"]
        pages = capture._pages

        def pages_after_deletion(engine, session, *args):
            if args[-1] is None:
                self.person.delete("account", row_id)
            return pages(engine, session, *args)

        self.env["integration.table.mapping"]._cron_compare()
        with patch.object(capture, "_pages", pages_after_deletion):
            return self.synchronize(self.customers)

    def test_the_newest_row_is_deleted_before_everything_is_listed(self):
        """It waits in the inbox, and neither the list nor the link names it."""
        kept, _row = self.pair("Kept")
        last, last_row = self.pair("Last")
        self.env["integration.inbox"]._put_rows(
            self.customers, [(last_row, {"name": "Last"}, None)], ()
        )
        kept.phone = "7"
        counters = self.delete_before_the_list(last_row)
        self.assertEqual((counters["state"], last.active), ("done", False))
        self.assertQuiet()

    def test_the_newest_row_takes_no_part_and_is_deleted_before_the_list(self):
        self.customers.integration_filter = "name ne 'Other'"
        kept, _row = self.pair("Kept")
        other = self.person.create("account", name="Other")
        self.synchronize(self.customers)
        kept.phone = "7"
        self.assertEqual(self.delete_before_the_list(other)["state"], "done")
        self.assertQuiet()

    def test_the_run_ends_between_the_list_and_the_link_from_before(self):
        """The next run asks that link: the list alone proves no deletion."""
        self.pair("Kept")
        last, last_row = self.pair("Last")
        self.person.delete("account", last_row)
        self.env["integration.table.mapping"]._cron_compare()
        checkpoint = self.env["integration.checkpoint"]._of(self.customers)
        link = checkpoint.delta_link
        capture = self.env.registry["integration.engine.capture"]
        unanswered = dataverse.DataverseError("Unreachable")
        with patch.object(capture, "_follow_deletions", side_effect=unanswered):
            self.assertEqual(self.synchronize(self.customers)["state"], "failed")
        self.assertEqual(checkpoint.deletions_link, link)
        self.assertNotEqual(checkpoint.delta_link, link)
        self.assertTrue(last.active)
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertFalse(checkpoint.deletions_link or last.active)
        self.assertQuiet()

    def test_the_newest_row_is_our_own_deletion(self):
        self.customers.deletion_policy = "delete"
        partner, _row = self.pair("Kept")
        last, _last_row = self.pair("Last")
        last.unlink()
        self.synchronize(self.customers)
        partner.phone = "7"
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertQuiet()

    def test_another_organization_at_the_same_address(self):
        """A sandbox was copied over it: not one value goes there."""
        partner, row_id = self.pair(telephone1="1")
        self.simulator.control(
            "PUT", "organization", id="99999999-9999-4999-8999-999999999999"
        )
        partner.phone = "2"
        self.person.write("account", row_id, emailaddress1="x@example.com")
        self.forget_requests()
        counters = self.synchronize(self.customers)
        self.assertIn("Another organization answers", counters["message"])
        self.assertEqual(self.connection.state, "suspended")
        self.assertFalse(self.connection.safe_mode)
        self.assertFalse(self.writes())
        self.assertFalse(partner.email)


@tagged("post_install", "-at_install")
class TestRestoredOdoo(EpochCase):
    """sync-bugs 56: an older database deletes nothing and doubles nothing.

    Data, couplings, bases and links go back together; Dataverse is ahead.
    """

    def setUp(self):
        super().setUp()
        self.old, self.old_row = self.pair("Old", telephone1="1")
        self.removed, self.removed_row = self.pair("Removed")
        self.late = self.company("Late", ref="L-1")
        self.backup = self.env.cr.savepoint()
        self.backup.__enter__()

    def go_back(self):
        self.env.flush_all()
        self.backup.rollback()
        self.env.invalidate_all()
        self.forget_requests()

    def tearDown(self):
        self.backup.close()
        super().tearDown()

    def test_everything_comes_back(self):
        self.old.phone = "2"
        made = self.company("Made", ref="M-1")
        self.synchronize(self.customers)
        made_row, late_row = self.coupled(made), self.coupled(self.late)
        self.assertTrue(late_row)
        self.removed.unlink()
        self.synchronize(self.customers)
        self.go_back()

        for _ in range(2):
            self.synchronize(self.customers)
        self.assertEqual(self.old.phone, "2")
        self.assertEqual(self.partner_of(made_row).name, "Made")
        self.assertEqual(self.coupled(self.late), late_row, "matched, not created")
        self.assertFalse(self.removed.active, "its row is not in use")
        self.assertFalse([r for r in self.writes() if r["method"] == "DELETE"])
        names = [row["name"] for row in self.person.all("account", "name").values()]
        self.assertEqual(sorted(names), ["Late", "Made", "Old", "Removed"])
        self.assertQuiet()

    def test_the_link_is_too_old(self):
        self.old.phone = "2"
        self.synchronize(self.customers)
        self.go_back()
        self.simulator.control("POST", "delta-tokens/expire")
        self.synchronize(self.customers)
        self.assertEqual(self.old.phone, "2")
        self.assertFalse([r for r in self.writes() if r["method"] == "DELETE"])
        self.assertQuiet()
