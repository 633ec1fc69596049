"""Remember: what is settled, what waits, what is wrong, and what was overwritten."""

from odoo import api, fields, models

from .. import sync
from .push import REMOVALS


class IntegrationRemember(models.AbstractModel):
    _name = "integration.engine.remember"
    _description = "Remembers What a Run Found"

    @api.model
    def _remember(self, session, items):
        """Clear what is settled, park what waits, keep errors and states."""
        inbox = self.env["integration.inbox"]
        done = []
        for item in items:
            if item.action == "tombstone":
                self.env["integration.engine.pull"]._bury(session, item)
            if item.waiting_for is None:
                done += item.inbox_ids
            elif isinstance(item.waiting_for, int):
                inbox._park(
                    item.inbox_ids,
                    seconds=item.waiting_for,
                    reported=item.action != "again",
                )
            else:
                inbox._park(
                    item.inbox_ids,
                    waiting_for=item.waiting_for,
                    reported=item.action != "waiting",
                )
            self._count(session, item)
        inbox._done(done)
        # What an item waits for may have been coupled in this very chunk.
        waiting = {i.waiting_for for i in items if isinstance(i.waiting_for, str)}
        if waiting:
            records = self.env["integration.engine.records"]
            inbox._wake(
                session.connection, records._coupled_references(session, waiting)
            )
        undone = [item for item in items if item.undoes]
        if undone:
            # An undo says nothing about errors and conflicts of the record.
            self.env["integration.engine.undo"]._mark(session, undone)
            return
        self._log(session, items)
        self._keep_states(session, items)

    @api.model
    def _count(self, session, item):
        kinds = {vals["kind"] for vals in item.failures}
        if "conflict" in kinds or "deleted" in kinds:
            session.counts["conflicts"] += 1
        elif kinds - {"dependency"}:
            session.counts["failed"] += 1
        elif item.action in ("ignore", "dormant"):
            session.counts["skipped"] += 1
        elif item.action == "none" or (
            item.action == "fields" and not item.plan.push and not item.plan.pull
        ):
            session.counts["unchanged"] += 1

    @api.model
    def _log(self, session, items):
        """Keep conflicts, and every value that was overwritten unseen."""
        log = self.env["integration.conflict"]
        for item in items:
            if item.action != "fields" or not item.coupling:
                continue
            open_now = [self._conflict_vals(session, c) for c in item.plan.conflicts]
            if open_now or item.had_conflict:
                log._log_open(item.coupling, open_now)
        self._log_losers(session, items)

    @api.model
    def _log_losers(self, session, items):
        """Keep every value that is overwritten unseen.

        What a request overwrites is logged before it is sent: if nobody is there any
        more when it is answered, both sides agree and nothing tells of the value.
        """
        for item in items:
            if item.action == "fields" and item.coupling and item.plan.losers:
                self.env["integration.conflict"]._log_losers(
                    item.coupling,
                    [self._loser_vals(session, loser) for loser in item.plan.losers],
                )
            elif item.loser and item.coupling and item.action in REMOVALS:
                self._log_lost_record(session, item)

    @api.model
    def _conflict_vals(self, session, conflict):
        return {
            "field_key": conflict.group,
            "field_label": session.schema.labels[conflict.group],
            "base_value": self._text(session, conflict.base and conflict.base.odoo),
            "odoo_value": self._text(session, conflict.odoo),
            "dataverse_value": self._text(session, conflict.dataverse),
        }

    @api.model
    def _loser_vals(self, session, loser):
        sides = ("odoo_value", "dataverse_value")
        lost, won = sides if loser.side == "odoo" else reversed(sides)
        return {
            "field_key": loser.group,
            "field_label": session.schema.labels[loser.group],
            lost: self._text(session, loser.value),
            won: self._text(session, loser.winner),
            "winner": "dataverse" if loser.side == "odoo" else "odoo",
        }

    @api.model
    def _log_lost_record(self, session, item):
        row = item.odoo if item.loser == "odoo" else item.dataverse
        self.env["integration.conflict"]._log_losers(
            item.coupling,
            [
                {
                    "field_key": "record",
                    "field_label": self.env._("The whole record"),
                    f"{item.loser}_value": self._text(session, row),
                    "winner": "dataverse" if item.loser == "odoo" else "odoo",
                }
            ],
        )

    @api.model
    def _text(self, session, values):
        """Canonical values of one side as people read them: names instead of codes.

        :param values: ``{field or column: canonical value}``, or ``None``
        """
        shown = self.env["integration.engine.records"]._shown
        texts = (
            shown(session, name, value)
            for name, value in (values or {}).items()
            if value is not None
        )
        # A state and its only reason, say, have the same name.
        return ", ".join(dict.fromkeys(texts))

    @api.model
    def _keep_states(self, session, items):
        """Errors and the states of the couplings follow what was found."""
        failures = {}
        now = fields.Datetime.now()
        for item in items:
            if item.action in ("merged", "again", "waiting"):
                continue
            for vals in item.failures:
                vals.setdefault(
                    "record_name",
                    self.env["integration.engine.plan"]._title(session, item),
                )
                vals["coupling_id"] = item.coupling.id if item.coupling else False
            failures[item.subject] = item.failures
            if item.coupling:
                state = self._coupling_state(item)
                vals = {"state": state} if item.coupling.state != state else {}
                if item.action == "fields" and not item.failures and not item.plan.push:
                    vals |= self._agreed(item, now)
                elif item.action == "none" and item.seen_dataverse and item.etag:
                    vals["etag"] = item.etag
                if vals:
                    item.coupling.write(vals)
        self.env["sync.error"]._report(session.mapping, failures, session.job)

    @api.model
    def _agreed(self, item, now):
        """What a look that changed nothing teaches: both sides say the same."""
        if item.plan.pull:
            return {}
        before = sync.Base.from_dict(item.coupling.base)
        after = item.plan.base_after(before)
        vals = {}
        if after != before:
            vals |= {"base": after.to_dict(), "last_synch": now}
        etag = self._etag_of(item, after, item.dataverse, item.etag)
        if etag != item.coupling.etag:
            vals["etag"] = etag
        return vals

    @api.model
    def _etag_of(self, item, base, row, etag):
        """The ETag to keep: none while the row is not as the base says.

        Then whoever looks next reads the row first, and an If-Match never vouches for
        values that nobody has taken in: a drift that is left alone, for instance.
        """
        return etag if etag and base.describes(item.groups, "dataverse", row) else False

    @api.model
    def _coupling_state(self, item):
        if item.action == "dormant":
            return "suspended"
        kinds = {vals["kind"] for vals in item.failures}
        if "conflict" in kinds or "deleted" in kinds:
            return "conflict"
        if kinds - {"dependency"}:
            return "error"
        if kinds:
            return "pending"
        return "coupled"
