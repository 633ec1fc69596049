"""The dry run: it says exactly what the next run does, and leaves no trace."""

import os
import random

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import DataverseCase

COLUMNS = {
    "phone": "telephone1",
    "email": "emailaddress1",
    "city": "address1_city",
    "street": "address1_line1",
}


@tagged("post_install", "-at_install")
class TestPreview(DataverseCase):
    def preview(self, mapping=None):
        """The preview of a mapping, without a trace in the caches of this test."""
        action = (mapping or self.customers).action_preview()
        return self.env["integration.preview"].browse(action["res_id"])

    def kinds(self, preview):
        return sorted(preview.line_ids.mapped("kind"))

    def state(self):
        """Everything that a run would change, on both sides."""
        self.env.flush_all()
        tables = {}
        for table in (
            "res_partner",
            "integration_coupling",
            "integration_inbox",
            "integration_journal",
            "integration_checkpoint",
            "integration_tombstone",
            "integration_conflict",
            "integration_change",
            "integration_sync_job",
            "sync_error",
        ):
            self.env.cr.execute(f"SELECT t::text FROM {table} t ORDER BY 1")  # noqa: S608
            tables[table] = self.env.cr.fetchall()
        return tables

    def requests_that_write(self):
        return [
            request
            for request in self.simulator.control("GET", "requests")
            if request["method"] not in ("GET", "POST")
            or (request["method"] == "POST" and "token" not in request["path"])
        ]

    def test_nothing_is_written(self):
        partner, row_id = self.pair(telephone1="1")
        self.company("New in Odoo")
        self.person.create("account", name="New in Dataverse")
        partner.phone = "2"
        self.person.write("account", row_id, address1_city="Aarhus")
        before = self.state()
        self.simulator.control("DELETE", "requests")
        preview = self.preview()
        self.assertEqual(
            self.kinds(preview),
            ["create_dataverse", "create_odoo", "write_dataverse", "write_odoo"],
        )
        self.assertEqual(self.state(), before)
        written = self.requests_that_write()
        self.assertFalse(written)

    def test_lines_say_what_why_from_and_to(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, telephone1="2")
        line = self.preview().line_ids
        self.assertEqual(line.kind, "write_odoo")
        self.assertEqual((line.res_id, line.external_id), (partner.id, row_id))
        self.assertEqual(line.record_name, "Acme")
        self.assertEqual(line.changes, "Phone: 1 → 2")
        self.assertEqual(line.reason, "Changed in Dataverse.")
        self.assertEqual(partner.phone, "1")

    def test_a_contact_follows_its_new_company(self):
        """The company is only imagined, and its contact is planned all the same."""
        parent = self.person.create("account", name="Parent")
        self.person.create(
            "account", name="Branch", parentaccountid=f"account({parent})"
        )
        preview = self.preview()
        self.assertEqual(self.kinds(preview), ["create_odoo", "create_odoo"])

    def test_matches_conflicts_and_deletions(self):
        self.company("Twin", email="twin@example.com")
        self.person.create("account", name="Twin", emailaddress1="twin@example.com")
        gone, _row_id = self.pair("Gone")
        both, row_id = self.pair("Both", telephone1="1")
        gone.unlink()
        both.phone = "2"
        self.person.write("account", row_id, telephone1="3")
        preview = self.preview()
        self.assertEqual(self.kinds(preview), ["archive_dataverse", "conflict"])
        self.assertEqual((preview.removed, preview.stopped), (1, 1))

    def test_the_guard_speaks_before_it_stops(self):
        companies = self.company()
        for number in range(14):
            companies |= self.company(f"Company {number}")
        self.synchronize(self.customers)
        companies.unlink()
        preview = self.preview()
        self.assertEqual(set(preview.line_ids.mapped("kind")), {"guard"})

    def test_only_managers(self):
        user = self.env["res.users"].create(
            {
                "name": "User",
                "login": "preview_user",
                "group_ids": [(4, self.env.ref("dataverse_sync.group_user").id)],
            }
        )
        with self.assertRaises(AccessError):
            self.customers.with_user(user).action_preview()

    # -- the run does what was said ---------------------------------------------------

    def test_random_histories(self):
        first = int(os.environ.get("SEED", 0))
        for seed in range(first, first + int(os.environ.get("PREVIEWS", 6))):
            with self.subTest(seed=seed), self.env.cr.savepoint() as savepoint:
                self.simulator.control("POST", "reset")
                self.play(random.Random(seed))
                savepoint.rollback()
            self.env.invalidate_all()

    def play(self, choice):
        mapping = self.customers
        mapping.update_conflict_policy = choice.choice(["manual", "send", "get"])
        mapping.deletion_policy = choice.choice(
            ["manual", "restore", "uncouple", "deactivate", "delete"]
        )
        for _ in range(4):
            for number in range(choice.randint(2, 8)):
                self.deed(choice, number)
            self.env.flush_all()
            self.check()

    def deed(self, choice, number):
        partners = self.env["res.partner"].search(
            [("is_company", "=", True), ("name", "=like", "E%")]
        )
        rows = sorted(self.person.all("account", "name"))
        field = choice.choice(list(COLUMNS))
        deed = choice.randrange(8)
        value = f"v{choice.random()}"
        if deed == 0 or (not partners and deed < 4):
            self.company(f"E{value}")
        elif deed == 4 or not rows:
            self.person.create("account", name=f"E{value}", **{COLUMNS[field]: value})
        elif deed < 3:
            choice.choice(partners)[field] = value
        elif deed == 3:
            choice.choice(partners).unlink()
        elif deed < 7:
            self.person.write("account", choice.choice(rows), **{COLUMNS[field]: value})
        else:
            self.person.delete("account", choice.choice(rows))

    def check(self):
        """The log of the run right after a preview holds what the preview said."""
        preview = self.preview()
        said = sorted(
            (line.kind, line.record_name, str(line.changes))
            for line in preview.line_ids
            if line.kind not in ("conflict", "waiting", "error", "couple", "uncouple")
        )
        decisions = sum(line.kind == "conflict" for line in preview.line_ids)
        counters = self.synchronize(self.customers)
        job = self.env["integration.sync.job"].search([], limit=1)
        done = [
            (f"{c.action}_{c.side}", c.record_name, str(c.changes))
            for c in self.env["integration.change"].search([("job_id", "=", job.id)])
        ]
        # A created row holds more than it was given: compare what was planned.
        self.assertEqual(
            sorted(self.planned(x) for x in done), [self.planned(x) for x in said]
        )
        self.assertEqual(counters["conflicts"], decisions)

    def planned(self, line):
        kind, name, changes = line
        return (kind, name, "" if kind.startswith("create") else changes)
