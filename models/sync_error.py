"""Coupled Data Synchronization Errors: what failed, in a sentence, with a way out."""

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError


class SyncError(models.Model):
    _name = "sync.error"
    _description = "Coupled Data Synchronization Error"
    _inherit = ["integration.about.record"]
    _order = "last_at desc, id desc"
    _rec_name = "record_name"

    job_id = fields.Many2one(
        "integration.sync.job", readonly=True, index=True, ondelete="set null"
    )
    mapping_id = fields.Many2one(
        "integration.table.mapping", readonly=True, index=True, ondelete="cascade"
    )
    connection_id = fields.Many2one(
        "integration.connection",
        compute="_compute_connection_id",
        store=True,
        readonly=False,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="connection_id.company_id", store=True)
    coupling_id = fields.Many2one(
        "integration.coupling", readonly=True, index=True, ondelete="set null"
    )
    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="res_model", readonly=True)
    external_id = fields.Char("Dataverse ID", readonly=True)
    record_name = fields.Char("Name", readonly=True)
    kind = fields.Selection(
        [
            ("conflict", "Conflict"),
            ("dependency", "Waiting for Another Record"),
            ("permanent", "Needs Correction"),
            ("transient", "Passing Failure"),
            ("throttle", "Pause for Dataverse"),
            ("auth", "Sign-In"),
            ("deleted", "Deleted on One Side"),
            ("guard", "Stopped for Safety"),
        ],
        required=True,
        readonly=True,
        index=True,
    )
    code = fields.Char(readonly=True)
    detail = fields.Text("Technical Details", readonly=True)
    message = fields.Text(required=True, readonly=True)
    cause = fields.Char(
        compute="_compute_cause",
        store=True,
        index=True,
        help="The message without the record's name: equal for all records that have "
        "the same trouble.",
    )
    field_name = fields.Char("Field", readonly=True)
    state = fields.Selection(
        [
            ("open", "Open"),
            ("retrying", "Retrying"),
            ("resolved", "Resolved"),
            ("dismissed", "Dismissed"),
        ],
        default="open",
        required=True,
        readonly=True,
        index=True,
    )
    first_at = fields.Datetime("First", readonly=True, default=fields.Datetime.now)
    last_at = fields.Datetime("Last", readonly=True, default=fields.Datetime.now)
    retry_at = fields.Datetime("Next Try", readonly=True)
    occurrences = fields.Integer("Times", readonly=True, default=1, aggregator=None)
    conflict_ids = fields.One2many(
        "integration.conflict",
        compute="_compute_conflict_ids",
        string="Values That Differ",
    )

    _open_record = models.Index(
        "(mapping_id, res_id) WHERE state IN ('open', 'retrying')"
    )
    _open_row = models.Index(
        "(mapping_id, external_id) WHERE state IN ('open', 'retrying')"
    )

    @api.depends("mapping_id")
    def _compute_connection_id(self):
        for error in self:
            error.connection_id = error.mapping_id.connection_id or error.connection_id

    @api.depends("message", "record_name")
    def _compute_cause(self):
        for error in self:
            cause = error.message or ""
            if error.record_name:
                cause = cause.replace(f"'{error.record_name}'", "'…'")
            error.cause = cause

    @api.depends("kind", "coupling_id.conflict_ids.state")
    def _compute_conflict_ids(self):
        for error in self:
            error.conflict_ids = error.kind == "conflict" and (
                error.coupling_id.conflict_ids.filtered(lambda c: c.state == "open")
            )

    # -- keeping ----------------------------------------------------------------------

    @api.model
    def _identity(self, vals):
        """Equal failures of the same record are one row."""
        return (vals["kind"], vals.get("field_name") or "")

    @api.model
    def _report(self, mapping, failures, job=None):
        """Keep the failures of some records, and nothing else about these records.

        :param failures: ``{(res_id or 0, external_id or ""): [vals, …]}``: all that is
            wrong with a record now; an empty list resolves what was open
        """
        opened = self._open_of(mapping, failures)
        fresh = []
        for subject, reported in failures.items():
            known = {
                self._identity({"kind": e.kind, "field_name": e.field_name}): e
                for e in opened[subject]
            }
            for vals in reported:
                error = known.pop(self._identity(vals), None)
                if error:
                    error.write(
                        {
                            "retry_at": False,
                            **vals,
                            "job_id": job.id if job else error.job_id.id,
                            "state": "open",
                            "last_at": fields.Datetime.now(),
                            "occurrences": error.occurrences + 1,
                        }
                    )
                else:
                    fresh.append(
                        {
                            "mapping_id": mapping.id,
                            "job_id": job.id if job else False,
                            "res_model": mapping.model,
                            "res_id": subject[0] or False,
                            "external_id": subject[1] or False,
                            **vals,
                        }
                    )
            self.browse([e.id for e in known.values()])._resolve()
        self.create(fresh)
        tries = [
            vals["retry_at"]
            for reported in failures.values()
            for vals in reported
            if vals.get("retry_at")
        ]
        if tries:
            self.env["integration.table.mapping"]._wake_up(at=min(tries))

    @api.model
    def _open_of(self, mapping, subjects):
        """The open errors of subjects, each error under one of its subjects."""
        by_record = {res_id: (res_id, ext) for res_id, ext in subjects if res_id}
        by_row = {ext: (res_id, ext) for res_id, ext in subjects if ext}
        domain = fields.Domain("res_id", "in", list(by_record)) | fields.Domain(
            "external_id", "in", list(by_row)
        )
        if (0, "") in subjects:
            # What stopped a whole run is about no record.
            domain |= fields.Domain("res_id", "=", False) & fields.Domain(
                "external_id", "=", False
            )
        opened = defaultdict(list)
        for error in self.search(
            fields.Domain("mapping_id", "=", mapping.id)
            & fields.Domain("state", "in", ("open", "retrying"))
            & domain
        ):
            subject = by_record.get(error.res_id) or by_row.get(error.external_id)
            opened[subject or (0, "")].append(error)
        return opened

    def _resolve(self):
        if self:
            self.write({"state": "resolved", "retry_at": False})

    @api.autovacuum
    def _gc_errors(self):
        """Errors that are settled are kept for three months."""
        self.search(
            [
                ("state", "in", ("resolved", "dismissed")),
                (
                    "last_at",
                    "<",
                    fields.Datetime.subtract(fields.Datetime.now(), days=90),
                ),
            ],
            limit=10000,
        ).unlink()

    # -- ways out ---------------------------------------------------------------------

    def action_retry(self):
        """Let the next run look at these records again.

        For what was held back for safety, this is the confirmation.
        """
        self._check_records()
        self = self.filtered(lambda error: error.state != "resolved")
        guarded = self.filtered(lambda error: error.kind == "guard")
        if guarded:
            guarded.connection_id._check_chosen()
            guarded.job_id.action_confirm()
        (self.sudo() - guarded.sudo())._look_again()

    def _look_again(self):
        """Have the records of these errors looked at by the next run."""
        for mapping, errors in self.grouped("mapping_id").items():
            if mapping:
                self.env["integration.inbox"]._put_hints(
                    mapping,
                    res_ids=set(errors.mapped("res_id")) - {0},
                    external_ids=set(errors.mapped("external_id")) - {False},
                )
        self.write({"state": "retrying", "retry_at": fields.Datetime.now()})
        self.env["integration.table.mapping"]._wake_up()

    @api.model
    def _retry_option(self, line):
        """Retry all that misses an option of a field mapping, now that it has one."""
        self.search(
            [
                ("mapping_id", "=", line.mapping_id.id),
                ("field_name", "=", line.field_name),
                ("code", "=", "option"),
                ("state", "=", "open"),
            ]
        )._look_again()

    def action_synchronize(self):
        """Synchronize these records at once; both must exist."""
        self._check_records()
        couplings = self._couplings()
        if not couplings:
            raise UserError(
                self.env._(
                    "These records are not coupled: set up a coupling, or retry."
                )
            )
        return couplings.action_synchronize_now()

    def action_resolve(self):
        """Decide the conflicts among these errors, field by field."""
        self._check_records()
        conflicts = self.filtered(lambda error: error.kind == "conflict")
        return conflicts._couplings().action_resolve_conflicts()

    def action_set_up_coupling(self):
        """Couple the record of this error to another row."""
        if len(self) != 1:
            raise UserError(
                self.env._(
                    "A coupling is set up for one record at a time: select one error."
                )
            )
        if not self.res_id:
            raise UserError(
                self.env._("There is no Odoo record yet that could be coupled.")
            )
        record = self.env[self.res_model].browse(self.res_id)
        return self.env["integration.coupling"].action_set_up_coupling_of(record)

    def action_map_options(self):
        """Say which record or value stands for the option that this error misses."""
        self.ensure_one()
        lines = self.mapping_id.field_mapping_ids.filtered(
            lambda line: line.field_name == self.field_name
        )
        if not lines:
            raise UserError(self.env._("This field is not mapped any more."))
        return lines[:1].action_options()

    def action_delete_coupling(self):
        """Delete the couplings of these errors; the records stay."""
        self._check_records()
        return self._couplings().action_uncouple()

    def action_restore_record(self):
        """Create the deleted record anew from the one that is left."""
        self._check_records()
        self._decide_deletion("restore")

    def action_delete_record(self):
        """Delete the record that is left."""
        self._check_records()
        self._decide_deletion("delete")

    def _decide_deletion(self, decision):
        couplings = self.filtered(lambda e: e.kind == "deleted")._couplings()
        if not couplings:
            raise UserError(
                self.env._("None of these records was deleted on one side only.")
            )
        couplings._run(deletion_policy=decision)

    def action_dismiss(self):
        """Put the error aside; it comes back when it happens again."""
        self._check_records()
        self.sudo().write({"state": "dismissed", "retry_at": False})

    def action_find_deleted(self):
        """Look for couplings of which one record is gone without anybody noticing."""
        mappings = self.env["integration.table.mapping"].search(
            [("connection_id.state", "=", "connected")]
        )
        return mappings.action_find_deleted()

    def _couplings(self):
        """The couplings of these errors, also of errors older than the coupling."""
        couplings = self.env["integration.coupling"]
        for error in self:
            couplings |= error.coupling_id or couplings.search(
                [
                    ("mapping_id", "=", error.mapping_id.id),
                    "|",
                    ("res_id", "=", error.res_id or -1),
                    ("external_id", "=", error.external_id or ""),
                ],
                limit=1,
            )
        return couplings

    def _check_records(self):
        """Whoever mends an error may write the record that it is about."""
        self.check_access("read")
        for model_name, errors in self.filtered("res_id").grouped("res_model").items():
            if model_name in self.env:
                self.env[model_name].browse(
                    errors.mapped("res_id")
                ).exists().check_access("write")
