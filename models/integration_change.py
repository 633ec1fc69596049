"""The synchronization log: every write, with what was there before."""

import json

from psycopg2.extras import execute_values

from odoo import api, fields, models

from .bulk_insert import bulk_insert

ACTIONS = [
    ("create", "Created"),
    ("write", "Changed"),
    ("archive", "Archived"),
    ("delete", "Deleted"),
    ("uncouple", "Coupling Deleted"),
]
KEPT_DAYS = 90


class IntegrationChange(models.Model):
    """One write of one record on one side, by one job.

    A row of Dataverse is logged before it is sent (``sent``), in the transaction that
    is committed before the request, and settled by the answer.
    """

    _name = "integration.change"
    _description = "Synchronization Log"
    _inherit = ["integration.difference", "integration.about.record"]
    _order = "id desc"
    _rec_name = "record_name"

    job_id = fields.Many2one(
        "integration.sync.job", readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="mapping_id.company_id", store=True)
    action = fields.Selection(ACTIONS, "What", required=True, readonly=True)
    state = fields.Selection(
        [
            ("done", "Done"),
            ("sent", "Sent, No Answer"),
            ("undone", "Undone"),
            ("left", "Left as It Is"),
        ],
        default="done",
        required=True,
        readonly=True,
        index=True,
    )
    note = fields.Char(readonly=True, help="Why undo left it as it is.")
    undo_id = fields.Many2one(
        "integration.sync.job", "Undone By", readonly=True, ondelete="set null"
    )
    can_undo = fields.Boolean(compute="_compute_can_undo")

    _record = models.Index("(res_model, res_id)")
    _row = models.Index("(mapping_id, external_id)")
    _sent = models.Index("(mapping_id, external_id) WHERE state = 'sent'")

    @api.depends("state")
    def _compute_can_undo(self):
        for change in self:
            change.can_undo = change.state in ("done", "left")

    # -- keeping ----------------------------------------------------------------------

    @api.model
    def _log(self, mapping, job, entries):
        """Keep what is written, many at once.

        :param entries: dicts with ``side``, ``action`` and, where they are known,
            ``res_id``, ``external_id``, ``record_name``, ``before``, ``after``,
            ``reason``, ``state``
        :return: ids, in that order
        """
        if not entries:
            return []
        shared = {
            "mapping_id": mapping.id,
            "company_id": mapping.company_id.id or None,
            "job_id": job.id or None,
            "res_model": mapping.model,
            "state": "done",
            "create_uid": self.env.uid,
            "create_date": self.env.cr.now(),
        }
        own = ("res_id", "external_id", "record_name", "side", "action")
        columns = [*shared, *own, "before", "after", "reason"]
        ids = bulk_insert(self.env.cr, "integration_change", columns, shared, entries)
        job.invalidate_recordset(["change_ids", "change_count"], flush=False)
        return ids

    @api.model
    def _arrived(self, answers):
        """What was sent has been carried out.

        :param answers: ``{id: after}``: the values that Dataverse holds now
        """
        if answers:
            execute_values(
                self.env.cr._obj,
                "UPDATE integration_change c SET state = 'done',"
                " after = coalesce(v.after::jsonb, c.after)"
                " FROM (VALUES %s) v (id, after) WHERE c.id = v.id",
                [(id_, after and json.dumps(after)) for id_, after in answers.items()],
                page_size=1000,
            )
            self.invalidate_model()

    @api.model
    def _refused(self, ids):
        """What was sent has certainly not been carried out."""
        self.browse(ids).unlink()

    @api.model
    def _unanswered(self, mapping, external_ids):
        """What was sent about these rows, and never answered; the oldest first."""
        return self.search(
            [
                ("mapping_id", "=", mapping.id),
                ("state", "=", "sent"),
                ("external_id", "in", list(external_ids)),
            ],
            order="id",
        )

    @api.autovacuum
    def _gc_changes(self):
        """The log is kept for three months."""
        oldest = fields.Datetime.subtract(fields.Datetime.now(), days=KEPT_DAYS)
        self.search([("create_date", "<", oldest)], limit=10000).unlink()

    # -- undoing ----------------------------------------------------------------------

    def action_undo(self):
        """Ask before these changes are undone."""
        self._check_may_undo()
        return self.env["integration.undo.wizard"]._ask(change_ids=self.ids)

    def _check_may_undo(self):
        """Whoever undoes a change may write the record that it is about."""
        self.check_access("read")
        if self._sees_all():
            return
        for model_name, changes in self.grouped("res_model").items():
            records = self.env[model_name].browse(changes.mapped("res_id")).exists()
            if not all(change.res_id in records._ids for change in changes):
                self.mapping_id.connection_id._check_manager()
            records.check_access("write")
