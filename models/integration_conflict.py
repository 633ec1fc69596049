"""The conflict log: every human value that lost, and every pair that still waits."""

from odoo import api, fields, models


class IntegrationConflict(models.Model):
    _name = "integration.conflict"
    _description = "Synchronization Conflict"
    _inherit = ["integration.about.record"]
    _order = "id desc"
    _rec_name = "field_label"

    coupling_id = fields.Many2one(
        "integration.coupling", readonly=True, index=True, ondelete="set null"
    )
    mapping_id = fields.Many2one(
        "integration.table.mapping",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="mapping_id.company_id", store=True)
    res_model = fields.Char(related="mapping_id.model", store=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    external_id = fields.Char("Dataverse ID", readonly=True)
    field_key = fields.Char(required=True, readonly=True)
    field_label = fields.Char("Field", readonly=True)
    base_value = fields.Char("Last Agreed", readonly=True)
    odoo_value = fields.Char("In Odoo", readonly=True)
    dataverse_value = fields.Char("In Dataverse", readonly=True)
    state = fields.Selection(
        [("open", "Waiting for a Decision"), ("resolved", "Decided")],
        required=True,
        readonly=True,
        index=True,
    )
    winner = fields.Selection(
        [("odoo", "Odoo"), ("dataverse", "Dataverse")], string="Kept", readonly=True
    )
    decided_by = fields.Many2one("res.users", string="Decided by", readonly=True)
    decided_at = fields.Datetime("Decided", readonly=True)

    def _log_open(self, coupling, conflicts):
        """Keep the open conflicts of a coupling as they are now.

        :param conflicts: list of dicts of field_key, field_label, base_value,
            odoo_value, dataverse_value
        """
        known = {
            conflict.field_key: conflict
            for conflict in self.search(
                [("coupling_id", "=", coupling.id), ("state", "=", "open")]
            )
        }
        for vals in conflicts:
            if vals["field_key"] in known:
                known.pop(vals["field_key"]).write(vals)
            else:
                self.create({**self._about(coupling), **vals, "state": "open"})
        for conflict in known.values():
            conflict.state = "resolved"

    def _log_decision(self, coupling, decisions):
        """Keep what a person decided, with the values that were decided between.

        :param decisions: list of dicts as above, with ``winner``
        """
        waiting = {
            conflict.field_key: conflict
            for conflict in coupling.conflict_ids
            if conflict.state == "open"
        }
        settled = {
            "state": "resolved",
            "decided_by": self.env.uid,
            "decided_at": fields.Datetime.now(),
        }
        for vals in decisions:
            conflict = waiting.get(vals["field_key"])
            if conflict:
                conflict.write({**vals, **settled})
            else:
                self.create({**self._about(coupling), **vals, **settled})

    def _log_losers(self, coupling, losers):
        """Keep values that were overwritten although nobody had seen them.

        What is logged already, by an attempt that had to be repeated, is not logged
        again.

        :param losers: list of dicts as above, with ``winner``
        """
        for vals in losers:
            entry = {**self._about(coupling), **vals, "state": "resolved"}
            if not self.search_count(
                [(name, "=", value) for name, value in entry.items()], limit=1
            ):
                self.create(entry)

    @api.autovacuum
    def _gc_conflicts(self):
        """Decided conflicts are kept for two years, open ones until they are."""
        self.search(
            [
                ("state", "=", "resolved"),
                (
                    "create_date",
                    "<",
                    fields.Datetime.subtract(fields.Datetime.now(), years=2),
                ),
            ],
            limit=10000,
        ).unlink()

    def _about(self, coupling):
        return {
            "coupling_id": coupling.id,
            "mapping_id": coupling.mapping_id.id,
            "res_id": coupling.res_id,
            "external_id": coupling.external_id,
        }
