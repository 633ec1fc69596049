"""Undo: says how many changes it is about, then does it and says what was left."""

from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationUndoWizard(models.TransientModel):
    _name = "integration.undo.wizard"
    _description = "Undo"

    change_ids = fields.Many2many("integration.change", string="Changes")
    count = fields.Integer(readonly=True)
    created_count = fields.Integer(readonly=True)
    deleted_count = fields.Integer(readonly=True)
    uncoupled_count = fields.Integer(readonly=True)
    creates = fields.Selection(
        [("archive", "Archive them"), ("delete", "Delete them")],
        string="Created records",
        default="archive",
        required=True,
    )
    job_ids = fields.Many2many("integration.sync.job", readonly=True)
    message = fields.Text(readonly=True)
    left_count = fields.Integer(readonly=True)

    @api.model
    def _ask(self, changes):
        """The dialog about these changes.

        :raise UserError: when there is nothing to undo
        """
        changes = changes.filtered(lambda change: change.state != "undone")
        if not changes:
            raise UserError(self.env._("There is nothing left to undo."))
        actions = changes.mapped("action")
        wizard = self.create(
            {
                "change_ids": [(6, 0, changes.ids)],
                "count": len(changes),
                "created_count": actions.count("create"),
                "deleted_count": actions.count("delete"),
                "uncoupled_count": actions.count("uncouple"),
            }
        )
        return wizard._open()

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Undo"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_undo(self):
        """Undo, and say in the same dialog what became of it."""
        self.ensure_one()
        self.change_ids._check_may_undo()
        jobs = self.env["integration.sync.job"].sudo()
        for mapping, changes in self.change_ids.sudo().grouped("mapping_id").items():
            mapping._check_connected()
            jobs |= self.env["integration.engine.undo"]._run(
                changes, creates=self.creates
            )
        self.write(
            {
                "job_ids": [(6, 0, jobs.ids)],
                "message": "\n".join(job.message for job in jobs if job.message),
                "left_count": len(
                    self.change_ids.filtered(lambda c: c.state == "left")
                ),
            }
        )
        return self._open()

    def action_open_left(self):
        """The changes that undo left as they are, with the reason."""
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.integration_change_action"
        ) | {
            "domain": [("id", "in", self.change_ids.ids), ("state", "=", "left")],
            "context": {},
        }
