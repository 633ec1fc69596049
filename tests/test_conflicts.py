"""Both sides changed the same field: nothing is lost, and a person chooses."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestConflicts(DataverseCase):
    def setUp(self):
        super().setUp()
        self.partner, self.row_id = self.pair(
            "Acme", telephone1="1", address1_city="Odense"
        )

    def phone_in_dataverse(self):
        return self.person.read("account", self.row_id, "telephone1")["telephone1"]

    def quarrel(self, **also):
        """Both sides change the phone number; the rest of ``also`` merges."""
        self.partner.write({"phone": "2", **also})
        self.person.write("account", self.row_id, telephone1="3")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1, counters)
        self.assertEqual(self.partner.dataverse_sync_state, "conflict")

    def synchronize_now(self):
        action = self.partner.action_synchronize_now()
        return self.env[action["res_model"]].browse(action["res_id"])

    def test_conflict_outlives_what_merged_and_the_next_edit(self):
        self.quarrel(city="Aarhus")
        self.partner.phone = "4"
        self.synchronize(self.customers)
        self.assertEqual(self.partner.dataverse_sync_state, "conflict")
        self.assertEqual(self.phone_in_dataverse(), "3")
        self.partner.coupling_ids.synchronize("get")
        self.assertEqual(self.partner.phone, "3")

    def test_conflict_outlives_what_was_pulled(self):
        self.partner.phone = "2"
        self.person.write(
            "account", self.row_id, telephone1="3", emailaddress1="a@b.example"
        )
        self.synchronize(self.customers)
        self.assertEqual(self.partner.email, "a@b.example")
        self.partner.phone = "4"
        self.synchronize(self.customers)
        self.assertEqual(self.phone_in_dataverse(), "3")

    def test_sentence_names_record_and_fields(self):
        self.quarrel()
        self.assertEqual(self.partner.dataverse_error_kind, "conflict")
        self.assertEqual(
            self.partner.dataverse_message,
            "'Acme' was changed on both sides: Phone. Choose which data to use.",
        )
        error = self.partner.coupling_ids.error_ids
        self.assertRecordValues(
            error.conflict_ids,
            [
                {
                    "field_label": "Phone",
                    "base_value": "1",
                    "odoo_value": "2",
                    "dataverse_value": "3",
                }
            ],
        )

    def test_synchronize_now_makes_a_person_choose(self):
        self.quarrel()
        wizard = self.synchronize_now()
        self.assertTrue(wizard.conflict)
        self.assertEqual(wizard.line_ids.mapped("changed"), ["both"])
        with self.assertRaisesRegex(UserError, "choose which data"):
            wizard.action_synchronize()
        wizard.direction = "send"
        toast = wizard.action_synchronize()["params"]
        self.assertEqual(toast["message"], "The same on both sides now: Phone.")
        self.assertEqual(self.phone_in_dataverse(), "2")
        self.assertEqual(self.partner.dataverse_sync_state, "in_sync")

    def test_synchronize_now_preselects_the_only_direction(self):
        self.partner.phone = "2"
        wizard = self.synchronize_now()
        self.assertEqual(wizard.direction, "send")
        self.assertEqual(wizard.line_ids.changed, "odoo")
        wizard.action_synchronize()

        self.person.write("account", self.row_id, telephone1="3")
        wizard = self.synchronize_now()
        self.assertEqual(wizard.direction, "get")
        self.assertEqual(wizard.line_ids.changed, "dataverse")
        wizard.action_synchronize()
        self.assertEqual(self.partner.phone, "3")

        wizard = self.synchronize_now()
        self.assertFalse(wizard.line_ids)
        self.assertEqual(
            wizard.action_synchronize()["params"]["message"],
            "Both sides hold the same values.",
        )

    def test_synchronize_now_merges_changes_of_different_fields(self):
        self.partner.phone = "2"
        self.person.write("account", self.row_id, emailaddress1="a@b.example")
        wizard = self.synchronize_now()
        self.assertEqual(wizard.direction, "merge")
        wizard.action_synchronize()
        self.assertEqual(self.phone_in_dataverse(), "2")
        self.assertEqual(self.partner.email, "a@b.example")
