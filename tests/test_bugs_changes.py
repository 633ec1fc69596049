"""Known failures of other synchronizers: updates, echoes, deletions, bad records."""

from unittest.mock import patch

from odoo.tests import new_test_user, tagged

from .. import dataverse
from .common import DataverseCase, Person


class BugCase(DataverseCase):
    def row(self, row_id, column, table="account"):
        return self.person.read(table, row_id, column)[column]


@tagged("post_install", "-at_install")
class TestUpdates(BugCase):
    def test_a_write_that_touches_the_siblings(self):
        """sync-bugs 38: the company's new address reaches its contacts; what came for
        them at the same time is not taken for old."""
        account = self.person.create("account", name="Acme", address1_city="Odense")
        contact = self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            parentcustomerid=f"account({account})",
        )
        self.synchronize()
        self.person.write("account", account, address1_city="Aarhus")
        self.person.write("contact", contact, telephone1="7")
        self.synchronize()
        anna = self.partner_of(contact)
        self.assertEqual((anna.city, anna.phone), ("Aarhus", "7"))
        self.assertQuiet()

    def test_a_value_that_goes_there_and_back(self):
        """sync-bugs 40: A, B, A around two pushes; the last one stays."""
        partner, row_id = self.pair(telephone1="A")
        batch = dataverse.Client.batch

        def edit_then_send(client, operations, **kwargs):
            outcomes = batch(client, operations, **kwargs)
            if any("telephone1" in (o.body or {}) for o in operations):
                partner.phone = "A"
                self.env.flush_all()
            return outcomes

        partner.phone = "B"
        with patch.object(dataverse.Client, "batch", edit_then_send):
            self.synchronize(self.customers)
        self.synchronize(self.customers)
        self.assertEqual((partner.phone, self.row(row_id, "telephone1")), ("A", "A"))
        self.assertQuiet()

    def test_echoes_of_own_writes(self):
        """sync-bugs 44: ten announcements of what we wrote ourselves, no write."""
        partner, row_id = self.pair()
        partner.phone = "2"
        self.synchronize(self.customers)
        for _ in range(10):
            self.env["integration.inbox"]._put_hints(
                self.customers, external_ids=[row_id]
            )
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["modified"], counters["inserted"]), (0, 0))
        self.assertQuiet()

    def test_another_program_with_the_same_application_user(self):
        """sync-bugs 47: who wrote a value says nothing; it is pulled."""
        partner, row_id = self.pair(telephone1="1")
        Person(self.simulator.client(self.simulator.info)).write(
            "account", row_id, telephone1="2"
        )
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "2")

    def test_users_synchronize_their_own_records(self):
        """sync-bugs 73: nobody needs to read the secret for that."""
        partner, row_id = self.pair(telephone1="1")
        user = new_test_user(
            self.env,
            "ulla",
            "base.group_user,base.group_partner_manager,dataverse_sync.group_user",
        )
        partner.phone = "2"
        partner.coupling_ids.with_user(user).synchronize()
        self.assertEqual(self.row(row_id, "telephone1"), "2")


@tagged("post_install", "-at_install")
class TestDeletedRecords(BugCase):
    def test_equal_records_and_then_a_deletion(self):
        """sync-bugs 50: equal from the start is agreed, so a deletion is one."""
        row_id = self.person.create("account", name="Acme", accountnumber="A-1")
        partner = self.company("Acme", ref="A-1")
        self.synchronize(self.customers)
        self.assertEqual(self.coupled(partner), row_id)
        self.person.delete("account", row_id)
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["deleted"], counters["inserted"]), (1, 0))
        self.assertFalse(partner.active)

    def test_comparing_everything_revives_nothing(self):
        """sync-bugs 51."""
        self.customers.deletion_policy = "uncouple"
        _gone, row_id = self.pair("Deleted There")
        left, left_row = self.pair("Deleted Here")
        self.person.delete("account", row_id)
        left.unlink()
        self.synchronize(self.customers)
        for _ in range(2):
            self.customers._request_full_synchronization()
            counters = self.synchronize(self.customers)
            self.assertEqual((counters["inserted"], counters["coupled"]), (0, 0))
        self.assertEqual(list(self.person.all("account")), [left_row])
        self.assertEqual(
            self.env["res.partner"].search_count([("name", "=", "Deleted Here")]), 0
        )


@tagged("post_install", "-at_install")
class TestBadRecords(BugCase):
    def test_a_unique_index_of_another_addon(self):
        """sync-bugs 62: one row of thirty breaks it; twenty-nine are created."""
        self.env.cr.execute("CREATE UNIQUE INDEX ON res_partner (ref)")
        self.company("Holds The Number", ref="U-7")
        self.contacts.active = False
        self.customers.filter_domain = "[('name', '=like', 'Row %')]"
        for number in range(30):
            self.person.create(
                "account", name=f"Row {number}", accountnumber=f"U-{number}"
            )
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (29, 1))
        error = self.env["sync.error"].search([("state", "=", "open")])
        self.assertIn("'Row 7'", error.message)

    def test_what_is_refused_for_good_is_not_tried_for_ever(self):
        """sync-bugs 64: once, and again when a side changes or a person asks."""
        partner, row_id = self.pair()
        rule = {"table": "account", "column": "telephone1", "reject": "Not that one"}
        self.simulator.rules("plug-ins", rule)
        partner.phone = "2"
        self.assertEqual(self.synchronize(self.customers)["failed"], 1)
        self.synchronize(self.customers)
        for _ in range(3):
            self.assertEqual(self.synchronize(self.customers)["requests"], 1)
        error = partner.coupling_ids.error_ids
        self.assertEqual((error.state, error.occurrences), ("open", 1))
        self.simulator.rules("plug-ins")
        partner.email = "a@example.com"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertEqual(error.state, "resolved")

    def test_the_first_synchronization_mails_nobody(self):
        """sync-bugs 66: neither mails nor messages nor followers."""
        for number in range(20):
            self.person.create(
                "account",
                name=f"Row {number}",
                emailaddress1=f"row{number}@example.com",
            )
        counts = {
            model: self.env[model].search_count([])
            for model in ("mail.mail", "mail.followers", "mail.notification")
        }
        self.assertEqual(self.synchronize(self.customers)["inserted"], 20)
        for model, count in counts.items():
            self.assertEqual(self.env[model].search_count([]), count, model)
