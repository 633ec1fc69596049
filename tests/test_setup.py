"""Assisted setup: every step, what it refuses, and how it says what to mend."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestSetup(DataverseCase):
    def setUp(self):
        super().setUp()
        self.connection.unlink()
        self.client_id = self.simulator.info["client_id"]

    def start(self, step="address", **vals):
        """The wizard, with everything filled in rightly, before a step is finished."""
        info = self.simulator.info
        action = self.env["integration.setup.wizard"].action_set_up()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        wizard.write(
            {
                "environment_url": f"{info['url']}/main.aspx?appid=1#x",
                "authority_url": f"https://{self.simulator.host}",
                "tenant_id": info["tenant"],
                "client_id": info["client_id"],
                "client_secret": info["client_secret"],
                **vals,
            }
        )
        while wizard.step != step:
            wizard.action_next()
        return wizard

    def check(self, wizard, name):
        check = wizard.check_ids.filtered(lambda check: check.name == name)
        self.assertEqual(len(check), 1, wizard.check_ids.mapped("name"))
        return check

    def test_from_nothing_to_the_review(self):
        wizard = self.start("tables")
        self.assertEqual(set(wizard.check_ids.mapped("state")), {"ok"})
        tables = wizard.table_ids.grouped("name")
        self.assertLessEqual(
            {"SALESPEOPLE", "CURRENCY", "CUSTOMER", "CONTACT"}, tables.keys()
        )
        self.assertTrue(all(table.selected for table in wizard.table_ids))
        (wizard.table_ids - tables["CUSTOMER"]).selected = False
        action = wizard.action_finish()
        connection = wizard.connection_id
        self.assertEqual(connection.state, "connected")
        self.assertEqual(connection.environment_url, self.simulator.info["url"])
        self.assertEqual(connection.mapping_ids.mapped("name"), ["CUSTOMER"])
        review = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(review.line_ids.mapping_id, connection.mapping_ids)

    def test_address_of_somebody_else(self):
        with self.assertRaisesRegex(
            ValidationError, "not one of Microsoft's addresses"
        ):
            self.start("sign_in", environment_url="https://evil.example/main.aspx")
        with self.assertRaisesRegex(UserError, "Enter the address that you see"):
            self.start("sign_in", environment_url=False)
        self.assertFalse(self.env["integration.connection"].search([]))

    def test_secret_is_written_and_never_read(self):
        wizard = self.start("sign_in")
        wizard.invalidate_recordset()
        self.assertFalse(wizard.client_secret)
        self.assertTrue(wizard.sudo().stored_secret)
        with self.assertRaises(AccessError):
            wizard.with_user(self.env.ref("base.user_admin")).read(["stored_secret"])
        wizard.action_next()
        self.assertFalse(wizard.sudo().stored_secret, "the connection alone has it")
        self.assertTrue(wizard.connection_id.has_credential)

    def test_wrong_secret_is_mended_without_starting_anew(self):
        wizard = self.start("checks", client_secret="wrong")
        self.assertFalse(wizard.passed)
        self.assertEqual(self.check(wizard, "Address").state, "ok")
        sign_in = self.check(wizard, "Sign-In")
        self.assertEqual(sign_in.state, "failed")
        self.assertIn("Enter the secret's value (not its ID)", sign_in.message)
        self.assertEqual(self.check(wizard, "Application User").state, "skipped")
        with self.assertRaisesRegex(UserError, "Mend what is marked first"):
            wizard.action_next()
        wizard.action_back()
        wizard.client_secret = self.simulator.info["client_secret"]
        wizard.action_next()
        self.assertTrue(wizard.passed)
        self.assertEqual(len(self.env["integration.connection"].search([])), 1)

    def test_nobody_at_the_address(self):
        wizard = self.start("sign_in")
        wizard.environment_url = "https://org0.crm4.dynamics.com"
        wizard.action_next()
        address = self.check(wizard, "Address")
        self.assertEqual(address.state, "failed")
        self.assertIn("org0.crm4.dynamics.com", address.message)
        self.assertEqual(self.check(wizard, "Application User").state, "skipped")

    def test_application_user_is_missing(self):
        self.simulator.control("PUT", f"users/{self.client_id}", enabled=False)
        wizard = self.start("checks")
        user = self.check(wizard, "Application User")
        self.assertEqual(user.state, "failed")
        self.assertTrue(user.message)

    def test_missing_privileges_are_named(self):
        self.simulator.control(
            "PUT",
            f"users/{self.client_id}",
            privileges={
                "account": {"Create": "None", "Write": "None"},
                "contact": {"Delete": "None"},
            },
        )
        wizard = self.start("checks")
        self.assertTrue(wizard.passed, "the other table can be synchronized")
        rights = self.check(wizard, "Account: privileges")
        self.assertEqual(rights.state, "failed")
        self.assertIn("prvCreateAccount, prvWriteAccount", rights.message)
        self.assertEqual(self.check(wizard, "Contact: privileges").state, "ok")
        wizard.action_next()
        unusable = wizard.table_ids.filtered(lambda table: not table.usable)
        self.assertEqual(unusable.mapped("name"), ["CUSTOMER"])
        wizard.table_ids.selected = True
        wizard.action_finish()
        names = wizard.connection_id.mapping_ids.mapped("name")
        self.assertIn("CONTACT", names)
        self.assertNotIn("CUSTOMER", names)

    def test_switches_of_the_table(self):
        self.simulator.control("PUT", "tables/account", change_tracking=False)
        self.simulator.control("PUT", "tables/contact", optimistic_concurrency=False)
        wizard = self.start("checks")
        tracking = self.check(wizard, "Account: change tracking")
        self.assertEqual(tracking.state, "failed")
        self.assertIn("Switch on 'Track changes'", tracking.message)
        concurrency = self.check(wizard, "Contact: optimistic concurrency")
        self.assertEqual(concurrency.state, "failed")

    def test_checking_changes_nothing(self):
        self.simulator.control("DELETE", "requests")
        self.start("checks")
        sent = self.simulator.control("GET", "requests")
        self.assertTrue(sent)
        methods = {
            request["method"] for request in sent if "oauth2" not in request["path"]
        }
        self.assertEqual(methods, {"GET"})

    def test_only_for_managers(self):
        user = new_test_user(self.env, "user", "dataverse_sync.group_user")
        with self.assertRaises(AccessError):
            self.env["integration.setup.wizard"].with_user(user).action_set_up()
