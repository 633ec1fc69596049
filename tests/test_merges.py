"""Records that become one on either side, and rows that come back when deleted."""

from unittest.mock import patch

from odoo.tests import tagged

from .. import dataverse
from .common import DataverseCase


class ReappearCase(DataverseCase):
    def restore_row(self, row_id, **values):
        """Take a row out of Dataverse's recycle bin: the same GUID again."""
        table = self.person._table("account")
        self.person._do(dataverse.batch.create(table, row_id, values))

    def open_errors(self):
        return self.env["sync.error"].search([("state", "=", "open")])


@tagged("post_install", "-at_install")
class TestMergedInOdoo(ReappearCase):
    def merge(self, loser, winner):
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((loser | winner).ids, winner)
        self.env.flush_all()

    def test_both_are_coupled(self):
        """The row of the one that goes is neither deleted nor created again."""
        loser, loser_row = self.pair("Loser", telephone1="1")
        winner, winner_row = self.pair("Winner", emailaddress1="w@example.com")
        self.merge(loser, winner)
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["deleted"], counters["inserted"]), (0, 0))
        self.assertEqual(
            self.person.read("account", loser_row, "statecode", "telephone1"),
            {"statecode": 0, "telephone1": "1"},
        )
        self.assertEqual(self.coupled(winner), winner_row)
        self.assertEqual(
            self.person.read("account", winner_row, "telephone1"), {"telephone1": "1"}
        )
        self.assertIn("'Loser' was merged into 'Winner'", self.open_errors().message)
        self.person.write("account", loser_row, telephone1="2")
        self.assertEqual(self.synchronize(self.customers)["inserted"], 0)
        self.assertQuiet()

    def test_a_merge_while_both_are_on_their_way(self):
        """No row is made for a record that is none any more."""
        loser, winner = self.company("Loser"), self.company("Winner")
        push = self.env.registry["integration.engine.push"]
        reserve = push._reserve

        def merge_before(engine, session, items):
            with patch.object(push, "_reserve", reserve):
                self.merge(loser, winner)
                return reserve(engine, session, items)

        with patch.object(push, "_reserve", merge_before):
            counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 1)
        self.synchronize(self.customers)
        rows = self.person.all("account", "name").values()
        self.assertEqual([row["name"] for row in rows], ["Winner"])
        self.assertTrue(self.coupled(winner))
        self.assertQuiet()

    def while_a_row_is_read(self, deed):
        """Let somebody do something while the next run asks Dataverse."""
        capture = self.env.registry["integration.engine.capture"]
        fetch, deeds = capture._fetch, [deed]

        def fetch_slowly(engine, session, items):
            fetch(engine, session, items)
            while deeds:
                deeds.pop()()
            return True

        return patch.object(capture, "_fetch", fetch_slowly)

    def test_a_merge_while_the_row_is_read(self):
        """The row follows to the record that stays: the other does not come back."""
        self.customers.write(
            {"deletion_policy": "restore", "update_conflict_policy": "get"}
        )
        loser, row_id = self.pair("Loser")
        winner = self.company("Winner")
        self.customers.synch_only_coupled = True
        self.person.write("account", row_id, telephone1="1")
        with self.while_a_row_is_read(lambda: self.merge(loser, winner)):
            counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 0)
        self.assertEqual(self.coupled(winner), row_id)
        self.assertEqual(winner.phone, "1")
        self.assertFalse(self.env["res.partner"].search([("name", "=", "Loser")]))
        self.assertQuiet()

    def while_a_row_is_written(self, deed):
        """Let somebody do something before the answer to a request arrives."""
        push = self.env.registry["integration.engine.push"]
        send, deeds = push._send, [deed]

        def send_slowly(engine, session, items):
            outcomes = send(engine, session, items)
            while deeds:
                deeds.pop()()
            return outcomes

        return patch.object(push, "_send", send_slowly)

    def test_a_merge_while_the_row_is_written(self):
        loser, loser_row = self.pair("Loser")
        winner, winner_row = self.pair("Winner")
        loser.phone = "1"
        with self.while_a_row_is_written(lambda: self.merge(loser, winner)):
            counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["modified"]), ("done", 1))
        self.synchronize(self.customers)
        self.assertEqual(self.coupled(winner), winner_row)
        for row_id in (loser_row, winner_row):
            self.assertEqual(
                self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
            )
        self.assertQuiet()

    def test_a_coupling_deleted_while_its_row_is_made(self):
        """Whatever becomes of the request, the run goes on."""
        refusal = {"column": "name", "reject": "No."}
        for number, rules in enumerate([(), ({"table": "account", **refusal},)]):
            self.simulator.rules("plug-ins", *rules)
            partner = self.company(f"Made {number}")
            with self.while_a_row_is_written(
                lambda partner=partner: partner.coupling_ids._uncouple()
            ):
                counters = self.synchronize(self.customers)
            self.assertIn(counters["state"], ("done", "partial"), counters["message"])
            self.assertFalse(partner.coupling_ids)
        self.simulator.rules("plug-ins")
        self.assertEqual(self.synchronize(self.customers)["inserted"], 0)

    def test_a_coupling_deleted_while_the_row_is_read(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, telephone1="2")
        with self.while_a_row_is_read(partner.coupling_ids._uncouple):
            counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["failed"]), ("done", 0))
        self.assertEqual(partner.phone, "1")
        self.assertFalse(partner.coupling_ids)

    def test_a_record_coupled_while_the_row_is_read(self):
        row_id = self.person.create("account", name="Acme", telephone1="1")
        partner = self.company("Another name", phone="2")
        vals = {"res_id": partner.id, "external_id": row_id}
        couplings = self.env["integration.coupling"]
        with self.while_a_row_is_read(
            lambda: couplings._insert(self.customers, [vals])
        ):
            counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["inserted"]), ("done", 0))
        self.assertEqual(self.coupled(partner), row_id)

    def test_only_the_loser_is_coupled(self):
        """Its row belongs to the record that stays."""
        loser, row_id = self.pair("Loser", telephone1="1")
        self.customers.synch_only_coupled = True
        winner = self.company("Winner", email="w@example.com")
        self.merge(loser, winner)
        self.synchronize(self.customers)
        self.assertEqual(self.coupled(winner), row_id)
        self.assertEqual(
            self.person.read("account", row_id, "name", "emailaddress1", "statecode"),
            {"name": "Winner", "emailaddress1": "w@example.com", "statecode": 0},
        )
        self.assertQuiet()

    def test_children_follow(self):
        loser, _loser_row = self.pair("Loser")
        winner, winner_row = self.pair("Winner")
        child = self.employee(loser)
        self.synchronize()
        self.merge(loser, winner)
        self.synchronize()
        self.assertEqual(
            self.person.read(
                "contact", self.coupled(child, self.contacts), "parentcustomerid"
            ),
            {"parentcustomerid": f"account({winner_row})"},
        )


@tagged("post_install", "-at_install")
class TestMergedInDataverse(ReappearCase):
    def test_only_the_loser_is_coupled(self):
        """The record follows to the row that stays, and is not archived."""
        partner, loser = self.pair("Loser", telephone1="1")
        self.customers.synch_only_coupled = True
        winner = self.person.create("account", name="Winner", telephone1="2")
        self.synchronize(self.customers)
        self.person.merge("account", loser, winner)
        self.synchronize(self.customers)
        self.assertEqual(self.coupled(partner), winner)
        self.assertEqual(
            (partner.name, partner.phone, partner.active), ("Winner", "2", True)
        )
        self.assertQuiet()

    def use_again(self, row_id, state=0):
        self.person.write("account", row_id, statecode=state, statuscode=1 + state)

    def test_a_merged_row_that_is_used_again_keeps_its_record(self):
        partner, loser = self.pair("Loser", telephone1="1")
        self.customers.synch_only_coupled = True
        winner = self.person.create("account", name="Winner")
        self.person.merge("account", loser, winner)
        self.use_again(loser)
        self.person.write("account", loser, telephone1="3")
        self.synchronize(self.customers)
        self.assertEqual(self.coupled(partner), loser)
        self.assertEqual((partner.phone, partner.active), ("3", True))
        self.assertQuiet()

    def test_rows_that_were_merged_into_one_another(self):
        """Each names the other, and none is in use: the run ends all the same."""
        partner, first = self.pair("First")
        self.customers.synch_only_coupled = True
        second = self.person.create("account", name="Second")
        self.person.merge("account", first, second)
        self.use_again(first)
        self.person.merge("account", second, first)
        self.use_again(first, state=1)
        self.simulator.control("DELETE", "requests")
        self.synchronize(self.customers)
        self.assertLess(len(self.simulator.control("GET", "requests")), 15)
        self.assertIn(self.coupled(partner), (first, second))
        self.assertFalse(partner.active)
        self.assertQuiet()

    def test_rows_that_were_merged_one_after_the_other(self):
        """The last one has one record; the other is left as it is, and people know."""
        records, rows = [], []
        for name in ("First", "Second"):
            partner, row_id = self.pair(name)
            records.append(partner)
            rows.append(row_id)
        self.customers.synch_only_coupled = True
        last = self.person.create("account", name="Last")
        self.person.merge("account", *rows)
        self.person.merge("account", rows[1], last)
        # The second one is looked at first.
        self.env["integration.inbox"]._put_hints(
            self.customers, external_ids=reversed(rows)
        )
        self.synchronize(self.customers)
        self.assertEqual(
            [record.coupling_ids.external_id for record in records].count(last), 1
        )
        self.assertTrue(all(record.active for record in records))
        self.assertEqual(self.open_errors().mapped("code"), ["merged"])
        self.assertQuiet()

    def test_the_row_that_stays_is_as_new_as_the_merge(self):
        """Both arrive together: the record follows, and none is created besides."""
        partner, loser = self.pair("Loser", telephone1="1")
        winner = self.person.create("account", name="Winner", telephone1="2")
        self.person.merge("account", loser, winner)
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["failed"]), (0, 0))
        self.assertEqual(self.coupled(partner), winner)
        self.assertEqual((partner.name, partner.phone), ("Winner", "2"))
        self.assertFalse(self.open_errors())
        self.assertQuiet()

    def test_both_are_coupled(self):
        partner, loser = self.pair("Loser")
        other, winner = self.pair("Winner")
        self.person.merge("account", loser, winner)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 0)
        self.assertTrue(partner.active)
        self.assertFalse(partner.coupling_ids)
        self.assertEqual(self.coupled(other), winner)
        error = self.open_errors()
        self.assertIn("'Loser' was merged into 'Winner' in Dataverse", error.message)
        self.assertQuiet()
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((partner | other).ids, other)
        self.synchronize(self.customers)
        self.assertFalse(self.open_errors(), "merged on both sides: all is well")

    def test_an_unsent_change_of_the_loser_is_not_lost(self):
        partner, loser = self.pair("Loser", telephone1="1")
        self.customers.synch_only_coupled = True
        winner = self.person.create("account", name="Winner", telephone1="1")
        partner.phone = "9"
        self.person.merge("account", loser, winner)
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", winner, "telephone1"), {"telephone1": "9"}
        )


@tagged("post_install", "-at_install")
class TestRecycleBin(ReappearCase):
    def test_a_restored_row_takes_its_record_out_of_the_archive(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertFalse(partner.active)
        self.restore_row(row_id, name="Acme", telephone1="2")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["inserted"], counters["coupled"]), (0, 1))
        self.assertEqual(self.coupled(partner), row_id)
        self.assertEqual((partner.active, partner.phone), (True, "2"))
        self.assertQuiet()

    def test_a_change_made_meanwhile_merges(self):
        self.customers.deletion_policy = "uncouple"
        partner, row_id = self.pair(telephone1="1")
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        partner.email = "a@example.com"
        self.restore_row(row_id, name="Acme", telephone1="2")
        self.synchronize(self.customers)
        self.assertEqual((partner.phone, partner.email), ("2", "a@example.com"))
        self.assertEqual(
            self.person.read("account", row_id, "emailaddress1"),
            {"emailaddress1": "a@example.com"},
        )
        self.assertQuiet()

    def test_its_record_has_another_row_now(self):
        self.customers.deletion_policy = "restore"
        partner, row_id = self.pair()
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        other_row = self.coupled(partner)
        self.restore_row(row_id, name="Acme")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["inserted"], 0)
        self.assertEqual(self.coupled(partner), other_row)
        self.assertIn("belongs to another row now", self.open_errors().message)

    def test_whoever_uncoupled_meant_it(self):
        partner, row_id = self.pair()
        partner.coupling_ids._uncouple()
        self.person.write("account", row_id, telephone1="2")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["coupled"], 0)
        self.assertFalse(partner.coupling_ids)
