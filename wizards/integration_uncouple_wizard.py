"""Delete Coupling: says what will and will not happen, then does it."""

from odoo import api, fields, models


class IntegrationUncoupleWizard(models.TransientModel):
    _name = "integration.uncouple.wizard"
    _description = "Delete Coupling"

    coupling_ids = fields.Many2many("integration.coupling", string="Couplings")
    count = fields.Integer(compute="_compute_count")
    record_name = fields.Char(compute="_compute_count")

    @api.depends("coupling_ids")
    def _compute_count(self):
        for wizard in self:
            wizard.count = len(wizard.coupling_ids)
            wizard.record_name = (
                wizard.coupling_ids.record_name if wizard.count == 1 else False
            )

    def action_uncouple(self):
        """Delete the couplings; the records stay on both sides."""
        self.ensure_one()
        connection = self.coupling_ids.mapping_id.connection_id[:1]
        count = self.coupling_ids._uncouple()
        return connection._notify(
            self.env._("Delete Coupling"),
            self.env._("%s couplings deleted. No record was touched.", count)
            if count != 1
            else self.env._("The coupling is deleted. No record was touched."),
        )
