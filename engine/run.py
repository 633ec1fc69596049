"""One run of a mapping, from the lease to the next turn.

Reads like the list in the architecture: see both sides, decide, act, remember.
"""

import logging
import time
from datetime import timedelta

from odoo import api, fields, models, modules
from odoo.exceptions import UserError
from odoo.sql_db import Cursor

from .. import dataverse, sync
from .epoch import AnotherEpoch
from .gateway import NotOurConnection
from .guard import HeldBack
from .progress import Stopped
from .pull import CONCURRENCY
from .session import Session

_logger = logging.getLogger(__name__)

CHUNK = 500
# What meets other transactions is done anew this often.
TRIES = 5
# Seconds to wait for records that somebody else had locked.
LOCKED_PAUSES = (1.1, 1.1)


class LeaseLost(Exception):
    """Another worker took over: nothing of what is not committed counts."""


class IntegrationRun(models.AbstractModel):
    _name = "integration.engine.run"
    _description = "Runs Integration Table Mappings"

    # -- the flow ---------------------------------------------------------------------

    @api.model
    def _run(
        self,
        mapping,
        *,
        kind,
        couplings=None,
        prefer=None,
        initial_policy=None,
        deletion_policy=None,
        conflict_policy=None,
        only=None,
        create=None,
        match=True,
        work=None,
    ):
        """Run a mapping. Commits as it goes.

        :param couplings: look at these only, and read their rows anew
        :param prefer: ``"send"`` or ``"get"``: a person chose the direction
        :param initial_policy: for pairs that are coupled in this run
        :param deletion_policy: a person's decision about deleted records
        :param conflict_policy: a person's decision about what both sides changed
        :param only: ``(res_ids, external_ids)``: look at these only
        :param create: whether to create missing records, instead of as the mapping says
        :param match: False when a person has looked for a counterpart already
        :param work: called with the session, instead of capturing and planning
        :return: the ``integration.sync.job``
        """
        self = self.sudo()
        # What the caller read together does not matter here.
        mapping = mapping.with_env(self.env).with_prefetch()
        jobs = self.env["integration.sync.job"]
        about = {"mapping_id": mapping.id, "kind": kind}
        try:
            mapping._check_connected()
        except UserError as refusal:
            return self._finish(jobs.create(about), "failed", str(refusal))
        checkpoint = self.env["integration.checkpoint"]._of(mapping)
        # The lease is looked at as it is now, not as when this transaction began.
        self._commit()
        fence = self._retrying(checkpoint._acquire)
        # Together with the lease: what tells of a dead worker tells of its job.
        job = jobs.create(about)
        self._commit()
        if not fence:
            asked = prefer or (initial_policy if initial_policy != "manual" else None)
            decided = deletion_policy or conflict_policy
            return self._busy(job, None if decided else couplings, asked)
        session = failure = None
        try:
            session = self._open(
                mapping,
                job,
                checkpoint,
                fence,
                initial_policy=initial_policy or mapping.initial_policy,
                deletion_decided=deletion_policy,
                conflict_decided=conflict_policy,
                only=only,
                create=create,
                match=match,
            )
            if couplings is not None:
                self._look_at(session, couplings, prefer)
            (work or self._work)(session)
        except Exception as broke_off:
            failure = broke_off
            self._rollback()
        return self._retrying(
            lambda: self._end(mapping, job, checkpoint, fence, session, failure)
        )

    @api.model
    def _end(self, mapping, job, checkpoint, fence, session, failure):
        """Give the mapping back, and keep how the run ended, in one transaction."""
        checkpoint._release(fence)
        if failure and not isinstance(failure, Stopped):
            error = self._broke_off(mapping, job, failure)
            state = "held" if job.held_back else "failed"
            return self._finish(job, state, error, session)
        self.env["sync.error"]._report(mapping, {(0, ""): []}, job)
        if failure:
            message = self.env._(
                "Stopped. What is left is done by the next run, from where it was."
            )
            return self._finish(job, "stopped", message, session)
        if not session.out_of_time:
            job._carried_out()
        state = "partial" if session.counts["failed"] else "done"
        return self._finish(job, state, session.message, session)

    @api.model
    def _open(self, mapping, job, checkpoint, fence, **options):
        """Everything that a run carries with it."""
        gateway = self.env["integration.engine.gateway"]
        connection = mapping.connection_id
        mapping._check_connected()
        session = Session(
            mapping=mapping,
            connection=connection,
            client=gateway._client(connection),
            job=job,
            checkpoint=checkpoint,
            fence=fence,
            records=mapping._records(),
            requests_before=gateway._client(connection).requests,
            **options,
        )
        self._choose_table(session)
        return session

    @api.model
    def _busy(self, job, couplings, prefer):
        """Somebody else works on the mapping: what was asked for comes next."""
        mapping = job.mapping_id
        if couplings is None:
            unasked = job.kind in ("scheduled", "review") or self._is_for_others()
            state = "done" if unasked else "failed"
            message = self.env._("%s is being synchronized already.", mapping.name)
            return self._finish(job, state, message)
        self._put_hints(mapping, couplings, prefer)
        mapping._wake_up()
        return self._finish(
            job,
            "done",
            self.env._(
                "%s is being synchronized right now; these records come next.",
                mapping.name,
            ),
        )

    @api.model
    def _is_for_others(self):
        """Whether the run is for records of another mapping that wait for its own."""
        return self.env["integration.engine.parents"]._waiting_mappings()

    @api.model
    def _look(self, mapping):
        """A session for looking and comparing: it holds no lease and keeps no job.

        :raise UserError: a sentence, also for what Dataverse refuses
        """
        empty = self.env["integration.sync.job"]
        with self.env["integration.engine.gateway"]._in_sentences():
            return self.sudo()._open(
                mapping.sudo(), empty, self.env["integration.checkpoint"], 0
            )

    @api.model
    def _view(self, mapping):
        """A session for showing values: it cannot talk to Dataverse.

        Its table is ``None`` until Dataverse was asked about it once.
        """
        return Session(
            mapping=mapping.sudo(),
            connection=mapping.sudo().connection_id,
            client=None,
            job=self.env["integration.sync.job"],
            checkpoint=self.env["integration.checkpoint"],
            fence=0,
            records=mapping.sudo()._records(),
            table=self.env["integration.engine.schema"]._known_table(mapping),
        )

    @api.model
    def _choose_table(self, session, *, refresh=False):
        """Find the table and the columns that the mapping speaks of."""
        schema = self.env["integration.engine.schema"]
        mapping = session.mapping
        session.table = self.env["integration.engine.gateway"]._metadata(
            session.connection, mapping.integration_table, refresh=refresh
        )
        session.compile = lambda: schema._compile(mapping, session.table, session.known)
        try:
            session.columns = schema._columns_of(mapping, session.table)
        except UserError:
            if refresh:
                raise
            # The column may have been added since the table was last asked about.
            self._choose_table(session, refresh=True)

    @api.model
    def _work(self, session):
        """Capture, then decide and act chunk by chunk until nothing is due."""
        self._check_table(session)
        self.env["integration.engine.capture"]._capture(session)
        if self._has_work(session.mapping):
            self.env["integration.engine.epoch"]._check(session)
            self.env["integration.engine.guard"]._check(session)
            self._work_through(session)
        if session.out_of_time:
            if not session.preview:
                session.mapping._wake_up()
            return
        # What waited for a record that did not come goes on without it.
        session.patient = False
        if self.env["integration.inbox"]._resume(session.mapping):
            self._work_off(session)

    @api.model
    def _work_through(self, session):
        """Decide and act on what is due, without looking for more."""
        if not session.preview:
            self.env["integration.engine.push"]._recover(session)
        self._work_off(session)
        parents = self.env["integration.engine.parents"]
        while not session.out_of_time and parents._bring(session):
            self._work_off(session)

    @api.model
    def _work_off(self, session):
        """Decide and act until nothing is due.

        Records that somebody else had locked get another chance, then a later run.
        """
        for pause in (*LOCKED_PAUSES, None):
            session.put_back = False
            while self._chunk(session):
                pass
            if not session.put_back or session.out_of_time:
                return
            if pause:
                # Nothing is locked: the transaction has just been committed.
                time.sleep(pause)
        session.mapping._wake_up(at=fields.Datetime.now() + timedelta(minutes=1))

    @api.model
    def _has_work(self, mapping):
        return bool(
            self.env["integration.inbox"]._count(mapping, due=True)
            or self.env["integration.coupling"].search_count(
                [("mapping_id", "=", mapping.id), ("reserved", "!=", False)], limit=1
            )
        )

    @api.model
    def _chunk(self, session):
        """Decide about the next items and act.

        :return: whether there may be more to do in this run
        """
        # When somebody saves one of these records, their change comes first.
        return self._retrying(lambda: self._try_chunk(session), session)

    @api.model
    def _try_chunk(self, session):
        session.known.clear()
        capture = self.env["integration.engine.capture"]
        items = capture._items(session, CHUNK)
        if not items:
            return False
        if capture._fetch(session, items):
            # Dataverse took its time: look at Odoo as it is now.
            self._commit(session)
            items = capture._as_before(session, items)
        capture._observe(session, items)
        self.env["integration.engine.audit"]._find_answers(session, items)
        self.env["integration.engine.plan"]._plan(session, items)
        self.env["integration.engine.cascade"]._spare(session, items)
        if session.preview:
            self.env["integration.engine.preview"]._imagine(session, items)
            session.out_of_time = not self._commit(session)
            return not session.out_of_time
        return self._act(session, items)

    @api.model
    def _act(self, session, items):
        """Carry out what was decided, and remember it. Commits as it goes.

        :return: whether there is time left for more
        """
        pull = self.env["integration.engine.pull"]
        push = self.env["integration.engine.push"]
        self.env["integration.engine.images"]._fetch(session, items)
        pull._create(session, items)
        push._reserve(session, items)
        writing = [item for item in items if pull._is_write(item)]
        settled = [
            item
            for item in items
            if not pull._is_write(item) and not self._goes_out(item)
        ]
        remember = self.env["integration.engine.remember"]
        remember._remember(session, settled)
        remember._log_losers(session, [i for i in items if self._goes_out(i)])
        left = self._commit(session, len(settled))
        if writing:
            left = pull._write(session, writing)
        sending = [item for item in items if self._goes_out(item)]
        if sending:
            push._settle(session, push._send(session, sending))
            remember._remember(session, sending)
            left = self._commit(session, len(sending))
            if session.stopped_by:
                raise session.stopped_by
        session.out_of_time = not left
        self.env["integration.engine.progress"]._check_stop(session)
        return bool(left)

    @api.model
    def _goes_out(self, item):
        return item.action in (
            "create_dataverse",
            "recreate_dataverse",
            "deactivate_dataverse",
            "delete_dataverse",
        ) or (item.action == "fields" and bool(item.plan.push))

    # -- failing ----------------------------------------------------------------------

    @api.model
    def _check_table(self, session):
        """Without change tracking there is no way to know what changed.

        :raise UserError: a sentence that says where to switch it on
        """
        if not session.table.change_tracking:
            # Perhaps it was switched on since: ask once more before saying so.
            self._choose_table(session, refresh=True)
        if not (session.table.change_tracking or session.behavior._read_whole):
            raise UserError(
                self.env._(
                    "Change tracking is off for the Dataverse table '%s'. Switch on "
                    "'Track changes' in the table's properties in Power Apps.",
                    session.table.label or session.table.name,
                )
            )

    @api.model
    def _broke_off(self, mapping, job, failure):
        """Keep why the whole run ended.

        :return: the sentence
        """
        vals = {"kind": "permanent", "record_name": mapping.name}
        if isinstance(failure, dataverse.DataverseError):
            vals |= self._connection_failed(mapping.connection_id, failure)
        elif isinstance(failure, NotOurConnection):
            vals |= {"kind": "auth", "message": str(failure)}
            mapping.connection_id._suspend(vals["message"])
        elif isinstance(failure, AnotherEpoch):
            vals |= {"kind": "guard", "message": str(failure)}
            mapping.connection_id._suspend(vals["message"], failure.kind)
        elif isinstance(failure, HeldBack):
            vals |= {"kind": "guard", "message": str(failure)}
            job._hold(failure.keys)
        elif isinstance(failure, UserError):
            vals["message"] = str(failure)
        elif isinstance(failure, LeaseLost):
            vals["message"] = self.env._("Another worker took over.")
        else:
            _logger.error(
                "Synchronization of %s broke off",
                mapping.display_name,
                exc_info=failure,
            )
            vals["message"] = self.env._(
                "Something unexpected happened; see the server's log."
            )
        self.env["sync.error"]._report(mapping, {(0, ""): [vals]}, job)
        return vals["message"]

    @api.model
    def _connection_failed(self, connection, error):
        """An error of Dataverse that concerns more than one record.

        :return: what the error row says
        """
        sentence = self.env["integration.engine.gateway"]._sentence(error)
        if error.kind == "auth":
            connection._suspend(sentence)
        elif error.kind == "throttle":
            connection._pause(error.retry_after or 60)
        return {
            "message": sentence,
            "retry_at": error.kind == "throttle" and connection.paused_until,
            "kind": error.kind,
            "code": error.code or error.name,
            "detail": f"{error.name} {error.detail or ''} ({error.request_id or '-'})",
        }

    # -- order, transactions, ends ----------------------------------------------------

    @api.model
    def _in_order(self, mappings):
        """Mappings so that those that others refer to come first."""
        if len(mappings) < 2:
            return mappings
        ordered = mappings.sorted(lambda m: (m.sequence, m.id))
        depends = {m.id: self._needed_by(m, ordered).ids for m in ordered}
        order, _broken = sync.topological(ordered.ids, depends)
        return mappings.browse(order)

    @api.model
    def _needed_by(self, mapping, others):
        """Those of ``others`` that couple what the lookups of a mapping point to."""
        fields = self.env[mapping.model]._fields
        names = (
            mapping.sudo().field_mapping_ids.filtered("enabled").mapped("field_name")
        )
        comodels = {
            fields[name].comodel_name
            for name in names
            if name in fields and fields[name].type == "many2one"
        }
        # Two mappings of one model refer to each other by the same field: between them
        # the sequence decides.
        return others.filtered(
            lambda other: (
                other.model in comodels
                and other.connection_id == mapping.connection_id
                and other != mapping
                and (other.model != mapping.model or other.sequence < mapping.sequence)
            )
        )

    @api.model
    def _look_at(self, session, couplings, prefer):
        """Make these couplings due, and nothing else."""
        self._put_hints(session.mapping, couplings, prefer)
        session.only = (couplings.mapped("res_id"), couplings.mapped("external_id"))

    @api.model
    def _put_hints(self, mapping, couplings, prefer):
        """Have both sides of the couplings read anew."""
        self.env["integration.inbox"]._put_hints(
            mapping,
            res_ids=couplings.mapped("res_id"),
            external_ids=couplings.mapped("external_id"),
            prefer=prefer,
        )

    @api.model
    def _commit(self, session=None, processed=0):
        """Commit, if the lease is still ours.

        :return: seconds left in the time budget of the scheduled action; endless
            outside of it
        :raise LeaseLost: when somebody else works on the mapping now
        """
        if session and session.preview:
            self.env.flush_all()
            return session.preview.left()
        if session and not session.checkpoint._renew(session.fence):
            raise LeaseLost()
        left = self._end_transaction(processed)
        if session:
            session.committed = session.counts.copy()
            # In a transaction of its own: nobody who saves waits for it.
            if self.env["integration.engine.progress"]._advance(session, processed):
                left = self._end_transaction()
        return left

    @api.model
    def _end_transaction(self, processed=0):
        """Commit as Odoo's scheduler wants it.

        :return: as of :meth:`_commit`
        """
        if self._in_test_transaction():
            self.env.flush_all()
            return float("inf")
        return self.env["ir.cron"]._commit_progress(processed)

    @api.model
    def _retrying(self, work, session=None):
        """Do something on fresh data until no other transaction is in its way.

        :param work: called without arguments; what was done before it is committed
        :return: what it returns
        """
        # A preview has one transaction, in which nobody meets it.
        preview = session and session.preview
        for tries_left in reversed(range(TRIES)):
            try:
                return work()
            except CONCURRENCY:
                if preview or not tries_left:
                    raise
                self._rollback()
                if session:
                    session.counts = session.committed.copy()

    @api.model
    def _rollback(self):
        if self._in_test_transaction():
            self.env.invalidate_all()
        else:
            self.env.cr.rollback()

    @api.model
    def _in_test_transaction(self):
        """A test rolls its transaction back as a whole and forbids to end it."""
        return bool(modules.module.current_test) and isinstance(self.env.cr, Cursor)

    @api.model
    def _finish(self, job, state, message, session=None):
        """Write down how the run ended."""
        now = fields.Datetime.now()
        counts = session.counts if session else {}
        if session:
            counts["requests"] = session.client.requests - session.requests_before
        job.write(
            {
                "state": state,
                "message": message,
                "finished_at": now,
                "duration": (now - job.started_at).total_seconds(),
                **{
                    name: counts[name]
                    for name in job._counters()
                    if counts and name in counts
                },
            }
        )
        self.env["integration.engine.progress"]._ended(job)
        self._commit()
        return job
