"""What the screens tell people: states, reasons, values side by side."""

from lxml import etree

from odoo.exceptions import UserError
from odoo.fields import Datetime
from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestScreens(DataverseCase):
    def set_up_coupling(self, record):
        action = record.action_set_up_coupling()
        return self.env[action["res_model"]].browse(action["res_id"])

    def test_smart_button_says_state_and_age(self):
        partner, _row_id = self.pair()
        self.assertEqual(partner.dataverse_sync_label, "In Sync · just now")
        partner.coupling_ids.last_synch = Datetime.subtract(
            Datetime.now(), minutes=2, seconds=5
        )
        self.assertEqual(partner.dataverse_sync_label, "In Sync · 2 min. ago")
        partner.city = "Odense"
        partner.invalidate_recordset()
        self.assertEqual(partner.dataverse_sync_label, "Waiting")
        self.assertEqual(self.company("New").dataverse_sync_label, "Not Coupled")

    def test_saved_change_is_waiting_at_once(self):
        """A form shows what its own save did, before anything is flushed."""
        partner, _row_id = self.pair()
        (shown,) = partner.web_save(
            {"phone": "2"}, {"phone": {}, "dataverse_sync_state": {}}
        )
        self.assertEqual(shown["dataverse_sync_state"], "waiting")

    def test_record_without_mapping_hears_why(self):
        person = self.env["res.partner"].create({"name": "Private Person"})
        self.assertFalse(person.dataverse_mapped)
        with self.assertRaisesRegex(
            UserError, "'Private Person' is outside of the filter of CUSTOMER, CONTACT"
        ):
            person.action_set_up_coupling()

    def test_values_side_by_side_are_names_and_differences_come_first(self):
        denmark = self.env.ref("base.dk")
        partner = self.company(
            "Nordlys", email="post@lys.example", city="Odense", country_id=denmark.id
        )
        self.person.create(
            "account",
            name="Nordisk Lys",
            emailaddress1="post@lys.example",
            address1_city="Odense",
            address1_country="Denmark",
        )
        wizard = self.set_up_coupling(partner)
        self.assertEqual(wizard.external_name, "Nordisk Lys")
        shown = [
            (line.label, line.odoo_value, line.dataverse_value, line.different)
            for line in wizard.line_ids
        ]
        self.assertEqual(shown[0], ("Name", "Nordlys", "Nordisk Lys", True))
        self.assertIn(("Address", "Odense, Denmark", "Odense, Denmark", False), shown)
        self.assertIn(("Active", "Yes", "Active", False), shown)
        self.assertNotIn("Phone", [label for label, *_ in shown])

    def test_parent_is_shown_by_its_name(self):
        company, account = self.pair("Acme")
        person = self.employee(company, "Anna Berg", email="anna@acme.example")
        self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            emailaddress1="anna@acme.example",
            parentcustomerid=f"account({account})",
        )
        wizard = self.set_up_coupling(person)
        line = wizard.line_ids.filtered(lambda x: x.label == "Related Company")
        self.assertEqual((line.odoo_value, line.dataverse_value), ("Acme", "Acme"))

    def test_taken_row_says_by_whom(self):
        self.pair("Nordisk Film")
        wizard = self.set_up_coupling(self.company("Nordlys"))
        wizard.search_text = "Nordisk"
        wizard.action_search()
        self.assertRecordValues(
            wizard.candidate_ids,
            [
                {
                    "name": "Nordisk Film",
                    "reason": "coupled to 'Nordisk Film'",
                    "free": False,
                }
            ],
        )

    def ask(self, action):
        """The dialog as it opens."""
        return (
            self.env[action["res_model"]].with_context(**action["context"]).create({})
        )

    def test_delete_coupling_says_how_many_of_which_mapping(self):
        pairs = [self.pair(name)[0] for name in ("Acme", "Beta")]
        (one, other) = pairs
        person = self.employee(one)
        self.synchronize(self.contacts)
        wizard = self.ask((one | other | person).action_delete_coupling())
        self.assertEqual((wizard.count, wizard.record_name), (3, False))
        self.assertEqual(wizard.counted, "2 of CUSTOMER, 1 of CONTACT")
        self.assertEqual(self.ask(one.action_delete_coupling()).record_name, "Acme")

    def test_delete_all_couplings_of_a_mapping_without_naming_each(self):
        """A hundred thousand ids do not travel to the browser and back."""
        partner, _row_id = self.pair("Acme")
        person = self.employee(partner)
        self.synchronize(self.contacts)
        action = self.customers.action_delete_couplings()
        self.assertNotIn("default_coupling_ids", action["context"])
        wizard = self.ask(action)
        self.assertEqual(wizard.counted, "1 of CUSTOMER")
        self.pair("Coupled since")
        self.assertIn("2 couplings", wizard.action_uncouple()["params"]["message"])
        self.assertFalse(self.coupled(partner))
        self.assertTrue(self.coupled(person, self.contacts))
        with self.assertRaisesRegex(UserError, "no coupling to delete"):
            wizard.action_uncouple()
        with self.assertRaisesRegex(UserError, "no coupling to delete"):
            self.customers.action_delete_couplings()

    def test_synchronize_now_says_how_many_of_which_mapping(self):
        pairs = self.pair("Acme")[0] | self.pair("Beta")[0]
        pairs |= self.employee(pairs[0])
        self.synchronize(self.contacts)
        action = (pairs | self.company("Alone")).action_synchronize_now()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(wizard.counted, "2 of CUSTOMER, 1 of CONTACT")
        self.assertEqual((wizard.skipped, wizard.background), (1, False))

    def test_every_dialog_obeys_the_keyboard(self):
        """Control and Enter press the first button of the footer, Escape closes."""
        views = self.env["ir.ui.view"].search([("type", "=", "form")])
        forms = views.filtered(
            lambda view: (
                view.model in self.env
                and self.env[view.model]._module == "dataverse_sync"
                and view.model.startswith("integration.")
            )
        )
        footers = [
            (view.name, footer)
            for view in forms
            for footer in etree.fromstring(view.arch).iter("footer")
        ]
        self.assertGreater(len(footers), 7)
        for name, footer in footers:
            with self.subTest(name):
                *others, last = footer.iter("button")
                self.assertEqual(last.get("special"), "cancel")
                for first in others[:1]:
                    self.assertIn("btn-primary", first.get("class") or "")

    def test_couplings_are_found_by_the_name_of_the_record(self):
        partner, _row_id = self.pair("Nordisk Film")
        self.pair("Acme")
        found = self.env["integration.coupling"].search(
            [("record_name", "ilike", "nordisk")]
        )
        self.assertEqual(found, partner.coupling_ids)

    def test_matching_takes_the_mapping_of_most_selected_records(self):
        private = self.env["res.partner"].create({"name": "Private Person"})
        company = self.company("Acme")
        people = self.employee(company, "Anna") | self.employee(company, "Bo")
        action = (private | company | people).action_match_based_coupling()
        self.assertEqual(action["context"]["default_mapping_id"], self.contacts.id)
        with self.assertRaisesRegex(UserError, "outside of the filter"):
            private.action_match_based_coupling()

    def test_refused_match_is_left_alone(self):
        """A pair that a person unticked is not coupled by the run that follows."""
        partner = self.company("Acme", email="a@acme.example")
        self.person.create("account", name="Acme", emailaddress1="a@acme.example")
        wizard = self.env["integration.match.wizard"].create(
            {"mapping_id": self.customers.id, "create_new": True}
        )
        wizard.action_preview()
        wizard.line_ids.selected = False
        wizard.action_apply()
        self.synchronize(self.customers)
        self.assertFalse(self.coupled(partner))
        self.assertEqual(len(self.person.all("account", "name")), 1)

        wizard = self.set_up_coupling(partner)
        wizard.action_couple()
        self.assertTrue(self.coupled(partner))

    def test_overview_shows_the_last_run_also_when_it_was_partial(self):
        partner, _row_id = self.pair()
        self.env["integration.sync.job"].search([]).unlink()
        partner.ref = "X" * 60
        self.assertEqual(self.synchronize(self.customers)["state"], "partial")
        self.customers.invalidate_recordset()
        self.assertTrue(self.customers.last_synch)

    def test_banner_buttons(self):
        partner, row_id = self.pair()
        partner.ref = "X" * 60
        self.synchronize(self.customers)
        self.assertEqual(partner.dataverse_error_kind, "permanent")
        self.assertIn("'Acme'", partner.dataverse_message)
        action = partner.action_open_dataverse_errors()
        self.assertEqual(action["res_id"], partner.coupling_ids.error_ids.id)
        partner.ref = "X"
        partner.action_retry_dataverse_errors()
        self.synchronize(self.customers)
        self.assertFalse(partner.dataverse_message)

        self.customers.deletion_policy = "manual"
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertEqual(partner.dataverse_error_kind, "deleted")
        partner.action_restore_in_dataverse()
        self.assertEqual(len(self.person.all("account", "name")), 1)
        self.assertFalse(partner.dataverse_message)
