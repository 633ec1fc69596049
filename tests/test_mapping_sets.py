"""Default setup with a preview, and mappings that go from system to system."""

import base64
import json

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestDefaultSetup(DataverseCase):
    def review(self):
        action = self.connection.action_review_default_setup()
        return self.env[action["res_model"]].browse(action["res_id"])

    def line(self, wizard, name):
        return wizard.line_ids.filtered(lambda line: line.name == name)

    def test_it_says_what_is_new_and_what_is_as_it_should_be(self):
        self.connection.action_use_default_synchronization_setup()
        self.connection.mapping_ids.synch_only_coupled = True
        self.mapping("CURRENCY").unlink()
        wizard = self.review()
        found = {line.name: (line.state, line.selected) for line in wizard.line_ids}
        self.assertEqual(found["SALESPEOPLE"], ("same", False))
        self.assertEqual(found["CURRENCY"], ("new", True))
        # Users had no mapping when these were made.
        self.assertEqual(found["CUSTOMER"], ("changed", False))
        self.assertEqual(found["CONTACT"], ("changed", False))
        self.assertIn("Added: user_id", str(self.line(wizard, "CUSTOMER").differences))

    def test_what_people_changed_is_shown_and_reset_when_chosen(self):
        partner, row_id = self.pair()
        self.customers.write({"deletion_policy": "manual", "synch_only_coupled": True})
        lines = self.customers.field_mapping_ids.grouped("field_name")
        lines["phone"].unlink()
        lines["email"].enabled = False
        self.env["integration.field.mapping"].create(
            {
                "mapping_id": self.customers.id,
                "field_name": "barcode",
                "integration_column": "fax",
            }
        )
        wizard = self.review()
        line = self.line(wizard, "CUSTOMER")
        text = str(line.differences)
        self.assertEqual((line.state, line.selected), ("changed", False))
        self.assertEqual(line.coupling_count, 1)
        for expected in (
            "Added: phone ↔ telephone1",
            "Removed: barcode ↔ fax",
            "Resolve Deletion Conflicts: Ask → Archive the other record",
            "email ↔ emailaddress1, Enabled: No → Yes",
        ):
            self.assertIn(expected, text)
        line.selected = True
        wizard.action_apply()
        self.assertEqual(self.customers.deletion_policy, "deactivate")
        self.assertEqual(self.coupled(partner), row_id)
        partner.phone = "+45 33 00 00 01"
        self.assertEqual(self.synchronize(self.customers)["failed"], 0)
        self.assertTrue(self.person.read("account", row_id, "telephone1")["telephone1"])
        again = self.line(self.review(), "CUSTOMER")
        self.assertEqual(again.state, "same")

    def test_what_is_not_chosen_stays(self):
        self.customers.deletion_policy = "manual"
        wizard = self.review()
        self.assertFalse(self.line(wizard, "CUSTOMER").selected)
        wizard.action_apply()
        self.assertEqual(self.customers.deletion_policy, "manual")
        self.assertTrue(self.mapping("CURRENCY"))


@tagged("post_install", "-at_install")
class TestMappingFile(DataverseCase):
    def exported(self, connection=None):
        """The file of a connection's mappings, read."""
        action = (connection or self.connection).action_export_mappings()
        wizard = self.env["integration.mapping.set.wizard"].browse(
            int(action["url"].split("/")[4])
        )
        return json.loads(base64.b64decode(wizard.file))

    def imported(self, data, connection=None):
        """The wizard that shows what a file would change."""
        action = (connection or self.connection).action_import_mappings()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        content = data if isinstance(data, bytes) else json.dumps(data).encode()
        wizard.file = base64.b64encode(content)
        wizard.action_read()
        return wizard

    def test_there_and_back_changes_nothing(self):
        self.connection.action_use_default_synchronization_setup()
        wizard = self.imported(self.exported())
        self.assertEqual(set(wizard.line_ids.mapped("state")), {"same"})
        self.assertTrue(wizard.nothing_changes)

    def test_another_system_gets_the_same_mappings(self):
        self.customers.write(
            {
                "filter_domain": "[('is_company', '=', True)]",
                "integration_filter": "statecode eq 0",
                "template_ids": [
                    (
                        0,
                        0,
                        {
                            "name": "New",
                            "line_ids": [(0, 0, {"name": "lang", "value": "en_US"})],
                        },
                    )
                ],
            }
        )
        data = self.exported()
        other = self.connection.copy({"code": "production", "name": "Production"})
        self.assertFalse(other.mapping_ids)
        wizard = self.imported(data, other)
        self.assertEqual(set(wizard.line_ids.mapped("state")), {"new"})
        wizard.action_apply()
        self.assertEqual(self.exported(other), data)
        self.assertEqual(len(other.mapping_ids), 2)

    def own_rule(self, **vals):
        """A table of salutations, and what comes before it."""
        table = self.env["integration.transformation.rule"].create(
            {
                "name": "Branches",
                "code": "table",
                "line_ids": [
                    (0, 0, {"odoo_value": "Retail", "dataverse_value": "R"}),
                    (0, 0, {"odoo_value": "Farming", "dataverse_value": "F"}),
                ],
            }
        )
        return self.env["integration.transformation.rule"].create(
            {
                "name": "Clean Branch",
                "code": "replace",
                "find": "-",
                "next_rule_id": table.id,
                **vals,
            }
        )

    def with_own_rule(self, rule):
        return self.env["integration.field.mapping"].create(
            {
                "mapping_id": self.customers.id,
                "field_name": "barcode",
                "integration_column": "fax",
                "direction": "to_integration",
                "transformation_rule_id": rule.id,
            }
        )

    def line_of(self, wizard, name="CUSTOMER"):
        return wizard.line_ids.filtered(lambda line: line.name == name)

    def test_rules_that_people_made_come_along(self):
        line = self.with_own_rule(self.own_rule())
        line.write({"match_key": True, "match_by": "similar", "match_degree": 91})
        data = self.exported()
        line.mapping_id.unlink()
        rules = self.env["integration.transformation.rule"]
        for name in ("Clean Branch", "Branches"):
            rules.search([("name", "=", name)]).unlink()
        wizard = self.imported(data)
        wizard.action_apply()
        self.customers = self.mapping("CUSTOMER")
        line = self.customers.field_mapping_ids.filtered(
            lambda one: one.field_name == "barcode"
        )
        self.assertEqual((line.match_by, line.match_degree), ("similar", 91))
        first, then = line.transformation_rule_id._chain()
        self.assertEqual((first.code, first.find), ("replace", "-"))
        self.assertEqual(
            then.line_ids.mapped(lambda one: (one.odoo_value, one.dataverse_value)),
            [("Retail", "R"), ("Farming", "F")],
        )
        self.assertEqual(self.exported(), data)
        self.assertEqual(self.line_of(self.imported(self.exported())).state, "same")

    def test_a_rule_that_is_the_same_is_not_made_twice(self):
        rule = self.own_rule()
        line = self.with_own_rule(rule)
        data = self.exported()
        line.transformation_rule_id = False
        self.imported(data).action_apply()
        line = self.customers.field_mapping_ids.filtered("transformation_rule_id")
        self.assertIn(rule, line.transformation_rule_id)
        self.assertEqual(rule.search_count([("name", "=", "Clean Branch")]), 1)

    def test_a_rule_that_does_something_else_is_shown_and_stays(self):
        rule = self.own_rule()
        self.with_own_rule(rule)
        data = self.exported()
        rule.find = "_"
        wizard = self.imported(data)
        text = str(self.line_of(wizard).differences)
        self.assertIn("Clean Branch (Replace a text, Find: _), then", text)
        self.assertIn("Retail = R", text)
        wizard.action_apply()
        self.assertEqual(rule.find, "_")
        line = self.customers.field_mapping_ids.filtered(
            lambda one: one.field_name == "barcode"
        )
        self.assertEqual(line.transformation_rule_id.find, "-")

    def test_options_come_along(self):
        line = self.env["integration.field.mapping"].create(
            {
                "mapping_id": self.customers.id,
                "field_name": "lang",
                "integration_column": "industrycode",
                "option_ids": [
                    (0, 0, {"option": 1, "label": "Accounting", "value": "en_US"})
                ],
            }
        )
        data = self.exported()
        line.option_ids.option = 2
        wizard = self.imported(data)
        self.assertEqual(self.line_of(wizard).state, "changed")
        wizard.action_apply()
        line = self.customers.field_mapping_ids.filtered("option_ids")
        self.assertEqual(line.option_ids.mapped("option"), [1])
        self.assertEqual(self.exported(), data)

    def test_a_rule_of_a_file_is_looked_at(self):
        self.with_own_rule(self.own_rule())

        def broken(**vals):
            data = self.exported()
            for row in data["mappings"][0]["fields"]:
                if isinstance(row["rule"], dict):
                    row["rule"] |= vals
            return data

        self.assertRefused(broken(code="import os"), "no value of 'Does'")
        self.assertRefused(broken(position="1"), "no value of 'Position'")
        self.assertRefused(broken(lines=[{"odoo_value": 1}]), "holds no mappings")
        self.assertRefused(broken(next=[]), "holds no mappings")
        self.assertRefused(broken(create_uid=1), "holds no mappings")
        long = broken()
        (row,) = (
            r for r in long["mappings"][0]["fields"] if isinstance(r["rule"], dict)
        )
        for _number in range(30):
            row["rule"] = {**row["rule"], "next": row["rule"]}
        self.assertRefused(long, "holds no mappings")

    def test_no_ids_and_no_secrets(self):
        self.connection.write({"ownership": "team", "owner_team": "Inside Sales"})
        self.customers.unlink()
        self.connection.action_use_default_synchronization_setup()
        data = self.exported()
        text = json.dumps(data)
        for word in ("secret", "tenant", "client_id", self.connection.environment_url):
            self.assertNotIn(word, text)
        self.assertNotRegex(text, r"[0-9a-f]{8}-[0-9a-f]{4}-")
        self.assertIn("owning team", text)
        wizard = self.imported(data)
        self.assertEqual(set(wizard.line_ids.mapped("state")), {"same"})

    def assertRefused(self, data, sentence):
        with self.assertRaisesRegex(UserError, sentence):
            self.imported(data)

    def test_what_is_no_set_of_mappings_is_refused(self):
        good = self.exported()
        for bad in (
            b"\xff\xfe",
            b"[" * 100_000,
            [],
            {"format": "something else"},
            {**good, "mappings": []},
            {**good, "mappings": [{"name": "A"}]},
            {**good, "mappings": [{**good["mappings"][0], "connection_id": 1}]},
            {**good, "mappings": [{**good["mappings"][0], "fields": [1]}]},
        ):
            self.assertRefused(bad, "holds no mappings")
        self.assertRefused({**good, "version": 2}, "newer version")
        self.assertRefused(b" " * 5_000_001, "too large")
        twice = [good["mappings"][0]] * 2
        self.assertRefused({**good, "mappings": twice}, "several mappings called")

    def changed(self, **settings):
        data = self.exported()
        data["mappings"][0] |= settings
        return data

    def test_what_this_database_lacks_is_named(self):
        self.assertRefused(self.changed(model="no.model"), "Install its app first")
        self.assertRefused(
            self.changed(direction="sideways"), "'sideways' is no value of 'Direction'"
        )
        self.assertRefused(self.changed(sequence="1"), "no value of 'Sequence'")
        data = self.exported()
        data["mappings"][0]["fields"][1]["field_name"] = "no_field"
        self.assertRefused(data, "no field 'no_field'. Install the app")
        data = self.exported()
        data["mappings"][0]["fields"][1]["rule"] = "No Such Rule"
        wizard = self.imported(data)
        with self.assertRaisesRegex(UserError, "no transformation rule 'No Such Rule'"):
            wizard.action_apply()

    def test_rights_cannot_be_imported(self):
        data = self.changed(model="res.groups", name="GROUPS", filter_domain="[]")
        data["mappings"][0]["fields"] = data["mappings"][0]["fields"][1:2]
        wizard = self.imported(data)
        with self.assertRaisesRegex(UserError, "access rights"):
            wizard.action_apply()
