"""What synchronization does on a good day, both ways."""

from unittest.mock import patch

from odoo.tests import tagged

from .. import dataverse
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestSynchronize(DataverseCase):
    def test_new_account_becomes_company(self):
        row_id = self.person.create(
            "account",
            name="Nordisk Lys A/S",
            accountnumber="C-1",
            address1_line1="Havnegade 1",
            address1_postalcode="1058",
            address1_city="København",
            address1_country="Denmark",
            telephone1="+45 33 12 34 56",
            emailaddress1="post@nordisklys.example",
            websiteurl="nordisklys.example",
            description="Pays on time.\nLikes e-mail.",
        )
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 1)
        self.assertEqual(counters["coupled"], 1)
        partner = self.partner_of(row_id)
        self.assertRecordValues(
            partner,
            [
                {
                    "name": "Nordisk Lys A/S",
                    "is_company": True,
                    "ref": "C-1",
                    "street": "Havnegade 1",
                    "zip": "1058",
                    "city": "København",
                    "country_id": self.env.ref("base.dk").id,
                    "phone": "+45 33 12 34 56",
                    "email": "post@nordisklys.example",
                    "website": "http://nordisklys.example",
                    "dataverse_sync_state": "in_sync",
                    "coupled_to_dataverse": True,
                }
            ],
        )
        self.assertIn("Likes e-mail.", partner.comment)
        self.assertQuiet()

    def test_new_company_becomes_account(self):
        partner = self.company(
            "Acme",
            city="Odense",
            country_id=self.env.ref("base.dk").id,
            email="a@b.example",
        )
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 1, counters)
        values = self.person.read(
            "account",
            self.coupled(partner),
            "name",
            "address1_city",
            "address1_country",
        )
        self.assertEqual(values["name"], "Acme")
        self.assertEqual(values["address1_country"], "Denmark")
        self.assertQuiet()

    def test_changes_of_both_sides_merge(self):
        partner, row_id = self.pair(telephone1="1", address1_city="Odense")
        partner.phone = "2"
        self.person.write("account", row_id, emailaddress1="new@acme.example")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 0)
        self.assertEqual(partner.email, "new@acme.example")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
        self.assertQuiet()

    def test_contact_follows_its_account(self):
        account = self.person.create("account", name="Acme")
        contact = self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            jobtitle="Buyer",
            parentcustomerid=f"account({account})",
        )
        self.synchronize()
        person = self.partner_of(contact)
        self.assertEqual(person.name, "Anna Berg")
        self.assertEqual(person.function, "Buyer")
        self.assertEqual(person.parent_id, self.partner_of(account))
        self.assertQuiet()

    # -- conflicts --------------------------------------------------------------------

    def test_same_field_changed_on_both_sides_waits_for_a_decision(self):
        partner, row_id = self.pair(telephone1="1", address1_city="Odense")
        partner.write({"phone": "2", "email": "odoo@acme.example"})
        self.person.write("account", row_id, telephone1="3", address1_city="Aarhus")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1)
        self.assertEqual(partner.phone, "2", "nobody's value is overwritten")
        self.assertEqual(partner.city, "Aarhus", "other fields still travel")
        values = self.person.read("account", row_id, "telephone1", "emailaddress1")
        self.assertEqual(values["telephone1"], "3")
        self.assertEqual(values["emailaddress1"], "odoo@acme.example")
        self.assertEqual(partner.dataverse_sync_state, "conflict")
        conflict = self.env["integration.conflict"].search(
            [("res_id", "=", partner.id)]
        )
        self.assertRecordValues(
            conflict,
            [
                {
                    "field_label": "Phone",
                    "base_value": "1",
                    "odoo_value": "2",
                    "dataverse_value": "3",
                    "state": "open",
                }
            ],
        )
        error = partner.coupling_ids.error_ids
        self.assertEqual(error.kind, "conflict")
        self.assertIn("'Acme' was changed on both sides: Phone", error.message)

        counters = partner.coupling_ids.synchronize("send")
        self.assertEqual(counters["conflicts"], 0)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
        self.assertEqual(partner.dataverse_sync_state, "in_sync")
        self.assertEqual(error.state, "resolved")
        self.assertEqual(conflict.state, "resolved")
        self.assertQuiet()

    def test_policy_lets_odoo_win_and_keeps_the_loser(self):
        self.customers.update_conflict_policy = "send"
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
        self.assertRecordValues(
            self.env["integration.conflict"].search([("res_id", "=", partner.id)]),
            [{"odoo_value": "2", "dataverse_value": "3", "winner": "odoo"}],
        )
        self.assertQuiet()

    def test_policy_lets_dataverse_win_and_keeps_the_loser(self):
        self.customers.update_conflict_policy = "get"
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "3")
        self.assertRecordValues(
            self.env["integration.conflict"].search([("res_id", "=", partner.id)]),
            [{"odoo_value": "2", "dataverse_value": "3", "winner": "dataverse"}],
        )
        self.assertQuiet()

    def test_same_change_on_both_sides_is_no_conflict(self):
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.person.write("account", row_id, telephone1="2")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 0)
        self.assertQuiet()

    # -- values -----------------------------------------------------------------------

    def test_emptied_fields_travel(self):
        partner, row_id = self.pair(telephone1="1", emailaddress1="a@acme.example")
        partner.phone = False
        self.person.write("account", row_id, emailaddress1=None)
        self.synchronize(self.customers)
        self.assertFalse(partner.email)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": None}
        )
        self.assertQuiet()

    def test_address_is_decided_as_one_value(self):
        self.customers.update_conflict_policy = "get"
        partner, row_id = self.pair(address1_line1="Old 1", address1_city="Odense")
        partner.city = "Aarhus"
        self.person.write("account", row_id, address1_line1="New 2")
        self.synchronize(self.customers)
        self.assertEqual((partner.street, partner.city), ("New 2", "Odense"))

    def test_country_as_people_write_it_is_left_as_it_is(self):
        partner, row_id = self.pair(
            address1_country="U.S.A.", address1_stateorprovince="WA", telephone1="1"
        )
        self.assertEqual(partner.country_id, self.env.ref("base.us"))
        self.assertEqual(partner.state_id, self.env.ref("base.state_us_48"))
        partner.write({"phone": "2", "city": "Renton"})
        self.synchronize(self.customers)
        values = self.person.read(
            "account",
            row_id,
            "address1_country",
            "address1_stateorprovince",
            "address1_city",
        )
        self.assertEqual(values["address1_country"], "U.S.A.")
        self.assertEqual(values["address1_stateorprovince"], "WA")
        self.assertEqual(values["address1_city"], "Renton")
        self.assertQuiet()

    def test_what_a_plug_in_makes_of_a_value_starts_no_ping_pong(self):
        partner, _row_id = self.pair(telephone1="1", address1_city="Aarhus")
        self.simulator.rules(
            "plug-ins",
            {"table": "account", "column": "telephone1", "replace": "(2)"},
            {"table": "account", "column": "address1_city", "replace": "ODENSE C"},
        )
        partner.write({"phone": "2", "city": "Odense"})
        self.synchronize(self.customers)
        self.assertEqual((partner.phone, partner.city), ("2", "Odense"))
        self.assertQuiet()
        # Nor when every row is read anew.
        self.simulator.control("POST", "delta-tokens/expire")
        self.synchronize(self.customers)
        self.assertEqual((partner.phone, partner.city), ("2", "Odense"))
        self.assertQuiet()

    # -- what the engine writes, and what it does not ---------------------------------

    def test_only_changed_columns_are_sent(self):
        partner, row_id = self.pair(telephone1="1", address1_city="Odense")
        partner.phone = "2"
        self.synchronize(self.customers)
        history = self.simulator.control("GET", f"history/account/{row_id}")
        self.assertEqual(
            {name for name in history[-1]["changes"] if name == "telephone1"},
            {"telephone1"},
        )
        self.assertNotIn("address1_city", history[-1]["changes"])
        self.assertNotIn("name", history[-1]["changes"])

    def test_touching_a_record_writes_nothing(self):
        """sync-bugs 48."""
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "1"
        self.person.write("account", row_id, telephone1="1")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["modified"], counters["unchanged"]), (0, 1))
        self.assertQuiet()

    def test_an_edit_while_the_run_is_sending_is_not_lost(self):
        """sync-bugs 3, 39: what changes after it was read belongs to the next run."""
        partner, row_id = self.pair(telephone1="1")
        push = self.env.registry["integration.engine.push"]
        send = push._send

        def send_slowly(engine, session, items):
            outcomes = send(engine, session, items)
            partner.with_env(self.env).phone = "3"
            self.env.flush_all()
            return outcomes

        partner.phone = "2"
        with patch.object(push, "_send", send_slowly):
            self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "3"}
        )
        self.assertQuiet()

    def test_a_row_that_changes_before_the_request_is_not_overwritten(self):
        """sync-bugs 39: If-Match refuses, the row is read again and merged."""
        partner, row_id = self.pair(telephone1="1")
        push = self.env.registry["integration.engine.push"]
        send = push._send
        edits = iter(["Aarhus"])

        def send_late(engine, session, items):
            for city in edits:
                self.person.write("account", row_id, address1_city=city)
            return send(engine, session, items)

        partner.phone = "2"
        with patch.object(push, "_send", send_late):
            counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "done", counters["message"])
        self.assertEqual(partner.city, "Aarhus")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1", "address1_city"),
            {"telephone1": "2", "address1_city": "Aarhus"},
        )
        self.assertQuiet()

    def test_a_row_that_never_fits_is_put_aside(self):
        """sync-bugs 41: an endless 412 ends with a report."""
        partner, row_id = self.pair(telephone1="1")
        refusals = []

        def refuse(_engine, _session, items):
            refusals.append(items)
            error = dataverse.DataverseError("ConcurrencyVersionMismatch", facts={})
            return [(item, dataverse.Outcome(error=error)) for item in items]

        partner.phone = "2"
        with patch.object(
            self.env.registry["integration.engine.push"], "_send", refuse
        ):
            counters = self.synchronize(self.customers)
        self.assertEqual((len(refusals), counters["failed"]), (4, 1))
        error = partner.coupling_ids.error_ids
        self.assertIn("each time it is written", error.message)
        error.action_retry()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
        self.assertEqual(error.state, "resolved")

    def test_records_that_exist_before_the_mapping_are_synchronized(self):
        self.connection.mapping_ids.unlink()
        partner = self.company("Older than the mapping")
        self.connection.action_use_default_synchronization_setup(self.defaults)
        self.customers = self.mapping("CUSTOMER")
        self.contacts = self.mapping("CONTACT")
        self.connection.mapping_ids.synch_only_coupled = False
        self.synchronize(self.customers)
        self.assertTrue(self.coupled(partner))

    def test_only_coupled_creates_nothing(self):
        self.customers.synch_only_coupled = True
        partner = self.company("Only in Odoo")
        self.person.create("account", name="Only in Dataverse")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 0)
        self.assertEqual(counters["skipped"], 2)
        self.assertFalse(self.coupled(partner))
        self.assertFalse(
            self.env["res.partner"].search([("name", "=", "Only in Dataverse")])
        )

    def test_directions(self):
        self.customers.direction = "from_integration"
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "3")
        newcomer = self.company("Newcomer")
        self.synchronize(self.customers)
        self.assertFalse(self.coupled(newcomer))

    def test_a_person_chooses_the_direction(self):
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        partner.coupling_ids.synchronize("get")
        self.assertEqual(partner.phone, "1")
        self.person.write("account", row_id, telephone1="3")
        partner.coupling_ids.synchronize("send")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        with self.assertRaises(ValueError):
            partner.coupling_ids.synchronize("sideways")

    # -- states and scope -------------------------------------------------------------

    def test_inactive_and_archived_are_the_same(self):
        partner, row_id = self.pair()
        self.person.write("account", row_id, statecode=1, statuscode=2)
        self.synchronize(self.customers)
        self.assertFalse(partner.active)
        partner.action_unarchive()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "statecode"), {"statecode": 0}
        )
        partner.action_archive()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "statecode"), {"statecode": 1}
        )
        self.assertQuiet()

    def test_records_out_of_use_are_not_created(self):
        row_id = self.person.create("account", name="Closed down")
        self.person.write("account", row_id, statecode=1, statuscode=2)
        archived = self.company("Archived", active=False)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 0)
        self.assertFalse(self.coupled(archived))

    def test_leaving_the_filter_is_no_deletion(self):
        """sync-bugs 52."""
        partner, row_id = self.pair(telephone1="1")
        self.customers.filter_domain = "[('is_company', '=', True), ('ref', '!=', 'x')]"
        partner.write({"ref": "x", "phone": "2"})
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["deleted"], counters["modified"]), (0, 0))
        self.assertEqual(self.coupled(partner), row_id)
        self.assertEqual(partner.dataverse_sync_state, "suspended")
        partner.ref = "y"
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )

    def test_dataverse_filter(self):
        self.customers.integration_filter = "customertypecode eq 3"
        inside = self.person.create("account", name="Customer", customertypecode=3)
        outside = self.person.create("account", name="Competitor", customertypecode=1)
        self.synchronize(self.customers)
        self.assertTrue(self.partner_of(inside))
        self.assertFalse(self.partner_of(outside))
        self.person.write("account", inside, customertypecode=1, telephone1="9")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 0)
        self.assertFalse(self.partner_of(inside).phone, "dormant outside of the filter")

    def test_parents_before_children_in_any_order(self):
        child = self.person.create("account", name="A child")
        parent = self.person.create("account", name="B parent")
        self.person.write("account", child, parentaccountid=f"account({parent})")
        self.synchronize(self.customers)
        self.assertEqual(self.partner_of(child).parent_id, self.partner_of(parent))
        self.assertQuiet()

    def test_children_before_parents_in_odoo(self):
        child = self.company("A child")
        parent = self.company("B parent")
        child.parent_id = parent
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", self.coupled(child), "parentaccountid"),
            {"parentaccountid": f"account({self.coupled(parent)})"},
        )
        self.assertQuiet()
