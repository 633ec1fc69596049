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
            ("manual", "Synchronize Now"),
            ("coupling", "Coupling"),
            ("uncoupling", "Uncoupling"),
        ],
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [
            ("running", "Running"),
            ("done", "Finished"),
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
    message = fields.Text(readonly=True)
    held_back = fields.Json(
        "Plan That Was Held Back",
        groups=fields.NO_ACCESS,
        help="What the run would have done: the keys of the guard.",
    )
    held_count = fields.Integer("Records Held Back", compute="_compute_held_count")
    error_ids = fields.One2many("sync.error", "job_id", string="Errors")

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
            for name in ("done", "partial", "held", "failed")
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

    def action_open_errors(self):
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.sync_error_action"
        ) | {"domain": [("job_id", "=", self.id)], "context": {}}
