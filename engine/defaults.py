"""Default values of new records: applied only to what is empty."""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from .. import dataverse, sync


class IntegrationDefaults(models.AbstractModel):
    _name = "integration.engine.defaults"
    _description = "Fills in Default Values of New Records"

    @api.model
    def _fill(self, session, item, target):
        """Add default values to those of a new record.

        :param target: ``"odoo"`` or ``"dataverse"``; ``item.values`` are its canonical
            values
        """
        template = self._template(session, item, target)
        if not template:
            return
        for name, value in self._values(template, session.table).items():
            if sync.is_empty(item.values.get(name)):
                item.values[name] = value

    @api.model
    def _template(self, session, item, target):
        """The first template of a mapping that fits the source record of ``item``."""
        templates = session.mapping.sudo().template_ids
        for template in templates.filtered(lambda one: one.side == target):
            if target == "dataverse":
                chosen = Domain("id", "=", item.res_id) & template._domain()
                fits = session.records.search_count(chosen, limit=1)
            else:
                row_filter = self._filter(template, session.table)
                fits = row_filter.matches(item.dataverse)
            if fits:
                return template
        return templates.browse()

    @api.model
    def _filter(self, template, table):
        """The filter of a template on the rows of Dataverse.

        :raise UserError: when it cannot be told here which rows it finds
        """
        try:
            return dataverse.read_filter(template.integration_filter or "", table)
        except dataverse.FilterError as error:
            # The templates are marked for translation where they stand.
            sentence = self.env._(error.template)  # pylint: disable=W8301
            raise UserError(sentence % error.facts) from error

    @api.model
    def _values(self, template, table):
        """``{field or column: canonical value}``.

        :raise UserError: a sentence for a name or value that does not fit
        """
        pairing = self.env["integration.engine.pairing"]
        model = self.env[template.mapping_id.model]
        values = {}
        for line in template.line_ids:
            field = column = None
            if template.side == "odoo":
                field = pairing._field(model, line.name)
                kind = pairing._odoo_kind(field)
                if field.type == "many2one":
                    kind = ("lookup", None)
            else:
                column = table.columns.get(line.name)
                if column is None or not column.creatable or column.is_lookup:
                    raise UserError(
                        self.env._(
                            "New rows of '%(table)s' cannot be given a value of "
                            "'%(column)s' here.",
                            table=table.label or table.name,
                            column=line.name,
                        )
                    )
                kind = pairing._dataverse_kind(column)
            value = pairing._value(line.value, *kind, field, column)
            pairing._check_known(line.value, value, field, column)
            values[line.name] = value
        return values

    @api.model
    def _check(self, template):
        """Refuse a template that cannot work, without asking Dataverse.

        :raise UserError: a sentence that says what to change
        """
        table = self.env["integration.engine.schema"]._known_table(template.mapping_id)
        if table is None and template.side == "dataverse":
            return
        if table is not None:
            read = self._filter(template, table)
            columns = self.env["integration.engine.schema"]._columns_of(
                template.mapping_id, table
            )
            unknown = sorted(read.columns - set(columns))
            if template.side == "odoo" and unknown:
                raise UserError(
                    self.env._(
                        "The filter of %(template)s uses columns that are not mapped: "
                        "%(columns)s.",
                        template=template.name,
                        columns=", ".join(unknown),
                    )
                )
        self._values(template, table)
