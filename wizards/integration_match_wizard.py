"""Match-Based Coupling: find pairs, show them, couple those that are ticked."""

from odoo import api, fields, models
from odoo.exceptions import UserError

# Lines of one kind that the preview lists; the counts are of all.
SHOWN = 500
# Pairs coupled in one transaction.
BATCH = 1000


class IntegrationMatchWizard(models.TransientModel):
    _name = "integration.match.wizard"
    _description = "Match-Based Coupling"

    mapping_id = fields.Many2one("integration.table.mapping", required=True)
    res_model = fields.Char(related="mapping_id.model")
    res_ids = fields.Json(help="Only these records; empty: all that are not coupled.")
    selected = fields.Integer(compute="_compute_selected")
    criteria = fields.Text(compute="_compute_criteria")
    synchronize = fields.Selection(
        [
            ("no", "No"),
            ("manual", "Yes: ask where both sides differ"),
            ("send", "Yes: use the Odoo data"),
            ("get", "Yes: use the Dataverse data"),
        ],
        string="Synchronize After Coupling",
        default="manual",
        required=True,
    )
    create_new = fields.Boolean(
        "Create What Is Missing",
        help="Create the records that have no counterpart on the other side.",
    )
    state = fields.Selection(
        [("criteria", "Criteria"), ("preview", "Preview")], default="criteria"
    )
    line_ids = fields.One2many("integration.match.wizard.line", "wizard_id")
    matched = fields.Integer(readonly=True)
    ambiguous = fields.Integer(readonly=True)
    unmatched_odoo = fields.Integer(readonly=True)
    unmatched_dataverse = fields.Integer(readonly=True)

    @api.depends("res_ids")
    def _compute_selected(self):
        for wizard in self:
            wizard.selected = len(wizard.res_ids or ())

    @api.depends("mapping_id")
    def _compute_criteria(self):
        for wizard in self:
            keys = wizard.mapping_id.field_mapping_ids.filtered("match_key")
            model = self.env[wizard.mapping_id.model]
            lines = []
            for number, rows in enumerate(
                dict(sorted(keys.grouped("match_priority").items())).values(), 1
            ):
                names = (
                    model._fields[row.field_name]._description_string(self.env)
                    for row in rows
                )
                lines.append(
                    self.env._(
                        "%(number)s. same %(fields)s",
                        number=number,
                        fields=" + ".join(names),
                    )
                )
            wizard.criteria = "\n".join(lines)

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Match-Based Coupling"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def _match(self):
        """:return: ``(session, matching, odoo, rows)``"""
        self.mapping_id.check_access("read")
        if self.res_ids:
            self.env[self.mapping_id.model].browse(self.res_ids).check_access("write")
        else:
            self.mapping_id.connection_id._check_manager()
        self.mapping_id._check_connected()
        session = self.env["integration.engine.run"]._look(self.mapping_id)
        if not session.schema.criteria:
            raise UserError(
                self.env._(
                    "%s has no matching criteria: tick 'Match on this Field' in its "
                    "field mappings.",
                    self.mapping_id.name,
                )
            )
        with self.env["integration.engine.gateway"]._in_sentences():
            matched = (
                self.env["integration.engine.couple"]
                .sudo()
                ._preview(session, self.res_ids)
            )
        return session, *matched

    def action_preview(self):
        """Show what matches, what is ambiguous and what is left; nothing is coupled."""
        self.ensure_one()
        session, matching, odoo, rows = self._match()
        names = self._names(session, matching)
        title = session.table.primary_name
        lines = [
            {
                "kind": "matched",
                "res_id": pair.odoo_id,
                "external_id": pair.dataverse_id,
                "odoo_name": names[pair.odoo_id],
                "dataverse_name": rows[pair.dataverse_id].values.get(title),
                "reason": pair.reason,
                "selected": True,
            }
            for pair in matching.pairs[:SHOWN]
        ]
        lines += [
            {
                "kind": "ambiguous",
                "odoo_name": ", ".join(names[id_] for id_ in unclear.odoo_ids),
                "dataverse_name": ", ".join(
                    rows[id_].values.get(title) or id_ for id_ in unclear.dataverse_ids
                ),
                "reason": unclear.reason,
            }
            for unclear in matching.ambiguous[:SHOWN]
        ]
        self.write(
            {
                "state": "preview",
                "matched": len(matching.pairs),
                "ambiguous": len(matching.ambiguous),
                "unmatched_odoo": len(matching.unmatched_odoo),
                "unmatched_dataverse": len(matching.unmatched_dataverse),
                "line_ids": [(5, 0, 0)] + [(0, 0, line) for line in lines],
            }
        )
        return self._open()

    def _names(self, session, matching):
        ids = [pair.odoo_id for pair in matching.pairs[:SHOWN]]
        ids += [id_ for unclear in matching.ambiguous for id_ in unclear.odoo_ids]
        return {r.id: r.display_name for r in session.records.browse(ids)}

    def action_apply(self):
        """Couple the pairs that are still ticked, and synchronize as asked."""
        self.ensure_one()
        session, matching, odoo, rows = self._match()
        found = [(pair.odoo_id, pair.dataverse_id) for pair in matching.pairs]
        session.records.browse([res_id for res_id, _row in found]).with_user(
            self.env.user
        ).check_access("write")
        refused = {
            (line.res_id, line.external_id)
            for line in self.line_ids
            if line.kind == "matched" and not line.selected
        } & set(found)
        pairs = [
            (res_id, rows[external_id])
            for res_id, external_id in found
            if (res_id, external_id) not in refused
        ]
        run = self.env["integration.engine.run"].sudo()
        couple = self.env["integration.engine.couple"].sudo()
        mapping = self.mapping_id.sudo()
        self.env["integration.tombstone"].sudo()._refuse(mapping, refused)
        for start in range(0, len(pairs), BATCH):
            batch = pairs[start : start + BATCH]
            couplings = couple._pair_up(session, batch, synchronize=self.synchronize)
            if self.synchronize != "no":
                self.env["integration.inbox"].sudo()._put_hints(
                    mapping, external_ids=couplings.mapped("external_id")
                )
            run._commit()
        if self.create_new:
            self.env["integration.inbox"].sudo()._put_hints(
                mapping,
                res_ids=matching.unmatched_odoo,
                # Whoever chose some records did not mean all rows of Dataverse.
                external_ids=() if self.res_ids else matching.unmatched_dataverse,
            )
        job = None
        if self.create_new or self.synchronize != "no":
            job = run._run(
                mapping,
                kind="coupling",
                initial_policy=(
                    self.synchronize if self.synchronize in ("send", "get") else None
                ),
                create=self.create_new or None,
                only=(self.res_ids, [row.id for _res_id, row in pairs])
                if self.res_ids
                else None,
            )
            if job.state == "failed":
                raise UserError(job.message)
        return self.mapping_id.connection_id._notify(
            self.env._("Match-Based Coupling"),
            self.env._(
                "%(coupled)s coupled, %(ambiguous)s to decide by hand.",
                coupled=len(pairs),
                ambiguous=len(matching.ambiguous),
            ),
            "warning" if job and job.state == "partial" else "success",
        )


class IntegrationMatchWizardLine(models.TransientModel):
    _name = "integration.match.wizard.line"
    _description = "Match"
    _order = "kind desc, id"

    wizard_id = fields.Many2one(
        "integration.match.wizard", required=True, ondelete="cascade"
    )
    kind = fields.Selection(
        [("matched", "Matched"), ("ambiguous", "Ambiguous")], required=True
    )
    res_id = fields.Integer()
    external_id = fields.Char()
    odoo_name = fields.Char("In Odoo", readonly=True)
    dataverse_name = fields.Char("In Dataverse", readonly=True)
    reason = fields.Char("Why", readonly=True)
    selected = fields.Boolean("Couple", default=False)
