"""Default values for records that a synchronization creates."""

from ast import literal_eval

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain


class IntegrationTemplate(models.Model):
    """The first template whose filter the source record meets is used."""

    _name = "integration.template"
    _description = "Default Values for New Records"
    _order = "mapping_id, sequence, id"

    name = fields.Char(required=True)
    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, ondelete="cascade", index=True
    )
    model = fields.Char(related="mapping_id.model")
    sequence = fields.Integer(
        default=10, help="The first template that fits is the one that is used."
    )
    side = fields.Selection(
        [("odoo", "New records in Odoo"), ("dataverse", "New rows in Dataverse")],
        string="For",
        required=True,
        default="odoo",
    )
    filter_domain = fields.Char(
        "For Odoo Records", default="[]", help="Which Odoo records it is used for."
    )
    integration_filter = fields.Char(
        "For Dataverse Rows",
        help="Which Dataverse rows it is used for, as an OData filter of plain "
        "comparisons of mapped columns. Empty: all of them.",
    )
    line_ids = fields.One2many(
        "integration.template.line", "template_id", string="Values", copy=True
    )

    @api.constrains("filter_domain", "mapping_id")
    def _check_filter_domain(self):
        for template in self:
            try:
                template._domain().validate(self.env[template.model])
            except Exception as error:
                raise ValidationError(
                    self.env._(
                        "The filter of %(template)s cannot be read: %(error)s",
                        template=template.name,
                        error=error,
                    )
                ) from error

    @api.constrains("integration_filter", "side", "line_ids", "mapping_id")
    def _check_values(self):
        """Refuse what cannot work, as far as it is known without asking Dataverse."""
        for template in self:
            self.env["integration.engine.defaults"]._check(template)

    def _domain(self):
        self.ensure_one()
        return Domain(literal_eval(self.filter_domain or "[]"))


class IntegrationTemplateLine(models.Model):
    _name = "integration.template.line"
    _description = "Default Value for New Records"
    _order = "sequence, id"

    template_id = fields.Many2one(
        "integration.template", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(
        "Field or Column", required=True, help="Technical name of what is filled in."
    )
    value = fields.Char(
        required=True, help="A text, a number, True or False, or the name of a record."
    )

    _name_uniq = models.Constraint(
        "UNIQUE (template_id, name)", "A template fills in each field once."
    )

    @api.constrains("name", "value")
    def _check_value(self):
        self.template_id._check_values()

    @api.constrains("name")
    def _check_name(self):
        forbidden = self.env["integration.field.mapping"]._forbidden_fields()
        for line in self.filtered(lambda one: one.template_id.side == "odoo"):
            if line.name in forbidden:
                raise UserError(
                    self.env._(
                        "The field '%s' carries access rights or keys of Odoo and "
                        "cannot be synchronized.",
                        line.name,
                    )
                )
