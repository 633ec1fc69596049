"""Integration field mapping: which field goes with which column."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .words import DIRECTIONS

# Never written by a synchronization: they carry rights, secrets or Odoo's own keys.
FORBIDDEN_FIELDS = {
    "id",
    "create_uid",
    "create_date",
    "write_uid",
    "write_date",
    "user_ids",
    "password",
    "signup_token",
    "signup_type",
    "company_ids",
    "group_ids",
}
# With another value here, another value may travel than the one that was agreed on.
WIDENING = {
    "constant_value",
    "direction",
    "enabled",
    "field_name",
    "integration_column",
    "mapping_id",
    "transformation_rule_id",
}


class IntegrationFieldMapping(models.Model):
    _name = "integration.field.mapping"
    _description = "Integration Field Mapping"
    _order = "sequence, id"

    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    enabled = fields.Boolean(default=True)
    field_name = fields.Char("Field", help="Technical name of the Odoo field.")
    integration_column = fields.Char(
        "Column",
        help="Logical name of the Dataverse column. A rule that makes several values "
        "of one takes several columns, separated by commas.",
    )
    direction = fields.Selection(DIRECTIONS, required=True, default="bidirectional")
    constant_value = fields.Char(
        help="Given to new records, and wherever the value is missing. With a field "
        "only, it goes to Odoo; with a column only, to Dataverse.",
    )
    transformation_rule_id = fields.Many2one(
        "integration.transformation.rule", ondelete="restrict"
    )
    clear_value_on_failed_synch = fields.Boolean(
        help="Empty the value when it has no counterpart, instead of reporting it."
    )
    required = fields.Boolean(
        help="A record without this value is not created on the other side; it "
        "waits until the value is there."
    )
    group = fields.Char(
        "Travels With",
        help="Fields with the same word here are decided as one value, so that an "
        "address is never half of one side and half of the other.",
    )
    match_key = fields.Boolean("Match on this Field")
    match_priority = fields.Integer(
        default=1,
        help="Fields with the same priority must all match. The next priority is "
        "tried when nothing matches.",
    )
    match_case_sensitive = fields.Boolean("Case-Sensitive Matching")

    # -- life cycle -------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.mapping_id._request_full_synchronization()
        return lines

    def write(self, vals):
        mappings = self.mapping_id
        result = super().write(vals)
        if WIDENING & vals.keys():
            (mappings | self.mapping_id)._request_full_synchronization()
        return result

    def _columns(self):
        """The columns of the row as a tuple."""
        self.ensure_one()
        return tuple(
            column.strip()
            for column in (self.integration_column or "").split(",")
            if column.strip()
        )

    @api.depends("field_name", "integration_column")
    def _compute_display_name(self):
        for line in self:
            line.display_name = (
                f"{line.field_name or '='} ↔ {line.integration_column or '='}"
            )

    @api.constrains("field_name", "integration_column", "constant_value", "mapping_id")
    def _check_pair(self):
        for line in self:
            both = line.field_name and line.integration_column
            one = line.field_name or line.integration_column
            if not (both or (one and line.constant_value)):
                raise ValidationError(
                    self.env._(
                        "A field mapping of %s needs a field and a column, or one "
                        "of them and a constant value.",
                        line.mapping_id.name,
                    )
                )
            if line.field_name:
                line._check_field()

    def _check_field(self):
        model = self.env[self.mapping_id.model]
        field = model._fields.get(self.field_name)
        if field is None:
            raise ValidationError(
                self.env._(
                    "%(model)s has no field '%(field)s'.",
                    model=self.mapping_id.model_id.name,
                    field=self.field_name,
                )
            )
        if self.field_name in FORBIDDEN_FIELDS or field.groups == fields.NO_ACCESS:
            raise ValidationError(
                self.env._(
                    "The field '%s' carries access rights or keys of Odoo and "
                    "cannot be synchronized.",
                    self.field_name,
                )
            )

    @api.constrains("field_name", "integration_column", "direction", "enabled")
    def _check_one_writer(self):
        for mapping in self.mapping_id:
            lines = mapping.field_mapping_ids.filtered("enabled")
            mapping._check_one_writer(
                lines.filtered(lambda line: line.direction != "to_integration"),
                lambda line: (line.field_name,) if line.field_name else (),
            )
            mapping._check_one_writer(
                lines.filtered(lambda line: line.direction != "from_integration"),
                lambda line: line._columns(),
            )
