"""See both sides: what changed since the last run goes into the inbox."""

from functools import partial

from odoo import api, fields, models

from .. import dataverse, sync
from .records import master_of
from .session import Item

# Every journal row becomes one inbox row a mapping: this bounds one statement.
JOURNAL_BATCH = 20000
# Length of one filter over ids; an address holds 32 KB (Dataverse: "Query data using
# the Web API", maximum URL length).
IDS_PER_REQUEST = 500
# Rows that are asked for one by one before the next commit.
ASKED_AT_ONCE = 500


class IntegrationCapture(models.AbstractModel):
    _name = "integration.engine.capture"
    _description = "Captures Changes of Both Sides"

    # -- into the inbox ---------------------------------------------------------------

    @api.model
    def _capture(self, session):
        """Take in every change of both sides.

        :raise dataverse.DataverseError: when Dataverse cannot tell what changed
        """
        self._capture_dataverse(session)
        self._capture_odoo(session)

    @api.model
    def _capture_dataverse(self, session):
        checkpoint = session.checkpoint
        columns = ",".join(session.columns)
        # A column that was added later has to be read of every row.
        other_columns = checkpoint.columns and checkpoint.columns != columns
        # What has no link yet is listed completely anyway.
        if other_columns or (checkpoint.compare and checkpoint.delta_link):
            checkpoint._list_anew()
        try:
            absent = self._follow(session)
        except dataverse.DataverseError as error:
            if error.name != "ExpiredVersionStamp":
                raise
            checkpoint._forget()
            absent = self._follow(session)
        self._follow_deletions(session)
        told = self.env["integration.inbox"]._deleted(session.mapping, absent)
        self._ask_for(session, [id_ for id_ in absent if id_ not in told])

    @api.model
    def _follow(self, session):
        """Follow the change link to its end, one page a transaction.

        The last page of a complete list commits together with what its completeness
        tells: whoever takes over after it only asks for changes.

        :return: the ids of coupled rows that a complete list lacks
        """
        checkpoint = session.checkpoint
        complete = not checkpoint.delta_link
        rows_read = None if checkpoint.next_link else 0
        if complete and session.job.kind == "scheduled":
            session.job.kind = "full"
        absent = []
        link = checkpoint.next_link or checkpoint.delta_link or None
        inbox = self.env["integration.inbox"]
        for page in self._pages(session, link):
            rows, deleted = page.rows, page.deleted
            rows_read = None if rows_read is None else rows_read + len(rows)
            self.env["integration.engine.epoch"]._note(session, rows)
            if not complete:
                rows = self._without_echo(session, rows)
            inbox._put_rows(
                session.mapping,
                ((row.id, row.values, row.etag) for row in rows),
                deleted,
            )
            checkpoint.write(
                {
                    "columns": ",".join(session.columns),
                    "next_link": page.next_link or False,
                    "delta_link": page.delta_link or checkpoint.delta_link,
                    "captured_at": fields.Datetime.now(),
                }
            )
            if complete and not page.next_link:
                session.rows_read = rows_read
                absent = self._check_absent(session)
                self._look_at_all(session)
                checkpoint.compare = False
            self.env["integration.engine.run"]._commit(session)
            self.env["integration.engine.progress"]._check_stop(session)
        return absent

    @api.model
    def _follow_deletions(self, session):
        """Hear what was deleted since the link that a complete list has replaced.

        The rows that it tells of besides stand in the list, or in the link after it.
        """
        checkpoint = session.checkpoint
        if not checkpoint.deletions_link:
            return
        try:
            for page in self._pages(session, checkpoint.deletions_link):
                self.env["integration.inbox"]._put_rows(
                    session.mapping, (), page.deleted
                )
                checkpoint.deletions_link = page.next_link or False
                self.env["integration.engine.run"]._commit(session)
        except dataverse.DataverseError as error:
            if error.kind in ("auth", "throttle", "transient"):
                raise
            # Too old, or of columns that are no more: whoever is absent is asked for.
            checkpoint.deletions_link = False

    @api.model
    def _pages(self, session, link):
        """What changed, or everything where Dataverse keeps no record of changes."""
        columns = session.columns
        if session.table.change_tracking:
            yield from session.client.changes(session.table, columns, link)
            return
        rows = [
            row for page in session.client.query(session.table, columns) for row in page
        ]
        yield dataverse.ChangePage(rows, [], None, None)

    @api.model
    def _without_echo(self, session, rows):
        """Leave out rows that stand exactly as this connection left them."""
        if not rows:
            return rows
        self.env["integration.coupling"].flush_model()
        self.env.cr.execute(
            "SELECT external_id, etag FROM integration_coupling"
            " WHERE mapping_id = %s AND external_id = ANY(%s)",
            [session.mapping.id, [row.id for row in rows]],
        )
        known = dict(self.env.cr.fetchall())
        return [row for row in rows if not row.etag or known.get(row.id) != row.etag]

    @api.model
    def _check_absent(self, session):
        """A coupled row that a complete list lacks may be deleted: it is to be read.

        Absence alone proves nothing (a privilege may be missing).

        :return: the ids of such rows
        """
        self.env["integration.coupling"].flush_model()
        self.env.cr.execute(
            "SELECT c.external_id FROM integration_coupling c"
            " WHERE c.mapping_id = %s AND c.reserved IS NULL"
            " AND NOT EXISTS (SELECT FROM integration_inbox i"
            "   WHERE i.mapping_id = c.mapping_id AND i.external_id = c.external_id)",
            [session.mapping.id],
        )
        absent = [row[0] for row in self.env.cr.fetchall()]
        self.env["integration.inbox"]._put_hints(session.mapping, external_ids=absent)
        return absent

    @api.model
    def _ask_for(self, session, external_ids):
        """Read rows one by one, so that the guard knows which of them are gone."""
        for start in range(0, len(external_ids), ASKED_AT_ONCE):
            ids = external_ids[start : start + ASKED_AT_ONCE]
            outcomes = session.client.batch(
                [
                    dataverse.batch.retrieve(session.table, id_, session.columns)
                    for id_ in ids
                ]
            )
            self._store_answers(session, ids, outcomes)
            self.env["integration.engine.run"]._commit(session)

    @api.model
    def _store_answers(self, session, ids, outcomes):
        rows, deleted = [], []
        for id_, outcome in zip(ids, outcomes, strict=True):
            if outcome.row:
                rows.append((id_, outcome.row.values, outcome.row.etag))
            elif outcome.error.name == "ObjectDoesNotExist":
                deleted.append(id_)
            # Whatever else is said about the others is said again when they are due.
        self.env["integration.inbox"]._put_rows(session.mapping, rows, deleted)

    @api.model
    def _look_at_all(self, session):
        """The journal began with the mapping: what is older is looked at once."""
        scope = session.records.search(session.mapping._scope_domain())
        self.env["integration.inbox"]._put_hints(session.mapping, res_ids=scope._ids)

    @api.model
    def _capture_odoo(self, session):
        """Move the journal of the model into the inboxes of all its mappings."""
        run = self.env["integration.engine.run"]
        move = partial(self._move_journal, session)
        while run._retrying(move, session):
            pass

    @api.model
    def _move_journal(self, session):
        """Move a part of the journal; another mapping of the model may be at it too.

        :return: whether there may be more
        """
        model = session.records._name
        self.env.cr.execute(
            "WITH read AS ("
            "  DELETE FROM integration_journal WHERE id IN ("
            "    SELECT id FROM integration_journal WHERE res_model = %s"
            "    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)"
            "  RETURNING res_id"
            "), stored AS ("
            "  INSERT INTO integration_inbox (mapping_id, res_id)"
            "  SELECT DISTINCT m.id, read.res_id"
            "  FROM read CROSS JOIN integration_table_mapping m"
            "  WHERE m.active AND m.model = %s"
            ") SELECT count(*) FROM read",
            [model, JOURNAL_BATCH, model],
        )
        (read,) = self.env.cr.fetchone()
        if read:
            self.env["integration.engine.run"]._commit(session)
        return read == JOURNAL_BATCH

    # -- out of the inbox -------------------------------------------------------------

    @api.model
    def _items(self, session, limit, only=None):
        """The next things to decide about.

        All rows about one coupling, record or Dataverse row come as one item, so that
        nothing is decided on half of what is known.

        :param limit: how many rows of the inbox to begin with; ``None``: all
        :param only: as of :class:`Session`, in its place
        :return: list of :class:`Item`; empty when nothing is due
        """
        inbox = self.env["integration.inbox"]
        due = inbox._due(session.mapping, limit, only or session.only)
        if not due:
            return []
        res_ids = {row["res_id"] for row in due} - {None}
        external_ids = {row["external_id"] for row in due} - {None}
        couplings = self._couplings(session, res_ids, external_ids)
        res_ids |= set(couplings.mapped("res_id"))
        external_ids |= set(couplings.mapped("external_id"))
        rows = inbox._about(session.mapping, res_ids, external_ids)
        by_record = {coupling.res_id: coupling for coupling in couplings}
        by_row = {coupling.external_id: coupling for coupling in couplings}
        items = {}
        for row in rows:
            coupling = (
                by_record.get(row["res_id"])
                if row["res_id"]
                else by_row.get(row["external_id"])
            )
            key = coupling or (row["res_id"], row["external_id"])
            item = items.get(key)
            if item is None:
                item = items[key] = Item(
                    inbox_ids=[],
                    coupling=coupling,
                    res_id=coupling.res_id if coupling else row["res_id"],
                    external_id=coupling.external_id
                    if coupling
                    else row["external_id"],
                )
            self._add(item, row)
        for item in items.values():
            self._doubt(item)
        return list(items.values())

    @api.model
    def _couplings(self, session, res_ids, external_ids):
        return self.env["integration.coupling"].search(
            [
                ("mapping_id", "=", session.mapping.id),
                "|",
                ("res_id", "in", list(res_ids)),
                ("external_id", "in", list(external_ids)),
            ]
        )

    @api.model
    def _add(self, item, row):
        """Add what an inbox row tells; the latest news of a Dataverse row counts."""
        item.inbox_ids.append(row["id"])
        item.attempts = max(item.attempts, row["attempts"])
        item.prefer = row["prefer"] or item.prefer
        if not row["external_id"]:
            return
        item.seen_dataverse = True
        item.gone_dataverse = row["deleted"]
        item.dataverse = row["values"]
        item.etag = row["etag"]
        item.fetch = not row["deleted"] and row["values"] is None

    @api.model
    def _doubt(self, item):
        """Have the row read where the base does not say what it holds.

        A conflict, a failure, a drift or a time outside of the filter leaves values
        undecided. A coupling has no ETag while its row is not as in the base.
        """
        coupling = item.coupling
        if not coupling or not coupling.base:
            return
        if coupling.state != "coupled" or not coupling.etag:
            if not item.seen_dataverse:
                item.seen_dataverse = item.fetch = True

    # -- reading rows of Dataverse ----------------------------------------------------

    @api.model
    def _fetch(self, session, items):
        """Read the rows that the inbox only names, and ask which take part.

        Talks to Dataverse, so it runs while nothing is locked.

        :return: whether Dataverse was asked anything
        """
        before = session.client.requests
        wanted = [item for item in items if item.fetch]
        if wanted:
            self._read_rows(session, wanted)
        self._filter(session, items)
        return session.client.requests > before

    @api.model
    def _as_before(self, session, items):
        """The items whose records and rows are coupled as they were.

        While Dataverse was asked somebody may have merged a record, or coupled or
        uncoupled it. What came in about it is still there, and is decided on next.
        """
        couplings = self._couplings(
            session,
            {item.res_id for item in items} - {None},
            {item.external_id for item in items} - {None},
        )
        pairs = {
            coupling: (coupling.res_id, coupling.external_id) for coupling in couplings
        }
        res_ids, external_ids = (
            {pair[side] for pair in pairs.values()} for side in (0, 1)
        )
        return [
            item
            for item in items
            if (
                pairs.get(item.coupling) == (item.res_id, item.external_id)
                if item.coupling
                else item.res_id not in res_ids and item.external_id not in external_ids
            )
        ]

    @api.model
    def _read_rows(self, session, items):
        columns = session.columns
        outcomes = session.client.batch(
            [
                dataverse.batch.retrieve(session.table, item.external_id, columns)
                for item in items
            ]
        )
        for item, outcome in zip(items, outcomes, strict=True):
            item.fetch = False
            if outcome.row:
                item.dataverse, item.etag = outcome.row.values, outcome.row.etag
            elif outcome.error.name == "ObjectDoesNotExist":
                item.gone_dataverse = True
            else:
                item.unreadable = outcome.error.sentence

    @api.model
    def _filter(self, session, items):
        """Mark the rows that the Dataverse filter leaves out.

        Change tracking takes no filter. What cannot be told here for certain Dataverse
        itself is asked, so that the filter means exactly what it means there.
        """
        present = [item for item in items if item.seen_dataverse and item.dataverse]
        if not session.mapping.integration_filter or not present:
            return
        row_filter = self.env["integration.engine.schema"]._row_filter(
            session.mapping, session.table
        )
        undecided = []
        for item in present:
            verdict = row_filter.matches(item.dataverse) if row_filter else None
            item.outside_dataverse = verdict is False
            if verdict is None:
                undecided.append(item)
        self._ask_filter(session, undecided)

    @api.model
    def _ask_filter(self, session, items):
        """Have Dataverse say which rows its filter leaves out."""
        table = session.table
        inside = set()
        ids = [item.external_id for item in items]
        for start in range(0, len(ids), IDS_PER_REQUEST):
            chosen = dataverse.query.any_of(
                table.columns[table.primary_id], ids[start : start + IDS_PER_REQUEST]
            )
            for page in session.client.query(
                table,
                [table.primary_id],
                filter=dataverse.query.and_(
                    chosen, f"({session.mapping.integration_filter})"
                ),
            ):
                inside.update(row.id for row in page)
        for item in items:
            item.outside_dataverse = item.external_id not in inside

    # -- making canonical -------------------------------------------------------------

    @api.model
    def _observe(self, session, items):
        """Bring both sides of the items into canonical form.

        What the inbox says nothing about is unchanged, and so stands as in the base.
        Reads Odoo in the transaction that will write: a record that a user changes
        meanwhile makes the write fail, and the chunk is planned anew.
        """
        records = self.env["integration.engine.records"]
        ids = {item.res_id for item in items} - {None}
        existing = set(session.records.sudo().browse(ids).exists().ids)
        rows = records._read(session, list(existing))
        inside = records._in_scope(session, existing)
        for item in items:
            self._observe_odoo(item, existing, rows, inside)
            self._observe_dataverse(session, item)
        records._know_references(
            session, [item.dataverse for item in items if item.dataverse]
        )

    @api.model
    def _observe_odoo(self, item, existing, rows, inside):
        if not item.res_id:
            return
        item.gone_odoo = item.res_id not in existing
        item.odoo = rows.get(item.res_id)
        item.outside_odoo = item.res_id not in inside
        if not item.gone_odoo and item.odoo is None:
            item.unreadable = self.env._(
                "The synchronization user may not read this record."
            )

    @api.model
    def _observe_dataverse(self, session, item):
        if item.seen_dataverse:
            if item.dataverse is not None:
                item.name = item.dataverse.get(session.table.primary_name)
                item.merged_into = master_of(item.dataverse)
                item.dataverse = self.env["integration.engine.records"]._canonical_row(
                    session, item.dataverse
                )
        elif item.coupling and item.coupling.base:
            item.dataverse = sync.Base.from_dict(item.coupling.base).dataverse
            item.etag = item.coupling.etag

    # -- looking for what nobody told -------------------------------------------------

    @api.model
    def _find_deleted(self, mapping):
        """Have the couplings looked at of which a record cannot be found.

        That a row is not in the list proves nothing: the next run reads it by its id.

        :return: how many
        :raise UserError: a sentence when Dataverse refuses
        """
        session = self.env["integration.engine.run"]._look(mapping)
        table = session.table
        with self.env["integration.engine.gateway"]._in_sentences():
            rows = {
                row.id
                for page in session.client.query(table, [table.primary_id])
                for row in page
            }
        couplings = self.env["integration.coupling"].search_fetch(
            [("mapping_id", "=", mapping.id), ("reserved", "=", False)],
            ["res_id", "external_id"],
        )
        records = set(
            session.records.sudo().browse(couplings.mapped("res_id")).exists().ids
        )
        res_ids = [c.res_id for c in couplings if c.res_id not in records]
        external_ids = [c.external_id for c in couplings if c.external_id not in rows]
        self.env["integration.inbox"]._put_hints(
            mapping, res_ids=res_ids, external_ids=external_ids
        )
        return len(
            couplings.filtered(
                lambda c: c.res_id not in records or c.external_id not in rows
            )
        )
