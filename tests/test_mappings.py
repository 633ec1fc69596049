"""Mappings made by people: what is offered, what is refused, what values become."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .. import dataverse
from .common import DataverseCase


class MappingCase(DataverseCase):
    """What Dataverse says about its tables is known, as after the first look."""

    def setUp(self):
        super().setUp()
        for table in ("account", "contact"):
            self.columns_of(table)

    def pick(self, what, term="", **chosen):
        values = {
            "connection_id": self.connection.id,
            "table": "account",
            "model": "res.partner",
            "field_name": False,
            "column": False,
        } | chosen
        return self.env["integration.field.mapping"].pick_list(what, term, **values)

    def columns_of(self, table, term="", **chosen):
        return [
            one["value"] for one in self.pick("columns", term, table=table, **chosen)
        ]

    def add(self, mapping=None, **vals):
        return self.env["integration.field.mapping"].create(
            {"mapping_id": (mapping or self.customers).id, **vals}
        )

    def line_of(self, field_name):
        return self.customers.field_mapping_ids.filtered(
            lambda line: line.field_name == field_name
        )

    def rule(self, code, **vals):
        return self.env["integration.transformation.rule"].create(
            {"name": code, "code": code, **vals}
        )


@tagged("post_install", "-at_install")
class TestPickLists(MappingCase):
    def test_tables(self):
        found = self.pick("tables", "acc")
        self.assertIn(
            {"value": "account", "label": "Account", "detail": "account"}, found
        )
        self.assertFalse(self.pick("tables", "no such table"))

    def test_columns_by_label_or_name_with_what_suits_first(self):
        self.assertIn("revenue", self.columns_of("account", "annual"))
        self.assertIn("revenue", self.columns_of("account", "reven"))
        (revenue,) = self.pick("columns", "revenue", field_name="is_company")[:1]
        self.assertIn("Money", revenue["detail"])
        self.assertFalse(revenue["fits"])
        self.assertTrue(
            self.pick("columns", "revenue", field_name="partner_latitude")[0]["fits"]
        )

    def test_fields_and_paths(self):
        found = {one["value"]: one for one in self.pick("fields", "parent_id.na")}
        self.assertIn("parent_id.name", found)
        self.assertFalse(
            [one for one in self.pick("fields") if one["value"] in ("id", "user_ids")]
        )
        (city,) = [one for one in self.pick("fields", "city", column="name")][:1]
        self.assertEqual((city["value"], city["fits"]), ("city", True))

    def test_only_for_who_manages_connections(self):
        user = new_test_user(self.env, "mapper", groups="dataverse_sync.group_user")
        with self.assertRaises(AccessError):
            self.env["integration.field.mapping"].with_user(user).pick_list(
                "tables", "", self.connection.id, False, False, False, False
            )

    def test_names_types_and_tracking_are_told_without_a_request(self):
        line = self.line_of("ref")
        requests = self.env["integration.engine.gateway"]._client(self.connection)
        before = requests.requests
        self.assertEqual(line.column_label, "Account Number")
        self.assertEqual((line.field_label, line.tracking), ("Reference", "tracked"))
        path = self.add(
            field_name="parent_id.name",
            integration_column="description",
            direction="to_integration",
            enabled=False,
        )
        self.assertEqual(path.tracking, "compared")
        self.assertIn("another record", path.tracking_reason)
        self.assertEqual(path.field_label, "Related Company / Name")
        self.assertEqual(requests.requests, before)


@tagged("post_install", "-at_install")
class TestRefused(MappingCase):
    """What makes no sense is refused when it is saved, in a sentence."""

    def refused(self, sentence, mapping=None, **vals):
        with self.assertRaisesRegex(UserError, sentence), self.cr.savepoint():
            self.add(mapping, **vals)

    def test_two_writers_of_one_field(self):
        self.refused(
            "Two field mappings of CUSTOMER write 'name'",
            field_name="name",
            integration_column="description",
        )
        self.refused(
            "Two field mappings of CUSTOMER write 'accountnumber'",
            field_name="barcode",
            integration_column="accountnumber",
        )

    def test_unknown_names(self):
        self.refused(
            "has no column 'colour'", field_name="barcode", integration_column="colour"
        )
        self.refused(
            "Contact has no field 'colour'",
            field_name="colour",
            integration_column="fax",
        )
        self.refused(
            "has no field 'name.x'", field_name="name.x", integration_column="fax"
        )

    def test_types_that_do_not_go_together(self):
        self.refused(
            r"'Tags' \(many2many\) cannot be mapped to the column 'Annual Revenue'",
            field_name="category_id",
            integration_column="revenue",
        )
        self.refused(
            "cannot be mapped", field_name="employee", integration_column="fax"
        )

    def test_read_only_columns_and_fields(self):
        self.refused(
            "does not let the column .* be written",
            field_name="barcode",
            integration_column="address1_composite",
        )
        self.refused(
            "The field 'complete_name' cannot be written in Odoo",
            field_name="complete_name",
            integration_column="fax",
        )
        self.refused(
            "The field 'parent_id.name' cannot be written in Odoo",
            field_name="parent_id.name",
            integration_column="fax",
        )

    def test_lookup_without_mapping(self):
        self.refused(
            "The lookup 'Primary Contact' needs a table mapping of Industry",
            field_name="industry_id",
            integration_column="primarycontactid",
        )

    def test_constants(self):
        self.refused(
            "'many' is not a value of 'numberofemployees'",
            integration_column="numberofemployees",
            constant_value="many",
        )
        self.refused(
            "'99' is none of the values of 'customertypecode'",
            integration_column="customertypecode",
            constant_value="99",
        )
        self.refused(
            "'unknown' is none of the values of 'type'",
            field_name="type",
            constant_value="unknown",
        )
        self.refused("takes at most", integration_column="fax", constant_value="9" * 60)
        self.add(integration_column="customertypecode", constant_value="3")

    def test_matching_on_what_has_no_order(self):
        self.refused(
            "The field 'category_id' cannot be matched on",
            field_name="category_id",
            integration_column="fax",
            match_key=True,
        )

    def test_a_rule_that_does_not_fit(self):
        self.refused(
            "cannot be undone: give the field 'Barcode' one direction",
            field_name="barcode",
            integration_column="fax",
            transformation_rule_id=self.rule("alphanumeric").id,
        )
        self.refused(
            "does not work on the field 'Tags'",
            field_name="category_id",
            integration_column="fax",
            transformation_rule_id=self.rule("prefix", text="x").id,
        )

    def test_filters(self):
        for text, sentence in (
            ("customertypecod eq 3", "has no column 'customertypecod'"),
            ("customertypecode eq", "The filter ends after 'eq'"),
            ("customertypecode eq 'x'", "is no value of the column"),
        ):
            with self.assertRaisesRegex(UserError, sentence), self.cr.savepoint():
                self.customers.integration_filter = text
        with self.assertRaisesRegex(ValidationError, "Odoo filter of CUSTOMER"):
            self.customers.filter_domain = "[('no_such_field', '=', 1)]"

    def test_a_filter_is_tried_against_dataverse(self):
        self.person.create("account", name="A", customertypecode=3)
        self.person.create("account", name="B")
        self.customers.integration_filter = "customertypecode eq 3"
        message = self.customers.action_try_filter()["params"]["message"]
        self.assertEqual(message, "1 rows of Dataverse take part.")

    def test_the_screen_says_so_while_choosing(self):
        line = self.env["integration.field.mapping"].new(
            {
                "mapping_id": self.customers.id,
                "field_name": "is_company",
                "integration_column": "fax",
            }
        )
        self.assertIn("cannot be mapped", line.problem)
        line.field_name = "barcode"
        self.assertFalse(line.problem)


@tagged("post_install", "-at_install")
class TestRules(MappingCase):
    def test_the_test_box(self):
        rule = self.rule("prefix", text="DK-")
        rule.test_value = "10"
        self.assertEqual((rule.test_result, rule.test_back), ("DK-10", "10"))
        self.assertTrue(rule.reversible)
        rule = self.rule("alphanumeric", next_rule_id=self.rule("upper").id)
        rule.test_value = "a-1"
        self.assertEqual((rule.test_result, rule.test_back), ("A1", False))
        self.assertFalse(rule.reversible)
        rule = self.rule("date_format", text="%d.%m.%Y")
        rule.test_value = "soon"
        self.assertEqual(rule.test_problem, "'soon' is not a date")

    def test_settings_are_refused_in_a_sentence(self):
        for code, vals, sentence in (
            ("prefix", {}, "The rule 'prefix': Enter the text that is put in front"),
            ("table", {}, "Enter at least one line"),
            ("regex", {"find": "("}, "The rule 'regex': missing"),
            ("regex", {"find": "a", "text": r"\3"}, "The rule 'regex': invalid group"),
            ("join", {}, "needs a separator"),
        ):
            with self.assertRaisesRegex(UserError, sentence), self.cr.savepoint():
                self.rule(code, **vals)

    def test_a_rule_cannot_follow_itself(self):
        rule = self.rule("upper")
        with self.assertRaisesRegex(UserError, "cannot follow itself"):
            rule.next_rule_id = rule

    def test_a_regular_expression_ends_in_time(self):
        rule = self.rule("regex", find="(a|aa)+$", text="")
        rule.test_value = "a" * 60 + "b"
        self.assertIn("takes too long", rule.test_problem)

    def test_a_regular_expression_needs_its_library(self):
        with patch("odoo.addons.dataverse_sync.engine.rules.regex", None):
            with self.assertRaisesRegex(UserError, "library regex"):
                self.rule("regex", find="a")

    def test_a_rule_of_another_addon_is_one_method(self):
        model = type(self.env["integration.transformation.rule"])
        with patch.object(
            model, "_transform_trim", lambda rule, value: f"<{value}>", create=True
        ):
            rule = self.rule("trim")
            rule.test_value = "x"
            self.assertEqual(rule.test_result, "<x>")

    def test_a_rule_works_both_ways(self):
        rule = self.rule("prefix", text="DK-")
        line = self.line_of("ref")
        line.transformation_rule_id = rule
        partner = self.company(ref="10")
        self.synchronize(self.customers)
        row_id = self.coupled(partner)
        self.assertEqual(
            self.person.read("account", row_id, "accountnumber"),
            {"accountnumber": "DK-10"},
        )
        self.person.write("account", row_id, accountnumber="DK-11")
        self.synchronize(self.customers)
        self.assertEqual(partner.ref, "11")
        self.person.write("account", row_id, accountnumber="SE-12")
        counters = self.synchronize(self.customers)
        self.assertEqual((partner.ref, counters["failed"]), ("11", 1))
        self.assertIn(
            "does not begin with 'DK-'", self.customers.error_ids.mapped("message")[0]
        )

    def test_numbers_of_one_telephone_are_the_same(self):
        self.connection.user_id.company_id.country_id = self.env.ref("base.dk")
        partner, row_id = self.pair(telephone1="33 00 00 01")
        self.person.write("account", row_id, telephone1="+45 3300 0001")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "33 00 00 01")


@tagged("post_install", "-at_install")
class TestOptions(MappingCase):
    def setUp(self):
        super().setUp()
        self.line = self.add(
            field_name="category_id",
            integration_column="description",
            direction="to_integration",
            enabled=False,
        )

    def test_a_selection_by_its_options(self):
        line = self.add(
            field_name="type", integration_column="customertypecode", enabled=False
        )
        with self.assertRaisesRegex(UserError, "map its options"):
            line.enabled = True
        line.enabled = False
        action = line.action_options()
        self.assertEqual(action["res_id"], line.id)
        labels = line.option_ids.mapped("label")
        self.assertIn("Customer", labels)
        before = len(line.option_ids)
        line.action_options()
        self.assertEqual(len(line.option_ids), before, "read twice, listed once")
        options = {option.label: option for option in line.option_ids}
        options["Customer"].value = "contact"
        options["Other"].value = "other"
        line.enabled = True
        with self.assertRaisesRegex(UserError, "is no value of the field"):
            options["Press"].value = "nothing"

        partner, row_id = self.pair(customertypecode=options["Other"].option)
        self.assertEqual(partner.type, "other")
        partner.type = "contact"
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "customertypecode"),
            {"customertypecode": options["Customer"].option},
        )
        partner.type = "invoice"
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["failed"], 1, counters)
        (error,) = self.customers.error_ids
        self.assertIn("no choice in Dataverse is mapped to 'invoice'", error.message)
        self.assertEqual(error.action_map_options()["res_id"], line.id)

    def test_records_by_options(self):
        self.env["res.partner.industry"].create({"name": "Accounting"})
        line = self.add(
            field_name="industry_id", integration_column="industrycode", enabled=False
        )
        line.action_options()
        accounting = line.option_ids.filtered(lambda one: one.label == "Accounting")
        self.assertEqual(
            self.env["res.partner.industry"].browse(accounting.res_id).name,
            "Accounting",
        )
        line.action_create_missing_records()
        self.assertTrue(all(line.option_ids.mapped("res_id")))
        line.enabled = True
        partner, row_id = self.pair(industrycode=accounting.option)
        self.assertEqual(partner.industry_id.name, "Accounting")
        other = line.option_ids - accounting
        partner.industry_id = other[0].res_id
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "industrycode"),
            {"industrycode": other[0].option},
        )

    def test_options_are_called_as_each_language_calls_them(self):
        """An environment in two languages, and a record that is known in the second."""
        self.env["res.lang"]._activate_lang("de_DE")
        wood = self.env["res.partner.industry"].create({"name": "Timber"})
        wood.with_context(lang="de_DE").name = "Holz"

        def label(**texts):
            codes = {"english": 1033, "swiss": 2055}
            return {
                "LocalizedLabels": [
                    {"Label": text, "LanguageCode": codes[language]}
                    for language, text in texts.items()
                ]
            }

        options = [
            {"Value": 1, "Label": label(english="Lumber", swiss="Holz")},
            {"Value": 2, "Label": label(english="Metal", swiss="Metall")},
        ]
        kind = "Microsoft.Dynamics.CRM."
        self.simulator.client(self.simulator.info).request(
            "POST",
            "EntityDefinitions(LogicalName='account')/Attributes",
            body={
                "@odata.type": f"{kind}PicklistAttributeMetadata",
                "SchemaName": "new_Trade",
                "DisplayName": label(english="Trade"),
                "OptionSet": {
                    "@odata.type": f"{kind}OptionSetMetadata",
                    "IsGlobal": False,
                    "OptionSetType": "Picklist",
                    "Options": options,
                },
            },
        )
        self.env["integration.table"].search([]).unlink()
        line = self.add(
            field_name="industry_id", integration_column="new_trade", enabled=False
        )
        line.action_options()
        german = line.option_ids.with_context(lang="de_DE")
        self.assertEqual(line.option_ids.mapped("label"), ["Lumber", "Metal"])
        self.assertEqual(german.mapped("label"), ["Holz", "Metall"])
        self.assertEqual(line.option_ids.mapped("res_id"), [wood.id, 0])

    def test_all_that_misses_an_option_goes_on_when_it_is_mapped(self):
        line = self.add(
            field_name="industry_id", integration_column="industrycode", enabled=False
        )
        line.action_options()
        missing, other, *_rest = line.option_ids
        (line.option_ids - missing - other).unlink()
        missing.res_id = False
        other.res_id = self.env["res.partner.industry"].create({"name": "Other"}).id
        line.enabled = True
        rows = [
            self.person.create("account", name=f"No {n}", industrycode=missing.option)
            for n in range(3)
        ]
        self.synchronize(self.customers)
        errors = self.customers.error_ids
        self.assertEqual(errors.mapped("state"), ["open"] * 3)
        self.assertEqual(len(set(errors.mapped("cause"))), 1, "one line in the list")
        other.sequence = 99
        self.assertEqual(errors.mapped("state"), ["open"] * 3, "nothing was mapped")
        errors[0].action_map_options()
        line.action_create_missing_records()
        self.assertEqual(errors.mapped("state"), ["retrying"] * 3)
        self.synchronize(self.customers)
        self.assertEqual(errors.mapped("state"), ["resolved"] * 3)
        for row_id in rows:
            self.assertEqual(self.partner_of(row_id).industry_id.id, missing.res_id)

    def test_tags_by_their_names(self):
        self.line_of("comment").enabled = False
        self.line.write({"direction": "bidirectional", "enabled": True})
        blue, round_ = self.env["res.partner.category"].create(
            [{"name": "Blue"}, {"name": "Round"}]
        )
        partner, row_id = self.pair(description="Round; Blue")
        self.assertEqual(partner.category_id, blue | round_)
        partner.category_id = blue
        self.customers._request_full_synchronization()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "description"), {"description": "Blue"}
        )


@tagged("post_install", "-at_install")
class TestNames(MappingCase):
    """A record of Odoo that is only a name in Dataverse."""

    def setUp(self):
        super().setUp()
        self.industries = self.env["res.partner.industry"]
        self.accounting = self.industries.create({"name": "Zoo keeping"})
        self.line_of("comment").enabled = False
        self.line = self.add(field_name="industry_id", integration_column="description")

    def text_of(self, row_id):
        return self.person.read("account", row_id, "description")["description"]

    def test_there_and_back(self):
        partner, row_id = self.pair(description="zoo keeping ")
        self.assertEqual(partner.industry_id, self.accounting)
        self.assertQuiet()
        partner.industry_id = self.industries.create({"name": "100% wool"})
        self.synchronize(self.customers)
        self.assertEqual(self.text_of(row_id), "100% wool")
        partner.industry_id = False
        self.synchronize(self.customers)
        self.assertIsNone(self.text_of(row_id))
        self.person.write("account", row_id, description="Zoo keeping")
        self.synchronize(self.customers)
        self.assertEqual(partner.industry_id, self.accounting)
        self.assertQuiet()

    def test_a_name_that_nobody_or_more_than_one_has_is_reported(self):
        partner, row_id = self.pair(description="Nobody, ever")
        self.assertFalse(partner.industry_id)
        (error,) = self.customers.error_ids
        self.assertIn("no record in Odoo is called 'Nobody, ever'", error.message)
        self.assertEqual(error.field_name, "industry_id")
        twins = self.industries.create([{"name": "Twin"}, {"name": "twin"}])
        self.person.write("account", row_id, description="Twin")
        self.synchronize(self.customers)
        self.assertIn("2 records in Odoo are called 'Twin'", error.message)
        twins[1].active = False
        error.action_retry()
        self.synchronize(self.customers)
        self.assertEqual(partner.industry_id, twins[0])
        self.assertEqual(error.state, "resolved")

    def test_creating_is_offered_where_a_record_can_be_missing(self):
        self.assertTrue(self.line.can_create_missing, "a name")
        self.assertTrue(self.line_of("parent_id").can_create_missing, "a lookup")
        self.assertFalse(self.line_of("name").can_create_missing)
        self.assertFalse(self.line_of("country_id").can_create_missing)

    def test_what_is_missing_is_created_once(self):
        self.line.create_missing = True
        rows = [
            self.person.create("account", name=f"Acme {n}", description="Cheese, blue")
            for n in range(3)
        ]
        preview = self.customers.action_preview()
        self.assertTrue(preview)
        self.assertFalse(self.industries.search([("name", "=", "Cheese, blue")]))
        self.synchronize(self.customers)
        created = self.industries.search([("name", "=", "Cheese, blue")])
        self.assertEqual(len(created), 1)
        for row_id in rows:
            self.assertEqual(self.partner_of(row_id).industry_id, created)
        self.assertQuiet()


@tagged("post_install", "-at_install")
class TestNewRecords(MappingCase):
    def template(self, values, **vals):
        return self.env["integration.template"].create(
            {
                "name": "Defaults",
                "mapping_id": self.customers.id,
                "line_ids": [
                    (0, 0, {"name": name, "value": value})
                    for name, value in values.items()
                ],
                **vals,
            }
        )

    def test_only_what_is_empty_and_the_first_that_fits(self):
        self.template(
            {"city": "Odense", "ref": "new", "country_id": "Denmark"},
            integration_filter="address1_city eq 'Aarhus'",
            sequence=1,
        )
        self.template({"city": "Nowhere", "function": "Buyer"}, sequence=2)
        aarhus, _row_id = self.pair("A", address1_city="Aarhus")
        self.assertEqual(
            (aarhus.city, aarhus.ref, aarhus.country_id.code), ("Aarhus", "new", "DK")
        )
        other, _row_id = self.pair("B")
        self.assertEqual((other.city, other.function), ("Nowhere", "Buyer"))
        self.assertFalse(other.ref)

    def test_new_rows(self):
        self.template(
            {"customertypecode": "3", "telephone1": "112"},
            side="dataverse",
            filter_domain="[('city', '=', 'Odense')]",
        )
        partner = self.company(city="Odense", phone="33 00 00 01")
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read(
                "account", self.coupled(partner), "customertypecode", "telephone1"
            ),
            {"customertypecode": 3, "telephone1": "33 00 00 01"},
        )

    def test_refused(self):
        for values, vals, sentence in (
            ({"nowhere": "x"}, {}, "has no field 'nowhere'"),
            ({"color": "red"}, {}, "'red' is not a value of 'color'"),
            ({"country_id": "Atlantis"}, {}, "0 records of 'Country' are called"),
            ({"user_ids": "x"}, {}, "carries access rights"),
            ({"colour": "x"}, {"side": "dataverse"}, "cannot be given a value"),
            (
                {"customertypecode": "77"},
                {"side": "dataverse"},
                "none of the values of 'customertypecode'",
            ),
            ({"city": "x"}, {"integration_filter": "x eq 1"}, "has no column 'x'"),
            (
                {"city": "x"},
                {"integration_filter": "revenue gt 1"},
                "columns that are not mapped: revenue",
            ),
        ):
            with self.assertRaisesRegex(UserError, sentence), self.cr.savepoint():
                self.template(values, **vals)


@tagged("post_install", "-at_install")
class TestFilterAndSchedule(MappingCase):
    def test_the_filter_is_told_without_a_request(self):
        """A row that changed is filtered by what arrives with it."""
        self.customers.integration_filter = "customertypecode eq 3"
        self.synchronize(self.customers)
        inside = self.person.create("account", name="In", customertypecode=3)
        outside = self.person.create("account", name="Out", customertypecode=1)
        asked = []
        capture = type(self.env["integration.engine.capture"])
        ask = capture._ask_filter

        def spy(engine, session, items):
            asked.extend(items)
            return ask(engine, session, items)

        with patch.object(capture, "_ask_filter", spy):
            self.synchronize(self.customers)
        self.assertFalse(asked)
        self.assertEqual(self.partner_of(inside).name, "In")
        self.assertFalse(self.partner_of(outside))

    def test_what_is_told_here_dataverse_tells_too(self):
        """No answer of ours differs from the one of the server."""
        for name, code, city, revenue in (
            ("Acme", 3, "Odense", 10.5),
            ("ACME Ltd", 1, None, 0.0),
            ("Ærø", None, "odense", None),
            ("O'Hara 100%", 3, "Ribe", 99.99),
        ):
            self.person.create(
                "account",
                name=name,
                customertypecode=code,
                address1_city=city,
                revenue=revenue,
            )
        table = self.person._table("account")
        columns = ["name", "customertypecode", "address1_city", "revenue"]
        (rows,) = self.person.client.query(table, columns)
        decided = 0
        for text in (
            "customertypecode eq 3",
            "customertypecode ne 3",
            "customertypecode eq null",
            "revenue gt 10 and revenue lt 50",
            "revenue ge 99.99 or address1_city eq null",
            "not (customertypecode eq 3)",
            "name eq 'Acme'",
            "name eq 'acme'",
            "name eq 'O''Hara 100%'",
            "contains(name,'cm')",
            "startswith(name,'A')",
            "endswith(name,'d') or customertypecode eq 1",
            "address1_city ne null and not contains(address1_city,'dens')",
            "_parentaccountid_value eq null",
        ):
            found = {
                row.id
                for page in self.person.client.query(table, columns, filter=text)
                for row in page
            }
            row_filter = dataverse.read_filter(text, table)
            for row in rows:
                verdict = row_filter.matches({"parentaccountid": None, **row.values})
                decided += verdict is not None
                if verdict is not None:
                    self.assertEqual(verdict, row.id in found, (text, row.values))
        self.assertGreater(decided, 30)

    def test_what_cannot_be_told_is_asked(self):
        self.customers.integration_filter = "contains(name,'acme')"
        inside = self.person.create("account", name="ACME Ltd")
        outside = self.person.create("account", name="Other")
        self.synchronize(self.customers)
        self.assertTrue(self.partner_of(inside))
        self.assertFalse(self.partner_of(outside))

    def test_a_new_filter_looks_at_all_rows(self):
        self.customers.integration_filter = "customertypecode eq 3"
        row_id = self.person.create("account", name="Late", customertypecode=1)
        self.synchronize(self.customers)
        self.assertFalse(self.partner_of(row_id))
        self.customers.integration_filter = "customertypecode eq 1"
        self.synchronize(self.customers)
        self.assertTrue(self.partner_of(row_id))

    def test_an_interval_of_its_own(self):
        self.run_scheduled()
        self.customers.synch_interval = 60
        self.run_scheduled()
        self.assertGreater(self.customers.next_synch, fields.Datetime.now())
        self.person.create("account", name="Later")
        jobs = len(self.customers.job_ids)
        self.run_scheduled()
        self.assertEqual(len(self.customers.job_ids), jobs)
        self.customers.action_synchronize_modified()
        self.run_scheduled()
        self.assertEqual(len(self.customers.job_ids), jobs + 1)
        self.company("Changed here")
        self.run_scheduled()
        self.assertEqual(len(self.customers.job_ids), jobs + 2, "an event")

    def test_order_is_worked_out_from_the_lookups(self):
        self.contacts.sequence = 10
        countries = self.env["integration.table.mapping"].create(
            {
                "name": "COUNTRY",
                "connection_id": self.connection.id,
                "model_id": self.env["ir.model"]._get_id("res.country"),
                "integration_table": "territory",
                "sequence": 99,
            }
        )
        self.assertEqual(self.contacts.needed_mapping_ids, countries)
        ordered = (self.contacts | countries)._in_run_order()
        self.assertEqual(ordered.ids, [countries.id, self.contacts.id])


@tagged("post_install", "-at_install")
class TestValues(MappingCase):
    """What both sides hold, at its limits, over HTTP: as it was, or reported."""

    PAIRS = (
        ("partner_latitude", "address1_latitude"),
        ("color", "numberofemployees"),
        ("employee", "donotemail"),
        ("barcode", "fax"),
        ("function", "tickersymbol"),
    )
    LIMITS = (
        {"name": "L" * 160},
        {"name": "🎉 שלום مرحبا Ærø", "comment": "<p>a &lt;b&gt;</p><p>c</p>"},
        {"name": "Zero", "color": 0, "partner_latitude": 0.0},
        {"name": "Negative", "partner_latitude": -89.12345},
        {"name": "Most", "color": 1000000000, "partner_latitude": 89.99999},
        {"name": "True", "employee": True},
        {"name": "Digits", "barcode": "0045"},
    )

    def setUp(self):
        super().setUp()
        for field_name, column in self.PAIRS:
            self.add(field_name=field_name, integration_column=column)

    def test_there_and_back(self):
        partners = self.env["res.partner"].create(
            [{"is_company": True, **values} for values in self.LIMITS]
        )
        fields_ = [*(pair[0] for pair in self.PAIRS), "name", "comment"]
        before = partners.read(fields_)
        self.assertEqual(self.synchronize(self.customers)["failed"], 0)
        for partner in partners:
            row = self.person.read(
                "account",
                self.coupled(partner),
                "name",
                "numberofemployees",
                "address1_latitude",
                "donotemail",
                "fax",
            )
            self.assertEqual(row["name"], partner.name)
            self.assertEqual(row["numberofemployees"] or 0, partner.color)
            self.assertAlmostEqual(
                row["address1_latitude"] or 0, partner.partner_latitude, 7
            )
            self.assertEqual(row["donotemail"] or False, partner.employee)
            self.assertEqual(row["fax"] or False, partner.barcode)
        self.customers._request_full_synchronization()
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["modified"], counters["failed"]), (0, 0))
        self.assertEqual(partners.read(fields_), before)

    def test_what_does_not_fit_is_named_with_field_length_and_way_out(self):
        too_much = {
            "name": ("N" * 161, "'Account Name' takes at most 160 characters"),
            "function": ("F" * 11, "'Ticker Symbol' takes at most 10 characters"),
            "color": (2000000000, "'Number of Employees'"),
            "partner_latitude": (123.0, "'Address 1: Latitude'"),
        }
        for field_name, (value, sentence) in too_much.items():
            partner, row_id = self.pair(f"Acme {field_name}")
            partner[field_name] = value
            counters = self.synchronize(self.customers)
            self.assertEqual(counters["failed"], 1, field_name)
            error = self.customers.error_ids.filtered(
                lambda one, p=partner: one.res_id == p.id
            )
            self.assertIn(sentence, error.message)
            self.assertEqual(error.field_name, field_name)
            # The rest of the record goes on.
            partner.city = "Odense"
            self.synchronize(self.customers)
            self.assertEqual(
                self.person.read("account", row_id, "address1_city"),
                {"address1_city": "Odense"},
            )

    def test_decimals_that_dataverse_would_cut(self):
        partner, row_id = self.pair(address1_latitude=1.5)
        partner.partner_latitude = 12.1234567
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["failed"], 1)
        self.assertEqual(
            self.person.read("account", row_id, "address1_latitude"),
            {"address1_latitude": 1.5},
        )
        self.assertIn(
            "more decimals than the 5", self.customers.error_ids.mapped("message")[0]
        )

    def test_a_path_is_read_one_step_deep(self):
        self.add(
            field_name="parent_id.name",
            integration_column="telephone2",
            direction="to_integration",
        )
        holding = self.company("Holding")
        partner = self.company("Acme", parent_id=holding.id)
        self.synchronize(self.customers)
        self.synchronize(self.customers)
        row_id = self.coupled(partner)
        self.assertEqual(
            self.person.read("account", row_id, "telephone2"),
            {"telephone2": "Holding"},
        )
        holding.name = "Group"
        self.customers._request_full_synchronization()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone2"),
            {"telephone2": "Group"},
        )
