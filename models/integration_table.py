"""What Dataverse says about its tables, kept so that a run need not ask."""

from odoo import fields, models


class IntegrationTable(models.Model):
    _name = "integration.table"
    _description = "Dataverse Table"
    _order = "name"

    connection_id = fields.Many2one(
        "integration.connection", required=True, ondelete="cascade", index=True
    )
    name = fields.Char("Logical Name", required=True, readonly=True)
    label = fields.Char(readonly=True)
    change_tracking = fields.Boolean(readonly=True)
    listed_at = fields.Datetime(readonly=True, help="Last seen in the list of tables.")
    # Empty until somebody maps the table.
    definition = fields.Json(readonly=True, groups="dataverse_sync.group_manager")
    refreshed_at = fields.Datetime(readonly=True)

    _name_uniq = models.Constraint(
        "UNIQUE (connection_id, name)", "A table is kept once a connection."
    )
