"""Preview: what the next run would do, for people to read before it does."""

from odoo import api, fields, models

# Kinds of lines, in the order in which people want to know of them.
KINDS = [
    ("guard", "Stopped for Safety"),
    ("conflict", "Needs a Decision"),
    ("error", "Needs Correction"),
    ("delete_odoo", "Delete in Odoo"),
    ("delete_dataverse", "Delete in Dataverse"),
    ("archive_odoo", "Archive in Odoo"),
    ("archive_dataverse", "Deactivate in Dataverse"),
    ("uncouple", "Delete Coupling"),
    ("couple", "Couple"),
    ("create_odoo", "Create in Odoo"),
    ("create_dataverse", "Create in Dataverse"),
    ("write_odoo", "Change in Odoo"),
    ("write_dataverse", "Change in Dataverse"),
    ("waiting", "Waits for Another Record"),
]
# What is counted together on top of the screen.
TOTALS = {
    "stopped": ("guard", "conflict", "error"),
    "removed": (
        "delete_odoo",
        "delete_dataverse",
        "archive_odoo",
        "archive_dataverse",
        "uncouple",
    ),
    "matched": ("couple",),
    "created": ("create_odoo", "create_dataverse"),
    "changed": ("write_odoo", "write_dataverse"),
    "waiting": ("waiting",),
}


class IntegrationPreview(models.TransientModel):
    _name = "integration.preview"
    _description = "Preview of a Synchronization"
    _rec_name = "mapping_id"

    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, readonly=True, ondelete="cascade"
    )
    made_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    line_ids = fields.One2many("integration.preview.line", "preview_id", readonly=True)
    stopped = fields.Integer(readonly=True)
    removed = fields.Integer(readonly=True)
    matched = fields.Integer(readonly=True)
    created = fields.Integer(readonly=True)
    changed = fields.Integer(readonly=True)
    waiting = fields.Integer(readonly=True)
    unchanged = fields.Integer(readonly=True)
    skipped = fields.Integer(readonly=True)
    total = fields.Integer(readonly=True)
    complete = fields.Boolean(readonly=True)
    shortened = fields.Boolean(compute="_compute_shortened")

    @api.depends("total", "line_ids")
    def _compute_shortened(self):
        for preview in self:
            kept = self.env["integration.preview.line"].search_count(
                [("preview_id", "=", preview.id)]
            )
            preview.shortened = kept < preview.total

    @api.model
    def _make(self, mapping):
        """Ask the engine what it would do, and keep the answer for a while."""
        found = self.env["integration.engine.preview"]._preview(mapping)
        preview = self.create(
            {
                "mapping_id": mapping.id,
                "complete": found.complete,
                "total": sum(found.counts[kind] for kind, _label in KINDS),
                "unchanged": found.counts["unchanged"],
                "skipped": found.counts["skipped"],
                **{
                    name: sum(found.counts[kind] for kind in kinds)
                    for name, kinds in TOTALS.items()
                },
            }
        )
        order = {kind: number for number, (kind, _label) in enumerate(KINDS)}
        # The values are for the engine alone; people read them as texts.
        self.env["integration.preview.line"].sudo().create(
            [
                {**line, "preview_id": preview.id, "rank": order[line["kind"]]}
                for line in found.lines
            ]
        )
        return preview

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview of %s", self.mapping_id.name),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_open_lines(self):
        """All lines, or those of one total (``kinds`` in the context), to search in."""
        self.ensure_one()
        kinds = TOTALS.get(self.env.context.get("kinds"))
        domain = [("preview_id", "=", self.id)]
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview of %s", self.mapping_id.name),
            "res_model": "integration.preview.line",
            "view_mode": "list",
            "domain": domain + ([("kind", "in", kinds)] if kinds else []),
            "context": {"search_default_group_kind": not kinds},
        }

    def action_refresh(self):
        """Look again."""
        self.ensure_one()
        return self.mapping_id.action_preview()

    def action_synchronize(self):
        """Do it."""
        self.ensure_one()
        return self.mapping_id.action_synchronize_modified()


class IntegrationPreviewLine(models.TransientModel):
    _name = "integration.preview.line"
    _description = "Planned Action"
    _inherit = ["integration.difference", "integration.about.record"]
    _order = "rank, id"
    _rec_name = "record_name"

    preview_id = fields.Many2one(
        "integration.preview", required=True, index=True, ondelete="cascade"
    )
    rank = fields.Integer(readonly=True)
    kind = fields.Selection(KINDS, "Action", required=True, readonly=True)
