"""The inbox: what a run has still to look at.

Rows are only ever appended and deleted, by their ids: two writers never meet on a
row, and what arrives while a run works is looked at again.
"""

import json

from psycopg2.extras import execute_values

from odoo import api, fields, models


class IntegrationInbox(models.Model):
    _name = "integration.inbox"
    _description = "Records to Look At"
    _auto = False
    _log_access = False
    _order = "id"

    mapping_id = fields.Many2one("integration.table.mapping", readonly=True)
    res_id = fields.Integer("Record", readonly=True)
    external_id = fields.Char("Dataverse ID", readonly=True)
    deleted = fields.Boolean(readonly=True)
    values = fields.Json(readonly=True)
    etag = fields.Char(readonly=True)
    seen_at = fields.Datetime(readonly=True)
    not_before = fields.Datetime(readonly=True)
    waiting_for = fields.Char(readonly=True)
    attempts = fields.Integer(readonly=True)
    prefer = fields.Char(readonly=True)

    def init(self):
        # A row names a record (res_id: it changed in Odoo) or a Dataverse row
        # (external_id). `values` empty and not deleted: read it before planning.
        # `prefer`: a person chose which side's data counts, "send" or "get".
        self.env.cr.execute("""
            CREATE TABLE IF NOT EXISTS integration_inbox (
                id bigserial PRIMARY KEY,
                mapping_id integer NOT NULL
                    REFERENCES integration_table_mapping (id) ON DELETE CASCADE,
                res_id integer,
                external_id varchar,
                deleted boolean NOT NULL DEFAULT false,
                values jsonb,
                etag varchar,
                seen_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
                not_before timestamp,
                waiting_for varchar,
                attempts integer NOT NULL DEFAULT 0,
                prefer varchar,
                CHECK (num_nonnulls(res_id, external_id) = 1)
            );
            CREATE INDEX IF NOT EXISTS integration_inbox_record
                ON integration_inbox (mapping_id, res_id) WHERE res_id IS NOT NULL;
            CREATE INDEX IF NOT EXISTS integration_inbox_row
                ON integration_inbox (mapping_id, external_id)
                WHERE external_id IS NOT NULL;
            CREATE INDEX IF NOT EXISTS integration_inbox_waiting
                ON integration_inbox (waiting_for) WHERE waiting_for IS NOT NULL;
        """)

    # -- putting in -------------------------------------------------------------------

    @api.model
    def _put_rows(self, mapping, rows, deleted):
        """Append what a page of changes told.

        :param rows: iterable of ``(external_id, values, etag)``
        :param deleted: iterable of external ids
        """
        entries = [
            (mapping.id, external_id, False, json.dumps(values, default=str), etag)
            for external_id, values, etag in rows
        ]
        entries += [
            (mapping.id, external_id, True, None, None) for external_id in deleted
        ]
        if entries:
            execute_values(
                self.env.cr._obj,
                "INSERT INTO integration_inbox"
                " (mapping_id, external_id, deleted, values, etag) VALUES %s",
                entries,
                page_size=1000,
            )

    @api.model
    def _put_hints(
        self,
        mapping,
        *,
        res_ids=(),
        external_ids=(),
        prefer=None,
        attempts=0,
        seconds=0,
    ):
        """Ask the next run to look at these records and rows, whatever it finds.

        :param prefer: ``"send"`` or ``"get"`` when a person chose the direction
        :param attempts: how often that was tried in vain before
        :param seconds: not before so many seconds have passed
        """
        not_before = fields.Datetime.add(fields.Datetime.now(), seconds=seconds)
        common = (prefer, attempts, not_before if seconds else None)
        entries = [(mapping.id, res_id, None, *common) for res_id in res_ids]
        entries += [
            (mapping.id, None, external_id, *common) for external_id in external_ids
        ]
        if entries:
            execute_values(
                self.env.cr._obj,
                "INSERT INTO integration_inbox"
                " (mapping_id, res_id, external_id, prefer, attempts, not_before)"
                " VALUES %s",
                entries,
                page_size=1000,
            )

    # -- taking out -------------------------------------------------------------------

    @api.model
    def _due(self, mapping, limit, only=None):
        """The next rows of a mapping that may be worked on now, oldest first.

        :param only: ``(res_ids, external_ids)``: nothing else is looked at
        :return: list of dicts, one a row
        """
        conditions, params = "", []
        if only is not None:
            conditions = " AND (res_id = ANY(%s) OR external_id = ANY(%s))"
            params = [list(only[0]), list(only[1])]
        return self._rows(
            "SELECT * FROM integration_inbox WHERE mapping_id = %s"
            " AND waiting_for IS NULL"
            " AND (not_before IS NULL OR not_before <= now() AT TIME ZONE 'UTC')"
            f"{conditions} ORDER BY id LIMIT %s",
            [mapping.id, *params, limit],
        )

    @api.model
    def _deleted(self, mapping, external_ids):
        """The rows among these of which the latest news is that they were deleted."""
        self.env.cr.execute(
            "SELECT external_id FROM ("
            "  SELECT DISTINCT ON (external_id) external_id, deleted"
            "  FROM integration_inbox"
            "  WHERE mapping_id = %s AND external_id = ANY(%s)"
            "  ORDER BY external_id, id DESC) AS latest WHERE deleted",
            [mapping.id, list(external_ids)],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _about(self, mapping, res_ids, external_ids):
        """Every row about these records and Dataverse rows, parked or not."""
        return self._rows(
            "SELECT * FROM integration_inbox WHERE mapping_id = %s"
            " AND (res_id = ANY(%s) OR external_id = ANY(%s)) ORDER BY id",
            [mapping.id, list(res_ids), list(external_ids)],
        )

    @api.model
    def _rows(self, query, params):
        self.env.cr.execute(query, params)
        return self.env.cr.dictfetchall()

    @api.model
    def _done(self, ids):
        """Delete exactly these rows."""
        if ids:
            self.env.cr.execute(
                "DELETE FROM integration_inbox WHERE id = ANY(%s)", [list(ids)]
            )

    @api.model
    def _park(self, ids, *, waiting_for=None, seconds=None, reported=True):
        """Set rows aside until what they wait for is coupled, or for some seconds.

        :param reported: whether people are told; see :meth:`_resume`
        """
        self.env.cr.execute(
            "UPDATE integration_inbox SET waiting_for = %s, attempts = attempts + %s,"
            " not_before = (now() AT TIME ZONE 'UTC') + make_interval(secs => %s)"
            " WHERE id = ANY(%s)",
            [waiting_for, int(reported), seconds or 0, list(ids)],
        )

    @api.model
    def _wake(self, connection, keys):
        """Rows that waited for one of ``keys`` may go on.

        :return: the ids of the mappings that have more to do now
        """
        if not keys:
            return set()
        self.env.cr.execute(
            "UPDATE integration_inbox SET waiting_for = NULL, not_before = NULL"
            " FROM integration_table_mapping m"
            " WHERE waiting_for = ANY(%s) AND m.id = mapping_id"
            " AND m.connection_id = %s RETURNING m.id",
            [list(keys), connection.id],
        )
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _have_read_anew(self, mapping, external_ids):
        """What is known about these rows has been overtaken: it is asked for again."""
        self.env.cr.execute(
            "UPDATE integration_inbox SET values = NULL, etag = NULL, deleted = false"
            " WHERE mapping_id = %s AND external_id = ANY(%s)"
            " AND (values IS NOT NULL OR deleted)",
            [mapping.id, list(external_ids)],
        )

    @api.model
    def _resume(self, mapping):
        """What waited in the hope of another record waits no longer.

        Rows whose waiting was reported as an error go on waiting.

        :return: how many rows may go on
        """
        self.env.cr.execute(
            "UPDATE integration_inbox SET waiting_for = NULL, not_before = NULL"
            " WHERE mapping_id = %s AND waiting_for IS NOT NULL AND attempts = 0",
            [mapping.id],
        )
        return self.env.cr.rowcount

    @api.model
    def _forget_rows(self, mapping):
        """Delete what is known about rows of Dataverse, not about Odoo records."""
        self.env.cr.execute(
            "DELETE FROM integration_inbox"
            " WHERE mapping_id = %s AND external_id IS NOT NULL",
            [mapping.id],
        )

    @api.model
    def _counts(self, mappings):
        """How many rows wait in each mapping: ``{mapping id: number}``."""
        self.env.cr.execute(
            "SELECT mapping_id, count(*) FROM integration_inbox"
            " WHERE mapping_id = ANY(%s) GROUP BY mapping_id",
            [mappings.ids],
        )
        return dict(self.env.cr.fetchall())

    @api.model
    def _count(self, mapping, *, due=False):
        """How many rows wait in a mapping; with ``due``, only what may run now."""
        self.env.cr.execute(
            "SELECT count(*) FROM integration_inbox WHERE mapping_id = %s"
            + (
                " AND waiting_for IS NULL"
                " AND (not_before IS NULL OR not_before <= now() AT TIME ZONE 'UTC')"
                if due
                else ""
            ),
            [mapping.id],
        )
        return self.env.cr.fetchone()[0]
