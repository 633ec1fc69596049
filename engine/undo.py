"""Undo: put back what a job wrote, where it still stands.

Undo is a planner of its own; what it plans is carried out, guarded, remembered and
logged like any other plan. So an undo can be undone.
"""

import uuid

from odoo import api, models

from .. import dataverse, sync
from .records import master_of
from .run import CHUNK
from .session import Item

ARCHIVED = {"odoo": ("active", False), "dataverse": ("statecode", 1)}


class IntegrationUndo(models.AbstractModel):
    _name = "integration.engine.undo"
    _description = "Undoes What a Job Wrote"

    @api.model
    def _run(self, changes, *, creates="archive"):
        """Undo changes of one mapping, the latest first, as a job of its own.

        Commits as it goes.

        :param creates: what becomes of records that were created: ``"archive"`` or
            ``"delete"``
        :return: the ``integration.sync.job``
        """
        changes = changes.sudo().filtered(lambda c: c.state != "undone")
        return self.env["integration.engine.run"]._run(
            changes.mapping_id,
            kind="undo",
            work=lambda session: self.sudo()._work(session, changes, creates),
        )

    @api.model
    def _work(self, session, changes, creates):
        run = self.env["integration.engine.run"]
        total = len(changes)
        restored = changes.browse()
        for round_ in self._rounds(changes.sorted("id", reverse=True)):
            items = self._plan(session, round_, creates)
            run._commit(session)
            run._act(session, items)
            restored |= round_.filtered(lambda c: c.state == "undone")
        session.message = self.env._(
            "%(restored)s of %(total)s changes undone. %(left)s left as they are, "
            "because they were changed since or cannot be undone.",
            restored=len(restored),
            total=total,
            left=total - len(restored),
        )
        if len(restored) == total:
            session.message = self.env._("%s changes undone.", total)

    @api.model
    def _rounds(self, changes):
        """Changes in parts that touch each record once, so that order is kept."""
        while changes:
            seen, now = set(), changes.browse()
            later = changes.browse()
            for change in changes:
                subject = (change.side, change.res_id or change.external_id)
                if subject in seen or len(seen) >= CHUNK:
                    later |= change
                else:
                    now |= change
                seen.add(subject)
            yield now
            changes = later

    # -- planning ---------------------------------------------------------------------

    @api.model
    def _plan(self, session, changes, creates):
        """Items that put the changes back; what cannot be is marked as left.

        Reads both sides, and commits in between. Recreates what was deleted and couples
        again on the way.
        """
        found = self._rows(session, changes)
        # Dataverse took its time: look at Odoo as it is now.
        self.env["integration.engine.run"]._commit(session)
        couplings = self.env["integration.engine.capture"]._couplings(
            session,
            set(changes.mapped("res_id")) - {0},
            set(changes.mapped("external_id")) - {False},
        )
        by_record = {coupling.res_id: coupling for coupling in couplings}
        by_row = {coupling.external_id: coupling for coupling in couplings}
        records = self.env["integration.engine.records"]
        read = records._read(session, sorted(set(changes.mapped("res_id")) - {0}))
        records._know(session, self._texts(changes))
        items = []
        for change in changes:
            item = Item(
                inbox_ids=[],
                coupling=by_record.get(change.res_id) or by_row.get(change.external_id),
                res_id=change.res_id or None,
                external_id=change.external_id or None,
                name=change.record_name,
                odoo=read.get(change.res_id),
                undoes=change,
                reason=self.env._("Undo"),
            )
            row = found.get(change.external_id)
            if row is not None:
                item.dataverse, item.etag = self._now(session, row), row.etag
                item.merged_into = master_of(row.values)
            plan = getattr(self, f"_plan_{change.action}")
            note = plan(session, item, creates)
            if note:
                self._leave(change, note)
            elif item.action != "none":
                items.append(item)
        return items

    @api.model
    def _texts(self, changes):
        return {
            value
            for change in changes
            for value in (change.before or {}).values()
            if isinstance(value, str)
        }

    @api.model
    def _rows(self, session, changes):
        """The rows of Dataverse as they are now; those that are gone are missing."""
        wanted = changes.filtered(
            lambda c: (
                (c.side == "dataverse" and c.action != "delete")
                or c.action == "uncouple"
            )
        )
        columns = set(session.columns)
        for change in wanted:
            columns |= {*(change.before or {}), *(change.after or {})}
        columns &= session.table.columns.keys()
        ids = sorted(set(wanted.mapped("external_id")) - {False})
        outcomes = session.client.batch(
            [
                dataverse.batch.retrieve(session.table, id_, sorted(columns))
                for id_ in ids
            ]
        )
        return {
            id_: outcome.row
            for id_, outcome in zip(ids, outcomes, strict=True)
            if outcome.row
        }

    @api.model
    def _now(self, session, row):
        """Canonical values of a row, of columns that are not mapped the plain ones."""
        records = self.env["integration.engine.records"]
        return {**row.values, **records._canonical_row(session, row.values)}

    @api.model
    def _plan_write(self, session, item, _creates):
        """Put values back.

        :return: why not, a sentence
        """
        change = item.undoes
        now = self._standing(session, item)
        ended = self._ended(item, now)
        if ended:
            return ended
        item.groups = session.schema.groups
        images = self.env["integration.engine.images"]
        lost = images._not_kept(session, change.before or {}, change.side)
        after = {n: v for n, v in (change.after or {}).items() if n not in lost}
        plan = self._restoration(item, now, after)
        elsewhere = self._elsewhere(session, item, plan)
        if elsewhere:
            rest = {n: v for n, v in after.items() if n not in elsewhere}
            plan = self._restoration(item, now, rest)
        nothing = not plan.pull and not plan.push
        notes = []
        if plan.left and nothing:
            notes.append(self.env._("It was changed since."))
        elif plan.left:
            names = self._labels(session, change, plan.left)
            notes.append(self.env._("Left as it was changed since: %s.", names))
        if elsewhere:
            names = self._labels(session, change, sorted(elsewhere))
            notes.append(self.env._("Left as it is the company's now: %s.", names))
        if lost:
            notes.append(self._pictures_lost(session, change, lost))
        note = " ".join(notes) or None
        if nothing:
            return note or self.env._("It was changed since.")
        item.note, item.action, item.plan = note, "fields", plan
        return None

    @api.model
    def _restoration(self, item, now, after):
        change = item.undoes
        plan = sync.plan_restoration(
            item.groups, change.side, now, change.before or {}, after
        )
        plan.reasons = {group.key: "undo" for group in plan.groups}
        return plan

    @api.model
    def _elsewhere(self, session, item, plan):
        """What a restored record would share with another one, and write there too.

        Such as the address of a contact, which is that of the company above: somebody
        may have edited it there.
        """
        if not plan.pull:
            return set()
        records = self.env["integration.engine.records"]
        return plan.pull.keys() & records._skipped_fields(
            session, {**item.odoo, **plan.pull}
        )

    _plan_archive = _plan_write

    @api.model
    def _labels(self, session, change, names):
        audit = self.env["integration.engine.audit"]
        return ", ".join(audit._label(session, change.side, name) for name in names)

    @api.model
    def _pictures_lost(self, session, change, names):
        return self.env._(
            "Pictures are not kept, so these cannot be put back: %s.",
            self._labels(session, change, names),
        )

    @api.model
    def _plan_create(self, session, item, creates):
        """Archive or delete what was created, if nobody has changed it since."""
        change = item.undoes
        now = self._standing(session, item)
        ended = self._ended(item, now)
        if ended:
            return ended
        if any(now.get(name) != value for name, value in (change.after or {}).items()):
            return self.env._("It was changed since.")
        name, value = ARCHIVED[change.side]
        if creates == "delete":
            item.action = f"delete_{change.side}"
            return None
        if name not in now:
            return self.env._("Records of this kind cannot be archived.")
        item.groups = session.schema.groups
        item.plan = sync.Restoration(
            groups=tuple(g for g in item.groups if name in g.names(change.side)),
            seen=now,
        )
        written = item.plan.pull if change.side == "odoo" else item.plan.push
        written[name] = value
        item.action = "fields"
        return None

    @api.model
    def _standing(self, session, item):
        """The values of the record or row as they are; ``None`` when it is gone."""
        if item.undoes.side == "dataverse":
            return item.dataverse
        if item.odoo is None:
            return None
        record = session.records.browse(item.res_id)
        extra = {"active": record.active} if "active" in record._fields else {}
        return {**extra, **item.odoo}

    @api.model
    def _ended(self, item, now):
        """Why nothing of a record can be put back, a sentence."""
        if now is None:
            return self.env._("The record is gone.")
        if item.merged_into and item.undoes.side == "dataverse":
            return self.env._("It was merged into another record since.")
        return None

    # -- what has no counterpart in a run ---------------------------------------------

    @api.model
    def _plan_delete(self, session, item, _creates):
        """Create a deleted record anew: under a new identity, coupled to nothing."""
        change = item.undoes
        restore = getattr(self, f"_recreate_{change.side}")
        images = self.env["integration.engine.images"]
        lost = images._not_kept(session, change.before, change.side)
        note = restore(session, change)
        if not note:
            self._done(
                session, change, lost and self._pictures_lost(session, change, lost)
            )
        return note

    @api.model
    def _recreate_odoo(self, session, change):
        records = self.env["integration.engine.records"]
        pull = self.env["integration.engine.pull"]
        lost = self.env["integration.engine.images"]._not_kept(
            session, change.before, "odoo"
        )
        held = {
            n: v
            for n, v in change.before.items()
            if n in session.schema.odoo and n not in lost
        }
        for name in records._skipped_fields(session, held):
            held.pop(name, None)
        try:
            with self.env.cr.savepoint():
                record = session.records.with_context(tracking_disable=True).create(
                    [records._vals(session, held)]
                )
                self.env.flush_all()
        except Exception as error:
            return pull._plain(error)
        self._leave_alone(session, res_id=record.id)
        after = records._read(session, record.ids).get(record.id)
        self._log(session, change, res_id=record.id, after=after)
        return None

    @api.model
    def _recreate_dataverse(self, session, change):
        push = self.env["integration.engine.push"]
        run = self.env["integration.engine.run"]
        row_id = str(uuid.uuid4())
        given = push._given(
            session,
            {n: v for n, v in change.before.items() if n in session.schema.dataverse},
        )
        self._leave_alone(session, external_id=row_id)
        (sent,) = self._log(
            session, change, external_id=row_id, after=given, state="sent"
        )
        # The identity is known before the request, as that of any new row.
        run._commit(session)
        outcomes = session.client.batch(
            [dataverse.batch.create(session.table, row_id, given, session.columns)]
        )
        (outcome,) = push._confirmed(session, [row_id], outcomes)
        log = self.env["integration.change"]
        if outcome.error and outcome.error.name != "DuplicateRecord":
            if outcome.error.kind != "transient":
                log._refused([sent])
            return self.env["integration.engine.gateway"]._sentence(outcome.error)
        values = outcome.row and self.env["integration.engine.records"]._canonical_row(
            session, outcome.row.values
        )
        log._arrived({sent: values})
        run._commit(session)
        return None

    @api.model
    def _leave_alone(self, session, **identity):
        """The restored record is coupled to nothing, and stays so by itself."""
        self.env["integration.tombstone"].create(
            {"mapping_id": session.mapping.id, "reason": "deleted", **identity}
        )

    @api.model
    def _log(self, session, change, **entry):
        return self.env["integration.change"]._log(
            session.mapping,
            session.job,
            [
                {
                    "side": change.side,
                    "action": "create",
                    "record_name": change.record_name,
                    "reason": self.env._("Undo"),
                    **entry,
                }
            ],
        )

    @api.model
    def _plan_uncouple(self, session, item, _creates):
        """Couple again what a person uncoupled, while both records exist.

        What both sides last agreed on is known from then: the next run sees what each
        of them changed since.
        """
        change = item.undoes
        if item.odoo is None or item.dataverse is None:
            return self.env._("One of the two records is gone.")
        if item.coupling:
            return self.env._("One of the two records is coupled again already.")
        self.env["integration.tombstone"]._forget(
            session.mapping, [change.res_id], [change.external_id]
        )
        coupling = self.env["integration.coupling"]._insert(
            session.mapping,
            [
                {
                    "res_id": change.res_id,
                    "external_id": change.external_id,
                    "base": change.before or None,
                }
            ],
        )
        session.counts["coupled"] += 1
        self.env["integration.engine.couple"]._announce(session, coupling)
        self.env["integration.engine.run"]._put_hints(session.mapping, coupling, None)
        self._done(session, change)
        return None

    # -- what became of it ------------------------------------------------------------

    @api.model
    def _mark(self, session, items):
        """Say of each change what became of it, in the transaction that undoes it."""
        for item in items:
            change = item.undoes
            if item.action == "again":
                self._leave(change, self.env._("Somebody is changing it right now."))
            elif item.action == "failed":
                self._leave(change, item.failures[-1]["message"])
            else:
                self._done(session, change, item.note)

    @api.model
    def _done(self, session, change, note=None):
        change.write({"state": "undone", "undo_id": session.job.id, "note": note})

    @api.model
    def _leave(self, change, note):
        change.write({"state": "left", "note": note})
