"""Known failures of other synchronizers: where a run begins, and what it is about."""

from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo.tests import tagged

from .. import dataverse
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestCheckpoints(DataverseCase):
    def small_pages(self, size=2, between=None):
        """Read changes in small pages; ``between`` is called after each."""
        changes = dataverse.Client.changes

        def paged(client, table, columns, link=None):
            for page in changes(client, table, columns, link, page_size=size):
                yield page
                if between:
                    between()

        return patch.object(dataverse.Client, "changes", paged)

    def names(self):
        """The coupled records of the mapping, by name."""
        return sorted(self.customers.coupling_ids.mapped("record_name"))

    def test_a_reading_that_breaks_off_between_two_pages(self):
        """sync-bugs 4, 7: what was received and what is asked next are one commit."""
        names = [f"Row {n}" for n in range(7)]
        for name in names:
            self.person.create("account", name=name)
        pages = iter(range(2))

        def give_up():
            if next(pages, None) is None:
                raise dataverse.DataverseError("NoConnection")

        with self.small_pages(between=give_up):
            self.assertEqual(self.synchronize(self.customers)["state"], "failed")
        with self.small_pages():
            self.assertEqual(self.synchronize(self.customers)["state"], "done")
        self.assertEqual(self.names(), names)
        self.assertQuiet()

    def test_rows_written_while_they_are_read(self):
        """sync-bugs 8, 12: a row that was read already changes before the last page."""
        rows = [self.person.create("account", name=f"Row {n}") for n in range(5)]
        edits = iter(rows)

        def somebody_edits():
            row_id = next(edits, None)
            if row_id:
                self.person.write("account", row_id, telephone1="late")
                self.person.create("account", name=f"Late {row_id}")

        with self.small_pages(between=somebody_edits):
            self.synchronize(self.customers)
        self.synchronize(self.customers)
        changed = self.person.all("account", "name", "telephone1")
        self.assertGreater(len(changed), 5)
        for row_id, row in changed.items():
            self.assertEqual(self.partner_of(row_id).name, row["name"])
            self.assertEqual(self.partner_of(row_id).phone or None, row["telephone1"])
        self.assertQuiet()

    def test_a_quiet_run_goes_on_where_it_was(self):
        """sync-bugs 6, 21: it keeps its link, and another process starts from it."""
        self.pair()
        self.synchronize()
        self.synchronize()
        checkpoint = self.env["integration.checkpoint"]._of(self.customers)
        self.assertTrue(checkpoint.delta_link)
        self.simulator.control("DELETE", "requests")
        self.env["integration.engine.gateway"]._client(self.connection).close()
        self.assertEqual(self.synchronize(self.customers)["requests"], 1)
        paths = [r["path"] for r in self.simulator.control("GET", "requests")]
        self.assertTrue(any("deltatoken" in path.lower() for path in paths), paths)

    def test_a_change_that_commits_late(self):
        """sync-bugs 9: an older transaction ends after the run that passed it by."""
        partner, row_id = self.pair(telephone1="1")
        self.synchronize()
        self.env.flush_all()
        self.env["integration.journal"]._drop_triggers(["res.partner"])
        self.env.cr.execute(
            "UPDATE res_partner SET phone = '2', write_date = '2001-01-01'"
            " WHERE id = %s",
            [partner.id],
        )
        # Its row in the journal has a number below all that was read already.
        self.env.cr.execute(
            "INSERT INTO integration_journal (id, res_model, res_id, deleted)"
            " VALUES (-5, 'res.partner', %s, false)",
            [partner.id],
        )
        self.env["integration.journal"]._create_triggers("res.partner")
        self.env.invalidate_all()
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )

    def test_no_date_of_odoo_decides(self):
        """sync-bugs 2, 10, 16, 17: dates that are old, in the future or missing."""
        for date in (None, "2001-01-01 00:00:00.000001", "2099-01-01"):
            with self.subTest(date):
                partner, row_id = self.pair(f"Dated {date}")
                self.env.flush_all()
                self.env.cr.execute(
                    "UPDATE res_partner SET phone = '2', write_date = %s,"
                    " create_date = %s WHERE id = %s",
                    [date, date, partner.id],
                )
                self.env.invalidate_all()
                self.synchronize(self.customers)
                self.assertEqual(
                    self.person.read("account", row_id, "telephone1"),
                    {"telephone1": "2"},
                )

    def test_many_records_of_one_moment(self):
        """sync-bugs 13: an import has one date for all, and the chunks end inside."""
        partners = self.env["res.partner"].create(
            [{"name": f"Imported {n}", "is_company": True} for n in range(40)]
        )
        self.assertEqual(len(set(partners.mapped("write_date"))), 1)
        with patch("odoo.addons.dataverse_sync.engine.run.CHUNK", 7):
            self.synchronize(self.customers)
        self.assertEqual(len(self.person.all("account")), 40)
        self.assertQuiet()

    def test_a_crash_in_the_middle_of_what_came_together(self):
        """sync-bugs 14, 15: done is what is committed, and nothing beside it."""
        names = [f"Row {n}" for n in range(6)]
        for name in names:
            self.person.create("account", name=name)
        create = type(self.env["integration.engine.pull"])._create
        calls = iter(range(10))

        def crash(engine, session, items):
            if next(calls) == 1:
                raise MemoryError("killed")
            return create(engine, session, items)

        with (
            patch("odoo.addons.dataverse_sync.engine.run.CHUNK", 2),
            patch.object(type(self.env["integration.engine.pull"]), "_create", crash),
            self.assertLogs("odoo.addons.dataverse_sync.engine.run", "ERROR"),
        ):
            self.assertEqual(self.synchronize(self.customers)["state"], "failed")
        self.assertEqual(len(self.names()), 2)
        self.synchronize(self.customers)
        self.assertEqual(self.names(), names)
        self.assertQuiet()

    def test_an_expired_link_and_several_pages(self):
        """sync-bugs 20."""
        rows = [self.person.create("account", name=f"Row {n}") for n in range(7)]
        self.synchronize(self.customers)
        for number, row_id in enumerate(rows):
            self.person.write("account", row_id, telephone1=str(number))
        self.person.delete("account", rows[3])
        self.simulator.control("POST", "delta-tokens/expire")
        with self.small_pages():
            self.synchronize(self.customers)
        for number, row_id in enumerate(rows):
            if number != 3:
                self.assertEqual(self.partner_of(row_id).phone, str(number))
        self.assertFalse(self.partner_of(rows[3]))
        self.assertQuiet()


@tagged("post_install", "-at_install")
class TestIdentity(DataverseCase):
    def accounts(self):
        return sorted(
            row["name"] for row in self.person.all("account", "name").values()
        )

    def test_fifty_quiet_runs(self):
        """sync-bugs 22: after all that people did, nothing is ever written again."""
        partner, row_id = self.pair(telephone1="1", address1_city="Odense")
        partner.write({"phone": "2", "street": "Main Street 1", "comment": "<p>x</p>"})
        self.person.write("account", row_id, emailaddress1="A@Example.com ")
        self.person.delete("account", self.pair("Gone")[1])
        self.pair("Archived")[0].action_archive()
        self.synchronize()
        self.synchronize()
        for _ in range(50):
            counters = self.synchronize(self.customers)
            self.assertEqual(
                [counters[n] for n in ("inserted", "modified", "deleted", "requests")],
                [0, 0, 0, 1],
            )

    def test_what_was_pulled_is_not_pushed_as_new(self):
        """sync-bugs 24, 43: a record keeps its row, whatever is edited."""
        partner, row_id = self.pair()
        for name in ("Other Name", "Third Name"):
            partner.name = name
            self.synchronize(self.customers)
            self.person.write("account", row_id, name=f"{name} A/S")
            self.synchronize(self.customers)
        self.assertEqual(self.accounts(), ["Third Name A/S"])
        self.assertEqual(self.coupled(partner), row_id)
        self.assertEqual(partner.name, "Third Name A/S")

    def test_two_connections_to_the_same_rows(self):
        """sync-bugs 23, 27: the record is matched, not made a second time."""
        partner, row_id = self.pair(accountnumber="A-1")
        first = self.customers
        other = self._connect(name="Second", code="second")
        second = other.mapping_ids.sorted("sequence")[0]
        second.synchronize()
        self.assertEqual(self.coupled(partner, first), row_id)
        self.assertEqual(self.coupled(partner, second), row_id)
        self.assertEqual(self.env["res.partner"].search_count([("ref", "=", "A-1")]), 1)
        partner.phone = "2"
        first.synchronize()
        second.synchronize()
        self.assertEqual(partner.phone, "2")
        self.assertEqual(second.synchronize()["failed"], 0)

    def test_a_collision_after_the_request(self):
        """sync-bugs 29, 32: the transaction is repeated, the request is not."""
        self.company()
        remember = type(self.env["integration.engine.push"])
        settle = remember._settle
        collisions = iter([SerializationFailure()])

        def collide(engine, session, outcomes):
            error = next(collisions, None)
            if error:
                raise error
            return settle(engine, session, outcomes)

        with patch.object(remember, "_settle", collide):
            self.synchronize(self.customers)
        self.synchronize(self.customers)
        self.assertEqual(self.accounts(), ["Acme"])
        self.assertQuiet()

    def test_ten_hints_for_one_new_row(self):
        """sync-bugs 35: however often it is announced, it is created once."""
        row_id = self.person.create("account", name="Acme")
        for _ in range(10):
            self.env["integration.inbox"]._put_hints(
                self.customers, external_ids=[row_id]
            )
        self.assertEqual(self.synchronize(self.customers)["inserted"], 1)
        self.assertEqual(
            self.env["res.partner"].search_count([("name", "=", "Acme")]), 1
        )

    def test_answers_without_etag(self):
        """sync-bugs 36, 42: some proxies take it away; nothing doubles or turns."""
        decode = dataverse.Table.decode

        def without(table, raw):
            raw = {k: v for k, v in raw.items() if k != "@odata.etag"}
            return decode(table, raw)

        with patch.object(dataverse.Table, "decode", without):
            partner, row_id = self.pair(telephone1="1")
            made = self.company("Made")
            for number in range(3):
                partner.phone = str(number)
                self.synchronize(self.customers)
                self.person.write("account", row_id, description=f"<p>{number}</p>")
                self.synchronize(self.customers)
            counters = self.synchronize(self.customers)
        self.assertEqual((counters["modified"], counters["inserted"]), (0, 0))
        self.assertEqual(self.accounts(), ["Acme", "Made"])
        self.assertTrue(self.coupled(made))
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
