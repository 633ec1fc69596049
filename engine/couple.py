"""Match before create: what is not coupled yet and belongs together."""

from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import quote

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL, escape_psql

from .. import dataverse, sync
from ..sync.words import narrowed
from .capture import IDS_PER_REQUEST

# Length of the keys in one filter: an address holds 32 KB (Dataverse: "Query data using
# the Web API", maximum URL length), and names may be split over two columns.
KEYS_LENGTH = 20000
# The keys of a table with more rows than this are not read as a whole; and after so
# many seconds they are read again, as people go on creating rows.
INDEXED_ROWS, INDEX_SECONDS = 50_000, 60
# For more records than this, what a criterion asks for loosely would be most of the
# table.
FEW = 20
# How the candidates of a kind of comparison are looked up in SQL, by what all forms of
# a value have in common.
LOOK_UPS = {
    "text": "lower(%s) = ANY(%s)",
    "email": "lower(btrim(%s)) = ANY(%s)",
    "phone": r"right(regexp_replace(%s, '\D', '', 'g'), 8) = ANY(%s)",
    "tax": "right(upper(regexp_replace(%s, '[^[:alnum:]]', '', 'g')), 8) = ANY(%s)",
    "company": "lower(%s) LIKE ANY(%s)",
}


@dataclass
class Index:
    """The rows of a table by how their keys end: ``{(criterion, ending): [guid]}``."""

    made_at: float
    rows: dict = field(default_factory=lambda: defaultdict(list))


# The side whose values count where values travel in one direction only.
SOURCES = {"to_integration": "odoo", "from_integration": "dataverse"}


class IntegrationCouple(models.AbstractModel):
    _name = "integration.engine.couple"
    _description = "Finds and Makes Couplings"

    # -- candidates -------------------------------------------------------------------

    @api.model
    def _candidates(self, session, items):
        """Everything on either side that shares a key with an item without coupling.

        Talks to Dataverse, so it runs while nothing is locked.

        :return: ``(odoo, dataverse)``: ``{id: values in Odoo's terms}`` of the items
            and of their possible counterparts, as :func:`sync.match` wants them, and
            ``rows``: ``{guid: dataverse.Row}`` of the counterparts that were read
        """
        odoo, terms, rows = {}, {}, {}
        free = [item for item in items if not item.coupling]
        if not session.schema.deciding or not session.match or not free:
            return odoo, terms, rows
        for item in free:
            if item.res_id and item.odoo and not item.outside_odoo:
                odoo[item.res_id] = item.odoo
            if item.external_id and item.dataverse and not item.outside_dataverse:
                terms[item.external_id] = self._in_odoo_terms(session, item.dataverse)
        odoo |= self._odoo_candidates(session, terms.values(), odoo)
        found = self._dataverse_candidates(session, odoo, terms)
        for row in found:
            rows[row.id] = row
            terms[row.id] = self._in_odoo_terms(
                session,
                self.env["integration.engine.records"]._canonical_row(
                    session, row.values
                ),
            )
        if found:
            odoo |= self._odoo_candidates(session, terms.values(), odoo)
        return odoo, terms, rows

    @api.model
    def _in_odoo_terms(self, session, row):
        """The key fields of a Dataverse row as Odoo would hold them."""
        keys = {key for criterion in session.schema.criteria for key in criterion.keys}
        values = {}
        for group in session.schema.groups:
            for line in group.lines:
                if keys.isdisjoint(line.fields) or not line.columns:
                    continue
                try:
                    values |= line.translate("odoo", row)
                except sync.Untranslatable as problem:
                    # Not coupled yet: still the same reference for matching.
                    values |= dict.fromkeys(line.fields, problem.value)
        return values

    @api.model
    def _odoo_candidates(self, session, terms, known):
        """Uncoupled Odoo records in scope with a text key of one of ``terms``."""
        wanted = defaultdict(set)
        for criterion in session.schema.deciding:
            name, kind = self._text_key(session, criterion)
            for values in terms:
                if name and values.get(name) and criterion.key(values):
                    wanted[name, kind].add(self._looked_up(values[name], kind))
        ids = set()
        session.records.flush_model([name for name, _kind in wanted])
        for (name, kind), values in wanted.items():
            if session.records._fields[name].inherited:
                # It is in the table of the record that lends it.
                ids.update(self._ids_by(session, name, values, kind))
                continue
            self.env.cr.execute(
                SQL(
                    f"SELECT id FROM %s WHERE {LOOK_UPS[kind]}",
                    SQL.identifier(session.records._table),
                    SQL.identifier(name),
                    list(values),
                )
            )
            ids.update(row[0] for row in self.env.cr.fetchall())
        ids -= known.keys()
        ids -= set(
            self.env["integration.coupling"]
            .search(
                [("mapping_id", "=", session.mapping.id), ("res_id", "in", list(ids))]
            )
            .mapped("res_id")
        )
        records = self.env["integration.engine.records"]
        return records._read(session, sorted(records._in_scope(session, ids)))

    @api.model
    def _ids_by(self, session, name, values, kind):
        """Ids of the records whose ``name`` is like one of :meth:`_looked_up`."""
        patterns = values if kind == "company" else map(escape_psql, values)
        domain = Domain.OR(Domain(name, "=ilike", pattern) for pattern in patterns)
        return session.records.search(domain).ids

    @api.model
    def _text_key(self, session, criterion):
        """The field of a criterion by which candidates are looked up in SQL.

        :return: ``(name, kind)``, or twice ``None``
        """
        for name, kind in zip(criterion.keys, criterion.kinds, strict=True):
            field = session.records._fields[name]
            # Lent fields are looked up by the ORM, which knows no ends of numbers.
            readable = field.store or (field.inherited and kind not in sync.keys.LOOSE)
            if readable and field.type in ("char", "text") and not field.translate:
                return name, kind
        return None, None

    @api.model
    def _looked_up(self, value, kind):
        """What :data:`LOOK_UPS` compares with."""
        if kind == "company":
            return f"%{sync.keys.longest_word(value)}%"
        if kind in sync.keys.LOOSE:
            return sync.keys.ending(sync.keys.form(value, kind), kind)
        return value.strip().lower() if kind == "email" else value.lower()

    @api.model
    def _dataverse_candidates(self, session, odoo, known):
        """Uncoupled rows with a key of one of the Odoo records.

        :return: list of :class:`dataverse.Row` that are not in ``known``
        """
        loosely = any(c.is_loose for c in session.schema.deciding)
        small = session.rows_read is not None and session.rows_read <= INDEXED_ROWS
        if small or (loosely and len(odoo) > FEW):
            filters = self._by_index(session, odoo, known)
        else:
            filters = self._by_keys(session, odoo)
        columns = session.columns
        scope = session.mapping.integration_filter
        found = {}
        for condition in filters:
            if scope:
                condition = dataverse.query.and_(f"({condition})", f"({scope})")
            for page in session.client.query(session.table, columns, filter=condition):
                found |= {row.id: row for row in page if row.id not in known}
        coupled = set(
            self.env["integration.coupling"]
            .search(
                [
                    ("mapping_id", "=", session.mapping.id),
                    ("external_id", "in", list(found)),
                ]
            )
            .mapped("external_id")
        )
        return [row for id_, row in found.items() if id_ not in coupled]

    @api.model
    def _by_keys(self, session, odoo):
        """Filters that find the rows with a key of one of the Odoo records."""
        filters = []
        for bunch in self._bunches(session.schema.deciding, odoo.values()):
            conditions = (
                self._condition(
                    session,
                    criterion,
                    [values for values in bunch if criterion.key(values)],
                )
                for criterion in session.schema.deciding
            )
            conditions = [f"({condition})" for condition in conditions if condition]
            if conditions:
                filters.append(" or ".join(conditions))
        return filters

    @api.model
    def _by_index(self, session, odoo, known):
        """Filters that name the rows that an index of the whole table finds.

        A first synchronization asks for the keys of every record: it is cheaper to read
        the keys of all rows once.
        """
        index = session.index
        if index is None or index.made_at < monotonic() - INDEX_SECONDS:
            index = session.index = self._make_index(session)
        found = {
            row_id
            for criterion in session.schema.deciding
            for values in odoo.values()
            if (key := criterion.key(values))
            for row_id in index.rows.get((criterion, criterion.ending(key)), ())
        }
        ids = sorted(found - known.keys())
        column = session.table.columns[session.table.primary_id]
        return [
            dataverse.query.any_of(column, ids[start : start + IDS_PER_REQUEST])
            for start in range(0, len(ids), IDS_PER_REQUEST)
        ]

    @api.model
    def _make_index(self, session):
        keys = {key for criterion in session.schema.deciding for key in criterion.keys}
        columns = {
            column
            for group in session.schema.groups
            if not keys.isdisjoint(group.fields)
            for column in group.columns
        }
        canonical = self.env["integration.engine.records"]._canonical_row
        index = Index(made_at=monotonic())
        for page in session.client.query(
            session.table,
            sorted(columns),
            filter=session.mapping.integration_filter or None,
        ):
            for row in page:
                terms = self._in_odoo_terms(session, canonical(session, row.values))
                for criterion in session.schema.deciding:
                    key = criterion.key(terms)
                    if key:
                        index.rows[criterion, criterion.ending(key)].append(row.id)
        return index

    @api.model
    def _bunches(self, criteria, subjects):
        """Cut a list of rows so that the keys of each part fit into one address."""
        bunch, length = [], 0
        for values in subjects:
            size = sum(
                len(quote(str(part))) + 8
                for criterion in criteria
                for part in criterion.key(values) or ()
            )
            if not size:
                continue
            if bunch and length + size > KEYS_LENGTH:
                yield bunch
                bunch, length = [], 0
            bunch.append(values)
            length += size
        if bunch:
            yield bunch

    @api.model
    def _condition(self, session, criterion, subjects):
        """A filter that finds at least the rows with the keys of some Odoo records.

        It asks for each column by itself, so it may find more; matching sorts that out.

        :return: the filter, empty when nothing can be asked
        """
        wanted = defaultdict(set)
        kinds = {}
        by_field = dict(zip(criterion.keys, criterion.kinds, strict=True))
        for group in session.schema.groups:
            for line in group.lines:
                asked = by_field.keys() & set(line.fields)
                if not asked or not line.columns:
                    continue
                for values in subjects:
                    try:
                        translated = line.translate("dataverse", values)
                    except sync.Untranslatable:
                        continue
                    for column, value in translated.items():
                        if value is not None:
                            wanted[column].add(value)
                            kinds[column] = by_field[min(asked)]
        columns = session.table.columns
        texts = [name for name in wanted if not columns[name].is_lookup]
        return dataverse.query.and_(
            *(
                self._asked(columns[name], kinds[name], wanted[name])
                for name in texts or wanted
            )
        )

    @api.model
    def _asked(self, column, kind, values):
        """A filter that finds the rows in which a column may mean one of the values."""
        if kind == "company":
            asked = {
                f"contains({column.property},"
                f"{dataverse.query.quote(sync.keys.longest_word(value))})"
                for value in values
            }
        elif kind in sync.keys.LOOSE:
            # Nobody writes a blank between the last two digits.
            asked = {
                f"endswith({column.property},{dataverse.query.quote(value[-2:])})"
                for value in (sync.keys.form(value, kind) for value in values)
                if value
            }
        else:
            return dataverse.query.any_of(column, sorted(values))
        return f"({dataverse.query.or_(*sorted(asked))})" if asked else ""

    # -- deciding ---------------------------------------------------------------------

    @api.model
    def _match(self, session, items, candidates):
        """Find the counterpart of every item without coupling.

        :param candidates: what :meth:`_candidates` returned
        :return: ``{id(item): ("none" | "unique" | "ambiguous", counterpart)}``; the
            counterpart of a unique match is the id on the other side, of an ambiguous
            one the :class:`sync.Ambiguous`
        """
        odoo, terms, _rows = candidates
        matching = sync.match(odoo, terms, session.schema.deciding)
        by_odoo = {
            pair.odoo_id: ("unique", pair.dataverse_id) for pair in matching.pairs
        }
        by_row = {
            pair.dataverse_id: ("unique", pair.odoo_id) for pair in matching.pairs
        }
        for unclear in matching.ambiguous:
            by_odoo |= dict.fromkeys(unclear.odoo_ids, ("ambiguous", unclear))
            by_row |= dict.fromkeys(unclear.dataverse_ids, ("ambiguous", unclear))
        result = {}
        for item in items:
            found = (
                by_odoo.get(item.res_id)
                if item.res_id
                else by_row.get(item.external_id)
            )
            result[id(item)] = found or ("none", None)
        return result

    # -- making -----------------------------------------------------------------------

    @api.model
    def _couple(self, session, pairs):
        """Make couplings. Both records exist; nothing is agreed between them yet.

        :param pairs: list of ``(res_id, external_id)``
        :return: the couplings, in that order
        """
        couplings = self.env["integration.coupling"]._insert(
            session.mapping,
            [
                {"res_id": res_id, "external_id": external_id, "state": "pending"}
                for res_id, external_id in pairs
            ],
        )
        session.counts["coupled"] += len(couplings)
        self._announce(session, couplings)
        return couplings

    @api.model
    def _announce(self, session, couplings):
        """Wake what waited for these records or rows, in other mappings at once."""
        for coupling in couplings:
            session.known[f"{session.table.name}({coupling.external_id})"] = (
                coupling.res_id
            )
        woken = self.env["integration.inbox"]._wake(
            session.connection,
            [f"odoo:{session.mapping.model},{c.res_id}" for c in couplings]
            + [f"{session.table.name}({c.external_id})" for c in couplings],
        )
        if woken - {session.mapping.id}:
            self.env["integration.table.mapping"]._wake_up()

    # -- for people -------------------------------------------------------------------

    @api.model
    def _search_rows(self, session, text, limit=20):
        """Rows whose name contains a text.

        :return: list of :class:`dataverse.Row`
        """
        table = session.table
        condition = (
            f"contains({table.columns[table.primary_name].property},"
            f"{dataverse.query.quote(text)})"
        )
        scope = session.mapping.integration_filter
        if scope:
            condition = dataverse.query.and_(condition, f"({scope})")
        columns = session.columns
        for page in session.client.query(
            table,
            columns,
            filter=condition,
            order_by=table.primary_name,
            page_size=limit,
        ):
            return page[:limit]
        return []

    @api.model
    def _suggest(self, session, res_id):
        """Rows that the matching criteria find for a record.

        :return: list of ``(dataverse.Row, reason)``, coupled rows left out
        """
        records = self.env["integration.engine.records"]
        odoo = records._read(session, [res_id])
        rows = self._dataverse_candidates(session, odoo, {})
        suggestions = []
        for row in rows:
            terms = self._in_odoo_terms(
                session, records._canonical_row(session, row.values)
            )
            if reason := self._reason(session, terms, odoo[res_id]):
                suggestions.append((row, reason))
        return suggestions

    @api.model
    def _suggest_records(self, session, row):
        """Records that the matching criteria find for a row.

        :param row: :class:`dataverse.Row`
        :return: list of ``(res_id, reason)``, coupled records left out
        """
        records = self.env["integration.engine.records"]
        values = records._canonical_row(session, row.values)
        records._know_references(session, [values])
        terms = self._in_odoo_terms(session, values)
        odoo = self._odoo_candidates(session, [terms], {})
        reasons = {id_: self._reason(session, terms, odoo[id_]) for id_ in odoo}
        return [(id_, reason) for id_, reason in reasons.items() if reason]

    @api.model
    def _reason(self, session, terms, odoo):
        """Why two records may belong together; empty when no criterion says so."""
        criteria = [
            ", ".join(
                session.records._fields[key]._description_string(self.env)
                for key in criterion.keys
            )
            for criterion in session.schema.deciding
            if (theirs := criterion.key(terms))
            and (ours := criterion.key(odoo))
            and criterion.same(ours, theirs)
        ]
        return self.env._("same %s", "; ".join(criteria)) if criteria else ""

    @api.model
    def _compare(self, session, res_id, row, base=None):
        """Both sides of a pair, one entry a group of fields that has a value.

        :param row: :class:`dataverse.Row`
        :param base: of their coupling, as it is stored
        :return: list of dicts ``key, label, base_value, odoo_value, dataverse_value,
            different``; ``changed``: the side that was changed since both agreed, or
            that holds something if they never did, ``"odoo"``, ``"dataverse"`` or
            ``"both"``, ``False`` when they agree; ``source``: the only side that may
            win, ``False`` for either; ``seen``: ``{side: canonical values}``
        """
        records = self.env["integration.engine.records"]
        odoo = records._read(session, [res_id])[res_id]
        values = records._canonical_row(session, row.values)
        records._know_references(session, [values])
        rows = {"odoo": odoo, "dataverse": values}
        direction = session.mapping.direction
        remember = self.env["integration.engine.remember"]
        agreed = sync.Base.from_dict(base)
        lines = []
        for group in session.schema.without(records._skipped_fields(session, odoo)):
            if not group.fields or not group.columns:
                continue
            if all(group.is_empty(side, rows[side]) for side in rows):
                continue
            way = narrowed(group.direction, direction)
            different = not group.agrees(rows, way, agreed)
            changed = different and self._changed(agreed, group, rows)
            lines.append(
                {
                    "key": group.key,
                    "label": session.schema.labels[group.key],
                    "base_value": remember._text(session, agreed.only(group).odoo),
                    "odoo_value": remember._text(session, group.values("odoo", odoo)),
                    "dataverse_value": remember._text(
                        session, group.values("dataverse", values)
                    ),
                    "different": different,
                    "changed": changed,
                    "source": SOURCES.get(way, False),
                    "seen": {side: group.values(side, rows[side]) for side in rows},
                }
            )
        return lines

    @api.model
    def _changed(self, agreed, group, rows):
        known = agreed.knows(group)
        sides = [
            side
            for side in rows
            if (
                agreed.changed(group, side, rows[side])
                if known
                # As in planning: what a side holds has not been seen by the other.
                else not group.is_empty(side, rows[side])
            )
        ]
        return "both" if len(sides) == 2 else sides[0] if sides else False

    @api.model
    def _pair_up(self, session, pairs, *, synchronize, choices=None):
        """Couple pairs that a person chose or confirmed.

        :param pairs: list of ``(res_id, dataverse.Row)``
        :param synchronize: ``"no"``: both stay as they are and count as agreed; else
            the pair is planned by the initial policy of the run that follows
        :param choices: ``{group key: "odoo" | "dataverse"}`` of a single pair
        :return: the couplings
        """
        records = self.env["integration.engine.records"]
        self.env["integration.tombstone"]._forget(
            session.mapping,
            [res_id for res_id, _row in pairs],
            [row.id for _res_id, row in pairs],
        )
        couplings = self._couple(session, [(res_id, row.id) for res_id, row in pairs])
        odoo = records._read(session, [res_id for res_id, _row in pairs])
        for coupling, (res_id, row) in zip(couplings, pairs, strict=True):
            values = records._canonical_row(session, row.values)
            groups = session.schema.without(
                records._skipped_fields(session, odoo[res_id])
            )
            if synchronize == "no":
                base = sync.Base.of(groups, odoo[res_id], values)
                coupling.write(
                    {"base": base.to_dict(), "etag": row.etag, "state": "coupled"}
                )
            elif choices:
                base = sync.Base()
                for group in groups:
                    if choices.get(group.key):
                        base = self._as_chosen(
                            base, group, odoo[res_id], values, choices[group.key]
                        )
                coupling.base = base.to_dict()
        return couplings

    @api.model
    def _as_chosen(self, base, group, odoo, values, choice):
        """A base from which the planner takes the chosen side of a group.

        The chosen side differs from it, the other does not: so the chosen data
        travels, and nobody's unseen change is overwritten. An empty text is never a
        canonical value, and so differs from every value.

        :param odoo: the values that the person who chose saw there, and so ``values``
        """
        nowhere = dict.fromkeys((*group.fields, *group.columns), "")
        return base.merge(
            group,
            nowhere if choice == "odoo" else odoo,
            nowhere if choice == "dataverse" else values,
        )
