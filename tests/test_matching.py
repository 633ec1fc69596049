"""Match before create: the same customer on both sides becomes one pair."""

from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestMatching(DataverseCase):
    def test_same_number_is_coupled_not_created(self):
        partner = self.company("Acme", ref="C-1", phone="1")
        row_id = self.person.create("account", name="Acme", accountnumber="c-1")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["coupled"], counters["inserted"]), (1, 0))
        self.assertEqual(self.coupled(partner), row_id)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"),
            {"telephone1": "1"},
            "an empty value never replaces one that is there",
        )

    def test_what_differs_is_asked(self):
        partner = self.company("Acme", ref="C-1", phone="1")
        row_id = self.person.create(
            "account", name="Acme", accountnumber="C-1", telephone1="2"
        )
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1)
        self.assertEqual(partner.phone, "1")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )

    def test_initial_policy(self):
        self.customers.initial_policy = "get"
        partner = self.company("Acme", ref="C-1", phone="1")
        self.person.create("account", name="Acme", accountnumber="C-1", telephone1="2")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "2")
        log = self.env["integration.conflict"].search([("res_id", "=", partner.id)])
        self.assertIn(("1", "2"), [(c.odoo_value, c.dataverse_value) for c in log])

    def test_a_later_newcomer_finds_its_counterpart(self):
        row_id = self.person.create(
            "account", name="Acme", emailaddress1="Post@Acme.example"
        )
        self.customers.synch_only_coupled = True
        self.synchronize(self.customers)
        partner = self.company("Acme Inc.", email="post@acme.example")
        self.synchronize(self.customers)
        self.assertEqual(self.coupled(partner), row_id)

    def test_two_candidates_are_never_decided_by_themselves(self):
        one = self.company("Acme", ref="C-1")
        two = self.company("Acme Denmark", ref="C-1")
        self.person.create("account", name="Acme", accountnumber="C-1")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["coupled"], counters["inserted"]), (0, 0))
        self.assertGreaterEqual(counters["conflicts"], 1)
        self.assertFalse(self.coupled(one) or self.coupled(two))
        error = self.env["sync.error"].search([("code", "=", "ambiguous")])
        self.assertIn("may belong to several records", error[0].message)

    def test_two_rows_for_one_record_are_not_decided_either(self):
        partner = self.company("Acme", ref="C-1")
        self.person.create("account", name="Acme", accountnumber="C-1")
        self.person.create("account", name="Acme again", accountnumber="C-1")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["coupled"], counters["inserted"]), (0, 0))
        self.assertFalse(self.coupled(partner))

    def test_contacts_match_within_their_company(self):
        account = self.person.create("account", name="Acme", accountnumber="C-1")
        company = self.company("Acme", ref="C-1")
        anna = self.employee(company, "Anna Berg")
        contact = self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            emailaddress1="anna@acme.example",
            parentcustomerid=f"account({account})",
        )
        self.synchronize()
        self.assertEqual(self.coupled(anna, self.contacts), contact)
        self.assertEqual(anna.email, "anna@acme.example")
        self.assertQuiet()

    def test_two_people_of_one_company_are_not_one(self):
        company, account = self.pair(accountnumber="C-1")
        anna = self.employee(company, "Anna Berg")
        bo = self.person.create(
            "contact",
            firstname="Bo",
            lastname="Lund",
            parentcustomerid=f"account({account})",
        )
        wizard = self.env["integration.match.wizard"].create(
            {"mapping_id": self.contacts.id, "synchronize": "get"}
        )
        wizard.action_preview()
        wizard.action_apply()
        self.assertEqual((wizard.matched, wizard.ambiguous), (0, 0))
        self.assertNotEqual(self.coupled(anna, self.contacts), bo)

    def test_deleted_couplings_stay_deleted(self):
        partner, row_id = self.pair(accountnumber="C-1")
        partner.coupling_ids._uncouple()
        partner.phone = "5"
        self.person.write("account", row_id, telephone1="6")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["coupled"], counters["inserted"]), (0, 0))
        self.assertEqual(partner.phone, "5")
        self.assertFalse(partner.coupling_ids)

    def test_what_was_uncoupled_stays_away_when_its_record_is_coupled_anew(self):
        """Otherwise the first row would be created in Odoo, as a twin."""
        partner, first = self.pair("Twin")
        self.synchronize(self.customers)
        self.env["integration.coupling"]._of(partner)._uncouple()
        second = self.person.create("account", name="The other one")
        wizard = self.env["integration.coupling.wizard"].create(
            {"mapping_id": self.customers.id, "res_id": partner.id}
        )
        wizard.candidate_ids.create(
            {"wizard_id": wizard.id, "external_id": second}
        ).action_choose()
        wizard.synchronize = "get"
        wizard.action_couple()
        self.person.write("account", first, telephone1="1")
        self.assertEqual(self.synchronize(self.customers)["inserted"], 0)
        self.assertEqual(self.coupled(partner), second)
        self.assertEqual(partner.name, "The other one")
        self.assertQuiet()
