"""Which rule a field and a column need, and why some do not go together."""

from functools import cache
from zoneinfo import ZoneInfo

from odoo import api, models
from odoo.exceptions import UserError

from .. import dataverse, sync
from .geography import GEOGRAPHY
from .rules import WHOLE

# Odoo field type -> kind of canonical value (sync/values.py)
ODOO_KINDS = {
    "char": "text",
    "text": "text",
    "selection": "text",
    "html": "html",
    "integer": "integer",
    "float": "float",
    "monetary": "money",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "many2one": "lookup",
    "many2many": "records",
    "binary": "image",
}
# Dataverse column type -> kind
DATAVERSE_KINDS = {
    "String": "text",
    "Memo": "text",
    "EntityName": "text",
    "Integer": "integer",
    "BigInt": "integer",
    "Decimal": "decimal",
    "Double": "float",
    "Money": "money",
    "Boolean": "boolean",
    "DateTime": "datetime",
    "Picklist": "choice",
    "State": "choice",
    "Status": "choice",
    "MultiSelectPicklist": "choices",
    "Lookup": "lookup",
    "Customer": "lookup",
    "Owner": "lookup",
    "Uniqueidentifier": "guid",
    "Image": "image",
}
OPTIONS = ("Picklist", "Status", "MultiSelectPicklist")

# How an Odoo record that is not coupled stands in a canonical value.
UNCOUPLED = "odoo:"


class Lookup(sync.Rule):
    """A reference to another record, by its coupling.

    Canonical value on both sides: ``table(guid)`` of the row. ``known`` holds the
    references whose record is coupled; the reader fills it before a chunk is planned.
    ``brings``: a record that is not coupled is to be coupled or created first.
    """

    def __init__(self, label, known, *, brings=False):
        self.label = label
        self.known = known
        self.brings = brings

    def to_dataverse(self, values, row):
        (value,) = values
        if value and value.startswith(UNCOUPLED):
            raise self._uncoupled(value)
        return values

    def to_odoo(self, values, row):
        (value,) = values
        if value and value not in self.known:
            raise self._uncoupled(value)
        return values

    @staticmethod
    def awaits(value):
        """Whether what has no counterpart gets one when it is coupled."""
        return value.startswith(UNCOUPLED) or value.endswith(")")

    def _uncoupled(self, value):
        return sync.Untranslatable(
            "the %(label)s is not coupled", value, label=self.label
        )


class IntegrationPairing(models.AbstractModel):
    _name = "integration.engine.pairing"
    _description = "Pairs Odoo Fields with Dataverse Columns"

    # -- fields -----------------------------------------------------------------------

    @api.model
    def _field(self, model, path):
        """The field that a field mapping names: ``name``, or ``parent_id.name``.

        :raise UserError: when there is no such field, or the path is too long
        """
        first, dot, rest = path.partition(".")
        field = model._fields.get(first)
        if field is not None and dot:
            comodel = field.comodel_name if field.type == "many2one" else None
            field = self.env[comodel]._fields.get(rest) if comodel else None
        if field is None:
            raise UserError(
                self.env._(
                    "%(model)s has no field '%(field)s'.",
                    model=self.env["ir.model"]._get(model._name).name,
                    field=path,
                )
            )
        return field

    @api.model
    def _label(self, row, model, table):
        """What people call the line of a field mapping."""
        if not row.field_name:
            column = row._columns()[0]
            return table.columns[column].label or column
        return self._path_label(model, row.field_name)

    @api.model
    def _path_label(self, model, path):
        """What people call a field: "Related Company / Name" for a path."""
        label = self._field(model, path)._description_string(self.env)
        first, dot, _rest = path.partition(".")
        if dot:
            label = f"{model._fields[first]._description_string(self.env)} / {label}"
        return label

    @api.model
    def _odoo_kind(self, field, row=None, column=None):
        """Name and digits of the canonical values of an Odoo field.

        :param row: the field mapping it is in
        :param column: :class:`dataverse.Column` that it goes with
        """
        if field.comodel_name in GEOGRAPHY and field.type == "many2one":
            return ("text", None)
        if field.type == "many2one" and (
            (row and row.option_ids) or (column is not None and self._is_text(column))
        ):
            return ("record", None)
        name = ODOO_KINDS.get(field.type, "text")
        if field.type == "float" and field.get_digits(self.env):
            return ("decimal", field.get_digits(self.env)[1])
        return (name, None)

    @api.model
    def _dataverse_kind(self, column):
        """Name and digits of the canonical values of a Dataverse column."""
        if column.type == "DateTime" and column.date_behavior == "DateOnly":
            return ("date", None)
        return (DATAVERSE_KINDS.get(column.type, "text"), column.precision)

    @api.model
    def _is_text(self, column):
        return self._dataverse_kind(column)[0] == "text"

    @api.model
    def _of_field(self, field):
        """All that a field says about its values, as a :class:`sync.Kind`."""
        name, digits = self._odoo_kind(field)
        allowed = None
        if field.type == "selection":
            allowed = tuple(field.get_values(self.env))
        size = getattr(field, "size", None) if field.type == "char" else None
        return sync.Kind(name, digits, size or None, allowed)

    @api.model
    def _of_column(self, column):
        name, digits = self._dataverse_kind(column)
        if column.type == "DateTime" and column.date_behavior == "TimeZoneIndependent":
            name = "wall"
        return sync.Kind(name, digits)

    # -- rules ------------------------------------------------------------------------

    @api.model
    def _rule(self, row, model, table, columns, known, rows):
        """The rule of a line: the one chosen, or the one that the types ask for.

        :param columns: names, as a tuple
        :param known: references whose record is coupled
        :param rows: all enabled field mappings of the mapping
        :rtype: sync.Rule
        :raise UserError: a sentence, when the two do not go together
        """
        field = self._field(model, row.field_name) if row.field_name else None
        column = table.columns[columns[0]] if columns else None
        if row.constant_value:
            return self._constant(row, field, column)
        own = self.env["integration.behavior"]._of(row.mapping_id.integration_table)
        special = own._rule(row, columns, known)
        if special is not None:
            return special
        rule = row.transformation_rule_id
        region = self._region(row)
        if not rule:
            return self._by_types(row, field, column, known, rows)
        self._check_text(row, field, rule)
        try:
            whole = self.env["integration.engine.rules"]._whole(rule, columns, region)
        except ValueError as error:
            raise UserError(str(error)) from error
        if whole is not None:
            return whole
        return self._chain(row, field, column, rule)

    @api.model
    def _region(self, row):
        connection = row.mapping_id.sudo().connection_id
        company = connection.company_id or connection.user_id.company_id
        return self.env["integration.engine.rules"]._region(company)

    @api.model
    def _check_text(self, row, field, rule):
        if field.type in ("many2one", "many2many", "one2many", "boolean", "binary") or (
            rule.code in WHOLE and field.type not in ("char", "text")
        ):
            raise UserError(
                self.env._(
                    "The rule '%(rule)s' does not work on the field '%(field)s'.",
                    rule=rule.name,
                    field=field._description_string(self.env),
                )
            )

    @api.model
    def _chain(self, row, field, column, rule):
        """The steps of a rule, and what the types ask for after them."""
        steps = self.env["integration.engine.rules"]._steps(rule)
        here, there = self._of_field(field), self._of_column(column)
        to_odoo_only = row._direction() == "from_integration"
        if any(step.text for step in steps):
            if to_odoo_only:
                there = sync.Kind("text")
            else:
                here = sync.Kind("text")
        inner = sync.conversion(here, there, self._zone(row))
        if inner is None:
            raise self._misfit(row, field, column)
        chain = sync.Chain(steps, inner, to_odoo_only=to_odoo_only)
        if chain.one_way and row._direction() == "bidirectional":
            raise UserError(
                self.env._(
                    "The rule '%(rule)s' cannot be undone: give the field '%(field)s' "
                    "one direction.",
                    rule=rule.name,
                    field=field._description_string(self.env),
                )
            )
        return chain

    @api.model
    def _by_types(self, row, field, column, known, rows):
        """The rule that the types of field and column ask for."""
        relational = field.type in ("many2one", "many2many")
        if column.type == "State":
            if field.type == "boolean":
                status = column.default_status
                return sync.Active(status.get(0, 1), status.get(1, 2))
        elif column.type in OPTIONS:
            return self._options(row, field, column)
        elif field.type == "many2one" and column.is_lookup:
            self._check_lookup(row, field, column)
            label = self._label(row, self.env[row.mapping_id.model], None)
            return Lookup(label, known, brings=row.create_missing)
        elif field.type == "many2one" and field.comodel_name == "res.country":
            return self.env["integration.engine.geography"]._country_rule()
        elif field.type == "many2one" and field.comodel_name == "res.country.state":
            return self._state_rule(row, rows)
        elif field.type == "many2one" and self._is_text(column):
            return self._named(row, field)
        elif field.type == "many2many" and self._is_text(column):
            return sync.Labels(self._names(field.comodel_name))
        if not relational and field.type in ODOO_KINDS and not self._is_far(row, field):
            rule = sync.conversion(
                self._of_field(field), self._of_column(column), self._zone(row)
            )
            if rule is not None:
                return rule
        raise self._misfit(row, field, column)

    @api.model
    def _is_far(self, row, field):
        """Whether an image belongs to another record."""
        return field.type == "binary" and "." in row.field_name

    @api.model
    def _misfit(self, row, field, column):
        return UserError(
            self.env._(
                "The field '%(field)s' (%(type)s) cannot be mapped to the column "
                "'%(column)s' (%(column_type)s) of %(mapping)s.",
                field=field._description_string(self.env),
                type=field.type,
                column=column.label or column.name,
                column_type=column.type,
                mapping=row.mapping_id.name,
            )
        )

    @api.model
    def _zone(self, row):
        """Where the people are whose days and wall clocks are meant."""
        user = row.mapping_id.sudo().connection_id.user_id
        return ZoneInfo(user.tz or "UTC")

    # -- choices ----------------------------------------------------------------------

    @api.model
    def _options(self, row, field, column):
        """A choice of Dataverse: by the option mapping, or a plain number."""
        several = column.type == "MultiSelectPicklist"
        pairs = [
            (option._odoo_value(), option.option)
            for option in row.option_ids
            if option._odoo_value() is not None
        ]
        if pairs and several == (field.type == "many2many"):
            return sync.Choices(pairs) if several else sync.Choice(pairs)
        if field.type == "integer" and not several:
            return sync.Same()
        if several != (field.type == "many2many") or field.type not in (
            "selection",
            "many2one",
            "many2many",
            "char",
        ):
            raise self._misfit(row, field, column)
        raise UserError(
            self.env._(
                "'%(field)s' goes with a choice of Dataverse: map its options "
                "with the button Options.",
                field=field._description_string(self.env),
            )
        )

    @api.model
    def _names(self, model_name):
        """``{reference: name}`` of all records of a small model, such as labels."""
        model = self.env[model_name].sudo().with_context(lang="en_US")
        records = model.search([])  # pylint: disable=no-search-all
        return {
            f"{UNCOUPLED}{model_name},{record.id}": record.display_name
            for record in records
        }

    @api.model
    def _named(self, row, field):
        """A record by its name, which is looked up once a run.

        Names are those of the source language, as for labels: a text in Dataverse has
        no language.
        """
        mapping = row.mapping_id.sudo()
        names = self.env["integration.engine.names"]

        @cache
        def name_of(reference):
            return names._name_of(mapping, reference)

        @cache
        def find(name):
            return names._find(mapping, field.comodel_name, name)

        return sync.Named(name_of, find, creates=row.create_missing)

    # -- constants --------------------------------------------------------------------

    @api.model
    def _constant(self, row, field, column):
        """A value that is written as the mapping says it.

        :raise UserError: when the field or column cannot hold it
        """
        text = row.constant_value
        kind, digits = (
            self._odoo_kind(field)
            if field is not None
            else self._dataverse_kind(column)
        )
        value = self._value(text, kind, digits, field, column)
        self._check_known(text, value, field, column)
        if column is not None and field is None:
            problems = [
                problem
                for problem in self._problems(row, column, value)
                if problem.name != "ReadOnlyColumn"
            ]
            if problems:
                raise UserError(problems[0].sentence)
        return sync.Constant(value)

    @api.model
    def _problems(self, row, column, value):
        table = dataverse.Table(
            name=row.mapping_id.integration_table,
            entity_set="",
            primary_id="",
            columns={column.name: column},
        )
        return [] if column.is_lookup else dataverse.check(table, {column.name: value})

    @api.model
    def _check_known(self, text, value, field, column):
        """Refuse a value that a choice does not have."""
        known = self._known_values(field, column)
        if known and value not in known:
            raise UserError(
                self.env._(
                    "'%(value)s' is none of the values of '%(name)s': %(known)s.",
                    value=text,
                    name=field.name if field is not None else column.name,
                    known=", ".join(f"{key} ({label})" for key, label in known.items()),
                )
            )

    @api.model
    def _known_values(self, field, column):
        """``{value: label}`` of a choice; empty when any value will do."""
        if field is not None:
            if field.type == "selection":
                return dict(field._description_selection(self.env))
            return {}
        return column.options

    @api.model
    def _value(self, text, kind, digits, field=None, column=None):
        """A text that a person entered, as a canonical value.

        :raise UserError: when it is none of that kind
        """
        plain = text.strip()
        try:
            if kind == "image":
                raise ValueError(plain)
            if kind == "boolean":
                return self._boolean(plain)
            if kind in ("integer", "choice"):
                return int(plain)
            if kind == "lookup" and field is not None:
                return self._record_called(field.comodel_name, plain)
            return sync.canonical(plain, kind, digits=digits)
        except ValueError:
            name = field.name if field is not None else column.name
            raise UserError(
                self.env._(
                    "'%(value)s' is not a value of '%(name)s' (%(kind)s).",
                    value=text,
                    name=name,
                    kind=kind,
                )
            ) from None

    @api.model
    def _boolean(self, text):
        words = {"1": True, "true": True, "yes": True}
        words |= {"0": False, "false": False, "no": False}
        if text.lower() not in words:
            raise ValueError(text)
        return words[text.lower()]

    @api.model
    def _record_called(self, model_name, name):
        """The one record of that name, as a canonical reference."""
        found = self.env[model_name].sudo().name_search(name, operator="=", limit=2)
        if len(found) != 1:
            raise UserError(
                self.env._(
                    "%(count)s records of '%(model)s' are called '%(name)s'.",
                    count=len(found),
                    model=self.env["ir.model"]._get(model_name).name,
                    name=name,
                )
            )
        return f"{UNCOUPLED}{model_name},{found[0][0]}"

    # -- lookups ----------------------------------------------------------------------

    @api.model
    def _check_lookup(self, row, field, column):
        """A lookup finds records by their couplings, so these need a mapping.

        :raise UserError: when no mapping of the connection couples the two
        """
        mapping = row.mapping_id.sudo()
        tables = mapping.search(
            [
                ("connection_id", "=", mapping.connection_id.id),
                ("model", "=", field.comodel_name),
            ]
        ).mapped("integration_table")
        if not set(tables) & set(column.targets):
            raise UserError(
                self.env._(
                    "The lookup '%(column)s' needs a table mapping of %(model)s with "
                    "one of: %(tables)s. Create that mapping first.",
                    column=column.label or column.name,
                    model=self.env["ir.model"]._get(field.comodel_name).name,
                    tables=", ".join(column.targets),
                )
            )

    # -- geography --------------------------------------------------------------------

    @api.model
    def _state_rule(self, row, rows):
        """The state's name means nothing without its country: they travel together."""
        fields = self.env[row.mapping_id.model]._fields
        country = rows.filtered(
            lambda other: (
                other.group == row.group
                and other.field_name in fields
                and other.integration_column
                and fields[other.field_name].comodel_name == "res.country"
            )
        )
        if not country:
            raise UserError(
                self.env._(
                    "The state in %s needs its country in the same group of fields.",
                    row.mapping_id.name,
                )
            )
        column = country[0]._columns()[0]
        return self.env["integration.engine.geography"]._state_rule(column)
