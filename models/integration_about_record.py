"""Rows about a synchronized record are seen by those who may see the record."""

from odoo import models
from odoo.exceptions import AccessError
from odoo.fields import Domain


class IntegrationAboutRecord(models.AbstractModel):
    """For models with ``res_model`` and ``res_id``.

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
