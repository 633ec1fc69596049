"""What is special about contacts in Odoo 19."""

from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestPartner(DataverseCase):
    def contact(self, **columns):
        account = self.person.create("account", name="Acme", address1_city="Odense")
        contact = self.person.create(
            "contact",
            **{"firstname": "Anna", "lastname": "Berg"}
            | columns
            | {"parentcustomerid": f"account({account})"},
        )
        self.synchronize()
        return self.partner_of(account), self.partner_of(contact), contact

    def test_address_of_a_contact_never_rewrites_its_company(self):
        company, person, contact = self.contact(address1_city="Aarhus")
        sibling = self.employee(company, "Bo Lund")
        self.person.write("contact", contact, address1_line1="Elsewhere 7")
        self.synchronize()
        self.assertEqual(company.city, "Odense")
        self.assertFalse(company.street)
        self.assertEqual(sibling.city, "Odense")
        self.assertEqual(person.city, "Odense")
        self.assertEqual(
            self.person.read("contact", contact, "address1_city"),
            {"address1_city": "Aarhus"},
        )
        self.assertQuiet()

    def test_a_contact_takes_nothing_along_to_another_company(self):
        """Odoo itself gives an empty company what whoever joins it brings."""
        company, person, contact = self.contact()
        company.vat = "DK12345674"
        self.assertEqual((person.city, person.vat), ("Odense", "DK12345674"))
        other = self.person.create("account", name="Other")
        self.person.write("contact", contact, parentcustomerid=f"account({other})")
        self.synchronize()
        joined = self.partner_of(other)
        self.assertEqual(person.parent_id, joined)
        for partner in (joined, person):
            self.assertFalse(partner.city or partner.vat, partner.name)
        self.assertEqual((company.city, company.vat), ("Odense", "DK12345674"))
        self.assertEqual(
            self.person.read("account", other, "address1_city"), {"address1_city": None}
        )
        self.assertQuiet()

    def group(self, **columns):
        """A company that comes below another one in Dataverse, in one write."""
        partner, row = self.pair("Below", address1_city="Aarhus")
        above, row_above = self.pair("Above", **columns)
        self.person.write(
            "account",
            row,
            parentaccountid=f"account({row_above})",
            address1_city="Vejle",
        )
        return partner, row, above, row_above

    def test_a_company_takes_nothing_along_below_another_one(self):
        """Odoo itself would write the address of the one to the other."""
        partner, row, above, row_above = self.group()
        self.synchronize()
        self.assertEqual(partner.parent_id, above)
        self.assertFalse(above.city)
        self.synchronize()
        self.assertEqual(
            self.person.read("account", row_above, "address1_city"),
            {"address1_city": None},
        )
        self.assertEqual(
            self.person.read("account", row, "address1_city"),
            {"address1_city": "Vejle"},
        )
        self.assertQuiet()

    def test_a_company_that_leaves_another_one_has_its_own_address_again(self):
        partner, row, _above, _row_above = self.group(address1_city="Odense")
        self.synchronize()
        self.assertEqual(partner.city, "Odense")
        self.person.write("account", row, parentaccountid=None)
        self.synchronize()
        self.assertFalse(partner.parent_id)
        self.assertEqual(partner.city, "Vejle")
        self.assertEqual(
            self.person.read("account", row, "address1_city"),
            {"address1_city": "Vejle"},
        )
        self.assertQuiet()

    def test_what_was_sent_while_it_came_below_a_company_is_its_own(self):
        """Also when nobody looked at it until it left again."""
        partner, row = self.pair("Below")
        above, row_above = self.pair("Above", address1_city="Odense")
        self.person.write("account", row, parentaccountid=f"account({row_above})")
        partner.city = "Vejle"
        self.synchronize()
        self.assertEqual((partner.parent_id, partner.city), (above, "Odense"))
        above.unlink()
        self.synchronize()
        self.assertFalse(partner.parent_id)
        self.assertEqual(partner.city, "Vejle")
        self.assertEqual(
            self.person.read("account", row, "address1_city"),
            {"address1_city": "Vejle"},
        )

    def test_one_that_was_made_below_a_company_has_its_own_address_when_it_leaves(self):
        """Nobody ever compared the address: it is read once it counts."""
        for city in (None, "Odense"):
            _above, row_above = self.pair("Above", address1_city=city)
            row = self.person.create(
                "account",
                name="Made below",
                address1_city="Vejle",
                parentaccountid=f"account({row_above})",
            )
            self.synchronize()
            partner = self.partner_of(row)
            self.assertEqual(partner.city or None, city)
            self.person.write("account", row, parentaccountid=None)
            self.synchronize()
            self.assertFalse(partner.parent_id)
            self.assertEqual(partner.city, "Vejle")
            self.assertEqual(
                self.person.read("account", row, "address1_city"),
                {"address1_city": "Vejle"},
            )
            self.assertQuiet()

    def test_the_address_of_the_company_above_is_not_sent_for_one_that_left(self):
        partner, row, _above, _row_above = self.group(address1_city="Odense")
        self.synchronize()
        partner.parent_id = False
        self.synchronize()
        self.assertEqual(
            self.person.read("account", row, "parentaccountid", "address1_city"),
            {"parentaccountid": None, "address1_city": "Vejle"},
        )
        self.assertEqual(partner.city, "Vejle")
        self.assertQuiet()

    def test_a_company_without_an_address_of_its_own_keeps_that_of_the_one_above(self):
        partner, row = self.pair("Below")
        above, _row_above = self.pair("Above", address1_city="Odense")
        partner.parent_id = above
        self.synchronize()
        partner.parent_id = False
        self.synchronize()
        self.assertEqual(partner.city, "Odense")
        self.assertEqual(
            self.person.read("account", row, "address1_city"),
            {"address1_city": "Odense"},
        )
        self.assertQuiet()

    def test_an_address_that_odoo_could_not_show_is_not_replaced_unseen(self):
        """While a company stands below another one, its own address is only there."""
        for policy, kept in (("manual", "Vejle"), ("send", "Ribe"), ("get", "Vejle")):
            with self.subTest(policy):
                self.customers.update_conflict_policy = policy
                partner, row = self.pair("Below", address1_city="Vejle")
                partner.parent_id, _row = self.pair("Above", address1_city="Odense")
                self.synchronize()
                partner.write({"parent_id": False, "city": "Ribe"})
                self.synchronize()
                self.synchronize()
                self.assertEqual(
                    self.person.read("account", row, "address1_city"),
                    {"address1_city": kept},
                )
                logged = self.env["integration.conflict"].search(
                    [("external_id", "=", row)]
                )
                if policy == "manual":
                    self.assertEqual(partner.city, "Ribe")
                    self.assertEqual(partner.dataverse_sync_state, "conflict")
                else:
                    self.assertEqual(partner.city, kept)
                    self.assertIn("Vejle", str(logged.mapped("dataverse_value")))
                    self.assertIn("Ribe", str(logged.mapped("odoo_value")))

    def test_an_address_that_was_not_sent_is_logged_before_it_is_replaced(self):
        self.customers.direction = "from_integration"
        partner, _row, _above, _row_above = self.group(address1_city="Odense")
        partner.city = "Ribe"
        self.synchronize()
        self.assertEqual(partner.city, "Odense")
        logged = self.env["integration.conflict"].search([]).mapped("odoo_value")
        self.assertIn("Ribe", str(logged))

    def test_a_contact_with_an_address_of_its_own(self):
        company, person, contact = self.contact(address1_city="Aarhus")
        person.write({"type": "other", "city": False})
        self.synchronize()
        self.assertEqual(person.city, "Aarhus")
        person.city = "Vejle"
        self.synchronize()
        self.assertEqual(
            self.person.read("contact", contact, "address1_city"),
            {"address1_city": "Vejle"},
        )
        self.assertEqual(company.city, "Odense")
        self.assertQuiet()

    def test_names_are_split_and_joined(self):
        _company, person, contact = self.contact()
        person.name = "Anna Maria van der Berg"
        self.synchronize()
        self.assertEqual(
            self.person.read("contact", contact, "firstname", "lastname"),
            {"firstname": "Anna Maria", "lastname": "van der Berg"},
        )
        self.person.write("contact", contact, firstname="Anne")
        self.synchronize()
        self.assertEqual(person.name, "Anne van der Berg")
        self.assertQuiet()

    def test_a_split_that_people_chose_is_kept(self):
        _company, person, contact = self.contact(
            firstname="Anna", lastname="Maria Berg", telephone1="1"
        )
        person.phone = "2"
        self.synchronize()
        self.assertEqual(
            self.person.read("contact", contact, "firstname", "lastname"),
            {"firstname": "Anna", "lastname": "Maria Berg"},
        )

    def test_partners_of_users_are_no_customers(self):
        counters = self.synchronize()
        names = {row["name"] for row in self.person.all("account", "name").values()}
        self.assertNotIn(self.env.user.partner_id.name, names)
        self.assertNotIn(self.env.company.name, names)
        self.assertEqual(counters["inserted"], 0)

    def test_a_contact_without_company_takes_no_part(self):
        self.person.create("contact", firstname="Nobody", lastname="Known")
        self.env["res.partner"].create({"name": "Private Person"})
        counters = self.synchronize()
        self.assertEqual(counters["inserted"], 0)
        self.assertEqual(counters["failed"], 0)

    def test_invoice_addresses_take_no_part(self):
        company, _person, _contact = self.contact()
        self.env["res.partner"].create(
            {"name": "Invoices", "type": "invoice", "parent_id": company.id}
        )
        counters = self.synchronize(self.contacts)
        self.assertEqual(counters["inserted"], 0)

    def test_archiving_a_partner_of_a_user_is_refused_as_a_sentence(self):
        company, person, contact = self.contact(emailaddress1="anna@acme.example")
        self.env["res.users"].create(
            {
                "name": "Anna Berg",
                "login": "anna@acme.example",
                "partner_id": person.id,
                "group_ids": [(6, 0, self.env.ref("base.group_portal").ids)],
            }
        )
        self.person.write("contact", contact, statecode=1, statuscode=2)
        counters = self.synchronize(self.contacts)
        self.assertEqual(counters["failed"], 1)
        self.assertTrue(person.active)
        self.assertIn("cannot archive contacts", person.dataverse_message)
