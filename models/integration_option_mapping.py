"""Which record or value of Odoo stands for which option of a Dataverse choice."""

from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationOptionMapping(models.Model):
    _name = "integration.option.mapping"
    _description = "Option Mapping"
    _order = "field_mapping_id, sequence, id"
    _rec_name = "label"

    field_mapping_id = fields.Many2one(
        "integration.field.mapping", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(
        default=10,
        help="Where several values stand for one option, the first one comes back.",
    )
    option = fields.Integer("Value in Dataverse", required=True)
    label = fields.Char("In Dataverse", translate=True)
    res_model = fields.Char(compute="_compute_res_model", store=True)
    res_id = fields.Many2oneReference("In Odoo", model_field="res_model")
    value = fields.Char(
        "Value in Odoo", help="The technical value of a selection, or a text."
    )
    value_label = fields.Char("Means", compute="_compute_value_label")

    _value_uniq = models.Constraint(
        "UNIQUE (field_mapping_id, res_id, value, option)",
        "This pair is in the list already.",
    )

    # -- life cycle -------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        options = super().create(vals_list)
        options._retry_what_missed()
        return options

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"option", "res_id", "value"}:
            self._retry_what_missed()
        return result

    def _retry_what_missed(self):
        """Whatever missed an option of the field goes on, however many that are."""
        mapped = self.filtered(lambda option: option._odoo_value() is not None)
        for line in mapped.field_mapping_id:
            self.env["sync.error"].sudo()._retry_option(line)

    # -- what people see --------------------------------------------------------------

    @api.depends("field_mapping_id.field_name", "field_mapping_id.mapping_id.model_id")
    def _compute_res_model(self):
        for option in self:
            field = option.field_mapping_id._odoo_field()
            relational = field is not None and field.type in ("many2one", "many2many")
            option.res_model = field.comodel_name if relational else False

    @api.depends("value", "field_mapping_id.field_name")
    def _compute_value_label(self):
        for option in self:
            option.value_label = dict(option._selection()).get(option.value, False)

    def _selection(self):
        """The ``(value, label)`` pairs of the selection field, or none."""
        field = self.field_mapping_id._odoo_field()
        if field is None or field.type != "selection":
            return []
        return field._description_selection(self.env)

    @api.constrains("value", "res_id", "option")
    def _check_value(self):
        for option in self.filtered("value"):
            known = dict(option._selection())
            if known and option.value not in known:
                raise UserError(
                    self.env._(
                        "'%(value)s' is no value of the field. Use one of: %(known)s.",
                        value=option.value,
                        known=", ".join(known),
                    )
                )

    def _odoo_value(self):
        """The canonical value of Odoo that the option stands for, or ``None``."""
        self.ensure_one()
        if self.res_model:
            return f"odoo:{self.res_model},{self.res_id}" if self.res_id else None
        return self.value or None

    @api.model
    def _read_options(self, field_mapping):
        """List the options that the choice has now; what is mapped stays.

        A record or value of the same name is proposed for a new option.
        """
        known = set(field_mapping.option_ids.mapped("option"))
        catalog = self.env["integration.engine.catalog"]
        options = catalog._options(field_mapping)
        labels = catalog._option_labels(field_mapping)
        created = self.create(
            [
                {
                    "field_mapping_id": field_mapping.id,
                    "option": option,
                    "label": label,
                    "sequence": sequence,
                }
                for sequence, (option, label) in enumerate(options.items())
                if option not in known
            ]
        )
        for option in created:
            option.update_field_translations("label", labels.get(option.option, {}))
        created._propose()
        return created

    def _propose(self):
        """Fill in the record or value that has the name of the option, in any of the
        languages that both sides have."""
        for option in self.filtered("label"):
            names, _context = option.get_field_translations("label")
            found = {
                one
                for name in names
                for one in option.with_context(lang=name["lang"])._called(
                    name["value"] or name["source"]
                )
            }
            if len(found) == 1:
                option["res_id" if option.res_model else "value"] = found.pop()

    def _called(self, name):
        """The ids of the records, or the values, of that name in one language."""
        if self.res_model:
            records = self.env[self.res_model].with_context(active_test=False)
            found = records.name_search(name, operator="=ilike", limit=2)
            return [id_ for id_, _name in found]
        return [
            value
            for value, label in self._selection()
            if label.casefold() == name.casefold()
        ]

    def _create_records(self):
        """Create a record of the option's name wherever none is chosen."""
        for option in self:
            if option.res_model and not option.res_id and option.label:
                option.res_id = self.env[option.res_model].name_create(option.label)[0]
