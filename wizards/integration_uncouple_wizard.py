"""Delete Coupling: says what will and will not happen, then does it."""

from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationUncoupleWizard(models.TransientModel):
    _name = "integration.uncouple.wizard"
    _description = "Delete Coupling"

    coupling_ids = fields.Many2many("integration.coupling", string="Couplings")
    mapping_ids = fields.Many2many(
        "integration.table.mapping",
        string="Table Mappings",
        help="All couplings of these, however many they are by then.",
    )
    count = fields.Integer(compute="_compute_count")
    counted = fields.Char(compute="_compute_count")
    record_name = fields.Char(compute="_compute_count")

    @api.depends("coupling_ids", "mapping_ids")
    def _compute_count(self):
        for wizard in self:
            counts = wizard._couplings_of_each()
            wizard.count = sum(counts.values())
            wizard.counted = self.env["integration.coupling"]._counted(counts)
            wizard.record_name = (
                wizard.coupling_ids.record_name
                if wizard.count == 1 and wizard.coupling_ids
                else False
            )

    def _couplings_of_each(self):
        """``{mapping: number of couplings}``"""
        if self.mapping_ids:
            return dict(
                self.env["integration.coupling"]._read_group(
                    [("mapping_id", "in", self.mapping_ids.ids)],
                    ["mapping_id"],
                    ["__count"],
                )
            )
        grouped = self.coupling_ids.grouped("mapping_id")
        return {mapping: len(couplings) for mapping, couplings in grouped.items()}

    def action_uncouple(self):
        """Delete the couplings; the records stay on both sides."""
        self.ensure_one()
        couplings = self.coupling_ids
        if self.mapping_ids:
            self.mapping_ids.connection_id._check_manager()
            couplings = self.mapping_ids.coupling_ids
        if not couplings:
            raise UserError(self.env._("There is no coupling to delete."))
        connection = couplings.mapping_id.connection_id[:1]
        count = couplings._uncouple()
        return connection._notify(
            self.env._("Delete Coupling"),
            self.env._("%s couplings deleted. No record was touched.", count)
            if count != 1
            else self.env._("The coupling is deleted. No record was touched."),
        )
