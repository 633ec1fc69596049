"""One run of a mapping: what it did, and how it ended."""

from odoo import api, fields, models
from odoo.fields import Domain

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
# What tells a run that did something from a quiet one.
CHANGES = tuple(
    name for name in COUNTERS if name not in ("unchanged", "skipped", "requests")
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
            ("full", "Full Compare"),
            ("review", "Full Synchronization"),
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
            ("stopped", "Stopped"),
            ("partial", "Finished with Errors"),
            ("held", "Held Back"),
            ("confirmed", "Confirmed"),
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
    processed = fields.Integer(readonly=True, help="Looked at so far.", aggregator=None)
    total = fields.Integer(
        readonly=True, help="Looked at so far and waiting.", aggregator=None
    )
    told_at = fields.Datetime(
        readonly=True, help="When the progress was told last; empty for short runs."
    )
    message = fields.Text(readonly=True)
    held_back = fields.Json(
        "Plan That Was Held Back",
        groups=fields.NO_ACCESS,
        help="What the run would have done: the keys of the guard.",
    )
    held_count = fields.Integer("Records Held Back", compute="_compute_held_count")
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

    def _was_quiet(self):
        """Whether the job found nothing to do on either side."""
        return self.state == "done" and not any(self[name] for name in CHANGES)

    def _totals(self):
        """The counters of several jobs, summed up.

        :return: dict of the names in ``COUNTERS`` to int, the worst ``state`` and the
            ``message`` of what failed
        """
        states = [
            name
            for name in ("done", "stopped", "partial", "held", "failed")
            for job in self
            if job.state == name
        ]
        return {
            **{name: sum(self.mapped(name)) for name in COUNTERS},
            "state": states[-1] if states else "done",
            "message": "\n".join(job.message for job in self if job.message),
        }

    # -- what was held back -----------------------------------------------------------

    @api.depends("held_back")
    def _compute_held_count(self):
        for job in self:
            job.held_count = len(job.sudo().held_back or [])

    def _hold(self, keys):
        """Keep what the run would have done, until somebody lets it go on.

        There is one such job a mapping: an older one asks about an older plan.
        """
        others = self.search(
            [
                ("mapping_id", "=", self.mapping_id.id),
                ("state", "in", ("held", "confirmed")),
            ]
        )
        others.error_ids.job_id = self
        others.unlink()
        self.held_back = sorted(keys)

    @api.model
    def _confirmed(self, mapping):
        """The keys of everything that a person let go on."""
        confirmed = self.search(
            [("mapping_id", "=", mapping.id), ("state", "=", "confirmed")]
        )
        return {key for job in confirmed for key in job.held_back}

    def _carried_out(self):
        """Nothing is due in the mapping any more: what was held back is past."""
        past = self.search(
            [
                ("mapping_id", "in", self.mapping_id.ids),
                ("state", "in", ("held", "confirmed")),
            ]
        )
        past.write({"state": "done", "held_back": False, "message": False})

    def action_confirm(self):
        """Let the run go on with what it held back, and with nothing more."""
        self.mapping_id.connection_id._check_manager()
        held = self.sudo().filtered(lambda job: job.state == "held")
        held.state = "confirmed"
        held.mapping_id._wake_up()
        return held.mapping_id.connection_id[:1]._notify_scheduled()

    def action_open_held_back(self):
        """The couplings of the records that were held back."""
        self.ensure_one()
        self.check_access("read")
        ids = [int(key.split(":")[1]) for key in self.sudo().held_back or []]
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.integration_coupling_action"
        ) | {"domain": [("id", "in", ids)], "context": {}}

    @api.autovacuum
    def _gc_jobs(self):
        """Quiet jobs are kept for a week, others for three months, and what was held
        back until it is settled."""
        now = fields.Datetime.now()
        old, stale = (
            Domain("started_at", "<", fields.Datetime.subtract(now, days=days))
            for days in (7, 90)
        )
        quiet = Domain("state", "=", "done") & Domain.AND(
            [Domain(name, "=", 0) for name in CHANGES]
        )
        settled = Domain("state", "not in", ("held", "confirmed"))
        self.search(settled & (stale | old & quiet), limit=10000).unlink()

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
        return self.env["integration.undo.wizard"]._ask(job_id=self.id)

    # -- live progress ----------------------------------------------------------------

    def _progress(self):
        """What is shown of a run while it is on, and when it ends.

        :return: dict; ``rate`` in records a second, ``left`` in seconds or ``None``
        """
        self.ensure_one()
        seconds = max(
            ((self.told_at or self.started_at) - self.started_at).total_seconds(), 1
        )
        rate = self.processed / seconds
        return {
            "id": self.id,
            "mapping_id": self.mapping_id.id,
            "name": self.mapping_id.name,
            "user_id": self.create_uid.id,
            "state": self.state,
            "processed": self.processed,
            "total": self.total,
            "rate": round(rate),
            "left": round((self.total - self.processed) / rate) if rate else None,
            "message": self.message or self._result(),
        }

    def _result(self):
        """What a run did, in one sentence."""
        parts = [
            (self.inserted, self.env._("%s created", self.inserted)),
            (int(self.modified), self.env._("%s changed", int(self.modified))),
            (self.deleted, self.env._("%s deleted or archived", self.deleted)),
            (self.coupled, self.env._("%s coupled", self.coupled)),
            (self.conflicts, self.env._("%s waiting for a decision", self.conflicts)),
            (self.failed, self.env._("%s failed, see the errors", self.failed)),
        ]
        return ", ".join(text for number, text in parts if number) or self.env._(
            "Nothing was different."
        )

    @api.model
    def running(self):
        """The runs that are on now and take long enough to be shown.

        :return: list of dicts as of :meth:`_progress`
        """
        alive = self.env["integration.checkpoint"]._oldest_lease()
        jobs = self.search([("state", "=", "running"), ("told_at", ">", alive)])
        return [job._progress() for job in jobs]

    def action_stop(self):
        """Ask these runs to stop at the next possible moment."""
        for job in self:
            if job.create_uid != self.env.user:
                job.mapping_id.connection_id._check_manager()
        self.check_access("read")
        self.env["integration.stop"].sudo().create(
            [{"job_id": job.id} for job in self if job.state == "running"]
        )

    def action_open_errors(self):
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.sync_error_action"
        ) | {"domain": [("job_id", "=", self.id)], "context": {}}
