"""Full Synchronization Review: what to do for each mapping, and how far it is."""

from odoo import api, fields, models


class IntegrationFullSyncWizard(models.TransientModel):
    """A window on `integration.full.sync`, which outlives it."""

    _name = "integration.full.sync.wizard"
    _description = "Full Synchronization Review"

    line_ids = fields.Many2many("integration.full.sync", string="Table Mappings")
    is_active = fields.Boolean(compute="_compute_is_active")

    @api.depends("line_ids.state")
    def _compute_is_active(self):
        for wizard in self:
            wizard.is_active = any(
                line.state in ("waiting", "running") for line in wizard.line_ids
            )

    def _compute_display_name(self):
        self.display_name = self.env._("Full Synchronization Review")

    @api.model
    def action_review(self):
        """Count both sides of every mapping, and show what to do."""
        self.env["integration.connection"]._check_manager()
        lines = self.env["integration.full.sync"].sudo()._review()
        wizard = self.create({"line_ids": [(6, 0, lines.ids)]})
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Full Synchronization Review"),
            "res_model": self._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "current",
        }

    def action_refresh(self):
        """Count again."""
        return self.action_review()

    def action_start_all(self):
        """Start every mapping that has something to do, parents first."""
        self.line_ids.filtered(
            lambda line: line.recommendation != "nothing" or line.state == "paused"
        ).action_start()

    def action_pause_all(self):
        """Pause everything that is going on."""
        self.line_ids.action_pause()
