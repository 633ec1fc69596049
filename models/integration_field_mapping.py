"""Integration field mapping: which field goes with which column."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

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
    "create_missing",
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
    create_missing = fields.Boolean(
        "Create What Is Missing",
        help="A lookup: the record that it points to is coupled or created first, in "
        "the same run, as the mapping of its table says; else its record waits until "
        "somebody does so. A text that is the name of a record: a record of that name "
        "is created in Odoo; else the missing name is reported.",
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
    match_by = fields.Selection(
        [
            ("text", "Text"),
            ("email", "Email Address"),
            ("phone", "Telephone Number"),
            ("tax", "Tax Number"),
            ("company", "Name Without Legal Form"),
            ("similar", "Similar Name"),
        ],
        "Compared As",
        default="text",
        required=True,
        help="Telephone and tax numbers match with and without the prefix of the "
        "country, and however they are written. Similar names are suggested by "
        "Match-Based Coupling and never coupled by a synchronization.",
    )
    match_degree = fields.Integer(
        "Similar To",
        default=88,
        help="How alike similar names have to be, in percent.",
    )
    match_case_sensitive = fields.Boolean("Case-Sensitive Matching")
    option_ids = fields.One2many(
        "integration.option.mapping", "field_mapping_id", string="Options", copy=True
    )
    field_label = fields.Char(compute="_compute_labels")
    column_label = fields.Char(compute="_compute_labels")
    column_type = fields.Char(compute="_compute_labels")
    can_create_missing = fields.Boolean(compute="_compute_labels")
    tracking = fields.Selection(
        [("tracked", "At Once"), ("compared", "At Full Synchronization")],
        string="Changes Are Noticed",
        compute="_compute_tracking",
        help="Odoo's journal sees what is stored in the record's own table.",
    )
    tracking_reason = fields.Char(compute="_compute_tracking")
    problem = fields.Char(compute="_compute_problem")

    # -- what people see --------------------------------------------------------------

    @api.depends("field_name", "integration_column", "mapping_id.integration_table")
    def _compute_labels(self):
        """Names of field and column, from what is known without asking Dataverse."""
        catalog = self.env["integration.engine.catalog"]
        pairing = self.env["integration.engine.pairing"]
        known = catalog._known_columns(self)
        for line in self:
            line.field_label = line.column_label = line.column_type = False
            if line._odoo_field() is not None:
                model = self.env[line.mapping_id.model]
                line.field_label = pairing._path_label(model, line.field_name)
            columns = known[line]
            line.can_create_missing = catalog._can_create_missing(
                line._odoo_field(), columns
            )
            if columns:
                line.column_label = ", ".join(c.label or c.name for c in columns)
                line.column_type = columns[0].type

    @api.depends("field_name", "mapping_id.model_id")
    def _compute_tracking(self):
        for line in self:
            field = line._odoo_field()
            line.tracking = line.tracking_reason = False
            if field is None:
                continue
            reason = line._untracked_because(field)
            line.tracking = "compared" if reason else "tracked"
            line.tracking_reason = reason

    def _untracked_because(self, field):
        """Why the journal does not see changes of the field, or False."""
        if "." in self.field_name:
            return self.env._("The value lives in another record.")
        heirs = self.env["integration.journal"]._heirs(self.mapping_id.model)
        if field.inherited and not heirs:
            return self.env._("The value lives in '%s'.", field.related.split(".")[0])
        if field.inherited:
            field = field.related_field
        if not field.store:
            return self.env._("The value is computed and not stored.")
        if field.company_dependent:
            return self.env._("The value differs from company to company.")
        return False

    @api.depends(
        "field_name",
        "integration_column",
        "direction",
        "constant_value",
        "transformation_rule_id",
        "option_ids",
        "group",
        "mapping_id.integration_table",
    )
    def _compute_problem(self):
        """Why field and column do not go together; said while they are chosen."""
        for line in self:
            try:
                line._check_row()
                line.problem = False
            except UserError as error:
                line.problem = str(error)

    @api.model
    def _forbidden_fields(self):
        """Names of fields that a synchronization never writes."""
        return FORBIDDEN_FIELDS

    def _odoo_field(self):
        """The Odoo field that the row names, or ``None``."""
        model = self.env.get(self.mapping_id.model)
        if model is None or not self.field_name:
            return None
        try:
            return self.env["integration.engine.pairing"]._field(model, self.field_name)
        except UserError:
            return None

    def _direction(self):
        """Where the value goes; a constant goes to the only side that is named."""
        self.ensure_one()
        if self.constant_value:
            return "from_integration" if self.field_name else "to_integration"
        return self.direction

    @api.model
    def pick_list(self, what, term, connection_id, table, model, field_name, column):
        """What can be chosen in a field mapping, for the pick lists of its form.

        Asks Dataverse when nothing fresh is stored.

        :param what: ``"tables"``, ``"columns"`` or ``"fields"``
        :param term: text that label or name contain
        :param field_name: the field that is already chosen, or False
        :param column: the column that is already chosen, or False
        :return: list of dicts with ``value``, ``label``, ``detail``, ``fits``
        :raise AccessError: for who does not manage connections
        """
        connection = self.env["integration.connection"].browse(connection_id or [])
        connection._check_manager()
        connection.check_access("read")
        catalog = self.env["integration.engine.catalog"]
        if what == "tables":
            return catalog._tables(connection, term) if connection else []
        line = self.new(
            {
                "field_name": field_name,
                "integration_column": column,
                "mapping_id": self.env["integration.table.mapping"].new(
                    {
                        "connection_id": connection.id,
                        "integration_table": table,
                        "model_id": model and self.env["ir.model"]._get_id(model),
                    }
                ),
            }
        )
        if what == "columns":
            return catalog._columns(connection, table, term, line._odoo_field())
        if model not in self.env:
            raise UserError(self.env._("Choose the Odoo model first."))
        return catalog._fields_of(
            self.env[model],
            FORBIDDEN_FIELDS,
            term,
            next(iter(catalog._known_columns(line)[line]), None),
        )

    def action_options(self):
        """Open the list of what stands for what, with the options that are known."""
        self.ensure_one()
        self.mapping_id.connection_id._check_manager()
        self.env["integration.option.mapping"]._read_options(self)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Options of %s", self.field_label or self.field_name),
            "res_model": "integration.field.mapping",
            "res_id": self.id,
            "view_mode": "form",
            "views": [
                (
                    self.env.ref(
                        "dataverse_sync.integration_field_mapping_view_form_options"
                    ).id,
                    "form",
                )
            ],
            "target": "new",
        }

    def action_create_missing_records(self):
        """Create an Odoo record for each option that has none."""
        self.ensure_one()
        self.mapping_id.connection_id._check_manager()
        self.option_ids._create_records()
        return self.action_options()

    # -- what the row means -----------------------------------------------------------

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

    # -- what is refused --------------------------------------------------------------

    @api.constrains(
        "field_name",
        "integration_column",
        "constant_value",
        "direction",
        "match_key",
        "match_by",
        "match_degree",
        "mapping_id",
    )
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
        field = self.env["integration.engine.pairing"]._field(model, self.field_name)
        if (
            FORBIDDEN_FIELDS.intersection(self.field_name.split("."))
            or field.groups == fields.NO_ACCESS
        ):
            raise ValidationError(
                self.env._(
                    "The field '%s' carries access rights or keys of Odoo and "
                    "cannot be synchronized.",
                    self.field_name,
                )
            )
        if self._direction() != "to_integration" and self._cannot_be_written(field):
            raise ValidationError(
                self.env._(
                    "The field '%s' cannot be written in Odoo. Give its field mapping "
                    "the direction To Dataverse.",
                    self.field_name,
                )
            )
        if self.match_key and (
            not (field.store or field.inherited)
            or "." in self.field_name
            or field.type in ("html", "many2many", "boolean", "binary")
        ):
            raise ValidationError(
                self.env._("The field '%s' cannot be matched on.", self.field_name)
            )
        if self.match_key and self.match_by != "text":
            self._check_comparison(field)

    def _check_comparison(self, field):
        if field.type not in ("char", "text") or field.translate:
            raise ValidationError(
                self.env._(
                    "The field '%s' holds no plain text: compare it as Text.",
                    self.field_name,
                )
            )
        if self.match_by == "similar":
            self.env["integration.engine.match"]._check_similar()
            if not 50 <= self.match_degree <= 100:
                raise ValidationError(
                    self.env._("Similar names are alike to 50 to 100 percent.")
                )

    def _cannot_be_written(self, field):
        computed = field.compute and not field.inverse and field.readonly
        behavior = self.env["integration.behavior"]._of(
            self.mapping_id.integration_table
        )
        acted = self.field_name in behavior._acted_fields
        return "." in self.field_name or (computed and not acted)

    def _named_fields(self):
        """``(model, field)`` of the field, and of where its path begins."""
        first, _dot, rest = self.field_name.partition(".")
        named = {(self.mapping_id.model, first)}
        model = self.env.get(self.mapping_id.model)
        field = model._fields.get(first) if model is not None else None
        if rest and field is not None and field.comodel_name:
            named.add((field.comodel_name, rest))
        return named

    @api.constrains(
        "field_name",
        "integration_column",
        "direction",
        "enabled",
        "constant_value",
        "transformation_rule_id",
        "group",
    )
    def _check_with_table(self):
        for mapping in self.mapping_id:
            mapping._check_with_table()

    def _check_row(self):
        """Refuse what cannot work, as far as it is known without asking Dataverse.

        :raise UserError: a sentence that says what to change
        """
        self.ensure_one()
        schema = self.env["integration.engine.schema"]
        if (
            not (self.field_name or self.integration_column)
            or not self.mapping_id.model
        ):
            return
        table = schema._known_table(self.mapping_id)
        if table is not None and (
            self.constant_value or (self.field_name and self.integration_column)
        ):
            schema._check_row(self, table, self.mapping_id.field_mapping_ids)

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
