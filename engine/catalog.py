"""What can be mapped: the tables and columns of Dataverse, the fields of Odoo."""

from locale import windows_locale

from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import dataverse, sync
from .gateway import SCHEMA_IS_FRESH
from .geography import GEOGRAPHY
from .pairing import DATAVERSE_KINDS, ODOO_KINDS, OPTIONS

LIMIT = 40


class IntegrationCatalog(models.AbstractModel):
    _name = "integration.engine.catalog"
    _description = "Lists What Can Be Mapped"

    # -- Dataverse --------------------------------------------------------------------

    @api.model
    def _tables(self, connection, term=""):
        """Tables whose label or name contains ``term``, for a pick list.

        Asks Dataverse when the list is older than a day.

        :return: list of dicts with ``value``, ``label``, ``detail``
        """
        stored = self.env["integration.table"].sudo()
        domain = [("connection_id", "=", connection.id)]
        oldest = fields.Datetime.now() - SCHEMA_IS_FRESH
        if not stored.search_count([*domain, ("listed_at", ">", oldest)], limit=1):
            self._list_tables(connection)
        if term:
            domain += ["|", ("name", "ilike", term), ("label", "ilike", term)]
        found = stored.search(domain, order="label, name", limit=LIMIT)
        return [
            {
                "value": table.name,
                "label": table.label or table.name,
                "detail": table.name
                if table.change_tracking
                else self.env._("%s · change tracking is off", table.name),
            }
            for table in found
        ]

    @api.model
    def _list_tables(self, connection):
        """Ask Dataverse which tables there are."""
        gateway = self.env["integration.engine.gateway"]
        stored = self.env["integration.table"].sudo()
        with gateway._in_sentences():
            tables = gateway._client(connection).tables()
        known = {
            table.name: table
            for table in stored.search([("connection_id", "=", connection.id)])
        }
        now, new = fields.Datetime.now(), []
        for table in tables:
            vals = {
                "label": table.label,
                "change_tracking": table.change_tracking,
                "listed_at": now,
            }
            if table.name in known:
                known[table.name].write(vals)
            else:
                new.append({"connection_id": connection.id, "name": table.name, **vals})
        stored.create(new)

    @api.model
    def _table_of(self, connection, name):
        """The metadata of a table for a person who picks from it.

        :rtype: dataverse.Table
        :raise UserError: a sentence, when Dataverse does not give it
        """
        if not (connection and name):
            raise UserError(self.env._("Choose the Dataverse table first."))
        gateway = self.env["integration.engine.gateway"]
        with gateway._in_sentences():
            return gateway._metadata(connection, name)

    @api.model
    def _columns(self, connection, table_name, term="", field=None):
        """Columns of a table that contain ``term``, those that suit ``field`` first.

        :param field: the Odoo field that is already chosen, or ``None``
        :return: list of dicts with ``value``, ``label``, ``detail``, ``fits``
        """
        table = self._table_of(connection, table_name)
        term = term.strip().casefold()
        found = [
            {
                "value": column.name,
                "label": column.label or column.name,
                "detail": f"{column.name} · {self._describe(column)}",
                "fits": field is None or self._fits(field, column),
            }
            for column in table.columns.values()
            if column.type in DATAVERSE_KINDS
            and column.readable
            and (not term or term in f"{column.label} {column.name}".casefold())
        ]
        found.sort(key=lambda one: (not one["fits"], one["label"].casefold()))
        return found[:LIMIT]

    @api.model
    def _describe(self, column):
        """The type of a column in a few words: "Text, 160 characters"."""
        words = [self._type_label(column)]
        if column.max_length:
            words.append(self.env._("%s characters", column.max_length))
        if column.targets:
            words.append(", ".join(column.targets[:3]))
        if column.required in ("application", "system"):
            words.append(self.env._("required"))
        if not (column.creatable or column.updatable):
            words.append(self.env._("read-only"))
        return ", ".join(words)

    @api.model
    def _type_label(self, column):
        if column.type == "DateTime" and column.date_behavior == "DateOnly":
            return self.env._("Date")
        labels = {
            "String": self.env._("Text"),
            "Memo": self.env._("Long text"),
            "Integer": self.env._("Whole number"),
            "BigInt": self.env._("Whole number"),
            "Decimal": self.env._("Decimal number"),
            "Double": self.env._("Floating point number"),
            "Money": self.env._("Money"),
            "Boolean": self.env._("Yes/No"),
            "DateTime": self.env._("Date and time"),
            "Picklist": self.env._("Choice"),
            "State": self.env._("State"),
            "Status": self.env._("Status reason"),
            "MultiSelectPicklist": self.env._("Choices"),
            "Lookup": self.env._("Lookup"),
            "Customer": self.env._("Customer"),
            "Owner": self.env._("Owner"),
            "Uniqueidentifier": self.env._("Unique identifier"),
            "Image": self.env._("Image"),
        }
        return labels.get(column.type, column.type)

    # -- Odoo -------------------------------------------------------------------------

    @api.model
    def _fields_of(self, model, forbidden, term="", column=None):
        """Fields of a model that contain ``term``, those that suit ``column`` first.

        After ``parent_id.`` the fields of the record that it points to.

        :param forbidden: names that are never mapped
        :param column: :class:`dataverse.Column` that is already chosen, or ``None``
        """
        path, dot, term = term.strip().rpartition(".")
        prefix = ""
        if dot:
            first = model._fields.get(path)
            if first is None or first.type != "many2one":
                return []
            model, prefix = self.env[first.comodel_name], f"{path}."
        term = term.casefold()
        found = []
        for name, description in model.fields_get(
            attributes=["string", "type", "store", "readonly", "relation"]
        ).items():
            field = model._fields[name]
            label = description["string"]
            if (
                name in forbidden
                or field.type not in ODOO_KINDS
                or term not in f"{label} {name}".casefold()
            ):
                continue
            found.append(
                {
                    "value": prefix + name,
                    "label": label,
                    "detail": f"{prefix}{name} · {self._describe_field(field)}",
                    "fits": column is None or self._fits(field, column),
                }
            )
        found.sort(key=lambda one: (not one["fits"], one["label"].casefold()))
        return found[:LIMIT]

    @api.model
    def _describe_field(self, field):
        kinds = dict(
            self.env["ir.model.fields"]
            ._fields["ttype"]
            ._description_selection(self.env)
        )
        words = [kinds.get(field.type, field.type)]
        if field.comodel_name:
            words.append(self.env["ir.model"]._get(field.comodel_name).name or "")
        if not field.store:
            words.append(self.env._("computed"))
        return ", ".join(words)

    # -- together ---------------------------------------------------------------------

    @api.model
    def _fits(self, field, column):
        """Whether a field and a column can go together without a rule."""
        pairing = self.env["integration.engine.pairing"]
        if column.type == "State":
            return field.type == "boolean"
        if column.type == "MultiSelectPicklist":
            return field.type == "many2many"
        if column.type in OPTIONS:
            return field.type in ("selection", "many2one", "integer", "char")
        if column.is_lookup:
            return field.type == "many2one"
        kind = pairing._of_column(column)
        if field.type in ("many2one", "many2many"):
            return kind.name == "text"
        return sync.conversion(pairing._of_field(field), kind) is not None

    @api.model
    def _can_create_missing(self, field, columns):
        """Whether a field refers to a record that can be missing.

        :param field: the Odoo field, or ``None``
        :param columns: list of :class:`dataverse.Column` that it goes with
        """
        return bool(
            field is not None
            and field.type == "many2one"
            and field.comodel_name not in GEOGRAPHY
            and columns
            and all(
                column.is_lookup
                or self.env["integration.engine.pairing"]._is_text(column)
                for column in columns
            )
        )

    @api.model
    def _known_columns(self, rows):
        """The columns of field mappings, from what is known without asking.

        The definition of a table is large, so it is read once for all of its rows.

        :return: ``{row: list of dataverse.Column}``
        """
        known = {}
        for mapping, lines in rows.grouped("mapping_id").items():
            table = self.env["integration.engine.schema"]._known_table(mapping)
            columns = table.columns if table else {}
            for line in lines:
                known[line] = [columns[n] for n in line._columns() if n in columns]
        return known

    @api.model
    def _options(self, row):
        """``{option: label}`` of the choice column of a field mapping, as it is now.

        Asks Dataverse when nothing fresh is stored.
        """
        column = self._choice_of(row)
        return dict(column.options) if column else {}

    @api.model
    def _option_labels(self, row):
        """What the options are called in Odoo's languages, where Dataverse has them.

        :return: ``{option: {language code of Odoo: label}}``
        """
        column = self._choice_of(row)
        languages = [code for code, _name in self.env["res.lang"].get_installed()]
        return {
            option: self._by_language(labels, languages)
            for option, labels in (column.translations if column else {}).items()
        }

    @api.model
    def _by_language(self, labels, languages):
        """Labels by Odoo's languages: of the same country, else of any.

        :param labels: ``{Windows LCID: label}``
        """
        codes = {
            windows_locale[lcid]: label
            for lcid, label in labels.items()
            if lcid in windows_locale
        }
        spoken = {code.partition("_")[0]: label for code, label in codes.items()}
        found = {
            code: codes.get(code, spoken.get(code.partition("_")[0]))
            for code in languages
        }
        return {code: label for code, label in found.items() if label}

    @api.model
    def _choice_of(self, row):
        """The choice column of a field mapping, or ``None``. May ask Dataverse."""
        mapping = row.mapping_id
        table = self._table_of(mapping.connection_id, mapping.integration_table)
        column = table.columns.get(next(iter(row._columns()), None))
        return column if column and column.type in OPTIONS else None

    # -- trying -----------------------------------------------------------------------

    @api.model
    def _try_filter(self, mapping):
        """How many rows the Dataverse filter of a mapping lets take part.

        :raise UserError: a sentence when Dataverse cannot read the filter
        """
        table = self._table_of(mapping.connection_id, mapping.integration_table)
        try:
            dataverse.read_filter(mapping.integration_filter or "", table)
        except dataverse.FilterError as error:
            # The templates are marked for translation where they stand.
            sentence = self.env._(error.template)  # pylint: disable=W8301
            raise UserError(sentence % error.facts) from error
        gateway = self.env["integration.engine.gateway"]
        with gateway._in_sentences():
            client = gateway._client(mapping.connection_id)
            return client.count(table, mapping.integration_filter or None)
