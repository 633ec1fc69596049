"""Act on Odoo: create, change, archive and delete records, so that nobody waits.

Creates go in large batches: nobody waits for a record that did not exist. What exists
is written in slices, each a short transaction of its own: lock what is free, read it
again, write what still is as it was planned on, remember, commit. Whoever saves one of
these records waits for one slice at most, and a record that somebody else has locked is
put back.
"""

import logging
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

from psycopg2 import errors

from odoo import api, fields, models
from odoo.tools import SQL

from .. import sync

# What PostgreSQL says when somebody else was faster: not the record's fault, it is
# planned anew.
CONCURRENCY = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
)
CREATES = ("create_odoo", "recreate_odoo")
REMOVALS = ("deactivate_odoo", "delete_odoo")

# Seconds that a slice takes, so that nobody who saves waits for more than some 50 ms.
# Locking, reading, remembering and committing (its frame) cost nearly the same for one
# record as for fifty: as much time goes to writing as to them, as far as that fits in,
# and never less than WRITING_SECONDS. How many records that are is found out on the
# way. A single record cannot be cut: a company whose address goes to three hundred
# contacts takes as long as Odoo takes.
SLICE_SECONDS = 0.03
WRITING_SECONDS = 0.01
FIRST_SLICE, LARGEST_SLICE = 8, 50
# Milliseconds that we wait, while others may wait for us, for what a write changes
# besides its record (the address of a company's contacts, say).
LOCK_TIMEOUT = 10
# Seconds until a record is looked at again that somebody else had locked.
LOCKED_AGAIN = 1


class IntegrationPull(models.AbstractModel):
    _name = "integration.engine.pull"
    _description = "Writes Odoo Records"

    # -- new records ------------------------------------------------------------------

    @api.model
    def _create(self, session, items):
        """Create what is missing in Odoo. Does not commit.

        What fails alone is isolated and becomes an error; the rest goes on. One
        savepoint a record would cost six times as much; with halving, k bad records
        among n cost k·log n savepoints.
        """
        items = [item for item in items if item.action in CREATES]
        if not items:
            return
        error, _done = self._attempt(session, items, self._create_records)
        if isinstance(error, CONCURRENCY):
            raise error
        if error and len(items) == 1:
            self._refuse(session, items[0], error)
        elif error:
            middle = len(items) // 2
            self._create(session, items[:middle])
            self._create(session, items[middle:])

    # -- existing records, in slices --------------------------------------------------

    @api.model
    def _is_write(self, item):
        """Whether an item changes a record that exists in Odoo."""
        return item.action in REMOVALS or (
            item.action == "fields" and bool(item.plan.pull)
        )

    @api.model
    def _write(self, session, items):
        """Change, archive and delete what was decided, slice by slice.

        Commits after each slice. What has nothing to send besides is settled with it;
        what the time does not suffice for is left for the next run.

        :return: seconds left in the time budget
        """
        run = self.env["integration.engine.run"]
        queue, left = deque(items), float("inf")
        size = session.slice or FIRST_SLICE
        while queue and left:
            part = [queue.popleft() for _ in range(min(size, len(queue)))]
            self._fetch_together(part)
            start = monotonic()
            with _expecting_concurrency():
                error, done = self._attempt(session, part, self._change_records)
            if error:
                run._rollback()
                if len(part) > 1:
                    # Smaller slices, until what refuses stands alone.
                    queue.extendleft(reversed(part))
                    size = len(part) // 2
                    continue
                self._not_written(session, part[0], error)
            else:
                unfinished = [item for item in part if self._is_left(item, done)]
                queue.extendleft(reversed(unfinished))
                part = [item for item in part if item not in unfinished]
            settled = [item for item in part if not run._goes_out(item)]
            self.env["integration.engine.remember"]._remember(session, settled)
            left = run._commit(session, len(settled))
            size = min(2 * size, self._next_size(session, monotonic() - start))
        for item in queue:
            self._put_back(session, item)
        return left

    @api.model
    def _fetch_together(self, items):
        """Have a slice read its own couplings, not those of the whole chunk again."""
        ids = [item.coupling.id for item in items if item.coupling]
        for item in items:
            if item.coupling:
                item.coupling = item.coupling.with_prefetch(ids)

    @api.model
    def _is_left(self, item, done):
        """Whether a slice had no time for an item."""
        return self._is_write(item) and item not in done

    @api.model
    def _put_back(self, session, item, seconds=0):
        """Leave an item in the inbox, to be planned anew."""
        item.action, item.waiting_for = "again", seconds
        item.failures = []
        session.put_back |= seconds > 0

    @api.model
    def _not_written(self, session, item, error):
        if isinstance(error, CONCURRENCY):
            self._put_back(session, item, LOCKED_AGAIN)
        else:
            self._refuse(session, item, error)

    # -- isolation --------------------------------------------------------------------

    @api.model
    def _attempt(self, session, items, act):
        """Act on items in a savepoint, and remember what was done; all or nothing.

        :return: ``(error, done)``: what was raised, with which nothing happened, and
            the items that were acted on
        """
        journal = self.env["integration.journal"]
        before = [(item, replace(item)) for item in items]
        try:
            with self.env.cr.savepoint():
                done, mark = act(session, items)
                ids = [item.res_id for item in done]
                self.env.flush_all()
                self._remember(session, done, ids)
                journal._forget_own(session.mapping.model, ids, mark)
        except Exception as error:
            # Whatever it is that refuses a record, it shall not stop the others.
            self.env.invalidate_all()
            for item, was in before:
                vars(item).update(vars(was))
            return error, []
        self._applied(session, done)
        return None, done

    @api.model
    def _applied(self, session, items):
        """Count what was written, and wake what waited for it."""
        creates = [i for i in items if i.action in CREATES]
        session.counts["inserted"] += len(creates)
        session.counts["coupled"] += sum(i.action == "create_odoo" for i in creates)
        session.counts["modified"] += sum(i.action == "fields" for i in items)
        removed = sum(i.action in REMOVALS for i in items)
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
    #
    # Both return ``(done, mark)``: the items that were acted on, and the position of
    # the journal before.

    @api.model
    def _create_records(self, session, items):
        mark = self.env["integration.journal"]._mark()
        records = self.env["integration.engine.records"]
        created = session.behavior._create_records(
            session, [records._vals(session, item.values) for item in items]
        )
        for item, record in zip(items, created, strict=True):
            item.res_id = record.id
        return items, mark

    @api.model
    def _change_records(self, session, items):
        """Write what is free and as it was planned on, as long as the time suffices."""
        ready = self._lock(session, items)
        mark = self.env["integration.journal"]._mark()
        start = monotonic()
        until, done = start + self._time_to_write(session), []
        records = session.records.browse([item.res_id for item in ready])
        for item, record in zip(ready, records, strict=True):
            if done and monotonic() > until:
                break
            self._change_record(session, item, record)
            done.append(item)
        self.env.flush_all()
        session.writing = monotonic() - start
        session.pace = session.writing / max(len(done), 1)
        return done, mark

    @api.model
    def _time_to_write(self, session):
        """Seconds of a slice that go to writing."""
        fitting = min(session.frame, SLICE_SECONDS - session.frame)
        return max(WRITING_SECONDS, fitting)

    @api.model
    def _next_size(self, session, spent):
        """How many records the next slice takes.

        :param spent: seconds that the last one took, commit included
        """
        session.frame = max(spent - session.writing, 0)
        fitting = self._time_to_write(session) / max(session.pace, 0.00001)
        session.slice = min(max(int(fitting), 1), LARGEST_SLICE)
        return session.slice

    @api.model
    def _lock(self, session, items):
        """Lock the records that nobody else has locked, and read them again.

        Locking is the first statement of the transaction: what it finds is what is
        there now, so that what equals the plan's view may be written.

        :return: the items whose records are locked and unchanged; the others are put
            back
        """
        self.env.cr.execute("SET LOCAL lock_timeout = %s", [LOCK_TIMEOUT])
        removal = any(item.action in REMOVALS for item in items)
        self.env.cr.execute(
            SQL(
                "SELECT id FROM %s WHERE id = ANY(%s) ORDER BY id FOR %s SKIP LOCKED",
                SQL.identifier(session.records._table),
                [item.res_id for item in items],
                SQL("UPDATE" if removal else "NO KEY UPDATE"),
            )
        )
        locked = {row[0] for row in self.env.cr.fetchall()}
        rows = self.env["integration.engine.records"]._read(session, sorted(locked))
        ready = []
        for item in items:
            if item.res_id not in locked:
                self._put_back(session, item, LOCKED_AGAIN)
            elif rows.get(item.res_id) != item.odoo:
                self._put_back(session, item)
            else:
                ready.append(item)
        return ready

    @api.model
    def _change_record(self, session, item, record):
        if item.action == "fields":
            records = self.env["integration.engine.records"]
            session.behavior._write_record(
                record, records._vals(session, item.plan.pull)
            )
        elif item.action == "delete_odoo":
            record.unlink()
        elif item.action == "deactivate_odoo" and "active" in record._fields:
            record.action_archive()

    # -- remembering ------------------------------------------------------------------

    @api.model
    def _remember(self, session, items, ids):
        """Store what both sides agree on now: the rows as Odoo really holds them."""
        rows = self.env["integration.engine.records"]._read_ours(session, ids)
        self.env["integration.engine.audit"]._log_odoo(session, items, rows)
        now = fields.Datetime.now()
        fresh, pairs = [], []
        for item in items:
            if item.action in CREATES:
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
            elif not item.coupling:
                # Undo also reaches records that are not coupled any more.
                continue
            elif item.action == "fields":
                # The part that goes to Dataverse is remembered when it has arrived.
                base = sync.Base.from_dict(item.coupling.base)
                after = item.plan.base_after(base, odoo_read=rows[item.res_id])
                after = self.env["integration.engine.plan"]._set_apart(
                    session, after, rows[item.res_id]
                )
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


class _Expected(logging.Filter):
    """Drops from the log of one thread that somebody else was faster."""

    def __init__(self):
        super().__init__()
        self.thread = threading.get_ident()

    def filter(self, record):
        error = record.args[-1] if isinstance(record.args, tuple) else None
        expected = isinstance(error, CONCURRENCY)
        return not expected or record.thread != self.thread


@contextmanager
def _expecting_concurrency():
    """Meeting a person who saves is no error, and none for the server's log."""
    logger, expected = logging.getLogger("odoo.sql_db"), _Expected()
    logger.addFilter(expected)
    try:
        yield
    finally:
        logger.removeFilter(expected)
