"""Full Synchronization Review: what it recommends, and how a full run survives."""

from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..engine import run
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestFullSync(DataverseCase):
    def setUp(self):
        super().setUp()
        (self.customers | self.contacts).synch_only_coupled = True

    def review(self):
        action = self.env["integration.full.sync.wizard"].action_review()
        return self.env[action["res_model"]].browse(action["res_id"])

    def line(self, mapping=None):
        return self.env["integration.full.sync"].search(
            [("mapping_id", "=", (mapping or self.customers).id)]
        )

    def recommended(self):
        self.review()
        return self.line().recommendation

    def test_recommendations(self):
        self.assertEqual(self.recommended(), "nothing")
        self.company("Acme", email="a@acme.example")
        before = self.line().odoo_count
        self.assertEqual(self.recommended(), "full")
        self.person.create("account", name="Acme Inc", emailaddress1="a@acme.example")
        self.assertEqual(self.recommended(), "couple")
        self.assertEqual(
            (self.line().odoo_count, self.line().dataverse_count), (before + 1, 1)
        )
        self.assertIn("1 in Dataverse", self.line().reason)
        self.synchronize(self.customers)
        self.assertEqual(self.line().mapping_id, self.customers)

    def test_parents_come_first(self):
        wizard = self.review()
        self.assertEqual(wizard.line_ids.mapping_id, self.customers | self.contacts)
        self.assertEqual(self.line(self.contacts).after_ids, self.customers)

    def test_start_all_creates_what_is_missing(self):
        anna = self.employee(self.company("Acme"))
        self.person.create("account", name="Beta")
        wizard = self.review()
        wizard.action_start_all()
        self.assertEqual(set(wizard.line_ids.mapped("state")), {"waiting"})
        self.run_scheduled()
        self.assertEqual(self.line().state, "done")
        self.assertEqual(self.line(self.contacts).state, "done")
        self.assertEqual(
            len(self.person.all("account", "name")), self.line().odoo_count + 1
        )
        self.assertTrue(self.coupled(anna, self.contacts))
        self.assertIn("created", self.line().message)
        # From now on the mapping goes by its own settings again.
        later = self.company("Later")
        self.run_scheduled()
        self.assertFalse(self.coupled(later))
        self.review()
        self.assertEqual(self.line().recommendation, "full")

    def test_partial_failure_is_not_green(self):
        self.company("Fine")
        self.company("A" * 161)
        self.review().action_start_all()
        self.run_scheduled()
        self.assertEqual(self.line().state, "partial")
        self.assertEqual(self.line().failed, 1)
        self.assertIn("1 to decide or correct", self.line().message)

    def test_goes_on_where_it_was(self):
        """Stopped in the middle, by the clock or by the end of the server."""
        for number in range(5):
            self.company(f"Company {number}")
        self.review()
        self.line().action_start()
        chunk = self.env.registry["integration.engine.run"]._try_chunk

        def one_chunk(engine, session):
            chunk(engine, session)
            session.out_of_time = True
            return False

        with (
            patch.object(run, "CHUNK", 2),
            patch.object(
                self.env.registry["integration.engine.run"], "_try_chunk", one_chunk
            ),
        ):
            self.run_scheduled()
        self.assertEqual(self.line().state, "running")
        done = len(self.person.all("account", "name"))
        self.assertEqual(done, 2)
        self.run_scheduled()
        self.assertEqual(self.line().state, "done")
        self.assertEqual(self.line().inserted, self.line().odoo_count)
        self.assertEqual(
            len(self.person.all("account", "name")), self.line().odoo_count
        )

    def test_pause_and_go_on(self):
        self.company("Acme")
        wizard = self.review()
        wizard.action_start_all()
        wizard.action_pause_all()
        self.run_scheduled()
        self.assertEqual(self.line().state, "paused")
        self.assertTrue(self.customers.rests)
        self.assertFalse(self.person.all("account", "name"))
        wizard.action_start_all()
        self.run_scheduled()
        self.assertEqual(self.line().state, "done")
        self.assertTrue(self.person.all("account", "name"))

    def test_synchronizing_by_hand_meanwhile_uses_nothing_up(self):
        self.company("Acme")
        self.review()
        self.line().action_start()
        self.line().action_pause()
        self.synchronize(self.customers)
        self.line().action_start()
        self.run_scheduled()
        self.assertEqual(self.line().state, "done")
        self.assertEqual(
            len(self.person.all("account", "name")), self.line().odoo_count
        )

    def test_child_waits_for_its_parent(self):
        self.review()
        (self.line() | self.line(self.contacts)).action_start()
        self.line().action_pause()
        self.run_scheduled()
        self.assertEqual(self.line(self.contacts).state, "waiting")

    def test_failure_says_why(self):
        self.review().line_ids.action_start()
        self.simulator.control("PUT", "tables/account", change_tracking=False)
        self.env["integration.table"].search([]).unlink()
        self.run_scheduled()
        self.assertEqual(self.line().state, "failed")
        self.assertIn("Change tracking is off", self.line().message)

    def test_pause_of_dataverse_is_no_failure(self):
        self.company("Acme")
        self.review().line_ids.action_start()
        client = self.env["integration.engine.gateway"]._client(self.connection)
        self.patch(client, "_sleep", lambda seconds: None)
        then = {"status": 429, "code": "0x80072322", "retry_after": 300}
        self.simulator.rules("faults", {"count": None, "then": then})
        self.run_scheduled()
        self.assertEqual(self.line().state, "running")
        self.simulator.rules("faults")
        self.connection.paused_until = False
        self.run_scheduled()
        self.assertEqual(self.line().state, "done")

    def test_only_for_managers(self):
        self.review()
        user = new_test_user(self.env, "user", "dataverse_sync.group_user")
        for method in ("action_start", "action_pause", "action_couple"):
            with self.assertRaises(AccessError):
                getattr(self.line().with_user(user), method)()
        with self.assertRaises(AccessError):
            self.env["integration.full.sync.wizard"].with_user(user).action_review()
