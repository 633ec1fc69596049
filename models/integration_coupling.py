"""A coupling: this Odoo record and that Dataverse row are the same thing."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .bulk_insert import bulk_insert


class IntegrationCoupling(models.Model):
    _name = "integration.coupling"
    _description = "Coupling"
    _inherit = ["integration.about.record"]
    _order = "id desc"

    mapping_id = fields.Many2one(
        "integration.table.mapping",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    connection_id = fields.Many2one(related="mapping_id.connection_id", store=True)
    company_id = fields.Many2one(related="mapping_id.company_id", store=True)
    res_model = fields.Char(
        "Model", related="mapping_id.model", store=True, index=True, precompute=True
    )
    res_id = fields.Many2oneReference(
        "Record", model_field="res_model", required=True, readonly=True, index=True
    )
    external_id = fields.Char("Dataverse ID", required=True, readonly=True, index=True)
    state = fields.Selection(
        [
            ("coupled", "In Sync"),
            ("pending", "Waiting"),
            ("conflict", "Conflict"),
            ("error", "Error"),
            ("suspended", "Outside the Filter"),
        ],
        default="coupled",
        required=True,
        readonly=True,
        index=True,
    )
    last_synch = fields.Datetime("Last Synchronization", readonly=True)
    record_name = fields.Char(
        "Name",
        compute="_compute_record_name",
        search="_search_record_name",
        compute_sudo=False,
    )
    error_ids = fields.One2many("sync.error", "coupling_id", string="Errors")
    conflict_ids = fields.One2many(
        "integration.conflict", "coupling_id", string="Conflict Log"
    )
    base = fields.Json(
        groups=fields.NO_ACCESS,
        help="Last agreed values: {odoo: {field: value}, dataverse: {column: value}}",
    )
    etag = fields.Char(groups=fields.NO_ACCESS)
    reserved = fields.Json(
        groups=fields.NO_ACCESS,
        help="A create that was decided and whose outcome is not known yet: the "
        "column values that were sent.",
    )
    deactivating = fields.Boolean(
        groups=fields.NO_ACCESS,
        help="The row is being deactivated, since the record was deleted.",
    )

    _record_uniq = models.Constraint(
        "UNIQUE (mapping_id, res_id)",
        "This record is coupled already.",
    )
    _row_uniq = models.Constraint(
        "UNIQUE (mapping_id, external_id)",
        "This Dataverse row is coupled already.",
    )
    _reserved_open = models.Index("(mapping_id) WHERE reserved IS NOT NULL")

    @api.depends("res_model", "res_id")
    def _compute_record_name(self):
        for model_name, couplings in self.grouped("res_model").items():
            model = self.env.get(model_name)
            names = {}
            if model is not None:
                records = (
                    model.with_context(active_test=False)
                    .browse(couplings.mapped("res_id"))
                    .exists()
                    ._filtered_access("read")
                )
                names = {record.id: record.display_name for record in records}
            for coupling in couplings:
                coupling.record_name = names.get(coupling.res_id) or self.env._(
                    "(deleted or not visible)"
                )

    @api.model
    def _search_record_name(self, operator, value):
        """Couplings of the records that are found by a name."""
        found = fields.Domain.FALSE
        mappings = self.env["integration.table.mapping"].with_context(active_test=False)
        for mapping in mappings.search([("coupling_ids", "!=", False)]):
            records = (
                self.env[mapping.model]
                .with_context(active_test=False)
                ._search([("display_name", operator, value)])
            )
            found |= fields.Domain("mapping_id", "=", mapping.id) & fields.Domain(
                "res_id", "in", records
            )
        return found

    @api.depends("record_name", "mapping_id")
    def _compute_display_name(self):
        for coupling in self:
            coupling.display_name = (
                f"{coupling.record_name} ({coupling.mapping_id.name})"
            )

    @api.model
    def _insert(self, mapping, vals_list):
        """Create many couplings of a mapping at once.

        A first synchronization makes one for every record: the ORM would spend more on
        them than on the records themselves, and they have nothing to compute.

        :param vals_list: dicts with ``res_id``, ``external_id`` and perhaps ``state``,
            ``base``, ``etag``, ``reserved``, ``last_synch``
        :return: the couplings, in that order
        """
        if not vals_list:
            return self.browse()
        self.flush_model()
        shared = {
            "mapping_id": mapping.id,
            "connection_id": mapping.connection_id.id,
            "company_id": mapping.company_id.id or None,
            "res_model": mapping.model,
            "state": "coupled",
            "create_uid": self.env.uid,
            "write_uid": self.env.uid,
            "create_date": self.env.cr.now(),
            "write_date": self.env.cr.now(),
        }
        own = ("res_id", "external_id", "base", "etag", "reserved", "last_synch")
        columns = [*shared, *own]
        ids = bulk_insert(
            self.env.cr, "integration_coupling", columns, shared, vals_list
        )
        mapping.invalidate_recordset(["coupling_ids"], flush=False)
        model = self.env[mapping.model]
        if "coupling_ids" in model._fields:
            model.invalidate_model(["coupling_ids"], flush=False)
        return self.browse(ids)

    # -- access -----------------------------------------------------------------------

    def _record(self):
        self.ensure_one()
        return self.env[self.res_model].browse(self.res_id)

    def _check_records(self, operation="write"):
        """Who couples, synchronizes or uncouples may write the record."""
        for model_name, couplings in self.grouped("res_model").items():
            self.env[model_name].browse(
                couplings.mapped("res_id")
            ).exists().check_access(operation)

    @api.model
    def _of(self, records):
        """The couplings of records of one model."""
        return self.search(
            [("res_model", "=", records._name), ("res_id", "in", records.ids)]
        )

    @api.model
    def _mapping_of(self, record):
        """The mapping that covers a record.

        :return: ``(mapping, sentence)``: the sentence says why there is none
        """
        mappings = self.env["integration.table.mapping"].search(
            [("model", "=", record._name)]
        )
        if not mappings:
            return mappings, self.env._(
                "No integration table mapping covers %s.", record._description
            )
        for mapping in mappings:
            if record.filtered_domain(mapping._scope_domain()):
                return mapping, None
        return mappings.browse(), self.env._(
            "'%(record)s' is outside of the filter of %(mappings)s. A Dataverse "
            "administrator can change the filter in the table mapping.",
            record=record.display_name,
            mappings=", ".join(mappings.mapped("name")),
        )

    # -- synchronizing ----------------------------------------------------------------

    def synchronize(self, direction=None):
        """Synchronize these couplings at once.

        Commits as it goes.

        :param direction: ``"send"`` (the Odoo data wins), ``"get"`` (the Dataverse
            data wins) or ``None``: merge, and leave conflicts to a decision
        :return: the counters of the job as a dict, with ``state`` and ``message``
        """
        if direction not in (None, "send", "get"):
            raise ValueError(f"direction is 'send', 'get' or None, not {direction!r}")
        self._check_records()
        return self._run(prefer=direction)

    def _run(self, **options):
        jobs = self.env["integration.sync.job"].sudo()
        for mapping, couplings in self.sudo().grouped("mapping_id").items():
            mapping._check_connected()
            jobs |= self.env["integration.engine.run"]._run(
                mapping, kind="manual", couplings=couplings, **options
            )
        return jobs._totals()

    def action_synchronize_now(self):
        """Synchronize, asking for the direction where it matters."""
        if not self:
            raise UserError(self.env._("None of these records is coupled."))
        self._check_records()
        wizard = self.env["integration.synchronize.wizard"].create(
            {
                "coupling_ids": [(6, 0, self.ids)],
                "selected": self.env.context.get("dataverse_selected", len(self)),
            }
        )
        wizard._compare()
        if wizard.conflict:
            return self.env["integration.conflict.wizard"]._start(self)
        return wizard._open()

    def action_resolve_conflicts(self):
        """Show what both sides changed, and decide field by field."""
        waiting = self.filtered(lambda coupling: coupling.state == "conflict")
        if not waiting:
            raise UserError(self.env._("None of these records waits for a decision."))
        waiting._check_records()
        return self.env["integration.conflict.wizard"]._start(waiting)

    # -- uncoupling -------------------------------------------------------------------

    def action_uncouple(self):
        """Ask before the couplings are deleted."""
        if not self:
            raise UserError(self.env._("There is no coupling to delete."))
        self._check_records()
        return self._ask_to_uncouple({"default_coupling_ids": [(6, 0, self.ids)]})

    @api.model
    def _ask_to_uncouple(self, what):
        """The dialog that says how many couplings would be deleted.

        :param what: default values of its couplings or mappings
        """
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Delete Coupling"),
            "res_model": "integration.uncouple.wizard",
            "view_mode": "form",
            "target": "new",
            "context": what,
        }

    @api.model
    def _counted(self, counts):
        """Couplings in words: "120 of CUSTOMER, 3 of CONTACT".

        :param counts: ``{mapping: number}``
        """
        return ", ".join(
            self.env._("%(count)s of %(mapping)s", count=count, mapping=mapping.name)
            for mapping, count in sorted(
                counts.items(), key=lambda counted: counted[0].sequence
            )
        )

    def _uncouple(self):
        """Delete couplings of one or several mappings; no record is touched.

        The pairs are remembered, so that matching does not couple them again by
        itself and no copy of either record is created on the other side.

        :return: number of couplings deleted
        """
        self._check_records()
        couplings = self.sudo().exists()
        self.env["integration.tombstone"].sudo()._bury(couplings, "uncoupled")
        couplings.error_ids._resolve()
        couplings.conflict_ids.filtered(lambda c: c.state == "open").state = "resolved"
        for mapping, uncoupled in couplings.grouped("mapping_id").items():
            job = (
                self.env["integration.sync.job"]
                .sudo()
                .create(
                    {
                        "mapping_id": mapping.id,
                        "kind": "uncoupling",
                        "state": "done",
                        "finished_at": fields.Datetime.now(),
                        "uncoupled": len(uncoupled),
                    }
                )
            )
            self.env["integration.change"].sudo()._log(
                mapping,
                job,
                [
                    {
                        "action": "uncouple",
                        "res_id": coupling.res_id,
                        "external_id": coupling.external_id,
                        "record_name": coupling.record_name,
                        "before": coupling.base or None,
                    }
                    for coupling in uncoupled
                ],
            )
        count = len(couplings)
        couplings.unlink()
        return count

    # -- merging in Odoo --------------------------------------------------------------

    @api.model
    def _follow_merge(self, merged, record):
        """Records become one in Odoo; their rows in Dataverse are left as they are.

        A row whose record goes belongs to the record that stays, if that has none of
        its own. Otherwise there are two rows for one record, and only people can say
        what is to become of them: they are told.

        :param merged: the records that are about to be deleted
        :param record: the one that takes their place
        """
        taken = self._of(record).mapping_id
        for coupling in self._of(merged):
            if coupling.mapping_id not in taken:
                taken |= coupling.mapping_id
                coupling.write({"res_id": record.id, "etag": False})
                self.env["integration.inbox"]._put_hints(
                    coupling.mapping_id, external_ids=[coupling.external_id]
                )
                continue
            self.env["integration.tombstone"]._bury(coupling, "merged")
            coupling.error_ids._resolve()
            self.env["sync.error"].create(
                {
                    "mapping_id": coupling.mapping_id.id,
                    "res_model": record._name,
                    "external_id": coupling.external_id,
                    "record_name": coupling.record_name,
                    "kind": "permanent",
                    "code": "merged",
                    "message": self.env._(
                        "'%(name)s' was merged into '%(other)s' in Odoo. Its row in "
                        "Dataverse is no longer synchronized; merge the rows there as "
                        "well, and dismiss this line.",
                        name=coupling.record_name,
                        other=record.display_name,
                    ),
                }
            )
            coupling.unlink()

    # -- entries of the Action menu ---------------------------------------------------

    @api.model
    def action_set_up_coupling_of(self, records):
        """Set Up Coupling for one record."""
        if len(records) != 1:
            raise UserError(
                self.env._(
                    "A coupling is set up for one record at a time. For many, use "
                    "Match-Based Coupling."
                )
            )
        records.check_access("write")
        mapping, why_not = self._mapping_of(records)
        if why_not:
            raise UserError(why_not)
        mapping._check_connected()
        wizard = self.env["integration.coupling.wizard"].create(
            {"mapping_id": mapping.id, "res_id": records.id}
        )
        wizard.action_search()
        return wizard._open()

    @api.model
    def action_synchronize_now_of(self, records):
        """Synchronize Now for the coupled ones among the records."""
        records.check_access("write")
        couplings = self._of(records)
        if not couplings and len(records) == 1:
            return self.action_set_up_coupling_of(records)
        return couplings.with_context(
            dataverse_selected=len(records)
        ).action_synchronize_now()

    @api.model
    def action_delete_coupling_of(self, records):
        """Delete Coupling for the coupled ones among the records."""
        records.check_access("write")
        return self._of(records).action_uncouple()

    @api.model
    def action_open_in_dataverse_of(self, records):
        """Open the row of one record, or offer to couple it."""
        records.ensure_one()
        coupling = self._of(records)[:1]
        if not coupling:
            return self.action_set_up_coupling_of(records)
        return coupling.action_open_in_dataverse()

    @api.model
    def action_match_based_coupling_of(self, records):
        """Match-Based Coupling among the records."""
        records.check_access("write")
        mappings = self.env["integration.table.mapping"].search(
            [("model", "=", records._name)]
        )
        covered = {
            mapping: len(records.filtered_domain(mapping._scope_domain()))
            for mapping in mappings
        }
        mapping = max(covered, key=covered.get, default=mappings)
        if not covered.get(mapping):
            raise UserError(self._mapping_of(records[:1])[1])
        mapping._check_connected()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Match-Based Coupling"),
            "res_model": "integration.match.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_mapping_id": mapping.id,
                "default_res_ids": records.ids,
            },
        }

    @api.model
    def action_synchronization_log_of(self, records):
        """What synchronization did to the records, on both sides."""
        external_ids = self._of(records).mapped("external_id")
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.integration_change_action"
        ) | {
            "domain": [
                ("res_model", "=", records._name),
                "|",
                ("res_id", "in", records.ids),
                ("external_id", "in", external_ids),
            ],
        }
