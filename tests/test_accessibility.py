"""What axe-core finds on the addon's screens, beside what plain Odoo's own have."""

import importlib.util
import json
from pathlib import Path
from unittest import skipUnless

from odoo.tests import HttpCase, tagged

from .common import DataverseCase

AXE = importlib.util.find_spec("axe_core_python")
LOOK = Path(__file__).with_name("axe.js")
# Odoo's layout of the sign-in page, which this page has, says no language.
LOOK_AT_PAGE = """
axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    rules: {"html-has-lang": {enabled: false}},
}).then(
    ({violations, passes}) => {
        const faults = violations.map(({id, nodes}) => `${id}: ${nodes[0].html}`);
        if (faults.length || !passes.length) {
            console.error(faults.join("\\n"));
        } else {
            console.log("test successful");
        }
    }
);
"""


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
        self.env["integration.webhook"]._registered(self.connection, 6)
        self.connection.webhook_on = True
        self.env["integration.webhook"]._of(self.connection).problem = "It does not."
        self.env.flush_all()

    def axe(self):
        """The script."""
        (folder,) = AXE.submodule_search_locations
        return Path(folder, "axe.min.js").read_text()

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
            "delete all couplings": self.dialog(
                self.customers.action_delete_couplings()
            ),
            "synchronize many": self.dialog(
                (self.conflict | self.pair("Beta")[0].coupling_ids)
                .with_context(dataverse_selected=3)
                .action_synchronize_now()
            ),
            "undo": self.dialog(self.undone()),
            "a preview": self.dialog(self.customers.action_preview()),
            "matching": self.dialog(self.matching()._open()),
            "what matching found": self.matching().action_open_lines()
            | {"views": [[False, "list"]]},
            "default setup": self.dialog(self.connection.action_review_default_setup()),
            "import of mappings": self.dialog(self.connection.action_import_mappings()),
            **{f"setup: {step}": action for step, action in self.setup_steps()},
        }
        return {
            kind: [[name, action, {}] for name, action in screens.items()]
            for kind, screens in (("plain", plain), ("ours", ours))
        }

    def undone(self):
        """The question before a job is undone."""
        changed = self.env["integration.sync.job"].search([("change_ids", "!=", False)])
        return changed[:1].action_undo()

    def matching(self):
        """A match-based coupling with every kind of result."""
        for name in ("Twin East", "Twin West", "Alpha"):
            self.person.create("account", name=name, emailaddress1=f"{name[:4]}@x.test")
        self.company("Twin", email="Twin@x.test")
        self.company("Alpha", email="Alph@x.test")
        wizard = self.env["integration.match.wizard"].create(
            {"mapping_id": self.customers.id}
        )
        wizard.action_preview()
        return wizard

    def setup_steps(self):
        """Each step of the assisted setup: ``(name, action)``."""
        names = ("environment_url", "authority_url", "tenant_id", "client_id", "name")
        entered = {name: self.connection[name] for name in names}
        entered |= {
            "connection_id": self.connection.id,
            "client_secret": self.simulator.info["client_secret"],
        }
        for number in range(4):
            wizard = self.env["integration.setup.wizard"].create(entered)
            action = wizard._open()
            for _step in range(number):
                action = wizard.action_next()
            yield wizard.step, action

    def test_no_screen_has_faults_of_its_own(self):
        self.browser_js(
            "/odoo/contacts",
            "\n".join(
                (
                    self.axe(),
                    f"const SCREENS = {json.dumps(self.screens(), default=str)};",
                    LOOK.read_text(),
                )
            ),
            ready="!!document.querySelector('.o_action_manager .o_content')",
            login="admin",
            timeout=300,
        )

    def test_the_page_for_who_comes_from_dynamics(self):
        """It is a page of its own, outside of the web client."""
        for name in ("Nordlys", "Nordlys Odense"):
            self.company(name, email="post@nordlys.example")
        row_id = self.person.create(
            "account", name="Nordlys A/S", emailaddress1="post@nordlys.example"
        )
        self.env.flush_all()
        self.browser_js(
            f"/dataverse_sync/open?connection=test&etn=account&id={row_id}",
            "\n".join((self.axe(), LOOK_AT_PAGE)),
            ready="!!document.querySelector('form label')",
            login="admin",
        )
