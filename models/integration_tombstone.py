"""Pairs that were coupled and are so no more, and must not come back by themselves."""

from odoo import api, fields, models


class IntegrationTombstone(models.Model):
    _name = "integration.tombstone"
    _description = "Former Coupling"
    _order = "id desc"

    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, index=True, ondelete="cascade"
    )
    res_id = fields.Integer("Record", index=True)
    external_id = fields.Char("Dataverse ID", index=True)
    reason = fields.Selection(
        [
            ("uncoupled", "Coupling deleted by a user"),
            ("deleted", "A record was deleted"),
            ("refused", "Match refused by a user"),
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
    def _forget(self, mapping, res_ids=(), external_ids=()):
        """A person couples these again: what was said before no longer holds."""
        self.search(
            [
                ("mapping_id", "=", mapping.id),
                "|",
                ("res_id", "in", list(res_ids)),
                ("external_id", "in", list(external_ids)),
            ]
        ).unlink()
