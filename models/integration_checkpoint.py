"""Where a mapping's capture stands, and who works on the mapping now."""

import uuid

from odoo import api, fields, models

# Longer than the slowest request; a worker that died blocks its mapping this long.
LEASE_SECONDS = 300


class IntegrationCheckpoint(models.Model):
    """One technical row a mapping, apart from the mapping that people edit.

    The lease is a row with an owner, an expiry and a fencing counter: a lock that
    survives commits, is seen by every host, and is lost rather than shared when its
    owner dies. The links are stored in the transaction that stores what they told.
    """

    _name = "integration.checkpoint"
    _description = "Synchronization Checkpoint"
    _log_access = False

    mapping_id = fields.Many2one(
        "integration.table.mapping", required=True, ondelete="cascade"
    )
    delta_link = fields.Char(help="Where the next capture starts; empty: from nothing.")
    next_link = fields.Char(help="A capture that was interrupted goes on here.")
    deletions_link = fields.Char(
        help="Set while everything is listed anew: what is asked here for deletions."
    )
    columns = fields.Char(help="The columns that the links were asked for.")
    captured_at = fields.Datetime()
    top_version = fields.Char(help="The highest version of a row that was seen.")
    top_row = fields.Char(help="The row that had it.")
    compare = fields.Boolean(
        default=True,
        help="Everything is to be listed; off when that is done to its end.",
    )
    lease_owner = fields.Char()
    lease_expires = fields.Datetime()
    fence = fields.Integer(default=0)

    _mapping_uniq = models.Constraint(
        "UNIQUE (mapping_id)", "A mapping has one checkpoint."
    )

    @api.model
    def _of(self, mapping):
        """The checkpoint of a mapping, made if it is missing."""
        return self.search([("mapping_id", "=", mapping.id)]) or self.create(
            {"mapping_id": mapping.id}
        )

    @api.model
    def _oldest_lease(self):
        """Whoever has not been heard of since then works no more."""
        return fields.Datetime.subtract(fields.Datetime.now(), seconds=LEASE_SECONDS)

    @api.model
    def _leased(self):
        """The ids of the mappings that somebody works on now."""
        self.env.cr.execute(
            "SELECT mapping_id FROM integration_checkpoint"
            " WHERE lease_owner IS NOT NULL"
            "   AND lease_expires >= now() AT TIME ZONE 'UTC'"
        )
        return [row[0] for row in self.env.cr.fetchall()]

    def _acquire(self):
        """Take the lease of the mapping, first thing in a transaction.

        Whoever had it and let it expire runs no more.

        :return: the fencing counter that proves ownership, or ``None`` while
            somebody else works on the mapping. The caller commits.
        :raise psycopg2.errors.SerializationFailure: somebody took it, or gave it back,
            since this transaction began
        """
        self.flush_recordset()
        self.env.cr.execute(
            "UPDATE integration_checkpoint c SET fence = c.fence + 1, lease_owner = %s,"
            " lease_expires = (now() AT TIME ZONE 'UTC') + make_interval(secs => %s)"
            " FROM (SELECT id, lease_owner FROM integration_checkpoint WHERE id = %s"
            "   AND (lease_owner IS NULL"
            "        OR lease_expires < now() AT TIME ZONE 'UTC')"
            "   FOR UPDATE SKIP LOCKED) AS before"
            " WHERE c.id = before.id RETURNING c.fence, before.lease_owner",
            [uuid.uuid4().hex, LEASE_SECONDS, self.id],
        )
        fence, died = self.env.cr.fetchone() or (None, None)
        self.invalidate_recordset()
        if died:
            self.env["integration.engine.progress"]._bury_dead(self.mapping_id)
        return fence

    def _renew(self, fence):
        """Prolong the lease in the transaction that is about to commit.

        :return: False when the lease was lost: then nothing may be committed.
        """
        self.env.cr.execute(
            "UPDATE integration_checkpoint SET lease_expires ="
            " (now() AT TIME ZONE 'UTC') + make_interval(secs => %s)"
            " WHERE id = %s AND fence = %s AND lease_owner IS NOT NULL",
            [LEASE_SECONDS, self.id, fence],
        )
        self.invalidate_recordset()
        return self.env.cr.rowcount == 1

    def _release(self, fence):
        """Give the lease back, if it is still ours."""
        self.env.cr.execute(
            "UPDATE integration_checkpoint SET lease_owner = NULL, lease_expires = NULL"
            " WHERE id = %s AND fence = %s",
            [self.id, fence],
        )
        self.invalidate_recordset()

    def _forget(self):
        """Start the next capture from nothing."""
        self._list_anew()
        self.deletions_link = False

    def _list_anew(self):
        """Have the next capture list everything, and then ask what was deleted.

        Only a link proves deletions: from a complete list a deleted row is merely
        absent. So the link from before the list is followed once more after it.
        """
        self.write(
            {
                "delta_link": False,
                "next_link": False,
                "deletions_link": self.deletions_link or self.delta_link,
                "columns": False,
                "compare": True,
            }
        )

    def _begin_anew(self):
        """Dataverse is not what it was: neither links nor versions mean anything."""
        self._forget()
        self.write({"top_version": False, "top_row": False})

    def _request_compare(self):
        """Have the next capture list everything; see :meth:`_list_anew`."""
        self.compare = True
