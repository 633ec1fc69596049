"""The journal sees every write, disturbs nobody, and leaves no trace behind."""

from odoo.tests import tagged

from ..hooks import uninstall_hook
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestJournal(DataverseCase):
    def journal(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT res_id, deleted FROM integration_journal"
            " WHERE res_model = 'res.partner' ORDER BY id"
        )
        return self.env.cr.fetchall()

    def setUp(self):
        super().setUp()
        self.synchronize()
        self.assertFalse(self.journal())

    def test_orm_writes(self):
        partner = self.company()
        partner.phone = "1"
        self.assertEqual({row[0] for row in self.journal()}, {partner.id})
        partner.unlink()
        self.assertIn((partner.id, True), self.journal())

    def test_sql_writes_and_cascades(self):
        """sync-bugs 58."""
        partner = self.company()
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM integration_journal")
        self.env.cr.execute(
            "UPDATE res_partner SET phone = '9' WHERE id = %s", [partner.id]
        )
        self.assertEqual(self.journal(), [(partner.id, False)])

    def test_one_statement_for_many_records(self):
        partners = self.env["res.partner"].create(
            [{"name": f"Customer {n}", "is_company": True} for n in range(5)]
        )
        self.assertEqual(
            {row[0] for row in self.journal()} & set(partners.ids), set(partners.ids)
        )

    def test_own_writes_are_forgotten_and_no_others(self):
        partner, row_id = self.pair(telephone1="1")
        bystander = self.company("Bystander")
        self.synchronize(self.customers)
        self.person.write("account", row_id, telephone1="2")
        bystander.phone = "7"
        self.env.flush_all()
        journal = self.env["integration.journal"]
        mark = journal._mark()
        partner.phone = "3"
        bystander.city = "Odense"
        self.env.flush_all()
        journal._forget_own("res.partner", partner.ids, mark)
        self.assertEqual({row[0] for row in self.journal()}, {bystander.id})

    def test_triggers_follow_the_mappings(self):
        def triggers():
            self.env.cr.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = 'res_partner'::regclass"
                " AND tgname LIKE 'integration_journal%'"
            )
            return len(self.env.cr.fetchall())

        self.assertEqual(triggers(), 3)
        self.contacts.active = False
        self.assertEqual(triggers(), 3, "the other mapping still needs them")
        self.customers.active = False
        self.assertEqual(triggers(), 0)
        self.customers.active = True
        self.assertEqual(triggers(), 3)
        self.connection.mapping_ids.unlink()
        self.contacts.unlink()
        self.assertEqual(triggers(), 0)

    def test_the_action_menu_follows_the_mappings(self):
        def names():
            return set(
                self.env["integration.table.mapping"]
                ._action_menus("res.partner")
                .mapped("name")
            )

        self.assertIn("Set Up Coupling", names())
        self.connection.mapping_ids.active = False
        self.assertFalse(names())

    def test_waiting_is_shown_until_the_next_run(self):
        partner, _row_id = self.pair()
        self.assertEqual(partner.dataverse_sync_state, "in_sync")
        partner.phone = "1"
        self.env.flush_all()
        partner.invalidate_recordset()
        self.assertEqual(partner.dataverse_sync_state, "waiting")
        self.synchronize(self.customers)
        partner.invalidate_recordset()
        self.assertEqual(partner.dataverse_sync_state, "in_sync")

    def test_uninstalling_takes_the_triggers_along(self):
        uninstall_hook(self.env)
        self.env.cr.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'integration_journal%'"
        )
        self.assertEqual(self.env.cr.fetchone(), (0,))
        self.company("Saved without the addon")
