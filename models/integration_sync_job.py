"""One run of a mapping: what it did, and how it ended."""

from odoo import api, fields, models

COUNTERS = (
    "inserted",
    "modified",
    "deleted",
    "unchanged",
    "skipped",
    "failed",
    "coupled",
    "uncoupled",
    "conflicts",
    "requests",
)


class CallableCount(int):
    """A number that is also :meth:`BaseModel.modified` of its records."""

    def __call__(self, *args, **kwargs):
        return models.BaseModel.modified(self.records, *args, **kwargs)


class ModifiedCount(fields.Integer):
    """The counter ``modified``, a name that programs outside rely on.

    Odoo has a method of that name on every model and calls it when it writes; a plain
    field would hide it. So what this field reads as can be called as well.
    """

    def __get__(self, records, owner=None):
        if records is None:
            return self
        value = super().__get__(records, owner) if len(records) == 1 else 0
        count = CallableCount(value)
        count.records = records
        return count


class IntegrationSyncJob(models.Model):
    _name = "integration.sync.job"
    _description = "Integration Synchronization Job"
    _order = "id desc"
    _rec_name = "mapping_id"

    mapping_id = fields.Many2one(
        "integration.table.mapping",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="mapping_id.company_id", store=True, precompute=True
    )
    kind = fields.Selection(
        [
            ("scheduled", "Scheduled"),
            ("manual", "Synchronize Now"),
            ("coupling", "Coupling"),
            ("uncoupling", "Uncoupling"),
            ("undo", "Undo"),
        ],
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [
            ("running", "Running"),
            ("done", "Finished"),
            ("partial", "Finished with Errors"),
            ("failed", "Failed"),
        ],
        default="running",
        required=True,
        readonly=True,
        index=True,
    )
    started_at = fields.Datetime(readonly=True, default=fields.Datetime.now)
    finished_at = fields.Datetime(readonly=True)
    duration = fields.Float("Seconds", readonly=True)
    inserted = fields.Integer(readonly=True, help="Records created on either side.")
    modified = ModifiedCount(readonly=True, help="Records changed on either side.")
    deleted = fields.Integer(
        readonly=True, help="Records deleted or archived on either side."
    )
    unchanged = fields.Integer(readonly=True, help="Looked at, and equal already.")
    skipped = fields.Integer(
        readonly=True, help="Outside of the filters, or not coupled."
    )
    failed = fields.Integer(readonly=True, help="See the errors.")
    coupled = fields.Integer(readonly=True, help="Couplings made.")
    uncoupled = fields.Integer(readonly=True, help="Couplings removed.")
    conflicts = fields.Integer(readonly=True, help="Waiting for a decision.")
    requests = fields.Integer(readonly=True, help="Requests sent to Dataverse.")
    message = fields.Text(readonly=True)
    error_ids = fields.One2many("sync.error", "job_id", string="Errors")
    change_ids = fields.One2many("integration.change", "job_id", string="What It Wrote")
    change_count = fields.Integer("Changes", compute="_compute_change_count")

    @api.depends("change_ids")
    def _compute_change_count(self):
        counts = dict(
            self.env["integration.change"]._read_group(
                [("job_id", "in", self.ids)], ["job_id"], ["__count"]
            )
        )
        for job in self:
            job.change_count = counts.get(job, 0)

    def _counters(self):
        """The counters of the job.

        :return: dict of the names in ``COUNTERS`` to int
        """
        self.ensure_one()
        return {name: self[name] for name in COUNTERS}

    def _totals(self):
        """The counters of several jobs, summed up.

        :return: dict of the names in ``COUNTERS`` to int, the worst ``state`` and the
            ``message`` of what failed
        """
        states = [
            name
            for name in ("done", "partial", "failed")
            for job in self
            if job.state == name
        ]
        return {
            **{name: sum(self.mapped(name)) for name in COUNTERS},
            "state": states[-1] if states else "done",
            "message": "\n".join(job.message for job in self if job.message),
        }

    @api.autovacuum
    def _gc_jobs(self):
        """Quiet jobs are kept for a week, the others for three months."""
        now = fields.Datetime.now()
        self.search(
            [
                "|",
                ("started_at", "<", fields.Datetime.subtract(now, days=90)),
                "&",
                ("started_at", "<", fields.Datetime.subtract(now, days=7)),
                "&",
                ("inserted", "=", 0),
                "&",
                ("modified", "=", 0),
                ("failed", "=", 0),
            ],
            limit=10000,
        ).unlink()

    def action_open_changes(self):
        """What the job wrote, with what was there before."""
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.integration_change_action"
        ) | {"domain": [("job_id", "=", self.id)]}

    def action_undo(self):
        """Ask before what the job wrote is undone."""
        self.ensure_one()
        self.mapping_id.connection_id._check_manager()
        return self.env["integration.undo.wizard"]._ask(self.change_ids)

    def action_open_errors(self):
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.sync_error_action"
        ) | {"domain": [("job_id", "=", self.id)], "context": {}}
