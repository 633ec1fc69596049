"""Contacts: the first model that is coupled."""

from odoo import api, fields, models


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "integration.coupling.mixin"]

    @api.model
    def _integration_domain(self):
        """One's own companies are nobody's customers."""
        own = (
            self.env["res.company"]
            .sudo()
            .search([("partner_id", "!=", False)])
            .partner_id
        )
        return fields.Domain("id", "not in", own.ids)

    @api.model
    def _integration_context_fields(self):
        return ["parent_id", "type"]

    @api.model
    def _integration_skipped_fields(self, row):
        """Address and tax number of a child contact belong to its company.

        Writing them on a child of type "contact" rewrites the company and all its
        other contacts (`_fields_sync`), so they are left to the company's coupling.
        A child of type "other" has an address of its own, and that is synchronized.
        """
        if row.get("parent_id") and row.get("type") in (None, "contact"):
            return {*self._address_fields(), *self._synced_commercial_fields()}
        return set()

    def _integration_completed(self, vals):
        """A contact that changes its company takes from it what belongs to companies.

        Odoo gives a company without address or tax number those of whoever joins it
        (`_fields_sync`): they would be those of the company that the contact left.
        """
        company = self.browse(vals.get("parent_id") or ())
        if not company or vals.get("type", self.type) != "contact":
            return vals
        names = [*self._address_fields(), *self._synced_commercial_fields()]
        return company._convert_fields_to_values(names) | vals
