"""Resolve Conflicts: both sides of a record, field by field, and a choice for each."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .integration_both_sides import SIDES


class IntegrationConflictWizard(models.TransientModel):
    _name = "integration.conflict.wizard"
    _description = "Resolve Conflicts"

    coupling_ids = fields.Many2many(
        "integration.coupling",
        string="Left to Decide",
        help="This record and those that come after it.",
    )
    coupling_id = fields.Many2one("integration.coupling", readonly=True)
    total = fields.Integer(readonly=True)
    position = fields.Integer(compute="_compute_position")
    left = fields.Integer(compute="_compute_position")
    record_name = fields.Char(related="coupling_id.record_name")
    odoo_by = fields.Char("Changed in Odoo by", readonly=True)
    odoo_at = fields.Datetime("Changed in Odoo", readonly=True)
    dataverse_by = fields.Char("Changed in Dataverse by", readonly=True)
    dataverse_at = fields.Datetime("Changed in Dataverse", readonly=True)
    message = fields.Char(readonly=True)
    line_ids = fields.One2many(
        "integration.conflict.wizard.line", "wizard_id", string="Fields"
    )

    @api.depends("coupling_ids", "total")
    def _compute_position(self):
        for wizard in self:
            wizard.left = len(wizard.coupling_ids)
            wizard.position = wizard.total - wizard.left + 1

    @api.model
    def _start(self, couplings):
        """Open the wizard for some couplings, one after the other."""
        wizard = self.create(
            {"coupling_ids": [(6, 0, couplings.ids)], "total": len(couplings)}
        )
        wizard._load()
        return wizard._open()

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Resolve Conflicts"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    # -- showing ----------------------------------------------------------------------

    def _load(self):
        """Show the first of the couplings that are left."""
        self.line_ids.unlink()
        coupling = self.coupling_ids.exists()[:1]
        self.write({"coupling_id": coupling.id, "message": False})
        try:
            sides = self.env["integration.engine.decide"].sudo()._sides(coupling.sudo())
        except UserError as error:
            self.message = str(error)
            return
        lines = sides.pop("lines")
        # Differences that neither side has changed are none to decide about.
        self.sudo().write(
            {
                **sides,
                "line_ids": [
                    (0, 0, {**line, "choice": self._natural_choice(line)})
                    for line in lines
                    if line["different"] and line["changed"]
                ],
            }
        )
        if not self.line_ids:
            self.message = self.env._(
                "Both sides hold the same values by now. Nothing is left to decide."
            )

    @api.model
    def _natural_choice(self, line):
        """What merging would do; of what both sides changed a person decides."""
        if line["source"]:
            return line["source"]
        return line["changed"] if line["changed"] != "both" else False

    # -- choosing ---------------------------------------------------------------------

    def action_choose_odoo(self):
        """Use Odoo's value in every field of this record."""
        return self._choose("odoo")

    def action_choose_dataverse(self):
        """Use Dataverse's value in every field of this record."""
        return self._choose("dataverse")

    def _choose(self, side):
        self.ensure_one()
        self.coupling_id._check_records()
        self.line_ids.filtered(lambda line: not line.source).choice = side
        return self._open()

    def action_apply(self):
        """Carry out what was chosen, and go on with the next record."""
        self.ensure_one()
        undecided = self.line_ids.filtered(lambda line: not line.choice)
        if undecided:
            raise UserError(
                self.env._(
                    "Choose which data to use for %s.",
                    ", ".join(undecided.mapped("label")),
                )
            )
        coupling = self.coupling_id
        coupling._check_records()
        lines = self.sudo().line_ids.read(
            [
                *("key", "label", "base_value", "odoo_value", "dataverse_value"),
                *("changed", "seen", "choice"),
            ]
        )
        job = (
            self.env["integration.engine.decide"].sudo()._decide(coupling.sudo(), lines)
        )
        return self._next(coupling, self._outcome(coupling, job))

    def _outcome(self, coupling, job):
        """How it went: ``(kind of notification, sentence)``."""
        error = coupling.error_ids.filtered(lambda error: error.state == "open")[:1]
        if job.message or error:
            return "warning", job.message or error.message
        return "success", self.env._(
            "The same on both sides now: %s.", ", ".join(self.line_ids.mapped("label"))
        )

    def action_skip(self):
        """Leave this record as it is, and go on with the next."""
        self.ensure_one()
        return self._next(self.coupling_id)

    def action_all_odoo(self):
        """Decide the conflicts of all records that are left: Odoo's values count."""
        return self._decide_all("send")

    def action_all_dataverse(self):
        """Decide the conflicts of all records that are left: Dataverse's values."""
        return self._decide_all("get")

    def _decide_all(self, policy):
        self.ensure_one()
        couplings = self.coupling_ids.exists()
        couplings._check_records()
        totals = couplings._run(conflict_policy=policy)
        solved = len(couplings.filtered(lambda c: c.state != "conflict"))
        left = len(couplings) - solved
        message = self.env._("%s records decided.", solved)
        if left:
            message = self.env._(
                "%(solved)s records decided, %(left)s still wait: see the errors.",
                solved=solved,
                left=left,
            )
        kind = "warning" if left or totals["failed"] else "success"
        return self._notify(kind, totals["message"] or message)

    def _next(self, coupling, outcome=None):
        name = coupling.record_name
        mapping = coupling.mapping_id
        self.coupling_ids -= coupling
        if self.coupling_ids:
            self._load()
            action = self._open()
        else:
            action = {"type": "ir.actions.act_window_close"}
        if not outcome:
            return action
        notification = mapping.connection_id.sudo()._notify(
            name, outcome[1], outcome[0]
        )
        if self.coupling_ids:
            notification["params"]["next"] = action
        return notification

    def _notify(self, kind, message):
        return self.coupling_id.mapping_id.connection_id.sudo()._notify(
            self.env._("Resolve Conflicts"), message, kind
        )


class IntegrationConflictWizardLine(models.TransientModel):
    _name = "integration.conflict.wizard.line"
    _description = "Values to Decide Between"
    _inherit = ["integration.both.sides"]

    wizard_id = fields.Many2one(
        "integration.conflict.wizard", required=True, ondelete="cascade"
    )
    choice = fields.Selection(SIDES, string="Use")
