"""Who is told about errors, how often, and when no more."""

from odoo.fields import Datetime
from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestErrorDigest(DataverseCase):
    def setUp(self):
        super().setUp()
        self.connection.responsible_id.email = "admin@odoo.example"
        self.tell()
        self.mails = self.sent()

    def refuse(self, *names):
        """Companies that Dataverse does not take, all for the same reason."""
        companies = self.env["res.partner"]
        for name in names:
            companies |= self.company(name, ref="X" * 60)
        self.synchronize(self.customers)
        return companies

    def tell(self):
        self.env["integration.connection"]._cron_tell_responsible()

    def sent(self):
        return self.env["mail.mail"].search(
            [("subject", "like", "Dataverse synchronization errors")]
        )

    def new_mails(self):
        mails = self.sent() - self.mails
        self.mails |= mails
        return mails

    def next_day(self):
        self.connection.digest_at = Datetime.subtract(Datetime.now(), days=1)
        self.env["sync.error"].search([]).first_at = Datetime.subtract(
            Datetime.now(), days=2
        )

    def test_one_activity_however_many_errors(self):
        self.assertFalse(self.connection.activity_ids)
        companies = self.refuse("Alpha", "Beta")
        self.tell()
        activity = self.connection.activity_ids
        self.assertEqual(activity.user_id, self.connection.responsible_id)
        self.assertIn("2 synchronization errors", activity.summary)
        companies |= self.refuse("Gamma")
        self.tell()
        self.assertEqual(self.connection.activity_ids, activity)
        self.assertIn("3 synchronization errors", activity.summary)
        companies.ref = "X"
        self.synchronize(self.customers)
        self.tell()
        self.assertFalse(self.connection.activity_ids)

    def test_mail_once_a_day_and_only_with_news(self):
        self.refuse("Alpha", "Beta")
        self.tell()
        mail = self.new_mails()
        self.assertIn("2 Dataverse synchronization errors", mail.subject)
        self.assertEqual(mail.recipient_ids, self.connection.responsible_id.partner_id)
        self.assertIn(">2</strong>", mail.body_html, "equal causes are one line")
        self.assertIn("/odoo/dataverse-errors", mail.body_html)
        self.refuse("Gamma")
        self.tell()
        self.assertFalse(self.new_mails(), "not twice a day")
        self.next_day()
        self.tell()
        self.assertFalse(self.new_mails(), "nothing is new")
        self.refuse("Delta")
        self.tell()
        self.assertTrue(self.new_mails())

    def test_a_thousand_equal_errors_are_one_line(self):
        """In the list, in the activity and in the e-mail; and again the next hour."""
        failures = {
            (1_000_000 + number, ""): [
                {
                    "kind": "permanent",
                    "record_name": f"Company {number}",
                    "message": f"'Company {number}' has no country.",
                }
            ]
            for number in range(1000)
        }
        for _hour in range(2):
            self.env["sync.error"]._report(self.customers, failures)
            self.tell()
        errors = self.env["sync.error"].search([("mapping_id", "=", self.customers.id)])
        self.assertEqual(len(errors), 1000)
        self.assertEqual(set(errors.mapped("occurrences")), {2})
        listed = self.env["sync.error"].web_read_group(
            [("state", "=", "open")], ["cause"], ["__count"], limit=80
        )
        self.assertEqual(
            [(group["cause"], group["__count"]) for group in listed["groups"]],
            [("'…' has no country.", 1000)],
        )
        self.assertEqual(
            self.connection.digest_lines(), [("'…' has no country.", 1000)]
        )
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.assertEqual(len(self.new_mails()), 1)

    def test_a_run_that_fails_all_day_is_one_error(self):
        self.customers.integration_table = "acount"
        for _quarter in range(4):
            self.assertEqual(self.synchronize(self.customers)["state"], "failed")
        errors = self.env["sync.error"].search([("state", "=", "open")])
        self.assertEqual(len(errors), 1)
        self.assertEqual(errors.occurrences, 4)

    def test_what_goes_on_by_itself_is_nobodys_task(self):
        self.simulator.rules(
            "faults",
            {
                "in_batch": True,
                "method": "PATCH",
                "then": {"status": 500, "code": "0x80044150"},
            },
        )
        self.company()
        self.synchronize(self.customers)
        self.assertTrue(self.env["sync.error"].search([("kind", "=", "transient")]))
        self.tell()
        self.assertFalse(self.connection.activity_ids)
        self.assertFalse(self.new_mails())

    def test_both_can_be_switched_off_in_the_settings(self):
        settings = self.env["res.config.settings"].create({})
        self.assertTrue(settings.dataverse_error_digest)
        settings.write(
            {"dataverse_error_digest": False, "dataverse_error_activity": False}
        )
        self.assertFalse(self.connection.error_digest)
        self.refuse("Alpha")
        self.tell()
        self.assertFalse(self.connection.activity_ids)
        self.assertFalse(self.new_mails())
