"""A field that goes with its app takes the field mappings along that name it."""

from odoo import models


class IrModelFields(models.Model):
    _inherit = "ir.model.fields"

    def unlink(self):
        names = {(field.model, field.name) for field in self}
        # When this addon itself goes, so do all of its field mappings.
        if not any(model.startswith("integration.") for model, _name in names):
            self._unlink_field_mappings(names)
        return super().unlink()

    def _unlink_field_mappings(self, names):
        """Remove the field mappings of these fields, also at the end of a path.

        :param names: set of ``(model, field)``
        """
        lines = self.env["integration.field.mapping"].sudo()
        lines.search([("field_name", "!=", False)]).filtered(
            lambda line: not names.isdisjoint(line._named_fields())
        ).unlink()
