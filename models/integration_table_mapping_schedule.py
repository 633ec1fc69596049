"""When a table mapping is run, and what wakes the worker."""

import logging
from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models, tools

_logger = logging.getLogger(__name__)

# Scheduled actions that work beside each other, the one that is woken first.
SLOTS = ("ir_cron_synchronize", "ir_cron_synchronize_2", "ir_cron_synchronize_3")

# Who has been quiet for hours is asked again after this part of the time, and no later
# than this.
QUIET_PART, QUIET_MOST = 1 / 8, timedelta(hours=1)


class IntegrationTableMapping(models.Model):
    _inherit = "integration.table.mapping"

    # -- the scheduled action ---------------------------------------------------------

    @api.model
    def _cron_synchronize(self):
        """Run every mapping that is due, beside those who do the same in other slots.

        Each mapping is run once, by one of them, after those that it refers to. What
        does not fit into the time goes on at once, after other scheduled actions.
        """
        began = fields.Datetime.now()
        cron = self.env["ir.cron"]
        mappings = self.search([("connection_id.state", "=", "connected")])
        mappings = mappings._in_run_order()
        cron._commit_progress(remaining=len(mappings))
        if len(mappings._ready(began)) > 1:
            self._wake_other_slots()
        done = self.browse()
        while mapping := (mappings - done)._next(began):
            mapping._plan_next()
            mapping._run_scheduled()
            done |= mapping
            if not cron._commit_progress(1):
                self._wake_up()
                return
        # What others have done is not left to do.
        cron._commit_progress(remaining=0)
        if (mappings - done)._due(began):
            # Somebody else works on what these wait for, and may not look after them.
            self._wake_up(at=fields.Datetime.now() + timedelta(minutes=1))

    def _next(self, began):
        """The first mapping that can be run now, locked against the other slots."""
        ready = self._ready(began)
        return next((mapping for mapping in ready if mapping._claim()), self.browse())

    def _ready(self, began):
        """The mappings that are due, without those that another slot works on.

        Parents come before children, also where another slot works on the parents.
        """
        due = self._due(began)
        running = self.browse(self.env["integration.checkpoint"]._leased())
        return (due - running).filtered(
            lambda mapping: not mapping.needed_mapping_ids & (due | running)
        )

    def _due(self, began):
        """The mappings with something to do that no slot has run since then."""
        # Other slots, and people, have changed what was read before.
        self.env.invalidate_all()
        run = self.env["integration.sync.job"].search_fetch(
            [
                ("mapping_id", "in", self.ids),
                ("kind", "in", ("scheduled", "review")),
                ("started_at", ">", began),
            ],
            ["mapping_id"],
        )
        return (self - run.mapping_id).filtered(
            lambda mapping: mapping.connection_id._is_usable() and mapping._is_due()
        )

    def _claim(self):
        """Lock the mapping until its run begins; False if another slot was faster."""
        try:
            with self.env.cr.savepoint():
                self.env.cr.execute(
                    "SELECT FROM integration_table_mapping WHERE id = %s"
                    " FOR NO KEY UPDATE SKIP LOCKED",
                    [self.id],
                    log_exceptions=False,
                )
                return bool(self.env.cr.rowcount)
        except SerializationFailure:
            return False

    def _run_scheduled(self):
        """What the scheduled action does with one mapping."""
        full = self.env["integration.full.sync"]._of(self)
        if full:
            full._go_on()
        else:
            job = self.env["integration.engine.run"]._run(self, kind="scheduled")
            self._note_quiet(job)

    def _note_quiet(self, job):
        """Keep since when there has been nothing to do."""
        quiet_since = job._was_quiet() and (self.quiet_since or job.started_at)
        if quiet_since != self.quiet_since:
            self.quiet_since = quiet_since
            self._set_next()

    def _is_due(self):
        """Whether the scheduled action has something to do for the mapping now."""
        self.ensure_one()
        if not self.next_synch or self.next_synch <= fields.Datetime.now():
            return True
        if self.env["integration.full.sync"]._of(self):
            return True
        # What a person asked for, or an earlier run left, stands in the inbox.
        if self.env["integration.inbox"]._count(self):
            return True
        return self.event_driven and (self._was_called() or self._has_news())

    def _has_news(self):
        """Whether somebody has changed records of the mapping's model."""
        journal = self.env["integration.journal"].sudo()
        return bool(journal.search_count([("res_model", "=", self.model)], limit=1))

    def _was_called(self):
        """Whether Dataverse has called since the latest scheduled run began."""
        heard = self.env["integration.webhook"].sudo()._of(self.connection_id).heard_at
        return bool(heard and self.asked_at) and heard >= self.asked_at

    def _plan_next(self):
        """The interval begins with the run, so that a long one does not shift it."""
        self.asked_at = fields.Datetime.now()
        self._set_next()

    def _set_next(self):
        wait = self._interval()
        self.next_synch = wait and self.asked_at + wait

    def _interval(self):
        """How long nobody has to ask, as a timedelta."""
        wait = timedelta(minutes=self.synch_interval)
        if self.ask_less_often and self.quiet_since:
            quiet = fields.Datetime.now() - self.quiet_since
            wait = max(wait, min(quiet * QUIET_PART, QUIET_MOST))
        # What is less than a minute is nothing.
        return timedelta(minutes=wait // timedelta(minutes=1))

    @api.model
    def _cron_compare(self):
        """Have the mappings that want it compared as a whole in their next run."""
        self.search(
            [("connection_id.state", "=", "connected"), ("compare_nightly", "=", True)]
        )._request_full_synchronization()
        self._wake_up()

    # -- waking it --------------------------------------------------------------------

    @api.model
    def _wake_up(self, at=None):
        """Let the scheduled action run once this transaction is committed, or later."""
        self._cron()._trigger(at=at)

    @api.model
    def _cron(self):
        return self.env.ref(f"dataverse_sync.{SLOTS[0]}").sudo()

    @api.model
    def _wake_other_slots(self):
        """Have others begin as well, unless it is one of them who says so."""
        first, *others = (self.env.ref(f"dataverse_sync.{name}") for name in SLOTS)
        if self.env.context.get("cron_id", first.id) == first.id:
            for slot in others:
                slot.sudo()._trigger()

    @api.model
    def _nudge(self):
        """Wake the worker, who may have been woken already: a thousand calls are one.

        For transactions that end at once, as the worker may have to wait for them. A
        call for the worker that has begun to answer it is locked, and counts no more.
        """
        cron = self._cron()
        self.env.cr.execute(
            "SELECT FROM ir_cron_trigger WHERE cron_id = %s"
            " AND call_at <= %s LIMIT 1 FOR KEY SHARE SKIP LOCKED",
            [cron.id, fields.Datetime.now()],
        )
        if not self.env.cr.rowcount:
            cron._trigger()

    @api.model
    @tools.ormcache()
    def _event_driven_models(self):
        """The names of the models of which a change wakes the worker."""
        mappings = self.sudo().search([("event_driven", "=", True)])
        return frozenset(mappings.mapped("model"))

    @api.model
    def _wake_up_for_changes(self):
        """Wake the worker if the journal holds something that a mapping waits for.

        Runs after the commit of whoever saved, whom its failure must not reach: the
        scheduled action comes by later in any case.
        """
        try:
            with self.pool.cursor() as cr:
                mappings = self.with_env(api.Environment(cr, api.SUPERUSER_ID, {}))
                if mappings._is_awaited():
                    mappings._nudge()
        except Exception:
            _logger.warning("The worker could not be woken.", exc_info=True)

    @api.model
    def _is_awaited(self):
        """Whether the journal holds what a connected, event-driven mapping covers."""
        self.env.cr.execute(
            "SELECT FROM integration_table_mapping m"
            " JOIN integration_connection c ON c.id = m.connection_id"
            " WHERE m.active AND m.event_driven AND c.state = 'connected'"
            "   AND coalesce(c.paused_until <= now() AT TIME ZONE 'UTC', true)"
            "   AND EXISTS (SELECT FROM integration_journal WHERE res_model = m.model)"
            " LIMIT 1"
        )
        return bool(self.env.cr.rowcount)
