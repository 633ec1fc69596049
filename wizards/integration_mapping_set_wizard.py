"""Take over mappings: the default ones, or those of a file; first see what changes."""

import base64

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationMappingSetWizard(models.TransientModel):
    _name = "integration.mapping.set.wizard"
    _description = "Take Over Mappings"

    connection_id = fields.Many2one(
        "integration.connection", required=True, ondelete="cascade"
    )
    source = fields.Selection(
        [("default", "Default Synchronization Setup"), ("file", "File")],
        required=True,
        default="default",
    )
    file = fields.Binary(attachment=False)
    file_name = fields.Char()
    line_ids = fields.One2many(
        "integration.mapping.set.wizard.line", "wizard_id", string="Mappings"
    )
    nothing_changes = fields.Boolean(compute="_compute_nothing_changes")

    @api.depends("line_ids.state")
    def _compute_nothing_changes(self):
        for wizard in self:
            states = set(wizard.line_ids.mapped("state"))
            wizard.nothing_changes = states == {"same"}

    def _compute_display_name(self):
        for wizard in self:
            wizard.display_name = wizard._title()

    def _title(self):
        return (
            self.env._("Import Mappings")
            if self.source == "file"
            else self.env._("Use Default Synchronization Setup")
        )

    @api.model
    def _review(self, connection, source):
        """Open the review.

        :param source: ``"default"`` or ``"file"``
        """
        connection._check_manager()
        wizard = self.create({"connection_id": connection.id, "source": source})
        if source == "default":
            wizard._show(
                self.env["integration.table.mapping"]._all_defaults(connection)
            )
        return wizard._open()

    def action_read(self):
        """Read the file, and show what it would change."""
        self.ensure_one()
        self.connection_id._check_manager()
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        content = base64.b64decode(self.file)
        self._show(self.env["integration.engine.mapping.file"]._read(content))
        return self._open()

    def _show(self, definitions):
        """One line a mapping, with what taking it over would change."""
        mapping_set = self.env["integration.engine.mapping.set"]
        lines = []
        for definition in definitions:
            mapping = mapping_set._existing(self.connection_id, definition["name"])
            differences = mapping_set._differences(mapping, definition)
            lines.append(
                {
                    "name": definition["name"],
                    "model": self.env["ir.model"]._get(definition["model"]).name,
                    "table": definition["integration_table"],
                    "definition": definition,
                    "state": self._state(mapping, differences),
                    # Nothing that people changed is lost without being chosen.
                    "selected": not mapping or self.source == "file",
                    "coupling_count": mapping.coupling_count,
                    "differences": self._list(differences),
                }
            )
        self.line_ids = [(5, 0, 0), *((0, 0, line) for line in lines)]

    def _state(self, mapping, differences):
        if not mapping:
            return "new"
        return "changed" if differences else "same"

    def _list(self, differences):
        """The differences as people read them."""
        words = {
            "added": self.env._("Added: %s"),
            "removed": self.env._("Removed: %s"),
        }
        return Markup("<ul class='mb-0 ps-3 text-wrap'>%s</ul>") % Markup().join(
            Markup("<li>%s</li>") % (words.get(kind, "%s") % text)
            for kind, text in differences
        )

    def action_apply(self):
        """Take over the chosen mappings; couplings stay."""
        self.ensure_one()
        self.connection_id._check_manager()
        chosen = self.line_ids.filtered(
            lambda line: line.selected and line.state != "same"
        )
        if not chosen:
            raise UserError(self.env._("Choose the mappings to take over."))
        self.env["integration.engine.mapping.set"]._apply(
            self.connection_id, [line.definition for line in chosen]
        )
        return self.connection_id.action_open_mappings()

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self._title(),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }


class IntegrationMappingSetWizardLine(models.TransientModel):
    _name = "integration.mapping.set.wizard.line"
    _description = "Mapping to Take Over"

    wizard_id = fields.Many2one(
        "integration.mapping.set.wizard", required=True, ondelete="cascade"
    )
    name = fields.Char("Table Mapping", readonly=True)
    model = fields.Char("Odoo Model", readonly=True)
    table = fields.Char("Dataverse Table", readonly=True)
    selected = fields.Boolean("Take Over")
    state = fields.Selection(
        [("new", "New"), ("changed", "Changes"), ("same", "Is As It Should Be")],
        readonly=True,
    )
    coupling_count = fields.Integer("Couplings", readonly=True)
    differences = fields.Html("What Changes", readonly=True)
    definition = fields.Json(readonly=True)
