"""References between records: chains, cycles, and parents that come late or never."""

import random

from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestChains(DataverseCase):
    def test_the_result_does_not_depend_on_the_order(self):
        """A chain of six, created in any order, ends the same on the other side."""
        for seed in range(3):
            with self.subTest(seed=seed), self.env.cr.savepoint() as savepoint:
                self.simulator.control("POST", "reset")
                self.chain(random.Random(seed))
                savepoint.rollback()
            self.env.invalidate_all()

    def chain(self, shuffler):
        names = [f"Link {n}" for n in range(6)]
        order = shuffler.sample(names, len(names))
        rows = {name: self.person.create("account", name=name) for name in order}
        for parent, child in zip(names, names[1:], strict=False):
            self.person.write(
                "account", rows[child], parentaccountid=f"account({rows[parent]})"
            )
        records = {name: self.company(f"Odoo {name}") for name in order}
        for parent, child in zip(names, names[1:], strict=False):
            records[child].parent_id = records[parent]
        self.synchronize(self.customers)
        for parent, child in zip(names, names[1:], strict=False):
            self.assertEqual(
                self.partner_of(rows[child]).parent_id, self.partner_of(rows[parent])
            )
            self.assertEqual(
                self.person.read(
                    "account", self.coupled(records[child]), "parentaccountid"
                ),
                {"parentaccountid": f"account({self.coupled(records[parent])})"},
            )
        self.assertFalse(self.env["sync.error"].search([("state", "=", "open")]))
        self.assertQuiet()


@tagged("post_install", "-at_install")
class TestCycles(DataverseCase):
    """A company has a primary contact, who has that company for a parent."""

    def setUp(self):
        self.addCleanup(self.registry.reset_changes)
        self.addCleanup(self.registry.clear_all_caches)
        super().setUp()
        self.env["ir.model.fields"].create(
            {
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "name": "x_primary_id",
                "field_description": "Primary Contact",
                "ttype": "many2one",
                "relation": "res.partner",
            }
        )
        self.env["integration.field.mapping"].create(
            {
                "mapping_id": self.customers.id,
                "field_name": "x_primary_id",
                "integration_column": "primarycontactid",
            }
        )

    def test_from_odoo(self):
        company = self.company()
        person = self.employee(company)
        company.x_primary_id = person
        self.synchronize()
        self.synchronize()
        account = self.coupled(company)
        contact = self.coupled(person, self.contacts)
        self.assertEqual(
            self.person.read("account", account, "primarycontactid"),
            {"primarycontactid": f"contact({contact})"},
        )
        self.assertEqual(
            self.person.read("contact", contact, "parentcustomerid"),
            {"parentcustomerid": f"account({account})"},
        )
        self.assertFalse(self.env["sync.error"].search([("state", "=", "open")]))
        self.assertQuiet()

    def test_from_dataverse(self):
        account = self.person.create("account", name="Acme")
        contact = self.person.create(
            "contact",
            firstname="Anna",
            lastname="Berg",
            parentcustomerid=f"account({account})",
        )
        self.person.write("account", account, primarycontactid=f"contact({contact})")
        self.run_scheduled()
        self.run_scheduled()
        company, person = self.partner_of(account), self.partner_of(contact)
        self.assertEqual(company.x_primary_id, person)
        self.assertEqual(person.parent_id, company)
        self.assertFalse(self.env["sync.error"].search([("state", "=", "open")]))
        self.assertQuiet()

    def test_the_second_phase_does_not_wait_for_the_clock(self):
        company = self.company()
        company.x_primary_id = self.employee(company)
        self.customers.synchronize()
        triggers = self.env["ir.cron.trigger"]
        triggers.search([]).unlink()
        self.contacts.synchronize()
        cron = self.env.ref("dataverse_sync.ir_cron_synchronize")
        self.assertTrue(triggers.search([("cron_id", "=", cron.id)]))


@tagged("post_install", "-at_install")
class TestOptionalParents(DataverseCase):
    def test_an_optional_parent_that_never_comes(self):
        """sync-bugs 69: created without it, told once, and no failure in each run."""
        self.customers.integration_filter = "name ne 'Outside'"
        parent = self.person.create("account", name="Outside")
        child = self.person.create(
            "account", name="Inside", parentaccountid=f"account({parent})"
        )
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["failed"], counters["state"]), (0, "done"))
        self.assertEqual(self.partner_of(child).name, "Inside")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["failed"], counters["requests"]), (0, 1))
        error = self.env["sync.error"].search([("state", "=", "open")])
        self.assertEqual((error.kind, error.occurrences), ("dependency", 1))
        self.customers.integration_filter = False
        self.synchronize(self.customers)
        self.assertEqual(self.partner_of(child).parent_id, self.partner_of(parent))
        self.assertEqual(error.state, "resolved")


@tagged("post_install", "-at_install")
class TestParentsFirst(DataverseCase):
    """A lookup whose record is coupled or created before the record that has it."""

    def setUp(self):
        super().setUp()
        self.synchronize()
        self.lookup("parent_id", self.contacts).create_missing = True

    def lookup(self, name, mapping):
        return mapping.field_mapping_ids.filtered(lambda one: one.field_name == name)

    def test_from_odoo(self):
        company = self.company()
        person = self.employee(company)
        self.contacts.synchronize()
        account = self.coupled(company)
        self.assertTrue(account)
        self.assertEqual(
            self.person.read(
                "contact", self.coupled(person, self.contacts), "parentcustomerid"
            ),
            {"parentcustomerid": f"account({account})"},
        )
        self.assertFalse(self.env["sync.error"].search([("state", "=", "open")]))
        self.assertQuiet()

    def test_from_dataverse(self):
        account = self.person.create("account", name="Acme")
        contact = self.person.create(
            "contact", lastname="Berg", parentcustomerid=f"account({account})"
        )
        other = self.person.create("account", name="Nobody asked for this one")
        self.contacts.synchronize()
        self.assertEqual(self.partner_of(contact).parent_id.name, "Acme")
        self.assertFalse(self.partner_of(other))
        self.assertFalse(self.env["sync.error"].search([("state", "=", "open")]))
        self.assertQuiet()

    def test_what_is_there_already_is_coupled(self):
        company = self.company("Acme", email="hello@acme.example")
        account = self.person.create(
            "account", name="Acme", emailaddress1="hello@acme.example"
        )
        contact = self.person.create(
            "contact", lastname="Berg", parentcustomerid=f"account({account})"
        )
        self.contacts.synchronize()
        self.assertEqual(self.partner_of(account), company)
        self.assertEqual(self.partner_of(contact).parent_id, company)

    def test_the_other_mapping_decides(self):
        """Only coupled records, or a filter: then the record waits as ever."""
        company = self.company()
        person = self.employee(company)
        self.customers.synch_only_coupled = True
        self.contacts.synchronize()
        self.assertFalse(self.coupled(company))
        self.customers.write(
            {"synch_only_coupled": False, "filter_domain": "[('name', '=', 'Other')]"}
        )
        self.contacts._request_full_synchronization()
        self.contacts.synchronize()
        self.assertFalse(self.coupled(company))
        self.customers.filter_domain = "[('name', '=', 'Acme')]"
        self.contacts._request_full_synchronization()
        self.contacts.synchronize()
        self.assertTrue(self.coupled(company))
        self.assertEqual(
            self.person.read(
                "contact", self.coupled(person, self.contacts), "parentcustomerid"
            ),
            {"parentcustomerid": f"account({self.coupled(company)})"},
        )

    def test_without_the_choice_it_waits(self):
        self.lookup("parent_id", self.contacts).create_missing = False
        company = self.company()
        self.employee(company)
        self.contacts.synchronize()
        self.assertFalse(self.coupled(company))

    def test_a_chain_within_one_table(self):
        """All that a record belongs to comes first, however long the chain."""
        self.lookup("parent_id", self.customers).create_missing = True
        companies = [self.company(f"Link {n}") for n in range(4)]
        for parent, child in zip(companies, companies[1:], strict=False):
            child.parent_id = parent
        person = self.employee(companies[-1])
        self.contacts.synchronize()
        accounts = [self.coupled(company) for company in companies]
        self.assertTrue(all(accounts), accounts)
        for parent, child in zip(accounts, accounts[1:], strict=False):
            self.assertEqual(
                self.person.read("account", child, "parentaccountid"),
                {"parentaccountid": f"account({parent})"},
            )
        self.assertTrue(self.coupled(person, self.contacts))
        self.assertQuiet()
