"""Near real time: Dataverse calls, and the worker wakes up."""

import json
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

from ..controllers import webhook
from .common import DataverseCase


class WebhookCase(DataverseCase, HttpCase):
    def setUp(self):
        super().setUp()
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("web.base.url", "https://odoo.example")
        self.startPatcher(patch.object(webhook, "bucket", webhook.Bucket(100, 50)))

    def registered(self):
        """The steps that Dataverse holds, as ``{(message, table): url}``."""
        client = self.person.client
        answer = client.request(
            "GET",
            "sdkmessageprocessingsteps",
            params={
                "$select": "name,statecode",
                "$expand": "sdkmessageid($select=name),"
                "sdkmessagefilterid($select=primaryobjecttypecode)",
            },
        ).json()
        return {
            (
                row["sdkmessageid"]["name"],
                row["sdkmessagefilterid"]["primaryobjecttypecode"],
            )
            for row in answer["value"]
            if row["name"].startswith("Odoo (test)")
        }

    def call(self, code="test", key=None, body="{}"):
        headers = {}
        if key is not None:
            headers[self.connection._webhook_header] = key.encode("latin-1")
        return self.url_open(
            f"/dataverse_sync/webhook/{code}", data=body, headers=headers
        ).status_code

    def wake_ups(self):
        cron = self.env.ref("dataverse_sync.ir_cron_synchronize")
        return self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])


@tagged("post_install", "-at_install")
class TestWebhook(WebhookCase):
    def test_one_click_registers_every_table_and_repairs(self):
        for _twice in range(2):
            self.connection.action_register_webhook()
            self.assertTrue(self.connection.webhook_on)
            self.assertEqual(
                self.registered(),
                {
                    (message, table)
                    for message in ("Create", "Update", "Delete")
                    for table in ("account", "contact")
                },
            )
        endpoints = self.person.client.request(
            "GET", "serviceendpoints", params={"$select": "name,url,authtype"}
        ).json()["value"]
        (endpoint,) = [e for e in endpoints if e["name"] == "Odoo (test)"]
        self.assertEqual(
            endpoint["url"], "https://odoo.example/dataverse_sync/webhook/test"
        )
        self.connection.action_unregister_webhook()
        self.assertFalse(self.connection.webhook_on)
        self.assertFalse(self.registered())
        self.connection.action_unregister_webhook()

    def test_disconnecting_unregisters(self):
        self.connection.action_register_webhook()
        self.connection.action_disconnect()
        self.assertFalse(self.registered())
        self.assertFalse(self.connection.webhook_on)

    def test_disconnecting_works_without_dataverse(self):
        self.connection.action_register_webhook()
        key = self.connection.sudo().webhook_key
        engine = type(self.env["integration.engine.webhooks"])
        logger = self.connection._suspend.__func__.__module__
        with (
            patch.object(engine, "_unsubscribe", side_effect=UserError("Gone")),
            self.assertLogs(logger, "WARNING"),
        ):
            self.connection.action_disconnect()
        self.assertEqual(self.connection.state, "draft")
        self.assertFalse(self.connection.webhook_on)
        self.assertEqual(self.call(key=key), 401)

    def test_dataverse_calls_https_only(self):
        self.env["ir.config_parameter"].sudo().set_param(
            "web.base.url", "http://odoo.example"
        )
        with self.assertRaisesRegex(UserError, "https"):
            self.connection.action_register_webhook()

    def test_right_key_wakes_the_worker(self):
        self.connection.action_register_webhook()
        before = self.wake_ups()
        self.assertEqual(self.call(key=self.connection.sudo().webhook_key), 204)
        self.assertEqual(self.wake_ups(), before + 1)

    def test_wrong_key_and_unknown_connection_look_the_same(self):
        """sync-bugs 74: also with keys of other lengths."""
        self.connection.action_register_webhook()
        before = self.wake_ups()
        self.assertEqual(self.call(key="wrong"), 401)
        self.assertEqual(self.call(), 401)
        self.assertEqual(self.call(code="nobody", key="wrong"), 401)
        self.assertEqual(self.call(code="nobody", key=""), 401)
        self.connection.action_unregister_webhook()
        self.assertEqual(self.call(key=""), 401, "without registration no key is right")
        self.assertEqual(self.wake_ups(), before)

    def test_connection_that_rests_is_not_woken(self):
        self.connection.action_register_webhook()
        key = self.connection.sudo().webhook_key
        self.connection._suspend("For the test")
        before = self.wake_ups()
        self.assertEqual(self.call(key=key), 204)
        self.assertEqual(self.wake_ups(), before)

    def test_a_bucket_fills_again_and_never_over_its_rim(self):
        now = [0.0]
        bucket = webhook.Bucket(3, 2, clock=lambda: now[0])
        self.assertEqual([bucket.take() for _call in range(4)], [True] * 3 + [False])
        now[0] += 1
        self.assertEqual([bucket.take() for _call in range(3)], [True] * 2 + [False])
        now[0] += 3600
        self.assertEqual([bucket.take() for _call in range(4)], [True] * 3 + [False])

    def test_every_answer_costs_the_same_work(self):
        """Neither time nor queries tell whether a connection or its key exists."""
        self.connection.action_register_webhook()
        known = self.connection.sudo().webhook_key
        costs, compared = [], []
        same = webhook.Webhook._is_same

        def counted(controller, given, expected):
            compared.append(len(expected) > 20)
            return same(controller, given, expected)

        # The first call of all fills caches.
        self.call(code="test", key="wrong")
        self.patch(webhook.Webhook, "_is_same", counted)
        for code, key in (
            ("test", "wrong"),
            ("nobody", "wrong"),
            ("nobody", known),
            ("test", ""),
            ("test", known[:-1]),
        ):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(self.call(code=code, key=key), 401)
            costs.append(self.env.cr.sql_log_count - before)
        self.assertEqual(compared, [True] * 5)
        self.assertEqual(len(set(costs)), 1, costs)

    def test_flood_is_turned_away(self):
        with patch.object(webhook, "bucket", webhook.Bucket(2, 0)):
            answers = [self.call(key="wrong") for _call in range(3)]
        self.assertEqual(answers, [401, 401, 429])


@tagged("post_install", "-at_install")
class TestWebhookEndToEnd(WebhookCase):
    """Dataverse itself calls this Odoo by HTTP; the test only looks."""

    def setUp(self):
        super().setUp()
        self.connection.action_register_webhook()
        client = self.person.client
        (endpoint,) = client.request(
            "GET",
            "serviceendpoints",
            params={"$select": "serviceendpointid", "$filter": "name eq 'Odoo (test)'"},
        ).json()["value"]
        # Only the way is shorter: no proxy with HTTPS before this Odoo.
        client.request(
            "PATCH",
            f"serviceendpoints({endpoint['serviceendpointid']})",
            body={"url": f"{self.base_url()}/dataverse_sync/webhook/test"},
            repeatable=True,
        )
        self.customers.synch_interval = 60
        self.run_scheduled()
        self.env["ir.cron.trigger"].search([]).unlink()

    def answers(self):
        """What Odoo answered to each call, when all are through."""
        for _look in range(1000):
            deliveries = self.simulator.control("GET", "webhooks")
            if deliveries and all(one["statuscode"] for one in deliveries):
                return [one["attempts"][-1] for one in deliveries]
        raise AssertionError(deliveries)

    def test_a_change_in_dataverse_ends_in_odoo(self):
        self.env.flush_all()
        with self.allow_requests(all_requests=True):
            row_id = self.person.create("account", name="Acme")
            self.assertEqual(self.answers(), [204])
        self.env.invalidate_all()
        self.assertEqual(self.wake_ups(), 1)
        self.run_scheduled()
        self.assertEqual(self.partner_of(row_id).name, "Acme")
        self.connection.action_check_webhook()
        self.assertFalse(self.connection.webhook_problem)

    def test_a_lost_key_is_noticed_and_repaired(self):
        self.connection.sudo().webhook_key = "another"
        self.env.flush_all()
        with self.allow_requests(all_requests=True):
            self.person.create("account", name="Acme")
            self.assertEqual(self.answers(), [401])
        self.env.invalidate_all()
        self.assertEqual(self.wake_ups(), 0)
        self.connection.action_check_webhook()
        self.assertIn("401", self.connection.webhook_problem)


@tagged("post_install", "-at_install")
class TestWebhookFaults(WebhookCase):
    """Calls are hints: whatever becomes of them, the data ends up right."""

    def setUp(self):
        super().setUp()
        self.connection.action_register_webhook()
        self.key = self.connection.sudo().webhook_key
        self.cron_triggers().unlink()

    def cron_triggers(self):
        cron = self.env.ref("dataverse_sync.ir_cron_synchronize")
        return self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])

    def partners(self, name="Acme"):
        return self.env["res.partner"].search_count([("name", "=", name)])

    def test_ten_calls_for_one_new_row(self):
        """sync-bugs 35."""
        self.person.create("account", name="Acme")
        for _duplicate in range(10):
            self.assertEqual(self.call(key=self.key), 204)
        self.assertEqual(len(self.cron_triggers()), 1)
        self.run_scheduled()
        self.assertEqual(self.partners(), 1)
        self.assertEqual(self.call(key=self.key), 204)
        self.run_scheduled()
        self.assertEqual(self.partners(), 1)

    def test_echoes_of_own_writes(self):
        """sync-bugs 44."""
        partner, row_id = self.pair()
        partner.phone = "1"
        self.synchronize()
        before = self.simulator.control("GET", "requests")
        for _echo in range(5):
            self.assertEqual(self.call(key=self.key), 204)
            self.run_scheduled()
        asked = self.simulator.control("GET", "requests")[len(before) :]
        self.assertTrue(asked)
        self.assertEqual({request["method"] for request in asked}, {"GET"})
        self.assertEqual(partner.phone, "1")

    def test_delayed_and_out_of_order(self):
        """The call about the creation comes after that about the deletion."""
        row_id = self.person.create("account", name="Acme")
        self.person.write("account", row_id, name="Acme 2")
        self.person.delete("account", row_id)
        for message in ("Delete", "Update", "Create"):
            self.assertEqual(self.call(key=self.key, body=message), 204)
            self.run_scheduled()
        self.assertFalse(self.partners("Acme") + self.partners("Acme 2"))

    def test_lost(self):
        """Without any call the scheduled action finds the change."""
        self.person.create("account", name="Acme")
        self.run_scheduled()
        self.assertEqual(self.partners(), 1)

    def test_forged(self):
        """Of an organization, a table and a row that nobody knows."""
        requests = len(self.simulator.control("GET", "requests"))
        body = {
            "OrganizationId": "00000000-0000-0000-0000-000000000001",
            "PrimaryEntityName": "systemuser",
            "PrimaryEntityId": "11111111-1111-1111-1111-111111111111",
            "MessageName": "Delete",
        }
        for key in ("", "wrong", "w" * 10_000, "\xff", f"{self.key} ", self.key[:-1]):
            self.assertEqual(self.call(key=key, body=json.dumps(body)), 401, key[:20])
        self.assertFalse(self.cron_triggers())
        people = self.env["res.partner"].search_count([])
        self.assertEqual(self.call(key=self.key, body=json.dumps(body)), 204)
        self.run_scheduled()
        asked = self.simulator.control("GET", "requests")[requests:]
        self.assertFalse([r for r in asked if "systemusers" in r["path"]])
        self.assertEqual(self.env["res.partner"].search_count([]), people)

    def test_key_of_another_connection(self):
        other = self.connection.copy({"code": "other"})
        other.sudo().webhook_key = "k" * 43
        self.assertEqual(self.call(key=other.sudo().webhook_key), 401)

    def test_a_large_form_is_not_read(self):
        answer = self.url_open(
            "/dataverse_sync/webhook/test",
            data={"x": "y" * 300_000},
            headers={self.connection._webhook_header: self.key},
        )
        self.assertEqual(answer.status_code, 413)

    def test_a_call_comes_before_the_interval(self):
        (self.customers | self.contacts).synch_interval = 60
        self.run_scheduled()
        self.person.create("account", name="Acme")
        self.customers.event_driven = False
        self.assertEqual(self.call(key=self.key), 204)
        self.run_scheduled()
        self.assertEqual(self.partners(), 0, "turned off for this mapping")
        self.customers.event_driven = True
        self.run_scheduled()
        self.assertEqual(self.partners(), 1)

    def check(self):
        self.connection.action_check_webhook()
        return self.connection.webhook_problem

    def test_everything_in_order_says_so(self):
        answer = self.connection.action_check_webhook()
        self.assertIn("in order", answer["params"]["message"])
        self.assertFalse(self.connection.webhook_problem)

    def test_a_step_that_somebody_switched_off(self):
        client = self.person.client
        steps = client.request(
            "GET",
            "sdkmessageprocessingsteps",
            params={"$select": "sdkmessageprocessingstepid"},
        ).json()["value"]
        off, gone = (step["sdkmessageprocessingstepid"] for step in steps[:2])
        client.request(
            "PATCH",
            f"sdkmessageprocessingsteps({off})",
            body={"statecode": 1, "statuscode": 2},
            repeatable=True,
        )
        self.assertIn("1 of 6 kinds", self.check())
        client.request("DELETE", f"sdkmessageprocessingsteps({gone})", repeatable=True)
        self.assertIn("2 of 6 kinds", self.check())
        self.connection.action_register_webhook()
        self.assertFalse(self.check(), "registering again repairs")
        self.person.create("account", name="Acme")
        self.run_scheduled()
        self.assertEqual(self.partners(), 1, "polling finds it in any case")

    def test_calls_that_do_not_arrive(self):
        """The simulator calls this machine only: nobody answers as odoo.example."""
        self.person.create("account", name="Acme")
        for _look in range(100):
            deliveries = self.simulator.control("GET", "webhooks")
            if all(delivery["statuscode"] for delivery in deliveries):
                break
        self.assertTrue(deliveries)
        cron = self.env.ref("dataverse_sync.ir_cron_look_after_webhooks")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()
        problem = self.connection.webhook_problem
        self.assertIn("1 calls of Dataverse did not arrive", problem)
        self.assertIn("https://odoo.example", problem)
        self.run_scheduled()
        self.assertEqual(self.partners(), 1, "polling finds it in any case")

    def test_a_dataverse_that_does_not_tell(self):
        self.simulator.rules(
            "faults",
            {"path": "^asyncoperations", "then": {"status": 403}},
        )
        self.assertTrue(self.check())

    def test_health_is_shown(self):
        self.assertIn("No call yet", self.connection.webhook_health)
        self.assertIn("6 kinds", self.connection.webhook_health)
        self.call(key=self.key)
        self.connection.invalidate_recordset()
        self.assertNotIn("No call yet", self.connection.webhook_health)
        self.connection.action_unregister_webhook()
        self.assertFalse(self.connection.webhook_health)
