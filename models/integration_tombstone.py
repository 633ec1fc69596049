"""Pairs that were coupled and are so no more, and must not come back by themselves."""

from odoo import api, fields, models


class IntegrationTombstone(models.Model):
    _name = "integration.tombstone"
    _description = "Former Coupling"
    _order = "id desc"

    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, index=True, ondelete="cascade"
    )
    res_model = fields.Char("Model", related="mapping_id.model")
    res_id = fields.Integer("Record", index=True)
    external_id = fields.Char("Dataverse ID", index=True)
    reason = fields.Selection(
        [
            ("uncoupled", "Coupling deleted by a user"),
            ("deleted", "A record was deleted"),
            ("refused", "Match refused by a user"),
            ("merged", "Merged into another record"),
        ],
        required=True,
    )
    base = fields.Json(groups=fields.NO_ACCESS)

    @api.model
    def _bury(self, couplings, reason):
        """Remember couplings that are about to be removed."""
        self.create(
            [
                {
                    "mapping_id": coupling.mapping_id.id,
                    "res_id": coupling.res_id,
                    "external_id": coupling.external_id,
                    "reason": reason,
                    "base": coupling.base,
                }
                for coupling in couplings
            ]
        )

    @api.model
    def _refuse(self, mapping, pairs):
        """Remember pairs that matching found and a person did not want.

        :param pairs: list of ``(res_id, external_id)``
        """
        self.create(
            [
                {
                    "mapping_id": mapping.id,
                    "res_id": res_id,
                    "external_id": external_id,
                    "reason": "refused",
                }
                for res_id, external_id in pairs
            ]
        )

    @api.autovacuum
    def _gc_tombstones(self):
        """Forget pairs of which the record is gone and the row will not come back.

        A grave of a record that lives on is kept: without it, the record would be
        created in Dataverse once more. Deleted rows are kept for 30 days at most.
        (Power Platform: "Restore deleted Microsoft Dataverse table records")
        """
        old = fields.Datetime.subtract(fields.Datetime.now(), years=1)
        graves = self.search([("create_date", "<", old)], limit=10000)
        for model_name, of_model in graves.grouped("res_model").items():
            if model_name in self.env:
                records = self.env[model_name].browse(of_model.mapped("res_id"))
                alive = set(records.exists().ids)
                of_model.filtered(
                    lambda g, a=alive: g.res_id and g.res_id not in a
                ).unlink()

    @api.model
    def _bury_row(self, mapping, external_id, reason):
        """Leave a row alone from now on, but not the record that it belonged to."""
        self.create(
            {"mapping_id": mapping.id, "external_id": external_id, "reason": reason}
        )

    @api.model
    def _of_mapping(self, mapping):
        """The graves of rows that may have come back when Dataverse was restored."""
        return self.search(
            [("mapping_id", "=", mapping.id), ("reason", "=", "deleted")]
        )

    @api.model
    def _of_rows(self, mapping, external_ids):
        """The latest graves of rows that ended because a record was deleted."""
        graves = self.search(
            [
                ("mapping_id", "=", mapping.id),
                ("external_id", "in", list(external_ids)),
            ]
        )
        latest = {}
        for grave in graves:
            latest.setdefault(grave.external_id, grave)
        return graves.filtered(
            lambda g: latest[g.external_id] == g and g.reason == "deleted" and g.base
        )

    @api.model
    def _buried(self, mapping, res_ids, external_ids):
        """Which of these must be left alone.

        :return: ``(set of res_ids, set of external_ids)``
        """
        graves = self.search(
            [
                ("mapping_id", "=", mapping.id),
                "|",
                ("res_id", "in", list(res_ids)),
                ("external_id", "in", list(external_ids)),
            ]
        )
        return set(graves.mapped("res_id")), set(graves.mapped("external_id"))

    @api.model
    def _merged(self, mapping, res_ids, external_ids):
        """Those among these records and rows that were merged into others, as a set."""
        graves = self.search(
            [
                ("mapping_id", "=", mapping.id),
                ("reason", "=", "merged"),
                "|",
                ("res_id", "in", list(res_ids)),
                ("external_id", "in", list(external_ids)),
            ]
        )
        return {
            id_ for grave in graves for id_ in (grave.res_id, grave.external_id) if id_
        }

    @api.model
    def _forget(self, mapping, res_ids=(), external_ids=()):
        """A person couples these again: what was said of them no longer holds.

        Of what they were coupled to before it does: that comes back by itself no more
        than it did.
        """
        graves = self.search(
            [
                ("mapping_id", "=", mapping.id),
                "|",
                ("res_id", "in", list(res_ids)),
                ("external_id", "in", list(external_ids)),
            ]
        )
        records = graves.filtered(lambda g: g.res_id in res_ids)
        rows = graves.filtered(lambda g: g.external_id in external_ids)
        records.res_id = rows.external_id = False
        graves.filtered(lambda g: not g.res_id and not g.external_id).unlink()
