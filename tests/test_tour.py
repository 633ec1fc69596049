"""What people do in the browser, on real parts: Chromium, Odoo, HTTPS, a Dataverse.

Each tour leaves a picture of its last screen in the folder of ``--screenshots``.
"""

from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tests.common import ChromeBrowser

from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestTour(DataverseCase, HttpCase):
    def start_tour(self, url_path, tour_name, **kwargs):
        """Run a tour as the administrator and keep a picture of where it ends."""
        wait = ChromeBrowser._wait_code_ok

        def wait_and_keep(browser, *args, **options):
            wait(browser, *args, **options)
            browser.take_screenshot(f"{tour_name}_").result(timeout=10)

        self.env.flush_all()
        with patch.object(ChromeBrowser, "_wait_code_ok", wait_and_keep):
            result = super().start_tour(url_path, tour_name, login="admin", **kwargs)
        self.env.invalidate_all()
        return result

    def _form_of(self, partner):
        return f"/odoo/contacts/{partner.id}"

    def test_life_of_a_coupling(self):
        self.customers.synch_only_coupled = True
        taken = self.company("Nordisk Film")
        taken_row = self.person.create("account", name="Nordisk Film")
        self.env["integration.coupling"].create(
            {
                "mapping_id": self.customers.id,
                "res_id": taken.id,
                "external_id": taken_row,
            }
        )
        partner = self.company("Nordlys", phone="+45 33 00 00 01", city="Odense")
        row_id = self.person.create(
            "account",
            name="Nordisk Lys A/S",
            telephone1="+45 33 00 00 02",
            address1_city="Odense",
        )

        self.start_tour(self._form_of(partner), "dataverse_sync_couple")
        self.assertEqual(self.coupled(partner), row_id)
        self.assertEqual(partner.name, "Nordisk Lys A/S")
        self.assertEqual(partner.phone, "+45 33 00 00 02")

        self.start_tour(self._form_of(partner), "dataverse_sync_change_phone")
        self.person.write("account", row_id, telephone1="+45 33 00 00 04")
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["conflicts"], 1, counters)

        self.start_tour(self._form_of(partner), "dataverse_sync_resolve_conflict")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"),
            {"telephone1": "+45 33 00 00 03"},
        )
        log = self.env["integration.conflict"].search([("res_id", "=", partner.id)])
        self.assertEqual(set(log.mapped("state")), {"resolved"})
        self.assertIn("+45 33 00 00 04", log.mapped("dataverse_value"))

        self.start_tour(self._form_of(partner), "dataverse_sync_delete_coupling")
        self.assertFalse(self.coupled(partner))
        self.assertTrue(partner.exists())
        self.assertIn(row_id, self.person.all("account", "name"))
        self.assertEqual(self.coupled(taken), taken_row)

    def test_couple_many_by_matching(self):
        self.customers.synch_only_coupled = True
        for name in ("Alpha", "Beta"):
            self.person.create(
                "account", name=name, emailaddress1=f"{name}@match.example"
            )
            self.company(name, email=f"{name}@match.example", function="tour")
        for name in ("Twin East", "Twin West"):
            self.person.create("account", name=name, emailaddress1="twin@match.example")
        self.company("Twin", email="twin@match.example", function="tour")
        self.company("Alone", email="alone@match.example", function="tour")
        action = self.env["ir.actions.act_window"].create(
            {
                "name": "Contacts of the tour",
                "res_model": "res.partner",
                "view_mode": "list",
                "domain": "[('function', '=', 'tour')]",
            }
        )

        self.start_tour(f"/odoo/action-{action.id}", "dataverse_sync_match")
        self.assertEqual(
            self.env["integration.coupling"].search([]).mapped("record_name"),
            ["Alpha"],
        )

    def test_retry_from_the_error(self):
        partner, row_id = self.pair("Acme")
        partner.ref = "X" * 60
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["failed"], 1, counters)

        # The first try met a number that is too long; somebody has shortened it.
        partner.ref = "X-1"
        self.start_tour("/odoo/dataverse-errors", "dataverse_sync_retry")
        self.synchronize(self.customers)
        self.assertEqual(
            self.person.read("account", row_id, "accountnumber"),
            {"accountnumber": "X-1"},
        )
        self.assertEqual(partner.dataverse_sync_state, "in_sync")

    def test_preview(self):
        partner, row_id = self.pair("Acme", telephone1="+45 33 00 00 01")
        both, both_row = self.pair("Both", telephone1="1")
        self.person.write("account", row_id, telephone1="+45 33 00 00 02")
        self.person.create("account", name="New in Dataverse", address1_city="Aarhus")
        self.company("New in Odoo", email="new@example.com")
        both.phone = "2"
        self.person.write("account", both_row, telephone1="3")
        self.start_tour(
            f"/odoo/dataverse-mappings/{self.customers.id}", "dataverse_sync_preview"
        )
        self.assertEqual(partner.phone, "+45 33 00 00 01")

    def test_undo(self):
        partner, row_id = self.pair("Acme", telephone1="1")
        other, other_row = self.pair("Other", telephone1="1")
        for changed in (row_id, other_row):
            self.person.write("account", changed, telephone1="2")
        self.synchronize(self.customers)
        other.phone = "3"
        job = self.env["integration.sync.job"].search([], limit=1)
        self.start_tour(f"/odoo/dataverse-jobs/{job.id}", "dataverse_sync_undo")
        self.assertEqual((partner.phone, other.phone), ("1", "3"))
