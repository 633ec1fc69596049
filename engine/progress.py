"""How far a run is: shown live over Odoo's bus, and stopped on request."""

import time

from odoo import api, fields, models

# Seconds between two looks at a run: often enough to be alive, seldom enough to cost
# nothing.
EVERY = 1
CHANNEL = "dataverse_sync.progress"


class Stopped(Exception):
    """A person asked the run to stop: all that was done so far is kept."""


class IntegrationProgress(models.AbstractModel):
    _name = "integration.engine.progress"
    _description = "Shows How Far a Run Is"

    @api.model
    def _advance(self, session, processed):
        """Note what a run has done; at most once a second, tell people too.

        Called after each commit of a run.

        :return: whether there is something to commit: what people are told
        """
        session.processed += processed
        now = time.monotonic()
        if now - session.told_at < EVERY:
            return False
        session.told_at = now
        left = session.left
        if left is None:
            left = self.env["integration.inbox"]._count(session.mapping, due=True)
        job = session.job
        job.write(
            {
                "processed": session.processed,
                "total": session.processed + left,
                "told_at": fields.Datetime.now(),
                **{
                    name: session.counts[name]
                    for name in job._counters()
                    if name in session.counts
                },
            }
        )
        self._tell(job)
        return True

    @api.model
    def _ended(self, job):
        """Tell how a run ended, if people saw it running."""
        if job.told_at:
            self._tell(job)

    @api.model
    def _tell(self, job):
        message = job._progress()
        company = job.company_id
        watchers = self.env.ref("dataverse_sync.group_user").sudo().all_user_ids
        for user in watchers:
            if not company or company in user.company_ids:
                user._bus_send(CHANNEL, message)

    @api.model
    def _check_stop(self, session):
        """Called where everything that was done is committed.

        :raise Stopped: when a person asked for it
        """
        self.env.cr.execute(
            "SELECT FROM integration_stop WHERE job_id = ANY(%s)", [session.job.ids]
        )
        if self.env.cr.rowcount:
            raise Stopped()

    @api.model
    def _bury_dead(self, mapping):
        """Runs whose process was killed run no more; the lease has told so."""
        before = self.env["integration.checkpoint"]._oldest_lease()
        for job in self.env["integration.sync.job"].search(
            [
                ("mapping_id", "=", mapping.id),
                ("state", "=", "running"),
                ("started_at", "<", before),
            ]
        ):
            job.write(
                {
                    "state": "failed",
                    "finished_at": job.told_at or job.started_at,
                    "message": self.env._(
                        "The server ended while this was running. The next run goes "
                        "on where it was."
                    ),
                }
            )
