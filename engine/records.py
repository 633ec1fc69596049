"""Odoo records as canonical rows, and back."""

import base64

from odoo import api, models
from odoo.fields import Command, Domain

from .. import sync
from .geography import GEOGRAPHY
from .pairing import UNCOUPLED
from .schema import MASTER


class IntegrationRecords(models.AbstractModel):
    _name = "integration.engine.records"
    _description = "Reads and Writes Odoo Records for Synchronization"

    # -- reading ----------------------------------------------------------------------

    @api.model
    def _read(self, session, ids):
        """The canonical values of records.

        :return: ``{id: {field: canonical value}}``; ids that do not exist or may not
            be read by the synchronization user are missing
        """
        records = session.records.browse(ids).exists()._filtered_access("read")
        return self._values(session, records)

    @api.model
    def _read_ours(self, session, ids):
        """The same of records that this very transaction has written.

        Of those that it has deleted nothing is known any more.
        """
        return self._values(session, session.records.browse(ids).exists())

    @api.model
    def _values(self, session, records):
        schema = session.schema
        names = list(schema.odoo)
        images = schema.images("odoo")
        rows = records.read(
            [name for name in names if "." not in name and name not in images],
            load=None,
        )
        for name in images:
            told = self.env["integration.engine.images"]._fingerprints(records, name)
            for row in rows:
                row[name] = told.get(row["id"])
        self._follow_paths(records, rows, [name for name in names if "." in name])
        references = self._references(session, rows)
        return {
            row["id"]: {
                name: self._canonical(schema, references, name, row[name])
                for name in names
            }
            for row in rows
        }

    @api.model
    def _follow_paths(self, records, rows, paths):
        """Add the values of ``parent_id.name`` to the rows that were read."""
        by_id = {record.id: record for record in records} if paths else {}
        for path in paths:
            first, _dot, rest = path.partition(".")
            for row in rows:
                related = by_id[row["id"]][first]._filtered_access("read")
                value = related[rest]
                row[path] = value.id if isinstance(value, models.BaseModel) else value

    @api.model
    def _field(self, session, name):
        """The field of a mapped name, which may be a path."""
        return self.env["integration.engine.pairing"]._field(session.records, name)

    @api.model
    def _canonical(self, schema, references, name, value):
        reference = references.get(name)
        if reference is not None:
            return reference.get(value) if value else None
        kind, digits = schema.odoo[name]
        if kind == "records":
            return value or None
        return sync.canonical(value, kind, digits=digits)

    @api.model
    def _references(self, session, rows):
        """How the records that many2one fields point to are called canonically.

        :return: ``{field: {id: canonical value}}``
        """
        references = {}
        geography = self.env["integration.engine.geography"]
        for name, (kind, _digits) in session.schema.odoo.items():
            field = self._field(session, name)
            if kind == "records":
                for row in rows:
                    called = (f"{UNCOUPLED}{field.comodel_name},{i}" for i in row[name])
                    row[name] = sorted(called)
            if field.type != "many2one":
                continue
            ids = {row[name] for row in rows if row[name]}
            if kind == "record":
                references[name] = {
                    id_: f"{UNCOUPLED}{field.comodel_name},{id_}" for id_ in ids
                }
            elif field.comodel_name in GEOGRAPHY:
                references[name] = geography._codes_by_id(field.comodel_name)
            else:
                references[name] = self._coupled(session, field.comodel_name, ids)
        return references

    @api.model
    def _coupled(self, session, model_name, ids):
        """``table(guid)`` of coupled records, and a word for those that are not."""
        called = {id_: f"{UNCOUPLED}{model_name},{id_}" for id_ in ids}
        for coupling in self._couplings_of(session, model_name, res_ids=ids):
            reference = f"{coupling['table']}({coupling['external_id']})"
            called[coupling["res_id"]] = reference
            session.known[reference] = coupling["res_id"]
        return called

    @api.model
    def _couplings_of(self, session, model_name=None, *, res_ids=(), external_ids=()):
        """Couplings of the connection to or from these, as light dicts.

        A coupling whose row is reserved but not created yet is no target.
        """
        self.env["integration.coupling"].flush_model()
        self.env.cr.execute(
            "SELECT c.res_model, c.res_id, c.external_id, m.integration_table AS table"
            " FROM integration_coupling c"
            " JOIN integration_table_mapping m ON m.id = c.mapping_id"
            " WHERE m.connection_id = %s AND c.reserved IS NULL"
            " AND ((c.res_model = %s AND c.res_id = ANY(%s))"
            "      OR c.external_id = ANY(%s))",
            [session.connection.id, model_name, list(res_ids), list(external_ids)],
        )
        return self.env.cr.dictfetchall()

    @api.model
    def _know_references(self, session, rows):
        """Look up which references of Dataverse rows are coupled, for the rules.

        :param rows: iterable of canonical Dataverse rows
        """
        columns = [
            name
            for name, (kind, _) in session.schema.dataverse.items()
            if kind == "lookup"
        ]
        wanted = {row.get(name) for row in rows for name in columns} - {None}
        wanted -= session.known.keys()
        self._know(session, wanted)

    @api.model
    def _know(self, session, values):
        """Look up which of these canonical values are references that are coupled."""
        guids = {
            guid_in(value) for value in values if value.endswith(")") and "(" in value
        }
        if guids:
            for coupling in self._couplings_of(session, external_ids=guids):
                reference = f"{coupling['table']}({coupling['external_id']})"
                session.known[reference] = coupling["res_id"]

    @api.model
    def _coupled_references(self, session, references):
        """Those among ``references`` whose record is coupled now.

        :param references: ``table(guid)`` or ``odoo:model,id``
        """
        guids, ids = set(), {}
        for reference in references:
            if reference.startswith(UNCOUPLED):
                model_name, _, id_ = reference[len(UNCOUPLED) :].partition(",")
                ids.setdefault(model_name, set()).add(int(id_))
            else:
                guids.add(guid_in(reference))
        coupled = set()
        for model_name, res_ids in (ids or {None: ()}).items():
            for coupling in self._couplings_of(
                session, model_name, res_ids=res_ids, external_ids=guids
            ):
                coupled.add(f"{coupling['table']}({coupling['external_id']})")
                coupled.add(f"{UNCOUPLED}{coupling['res_model']},{coupling['res_id']}")
        return coupled & set(references)

    @api.model
    def _canonical_row(self, session, values):
        """A Dataverse row as canonical values of the mapped columns."""
        return {
            column: sync.canonical(values.get(column), kind, digits=digits)
            for column, (kind, digits) in session.schema.dataverse.items()
        }

    @api.model
    def _shown(self, session, name, value):
        """A canonical value of either side as people read it.

        :param name: of the field or column that holds it
        """
        if isinstance(value, list):
            return ", ".join(self._shown(session, name, part) for part in value)
        if isinstance(value, bool):
            return self.env._("Yes") if value else self.env._("No")
        column = session.table and session.table.columns.get(name)
        if column is not None and value in column.options:
            return column.options[value]
        field = session.records._fields.get(name)
        if (column is not None and column.type == "Image") or (
            field is not None and field.type == "binary"
        ):
            return self.env["integration.engine.images"]._shown(value)
        if field is not None and field.comodel_name in GEOGRAPHY:
            place = (
                self.env["integration.engine.geography"]
                ._ids_by_code(field.comodel_name)
                .get(value)
            )
            return self.env[field.comodel_name].browse(place).name or value
        record = self._referred(session, value)
        return record.display_name if record else str(value).removeprefix(sync.NEW)

    @api.model
    def _referred(self, session, value):
        """The Odoo record that a canonical reference means, or ``None``."""
        if not isinstance(value, str):
            return None
        if value.startswith(UNCOUPLED):
            model_name, _, id_ = value[len(UNCOUPLED) :].partition(",")
            return self.env[model_name].browse(int(id_)).exists()
        if value not in session.known:
            return None
        for coupling in self._couplings_of(session, external_ids=[guid_in(value)]):
            return self.env[coupling["res_model"]].browse(coupling["res_id"]).exists()
        return None

    # -- writing ----------------------------------------------------------------------

    @api.model
    def _vals(self, session, values):
        """Canonical values as the ``vals`` of ``create()`` and ``write()``."""
        return {
            name: self._to_odoo(session, name, value) for name, value in values.items()
        }

    @api.model
    def _to_odoo(self, session, name, value):
        field = session.records._fields[name]
        if field.type == "many2many":
            return [Command.set([_id_in(one) for one in value or ()])]
        if value is None:
            return 0 if field.type in ("integer", "float", "monetary") else False
        if field.type == "many2one":
            return self._id_of(session, field, value)
        if field.type in ("float", "monetary"):
            return float(value)
        if field.type == "binary":
            return base64.b64encode(value.content)
        if field.type == "datetime":
            return value.replace("T", " ").rstrip("Z")
        return value

    @api.model
    def _id_of(self, session, field, value):
        """The id of the record that a many2one field shall point to."""
        if value.startswith(UNCOUPLED):
            return _id_in(value)
        if value.startswith(sync.NEW):
            return self.env["integration.engine.names"]._create(
                session.mapping, field.comodel_name, value[len(sync.NEW) :]
            )
        if field.comodel_name in GEOGRAPHY:
            geography = self.env["integration.engine.geography"]
            return geography._ids_by_code(field.comodel_name)[value]
        return session.known[value]

    @api.model
    def _skipped_fields(self, session, row):
        """Fields that take no part for a record (a hook of its model)."""
        hook = getattr(session.records, "_integration_skipped_fields", None)
        return hook(row) if hook else ()

    @api.model
    def _in_scope(self, session, ids):
        """The ids of the records that the mapping's filter lets take part."""
        return set(
            session.records.search(
                session.mapping._scope_domain() & Domain("id", "in", list(ids))
            ).ids
        )


def guid_in(reference):
    """The GUID in ``table(guid)``; nothing in nothing."""
    return reference and reference.partition("(")[2].rstrip(")")


def master_of(row):
    """The GUID of the row that this one was merged into.

    Of a row that is used again nothing says that it was merged.

    :param row: values of columns as Dataverse gives them, *statecode* and *masterid*
        among them
    """
    return guid_in(row.get(MASTER)) if row.get("statecode") != 0 else None


def _id_in(reference):
    """The id in ``odoo:model,id``."""
    return int(reference.rpartition(",")[2])
