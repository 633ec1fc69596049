"""Full Synchronization Review: one row a table mapping, kept until it is done."""

from odoo import api, fields, models
from odoo.exceptions import UserError

COUNTERS = ("inserted", "coupled", "conflicts", "failed")
ACTIVE = ("waiting", "running")


class IntegrationFullSync(models.Model):
    """What the scheduled action reads, so that nothing is lost when the server ends."""

    _name = "integration.full.sync"
    _description = "Full Synchronization"
    _order = "sequence, id"
    _rec_name = "mapping_id"

    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, readonly=True, ondelete="cascade"
    )
    sequence = fields.Integer(readonly=True)
    company_id = fields.Many2one(related="mapping_id.company_id", store=True)
    model_id = fields.Many2one(related="mapping_id.model_id")
    integration_table = fields.Char(related="mapping_id.integration_table")
    odoo_count = fields.Integer("In Odoo", readonly=True)
    dataverse_count = fields.Integer("In Dataverse", readonly=True)
    coupled_count = fields.Integer("Coupled", readonly=True)
    recommendation = fields.Selection(
        [
            ("full", "Full Synchronization"),
            ("couple", "Couple Records First"),
            ("nothing", "Nothing to Do"),
            ("unknown", "Cannot Be Told"),
        ],
        readonly=True,
    )
    reason = fields.Text("Why", readonly=True)
    after_ids = fields.Many2many("integration.table.mapping", readonly=True)
    state = fields.Selection(
        [
            ("ready", "Not Started"),
            ("waiting", "Waiting"),
            ("running", "Running"),
            ("paused", "Paused"),
            ("done", "Finished"),
            ("partial", "Finished with Errors"),
            ("failed", "Failed"),
        ],
        default="ready",
        required=True,
        readonly=True,
    )
    started_at = fields.Datetime("Started", readonly=True)
    finished_at = fields.Datetime("Finished", readonly=True)
    inserted = fields.Integer("Created", readonly=True)
    modified_count = fields.Integer("Changed", readonly=True)
    coupled = fields.Integer("Newly Coupled", readonly=True)
    conflicts = fields.Integer(readonly=True)
    failed = fields.Integer(readonly=True)
    message = fields.Text("Result", readonly=True)

    _mapping_uniq = models.Constraint(
        "UNIQUE (mapping_id)", "A mapping is reviewed once at a time."
    )

    # -- review -----------------------------------------------------------------------

    @api.model
    def _review(self):
        """The rows of all mappings, with fresh counts where nothing is going on.

        :return: the rows, in the order in which they run
        """
        mappings = self.env["integration.table.mapping"].search(
            [("connection_id.state", "=", "connected")]
        )
        run = self.env["integration.engine.run"]
        ordered = mappings._in_run_order()
        known = {row.mapping_id: row for row in self.search([])}
        rows = self.browse()
        for sequence, mapping in enumerate(ordered):
            row = known.get(mapping) or self.create({"mapping_id": mapping.id})
            row.sequence = sequence
            row.after_ids = run._needed_by(mapping, ordered[:sequence])
            if row.state not in (*ACTIVE, "paused"):
                row._recommend()
            rows |= row
        return rows

    def _recommend(self):
        """Count both sides, and say what to do."""
        self.ensure_one()
        mapping = self.mapping_id
        coupled = self.env["integration.coupling"].search_count(
            [("mapping_id", "=", mapping.id)]
        )
        vals = {
            "odoo_count": mapping._records().search_count(mapping._scope_domain()),
            "coupled_count": coupled,
        }
        try:
            vals["dataverse_count"] = self.env["integration.engine.diagnose"]._rows_of(
                mapping
            )
        except UserError as error:
            self.write({**vals, "recommendation": "unknown", "reason": str(error)})
            return
        only_odoo = vals["odoo_count"] - coupled
        only_dataverse = vals["dataverse_count"] - coupled
        if only_odoo > 0 and only_dataverse > 0:
            recommendation, reason = (
                "couple",
                self.env._(
                    "Both sides have records that are not coupled: %(odoo)s in Odoo, "
                    "%(dataverse)s in Dataverse. Coupling first avoids duplicates.",
                    odoo=only_odoo,
                    dataverse=only_dataverse,
                ),
            )
        elif only_odoo > 0:
            recommendation, reason = (
                "full",
                self.env._("In Odoo only: %s.", only_odoo),
            )
        elif only_dataverse > 0:
            recommendation, reason = (
                "full",
                self.env._("In Dataverse only: %s.", only_dataverse),
            )
        else:
            recommendation, reason = (
                "nothing",
                (
                    self.env._("Everything is coupled.")
                    if coupled
                    else self.env._("There are no records on either side.")
                ),
            )
        self.write({**vals, "recommendation": recommendation, "reason": reason})

    # -- starting and stopping --------------------------------------------------------

    def action_start(self):
        """Start these, or go on with them; the scheduled action does the work."""
        self.mapping_id.connection_id._check_manager()
        self.mapping_id._check_connected()
        for row in self.filtered(lambda row: row.state not in ACTIVE):
            if row.state != "paused":
                row.mapping_id._request_full_synchronization()
                row.sudo().write(
                    {
                        "started_at": fields.Datetime.now(),
                        "finished_at": False,
                        "message": False,
                        **dict.fromkeys((*COUNTERS, "modified_count"), 0),
                    }
                )
            row.sudo().state = "waiting"
        self.env["integration.table.mapping"]._wake_up()

    def action_pause(self):
        """Pause these; what they did so far stays, and they go on from there."""
        self.mapping_id.connection_id._check_manager()
        going = self.filtered(lambda row: row.state in ACTIVE)
        self.env["integration.sync.job"].search(
            [("mapping_id", "in", going.mapping_id.ids), ("state", "=", "running")]
        ).action_stop()
        going.sudo().state = "paused"

    def action_couple(self):
        """Couple what both sides have, before the rest is created."""
        self.ensure_one()
        return self.mapping_id.action_match_based_coupling()

    def action_open_errors(self):
        self.ensure_one()
        return self.mapping_id.action_open_errors()

    # -- running ----------------------------------------------------------------------

    @api.model
    def _of(self, mapping):
        """The row of a mapping that is started and not finished, if there is one.

        While it is paused or waits for another mapping, the mapping rests: an ordinary
        run would use up what the full synchronization has still to look at.
        """
        return self.search(
            [("mapping_id", "=", mapping.id), ("state", "in", (*ACTIVE, "paused"))]
        )

    def _waits_for(self):
        """The rows that have to be finished first."""
        return self.search(
            [
                ("mapping_id", "in", self.after_ids.ids),
                ("state", "in", (*ACTIVE, "paused")),
            ]
        )

    def _go_on(self):
        """Run the mapping once; what is missing on one side is created there."""
        self.ensure_one()
        if self.state == "paused" or self._waits_for():
            return
        self.state = "running"
        job = self.env["integration.engine.run"]._run(
            self.mapping_id, kind="review", create=True
        )
        vals = {name: self[name] + job[name] for name in COUNTERS}
        vals["modified_count"] = self.modified_count + int(job.modified)
        if job.state in ("failed", "stopped"):
            vals["message"] = job.message
        # A pause that Dataverse asked for ends by itself, and this goes on.
        if job.state == "failed" and not self.mapping_id.connection_id._is_paused():
            vals |= {"state": "failed", "finished_at": fields.Datetime.now()}
        elif job.state != "stopped" and not job.message and not self._is_work_left():
            vals |= self._end(vals)
        # Whoever paused it while it ran has been told the truth: it is paused.
        self.invalidate_recordset(["state"])
        if self.state == "paused":
            vals.pop("state", None)
        self.write(vals)

    def _is_work_left(self):
        checkpoint = self.env["integration.checkpoint"]._of(self.mapping_id)
        return bool(
            checkpoint.next_link
            or self.env["integration.inbox"]._count(self.mapping_id, due=True)
        )

    def _end(self, counts):
        """How it ended: never green while something failed or waits."""
        trouble = counts["failed"] + counts["conflicts"]
        did = [
            sentence
            for number, sentence in (
                (counts["inserted"], self.env._("%s created", counts["inserted"])),
                (
                    counts["modified_count"],
                    self.env._("%s changed", counts["modified_count"]),
                ),
                (counts["coupled"], self.env._("%s coupled", counts["coupled"])),
                (trouble, self.env._("%s to decide or correct", trouble)),
            )
            if number
        ]
        return {
            "state": "partial" if trouble else "done",
            "finished_at": fields.Datetime.now(),
            "message": ", ".join(did) or self.env._("Nothing was missing"),
        }
