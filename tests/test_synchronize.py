"""What synchronization does on a good day, both ways."""

from odoo.tests import tagged

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
