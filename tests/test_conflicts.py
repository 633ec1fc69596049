"""Both sides changed the same field: nothing is lost, and a person chooses."""

from odoo.exceptions import UserError
from odoo.fields import Datetime
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
        self.assertEqual(wizard._name, "integration.conflict.wizard")
        self.assertRecordValues(wizard.line_ids, [{"changed": "both", "choice": False}])
        with self.assertRaisesRegex(UserError, "Choose which data to use for Phone."):
            wizard.action_apply()
        wizard.line_ids.choice = "odoo"
        toast = wizard.action_apply()["params"]
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


@tagged("post_install", "-at_install")
class TestConflictWizard(DataverseCase):
    """Side by side, a decision for each field, and nothing unseen is lost."""

    def setUp(self):
        super().setUp()
        self.partner, self.row_id = self.pair(
            "Acme",
            telephone1="1",
            emailaddress1="1@a.example",
            websiteurl="https://1.example",
        )

    def edit(self, odoo=None, **columns):
        self.partner.write(odoo or {})
        self.person.write("account", self.row_id, **columns)

    def quarrel(self):
        self.edit(
            {"phone": "2", "email": "2@a.example"},
            telephone1="3",
            emailaddress1="3@a.example",
        )
        self.synchronize(self.customers)
        self.assertEqual(self.partner.dataverse_sync_state, "conflict")

    def wizard(self, couplings=None):
        action = (couplings or self.partner.coupling_ids).action_resolve_conflicts()
        return self.env[action["res_model"]].browse(action["res_id"])

    def line(self, wizard, label):
        return wizard.line_ids.filtered(lambda line: line.label == label)

    def in_dataverse(self, *columns):
        row = self.person.read("account", self.row_id, *columns)
        return tuple(row[column] for column in columns)

    def test_shows_who_changed_what_and_when(self):
        self.quarrel()
        wizard = self.wizard()
        self.assertRecordValues(
            wizard.line_ids,
            [
                {
                    "label": "Phone",
                    "base_value": "1",
                    "odoo_value": "2",
                    "dataverse_value": "3",
                    "changed": "both",
                },
                {
                    "label": "Email",
                    "base_value": "1@a.example",
                    "odoo_value": "2@a.example",
                    "dataverse_value": "3@a.example",
                    "changed": "both",
                },
            ],
        )
        self.assertEqual(wizard.odoo_by, self.partner.write_uid.name)
        self.assertEqual(wizard.odoo_at, self.partner.write_date)
        self.assertEqual(wizard.dataverse_by, "# Sales App")
        now = Datetime.now()
        self.assertLess(abs((wizard.dataverse_at - now).total_seconds()), 120)

    def test_each_field_by_itself_and_the_rest_merges(self):
        self.quarrel()
        self.edit({"website": "https://2.example"})
        wizard = self.wizard()
        self.assertEqual(self.line(wizard, "Website Link").choice, "odoo")
        self.line(wizard, "Phone").choice = "odoo"
        self.line(wizard, "Email").choice = "dataverse"
        self.person.write("account", self.row_id, description="Merged")
        wizard.action_apply()
        self.assertEqual(self.partner.email, "3@a.example")
        self.assertIn("Merged", self.partner.comment)
        self.assertEqual(
            self.in_dataverse("telephone1", "emailaddress1", "websiteurl"),
            ("2", "3@a.example", "https://2.example"),
        )
        self.assertEqual(self.partner.dataverse_sync_state, "in_sync")
        self.assertFalse(self.partner.dataverse_message)
        self.assertQuiet()

    def test_decision_is_logged_with_who_decided(self):
        self.quarrel()
        wizard = self.wizard()
        wizard.action_choose_dataverse()
        wizard.action_apply()
        log = self.env["integration.conflict"].search(
            [("res_id", "=", self.partner.id)]
        )
        self.assertEqual(set(log.mapped("odoo_value")), {"2", "2@a.example"})
        for conflict in log:
            self.assertEqual(conflict.state, "resolved")
            self.assertEqual(conflict.winner, "dataverse")
            self.assertEqual(conflict.decided_by, self.env.user)
            self.assertTrue(conflict.decided_at)

    def test_value_that_nobody_saw_is_a_conflict_again(self):
        self.quarrel()
        wizard = self.wizard()
        wizard.action_choose_odoo()
        self.edit(telephone1="4")
        wizard.action_apply()
        self.assertEqual(
            self.in_dataverse("telephone1", "emailaddress1"), ("4", "2@a.example")
        )
        self.assertEqual(self.partner.phone, "2")
        self.assertEqual(self.partner.dataverse_sync_state, "conflict")
        self.assertEqual(self.wizard().line_ids.mapped("label"), ["Phone"])

    def test_change_of_one_side_can_be_overruled_and_is_logged(self):
        self.quarrel()
        self.edit(websiteurl="https://3.example")
        wizard = self.wizard()
        self.assertEqual(self.line(wizard, "Website Link").choice, "dataverse")
        wizard.action_choose_odoo()
        wizard.action_apply()
        self.assertEqual(self.in_dataverse("websiteurl"), ("https://1.example",))
        log = self.env["integration.conflict"].search(
            [("field_label", "=", "Website Link")]
        )
        self.assertEqual(
            (log.dataverse_value, log.winner), ("https://3.example", "odoo")
        )

    def test_difference_of_the_first_synchronization(self):
        """Nothing was agreed yet: what both sides hold is a conflict all the same."""
        partner = self.company("Beta", email="b@b.example", phone="5")
        row_id = self.person.create(
            "account", name="Beta", emailaddress1="b@b.example", telephone1="6"
        )
        self.synchronize(self.customers)
        self.assertEqual(partner.dataverse_sync_state, "conflict")
        wizard = self.wizard(partner.coupling_ids)
        self.assertEqual(wizard.line_ids.mapped("label"), ["Phone"])
        self.assertEqual(wizard.line_ids.changed, "both")
        wizard.line_ids.choice = "dataverse"
        wizard.action_apply()
        self.assertEqual(partner.phone, "6")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "6"}
        )

    def many(self, count):
        couplings = self.env["integration.coupling"]
        for number in range(count):
            partner, row_id = self.pair(f"Company {number}", telephone1="1")
            partner.write({"phone": "2", "website": "https://odoo.example"})
            self.person.write(
                "account", row_id, telephone1="3", emailaddress1="new@a.example"
            )
            couplings = partner.coupling_ids | couplings
        self.synchronize(self.customers)
        self.assertEqual(set(couplings.mapped("state")), {"conflict"})
        return couplings

    def test_one_after_the_other(self):
        couplings = self.many(3)
        wizard = self.wizard(couplings)
        self.assertEqual(
            (wizard.position, wizard.total, wizard.record_name),
            (1, 3, couplings[0].record_name),
        )
        wizard.action_skip()
        self.assertEqual(
            (wizard.position, wizard.record_name), (2, couplings[1].record_name)
        )
        wizard.line_ids.choice = "odoo"
        following = wizard.action_apply()["params"]["next"]
        self.assertEqual(following["res_id"], wizard.id)
        self.assertEqual(
            (wizard.position, wizard.record_name), (3, couplings[2].record_name)
        )
        wizard.line_ids.choice = "dataverse"
        wizard.action_apply()
        self.assertEqual(couplings.mapped("state"), ["conflict", "coupled", "coupled"])
        self.assertEqual([c._record().phone for c in couplings], ["2", "2", "3"])

    def test_all_at_once_decides_only_the_conflicts(self):
        couplings = self.many(3)
        rows = {coupling.external_id for coupling in couplings}
        self.env["res.partner"].browse(couplings[0].res_id).email = "odoo@a.example"
        toast = self.wizard(couplings).action_all_dataverse()["params"]
        self.assertEqual(toast["message"], "3 records decided.")
        partners = self.env["res.partner"].browse(couplings.mapped("res_id"))
        self.assertEqual(set(partners.mapped("phone")), {"3"})
        for values in self.person.all("account", "telephone1", "websiteurl").items():
            if values[0] in rows:
                self.assertEqual(values[1]["websiteurl"], "https://odoo.example")

    def test_record_that_settled_itself_meanwhile(self):
        self.quarrel()
        self.edit({"phone": "3", "email": "3@a.example"})
        wizard = self.wizard()
        self.assertIn("same values by now", wizard.message)
        wizard.action_apply()
        self.assertEqual(self.partner.dataverse_sync_state, "in_sync")

    def test_conflicts_among_selected_errors(self):
        self.quarrel()
        errors = self.env["sync.error"].search([("state", "=", "open")])
        action = errors.action_resolve()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(wizard.coupling_id, self.partner.coupling_ids)
        with self.assertRaisesRegex(UserError, "None of these records waits"):
            self.wizard(self.pair("Peaceful")[0].coupling_ids)
