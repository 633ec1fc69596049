"""What the rows of a mapping mean: lines, groups, kinds of values, criteria."""

from dataclasses import dataclass, field

from odoo import api, models
from odoo.exceptions import UserError

from .. import dataverse, sync

# Odoo field type -> kind of canonical value (sync/values.py)
ODOO_KINDS = {
    "char": "text",
    "text": "text",
    "selection": "text",
    "html": "html",
    "integer": "integer",
    "float": "decimal",
    "monetary": "money",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "many2one": "lookup",
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
}
SIMPLE_RULES = {
    "person_name": sync.PersonName,
    "url": sync.Url,
    "email": sync.Email,
    "phone": sync.Phone,
}
TEXT_RULES = ("upper", "lower", "title", "trim")

# The version of a row, which only grows, and the row that it was merged into.
VERSION, MASTER = "versionnumber", "masterid"

# How an Odoo record that is not coupled stands in a canonical value.
UNCOUPLED = "odoo:"


@dataclass
class Schema:
    """A mapping, compiled for one run.

    ``odoo`` and ``dataverse`` give the kind and the digits of each field and column;
    ``labels`` what people call a line; ``required`` the keys of groups without which
    no record is created.
    """

    table: dataverse.Table
    groups: tuple
    criteria: tuple
    odoo: dict
    dataverse: dict
    labels: dict
    required: frozenset
    groups_without: dict = field(default_factory=dict)

    def without(self, skipped):
        """The groups that touch none of the ``skipped`` fields."""
        skipped = frozenset(skipped)
        if not skipped:
            return self.groups
        if skipped not in self.groups_without:
            self.groups_without[skipped] = tuple(
                group for group in self.groups if skipped.isdisjoint(group.fields)
            )
        return self.groups_without[skipped]


class Lookup(sync.Rule):
    """A reference to another record, by its coupling.

    Canonical value on both sides: ``table(guid)`` of the row. ``known`` holds the
    references whose record is coupled; the reader fills it before a chunk is planned.
    """

    def __init__(self, label, known):
        self.label = label
        self.known = known

    def to_dataverse(self, values, row):
        (value,) = values
        if value and value.startswith(UNCOUPLED):
            raise sync.Untranslatable(f"the {self.label} is not coupled", value)
        return values

    def to_odoo(self, values, row):
        (value,) = values
        if value and value not in self.known:
            raise sync.Untranslatable(f"the {self.label} is not coupled", value)
        return values


class IntegrationSchema(models.AbstractModel):
    _name = "integration.engine.schema"
    _description = "Compiles Integration Table Mappings"

    @api.model
    def _compile(self, mapping, table, known):
        """Compile a mapping.

        :param table: :class:`dataverse.Table` of the mapping
        :param known: mutable mapping of the references that are coupled
        :rtype: Schema
        :raise UserError: when a row names a column that the table has not, or pairs
            types that do not go together
        """
        model = self.env[mapping.model]
        lines, groups, labels, required, criteria = [], {}, {}, set(), {}
        kinds = {"odoo": {}, "dataverse": {}}
        rows = self._rows(mapping)
        for row in rows:
            columns = self._columns(row, table)
            fields = (row.field_name,) if row.field_name else ()
            field = model._fields[row.field_name] if row.field_name else None
            label = self._label(row, field, table, columns)
            line = sync.Line(
                key=str(row.id),
                fields=fields,
                columns=columns,
                rule=self._rule(row, field, table, columns, label, known, rows),
                direction=self._direction(row),
                fill_only=bool(row.constant_value),
                clear_on_failure=row.clear_value_on_failed_synch,
            )
            lines.append(line)
            labels[line.key] = label
            if row.group:
                groups[line.key] = row.group
                labels.setdefault(row.group, row.group.capitalize())
            if row.required:
                required.add(row.group or line.key)
            if row.match_key and fields and columns:
                criteria.setdefault(row.match_priority, []).append(row)
            if field is not None:
                kinds["odoo"][field.name] = self._odoo_kind(field)
            for column in columns:
                kinds["dataverse"][column] = self._dataverse_kind(table.columns[column])
        for name in model_hook(model, "_integration_context_fields", []):
            kinds["odoo"].setdefault(name, self._odoo_kind(model._fields[name]))
        return Schema(
            table=table,
            groups=sync.group_lines(lines, groups),
            criteria=tuple(
                sync.Criterion(
                    keys=tuple(row.field_name for row in keys),
                    priority=priority,
                    case_sensitive=any(row.match_case_sensitive for row in keys),
                )
                for priority, keys in sorted(criteria.items())
            ),
            odoo=kinds["odoo"],
            dataverse=kinds["dataverse"],
            labels=labels,
            required=frozenset(required),
        )

    @api.model
    def _columns_of(self, mapping, table):
        """The columns that a mapping reads, sorted; the row's name is always there.

        :raise UserError: when there are none, or the table lacks one
        """
        rows = self._rows(mapping)
        columns = {column for row in rows for column in self._columns(row, table)}
        # What tells of a restore and of a merge, where the table has it.
        columns |= {VERSION, MASTER} & table.columns.keys()
        return sorted({*columns, table.primary_name} - {None})

    @api.model
    def _rows(self, mapping):
        rows = mapping.sudo().field_mapping_ids.filtered("enabled")
        if not rows:
            raise UserError(
                self.env._("There are no enabled field mappings in %s.", mapping.name)
            )
        return rows

    @api.model
    def _columns(self, row, table):
        columns = row._columns()
        for column in columns:
            if column not in table.columns:
                raise UserError(
                    self.env._(
                        "The Dataverse table '%(table)s' has no column '%(column)s'. "
                        "Correct the field mapping of %(mapping)s.",
                        table=table.name,
                        column=column,
                        mapping=row.mapping_id.name,
                    )
                )
        # A state goes with a status reason; Dataverse refuses pairs that do not fit.
        if len(columns) == 1 and table.columns[columns[0]].type == "State":
            columns += ("statuscode",)
        return columns

    @api.model
    def _label(self, row, field, table, columns):
        if field is not None:
            return field._description_string(self.env)
        return table.columns[columns[0]].label or columns[0]

    @api.model
    def _direction(self, row):
        if row.constant_value:
            return "from_integration" if row.field_name else "to_integration"
        return row.direction

    @api.model
    def _rule(self, row, field, table, columns, label, known, rows):
        """The rule of a line: the one chosen, or the one that the types ask for."""
        if row.constant_value:
            kind, digits = (
                self._odoo_kind(field)
                if field is not None
                else self._dataverse_kind(table.columns[columns[0]])
            )
            return sync.Constant(self._constant(row.constant_value, kind, digits))
        code = row.transformation_rule_id.code
        if code in SIMPLE_RULES:
            return SIMPLE_RULES[code]()
        if code in TEXT_RULES:
            return sync.Text(code)
        column = table.columns[columns[0]]
        if column.type == "State":
            status = column.default_status
            return sync.Active(status.get(0, 1), status.get(1, 2))
        if field.type == "html":
            return sync.Html()
        if field.type == "many2one" and column.is_lookup:
            return Lookup(label, known)
        if field.type == "many2one" and field.comodel_name == "res.country":
            return self._country_rule()
        if field.type == "many2one" and field.comodel_name == "res.country.state":
            return self._state_rule(row, rows)
        if field.type not in ODOO_KINDS or field.type == "many2one":
            raise UserError(
                self.env._(
                    "The field '%(field)s' (%(type)s) cannot be mapped to the column "
                    "'%(column)s' of %(mapping)s.",
                    field=label,
                    type=field.type,
                    column=column.name,
                    mapping=row.mapping_id.name,
                )
            )
        return sync.Same()

    @api.model
    def _constant(self, text, kind, digits):
        if kind == "boolean":
            return text.strip().lower() in ("1", "true", "yes")
        if kind in ("integer", "choice"):
            return int(text)
        return sync.canonical(text, kind, digits=digits)

    @api.model
    def _odoo_kind(self, field):
        """Kind and digits of an Odoo field."""
        if field.comodel_name in ("res.country", "res.country.state"):
            return ("text", None)
        digits = None
        if field.type in ("float", "monetary"):
            precision = getattr(field, "get_digits", lambda env: None)(self.env)
            digits = precision[1] if precision else 2 if field.type == "monetary" else 6
        return (ODOO_KINDS.get(field.type, "text"), digits)

    @api.model
    def _dataverse_kind(self, column):
        """Kind and digits of a Dataverse column."""
        if column.type == "DateTime" and column.date_behavior == "DateOnly":
            return ("date", None)
        return (DATAVERSE_KINDS.get(column.type, "text"), column.precision)

    # -- geography --------------------------------------------------------------------

    @api.model
    def _country_rule(self):
        return sync.Country(
            (country.code, *self._names_of(country))
            for country in self.env["res.country"].sudo().search([])
            if country.code
        )

    @api.model
    def _state_rule(self, row, rows):
        """The state's name means nothing without its country: they travel together."""
        fields = self.env[row.mapping_id.model]._fields
        country = rows.filtered(
            lambda other: (
                other.group == row.group
                and other.field_name
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
        return sync.State(
            self._states(), self._country_rule(), country[0]._columns()[0]
        )

    @api.model
    def _states(self):
        return [
            (f"{state.country_id.code}-{state.code}", *self._names_of(state))
            for state in self.env["res.country.state"].sudo().search([])
            if state.country_id.code and state.code
        ]

    @api.model
    def _names_of(self, record):
        """The English name, then the names in the other installed languages."""
        names = [record.with_context(lang="en_US").name]
        for code, _name in self.env["res.lang"].get_installed():
            if code != "en_US":
                names.append(record.with_context(lang=code).name)
        return names


def model_hook(model, name, default):
    """The value of a hook method of a model, or ``default`` when it has none."""
    hook = getattr(model, name, None)
    return hook() if hook else default
