"""Settings that change while records are coupled: nothing is overwritten blindly."""

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import DataverseCase


class ChangingCase(DataverseCase):
    def line(self, field_name, mapping=None):
        return (mapping or self.customers).field_mapping_ids.filtered(
            lambda line: line.field_name == field_name
        )

    def row(self, row_id, column):
        return self.person.read("account", row_id, column)[column]

    def lost(self):
        """What the conflict log keeps of overwritten values."""
        return self.env["integration.conflict"].search([("state", "=", "resolved")])


@tagged("post_install", "-at_install")
class TestFieldsThatChange(ChangingCase):
    def test_a_field_added_later_overwrites_nothing(self):
        """There is no base for it: the initial policy decides, here a person."""
        self.line("phone").enabled = False
        partner, row_id = self.pair(telephone1="1")
        filled, filled_row = self.pair("Filled", telephone1="5")
        self.assertFalse(partner.phone)
        partner.phone = "2"
        self.synchronize(self.customers)
        self.line("phone").enabled = True
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1)
        self.assertEqual((partner.phone, self.row(row_id, "telephone1")), ("2", "1"))
        self.assertEqual(filled.phone, "5", "an empty value is filled")
        self.assertEqual(self.row(filled_row, "telephone1"), "5")

    def test_a_field_that_rested_merges_with_what_was_agreed(self):
        partner, row_id = self.pair(telephone1="1")
        self.line("phone").enabled = False
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "1")
        self.line("phone").enabled = True
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "2", "only Dataverse changed it")
        self.assertQuiet()

    def test_a_field_that_is_removed_stays_as_it_is(self):
        partner, row_id = self.pair(telephone1="1")
        self.line("phone").unlink()
        partner.phone = "2"
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        self.assertEqual((partner.phone, self.row(row_id, "telephone1")), ("2", "3"))

    def test_a_direction_that_turns_picks_up_what_was_left(self):
        """The drift that a one-way field kept is an edit of somebody: it travels."""
        self.line("phone").direction = "to_integration"
        partner, row_id = self.pair()
        partner.phone = "1"
        self.synchronize(self.customers)
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "1")
        self.line("phone").direction = "bidirectional"
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "2")
        self.assertQuiet()

    def test_the_direction_of_a_mapping_turns(self):
        partner, row_id = self.pair(telephone1="1")
        self.customers.direction = "from_integration"
        partner.phone = "2"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "1")
        self.customers.direction = "to_integration"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertQuiet()

    def test_a_policy_that_changes_decides_what_waits(self):
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.person.write("account", row_id, telephone1="3")
        self.assertEqual(self.synchronize(self.customers)["conflicts"], 1)
        self.customers.update_conflict_policy = "send"
        self.env["integration.table.mapping"]._cron_compare()
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertIn("3", self.lost().mapped("dataverse_value"))

    def test_a_coupled_mapping_keeps_its_table(self):
        self.pair()
        with self.assertRaisesRegex(ValidationError, "Delete the couplings"):
            self.customers.integration_table = "lead"
        self.customers.integration_table = "account"

    def test_creating_is_switched_on_later(self):
        """Records from before are created too, without anybody touching them."""
        self.customers.synch_only_coupled = True
        partner = self.company("From Before")
        row_id = self.person.create("account", name="Row From Before")
        self.synchronize(self.customers)
        self.assertFalse(self.coupled(partner))
        self.customers.synch_only_coupled = False
        self.synchronize(self.customers)
        self.assertTrue(self.coupled(partner))
        self.assertEqual(self.partner_of(row_id).name, "Row From Before")


@tagged("post_install", "-at_install")
class TestDrift(ChangingCase):
    """A one-way field that people edit where it only arrives."""

    def drift(self, policy):
        self.line("phone").direction = "to_integration"
        self.customers.drift_policy = policy
        partner, row_id = self.pair()
        partner.phone = "1"
        self.synchronize(self.customers)
        self.person.write("account", row_id, telephone1="2")
        return partner, row_id, self.synchronize(self.customers)

    def test_kept_until_the_source_changes_and_then_logged(self):
        partner, row_id, counters = self.drift("keep")
        self.assertEqual(counters["modified"], 0)
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertFalse(self.lost())
        partner.phone = "3"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "3")
        self.assertEqual(self.lost().dataverse_value, "2", "what people wrote is kept")
        self.assertEqual(self.lost().odoo_value, "3")
        self.assertQuiet()

    def test_kept_while_another_field_is_sent(self):
        partner, row_id, _counters = self.drift("keep")
        partner.email = "a@example.com"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "emailaddress1"), "a@example.com")
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        partner.phone = "3"
        self.synchronize(self.customers)
        self.assertEqual(self.lost().dataverse_value, "2")

    def test_kept_without_optimistic_concurrency(self):
        """No If-Match would notice: the row is read before it is overwritten."""
        self.simulator.control("PUT", "tables/account", optimistic_concurrency=False)
        partner, row_id, _counters = self.drift("keep")
        partner.phone = "3"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "3")
        self.assertEqual(self.lost().dataverse_value, "2")

    def test_reverted_and_logged(self):
        _partner, row_id, counters = self.drift("revert")
        self.assertEqual(counters["modified"], 1)
        self.assertEqual(self.row(row_id, "telephone1"), "1")
        self.assertEqual(self.lost().dataverse_value, "2")
        self.assertQuiet()

    def test_reported_and_left_alone(self):
        partner, row_id, _counters = self.drift("report")
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        error = partner.coupling_ids.error_ids
        self.assertIn("only receives it", error.message)
        partner.phone = "3"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "3")
        self.assertEqual(self.lost().dataverse_value, "2")
        self.assertEqual(error.state, "resolved")

    def test_in_odoo(self):
        self.line("phone").direction = "from_integration"
        partner, row_id = self.pair(telephone1="1")
        partner.phone = "2"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "1")
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        self.assertEqual(partner.phone, "3")
        self.assertEqual(self.lost().odoo_value, "2")


@tagged("post_install", "-at_install")
class TestFiltersThatChange(ChangingCase):
    def test_a_narrower_filter_deletes_nothing(self):
        """sync-bugs 52: a filter that is edited looks like a flood of deletions."""
        pairs = [self.pair(f"Customer {n}") for n in range(12)]
        self.customers.filter_domain = "[('name', '=', 'Customer 1')]"
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["deleted"]), ("done", 0))
        self.customers.integration_filter = "name eq 'Customer 2'"
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["state"], counters["deleted"]), ("done", 0))
        for partner, row_id in pairs:
            self.assertTrue(partner.active)
            self.assertEqual(self.coupled(partner), row_id)

    def test_what_a_wider_filter_lets_in_is_synchronized(self):
        self.customers.filter_domain = "[('name', '=like', 'In%')]"
        self.customers.integration_filter = "startswith(name,'In')"
        out = self.company("Out")
        row_id = self.person.create("account", name="Out There")
        self.synchronize(self.customers)
        self.assertFalse(self.coupled(out))
        self.customers.write(
            {
                "filter_domain": "[('is_company', '=', True)]",
                "integration_filter": False,
            }
        )
        self.synchronize(self.customers)
        self.assertTrue(self.coupled(out))
        self.assertTrue(self.partner_of(row_id))

    def test_sleeping_couplings_wake_with_everything_that_happened(self):
        """Outside of the Odoo filter both sides go on; back inside, it merges."""
        self.customers.filter_domain = "[('is_company', '=', True), ('color', '=', 0)]"
        partner, row_id = self.pair(telephone1="1", emailaddress1="a@example.com")
        partner.color = 1
        self.synchronize(self.customers)
        self.assertEqual(partner.coupling_ids.state, "suspended")
        partner.phone = "2"
        self.person.write("account", row_id, emailaddress1="b@example.com")
        counters = self.synchronize(self.customers)
        self.assertEqual((counters["modified"], counters["skipped"]), (0, 1))
        partner.color = 0
        self.synchronize(self.customers)
        self.assertEqual(partner.email, "b@example.com")
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertEqual(partner.coupling_ids.state, "coupled")
        self.assertQuiet()

    def test_a_row_outside_of_the_filter_is_not_written(self):
        self.customers.integration_filter = "numberofemployees eq null"
        partner, row_id = self.pair(telephone1="1")
        self.person.write("account", row_id, numberofemployees=5)
        self.synchronize(self.customers)
        self.assertEqual(partner.coupling_ids.state, "suspended")
        partner.phone = "2"
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "1")
        self.person.write("account", row_id, numberofemployees=None)
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertQuiet()

    def test_deleted_while_asleep(self):
        """Whatever is outside follows no deletion."""
        self.customers.filter_domain = "[('is_company', '=', True), ('color', '=', 0)]"
        partner, row_id = self.pair()
        partner.color = 1
        self.synchronize(self.customers)
        self.person.delete("account", row_id)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["deleted"], 0)
        self.assertTrue(partner.active)
        self.assertFalse(partner.coupling_ids)


@tagged("post_install", "-at_install")
class TestPause(ChangingCase):
    def test_a_paused_connection_loses_nothing(self):
        """sync-bugs 54: paused 30 days, the link too old, deletions meanwhile."""
        partner, row_id = self.pair(telephone1="1")
        gone, gone_row = self.pair("Gone There")
        left, left_row = self.pair("Gone Here")
        self.connection.action_disconnect()
        partner.phone = "2"
        left.unlink()
        self.person.write("account", row_id, emailaddress1="a@example.com")
        self.person.delete("account", gone_row)
        self.simulator.control("POST", "clock", advance_seconds=30 * 86400)
        self.env["integration.journal"]._gc_journal()
        self.simulator.control("POST", "delta-tokens/expire")
        self.connection.action_connect()
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertEqual(partner.email, "a@example.com")
        self.assertFalse(gone.active)
        self.assertEqual(self.row(left_row, "statecode"), 1)
        self.assertNotIn(gone_row, self.person.all("account", "name"))
        self.assertQuiet()

    def test_a_paused_mapping_loses_nothing(self):
        """Its journal rests; what it missed is found by comparing."""
        partner, row_id = self.pair(telephone1="1")
        gone, gone_row = self.pair("Gone There")
        left, left_row = self.pair("Gone Here")
        self.customers.active = False
        partner.phone = "2"
        left.unlink()
        new = self.company("New Here")
        self.person.delete("account", gone_row)
        self.env.flush_all()
        self.contacts.synchronize()
        self.customers.active = True
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        self.assertTrue(self.coupled(new))
        self.assertFalse(gone.active)
        self.assertEqual(self.row(left_row, "statecode"), 1)
        self.assertQuiet()

    def test_the_journal_of_a_long_pause_is_kept_short(self):
        partner, _row_id = self.pair()
        self.connection.action_disconnect()
        for number in range(5):
            partner.phone = str(number)
            self.env.flush_all()
        self.env["integration.journal"]._gc_journal()
        self.env.cr.execute(
            "SELECT count(*) FROM integration_journal WHERE res_model = 'res.partner'"
            " AND res_id = %s",
            [partner.id],
        )
        self.assertEqual(self.env.cr.fetchone(), (1,))


@tagged("post_install", "-at_install")
class TestCompare(ChangingCase):
    def test_writes_past_the_journal_are_found_at_night(self):
        partner, row_id = self.pair(telephone1="1")
        self.env.flush_all()
        self.env["integration.journal"]._drop_triggers(["res.partner"])
        self.env.cr.execute(
            "UPDATE res_partner SET phone = '2' WHERE id = %s", [partner.id]
        )
        self.env["integration.journal"]._create_triggers("res.partner")
        self.env.invalidate_all()
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "telephone1"), "1")
        with self.enter_registry_test_mode():
            self.env.ref("dataverse_sync.ir_cron_compare").method_direct_trigger()
        self.run_scheduled()
        self.assertEqual(self.row(row_id, "telephone1"), "2")
        kinds = self.customers.job_ids.sorted("id").mapped("kind")
        self.assertEqual(kinds[-1], "full")
        self.run_scheduled()
        self.assertEqual(self.customers.job_ids.sorted("id")[-1].kind, "scheduled")

    def test_a_record_that_vanished_past_the_journal(self):
        """The coupling sweep: a deletion that no trigger saw is still one."""
        partner, row_id = self.pair()
        self.env.flush_all()
        self.env["integration.journal"]._drop_triggers(["res.partner"])
        self.env.cr.execute("DELETE FROM res_partner WHERE id = %s", [partner.id])
        self.env["integration.journal"]._create_triggers("res.partner")
        self.env.invalidate_all()
        self.env["integration.table.mapping"]._cron_compare()
        self.synchronize(self.customers)
        self.assertEqual(self.row(row_id, "statecode"), 1)

    def test_mappings_may_do_without(self):
        self.synchronize()
        self.customers.compare_nightly = False
        self.env["integration.table.mapping"]._cron_compare()
        checkpoint = self.env["integration.checkpoint"]
        self.assertFalse(checkpoint._of(self.customers).compare)
        self.assertTrue(checkpoint._of(self.contacts).compare)
