"""How a value changes on its way, chosen on the field mapping."""

from odoo import fields, models


class IntegrationTransformationRule(models.Model):
    _name = "integration.transformation.rule"
    _description = "Transformation Rule"
    _order = "name, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Selection(
        [
            ("person_name", "One name ↔ first and last name"),
            ("url", "Web address"),
            ("email", "E-mail address"),
            ("phone", "Telephone number"),
            ("upper", "Upper case"),
            ("lower", "Lower case"),
            ("title", "Title case"),
            ("trim", "Without blanks at both ends"),
        ],
        string="Does",
        required=True,
        help="Countries, states, lookups, choices and formatted text need no rule: "
        "they are recognized by the types of the field and the column.",
    )

    _code_uniq = models.Constraint("UNIQUE (code)", "This rule exists already.")
