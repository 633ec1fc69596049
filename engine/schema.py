"""What the rows of a mapping mean: lines, groups, kinds of values, criteria."""

from dataclasses import dataclass, field

from odoo import api, models
from odoo.exceptions import UserError

from .. import dataverse, sync

# The version of a row, which only grows, and the row that it was merged into.
VERSION, MASTER = "versionnumber", "masterid"


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

    @property
    def deciding(self):
        """The criteria by which a run couples; what is similar is for people alone."""
        return tuple(one for one in self.criteria if not one.is_similar)

    def images(self, side):
        """The names of what holds images on a side."""
        kinds = getattr(self, side)
        return {name for name, (kind, _digits) in kinds.items() if kind == "image"}

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
        pairing = self.env["integration.engine.pairing"]
        lines, groups, labels, required, criteria = [], {}, {}, set(), {}
        kinds = {"odoo": {}, "dataverse": {}}
        rows = self._rows(mapping)
        for row in rows:
            columns = self._columns(row, table)
            fields = (row.field_name,) if row.field_name else ()
            label = pairing._label(row, model, table)
            rule = pairing._rule(row, model, table, columns, known, rows)
            line = sync.Line(
                key=str(row.id),
                fields=(*fields, *rule.beside),
                columns=columns,
                rule=rule,
                direction=row._direction(),
                fill_only=bool(row.constant_value),
                clear_on_failure=row.clear_value_on_failed_synch,
                never_empties=any(table.columns[c].type == "Owner" for c in columns),
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
            if row.field_name:
                field = pairing._field(model, row.field_name)
                kinds["odoo"][row.field_name] = pairing._odoo_kind(
                    field, row, table.columns[columns[0]] if columns else None
                )
            for column in columns:
                kind = pairing._dataverse_kind(table.columns[column])
                kinds["dataverse"][column] = kind
        beside = {name for line in lines for name in line.rule.beside}
        behavior = self.env["integration.behavior"]._of(mapping.integration_table)
        for name in (
            *sorted(beside),
            *behavior._context_fields,
            *model_hook(model, "_integration_context_fields", []),
        ):
            kinds["odoo"].setdefault(name, pairing._odoo_kind(model._fields[name]))
        return Schema(
            table=table,
            groups=sync.group_lines(lines, groups),
            criteria=tuple(
                sync.Criterion(
                    keys=tuple(row.field_name for row in keys),
                    priority=priority,
                    case_sensitive=any(row.match_case_sensitive for row in keys),
                    kinds=tuple(row.match_by for row in keys),
                    degree=min(
                        (r.match_degree for r in keys if r.match_by == "similar"),
                        default=100,
                    ),
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
        row_filter = self._row_filter(mapping, table)
        if row_filter:
            # Rows that changed are filtered by what arrives with them.
            columns |= row_filter.columns
        return sorted({*columns, table.primary_name} - {None, table.primary_id})

    @api.model
    def _row_filter(self, mapping, table):
        """The Dataverse filter of a mapping as far as it can be told here.

        :rtype: dataverse.Filter | None
        """
        try:
            return dataverse.read_filter(mapping.integration_filter or "", table)
        except ValueError:
            # Dataverse says what is wrong with it.
            return None

    # -- is it right? -----------------------------------------------------------------

    @api.model
    def _known_table(self, mapping):
        """What is known about the table of a mapping, without asking Dataverse.

        :rtype: dataverse.Table | None
        """
        *_stored, table = self.env["integration.engine.gateway"]._known(
            mapping.connection_id, mapping.integration_table
        )
        return table

    @api.model
    def _check(self, mapping):
        """Refuse what cannot work, as far as it is known without asking Dataverse.

        :raise UserError: a sentence that says what to change
        """
        table = self._known_table(mapping)
        if table is None:
            return
        if mapping.integration_filter:
            try:
                dataverse.read_filter(mapping.integration_filter, table)
            except dataverse.FilterError as error:
                # The templates are marked for translation where they stand.
                sentence = self.env._(error.template)  # pylint: disable=W8301
                raise UserError(sentence % error.facts) from error
        rows = mapping.field_mapping_ids.filtered("enabled")
        for row in rows:
            self._check_row(row, table, rows)
        if rows:
            self._check_groups(mapping, table)

    @api.model
    def _check_row(self, row, table, rows):
        """Refuse a field mapping that cannot work.

        :raise UserError: a sentence that says what to change
        """
        model = self.env[row.mapping_id.model]
        columns = self._columns(row, table)
        pairing = self.env["integration.engine.pairing"]
        rule = pairing._rule(row, model, table, columns, {}, rows)
        fields = (*((row.field_name,) if row.field_name else ()), *rule.beside)
        if not rule.fits(len(fields), len(columns)):
            raise UserError(
                self.env._(
                    "'%(field)s': the rule does not fit the number of columns.",
                    field=pairing._label(row, model, table),
                )
            )
        if row._direction() != "from_integration":
            self._check_writable(row, table, columns)

    @api.model
    def _check_writable(self, row, table, columns):
        for name in columns:
            column = table.columns[name]
            if not (column.creatable or column.updatable):
                raise UserError(
                    self.env._(
                        "Dataverse does not let the column '%(column)s' be written. "
                        "Give its field mapping the direction From Dataverse.",
                        column=column.label or name,
                    )
                )

    @api.model
    def _check_groups(self, mapping, table):
        try:
            self._compile(mapping, table, {})
        except ValueError as error:
            raise UserError(str(error)) from error

    @api.model
    def _rows(self, mapping):
        line = self.env["integration.field.mapping"].sudo()
        rows = line.search_fetch(
            [("mapping_id", "=", mapping.id), ("enabled", "=", True)],
            [name for name, field in line._fields.items() if field.column_type],
        )
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


def model_hook(model, name, default):
    """The value of a hook method of a model, or ``default`` when it has none."""
    hook = getattr(model, name, None)
    return hook() if hook else default
