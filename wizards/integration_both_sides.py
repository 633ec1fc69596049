"""One field of a record and a row, side by side."""

from odoo import fields, models

SIDES = [("odoo", "Odoo"), ("dataverse", "Dataverse")]


class IntegrationValueLine(models.AbstractModel):
    """A line as `integration.engine.couple._compare` gives it."""

    _name = "integration.both.sides"
    _description = "Values of Both Sides"
    _order = "different desc, id"

    key = fields.Char(required=True, readonly=True)
    label = fields.Char("Field", readonly=True)
    base_value = fields.Char("Last Agreed", readonly=True)
    odoo_value = fields.Char("In Odoo", readonly=True)
    dataverse_value = fields.Char("In Dataverse", readonly=True)
    different = fields.Boolean(readonly=True)
    changed = fields.Selection(
        [
            ("odoo", "In Odoo"),
            ("dataverse", "In Dataverse"),
            ("both", "On Both Sides"),
        ],
        readonly=True,
        help="Since the last synchronization.",
    )
    source = fields.Selection(
        SIDES, readonly=True, help="The only side whose value may count."
    )
    seen = fields.Json(
        groups=fields.NO_ACCESS, help="The values that are shown, in canonical form."
    )
