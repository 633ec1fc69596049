"""See both sides: what changed since the last run goes into the inbox."""

from odoo import api, fields, models

from .. import dataverse, sync
from .session import Item

# Every journal row becomes one inbox row a mapping: this bounds one statement.
JOURNAL_BATCH = 20000
# Length of one filter over ids; an address holds 32 KB (Dataverse: "Query data using
# the Web API", maximum URL length).
IDS_PER_REQUEST = 200


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
        columns = session.columns
        if checkpoint.columns and checkpoint.columns != ",".join(columns):
            # A column that was added later has to be read of every row.
            checkpoint._forget()
        try:
            self._follow(session, columns)
        except dataverse.DataverseError as error:
            if error.name != "ExpiredVersionStamp":
                raise
            checkpoint._forget()
            self._follow(session, columns)

    @api.model
    def _follow(self, session, columns):
        """Follow the change link to its end, one page a transaction."""
        checkpoint = session.checkpoint
        complete = not checkpoint.delta_link
        link = checkpoint.next_link or checkpoint.delta_link or None
        inbox = self.env["integration.inbox"]
        for page in session.client.changes(session.table, columns, link):
            rows, deleted = page.rows, page.deleted
            if not complete:
                rows = self._without_echo(session, rows)
            inbox._put_rows(
                session.mapping,
                ((row.id, row.values, row.etag) for row in rows),
                deleted,
            )
            checkpoint.write(
                {
                    "columns": ",".join(columns),
                    "next_link": page.next_link or False,
                    "delta_link": page.delta_link or checkpoint.delta_link,
                    "captured_at": fields.Datetime.now(),
                }
            )
            self.env["integration.engine.run"]._commit(session)
        if complete:
            self._check_absent(session)
            self._look_at_all(session)

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
        """A coupled row that a complete list lacks may be deleted: ask for it.

        Absence alone proves nothing (a privilege may be missing), so the rows are only
        marked to be read one by one.
        """
        self.env["integration.coupling"].flush_model()
        self.env.cr.execute(
            "INSERT INTO integration_inbox (mapping_id, external_id)"
            " SELECT c.mapping_id, c.external_id FROM integration_coupling c"
            " WHERE c.mapping_id = %s AND NOT EXISTS (SELECT FROM integration_inbox i"
            "   WHERE i.mapping_id = c.mapping_id AND i.external_id = c.external_id)",
            [session.mapping.id],
        )
        self.env["integration.engine.run"]._commit(session)

    @api.model
    def _look_at_all(self, session):
        """The journal began with the mapping: what is older is looked at once."""
        scope = session.records.search(session.mapping._scope_domain())
        self.env["integration.inbox"]._put_hints(session.mapping, res_ids=scope._ids)
        self.env["integration.engine.run"]._commit(session)

    @api.model
    def _capture_odoo(self, session):
        """Move the journal of the model into the inboxes of all its mappings."""
        while True:
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
                [session.mapping.model, JOURNAL_BATCH, session.mapping.model],
            )
            (read,) = self.env.cr.fetchone()
            if read:
                self.env["integration.engine.run"]._commit(session)
            if read < JOURNAL_BATCH:
                return

    # -- out of the inbox -------------------------------------------------------------

    @api.model
    def _items(self, session, limit):
        """The next things to decide about.

        All rows about one coupling, record or Dataverse row come as one item, so that
        nothing is decided on half of what is known.

        :return: list of :class:`Item`; empty when nothing is due
        """
        inbox = self.env["integration.inbox"]
        due = inbox._due(session.mapping, limit, session.only)
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

        A conflict or a failure leaves values undecided: the row differs from the base
        in them, although the coupling knows its latest ETag.
        """
        coupling = item.coupling
        if coupling and coupling.state != "coupled" and coupling.base:
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
                item.dataverse = self.env["integration.engine.records"]._canonical_row(
                    session, item.dataverse
                )
        elif item.coupling and item.coupling.base:
            item.dataverse = sync.Base.from_dict(item.coupling.base).dataverse
            item.etag = item.coupling.etag
