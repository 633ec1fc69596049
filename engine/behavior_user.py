"""Users: they are looked at, and nothing else."""

from odoo import models


class IntegrationBehaviorUser(models.AbstractModel):
    _name = "integration.behavior.systemuser"
    _inherit = "integration.behavior"
    _description = "Behavior of Users"

    _rights = ("Read",)
