"""Near real time on Odoo's side: whoever saves a mapped record wakes the worker."""

from odoo import api, models

ONCE = "dataverse_sync.noticed"


class Base(models.AbstractModel):
    """The journal remembers what changed; this only says that it is worth a look now.

    The worker is woken after the commit and by a transaction of its own, so that a save
    can neither fail nor wait because of it. A change that Odoo's models do not see, by
    SQL for instance, is found when the scheduled action runs next.
    """

    _inherit = "base"

    def _create(self, data_list):
        records = super()._create(data_list)
        self._notice_change()
        return records

    def _write_multi(self, vals_list):
        result = super()._write_multi(vals_list)
        self._notice_change()
        return result

    def unlink(self):
        result = super().unlink()
        self._notice_change()
        return result

    @api.model
    def _notice_change(self):
        # While modules are loaded the mappings may not have all of their columns.
        if not self.pool.ready or not self._auto or self._transient:
            return
        after = self.env.cr.postcommit
        mappings = self.env["integration.table.mapping"]
        if ONCE not in after.data and self._name in mappings._event_driven_models():
            after.data[ONCE] = True
            after.add(mappings._wake_up_for_changes)
