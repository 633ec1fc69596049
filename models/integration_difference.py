"""What a change does to one record on one side: shown before it, and kept after it."""

from odoo import api, fields, models

SIDES = [("odoo", "Odoo"), ("dataverse", "Dataverse")]


class IntegrationDifference(models.AbstractModel):
    """``before`` and ``after`` are canonical values of the fields or columns of
    ``side``: of all mapped ones when the record is created or deleted, else of those
    that change."""

    _name = "integration.difference"
    _description = "Change of a Record"

    mapping_id = fields.Many2one(
        "integration.table.mapping",
        "Table Mapping",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    external_id = fields.Char("Dataverse ID", readonly=True)
    record_name = fields.Char("Name", readonly=True)
    side = fields.Selection(SIDES, "Where", readonly=True)
    before = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    after = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    reason = fields.Char("Why", readonly=True)
    changes = fields.Text(
        "Fields", compute="_compute_changes", compute_sudo=True, help="From → to."
    )

    @api.depends("before", "after", "side")
    def _compute_changes(self):
        for mapping, differences in self.grouped("mapping_id").items():
            texts = self.env["integration.engine.audit"]._differences(
                mapping, [(d.side, d.before, d.after) for d in differences]
            )
            for difference, text in zip(differences, texts, strict=True):
                difference.changes = text
