"""Synchronize Now: at once for one record, in the background for many."""

from odoo import api, fields, models
from odoo.exceptions import UserError

# More records than this are synchronized in the background.
AT_ONCE = 50


class IntegrationSynchronizeWizard(models.TransientModel):
    _name = "integration.synchronize.wizard"
    _description = "Synchronize Now"

    coupling_ids = fields.Many2many("integration.coupling", string="Couplings")
    count = fields.Integer(compute="_compute_count")
    counted = fields.Char(compute="_compute_count")
    background = fields.Boolean(compute="_compute_count")
    selected = fields.Integer()
    skipped = fields.Integer(compute="_compute_count")
    record_name = fields.Char(compute="_compute_count")
    bidirectional = fields.Boolean(compute="_compute_count")
    direction = fields.Selection(
        [
            ("merge", "Merge: each side gets the other's changes"),
            ("send", "Send data update to Dataverse: Odoo wins"),
            ("get", "Get data update from Dataverse: Dataverse wins"),
        ],
        default="merge",
        required=True,
    )
    conflict = fields.Boolean(
        readonly=True,
        help="Both sides changed the same field: a person decides field by field.",
    )
    line_ids = fields.One2many(
        "integration.synchronize.wizard.line", "wizard_id", string="Differences"
    )
    message = fields.Char(readonly=True)

    @api.depends("coupling_ids", "selected")
    def _compute_count(self):
        for wizard in self:
            wizard.count = len(wizard.coupling_ids)
            grouped = wizard.coupling_ids.grouped("mapping_id")
            wizard.counted = wizard.coupling_ids._counted(
                {mapping: len(couplings) for mapping, couplings in grouped.items()}
            )
            wizard.background = wizard.count > AT_ONCE
            wizard.skipped = max(wizard.selected - wizard.count, 0)
            wizard.record_name = (
                wizard.coupling_ids.record_name if wizard.count == 1 else False
            )
            wizard.bidirectional = "bidirectional" in wizard.coupling_ids.mapped(
                "mapping_id.direction"
            )

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Synchronize Now"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def _compare(self):
        """For a single record: what differs, read from both sides now."""
        if len(self.coupling_ids) != 1:
            return
        coupling = self.coupling_ids.sudo()
        session = self.env["integration.engine.run"]._look(coupling.mapping_id)
        try:
            row = self.env["integration.engine.gateway"]._retrieve(
                session, coupling.external_id
            )
        except UserError as error:
            self.message = self._open_errors()[:1].message or str(error)
            return
        if not session.records.browse(coupling.res_id).exists():
            self.message = self.env._("The record was deleted in Odoo.")
            return
        lines = (
            self.env["integration.engine.couple"]
            .sudo()
            ._compare(session, coupling.res_id, row, coupling.base)
        )
        self.sudo().line_ids = [(0, 0, line) for line in lines if line["different"]]
        changed = set(self.line_ids.mapped("changed"))
        if "both" in changed:
            self.conflict = True
        elif changed == {"odoo"}:
            self.direction = "send"
        elif changed == {"dataverse"}:
            self.direction = "get"

    def action_synchronize(self):
        """Synchronize in the chosen direction."""
        self.ensure_one()
        direction = self.direction if self.direction in ("send", "get") else None
        if self.background:
            return self._in_background(direction)
        totals = self.coupling_ids.synchronize(direction)
        connection = self.coupling_ids.mapping_id.connection_id[:1]
        kind = "success"
        if totals["failed"] or totals["conflicts"] or totals["state"] == "failed":
            kind = "warning"
        return connection._notify(
            self.record_name or self.env._("Synchronize Now"),
            totals["message"] or self._result(totals),
            kind,
        )

    def _result(self, totals):
        """What happened, in one sentence."""
        if self.count == 1 and self._open_errors():
            return self._open_errors()[0].message
        if self.count == 1:
            return (
                self.env._(
                    "The same on both sides now: %s.",
                    ", ".join(self.line_ids.mapped("label")),
                )
                if self.line_ids
                else self.env._("Both sides hold the same values.")
            )
        parts = [
            (totals["modified"], self.env._("%s changed", totals["modified"])),
            (totals["unchanged"], self.env._("%s equal already", totals["unchanged"])),
            (
                totals["conflicts"],
                self.env._("%s waiting for a decision", totals["conflicts"]),
            ),
            (
                totals["failed"],
                self.env._("%s failed, see the errors", totals["failed"]),
            ),
            (self.skipped, self.env._("%s not coupled, left out", self.skipped)),
        ]
        return ", ".join(text for number, text in parts if number) or self.env._(
            "Nothing to do."
        )

    def _open_errors(self):
        return self.coupling_ids.error_ids.filtered(lambda e: e.state == "open")

    def _in_background(self, direction):
        self.coupling_ids._check_records()
        for mapping, couplings in (
            self.coupling_ids.sudo().grouped("mapping_id").items()
        ):
            mapping._check_connected()
            self.env["integration.inbox"].sudo()._put_hints(
                mapping,
                res_ids=couplings.mapped("res_id"),
                external_ids=couplings.mapped("external_id"),
                prefer=direction,
            )
        self.env["integration.table.mapping"]._wake_up()
        return self.coupling_ids.mapping_id.connection_id[:1]._notify_scheduled()


class IntegrationSynchronizeWizardLine(models.TransientModel):
    _name = "integration.synchronize.wizard.line"
    _description = "Difference Between Both Sides"
    _inherit = ["integration.both.sides"]

    wizard_id = fields.Many2one(
        "integration.synchronize.wizard", required=True, ondelete="cascade"
    )
