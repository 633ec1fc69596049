"""Assisted Setup: from an address to the first full synchronization."""

import re

from odoo import api, fields, models
from odoo.exceptions import UserError

STEPS = ("address", "sign_in", "checks", "tables")


class IntegrationSetupWizard(models.TransientModel):
    _name = "integration.setup.wizard"
    _description = "Assisted Setup"

    step = fields.Selection(
        [
            ("address", "Address"),
            ("sign_in", "Sign-In"),
            ("checks", "Check"),
            ("tables", "Tables"),
        ],
        default="address",
        required=True,
    )
    connection_id = fields.Many2one("integration.connection", readonly=True)
    name = fields.Char(default="Dynamics 365 Sales", required=True)
    environment_url = fields.Char("Address of the Environment")
    tenant_id = fields.Char("Tenant ID")
    client_id = fields.Char("Application ID")
    authority_url = fields.Char(
        "Authority", default="https://login.microsoftonline.com"
    )
    authentication = fields.Selection(
        [("secret", "Client Secret"), ("certificate", "Certificate")],
        default="secret",
        required=True,
    )
    client_secret = fields.Char(
        compute="_compute_written_only", inverse="_inverse_client_secret"
    )
    certificate = fields.Text(
        compute="_compute_written_only", inverse="_inverse_certificate"
    )
    stored_secret = fields.Char(groups=fields.NO_ACCESS)
    stored_certificate = fields.Text(groups=fields.NO_ACCESS)
    check_ids = fields.One2many("integration.setup.wizard.check", "wizard_id")
    passed = fields.Boolean(compute="_compute_passed")
    table_ids = fields.One2many("integration.setup.wizard.table", "wizard_id")

    def _compute_written_only(self):
        self.client_secret = False
        self.certificate = False

    def _inverse_client_secret(self):
        for wizard in self.filtered("client_secret"):
            wizard.sudo().stored_secret = wizard.client_secret

    def _inverse_certificate(self):
        for wizard in self.filtered("certificate"):
            wizard.sudo().stored_certificate = wizard.certificate

    @api.depends("check_ids.state")
    def _compute_passed(self):
        """Whether what concerns the connection itself is in order."""
        for wizard in self:
            general = wizard.check_ids.filtered(lambda check: not check.table)
            wizard.passed = bool(general) and set(general.mapped("state")) == {"ok"}

    @api.model
    def action_set_up(self):
        """Open the setup, for the connection there is or for a new one."""
        connection = self.env["integration.connection"]
        connection._check_manager()
        connection = connection.search([("state", "=", "draft")], limit=1)
        names = ("name", "environment_url", "tenant_id", "client_id")
        names += ("authority_url", "authentication")
        vals = {name: connection[name] for name in names if connection}
        return self.create({**vals, "connection_id": connection.id})._open()

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Assisted Setup"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "large"},
        }

    # -- steps ------------------------------------------------------------------------

    def action_next(self):
        """Do what this step is for, and show the next one."""
        self.ensure_one()
        self.env["integration.connection"]._check_manager()
        getattr(self, f"_finish_{self.step}")()
        self.step = STEPS[STEPS.index(self.step) + 1]
        return self._open()

    def action_back(self):
        self.ensure_one()
        self.step = STEPS[STEPS.index(self.step) - 1]
        return self._open()

    def _finish_address(self):
        if not self.environment_url:
            raise UserError(
                self.env._(
                    "Enter the address that you see in the browser when you work in "
                    "Dynamics 365."
                )
            )
        connections = self.env["integration.connection"]
        tidy = connections._tidy(
            {
                "environment_url": self._host_only(self.environment_url),
                "authority_url": self.authority_url,
            }
        )
        self.write(tidy)
        connections._check_environment_address(tidy["environment_url"])

    @api.model
    def _host_only(self, address):
        """People paste whatever the browser shows: what follows the host is cut off."""
        address = address.strip()
        if "://" not in address:
            address = f"https://{address}"
        scheme, _separator, rest = address.partition("://")
        return f"{scheme}://{re.split('[/?#]', rest)[0]}"

    def _finish_sign_in(self):
        missing = [
            self._fields[name]._description_string(self.env)
            for name in ("tenant_id", "client_id")
            if not self[name]
        ]
        if missing:
            raise UserError(self.env._("Enter: %s.", ", ".join(missing)))
        self._keep_connection()
        self._check()

    def _keep_connection(self):
        """The connection, with what was entered; the secret stays there alone."""
        own = self.sudo()
        names = ("name", "environment_url", "tenant_id", "client_id")
        names += ("authority_url", "authentication")
        vals = {name: self[name] for name in names}
        if own.stored_secret:
            vals["client_secret"] = own.stored_secret
        if own.stored_certificate:
            vals["certificate"] = own.stored_certificate
        if self.connection_id:
            self.connection_id.write(vals)
        else:
            self.connection_id = self.env["integration.connection"].create(
                {**vals, "code": self._free_code()}
            )
        own.write({"stored_secret": False, "stored_certificate": False})

    @api.model
    def _free_code(self):
        taken = {
            code
            for (code,) in self.env["integration.connection"]
            .sudo()
            ._read_group([], ["code"])
        }
        codes = ["main", *(f"main_{number}" for number in range(2, len(taken) + 3))]
        return next(code for code in codes if code not in taken)

    def action_check(self):
        """Try everything again."""
        self.ensure_one()
        self.env["integration.connection"]._check_manager()
        self._check()
        return self._open()

    def _check(self):
        tables = [
            definition["integration_table"]
            for definition in self.env["integration.table.mapping"]._defaults(
                self.connection_id
            )
        ]
        checks = (
            self.env["integration.engine.diagnose"]
            .sudo()
            ._diagnose(self.connection_id.sudo(), tables)
        )
        self.check_ids = [(5, 0, 0)] + [(0, 0, check) for check in checks]

    def _finish_checks(self):
        if not self.passed:
            raise UserError(self.env._("Mend what is marked first; then check again."))
        self.connection_id.action_connect()
        failed = set(self.check_ids.filtered(lambda c: c.state != "ok").mapped("table"))
        self.table_ids = [(5, 0, 0)] + [
            (
                0,
                0,
                {
                    "name": definition["name"],
                    "model": self.env["ir.model"]
                    ._get(definition["model"])
                    .display_name,
                    "table": definition["integration_table"],
                    "usable": definition["integration_table"] not in failed,
                    "selected": definition["integration_table"] not in failed,
                },
            )
            for definition in self.env["integration.table.mapping"]._defaults(
                self.connection_id
            )
        ]

    def action_finish(self):
        """Create the chosen mappings, and review the first synchronization."""
        self.ensure_one()
        self.env["integration.connection"]._check_manager()
        chosen = self.table_ids.filtered(lambda line: line.selected and line.usable)
        self.env["integration.table.mapping"]._create_defaults(
            self.connection_id, chosen.mapped("name")
        )
        return self.env["integration.full.sync.wizard"].action_review()


class IntegrationSetupWizardCheck(models.TransientModel):
    _name = "integration.setup.wizard.check"
    _description = "Check of a Connection"

    wizard_id = fields.Many2one(
        "integration.setup.wizard", required=True, ondelete="cascade"
    )
    name = fields.Char(readonly=True)
    state = fields.Selection(
        [("ok", "In Order"), ("failed", "To Mend"), ("skipped", "Not Checked")],
        string="Result",
        readonly=True,
    )
    message = fields.Char("What to Do", readonly=True)
    table = fields.Char(readonly=True)


class IntegrationSetupWizardTable(models.TransientModel):
    _name = "integration.setup.wizard.table"
    _description = "Table to Synchronize"

    wizard_id = fields.Many2one(
        "integration.setup.wizard", required=True, ondelete="cascade"
    )
    selected = fields.Boolean("Synchronize")
    name = fields.Char("Table Mapping", readonly=True)
    model = fields.Char("In Odoo", readonly=True)
    table = fields.Char("In Dataverse", readonly=True)
    usable = fields.Boolean(readonly=True)
