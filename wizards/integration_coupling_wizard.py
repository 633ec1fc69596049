"""Set Up Coupling: this record and that row, existing or new."""

from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationCouplingWizard(models.TransientModel):
    _name = "integration.coupling.wizard"
    _description = "Set Up Coupling"

    mapping_id = fields.Many2one("integration.table.mapping", required=True)
    res_model = fields.Char(related="mapping_id.model")
    res_id = fields.Many2oneReference("Record", model_field="res_model", required=True)
    record_name = fields.Char(compute="_compute_record_name")
    integration_table = fields.Char(related="mapping_id.integration_table")
    can_create = fields.Boolean(compute="_compute_can_create")
    search_text = fields.Char("Search", help="A part of the row's name.")
    candidate_ids = fields.One2many(
        "integration.coupling.wizard.candidate", "wizard_id", string="Candidates"
    )
    external_id = fields.Char("Dataverse ID")
    external_name = fields.Char("Row in Dataverse")
    create_new = fields.Boolean()
    synchronize = fields.Selection(
        [
            ("chosen", "As Chosen per Line"),
            ("send", "Use the Odoo Data"),
            ("get", "Use the Dataverse Data"),
            ("no", "No"),
        ],
        string="Synchronize After Coupling",
        default="chosen",
        required=True,
    )
    line_ids = fields.One2many(
        "integration.coupling.wizard.line", "wizard_id", string="Values"
    )

    @api.depends("res_model", "res_id")
    def _compute_record_name(self):
        for wizard in self:
            wizard.record_name = (
                self.env[wizard.res_model].browse(wizard.res_id).display_name
            )

    @api.depends("mapping_id")
    def _compute_can_create(self):
        for wizard in self:
            wizard.can_create = wizard.mapping_id.direction != "from_integration"

    def _record(self):
        self.ensure_one()
        self.mapping_id.check_access("read")
        record = self.env[self.res_model].browse(self.res_id)
        record.check_access("write")
        return record

    def _session(self):
        return self.env["integration.engine.run"]._look(self.mapping_id)

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Set Up Coupling"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    # -- choosing the row -------------------------------------------------------------

    def action_search(self):
        """Find rows: by the text that was entered, else by the matching criteria."""
        self.ensure_one()
        record = self._record()
        couple = self.env["integration.engine.couple"].sudo()
        session = self._session()
        with self.env["integration.engine.gateway"]._in_sentences():
            if self.search_text:
                rows = couple._search_rows(session, self.search_text)
                found = [(row, "") for row in rows]
            else:
                found = couple._suggest(session, record.id)
        taken = {
            coupling.external_id: coupling
            for coupling in self.env["integration.coupling"]
            .sudo()
            .search(
                [
                    ("mapping_id", "=", self.mapping_id.id),
                    ("external_id", "in", [row.id for row, _reason in found]),
                ]
            )
        }
        name = session.table.primary_name
        self.candidate_ids = [(5, 0, 0)] + [
            (
                0,
                0,
                {
                    "external_id": row.id,
                    "name": row.values.get(name) or row.id,
                    "reason": (
                        self.env._("coupled to '%s'", taken[row.id].record_name)
                        if row.id in taken
                        else reason
                    ),
                    "free": row.id not in taken,
                },
            )
            for row, reason in found
        ]
        if not self.search_text and len(found) == 1:
            self._choose(session, found[0][0])
        return self._open()

    def _choose(self, session, row):
        """Show both sides of a pair, one line a field."""
        couple = self.env["integration.engine.couple"].sudo()
        self.sudo().write(
            {
                "external_id": row.id,
                "external_name": row.values.get(session.table.primary_name) or row.id,
                "create_new": False,
                "line_ids": [(5, 0, 0)]
                + [
                    (0, 0, {**line, "choice": self._default_choice(line)})
                    for line in couple._compare(session, self.res_id, row)
                ],
            }
        )

    def _default_choice(self, line):
        """The side that has a value; of two values, Odoo's, where the user is."""
        return "dataverse" if not line["odoo_value"] else "odoo"

    # -- coupling ---------------------------------------------------------------------

    def action_create_new(self):
        """Create a new row from the record, and couple the two."""
        self.ensure_one()
        record = self._record()
        if (
            self.env["integration.coupling"]
            .sudo()
            .search_count(
                [("mapping_id", "=", self.mapping_id.id), ("res_id", "=", record.id)]
            )
        ):
            raise UserError(self.env._("'%s' is coupled already.", record.display_name))
        mapping = self.mapping_id.sudo()
        self.env["integration.tombstone"].sudo()._forget(mapping, [record.id])
        self.env["integration.inbox"].sudo()._put_hints(mapping, res_ids=[record.id])
        job = self.env["integration.engine.run"]._run(
            mapping, kind="coupling", only=([record.id], []), create=True, match=False
        )
        return self._done(job)

    def action_couple(self):
        """Couple the record to the chosen row, and synchronize as asked."""
        self.ensure_one()
        record = self._record()
        if not self.external_id:
            raise UserError(
                self.env._("Choose a row from the list, or create a new one.")
            )
        session = self._session()
        row = self.env["integration.engine.gateway"]._retrieve(
            session, self.external_id
        )
        self._check_free(record, row)
        couplings = (
            self.env["integration.engine.couple"]
            .sudo()
            ._pair_up(
                session,
                [(record.id, row)],
                synchronize=self.synchronize,
                choices=(
                    {line.key: line.choice for line in self.line_ids if line.different}
                    if self.synchronize == "chosen"
                    else None
                ),
            )
        )
        if self.synchronize == "no":
            return self._notify(self.env._("The records are coupled."))
        job = self.env["integration.engine.run"]._run(
            self.mapping_id,
            kind="coupling",
            couplings=couplings,
            initial_policy=(
                self.synchronize if self.synchronize in ("send", "get") else None
            ),
        )
        return self._done(job)

    def _check_free(self, record, row):
        for coupling in (
            self.env["integration.coupling"]
            .sudo()
            .search(
                [
                    ("mapping_id", "=", self.mapping_id.id),
                    "|",
                    ("res_id", "=", record.id),
                    ("external_id", "=", row.id),
                ]
            )
        ):
            if coupling.res_id != record.id:
                raise UserError(
                    self.env._(
                        "This row is coupled to '%s' already. Delete that coupling "
                        "first.",
                        coupling.record_name,
                    )
                )
            # Coupling a record anew takes it away from its former row.
            coupling.sudo()._uncouple()

    def _done(self, job):
        """Say how it went, with the sentence of what went wrong."""
        if job.state == "failed":
            raise UserError(job.message)
        if job.message:
            return self._notify(job.message)
        error = job.error_ids[:1]
        if error:
            return self._notify(error.message, kind="warning")
        return self._notify(self.env._("The records are coupled and in sync."))

    def _notify(self, message, kind="success"):
        return self.mapping_id.connection_id.sudo()._notify(
            self.record_name, message, kind
        )


class IntegrationCouplingWizardCandidate(models.TransientModel):
    _name = "integration.coupling.wizard.candidate"
    _description = "Row to Couple With"

    wizard_id = fields.Many2one(
        "integration.coupling.wizard", required=True, ondelete="cascade"
    )
    external_id = fields.Char(required=True)
    name = fields.Char()
    reason = fields.Char("Why")
    free = fields.Boolean(default=True, help="Not coupled to another record yet.")

    def action_choose(self):
        """Compare the record with this row."""
        self.ensure_one()
        wizard = self.wizard_id
        wizard._record()
        session = wizard._session()
        row = self.env["integration.engine.gateway"]._retrieve(
            session, self.external_id
        )
        wizard._choose(session, row)
        return wizard._open()


class IntegrationCouplingWizardLine(models.TransientModel):
    _name = "integration.coupling.wizard.line"
    _description = "Values to Choose From"
    _inherit = ["integration.both.sides"]

    wizard_id = fields.Many2one(
        "integration.coupling.wizard", required=True, ondelete="cascade"
    )
    choice = fields.Selection(
        [("odoo", "Odoo"), ("dataverse", "Dataverse")], string="Use", required=True
    )
