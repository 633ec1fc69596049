"""A person's request to stop a run."""

from odoo import fields, models


class IntegrationStop(models.Model):
    """Rows are only ever added while a run is on.

    A flag on the job would be written by the person and by the run at once, and one of
    the two would fail.
    """

    _name = "integration.stop"
    _description = "Request to Stop a Synchronization"

    job_id = fields.Many2one(
        "integration.sync.job", required=True, index=True, ondelete="cascade"
    )
