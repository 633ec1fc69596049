"""Merging contacts in Odoo: what the merged ones were coupled to is not deleted."""

from odoo import models


class BasePartnerMerge(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _log_merge_operation(self, src_partners, dst_partner):
        # Called when the values are merged and nothing is deleted yet.
        self.env["integration.coupling"].sudo()._follow_merge(src_partners, dst_partner)
        return super()._log_merge_operation(src_partners, dst_partner)
