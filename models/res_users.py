"""Users: coupled, so that owners are known, and nothing else."""

from odoo import api, fields, models


class ResUsers(models.Model):
    _inherit = "res.users"

    @api.model
    def _integration_domain(self):
        """Portal users own nothing."""
        return fields.Domain("share", "=", False)

    @api.model
    def _integration_skipped_fields(self, row):
        """All of them: a user carries rights."""
        return {*self._fields, *row}
