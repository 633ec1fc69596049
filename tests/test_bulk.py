"""Many new rows in few requests, and each of them exactly once."""

from unittest.mock import patch

from odoo.tests import tagged

from .. import dataverse
from .common import DataverseCase

MANY = 120


@tagged("post_install", "-at_install")
class TestBulk(DataverseCase):
    def setUp(self):
        super().setUp()
        self.env["res.partner"].create(
            [
                {
                    "name": f"Company {number:03}",
                    "is_company": True,
                    "phone": str(number),
                }
                for number in range(MANY)
            ]
        )

    def requests(self):
        """Paths of the requests since the last look, oldest first."""
        log = self.simulator.control("GET", "requests")
        self.simulator.control("DELETE", "requests")
        return [r for r in log if not r["batch"] and "token" not in r["path"]]

    def reads_rows(self, request):
        return request["method"] == "GET" and request["path"].startswith("accounts")

    def names(self):
        rows = self.person.all("account", "name")
        return sorted(row["name"] for row in rows.values())

    def expected(self, *without):
        names = [f"Company {number:03}" for number in range(MANY)]
        return [name for name in names if name not in without]

    def faults(self, *rules):
        self.simulator.rules("faults", *rules)

    def test_one_request_creates_many(self):
        self.requests()
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (MANY, 0))
        writes = [r for r in self.requests() if r["method"] == "POST"]
        self.assertEqual(len(writes), 1, writes)
        self.assertIn("CreateMultiple", writes[0]["path"])
        self.assertEqual(self.names(), self.expected())
        self.assertQuiet()

    def test_counterparts_are_looked_for_in_one_request(self):
        self.requests()
        self.synchronize(self.customers)
        reads = [r["path"] for r in self.requests() if self.reads_rows(r)]
        # All changes, the keys of all rows, and what Dataverse made of the new rows.
        self.assertLessEqual(len(reads), 3, reads)

    def test_later_counterparts_are_looked_for_by_their_keys(self):
        self.synchronize(self.customers)
        self.person.create("account", name="Later 7", emailaddress1="7@example.com")
        self.env["res.partner"].create(
            [
                {
                    "name": f"Later {number}",
                    "is_company": True,
                    "email": f"{number}@example.com",
                }
                for number in range(50)
            ]
        )
        with patch.object(
            type(self.env["integration.engine.capture"]), "_capture_dataverse"
        ):
            self.requests()
            self.synchronize(self.customers)
        reads = [r["path"] for r in self.requests() if self.reads_rows(r)]
        self.assertLessEqual(len(reads), 3, reads)
        later = [name for name in self.names() if name.startswith("Later")]
        self.assertEqual(len(later), 50)

    def test_counterparts_in_a_first_run(self):
        row_id = self.person.create(
            "account", name="Company 007", emailaddress1="7@x.com"
        )
        partner = self.env["res.partner"].search([("name", "=", "Company 007")])
        partner.email = "7@x.com"
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], MANY - 1)
        self.assertEqual(self.coupled(partner), row_id)
        self.assertEqual(self.names(), self.expected())

    def test_a_bad_row_is_found(self):
        self.simulator.rules(
            "plug-ins",
            {"table": "account", "column": "name", "pattern": "017", "reject": "No."},
        )
        self.requests()
        counters = self.synchronize(self.customers)
        self.simulator.rules("plug-ins")
        self.assertEqual((counters["inserted"], counters["failed"]), (MANY - 1, 1))
        self.assertEqual(self.names(), self.expected("Company 017"))
        writes = [r for r in self.requests() if r["method"] == "POST"]
        self.assertLessEqual(len(writes), 6)

    def test_connection_lost_after_the_rows_were_created(self):
        self.faults({"path": "CreateMultiple", "then": {"drop": "after"}})
        counters = self.synchronize(self.customers)
        self.assertEqual(self.names(), self.expected(), counters)
        self.synchronize(self.customers)
        self.assertEqual(self.names(), self.expected())
        self.assertEqual(len(self.customers.coupling_ids), MANY)
        self.assertEqual(set(self.customers.coupling_ids.mapped("state")), {"coupled"})
        self.assertQuiet()

    def test_a_row_is_edited_before_it_is_read_back(self):
        bulk = self.env.registry["integration.engine.bulk"]
        read_back = bulk._read_back

        def edited(engine, session, items):
            rows = self.person.all("account", "name")
            row_id = next(i for i, r in rows.items() if r["name"] == "Company 007")
            self.person.write("account", row_id, telephone1="late")
            return read_back(engine, session, items)

        with patch.object(bulk, "_read_back", edited):
            counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (MANY, 0))
        self.assertEqual(self.names(), self.expected())
        partner = self.env["res.partner"].search([("name", "=", "Company 007")])
        self.assertEqual(partner.phone, "late")
        self.assertQuiet()

    def test_connection_lost_before(self):
        self.faults({"path": "CreateMultiple", "then": {"drop": "before"}})
        self.synchronize(self.customers)
        self.assertEqual(self.names(), self.expected())
        self.assertQuiet()

    def test_connection_lost_for_good(self):
        """Nothing gets an answer; a later run finds out."""
        self.faults(
            {"method": "POST", "path": "api", "count": None, "then": {"drop": "after"}}
        )
        self.synchronize(self.customers)
        self.faults()
        self.synchronize(self.customers)
        self.synchronize(self.customers)
        self.assertEqual(self.names(), self.expected())
        self.assertQuiet()

    def test_throttled(self):
        then = {"status": 429, "code": "0x80072322", "retry_after": 300}
        self.faults({"path": "CreateMultiple", "count": None, "then": then})
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "failed")
        self.assertEqual(self.names(), [])
        self.faults()
        self.connection.paused_until = False
        self.synchronize(self.customers)
        self.synchronize(self.customers)
        self.assertEqual(self.names(), self.expected())

    def test_a_table_that_knows_no_create_multiple(self):
        self.faults({"path": "CreateMultiple", "then": {"status": 404}})
        self.synchronize(self.customers)
        self.assertEqual(self.names(), self.expected())
        self.assertQuiet()

    def test_a_change_before_the_row_is_read_back(self):
        """It is somebody's, not what Dataverse made of ours: it reaches Odoo."""
        create_multiple = dataverse.Client.create_multiple

        def and_somebody_edits(client, table, rows):
            ids = create_multiple(client, table, rows)
            self.person.write("account", ids[5], telephone1="edited")
            return ids

        with patch.object(dataverse.Client, "create_multiple", and_somebody_edits):
            self.synchronize(self.customers)
        self.synchronize(self.customers)
        phones = self.env["res.partner"].search([("phone", "=", "edited")])
        self.assertEqual(len(phones), 1)
        self.assertQuiet()

    def test_what_dataverse_makes_of_a_row_is_agreed(self):
        self.simulator.rules(
            "plug-ins",
            {
                "table": "account",
                "column": "telephone1",
                "pattern": "^",
                "replace": "+",
            },
        )
        self.synchronize(self.customers)
        self.simulator.rules("plug-ins")
        self.assertQuiet()
        self.assertFalse(self.env["res.partner"].search([("phone", "=like", "+%")]))
