"""Live progress: what is told, to whom, how a run is stopped, and how it goes on."""

from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.fields import Datetime
from odoo.tests import new_test_user, tagged

from ..engine import progress, run
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestProgress(DataverseCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(progress, "EVERY", 0))
        self.startPatcher(patch.object(run, "CHUNK", 2))
        self.told = []
        user_class = self.env.registry["res.users"]

        def listen(user, channel, message, **_options):
            if channel == progress.CHANNEL:
                self.told.append((user, message))

        self.startPatcher(patch.object(user_class, "_bus_send", listen))

    def companies(self, count):
        for number in range(count):
            self.company(f"Company {number}")

    def messages(self, user=None):
        user = user or self.env.ref("base.user_admin")
        return [message for who, message in self.told if who == user]

    def test_processed_total_and_end_are_told(self):
        self.companies(5)
        self.synchronize(self.customers)
        messages = self.messages()
        self.assertEqual({m["name"] for m in messages}, {"CUSTOMER"})
        running = [m for m in messages if m["state"] == "running"]
        processed = [m["processed"] for m in running]
        self.assertEqual(processed, sorted(processed))
        self.assertGreaterEqual(len(set(processed)), 3, "chunk by chunk")
        self.assertTrue(all(m["total"] >= m["processed"] for m in running))
        self.assertEqual(running[-1]["processed"], running[-1]["total"])
        self.assertEqual(messages[-1]["state"], "done")
        self.assertIn("5 created", messages[-1]["message"])

    def test_short_runs_are_silent(self):
        self.companies(1)
        with patch.object(progress, "EVERY", 60):
            self.synchronize(self.customers)
        self.assertFalse(self.told)

    def test_who_may_not_see_the_company_hears_nothing(self):
        other = self.env["res.company"].create({"name": "Other"})
        stranger = new_test_user(
            self.env,
            "stranger",
            "dataverse_sync.group_user",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        colleague = new_test_user(self.env, "colleague", "dataverse_sync.group_user")
        outsider = new_test_user(self.env, "outsider", "base.group_user")
        self.companies(1)
        self.synchronize(self.customers)
        self.assertTrue(self.messages(colleague))
        self.assertFalse(self.messages(stranger))
        self.assertFalse(self.messages(outsider))

    def stop_after(self, chunks):
        """A person who presses Stop while the chunk of that number is worked on."""
        plan = self.env.registry["integration.engine.plan"]
        original = plan._plan
        count = iter(range(1, 1000))

        def planning(engine, session, items):
            if next(count) == chunks:
                session.job.action_stop()
            return original(engine, session, items)

        return patch.object(plan, "_plan", planning)

    def test_stop_and_go_on(self):
        self.companies(6)
        with self.stop_after(2):
            counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "stopped")
        self.assertIn(
            "Stopped. What is left is done by the next run", counters["message"]
        )
        self.assertEqual(counters["inserted"], 4)
        self.assertEqual(len(self.person.all("account", "name")), 4)
        self.assertFalse(self.env["sync.error"].search([]))
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["inserted"]), ("done", 2))
        self.assertEqual(len(self.person.all("account", "name")), 6)
        self.assertQuiet()

    def test_stopping_is_for_managers_and_for_who_started_it(self):
        job = self.env["integration.sync.job"].create(
            {"mapping_id": self.customers.id, "kind": "manual"}
        )
        user = new_test_user(self.env, "somebody", "dataverse_sync.group_user")
        with self.assertRaises(AccessError):
            job.with_user(user).action_stop()
        self.assertFalse(self.env["integration.stop"].search([]))
        own = (
            job.with_user(user)
            .sudo()
            .create({"mapping_id": self.customers.id, "kind": "manual"})
        )
        own.sudo(False).action_stop()
        self.assertEqual(self.env["integration.stop"].search([]).job_id, own)

    def test_who_opens_odoo_later_sees_it_too(self):
        job = self.env["integration.sync.job"].create(
            {
                "mapping_id": self.customers.id,
                "kind": "manual",
                "started_at": Datetime.subtract(Datetime.now(), seconds=10),
                "told_at": Datetime.now(),
                "processed": 500,
                "total": 2000,
            }
        )
        (shown,) = job.running()
        self.assertEqual((shown["rate"], shown["left"]), (50, 30))
        job.state = "done"
        self.assertFalse(job.running())

    def test_run_whose_process_was_killed_ends_in_the_log(self):
        job = self.env["integration.sync.job"].create(
            {
                "mapping_id": self.customers.id,
                "kind": "scheduled",
                "started_at": Datetime.subtract(Datetime.now(), hours=1),
            }
        )
        self.env["integration.checkpoint"]._of(self.customers)._acquire()
        self.env.cr.execute(
            "UPDATE integration_checkpoint SET lease_expires = now() - interval '1h'"
        )
        self.synchronize(self.customers)
        self.assertEqual(job.state, "failed")
        self.assertIn("The server ended while this was running", job.message)
