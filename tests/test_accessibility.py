"""What axe-core finds on the addon's screens, beside what plain Odoo's own have."""

import importlib.util
import json
from pathlib import Path
from unittest import skipUnless

from odoo.tests import HttpCase, tagged

from .common import DataverseCase

AXE = importlib.util.find_spec("axe_core_python")
LOOK = Path(__file__).with_name("axe.js")


@tagged("post_install", "-at_install")
@skipUnless(AXE, "axe-core-python is not installed: see requirements-test.txt")
class TestAccessibility(DataverseCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.partner, row_id = self.pair("Acme", telephone1="1")
        refused = self.company("Refused", ref="X" * 60)
        self.synchronize(self.customers)
        self.partner.phone = "2"
        self.person.write("account", row_id, telephone1="3")
        self.synchronize(self.customers)
        self.error = refused.coupling_ids.error_ids or self.env["sync.error"].search(
            [], limit=1
        )
        self.conflict = self.partner.coupling_ids
        self.env.flush_all()

    def form(self, record, **also):
        """A form as the web client opens it."""
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [[False, "form"]],
            **also,
        }

    def dialog(self, action):
        """An action of a button, as the server completes it for the web client."""
        return action | {"views": [[False, "form"]]}

    def screens(self):
        """``{"plain": screens, "ours": screens}``, as ``[name, action, options]``."""
        country = self.env.ref("base.dk")
        plain = {
            "contacts": "contacts.action_contacts",
            "contacts as a list": "base.action_partner_form",
            "users": "base.action_res_users",
            "scheduled actions": "base.ir_cron_act",
            "settings": "base_setup.action_general_configuration",
            "a country": self.form(country),
            "a country in a dialog": self.form(country, target="new"),
            "a user": self.form(self.env.user),
            "a scheduled action": self.form(self.env.ref("base.autovacuum_job")),
        }
        job = self.env["integration.sync.job"].search([], limit=1)
        ours = {
            "overview": "dataverse_sync.integration_overview_action",
            "errors": "dataverse_sync.sync_error_action",
            "couplings": "dataverse_sync.integration_coupling_action",
            "jobs": "dataverse_sync.integration_sync_job_action",
            "mappings": "dataverse_sync.integration_table_mapping_action",
            "connections": "dataverse_sync.integration_connection_action",
            "rules": "dataverse_sync.integration_transformation_rule_action",
            "review": "dataverse_sync.integration_full_sync_action",
            "setup": "dataverse_sync.integration_setup_wizard_action",
            "a connection": self.form(self.connection),
            "a mapping": self.form(self.customers),
            "a coupling": self.form(self.conflict),
            "a job": self.form(job),
            "an error": self.form(self.error),
            "a contact": self.form(self.partner),
            "set up coupling": self.dialog(
                self.company("New").action_set_up_coupling()
            ),
            "resolve a conflict": self.dialog(self.conflict.action_resolve_conflicts()),
        }
        return {
            kind: [[name, action, {}] for name, action in screens.items()]
            for kind, screens in (("plain", plain), ("ours", ours))
        }

    def test_no_screen_has_faults_of_its_own(self):
        (folder,) = AXE.submodule_search_locations
        self.browser_js(
            "/odoo/contacts",
            "\n".join(
                (
                    Path(folder, "axe.min.js").read_text(),
                    f"const SCREENS = {json.dumps(self.screens(), default=str)};",
                    LOOK.read_text(),
                )
            ),
            ready="!!document.querySelector('.o_action_manager .o_content')",
            login="admin",
            timeout=300,
        )
