"""Near real time: Dataverse calls, and the worker wakes up."""

from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

from ..controllers import webhook
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestWebhook(DataverseCase, HttpCase):
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

    def call(self, code="test", key=None):
        headers = {} if key is None else {self.connection._webhook_header: key}
        return self.url_open(
            f"/dataverse_sync/webhook/{code}", data="{}", headers=headers
        ).status_code

    def wake_ups(self):
        cron = self.env.ref("dataverse_sync.ir_cron_synchronize")
        return self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])

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

    def test_flood_is_turned_away(self):
        with patch.object(webhook, "bucket", webhook.Bucket(2, 0)):
            answers = [self.call(key="wrong") for _call in range(3)]
        self.assertEqual(answers, [401, 401, 429])
