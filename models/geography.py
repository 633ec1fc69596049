"""Countries and states are known by heart (engine/geography.py), until they change."""

from odoo import api, models


class GeographyMixin(models.AbstractModel):
    _name = "integration.geography.mixin"
    _description = "Has Its Changes Noticed by the Synchronization"

    @api.model_create_multi
    def create(self, vals_list):
        created = super().create(vals_list)
        self.env.registry.clear_cache("stable")
        return created

    def write(self, vals):
        done = super().write(vals)
        self.env.registry.clear_cache("stable")
        return done

    def unlink(self):
        done = super().unlink()
        self.env.registry.clear_cache("stable")
        return done


class ResCountry(models.Model):
    _name = "res.country"
    _inherit = ["res.country", "integration.geography.mixin"]


class ResCountryState(models.Model):
    _name = "res.country.state"
    _inherit = ["res.country.state", "integration.geography.mixin"]
