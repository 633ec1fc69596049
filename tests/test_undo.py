"""The synchronization log, and undo."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestUndo(DataverseCase):
    def last_job(self):
        return self.env["integration.sync.job"].search([], limit=1)

    def undo(self, changes=None, creates="archive"):
        """Undo changes, or the last job; returns the job that did."""
        changes = changes or self.last_job().change_ids
        wizard = self.env["integration.undo.wizard"].browse(
            changes.action_undo()["res_id"]
        )
        wizard.creates = creates
        wizard.action_undo()
        return wizard.job_ids

    def log(self, partner):
        action = partner.action_synchronization_log()
        return self.env["integration.change"].search(action["domain"])

    # -- the log ----------------------------------------------------------------------

    def test_every_write_is_logged(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        partner.email = "a@example.com"
        self.synchronize(self.customers)
        pushed, pulled, created = self.log(partner)
        self.assertEqual((created.action, created.side), ("create", "odoo"))
        self.assertEqual((pulled.action, pulled.side), ("write", "odoo"))
        self.assertEqual(
            (pulled.before, pulled.after), ({"phone": "1"}, {"phone": "2"})
        )
        self.assertEqual(pulled.reason, "Changed in Dataverse.")
        self.assertEqual((pushed.side, pushed.state), ("dataverse", "done"))
        self.assertEqual(pushed.before, {"emailaddress1": None})
        self.assertEqual(pushed.after, {"emailaddress1": "a@example.com"})
        self.assertEqual(pushed.changes, "Email: – → a@example.com")
        self.assertEqual({pushed.res_id, created.res_id}, {partner.id})

    def test_what_got_no_answer_is_logged_as_sent(self):
        partner, _row_id = self.pair()
        lost = {"method": "POST", "path": "batch", "then": {"drop": "after"}}
        self.simulator.rules("faults", {**lost, "count": None})
        partner.phone = "2"
        self.synchronize(self.customers)
        self.assertEqual(self.log(partner)[0].state, "sent")
        self.simulator.rules("faults")
        self.env["integration.inbox"]._put_hints(self.customers, res_ids=[partner.id])
        self.env.cr.execute("UPDATE integration_inbox SET not_before = NULL")
        self.synchronize(self.customers)
        change, created = self.log(partner)
        self.assertEqual((change.state, change.after), ("done", {"telephone1": "2"}))
        self.assertEqual(created.action, "create")

    def test_a_refused_write_is_not_logged(self):
        partner, _row_id = self.pair()
        before = len(self.log(partner))
        self.simulator.rules(
            "plug-ins",
            {"table": "account", "column": "telephone1", "reject": "No."},
        )
        partner.phone = "2"
        counters = self.synchronize(self.customers)
        self.simulator.rules("plug-ins")
        self.assertEqual(counters["failed"], 1)
        self.assertEqual(len(self.log(partner)), before)

    def test_a_deletion_that_was_not_carried_out_is_not_logged(self):
        """Somebody edited the row first; undo must not make a second one."""
        self.customers.write(
            {"deletion_policy": "delete", "update_conflict_policy": "manual"}
        )
        partner, row_id = self.pair(telephone1="1")
        push = self.env.registry["integration.engine.push"]
        send = push._send
        edits = iter(["2"])

        def send_late(engine, session, items):
            for phone in edits:
                self.person.write("account", row_id, telephone1=phone)
            return send(engine, session, items)

        partner.unlink()
        with patch.object(push, "_send", send_late):
            counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1)
        self.assertEqual(list(self.person.all("account", "name")), [row_id])
        log = self.env["integration.change"].search([("external_id", "=", row_id)])
        self.assertEqual(log.mapped("action"), ["create"])

    def test_a_row_that_was_made_and_changed_at_once_is_logged(self):
        """The answer is lost, somebody edits the row: it was made all the same."""
        lost = {"method": "POST", "path": "batch", "then": {"drop": "after"}}
        self.simulator.rules("faults", {**lost, "count": 1})
        partner = self.company(phone="1")
        push = self.env.registry["integration.engine.push"]
        adopt = push._adopt

        def adopt_late(engine, session, coupling, *reserved):
            self.person.write("account", coupling.external_id, telephone1="2")
            return adopt(engine, session, coupling, *reserved)

        with patch.object(push, "_adopt", adopt_late):
            for _run in range(2):
                self.env.cr.execute("UPDATE integration_inbox SET not_before = NULL")
                self.synchronize(self.customers)
        self.assertEqual(partner.phone, "2")
        made = self.log(partner).filtered(lambda c: c.side == "dataverse")
        self.assertEqual(
            [(c.action, c.state) for c in made], [("create", "done")], made
        )

    # -- undoing ----------------------------------------------------------------------

    def test_a_pulled_value_is_put_back(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        job = self.undo()
        self.assertEqual((job.kind, job.state), ("undo", "done"), job.message)
        self.assertEqual(job.message, "1 changes undone.")
        self.assertEqual(partner.phone, "1")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )
        self.assertQuiet()
        self.assertEqual(partner.phone, "1")

    def test_after_an_undo_a_new_change_travels(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        self.undo()
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "3")

    def test_a_pushed_value_is_put_back(self):
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.synchronize(self.customers)
        self.undo()
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )
        self.assertEqual(partner.phone, "2")
        self.assertQuiet()
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "1"}
        )

    def test_what_changed_since_is_left(self):
        partner, row_id = self.pair(telephone1="1", emailaddress1="a@example.com")
        self.person.write(
            "account", row_id, telephone1="2", emailaddress1="b@example.com"
        )
        self.synchronize(self.customers)
        partner.phone = "3"
        change = self.last_job().change_ids
        self.undo()
        self.assertEqual((partner.phone, partner.email), ("3", "a@example.com"))
        self.assertEqual(change.state, "undone")
        self.assertIn("Phone", change.note)
        other, other_row = self.pair("Other", telephone1="1")
        self.person.write("account", other_row, telephone1="2")
        self.synchronize(self.customers)
        other.phone = "3"
        change = self.log(other)[0]
        job = self.undo(change)
        self.assertEqual((other.phone, change.state), ("3", "left"))
        self.assertIn("0 of 1", job.message)

    def test_what_changed_since_in_dataverse_is_left(self):
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.synchronize(self.customers)
        self.person.write("account", row_id, telephone1="3")
        change = self.last_job().change_ids
        self.undo()
        self.assertEqual(change.state, "left")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "3"}
        )

    def test_what_was_edited_in_the_same_group_is_not_lost(self):
        """The city is put back; the street that somebody wrote meanwhile travels."""
        partner, row_id = self.pair(address1_city="old")
        self.person.write("account", row_id, address1_city="new")
        self.synchronize(self.customers)
        partner.street = "edited"
        self.undo()
        self.assertEqual((partner.street, partner.city), ("edited", "old"))
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "address1_line1", "address1_city"),
            {"address1_line1": "edited", "address1_city": "old"},
        )
        self.assertQuiet()

    def test_what_is_the_address_of_the_company_now_is_left(self):
        """Odoo writes the address of who stands below a company in the company too."""
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, address1_line1="Old Road", telephone1="2")
        self.synchronize(self.customers)
        above = self.company("Above")
        partner.parent_id = above
        self.assertEqual(above.street, "Old Road", "Odoo takes it along")
        change = self.log(partner)[0]
        self.undo(change)
        self.assertEqual((partner.phone, partner.street), ("1", "Old Road"))
        self.assertEqual(above.street, "Old Road")
        self.assertEqual(change.note, "Left as it is the company's now: Street.")

    def test_a_record_comes_back_without_the_address_of_its_company(self):
        self.connection.mapping_ids.deletion_policy = "delete"
        above = self.company("Above")
        partner, row_id = self.pair(address1_line1="Old Road")
        partner.parent_id = above
        self.synchronize()
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertFalse(partner.exists())
        above.street = False
        self.undo()
        restored = self.env["res.partner"].search([("name", "=", "Acme")])
        self.assertEqual(restored.parent_id, above)
        self.assertFalse(above.street)

    def test_a_created_record_is_archived(self):
        partner, row_id = self.pair()
        self.undo()
        self.assertFalse(partner.active)
        self.assertQuiet()
        self.assertFalse(partner.active)
        self.assertEqual(
            self.person.read("account", row_id, "statecode"), {"statecode": 0}
        )

    def test_a_created_record_is_deleted(self):
        partner, row_id = self.pair()
        self.undo(creates="delete")
        self.assertFalse(partner.exists())
        self.assertQuiet()
        self.assertFalse(self.coupled(partner))
        self.assertIn(row_id, self.person.all("account", "name"))

    def test_a_created_row_is_deactivated_or_deleted(self):
        partner = self.company("Sent")
        self.synchronize(self.customers)
        row_id = self.coupled(partner)
        self.undo()
        self.assertEqual(
            self.person.read("account", row_id, "statecode"), {"statecode": 1}
        )
        self.assertQuiet()
        self.assertTrue(partner.active)
        other = self.company("Sent too")
        self.synchronize(self.customers)
        other_row = self.coupled(other)
        self.undo(creates="delete")
        self.assertNotIn(other_row, self.person.all("account", "name"))
        self.assertQuiet()
        self.assertTrue(other.exists())
        self.assertEqual(len(self.person.all("account", "name")), 1)

    def test_a_row_that_was_merged_since_is_left(self):
        partner = self.company("Sent")
        self.synchronize(self.customers)
        created = self.last_job().change_ids
        row_id = self.coupled(partner)
        self.undo()
        archived = self.last_job().change_ids
        self.person.write("account", row_id, statecode=0, statuscode=1)
        winner = self.person.create("account", name="Winner")
        self.person.merge("account", row_id, winner)
        created.state = "done"
        self.undo(archived + created, creates="delete")
        for change in archived + created:
            self.assertEqual(change.state, "left")
            self.assertEqual(change.note, "It was merged into another record since.")
        self.assertEqual(
            self.person.read("account", row_id, "statecode"), {"statecode": 1}
        )

    def test_an_archived_record_comes_back(self):
        partner, row_id = self.pair()
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertFalse(partner.active)
        self.undo()
        self.assertTrue(partner.active)
        self.assertQuiet()
        self.assertTrue(partner.active)
        self.assertFalse(self.person.all("account", "name"))

    def test_a_deleted_record_comes_back_as_a_new_one(self):
        self.customers.deletion_policy = "delete"
        partner, row_id = self.pair(telephone1="1")
        self.person.delete("account", row_id)
        self.synchronize(self.customers)
        self.assertFalse(partner.exists())
        job = self.undo()
        restored = self.env["res.partner"].search([("name", "=", "Acme")])
        self.assertEqual(restored.phone, "1", job.message)
        self.assertQuiet()
        self.assertFalse(self.person.all("account", "name"))

    def test_a_deleted_row_comes_back_as_a_new_one(self):
        self.customers.deletion_policy = "delete"
        partner, row_id = self.pair(telephone1="1")
        partner.unlink()
        self.synchronize(self.customers)
        self.assertFalse(self.person.all("account", "name"))
        self.undo()
        ((new_id, row),) = self.person.all("account", "name", "telephone1").items()
        self.assertNotEqual(new_id, row_id)
        self.assertEqual(row["telephone1"], "1")
        self.assertQuiet()
        self.assertFalse(self.env["res.partner"].search([("name", "=", "Acme")]))

    def test_a_deleted_coupling_comes_back(self):
        partner, row_id = self.pair(telephone1="1")
        self.customers.coupling_ids._uncouple()
        partner.phone = "2"
        self.synchronize(self.customers)
        self.assertFalse(self.coupled(partner))
        self.undo(self.log(partner)[0])
        self.assertEqual(self.coupled(partner), row_id)
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"), {"telephone1": "2"}
        )

    def test_odoo_is_looked_at_after_dataverse_has_answered(self):
        """In a new transaction: a record may have been merged while it was asked."""
        self.pair()
        self.customers.coupling_ids._uncouple()
        change = self.env["integration.change"].search(
            [("action", "=", "uncouple")], limit=1
        )
        told = []

        def telling(name, word):
            model, method = name.rsplit(".", 1)
            model = self.registry[f"integration.engine.{model}"]
            former = getattr(model, method)

            def tell(*args, **options):
                told.append(word)
                return former(*args, **options)

            return patch.object(model, method, tell)

        with (
            telling("undo._rows", "asked"),
            telling("run._commit", "committed"),
            telling("records._read", "read"),
        ):
            self.undo(change)
        asked = told.index("asked")
        self.assertEqual(told[asked : asked + 3], ["asked", "committed", "read"])

    def test_an_undo_can_be_undone(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        job = self.undo()
        self.assertEqual(partner.phone, "1")
        self.undo(job.change_ids)
        self.assertEqual(partner.phone, "2")
        self.assertQuiet()

    def test_two_changes_of_one_record(self):
        """The latest is undone first."""
        partner, row_id = self.pair(telephone1="1")
        for value in ("2", "3"):
            self.person.write("account", row_id, telephone1=value)
            self.synchronize(self.customers)
        self.undo(self.log(partner).filtered(lambda c: c.action == "write"))
        self.assertEqual(partner.phone, "1")

    def test_nothing_to_undo(self):
        with self.assertRaises(UserError):
            self.env["integration.change"].action_undo()

    def test_who_may_undo(self):
        partner, row_id = self.pair(telephone1="1")
        change = self.log(partner)
        user = self.env["res.users"].create(
            {
                "name": "Reader",
                "login": "undo_reader",
                "group_ids": [(6, 0, self.env.ref("dataverse_sync.group_user").ids)],
            }
        )
        with self.assertRaises(AccessError):
            change.with_user(user).action_undo()
        with self.assertRaises(AccessError):
            change.job_id.with_user(user).action_undo()

    # -- nobody waits -----------------------------------------------------------------

    def test_a_record_that_somebody_has_locked_is_put_back(self):
        """Without waiting for them, and without a word in the server's log."""
        partner = self.env.ref("base.main_partner")
        row_id = self.person.create("account", name="Locked", telephone1="1")
        self.env["integration.coupling"].create(
            {
                "mapping_id": self.customers.id,
                "res_id": partner.id,
                "external_id": row_id,
            }
        )
        self.customers.initial_policy = "get"
        before = partner.phone
        with (
            patch("odoo.addons.dataverse_sync.engine.run.LOCKED_PAUSES", ()),
            self.own_companies_take_part(),
            self.registry.cursor() as somebody,
            self.assertNoLogs("odoo.sql_db", "ERROR"),
        ):
            somebody.execute(
                "SELECT FROM res_partner WHERE id = %s FOR UPDATE", [partner.id]
            )
            counters = self.synchronize(self.customers)
            somebody.rollback()
        self.assertEqual((partner.phone, counters["failed"]), (before, 0))
        self.env.cr.execute("UPDATE integration_inbox SET not_before = NULL")
        with self.own_companies_take_part():
            self.synchronize(self.customers)
        self.assertEqual(partner.phone, "1")

    def own_companies_take_part(self):
        """Their records are there for other transactions too, unlike a test's own."""
        return patch.object(
            type(self.env["res.partner"]),
            "_integration_domain",
            lambda partners: fields.Domain.TRUE,
        )

    def test_what_somebody_saved_after_planning_is_planned_anew(self):
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, telephone1="2")
        pull = type(self.env["integration.engine.pull"])
        write, saved = pull._write, []

        def after_somebody_saved(engine, session, items):
            if not saved:
                saved.append(partner.write({"email": "saved@example.com"}))
                self.env.flush_all()
            return write(engine, session, items)

        with patch.object(pull, "_write", after_somebody_saved):
            self.synchronize(self.customers)
        self.synchronize(self.customers)
        self.assertEqual((partner.phone, partner.email), ("2", "saved@example.com"))
        self.assertEqual(
            self.person.read("account", row_id, "emailaddress1"),
            {"emailaddress1": "saved@example.com"},
        )

    def test_a_lease_that_is_lost_between_two_slices(self):
        """What was committed stays, the rest is for whoever took over."""
        pairs = [self.pair(f"Company {n}", telephone1="1") for n in range(3)]
        for _partner, row_id in pairs:
            self.person.write("account", row_id, telephone1="2")
        pull = type(self.env["integration.engine.pull"])
        change, changed = pull._change_record, []

        def and_lose_the_lease(engine, session, item, record):
            change(engine, session, item, record)
            changed.append(item)
            if len(changed) == 2:
                session.checkpoint.fence += 1
                self.env.flush_all()

        with (
            patch.object(pull, "_change_record", and_lose_the_lease),
            patch("odoo.addons.dataverse_sync.engine.pull.FIRST_SLICE", 1),
            patch("odoo.addons.dataverse_sync.engine.pull.LARGEST_SLICE", 1),
        ):
            counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "failed")
        self.assertIn("took over", counters["message"])
        self.assertEqual(len(changed), 2)
