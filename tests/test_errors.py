"""Every failure ends as a sentence in the right place; nothing else stops."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .common import DataverseCase


class ErrorCase(DataverseCase):
    def setUp(self):
        super().setUp()
        # Nobody waits in a test: what would be a pause is over at once.
        client = self.env["integration.engine.gateway"]._client(self.connection)
        self.patch(client, "_sleep", lambda seconds: None)

    def errors(self, mapping=None, states=("open", "retrying")):
        return self.env["sync.error"].search(
            [
                ("mapping_id", "=", (mapping or self.customers).id),
                ("state", "in", states),
            ]
        )

    def assertError(self, kind, sentence, mapping=None, **vals):
        """Exactly one open error, of a kind, that says something."""
        error = self.errors(mapping)
        self.assertRecordValues(error, [{"kind": kind, **vals}])
        self.assertRegex(error.message, sentence)
        return error

    def assertRunFails(self, sentence, mapping=None):
        counters = self.synchronize(mapping or self.customers)
        self.assertEqual(counters["state"], "failed")
        self.assertRegex(counters["message"], sentence)

    def names(self, table="account"):
        column = "name" if table == "account" else "fullname"
        return sorted(
            values[column] for values in self.person.all(table, column).values()
        )


@tagged("post_install", "-at_install")
class TestPrivileges(ErrorCase):
    def allow(self, **privileges):
        """What the application user may do with accounts: Read="None" and the like."""
        self.simulator.control(
            "PUT",
            f"users/{self.simulator.info['client_id']}",
            privileges={"account": privileges},
        )

    def test_reading(self):
        company = self.company()
        self.synchronize()
        anna = self.employee(company)
        self.allow(Read="None")
        counters = self.synchronize()
        self.assertEqual(counters["state"], "failed")
        error = self.assertError(
            "permanent", "lacks the privilege prvReadAccount. Add it", res_id=0
        )
        self.assertIn("prvReadAccount", counters["message"])
        self.assertEqual(self.connection.state, "connected")
        self.assertTrue(self.coupled(anna, self.contacts), "other tables go on")
        self.allow(Read="Organization")
        error.action_retry()
        self.assertEqual(error.state, "retrying")
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")

    def test_the_synchronization_user_works_with_own_rights(self):
        """I17: what this user may not write in Odoo is told, and not written."""
        partner, row_id = self.pair(telephone1="1")
        robot = new_test_user(self.env, "robot", "base.group_user")
        self.connection.user_id = robot
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "1")
        self.assertError("permanent", "'Acme'", res_id=partner.id)
        robot.group_ids += self.env.ref("base.group_partner_manager")
        self.errors().action_retry()
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "2")
        self.assertEqual(partner.write_uid, robot)

    def test_rows_that_became_invisible_are_not_deleted(self):
        """Absence from a list proves nothing."""
        partner, row_id = self.pair()
        self.simulator.control("POST", "delta-tokens/expire")
        self.allow(Read="User")
        self.synchronize(self.customers)
        self.assertTrue(partner.active)
        self.assertEqual(self.coupled(partner), row_id)

    def test_creating(self):
        partner, row_id = self.pair("Old")
        company = self.company()
        self.allow(Create="None")
        partner.phone = "1"
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["failed"]), ("partial", 1))
        error = self.assertError(
            "permanent",
            "did not take 'Acme'. .*lacks the privilege prvCreateAccount. Add it",
            res_id=company.id,
            external_id=False,
            record_name="Acme",
        )
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        self.assertFalse(self.coupled(company))
        self.allow(Create="Organization")
        error.action_retry()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(self.names(), ["Acme", "Old"])
        self.assertQuiet()

    def test_writing(self):
        partner, row_id = self.pair()
        self.allow(Write="None")
        partner.phone = "1"
        self.person.write("account", row_id, description="From Dynamics")
        self.synchronize(self.customers)
        error = self.assertError(
            "permanent", "lacks the privilege prvWriteAccount", res_id=partner.id
        )
        self.assertEqual(partner.coupling_ids.state, "error")
        self.assertEqual(partner.dataverse_sync_state, "error")
        self.assertEqual(partner.dataverse_message, error.message)
        self.assertIn("From Dynamics", partner.comment)
        self.allow(Write="Organization")
        error.action_retry()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(partner.dataverse_sync_state, "in_sync")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        self.assertQuiet()

    def test_deleting(self):
        self.customers.deletion_policy = "delete"
        partner, row_id = self.pair()
        self.allow(Delete="None")
        partner.unlink()
        self.synchronize(self.customers)
        error = self.assertError("permanent", "lacks the privilege prvDeleteAccount")
        self.allow(Delete="Organization")
        error.action_retry()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(self.names(), [])


@tagged("post_install", "-at_install")
class TestTables(ErrorCase):
    def table(self, **wish):
        self.simulator.control("PUT", "tables/account", **wish)

    def test_change_tracking_off(self):
        company = self.company()
        self.table(change_tracking=False)
        self.assertRunFails("Change tracking is off for the Dataverse table 'Account'")
        error = self.assertError("permanent", "Switch on 'Track changes'", res_id=0)
        self.assertEqual(self.synchronize(self.contacts)["state"], "done")
        self.synchronize(self.customers)
        self.assertEqual(error.occurrences, 2)
        self.table(change_tracking=True)
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertEqual(error.state, "resolved")
        self.assertTrue(self.coupled(company))

    def test_change_tracking_switched_off_later(self):
        """The definition that was stored says it is on."""
        self.synchronize(self.customers)
        self.table(change_tracking=False)
        self.assertRunFails("Change tracking is off")
        self.table(change_tracking=True)
        self.assertEqual(self.synchronize(self.customers)["state"], "done")

    def test_without_optimistic_concurrency(self):
        self.table(optimistic_concurrency=False)
        partner, row_id = self.pair()
        partner.phone = "1"
        self.person.write("account", row_id, emailaddress1="a@acme.example")
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertEqual(partner.email, "a@acme.example")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1", "emailaddress1"),
            {"telephone1": "1", "emailaddress1": "a@acme.example"},
        )
        self.assertQuiet()

    def test_unknown_table(self):
        self.customers.integration_table = "acount"
        self.assertRunFails("The environment has no table 'acount'")

    def test_unknown_column(self):
        line = self.customers.field_mapping_ids.filtered(
            lambda line: line.field_name == "phone"
        )
        line.integration_column = "telephon1"
        self.assertRunFails(
            "'account' has no column 'telephon1'. Correct the field mapping of CUSTOMER"
        )

    def test_delta_link_expired(self):
        """Everything is compared anew; a row that is gone is found by asking for it.

        sync-bugs 19.
        """
        kept, kept_row = self.pair("Kept")
        gone, gone_row = self.pair("Gone")
        changed, _row = self.pair("Changed")
        self.person.delete("account", gone_row)
        self.person.write("account", _row, telephone1="1")
        self.person.create("account", name="New")
        kept.phone = "2"
        self.simulator.control("POST", "delta-tokens/expire")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "done")
        self.assertFalse(self.errors())
        self.assertFalse(gone.active)
        self.assertEqual(changed.phone, "1")
        self.assertEqual(
            self.person.read("account", kept_row, "telephone1"), {"telephone1": "2"}
        )
        self.assertEqual((counters["inserted"], counters["modified"]), (1, 2))
        self.assertQuiet()


@tagged("post_install", "-at_install")
class TestValues(ErrorCase):
    """One value is refused: a sentence names record and field, the rest goes on."""

    def assertRefused(self, sentence, mend, partner=None, **vals):
        """A partner is not taken, says a sentence; mended, it is, all by itself."""
        partner = partner or self.company(**vals)
        self.company("Good")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["failed"]), ("partial", 1))
        error = self.assertError("permanent", sentence, res_id=partner.id)
        self.assertIn("Good", self.names())
        mend(partner)
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        self.assertEqual(len(self.names()), 2)
        self.assertEqual(partner.coupling_ids.state, "coupled")
        self.assertQuiet()

    def test_name_too_long(self):
        self.assertRefused(
            "A value of 'Aaa.*' was not sent to Dataverse. 'Account Name' takes at "
            "most 160 characters; this value has 200",
            lambda partner: partner.write({"name": "A"}),
            name="A" + "a" * 199,
        )

    def test_changed_name_too_long(self):
        partner, row_id = self.pair()
        partner.name = "A" * 161
        self.assertRefused(
            "'Account Name' takes at most 160 characters; this value has 161",
            lambda partner: partner.write({"name": "Acme"}),
            partner,
        )
        self.assertEqual(self.person.read("account", row_id, "name"), {"name": "Acme"})

    def test_one_long_value_does_not_keep_the_others_back(self):
        partner, row_id = self.pair()
        partner.write({"name": "A" * 161, "phone": "1"})
        self.person.write("account", row_id, emailaddress1="a@acme.example")
        self.synchronize(self.customers)
        self.assertError("permanent", "at most 160 characters", field_name="name")
        self.assertEqual(partner.email, "a@acme.example")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )

    def test_description_too_long(self):
        self.assertRefused(
            "'Description' takes at most 2000 characters",
            lambda partner: partner.write({"comment": "Short."}),
            comment="Long. " * 400,
        )

    def test_unknown_option(self):
        self.customers.field_mapping_ids = [
            (0, 0, {"integration_column": "customertypecode", "constant_value": "99"})
        ]
        self.company()
        self.synchronize(self.customers)
        error = self.assertError(
            "permanent", "'99' is none of the values of 'customertypecode'"
        )
        self.customers.field_mapping_ids.filtered("constant_value")[-1:].write(
            {"constant_value": "3"}
        )
        error.action_retry()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        (values,) = self.person.all("account", "customertypecode").values()
        self.assertEqual(values["customertypecode"], 3)

    def test_plug_in_refuses(self):
        self.simulator.rules(
            "plug-ins",
            {
                "table": "account",
                "column": "telephone1",
                "pattern": "^0",
                "reject": "Phone numbers begin with a country code.",
            },
        )
        self.assertRefused(
            "Dataverse did not take 'Acme'. A business rule in Dynamics 365 refused "
            "the change: Phone numbers begin with a country code.",
            lambda partner: partner.write({"phone": "+45 1"}),
            phone="0123",
        )

    def test_control_characters(self):
        self.assertRefused(
            "'Main Phone' contains characters that cannot be stored. Remove control",
            lambda partner: partner.write({"phone": "12"}),
            phone="1\x0b2",
        )

    def test_required_name_missing(self):
        row_id = self.person.create("account", telephone1="1")
        self.synchronize(self.customers)
        error = self.assertError("permanent", "has no Name and cannot be created")
        self.person.write("account", row_id, name="Acme")
        self.synchronize(self.customers)
        self.assertEqual(self.partner_of(row_id).name, "Acme")
        self.assertEqual(error.state, "resolved")

    def test_countries(self):
        known = self.person.create(
            "account", name="Known", address1_country="U.S.A.", address1_city="Boston"
        )
        unknown = self.person.create(
            "account",
            name="Unknown",
            address1_country="Atlantis",
            address1_city="Deep",
            telephone1="1",
        )
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (2, 1))
        self.assertEqual(
            self.partner_of(known).country_id, self.env.ref("base.us"), "U.S.A."
        )
        partner = self.partner_of(unknown)
        self.assertRecordValues(
            partner, [{"name": "Unknown", "phone": "1", "country_id": False}]
        )
        error = self.assertError(
            "permanent",
            "'Unknown': .*country.*'Atlantis'",
            res_id=partner.id,
            external_id=unknown,
            field_name="country_id",
        )
        self.person.write("account", unknown, address1_country="Danmark")
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        self.assertRecordValues(
            partner, [{"city": "Deep", "country_id": self.env.ref("base.dk").id}]
        )
        self.assertQuiet()

    def test_countries_that_change(self):
        """Countries are known by heart; a new name counts at once."""
        germany = self.env.ref("base.de")
        for text in ("Germany", "Teutonia", "Newland"):
            self.person.create("account", name=text, address1_country=text)
        self.synchronize(self.customers)
        found = self.env["res.partner"].search(
            [("name", "in", ["Teutonia", "Newland"])]
        )
        self.assertFalse(found.country_id)
        germany.name = "Teutonia"
        new = self.env["res.country"].create({"name": "Newland", "code": "QX"})
        self.env["sync.error"].search([("state", "=", "open")]).action_retry()
        self.synchronize(self.customers)
        self.assertEqual(found.country_id, germany | new)
        self.env["res.partner"].search([("name", "=", "Newland")]).country_id = False
        self.synchronize(self.customers)
        new.unlink()
        self.person.create("account", name="Late", address1_country="Newland")
        self.synchronize(self.customers)
        late = self.env["res.partner"].search([("name", "=", "Late")])
        self.assertFalse(late.country_id)

    def test_unknown_state(self):
        row_id = self.person.create(
            "account",
            name="Acme",
            address1_country="United States",
            address1_stateorprovince="Utopia",
            telephone1="1",
        )
        self.synchronize(self.customers)
        self.assertEqual(self.partner_of(row_id).phone, "1")
        error = self.assertError(
            "permanent", "'Acme': .*state.*'Utopia'", field_name="state_id"
        )
        self.person.write("account", row_id, address1_stateorprovince="WA")
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        self.assertEqual(
            self.partner_of(row_id).state_id, self.env.ref("base.state_us_48")
        )

    def test_odoo_refuses(self):
        """A rule of another addon, as a ValidationError of a constraint."""
        self.forbid("Bad")
        row_id = self.person.create("account", name="Bad")
        good = self.person.create("account", name="Good")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (1, 1))
        self.assertTrue(self.partner_of(good))
        error = self.assertError(
            "permanent",
            "Odoo does not accept 'Bad': Nobody is called Bad.",
            external_id=row_id,
        )
        self.person.write("account", row_id, name="Better")
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        self.assertEqual(self.partner_of(row_id).name, "Better")
        self.assertQuiet()

    def test_odoo_refuses_a_change(self):
        partner, row_id = self.pair()
        self.forbid("Bad")
        self.person.write("account", row_id, name="Bad")
        partner.phone = "1"
        self.synchronize(self.customers)
        error = self.assertError("permanent", "Nobody is called Bad", res_id=partner.id)
        self.assertEqual(partner.name, "Acme")
        self.person.write("account", row_id, name="Better")
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        self.assertEqual((partner.name, partner.phone), ("Better", "1"))
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )

    def forbid(self, name):
        partners = type(self.env["res.partner"])
        validate = partners._validate_fields
        refusal = ValidationError("Nobody is called " + name + ".")

        def _validate_fields(records, *args, **kwargs):
            validate(records, *args, **kwargs)
            if name in records.mapped("name"):
                raise refusal

        self.patch(partners, "_validate_fields", _validate_fields)

    def test_one_bad_row_among_fifty(self):
        """sync-bugs 5, 63."""
        self.forbid("Row 17")
        for number in range(50):
            self.person.create("account", name=f"Row {number}")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (49, 1))
        self.assertError("permanent", "'Row 17'")

    def test_one_bad_record_among_fifty(self):
        """sync-bugs 68."""
        self.simulator.rules(
            "plug-ins",
            {"table": "account", "column": "name", "pattern": "17", "reject": "No 17."},
        )
        for number in range(50):
            self.company(f"Record {number}")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (49, 1))
        self.assertError("permanent", "'Record 17'. .* refused the change: No 17.")
        self.assertEqual(len(self.names()), 49)

    def test_equal_failures_are_one_row(self):
        partner = self.company(name="A" * 161)
        self.synchronize(self.customers)
        error = self.errors()
        for times in (2, 3):
            partner.phone = str(times)
            self.synchronize(self.customers)
            self.assertEqual(self.errors(), error)
            self.assertEqual(error.occurrences, times)
        partner.name = "Short"
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        partner.name = "A" * 161
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved", "a new failure is a new row")
        self.assertEqual(self.errors().occurrences, 1)


@tagged("post_install", "-at_install")
class TestDependencies(ErrorCase):
    """A contact whose company is not coupled waits, and goes on by itself."""

    def setUp(self):
        super().setUp()
        self.customers.synch_only_coupled = True

    def test_contact_of_an_uncoupled_account(self):
        """sync-bugs 26."""
        account = self.person.create("account", name="Acme")
        contact = self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            parentcustomerid=f"account({account})",
        )
        company = self.company("Acme in Odoo")
        counters = self.synchronize()
        self.assertEqual((counters["failed"], counters["inserted"]), (0, 0))
        error = self.assertError(
            "dependency",
            "'Anna Berg'.*waits for its Related Company, which is not",
            self.contacts,
            external_id=contact,
        )
        self.assertFalse(self.errors())
        wizard = self.env["integration.coupling.wizard"].create(
            {
                "mapping_id": self.customers.id,
                "res_id": company.id,
                "external_id": account,
                "synchronize": "get",
            }
        )
        wizard.action_couple()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(self.partner_of(contact).parent_id, company)
        self.assertQuiet()

    def test_what_waited_is_older_than_what_was_written_meanwhile(self):
        """A row that was read before our own write is no news after it."""
        self.customers.synch_only_coupled = False
        company, account = self.pair()
        anna = self.employee(company, phone="1")
        self.synchronize()
        contact = self.coupled(anna, self.contacts)
        company.coupling_ids._uncouple()
        self.person.write("contact", contact, emailaddress1="anna@example.com")
        anna.phone = "2"
        self.synchronize()
        self.assertError(
            "dependency", "waits for its Related Company", self.contacts, res_id=anna.id
        )
        self.assertEqual(
            self.person.read("contact", contact, "telephone1"), {"telephone1": "2"}
        )
        wizard = self.env["integration.coupling.wizard"].create(
            {
                "mapping_id": self.customers.id,
                "res_id": company.id,
                "external_id": account,
                "synchronize": "get",
            }
        )
        wizard.action_couple()
        self.run_scheduled()
        self.assertEqual((anna.phone, anna.email), ("2", "anna@example.com"))
        self.assertQuiet()

    def test_employee_of_a_company_that_was_deleted_in_dataverse(self):
        """One column cannot be written: the others are, and the new one waits."""
        self.customers.write({"synch_only_coupled": False, "deletion_policy": "manual"})
        company, account = self.pair()
        other, _other_row = self.pair("Other")
        anna = self.employee(other)
        self.synchronize()
        contact = self.coupled(anna, self.contacts)
        self.person.delete("account", account)
        self.synchronize(self.customers)
        anna.write({"parent_id": company.id, "phone": "2"})
        ben = self.employee(company, "Ben Falk")
        self.simulator.control("DELETE", "requests")
        self.synchronize(self.contacts)
        self.assertLess(len(self.simulator.control("GET", "requests")), 10)
        self.assertEqual(
            self.person.read("contact", contact, "telephone1"), {"telephone1": "2"}
        )
        errors = self.errors(self.contacts).sorted("res_id")
        self.assertEqual(errors.mapped("res_id"), [anna.id, ben.id])
        for error in errors:
            self.assertEqual(error.kind, "dependency")
            self.assertRegex(error.message, "does not get its Company Name .* deleted")
        self.assertEqual(list(self.person.all("contact", "lastname")), [contact])
        company.coupling_ids.error_ids.action_restore_record()
        self.run_scheduled()
        self.env.cr.execute("UPDATE integration_inbox SET not_before = NULL")
        self.synchronize()
        anew = self.coupled(company, self.customers)
        self.assertNotEqual(anew, account)
        for partner in (anna, ben):
            self.assertEqual(
                self.person.read(
                    "contact",
                    self.coupled(partner, self.contacts),
                    "parentcustomerid",
                ),
                {"parentcustomerid": f"account({anew})"},
            )
        self.assertEqual(errors.mapped("state"), ["resolved"] * 2)
        self.assertQuiet()

    def test_employee_of_an_uncoupled_company(self):
        company = self.company()
        anna = self.employee(company)
        self.synchronize()
        error = self.assertError(
            "dependency",
            "Anna Berg' waits for its Related Company, which is not",
            self.contacts,
            res_id=anna.id,
        )
        self.env["integration.coupling.wizard"].create(
            {"mapping_id": self.customers.id, "res_id": company.id}
        ).action_create_new()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertTrue(self.coupled(anna, self.contacts))
        self.assertQuiet()


@tagged("post_install", "-at_install")
class TestTroubles(ErrorCase):
    """Throttling, outages and broken connections: nothing is lost, nothing is twice."""

    def faults(self, *rules):
        self.simulator.rules("faults", *rules)

    def throttle(self, **rule):
        then = {"status": 429, "code": "0x80072322", "retry_after": 300}
        self.faults({"count": None, **rule, "then": then})

    def assertPaused(self):
        left = self.connection.paused_until - fields.Datetime.now()
        self.assertAlmostEqual(left.total_seconds(), 300, delta=20)

    def resume(self):
        self.faults()
        self.connection.paused_until = fields.Datetime.subtract(
            fields.Datetime.now(), seconds=1
        )

    def creations(self, name="Acme"):
        return self.names().count(name)

    def test_pause(self):
        company = self.company()
        self.throttle()
        self.run_scheduled()
        self.assertPaused()
        self.assertEqual(self.connection.state, "connected")
        error = self.assertError("throttle", "asks for a pause.*goes on by itself")
        self.assertFalse(self.errors(self.contacts), "one question was enough")
        # Nobody asks before the time, and the work is not forgotten.
        self.faults()
        self.simulator.control("DELETE", "requests")
        self.run_scheduled()
        self.assertRunFails("Dynamics 365 asked for a pause.*goes on by itself at")
        with self.assertRaisesRegex(UserError, "asked for a pause"):
            company.action_set_up_coupling()
        self.assertFalse(self.simulator.control("GET", "requests"))
        self.assertEqual(error.occurrences, 1)
        trigger = self.env["ir.cron.trigger"].search(
            [("call_at", ">=", self.connection.paused_until)]
        )
        self.assertTrue(trigger, "the scheduled action comes back")
        self.resume()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertIn(self.coupled(company), self.person.all("account"))

    def say(self, status, code, count=None):
        """What Dataverse says about every row that is written."""
        then = {"status": status, "code": code}
        rule = {"in_batch": True, "method": "PATCH", "path": "^accounts"}
        self.faults({**rule, "count": count, "then": then})

    def test_a_row_that_is_gone_on_writing_and_there_on_reading(self):
        """An answer to a write is no evidence of a deletion."""
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.say(404, "0x80040217")
        self.synchronize(self.customers)
        self.assertTrue(partner.active)
        self.assertError("transient", "says on writing that it is gone. It is tried")
        self.faults()
        self.errors().action_retry()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
        self.say(404, "0x80040217", count=1)
        partner.phone = "3"
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "3"}
        )
        self.assertQuiet()

    def test_a_new_row_that_meets_another_version(self):
        """Nothing was made, and nothing was deleted either."""
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair()
        self.person.delete("account", row_id)
        company = self.company("New")
        self.say(412, "0x80060882")
        for _run in range(2):
            self.synchronize(self.customers)
        self.assertFalse(self.person.all("account"))
        self.faults()
        self.errors().action_retry()
        self.synchronize(self.customers)
        self.assertEqual(self.names(), ["Acme", "New"])
        self.assertNotEqual(self.coupled(partner), row_id)
        self.assertTrue(self.coupled(company))
        self.assertQuiet()

    def test_short_pause_is_waited_out(self):
        company = self.company()
        self.faults(
            {"path": r"^\$batch", "count": 2, "then": {"status": 429, "retry_after": 1}}
        )
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertTrue(self.coupled(company))
        self.assertFalse(self.connection.paused_until)

    def test_pause_in_the_middle_of_a_batch(self):
        """What was done before the pause is remembered, the rest is done after it."""
        partner, row_id = self.pair("Paired")
        partner.phone = "1"
        for number in range(5):
            self.company(f"Company {number}")
        self.throttle(in_batch=True, method="PATCH", nth=3)
        self.run_scheduled()
        self.assertPaused()
        self.assertEqual(self.names(), ["Company 0", "Paired"])
        self.assertEqual(self.customers.job_ids[0].inserted, 1)
        # Were it forgotten that "1" was sent, this would look like a conflict.
        partner.phone = "2"
        self.resume()
        self.run_scheduled()
        self.assertFalse(self.errors())
        self.assertEqual(
            self.names(), [*(f"Company {number}" for number in range(5)), "Paired"]
        )
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )

    def test_outage(self):
        partner, row_id = self.pair()
        partner.phone = "1"
        company = self.company("New")
        self.faults({"count": None, "then": {"status": 503}})
        for _times in range(2):
            self.run_scheduled()
        error = self.assertError(
            "transient", "not available at the moment. It is tried again", occurrences=2
        )
        self.assertEqual(self.connection.state, "connected")
        self.faults()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertTrue(self.coupled(company))
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        self.assertQuiet()

    def test_passing_trouble_is_not_even_an_error(self):
        company = self.company()
        self.faults({"count": 3, "then": {"status": 503}})
        self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertTrue(self.coupled(company))

    def test_one_row_in_trouble_is_tried_again(self):
        company = self.company()
        self.faults(
            {
                "in_batch": True,
                "method": "PATCH",
                "then": {"status": 500, "code": "0x80044150"},
            }
        )
        self.synchronize(self.customers)
        error = self.assertError(
            "transient", "'Acme'.*database of Dynamics 365 was busy", res_id=company.id
        )
        self.assertGreater(error.retry_at, fields.Datetime.now())
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        self.assertEqual(self.creations(), 1)

    def break_create(self, drop):
        company = self.company()
        self.faults(
            {
                "path": r"^\$batch",
                "body": r"If-None-Match: \*",
                "count": None,
                "then": {"drop": drop},
            }
        )
        self.run_scheduled()
        self.assertEqual(
            self.creations(), int(drop == "after"), "the answer was lost, not the row"
        )
        error = self.assertError("transient", "without a complete answer")
        self.assertEqual(company.coupling_ids.state, "pending")
        return company, error

    def test_connection_breaks_before_the_create(self):
        company, error = self.break_create("before")
        reserved = self.coupled(company)
        self.faults()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(list(self.person.all("account")), [reserved])
        self.assertQuiet()

    def test_connection_breaks_after_the_create(self):
        """sync-bugs 28, 30, 31."""
        company, error = self.break_create("after")
        reserved = self.coupled(company)
        # Meanwhile both sides go on working.
        company.phone = "1"
        self.person.write("account", reserved, emailaddress1="a@acme.example")
        self.faults()
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(list(self.person.all("account")), [reserved])
        self.assertEqual(company.email, "a@acme.example")
        self.assertEqual(
            self.person.read("account", reserved, "telephone1"), {"telephone1": "1"}
        )
        self.assertQuiet()

    def test_a_repeated_create_is_refused(self):
        """The first request made the row: there is none besides it, ever."""
        company, error = self.break_create("after")
        reserved = self.coupled(company)
        self.faults({"in_batch": True, "then": {"status": 500}})
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(list(self.person.all("account")), [reserved])
        self.assertEqual(self.coupled(company), reserved)
        self.assertQuiet()

    def test_a_create_is_repeated_at_once_and_refused(self):
        """The same within one run, as a request without an answer is sent again."""
        company = self.company()
        create = {"body": r"If-None-Match: \*", "path": r"^\$batch"}
        refusal = {"status": 403, "code": "0x80040220"}
        self.faults(
            {**create, "then": {"drop": "after"}},
            {"in_batch": True, "method": "PATCH", "nth": 2, "then": refusal},
        )
        self.run_scheduled()
        self.faults()
        self.run_scheduled()
        ((row_id, _row),) = self.person.all("account").items()
        self.assertEqual(self.coupled(company), row_id)
        self.assertFalse(self.errors())
        self.assertQuiet()

    def test_a_create_is_refused_and_nobody_can_say_more(self):
        """While it is not known whether there is a row, none is made besides."""
        company = self.company()
        self.faults(
            {"in_batch": True, "method": "PATCH", "then": {"status": 500}},
            {
                "in_batch": True,
                "method": "GET",
                "count": None,
                "then": {"status": 503},
            },
        )
        self.run_scheduled()
        self.assertTrue(company.coupling_ids.reserved)
        reserved = self.coupled(company)
        self.faults()
        self.run_scheduled()
        self.assertEqual(list(self.person.all("account")), [reserved])

    def test_an_answer_that_is_missing_in_the_batch_is_no_refusal(self):
        company = self.company()
        self.faults({"path": r"^\$batch", "then": {"parts": "missing"}})
        self.run_scheduled()
        self.assertEqual(self.creations(), 1)
        self.assertError("transient", "'Acme'", res_id=company.id)
        reserved = self.coupled(company)
        self.assertTrue(reserved)
        self.faults()
        self.run_scheduled()
        self.assertEqual(list(self.person.all("account")), [reserved])

    def test_a_row_that_was_made_and_deleted_is_not_made_again(self):
        """The lost create arrived; by the next run somebody had deleted its row."""
        company, _error = self.break_create("after")
        reserved = self.coupled(company)
        self.person.delete("account", reserved)
        self.faults()
        self.run_scheduled()
        self.assertFalse(self.person.all("account"))
        self.assertFalse(company.active, "as the deletion policy says")
        self.assertQuiet()

    def test_broken_connection_that_heals_at_once(self):
        """sync-bugs 34."""
        for drop in ("before", "after"):
            with self.subTest(drop):
                company = self.company(drop)
                self.faults(
                    {
                        "path": r"^\$batch",
                        "body": r"If-None-Match: \*",
                        "then": {"drop": drop},
                    }
                )
                counters = self.synchronize(self.customers)
                self.assertEqual(counters["state"], "done")
                self.assertEqual(self.creations(drop), 1)
                self.assertEqual(company.coupling_ids.state, "coupled")
        self.assertQuiet()

    def test_truncated_answer(self):
        self.company()
        self.faults(
            {
                "path": r"^\$batch",
                "body": r"If-None-Match: \*",
                "then": {"truncate": True},
            }
        )
        self.synchronize(self.customers)
        self.synchronize(self.customers)
        self.assertEqual(self.creations(), 1)
        self.assertFalse(self.errors())

    def test_company_deleted_while_its_create_is_open(self):
        """The row that the lost request made does not stay behind unnoticed.

        sync-bugs 59, 65.
        """
        company, _error = self.break_create("after")
        reserved = self.coupled(company)
        company.unlink()
        self.faults()
        self.run_scheduled()
        self.run_scheduled()
        self.assertEqual(
            self.person.read("account", reserved, "statecode"), {"statecode": 1}
        )
        self.assertFalse(self.errors())

    def test_row_deleted_while_its_create_is_open(self):
        """It arrived, and somebody deleted it before we knew: sent again it would rise
        from the dead. (sync-bugs 59, seen from Dataverse)"""
        company, _error = self.break_create("after")
        self.person.delete("account", self.coupled(company))
        self.faults()
        self.run_scheduled()
        self.run_scheduled()
        self.assertFalse(self.person.all("account"))
        self.assertFalse(company.active, "the deletion is carried over")
        self.assertFalse(self.errors())

    def test_answer_that_is_not_dataverse(self):
        self.faults(
            {"path": "^accounts", "then": {"status": 404, "message": "No such app"}}
        )
        self.assertRunFails("No such app")
        self.assertEqual(self.synchronize(self.customers)["state"], "done")

    def test_unexpected_exception(self):
        company = self.company()
        broken = patch.object(
            type(self.env["integration.engine.plan"]),
            "_plan",
            side_effect=ZeroDivisionError("no sentence for a user"),
        )
        with broken, self.assertLogs("odoo.addons.dataverse_sync", "ERROR"):
            self.run_scheduled()
        error = self.assertError("permanent", "Something unexpected happened")
        self.assertNotIn("no sentence", error.message)
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertTrue(self.coupled(company))


@tagged("post_install", "-at_install")
class TestWaysOut(ErrorCase):
    """The buttons of the error list."""

    def refused(self):
        """A company with an error."""
        company = self.company(name="A" * 161)
        self.synchronize(self.customers)
        return company, self.errors()

    def conflict(self):
        partner, row_id = self.pair(telephone1="0")
        partner.phone = "1"
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        return (
            partner,
            row_id,
            self.assertError(
                "conflict",
                "'Acme' was changed on both sides: Phone. Choose which data to use",
            ),
        )

    def deleted(self, side):
        self.customers.deletion_policy = "manual"
        partner, row_id = self.pair()
        if side == "Odoo":
            partner.unlink()
        else:
            self.person.delete("account", row_id)
        self.synchronize(self.customers)
        error = self.assertError(
            "deleted", f"'Acme' was deleted in {side}. Restore it, delete the other"
        )
        return partner, row_id, error

    def test_retry(self):
        company, error = self.refused()
        error.action_retry()
        self.run_scheduled()
        self.assertRecordValues(error, [{"state": "open", "occurrences": 2}])
        # Mended without a trace in the journal: retrying looks anyway.
        self.env.cr.execute(
            "UPDATE res_partner SET name = 'Short' WHERE id = %s", [company.id]
        )
        self.env.cr.execute("DELETE FROM integration_journal")
        self.env.invalidate_all()
        error.action_retry()
        self.assertEqual(error.state, "retrying")
        self.run_scheduled()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(self.names(), ["Short"])

    def test_retry_of_a_settled_error_changes_nothing(self):
        company, error = self.refused()
        company.name = "Short"
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved")
        error.action_retry()
        self.assertEqual(error.state, "resolved")

    def test_dismiss(self):
        company, error = self.refused()
        error.action_dismiss()
        self.assertEqual(error.state, "dismissed")
        self.synchronize(self.customers)
        self.assertFalse(self.errors())
        company.phone = "1"
        self.synchronize(self.customers)
        self.assertEqual(error.state, "dismissed")
        self.assertTrue(self.errors(), "it happened again")

    def test_synchronize_decides_a_conflict(self):
        partner, row_id, error = self.conflict()
        action = error.action_synchronize()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        self.assertRecordValues(
            wizard.line_ids,
            [{"label": "Phone", "odoo_value": "1", "dataverse_value": "2"}],
        )
        wizard.line_ids.choice = "odoo"
        wizard.action_apply()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(partner.coupling_ids.state, "coupled")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )

    def test_synchronize_needs_a_coupling(self):
        _company, error = self.refused()
        with self.assertRaisesRegex(UserError, "not coupled"):
            error.action_synchronize()

    def restore(self, side):
        _partner, _row_id, error = self.deleted(side)
        error.action_restore_record()
        self.assertEqual(error.state, "resolved")
        coupling = self.customers.coupling_ids
        self.assertEqual(coupling.state, "coupled")
        self.assertEqual(coupling._record().name, "Acme")
        self.assertEqual(self.names(), ["Acme"])
        self.assertQuiet()

    def test_restore_in_odoo(self):
        self.restore("Odoo")

    def test_restore_in_dataverse(self):
        self.restore("Dataverse")

    def test_delete(self):
        partner, row_id, error = self.deleted("Odoo")
        error.action_delete_record()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(self.names(), [])
        partner, row_id, error = self.deleted("Dataverse")
        error.action_delete_record()
        self.assertEqual(error.state, "resolved")
        self.assertFalse(partner.exists())
        self.assertQuiet()

    def test_restore_is_for_deleted_records(self):
        _partner, _row_id, error = self.conflict()
        for action in (error.action_restore_record, error.action_delete_record):
            with self.assertRaisesRegex(UserError, "None of these records was deleted"):
                action()

    def test_delete_coupling(self):
        partner, row_id, error = self.deleted("Dataverse")
        action = error.action_delete_coupling()
        self.env[action["res_model"]].with_context(**action["context"]).create(
            {}
        ).action_uncouple()
        self.assertEqual(error.state, "resolved")
        self.assertTrue(partner.active)
        self.assertFalse(partner.coupling_ids)
        self.assertQuiet()

    def test_set_up_coupling(self):
        """What was refused is coupled to a row that is there already."""
        company, error = self.refused()
        row_id = self.person.create("account", name="The same in Dynamics")
        action = error.action_set_up_coupling()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        wizard.write({"external_id": row_id, "synchronize": "get"})
        wizard.action_couple()
        self.assertEqual(error.state, "resolved")
        self.assertEqual(company.name, "The same in Dynamics")

    def test_set_up_coupling_needs_a_record(self):
        self.person.create("account", telephone1="1")
        self.synchronize(self.customers)
        error = self.errors()
        with self.assertRaisesRegex(UserError, "no Odoo record yet"):
            error.action_set_up_coupling()
        with self.assertRaisesRegex(UserError, "does not exist in Odoo yet"):
            error.action_open_record()

    def test_opening(self):
        company, error = self.refused()
        self.assertEqual(error.action_open_record()["res_id"], company.id)
        with self.assertRaisesRegex(UserError, "does not exist in Dataverse yet"):
            error.action_open_in_dataverse()
        company.unlink()
        self.synchronize(self.customers)
        self.assertEqual(error.state, "resolved", "nobody is left to send")
        _partner, row_id, error = self.deleted("Odoo")
        self.assertIn(row_id, error.action_open_in_dataverse()["url"])

    def test_find_deleted(self):
        """What no journal and no change tracking told is found by looking."""
        self.customers.deletion_policy = "manual"
        partner, _row_id = self.pair("Gone in Odoo")
        _partner, row_id = self.pair("Gone in Dataverse")
        self.pair("There")
        partner.unlink()
        self.env.cr.execute("DELETE FROM integration_journal")
        self.person.delete("account", row_id)
        engine = self.env.registry["integration.engine.run"]
        with patch.object(engine, "_chunk", lambda _engine, _session: False):
            self.synchronize(self.customers)
        self.env.cr.execute("DELETE FROM integration_inbox")
        self.synchronize(self.customers)
        self.assertFalse(self.errors(), "nobody has told")

        toast = self.env["sync.error"].action_find_deleted()["params"]
        self.assertIn("2 couplings lack a record", toast["message"])
        self.synchronize(self.customers)
        self.assertEqual(
            sorted(self.errors().mapped("record_name")),
            ["Gone in Dataverse", "Gone in Odoo"],
        )
        self.assertEqual(set(self.errors().mapped("kind")), {"deleted"})
        self.errors().action_restore_record()
        toast = self.customers.action_find_deleted()["params"]
        self.assertIn("Every coupling has both", toast["message"])

    def test_what_is_tried_again_says_when_and_wakes_the_worker(self):
        self.company()
        self.simulator.rules(
            "faults",
            {
                "in_batch": True,
                "method": "PATCH",
                "then": {"status": 500, "code": "0x80044150"},
            },
        )
        self.synchronize(self.customers)
        retry_at = self.errors().retry_at
        cron = self.env.ref("dataverse_sync.ir_cron_synchronize")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        self.assertIn(retry_at, triggers.mapped("call_at"))

    def test_cause_is_the_same_for_all_records(self):
        for name in ("Alpha", "Beta", "Gamma"):
            self.company(name=name, ref="X" * 60)
        self.synchronize(self.customers)
        self.assertEqual(len(self.errors()), 3)
        self.assertEqual(len(set(self.errors().mapped("cause"))), 1)
        self.assertIn("'…'", self.errors()[0].cause)
