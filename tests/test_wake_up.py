"""A change in Odoo wakes the worker as soon as it is committed."""

from unittest.mock import patch

from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestWakeUp(DataverseCase):
    def setUp(self):
        super().setUp()
        self.partner, self.row_id = self.pair()
        self.assertQuiet()
        self.commit()
        self.cron.env["ir.cron.trigger"].search([]).unlink()

    @property
    def cron(self):
        return self.env.ref("dataverse_sync.ir_cron_synchronize")

    def commit(self):
        """What follows a commit; a test has none."""
        self.env.flush_all()
        with self.enter_registry_test_mode():
            self.env.cr.postcommit.run()

    def wake_ups(self):
        self.commit()
        return self.env["ir.cron.trigger"].search_count(
            [("cron_id", "=", self.cron.id)]
        )

    def test_every_kind_of_change(self):
        self.assertEqual(self.wake_ups(), 0)
        for change in (
            lambda: self.partner.write({"phone": "1"}),
            lambda: self.company("Beta"),
            lambda: self.company("Gamma").unlink(),
        ):
            change()
            self.assertEqual(self.wake_ups(), 1)
            self.env["ir.cron.trigger"].search([]).unlink()
            self.synchronize()

    def test_a_thousand_saves_are_one_call(self):
        for number in range(10):
            self.partner.phone = str(number)
            self.commit()
        self.assertEqual(self.wake_ups(), 1)

    def test_an_interval_does_not_hold_back_what_changed(self):
        self.customers.synch_interval = 60
        self.run_scheduled()
        self.partner.phone = "5"
        self.commit()
        self.run_scheduled()
        self.assertEqual(
            self.person.read("account", self.row_id, "telephone1"), {"telephone1": "5"}
        )

    def test_own_writes_wake_nobody(self):
        """sync-bugs 44."""
        self.person.write("account", self.row_id, telephone1="2")
        self.synchronize(self.customers)
        self.assertEqual(self.partner.phone, "2")
        self.assertEqual(self.wake_ups(), 0)

    def test_it_can_be_turned_off_for_each_mapping(self):
        self.customers.event_driven = False
        self.partner.phone = "1"
        self.assertEqual(self.wake_ups(), 1, "contacts are of the same model")
        self.env["ir.cron.trigger"].search([]).unlink()
        self.contacts.event_driven = False
        self.partner.phone = "2"
        self.assertEqual(self.wake_ups(), 0)

    def test_nobody_is_woken_while_the_connection_rests(self):
        self.connection.action_disconnect()
        self.partner.phone = "1"
        self.assertEqual(self.wake_ups(), 0)

    def test_models_without_mapping_wake_nobody(self):
        self.env["res.partner.category"].create({"name": "Gold"})
        self.assertEqual(self.wake_ups(), 0)

    def test_a_save_does_not_fail_with_the_call(self):
        self.partner.phone = "1"
        mappings = type(self.env["integration.table.mapping"])
        logger = self.env.registry["integration.table.mapping"]._nudge.__module__
        with (
            patch.object(mappings, "_nudge", side_effect=OSError),
            self.assertLogs(logger, "WARNING"),
        ):
            self.assertEqual(self.wake_ups(), 0)
