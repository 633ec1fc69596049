"""The Dataverse block of the general settings."""

from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    dataverse_connection_id = fields.Many2one(
        "integration.connection", compute="_compute_dataverse_connection_id"
    )
    dataverse_state = fields.Selection(related="dataverse_connection_id.state")
    dataverse_state_reason = fields.Char(related="dataverse_connection_id.state_reason")
    dataverse_environment_url = fields.Char(
        related="dataverse_connection_id.environment_url"
    )
    dataverse_error_activity = fields.Boolean(
        related="dataverse_connection_id.error_activity", readonly=False
    )
    dataverse_error_digest = fields.Boolean(
        related="dataverse_connection_id.error_digest", readonly=False
    )

    def _compute_dataverse_connection_id(self):
        connection = self.env["integration.connection"].search(
            [("company_id", "in", (self.env.company.id, False))], limit=1
        )
        self.dataverse_connection_id = connection

    def action_dataverse_open_connection(self):
        """Open the connection of this company, or set one up."""
        if not self.dataverse_connection_id:
            return self.env["integration.setup.wizard"].action_set_up()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Dataverse Connection"),
            "res_model": "integration.connection",
            "res_id": self.dataverse_connection_id.id,
            "views": [(False, "form")],
        }

    def action_dataverse_test_connection(self):
        return self.dataverse_connection_id.action_test_connection()

    def action_dataverse_connect(self):
        return self.dataverse_connection_id.action_connect()

    def action_dataverse_synchronize(self):
        return self.dataverse_connection_id.action_synchronize_modified()
