"""Act on Odoo: create, change, archive and delete records, in one transaction."""

from psycopg2 import errorcodes

from odoo import api, fields, models

from .. import sync

# What PostgreSQL says when somebody else was faster: not the record's fault, the chunk
# is planned anew.
CONCURRENCY = (
    errorcodes.SERIALIZATION_FAILURE,
    errorcodes.DEADLOCK_DETECTED,
    errorcodes.LOCK_NOT_AVAILABLE,
)


class IntegrationPull(models.AbstractModel):
    _name = "integration.engine.pull"
    _description = "Writes Odoo Records"

    @api.model
    def _pull(self, session, items):
        """Carry out what was decided for Odoo. Does not commit.

        What fails alone is isolated and becomes an error; the rest goes on.
        """
        creates = [i for i in items if i.action in ("create_odoo", "recreate_odoo")]
        writes = [i for i in items if i.action == "fields" and i.plan.pull]
        removals = [i for i in items if i.action in ("deactivate_odoo", "delete_odoo")]
        self._in_batches(session, creates, self._create_records)
        self._in_batches(session, writes, self._write_records)
        self._in_batches(session, removals, self._remove_records)

    # -- isolation --------------------------------------------------------------------

    @api.model
    def _in_batches(self, session, items, act):
        """Act on all items in one savepoint; halve the batch where it fails.

        One savepoint a record would cost six times as much; with halving, k bad
        records among n cost k·log n savepoints.
        """
        if not items:
            return
        mark = self.env["integration.journal"]._mark()
        before = [(item, item.res_id, item.coupling) for item in items]
        try:
            with self.env.cr.savepoint():
                ids = act(session, items)
                self.env.flush_all()
                self._remember(session, items, ids)
                self.env["integration.journal"]._forget_own(
                    session.mapping.model, ids, mark
                )
        except Exception as error:
            # Whatever it is that refuses a record, it shall not stop the others.
            if getattr(error, "pgcode", None) in CONCURRENCY:
                raise
            self.env.invalidate_all()
            for item, res_id, coupling in before:
                item.res_id, item.coupling = res_id, coupling
            if len(items) == 1:
                self._refuse(session, items[0], error)
                return
            middle = len(items) // 2
            self._in_batches(session, items[:middle], act)
            self._in_batches(session, items[middle:], act)
        else:
            self._applied(session, items)

    @api.model
    def _applied(self, session, items):
        """Count what was written, and wake what waited for it."""
        creates = [i for i in items if i.action in ("create_odoo", "recreate_odoo")]
        session.counts["inserted"] += len(creates)
        session.counts["coupled"] += sum(i.action == "create_odoo" for i in creates)
        session.counts["modified"] += sum(i.action == "fields" for i in items)
        removed = sum(i.action in ("deactivate_odoo", "delete_odoo") for i in items)
        session.counts["deleted"] += removed
        session.counts["uncoupled"] += removed
        self.env["integration.engine.couple"]._announce(
            session, [item.coupling for item in creates]
        )

    @api.model
    def _refuse(self, session, item, error):
        """Odoo did not take the values of one record."""
        item.action = "failed"
        item.failures.append(
            {
                "kind": "permanent",
                "code": type(error).__name__,
                "detail": str(error),
                "message": self.env._(
                    "Odoo does not accept '%(name)s': %(error)s",
                    name=item.name or item.external_id,
                    error=self._plain(error),
                ),
            }
        )

    @api.model
    def _plain(self, error):
        """The sentence of an error, without the technicalities of PostgreSQL."""
        diagnostics = getattr(error, "diag", None)
        constraint = getattr(diagnostics, "constraint_name", None)
        if constraint:
            sentence = (
                self.env["ir.model.constraint"]
                .sudo()
                .search([("name", "=", constraint)], limit=1)
                .message
            )
            if sentence:
                return sentence
        sentence = getattr(diagnostics, "message_primary", None)
        return str(sentence or (error.args[0] if error.args else error)).strip()

    # -- acting -----------------------------------------------------------------------

    @api.model
    def _create_records(self, session, items):
        records = self.env["integration.engine.records"]
        created = session.records.with_context(tracking_disable=True).create(
            [records._vals(session, item.values) for item in items]
        )
        for item, record in zip(items, created, strict=True):
            item.res_id = record.id
        return created.ids

    @api.model
    def _write_records(self, session, items):
        records = self.env["integration.engine.records"]
        for item in items:
            session.records.browse(item.res_id).write(
                records._vals(session, item.plan.pull)
            )
        return [item.res_id for item in items]

    @api.model
    def _remove_records(self, session, items):
        for item in items:
            record = session.records.browse(item.res_id)
            if item.action == "delete_odoo":
                record.unlink()
            elif "active" in record._fields:
                record.action_archive()
        return [item.res_id for item in items]

    # -- remembering ------------------------------------------------------------------

    @api.model
    def _remember(self, session, items, ids):
        """Store what both sides agree on now: the rows as Odoo really holds them."""
        rows = self.env["integration.engine.records"]._read(session, ids)
        now = fields.Datetime.now()
        fresh, pairs = [], []
        for item in items:
            if item.action in ("create_odoo", "recreate_odoo"):
                vals = {
                    "base": sync.Base.of(
                        item.groups, rows[item.res_id], item.dataverse
                    ).to_dict(),
                    "etag": item.etag,
                    "state": "coupled",
                    "last_synch": now,
                }
                if item.coupling:
                    item.coupling.write({**vals, "res_id": item.res_id})
                else:
                    pairs.append(item)
                    fresh.append(
                        {
                            **vals,
                            "res_id": item.res_id,
                            "external_id": item.external_id,
                        }
                    )
            elif item.action == "fields":
                # The part that goes to Dataverse is remembered when it has arrived.
                base = sync.Base.from_dict(item.coupling.base)
                after = item.plan.base_after(base, odoo_read=rows[item.res_id])
                item.coupling.write(
                    {"base": after.to_dict(), "last_synch": now}
                    | (
                        {}
                        if item.plan.push
                        else {
                            "etag": self.env["integration.engine.remember"]._etag_of(
                                item, after, item.dataverse, item.etag
                            )
                        }
                    )
                )
            else:
                self._bury(session, item)
        couplings = self.env["integration.coupling"]._insert(session.mapping, fresh)
        for item, coupling in zip(pairs, couplings, strict=True):
            item.coupling = coupling

    @api.model
    def _bury(self, session, item):
        """The coupling ends with one of its records.

        A change that whoever deleted had not seen goes with it, and is logged.
        """
        if item.loser:
            self.env["integration.engine.remember"]._log_lost_record(session, item)
        self.env["integration.tombstone"]._bury(item.coupling, "deleted")
        item.coupling.unlink()
        item.coupling = None
