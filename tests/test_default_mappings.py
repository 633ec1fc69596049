"""The default mappings of contacts, users and currencies."""

from odoo.tests import new_test_user, tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestSalespeople(DataverseCase):
    defaults = ["SALESPEOPLE", "CURRENCY", "CUSTOMER", "CONTACT"]

    def setUp(self):
        super().setUp()
        self.salespeople = self.mapping("SALESPEOPLE")
        self.users = self.person.all("systemuser", "internalemailaddress", "fullname")
        self.freja = next(
            guid
            for guid, row in self.users.items()
            if (row["internalemailaddress"] or "").startswith("freja.holm@")
        )
        self.user = new_test_user(
            self.env, "freja", "base.group_user", email="Freja.Holm@nordwind.example"
        )
        self.names = {user: user.name for user in self.env["res.users"].search([])}

    def test_users_are_coupled_by_email_and_nothing_is_written(self):
        counters = self.synchronize(self.salespeople)
        self.assertEqual(self.coupled(self.user, self.salespeople), self.freja)
        self.assertEqual(counters["inserted"] + counters["modified"], 0)
        self.assertEqual(counters["state"], "done", counters["message"])
        users = self.env["res.users"].search([])
        self.assertEqual({user: user.name for user in users}, self.names)
        self.assertEqual(
            self.person.all("systemuser", "internalemailaddress", "fullname"),
            self.users,
        )

    def test_a_login_is_an_email_too(self):
        self.user.partner_id.email = False
        self.user.login = "freja.holm@nordwind.example"
        self.synchronize(self.salespeople)
        self.assertEqual(self.coupled(self.user, self.salespeople), self.freja)

    def test_nobody_is_created_whatever_the_mapping_says(self):
        self.salespeople.write(
            {"synch_only_coupled": False, "direction": "bidirectional"}
        )
        self.synchronize(self.salespeople)
        self.salespeople.action_run_full_synchronization()
        self.synchronize(self.salespeople)
        self.assertEqual(len(self.env["res.users"].search([])), len(self.names))
        self.assertEqual(len(self.person.all("systemuser")), len(self.users))

    def test_a_user_who_left_stays_what_they_are_in_odoo(self):
        self.salespeople.deletion_policy = "delete"
        self.synchronize(self.salespeople)
        self.user.active = False
        self.person.write("systemuser", self.freja, isdisabled=True)
        self.synchronize(self.salespeople)
        self.user.active = True
        self.assertTrue(self.user.exists())

    def test_the_owner_goes_both_ways(self):
        self.synchronize(self.salespeople)
        partner = self.company(user_id=self.user.id)
        self.synchronize(self.customers)
        row_id = self.coupled(partner)
        self.assertEqual(
            self.person.read("account", row_id, "ownerid"),
            {"ownerid": f"systemuser({self.freja})"},
        )
        other_guid, other = next(
            (guid, row)
            for guid, row in self.users.items()
            if row["internalemailaddress"] and guid != self.freja
        )
        colleague = new_test_user(
            self.env, "colleague", email=other["internalemailaddress"]
        )
        self.synchronize(self.salespeople)
        self.person.write("account", row_id, ownerid=f"systemuser({other_guid})")
        self.synchronize(self.customers)
        self.assertEqual(partner.user_id, colleague)

    def test_no_salesperson_leaves_the_owner(self):
        self.synchronize(self.salespeople)
        partner = self.company(user_id=self.user.id)
        self.synchronize(self.customers)
        partner.user_id = False
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["failed"], 0)
        self.assertEqual(
            self.person.read("account", self.coupled(partner), "ownerid"),
            {"ownerid": f"systemuser({self.freja})"},
        )

    def test_an_owner_who_is_no_salesperson_of_odoo_is_left(self):
        partner, row_id = self.pair(ownerid=f"systemuser({self.freja})")
        self.assertFalse(partner.user_id)
        partner.city = "Vejle"
        self.assertEqual(self.synchronize(self.customers)["failed"], 0)
        self.assertEqual(
            self.person.read("account", row_id, "ownerid", "address1_city"),
            {"ownerid": f"systemuser({self.freja})", "address1_city": "Vejle"},
        )

    def test_one_team_owns_everything(self):
        teams = self.person.all("team", "name")
        (team,) = teams
        self.customers.unlink()
        self.connection.write({"ownership": "team", "owner_team": "Inside Sales"})
        self.connection.action_use_default_synchronization_setup()
        self.customers = self.mapping("CUSTOMER")
        self.customers.synch_only_coupled = False
        partner = self.company(user_id=self.user.id)
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", self.coupled(partner), "ownerid"),
            {"ownerid": f"team({team})"},
        )


@tagged("post_install", "-at_install")
class TestCurrencies(DataverseCase):
    defaults = ["CURRENCY", "CUSTOMER", "CONTACT"]

    def test_currencies_are_found_by_their_code_and_left_as_they_are(self):
        before = self.person.all("transactioncurrency", "currencyname", "exchangerate")
        euro = self.env.ref("base.EUR")
        euro.active = True
        currencies = self.mapping("CURRENCY")
        currencies.synch_only_coupled = True
        self.assertEqual(self.synchronize(currencies)["failed"], 0)
        self.assertTrue(self.coupled(euro, currencies))
        counters = self.synchronize(currencies)
        self.assertEqual((counters["modified"], counters["inserted"]), (0, 0))
        self.assertEqual(
            self.person.all("transactioncurrency", "currencyname", "exchangerate"),
            before,
        )

    def test_a_new_currency_gets_what_dataverse_wants(self):
        franc = self.env.ref("base.CHF")
        self.env.ref("base.EUR").active = True
        franc.active = True
        currencies = self.mapping("CURRENCY")
        self.assertEqual(self.synchronize(currencies)["failed"], 0)
        row_id = self.coupled(franc, currencies)
        row = self.person.read(
            "transactioncurrency", row_id, "isocurrencycode", "currencyprecision"
        )
        self.assertEqual(row, {"isocurrencycode": "CHF", "currencyprecision": 2})
