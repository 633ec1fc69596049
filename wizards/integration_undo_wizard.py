"""Undo: says how many changes it is about, then does it and says what was left."""

from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationUndoWizard(models.TransientModel):
    _name = "integration.undo.wizard"
    _description = "Undo"

    change_ids = fields.Many2many("integration.change", string="Changes")
    job_id = fields.Many2one(
        "integration.sync.job",
        "Undone Job",
        help="All that it wrote, instead of some changes.",
    )
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
    def _ask(self, **about):
        """The dialog about changes.

        :param about: ``change_ids`` or ``job_id``, ids
        :raise UserError: when there is nothing to undo
        """
        wizard = self.create(about)
        actions = dict(
            self.env["integration.change"]._read_group(
                wizard._undoable(), ["action"], ["__count"]
            )
        )
        if not actions:
            raise UserError(self.env._("There is nothing left to undo."))
        wizard.write(
            {
                "count": sum(actions.values()),
                "created_count": actions.get("create", 0),
                "deleted_count": actions.get("delete", 0),
                "uncoupled_count": actions.get("uncouple", 0),
            }
        )
        return wizard._open()

    def _undoable(self):
        """The domain of the changes that may be undone."""
        self.ensure_one()
        return [*self._about(), ("state", "!=", "undone")]

    def _about(self):
        if self.job_id:
            return [("job_id", "=", self.job_id.id)]
        return [("id", "in", self.change_ids.ids)]

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
        changes = self.env["integration.change"].search(self._undoable())
        changes._check_may_undo()
        jobs = self.env["integration.sync.job"].sudo()
        for mapping, written in changes.sudo().grouped("mapping_id").items():
            mapping._check_connected()
            jobs |= self.env["integration.engine.undo"]._run(
                written, creates=self.creates
            )
        self.write(
            {
                "job_ids": [(6, 0, jobs.ids)],
                "message": "\n".join(job.message for job in jobs if job.message),
                "left_count": len(changes.filtered(lambda c: c.state == "left")),
            }
        )
        return self._open()

    def action_open_left(self):
        """The changes that undo left as they are, with the reason."""
        self.ensure_one()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "dataverse_sync.integration_change_action"
        ) | {
            "domain": [*self._about(), ("state", "=", "left")],
            "context": {},
        }
