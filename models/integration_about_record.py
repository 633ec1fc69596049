"""Rows about a synchronized record: seen by those who may see it, and leading to it."""

from odoo import models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain


class IntegrationAboutRecord(models.AbstractModel):
    """For models with ``mapping_id``, ``res_model``, ``res_id`` and ``external_id``.

    Couplings, conflicts and errors hold names and values of records, so the access
    rights and rules of these records hold for them too. Whoever manages the connections
    sees all of them.
    """

    _name = "integration.about.record"
    _description = "About a Synchronized Record"

    def _sees_all(self):
        return self.env.su or self.env.user.has_group("dataverse_sync.group_manager")

    def _visible_domain(self):
        """The rows about records that the user may read."""
        visible = Domain.FALSE
        for model_name in self.env["integration.table.mapping"]._model_names():
            model = self.env[model_name].with_context(active_test=False)
            if model.has_access("read"):
                visible |= Domain("res_model", "=", model_name) & Domain(
                    "res_id", "in", model._search([])
                )
        return visible

    def _search(self, domain, *args, bypass_access=False, **kwargs):
        if not bypass_access and not self._sees_all():
            domain = Domain(domain) & self._visible_domain()
        return super()._search(domain, *args, bypass_access=bypass_access, **kwargs)

    def _check_access(self, operation):
        result = super()._check_access(operation)
        if not self.ids or self._sees_all():
            return result
        allowed = self.sudo(False).search([("id", "in", self.ids)])
        forbidden = self - allowed | (result[0] if result else self.browse())
        if not forbidden:
            return result
        return forbidden, lambda: AccessError(
            self.env._("You may not see the records that this is about.")
        )

    # -- both sides -------------------------------------------------------------------

    def action_open_record(self):
        """Open the Odoo record."""
        self.ensure_one()
        if not self.res_id:
            raise UserError(self.env._("The record does not exist in Odoo yet."))
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }

    def action_open_in_dataverse(self):
        """Open the row in Dynamics 365."""
        self.ensure_one()
        if not self.external_id:
            raise UserError(self.env._("The row does not exist in Dataverse yet."))
        return self.mapping_id._open_row(self.external_id)
