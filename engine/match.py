"""Match-based coupling: find what belongs together, and couple what a person wants."""

from dataclasses import replace
from itertools import product

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import split_every

from .. import dataverse, sync
from .capture import IDS_PER_REQUEST

try:
    from rapidfuzz import fuzz, process
except ImportError:
    # Optional: only similar names need it.
    fuzz = process = None

# With more on a side, finding takes longer than a person waits.
WAITED_FOR = 5000
# Pairs coupled and synchronized between two looks at whether to stop.
BATCH = 500
# Records read at once.
PART = 2000
# Candidates listed of what is ambiguous: nobody reads more of them.
CANDIDATES = 100


class IntegrationMatch(models.AbstractModel):
    _name = "integration.engine.match"
    _description = "Finds What Belongs Together"

    # -- finding ----------------------------------------------------------------------

    @api.model
    def _check_similar(self):
        """Comparing similar names takes a library that Odoo does not bring along.

        :raise UserError: a sentence that says how to install it
        """
        if process is None:
            raise UserError(
                self.env._(
                    "Comparing similar names needs the Python library 'rapidfuzz'. "
                    "Have it installed on the server with: pip install rapidfuzz"
                )
            )

    @api.model
    def _takes_long(self, session):
        """Whether there is so much to match that nobody should wait for it."""
        if session.records.search_count(session.mapping._scope_domain()) > WAITED_FOR:
            return True
        seen = 0
        for page in session.client.query(
            session.table, (), filter=session.mapping.integration_filter or None
        ):
            seen += len(page)
            if seen > WAITED_FOR:
                return True
        return False

    @api.model
    def _find(self, session, user, res_ids=None):
        """Match everything that is not coupled.

        :param user: only records that this user may write are told of
        :param res_ids: tell of these records only
        :return: iterator of lines as dicts: ``kind, cluster, res_id, external_id,
            odoo_name, dataverse_name, reason, selected``
        :raise UserError: when there are no criteria, or one cannot be compared
        """
        if not session.schema.criteria:
            raise UserError(
                self.env._(
                    "%s has no matching criteria: tick 'Match on this Field' in its "
                    "field mappings.",
                    session.mapping.name,
                )
            )
        if any(criterion.is_similar for criterion in session.schema.criteria):
            self._check_similar()
        session = self._with_keys_only(session)
        odoo, terms, titles = self._both_sides(session)
        matching = sync.match(odoo, terms, session.schema.criteria, _alike)
        told = sorted(odoo.keys() & set(res_ids)) if res_ids else sorted(odoo)
        names = {}
        for part in self._in_parts(session.records, told):
            allowed = part.with_user(user)._filtered_access("write")
            names |= {
                record.id: record.display_name
                for record in session.records.browse(allowed.ids)
            }
        why = self._reasons(session, {**odoo, **terms})
        return self._lines(matching, names, titles, why, partly=bool(res_ids))

    @api.model
    def _with_keys_only(self, session):
        """A session that reads nothing but the keys and the names of rows."""
        schema = session.schema
        keys = {key for criterion in schema.criteria for key in criterion.keys}
        groups = tuple(g for g in schema.groups if not keys.isdisjoint(g.fields))
        columns = {column for group in groups for column in group.columns}
        lean = replace(
            schema,
            groups=groups,
            odoo={name: kind for name, kind in schema.odoo.items() if name in keys},
            dataverse={n: k for n, k in schema.dataverse.items() if n in columns},
            groups_without={},
        )
        columns = sorted({*columns, session.table.primary_name} - {None})
        return replace(session, columns=columns, compile=lambda: lean)

    @api.model
    def _both_sides(self, session):
        """The keys of all that takes part and is not coupled.

        :return: ``{id: values}`` and ``{guid: values in Odoo's terms}``, as
            :func:`sync.match` wants them, and ``{guid: name}``
        """
        couplings = self.env["integration.coupling"].search_fetch(
            [("mapping_id", "=", session.mapping.id)], ["res_id", "external_id"]
        )
        coupled, taken = (
            set(couplings.mapped(name)) for name in ("res_id", "external_id")
        )
        records = self.env["integration.engine.records"]
        ids = session.records.search(session.mapping._scope_domain()).ids
        odoo = {}
        for part in self._in_parts(session.records, sorted(set(ids) - coupled)):
            odoo |= records._read(session, part.ids)
        couple = self.env["integration.engine.couple"]
        terms, titles = {}, {}
        for page in session.client.query(
            session.table,
            session.columns,
            filter=session.mapping.integration_filter or None,
        ):
            rows = {
                row.id: records._canonical_row(session, row.values)
                for row in page
                if row.id not in taken
            }
            records._know_references(session, rows.values())
            for row in page:
                if row.id in rows:
                    terms[row.id] = couple._in_odoo_terms(session, rows[row.id])
                    titles[row.id] = row.values.get(session.table.primary_name)
        return odoo, terms, titles

    @api.model
    def _in_parts(self, records, ids):
        """The records of very many ids, some at a time.

        What was read of them is forgotten before the next come, or all would be kept
        until the transaction ends.
        """
        for part in split_every(PART, ids, list):
            yield records.browse(part)
            records.invalidate_model()

    @api.model
    def _reasons(self, session, rows):
        """What says why records were found: a function of a match and a record's id."""
        labels = {
            criterion: " + ".join(
                session.records._fields[key]._description_string(self.env)
                for key in criterion.keys
            )
            for criterion in session.schema.criteria
        }

        def why(found, id_):
            facts = {
                "fields": labels[found.criterion],
                "value": ", ".join(
                    str(rows[id_].get(key)) for key in found.criterion.keys
                ),
            }
            if found.criterion.is_similar:
                return self.env._(
                    "similar %(fields)s (%(degree)s %%)",
                    degree=int(getattr(found, "degree", 100)),
                    **facts,
                )
            return self.env._("same %(fields)s: %(value)s", **facts)

        return why

    @api.model
    def _lines(self, matching, names, titles, why, *, partly):
        """What was found as lines, first what is most wanted.

        :param names: ``{id: name}`` of the records that are told of
        :param titles: ``{guid: name}`` of all rows
        :param partly: rows that match none of these records are not told of
        """

        def line(kind, res_id, external_id, **more):
            return {
                "kind": kind,
                "res_id": res_id,
                "external_id": external_id,
                "odoo_name": names.get(res_id, False),
                "dataverse_name": external_id
                and (titles.get(external_id) or external_id),
                **more,
            }

        for unclear in matching.ambiguous:
            ours = [id_ for id_ in unclear.odoo_ids if id_ in names]
            reason = why(unclear, unclear.odoo_ids[0])
            pairs = list(product(ours, unclear.dataverse_ids))
            for res_id, external_id in pairs[:CANDIDATES]:
                yield line(
                    *("ambiguous", res_id, external_id),
                    cluster=names[ours[0]],
                    reason=reason,
                    selected=False,
                )
        for pair in matching.pairs:
            if pair.odoo_id in names:
                yield line(
                    *("matched", pair.odoo_id, pair.dataverse_id),
                    reason=why(pair, pair.odoo_id),
                    selected=True,
                )
        double = set()
        for found in matching.duplicates_odoo:
            for res_id in found.ids:
                if res_id in names and res_id not in double:
                    double.add(res_id)
                    reason = why(found, res_id)
                    yield line(
                        *("duplicate_odoo", res_id, False),
                        cluster=reason,
                        reason=reason,
                        selected=False,
                    )
        for found in () if partly else matching.duplicates_dataverse:
            for external_id in found.ids:
                if external_id not in double:
                    double.add(external_id)
                    reason = why(found, external_id)
                    yield line(
                        *("duplicate_dataverse", False, external_id),
                        cluster=reason,
                        reason=reason,
                        selected=False,
                    )
        for res_id in matching.unmatched_odoo:
            if res_id in names and res_id not in double:
                yield line("unmatched_odoo", res_id, False, selected=True)
        for external_id in () if partly else matching.unmatched_dataverse:
            if external_id not in double:
                yield line("unmatched_dataverse", False, external_id, selected=True)

    # -- coupling ---------------------------------------------------------------------

    @api.model
    def _apply(self, session, lines, user, *, synchronize, create_new):
        """Couple pairs and create what is missing, as far as that is still right.

        The work of a run, see :meth:`IntegrationRun._run`; commits as it goes, so that
        it goes on where it was stopped.

        :param lines: the model of the lines, as a callable that gives the next of them
            that are not done, and how many there are
        :param synchronize: ``"no"``: both stay as they are
        """
        run = self.env["integration.engine.run"]
        run._check_table(session)
        while not session.out_of_time:
            batch, session.left = lines(BATCH)
            if not batch:
                return
            self._refuse(session, batch, user)
            right = batch.filtered(lambda line: not line.outcome)
            pairs = right.filtered(lambda line: line.res_id and line.external_id)
            missing = right - pairs
            self._couple(session, pairs, synchronize)
            wanted = pairs | missing if synchronize != "no" else missing
            if wanted:
                session.only = (
                    [line.res_id for line in wanted if line.res_id],
                    [line.external_id for line in wanted if line.external_id],
                )
                self.env["integration.inbox"]._put_hints(
                    session.mapping,
                    res_ids=missing.filtered("res_id").mapped("res_id"),
                    external_ids=wanted.filtered("external_id").mapped("external_id"),
                )
                session.patient = True
                session.create = create_new or None
                run._commit(session)
                run._work(session)
            if not session.out_of_time:
                self._note_created(session, missing)
                batch.done = True
            run._commit(session, 0 if wanted else len(batch))
            self.env["integration.engine.progress"]._check_stop(session)

    @api.model
    def _refuse(self, session, lines, user):
        """Say of each line that cannot be carried out anymore why, in ``outcome``."""
        couplings = self._couplings_of(session, lines)
        already = {(one.res_id, one.external_id) for one in couplings}
        busy = {id_ for pair in already for id_ in pair}
        records = session.records.browse(lines.mapped("res_id")).exists()
        allowed = set(records.with_user(user)._filtered_access("write").ids)
        for line in lines:
            pair = (line.res_id, line.external_id)
            if pair in already:
                continue  # by an earlier turn of this very work
            if line.res_id in busy or line.external_id in busy:
                line.outcome = self.env._("Left alone: it is coupled already")
            elif line.res_id and line.res_id not in allowed:
                line.outcome = self.env._("Left alone: you may not change the record")
            else:
                busy.update(filter(None, pair))

    @api.model
    def _couple(self, session, lines, synchronize):
        """Couple the pairs of some lines, and say so in ``outcome``."""
        rows = self._rows(session, lines.mapped("external_id"))
        made = {
            (one.res_id, one.external_id) for one in self._couplings_of(session, lines)
        }
        new = []
        for line in lines:
            if line.external_id not in rows:
                line.outcome = self.env._("Left alone: the row does not exist anymore")
                continue
            line.outcome = self.env._("Coupled")
            if (line.res_id, line.external_id) not in made:
                new.append((line.res_id, rows[line.external_id]))
        if new:
            self.env["integration.engine.couple"]._pair_up(
                session, new, synchronize=synchronize
            )

    @api.model
    def _couplings_of(self, session, lines):
        """The couplings of the records and of the rows of some lines."""
        return self.env["integration.coupling"].search(
            Domain("mapping_id", "=", session.mapping.id)
            & (
                Domain("res_id", "in", lines.filtered("res_id").mapped("res_id"))
                | Domain(
                    *("external_id", "in"),
                    lines.filtered("external_id").mapped("external_id"),
                )
            )
        )

    @api.model
    def _note_created(self, session, lines):
        """Say of which lines a record or row was created."""
        couplings = self._couplings_of(session, lines)
        here = {*couplings.mapped("res_id"), *couplings.mapped("external_id")}
        for line in lines:
            line.outcome = (
                self.env._("Created")
                if (line.res_id or line.external_id) in here
                else self.env._("Not created: see the errors of the table mapping")
            )

    @api.model
    def _rows(self, session, ids):
        """``{guid: dataverse.Row}`` of the rows that still exist."""
        column = session.table.columns[session.table.primary_id]
        return {
            row.id: row
            for start in range(0, len(ids), IDS_PER_REQUEST)
            for page in session.client.query(
                session.table,
                session.columns,
                filter=dataverse.query.any_of(
                    column, ids[start : start + IDS_PER_REQUEST]
                ),
            )
            for row in page
        }


def _alike(text, choices, degree):
    """How alike a text is to others, see :data:`sync.similar.Compare`."""
    found = process.extract(
        text, choices, scorer=fuzz.ratio, score_cutoff=degree, limit=None
    )
    return [(number, alike) for _choice, alike, number in found]
