"""When and by whom a mapping is run."""

from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestScheduling(DataverseCase):
    def setUp(self):
        super().setUp()
        self.cron = self.env.ref("dataverse_sync.ir_cron_synchronize")

    def jobs(self):
        return self.env["integration.sync.job"].search(
            [("kind", "in", ("scheduled", "full"))], order="id"
        )

    def test_the_scheduled_action_runs_every_mapping_in_order(self):
        account = self.person.create("account", name="Acme")
        contact = self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            parentcustomerid=f"account({account})",
        )
        self.customers.sequence = 99
        self.contacts.sequence = 100
        self.run_scheduled()
        self.assertEqual(self.partner_of(contact).parent_id, self.partner_of(account))
        self.assertEqual(self.jobs().mapping_id, self.customers | self.contacts)
        self.assertEqual(set(self.jobs().mapped("state")), {"done"})

    def test_two_workers_that_reach_for_the_lease_at_once(self):
        """The one who comes too late leaves the mapping alone, and breaks nothing."""
        checkpoint = self.env["integration.checkpoint"]._of(self.customers)
        acquire, met = type(checkpoint)._acquire, []

        def overtaken(late):
            if not met:
                # The other one had it already when this transaction began.
                met.append(acquire(checkpoint))
                raise SerializationFailure()
            return acquire(late)

        self.patch(type(checkpoint), "_acquire", overtaken)
        job = self.env["integration.engine.run"]._run(self.customers, kind="scheduled")
        self.assertIn("being synchronized already", job.message)
        self.assertEqual(job.state, "done")
        checkpoint._release(*met)
        self.assertEqual(self.synchronize(self.customers)["state"], "done")

    def test_other_transactions_in_the_way_of_a_run(self):
        """Two mappings of one model empty the same journal, and end side by side."""
        partner, row_id = self.pair()
        partner.phone = "1"
        for model, method in (
            ("integration.engine.capture", "_move_journal"),
            ("sync.error", "_report"),
        ):
            cls = type(self.env[model])
            done, met = getattr(cls, method), []

            def meets(engine, *args, done=done, met=met):
                if not met:
                    met.append(True)
                    raise SerializationFailure()
                return done(engine, *args)

            self.patch(cls, method, meets)
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["modified"]), ("done", 1))
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        self.assertFalse(
            self.env["integration.checkpoint"]._leased(), "the lease is given back"
        )

    def test_connections_that_are_paused_or_off_are_left_alone(self):
        self.connection._pause(3600)
        self.run_scheduled()
        self.assertFalse(self.jobs())
        self.connection.paused_until = fields.Datetime.now() - timedelta(seconds=1)
        self.connection.action_disconnect()
        self.run_scheduled()
        self.assertFalse(self.jobs())
        self.connection.action_connect()
        self.run_scheduled()
        self.assertTrue(self.jobs())

    def test_one_worker_at_a_time(self):
        """sync-bugs 33, 60, 61."""
        partner, row_id = self.pair()
        checkpoint = self.env["integration.checkpoint"]._of(self.customers)
        fence = checkpoint._acquire()
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "failed")
        self.assertIn("is being synchronized already", counters["message"])
        partner.phone = "1"
        counters = partner.coupling_ids.synchronize()
        self.assertEqual(counters["state"], "done")
        self.assertIn("these records come next", counters["message"])
        checkpoint._release(fence)
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )

    def test_a_lease_whose_owner_died_is_taken_over(self):
        checkpoint = self.env["integration.checkpoint"]._of(self.customers)
        fence = checkpoint._acquire()
        self.env.cr.execute(
            "UPDATE integration_checkpoint SET lease_expires = now() - interval '1 day'"
        )
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertFalse(checkpoint._renew(fence), "the dead owner may not commit")

    def test_a_run_that_lost_its_lease_stops(self):
        self.person.create("account", name="Acme")
        capture = self.env.registry["integration.engine.capture"]
        items = capture._items

        def overtaken(engine, session, limit):
            self.env.cr.execute("UPDATE integration_checkpoint SET fence = fence + 1")
            return items(engine, session, limit)

        self.patch(capture, "_items", overtaken)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "failed")
        self.assertIn("Another worker took over", counters["message"])

    def test_full_synchronization_looks_at_everything(self):
        partner, _row_id = self.pair()
        quiet = self.synchronize(self.customers)
        self.assertEqual(quiet["unchanged"], 0)
        self.customers.action_run_full_synchronization()
        self.assertTrue(
            self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
        )
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["unchanged"], counters["modified"]), (1, 0))

    def test_a_field_that_is_mapped_later_is_read_of_every_row(self):
        partner, _row_id = self.pair(fax="12")
        self.assertFalse(partner.barcode)
        self.env["integration.field.mapping"].create(
            {
                "mapping_id": self.customers.id,
                "field_name": "barcode",
                "integration_column": "fax",
            }
        )
        self.synchronize(self.customers)
        self.assertEqual(partner.barcode, "12")
        self.assertQuiet()

    # -- quiet for long ---------------------------------------------------------------

    def quiet_for(self, **time):
        """Nothing was to be done for so long, and the last look has just ended."""
        self.run_scheduled()
        mappings = self.customers | self.contacts
        self.assertTrue(all(mappings.mapped("quiet_since")))
        mappings.quiet_since = fields.Datetime.now() - timedelta(**time)
        mappings.next_synch = False
        self.run_scheduled()
        now = fields.Datetime.now()
        return [m.next_synch and m.next_synch - now for m in mappings]

    def test_who_is_quiet_is_asked_less_often(self):
        self.synchronize()
        self.assertEqual(self.quiet_for(seconds=30), [False, False])
        for wait in self.quiet_for(hours=4):
            self.assertAlmostEqual(wait, timedelta(minutes=30), delta=timedelta(0, 99))
        jobs = len(self.jobs())
        self.run_scheduled()
        self.assertEqual(len(self.jobs()), jobs, "it is not time yet")
        for wait in self.quiet_for(days=90):
            self.assertAlmostEqual(wait, timedelta(hours=1), delta=timedelta(0, 99))

    def test_what_changes_in_odoo_ends_the_quiet(self):
        partner, row_id = self.pair()
        self.quiet_for(days=1)
        partner.phone = "1"
        self.run_scheduled()
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        self.assertFalse(self.customers.quiet_since)
        self.run_scheduled()
        self.assertFalse(self.customers.next_synch, "the usual pace begins anew")

    def test_a_call_of_dataverse_ends_the_quiet(self):
        self.synchronize()
        self.quiet_for(days=1)
        row_id = self.person.create("account", name="Acme")
        self.run_scheduled()
        self.assertFalse(self.partner_of(row_id))
        self.env["integration.webhook"]._registered(self.connection, 6)
        self.connection._hear_webhook()
        self.run_scheduled()
        self.assertTrue(self.partner_of(row_id))

    def test_the_usual_pace_can_be_kept(self):
        self.synchronize()
        self.customers.ask_less_often = False
        customers, contacts = self.quiet_for(days=1)
        self.assertFalse(customers)
        self.assertTrue(contacts)

    # -- pauses, for all slots --------------------------------------------------------

    def test_a_pause_of_dataverse_holds_for_every_slot(self):
        """Its limit counts the application user, not the mapping that ran into it."""
        self.independent()
        self.simulator.rules(
            "faults",
            {
                "path": "^accounts",
                "count": 20,
                "then": {"status": 429, "code": "0x80072322", "retry_after": 900},
            },
        )
        self.person.create("account", name="Acme")
        self.run_scheduled()
        self.assertTrue(self.connection._is_paused())
        seconds = self.connection.paused_until - fields.Datetime.now()
        self.assertGreater(seconds, timedelta(minutes=14))
        asked = len(self.simulator.control("GET", "requests"))
        for slot in (2, 3):
            self.run_slot(slot)
        self.assertEqual(len(self.simulator.control("GET", "requests")), asked)

    # -- several slots ----------------------------------------------------------------

    def run_slot(self, number):
        with self.enter_registry_test_mode():
            self.env.ref(
                f"dataverse_sync.ir_cron_synchronize_{number}"
            ).method_direct_trigger()
        self.env.invalidate_all()

    def independent(self):
        """A mapping that neither needs the others nor is needed by them."""
        mapping = self.customers.copy(
            {"name": "LEADS", "integration_table": "lead", "field_mapping_ids": False}
        )
        mapping.active = True
        return mapping

    def woken_slots(self):
        """The numbers of the other slots that have been woken since the last call."""
        triggers = self.env["ir.cron.trigger"].search([])
        woken = {
            number
            for number in (2, 3)
            if self.env.ref(f"dataverse_sync.ir_cron_synchronize_{number}")
            in triggers.cron_id
        }
        triggers.unlink()
        return woken

    def test_the_first_slot_wakes_the_others(self):
        self.run_scheduled()
        self.assertFalse(self.woken_slots(), "one mapping needs the other")
        self.independent()
        self.run_scheduled()
        self.assertEqual(self.woken_slots(), {2, 3})
        self.run_slot(2)
        self.assertFalse(self.woken_slots())

    def test_a_mapping_that_another_slot_runs_is_left_alone(self):
        """And so are those that refer to it, which come a little later."""
        independent = self.independent()
        checkpoint = self.env["integration.checkpoint"]._of(self.customers)
        fence = checkpoint._acquire()
        self.env["ir.cron.trigger"].search([]).unlink()
        self.run_slot(2)
        self.assertEqual(self.jobs().mapping_id, independent)
        later = self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
        self.assertTrue(later)
        checkpoint._release(fence)
        self.run_slot(2)
        self.assertEqual(
            self.jobs().mapping_id, self.customers | self.contacts | independent
        )

    def test_what_another_slot_has_run_meanwhile_is_not_run_again(self):
        runs = []
        mappings = type(self.env["integration.table.mapping"])
        run_scheduled = mappings._run_scheduled

        def run(mapping):
            runs.append(mapping.name)
            run_scheduled(mapping)
            # Another slot takes the next one.
            self.env["integration.sync.job"].create(
                {
                    "mapping_id": self.contacts.id,
                    "kind": "scheduled",
                    "state": "done",
                    "started_at": fields.Datetime.now() + timedelta(seconds=1),
                }
            )

        with patch.object(mappings, "_run_scheduled", run):
            self.run_scheduled()
        self.assertEqual(runs, ["CUSTOMER"])
