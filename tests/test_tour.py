"""What people do in the browser, on real parts: Chromium, Odoo, HTTPS, a Dataverse.

Each tour leaves a picture of its last screen in the folder of ``--screenshots``, and of
the moments that its steps ``picture(name)`` ask for: those are shown to the world.
"""

import base64
import json
from unittest.mock import patch

from odoo.fields import Datetime
from odoo.tests import HttpCase, tagged
from odoo.tests.common import ChromeBrowser

from ..engine import progress
from .common import DataverseCase


@tagged("post_install", "-at_install")
class TestTour(DataverseCase, HttpCase):
    def start_tour(self, url_path, tour_name, **kwargs):
        """Run a tour as the administrator, and keep its pictures and how it ends."""
        wait, hear = ChromeBrowser._wait_code_ok, ChromeBrowser._handle_console

        def wait_and_keep(browser, *args, **options):
            wait(browser, *args, **options)
            browser.take_screenshot(f"{tour_name}_").result(timeout=10)

        def hear_and_keep(browser, type, args=None, **options):
            hear(browser, type, args=args, **options)
            said = str((args or [{}])[0].get("value"))
            if said.startswith("picture: "):
                name = said.removeprefix("picture: ")
                taken = browser.take_screenshot(f"picture_{name}_")
                taken.add_done_callback(lambda _picture: go_on(browser))

        def go_on(browser):
            event = "document.dispatchEvent(new Event('picture_taken'))"
            browser._websocket_send("Runtime.evaluate", params={"expression": event})

        self.env.flush_all()
        with (
            patch.object(ChromeBrowser, "_wait_code_ok", wait_and_keep),
            patch.object(ChromeBrowser, "_handle_console", hear_and_keep),
        ):
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
        self.person.write("account", row_id, emailaddress1="lys@lys.example")

        self.start_tour(self._form_of(partner), "dataverse_sync_resolve_conflict")
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"),
            {"telephone1": "+45 33 00 00 03"},
        )
        self.assertEqual(partner.email, "lys@lys.example")
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
            {
                (one.record_name, self.person.read(*row, "name")["name"])
                for one in self.env["integration.coupling"].search([])
                for row in [("account", one.external_id)]
            },
            {("Alpha", "Alpha"), ("Twin", "Twin East")},
        )

    def test_match_everything_and_search_in_it(self):
        lines = self.customers.field_mapping_ids
        lines.match_key = False
        lines.filtered(lambda line: line.field_name == "name").write(
            {"match_key": True, "match_by": "similar"}
        )
        for ours, theirs in (
            ("Zelbergvin Trading A/S", "Zelbergvni Trading"),
            ("Nordisk Film", "Nordisk Film A/S"),
        ):
            self.company(ours)
            self.person.create("account", name=theirs)
        for name in ("Lindgaard East", "Lindgaard West"):
            self.person.create("account", name=name)
        self.company("Lindgaard Best")
        self.company("Only Here")
        self.person.create("account", name="There Alone")

        self.start_tour(
            f"/odoo/action-dataverse_sync.integration_table_mapping_action/"
            f"{self.customers.id}",
            "dataverse_sync_match_all",
        )
        self.assertFalse(self.customers.coupling_ids)
        found = self.env["integration.match.wizard.line"].search([])
        unticked = found.filtered(lambda line: not line.selected)
        self.assertIn("Nordisk Film", unticked.mapped("odoo_name"))

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

    def test_retry_and_restore_many(self):
        self.customers.deletion_policy = "manual"
        deleted = [self.pair(name) for name in ("Delta Maskiner", "Zeta Consult")]
        refused = self.env["res.partner"]
        for name in ("Alpha Byg", "Beta Foods", "Gamma Trading"):
            refused |= self.company(name, ref="X" * 60)
        for _partner, row_id in deleted:
            self.person.delete("account", row_id)
        self.synchronize(self.customers)
        refused.ref = "X-1"

        self.start_tour("/odoo/dataverse-errors", "dataverse_sync_errors_many")
        self.synchronize(self.customers)
        self.assertFalse(
            self.env["sync.error"].search([("state", "in", ("open", "retrying"))])
        )
        self.assertEqual(len(self.person.all("account", "name")), 5)
        for partner, row_id in deleted:
            self.assertNotEqual(self.coupled(partner), row_id)

    def test_overview_and_live_progress(self):
        for name in ("Alpha", "Beta"):
            self.pair(name)
        job = self.env["integration.sync.job"].create(
            {
                "mapping_id": self.customers.id,
                "kind": "scheduled",
                "started_at": Datetime.subtract(Datetime.now(), seconds=10),
                "told_at": Datetime.now(),
                "processed": 500,
                "total": 2000,
            }
        )
        with patch.object(progress, "EVERY", 0):
            self.start_tour("/odoo/dataverse", "dataverse_sync_overview")
        self.assertEqual(self.env["integration.stop"].search([]).job_id, job)

    def test_from_nothing_to_the_first_full_synchronization(self):
        self.connection.unlink()
        anna = self.employee(self.company("Nordlys"), "Anna Berg")
        self.company("A" * 161)
        info = self.simulator.info
        environment = {
            "url": f"{info['url']}/main.aspx?pagetype=dashboard",
            "authority": f"https://{self.simulator.host}",
            **{name: info[name] for name in ("tenant", "client_id", "client_secret")},
        }
        encoded = base64.b64encode(json.dumps(environment).encode()).decode()
        for tour, url in (
            # Only developers may say who signs in: here it is the simulator.
            ("dataverse_sync_setup_checklist", "/odoo/dataverse?debug=1"),
            ("dataverse_sync_setup", "/odoo/dataverse?debug=0"),
        ):
            self.start_tour(
                url,
                tour,
                cookies={"dataverse_environment": encoded},
            )
        connection = self.env["integration.connection"].search([])
        self.assertEqual(connection.state, "connected")
        self.run_scheduled()
        contacts = connection.mapping_ids.filtered(lambda m: m.name == "CONTACT")
        self.assertTrue(self.coupled(anna, contacts))
        self.start_tour(
            "/odoo/dataverse-full-synchronization", "dataverse_sync_setup_done"
        )

    def test_map_a_model_from_the_screen(self):
        """A model without default mapping is mapped, with no line of code."""
        self.assertIn("project.task", self.env, "the app Project is not installed")
        self.person.create("task", subject="Done", percentcomplete=100)
        row_id = self.person.create(
            "task",
            subject="Call back",
            description="First line\nSecond line",
            scheduledend="2026-07-01T10:00:00Z",
            percentcomplete=50,
        )
        self.start_tour("/odoo/dataverse-mappings", "dataverse_sync_map_tasks")
        mapping = self.env["integration.table.mapping"].search([("name", "=", "TASK")])
        self.assertEqual(mapping.integration_filter, "percentcomplete lt 100")
        counters = mapping.synchronize()
        self.assertEqual(counters["state"], "done", counters["message"])
        task = self.env["project.task"].search([("name", "=", "Call back")])
        self.assertEqual(str(task.description), "<p>First line</p><p>Second line</p>")
        self.assertEqual(str(task.date_deadline), "2026-07-01 10:00:00")
        self.assertFalse(self.env["project.task"].search([("name", "=", "Done")]))

        task.write({"name": "Called back", "date_deadline": "2026-12-24 08:30:00"})
        mine = self.env["project.task"].create({"name": "From Odoo"})
        mapping.synchronize()
        self.assertEqual(
            self.person.read("task", row_id, "subject", "scheduledend"),
            {"subject": "Called back", "scheduledend": "2026-12-24T08:30:00Z"},
        )
        self.assertEqual(
            self.person.read("task", self.coupled(mine, mapping), "subject"),
            {"subject": "From Odoo"},
        )

    def test_try_a_rule(self):
        rules = self.env["integration.transformation.rule"]
        prefix = rules.create({"name": "Euro", "code": "prefix", "text": "EUR "})
        rule = rules.create(
            {
                "name": "Amount as text",
                "code": "number_format",
                "separator": ",",
                "thousands": ".",
                "next_rule_id": prefix.id,
            }
        )
        self.start_tour(
            f"/odoo/dataverse-transformation-rules/{rule.id}", "dataverse_sync_try_rule"
        )

    def test_map_options(self):
        self.env["integration.field.mapping"].create(
            {
                "mapping_id": self.customers.id,
                "field_name": "type",
                "integration_column": "customertypecode",
                "enabled": False,
                "sequence": -1,
            }
        )
        # What is known about the table tells that the column is a choice.
        self.synchronize(self.customers)
        self.start_tour(
            f"/odoo/dataverse-mappings/{self.customers.id}",
            "dataverse_sync_map_options",
        )

    def test_let_go_on_what_was_held_back(self):
        rows = [self.person.create("account", name=f"Customer {n}") for n in range(6)]
        self.synchronize(self.customers)
        for row_id in rows:
            self.person.delete("account", row_id)
        self.assertEqual(self.synchronize(self.customers)["state"], "held")
        job = self.env["integration.sync.job"].search([("state", "=", "held")])
        url = f"/odoo/dataverse-jobs/{job.id}"
        self.start_tour(url, "dataverse_sync_held_back")
        self.start_tour(url, "dataverse_sync_let_go_on")
        self.assertEqual(self.synchronize(self.customers)["deleted"], 6)
        self.start_tour(
            f"/odoo/dataverse-mappings/{self.customers.id}",
            "dataverse_sync_safety_page",
        )

    def test_choose_after_a_restore(self):
        partner, row_id = self.pair(telephone1="1")
        self.simulator.control("POST", "snapshot")
        self.person.write("account", row_id, telephone1="2")
        self.synchronize(self.customers)
        self.simulator.control("POST", "restore")
        partner.email = "a@example.com"
        self.assertEqual(self.synchronize(self.customers)["state"], "failed")
        url = f"/odoo/dataverse-connections/{self.connection.id}"
        self.start_tour(url, "dataverse_sync_safe_mode")
        self.start_tour(url, "dataverse_sync_review")
        self.assertEqual(self.connection.state, "connected")
        self.assertEqual(self.synchronize(self.customers)["conflicts"], 1)
        self.assertEqual(partner.phone, "2")

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
        before, after, since = (f"+45 33 00 00 0{number}" for number in (1, 2, 3))
        partner, row_id = self.pair("Nordlys", telephone1=before)
        other, other_row = self.pair("Zelbergvin Trading", telephone1=before)
        for changed in (row_id, other_row):
            self.person.write("account", changed, telephone1=after)
        self.synchronize(self.customers)
        other.phone = since
        job = self.env["integration.sync.job"].search([], limit=1)
        self.start_tour(f"/odoo/dataverse-jobs/{job.id}", "dataverse_sync_undo")
        self.assertEqual((partner.phone, other.phone), (before, since))

    def test_from_dynamics(self):
        """What whoever comes from Dynamics 365 sees when a row is not coupled yet."""
        for name in ("Nordlys", "Nordlys Odense"):
            self.company(name, email="post@nordlys.example")
        row_id = self.person.create(
            "account", name="Nordlys A/S", emailaddress1="post@nordlys.example"
        )
        self.customers.initial_policy = "send"
        url = f"/dataverse_sync/open?connection=test&etn=account&id={row_id}"
        self.start_tour(url, "dataverse_sync_from_dynamics")
        self.assertFalse(self.partner_of(row_id))
        self.start_tour(url, "dataverse_sync_from_dynamics_couple")
        self.assertEqual(self.partner_of(row_id).name, "Nordlys Odense")

    def test_default_setup(self):
        partner, row_id = self.pair()
        self.customers.deletion_policy = "manual"
        lines = self.customers.field_mapping_ids
        lines.filtered(lambda line: line.field_name == "phone").unlink()
        url = f"/odoo/dataverse-connections/{self.connection.id}"
        self.start_tour(url, "dataverse_sync_default_setup")
        self.start_tour(url, "dataverse_sync_take_over")
        self.assertEqual(self.customers.deletion_policy, "deactivate")
        self.assertTrue(self.mapping("CURRENCY"))
        self.assertEqual(self.coupled(partner), row_id)
