"""Rows that come back from the recycle bin, and rows that were merged into others."""

from odoo import api, models

from .. import sync


class IntegrationReappear(models.AbstractModel):
    _name = "integration.engine.reappear"
    _description = "Follows Restored and Merged Rows"

    # -- restored ---------------------------------------------------------------------

    @api.model
    def _revive(self, session, items):
        """Couple rows again that were deleted and are there once more.

        The record is what it was before the deletion ended the coupling, only archived
        perhaps: the row is in use again, and so is the record.
        """
        restored = {
            item.external_id: item
            for item in items
            if item.external_id and item.dataverse and not item.gone_dataverse
        }
        graves = self.env["integration.tombstone"]._of_rows(session.mapping, restored)
        by_record = {item.res_id: item for item in items if item.res_id}
        alive = set(session.records.sudo().browse(graves.mapped("res_id")).exists().ids)
        for grave in graves:
            if grave.res_id not in alive:
                continue
            item = restored[grave.external_id]
            if self._coupled_elsewhere(session, grave):
                self._ask(session, item)
                continue
            other = by_record.get(grave.res_id)
            self._couple_again(session, item, grave)
            if item.coupling and other:
                item.inbox_ids += other.inbox_ids
                other.inbox_ids, other.action = [], "merged"

    @api.model
    def _coupled_elsewhere(self, session, grave):
        return self.env["integration.coupling"].search_count(
            [("mapping_id", "=", session.mapping.id), ("res_id", "=", grave.res_id)],
            limit=1,
        )

    @api.model
    def _couple_again(self, session, item, grave):
        records = self.env["integration.engine.records"]
        odoo = records._read(session, [grave.res_id]).get(grave.res_id)
        if odoo is None:
            return
        item.res_id, item.odoo = grave.res_id, odoo
        item.outside_odoo = grave.res_id not in records._in_scope(
            session, [grave.res_id]
        )
        base = self._base(session, odoo, sync.Base.from_dict(grave.base))
        (item.coupling,) = self.env["integration.engine.couple"]._couple(
            session, [(grave.res_id, item.external_id)]
        )
        item.coupling.base = base.to_dict()
        grave.unlink()

    @api.model
    def _base(self, session, odoo, before):
        """What both agreed on before the deletion.

        That the record is archived is the work of the deletion, and no wish of anybody:
        it is taken as agreed, and what the row says counts as the change.
        """
        base = before
        for group in session.schema.groups:
            if "active" in group.fields and before.knows(group):
                nowhere = dict.fromkeys(group.columns)
                base = base.merge(group, odoo, nowhere)
        return base

    @api.model
    def _ask(self, session, item):
        plan = self.env["integration.engine.plan"]
        plan._fail(
            session,
            item,
            "conflict",
            self.env._(
                "'%s' was restored in Dataverse, but its record in Odoo belongs to "
                "another row now. Set up the coupling by hand.",
                plan._title(session, item),
            ),
            code="ambiguous",
        )

    # -- merged -----------------------------------------------------------------------

    @api.model
    def _follow(self, session, items):
        """Follow the rows that were merged into others.

        A row that takes over a record is planned anew, as coupled: it may have come
        with the very same page.

        :return: the other coupled items
        """
        others, taken_over = [], set()
        for item in items:
            if not item.coupling:
                continue
            if self._is_merged(session, item):
                self._merged(session, item)
                taken_over.add(item.merged_into)
            else:
                others.append(item)
        for item in items:
            if not item.coupling and item.external_id in taken_over:
                item.action = "again"
        return others

    @api.model
    def _is_merged(self, session, item):
        """Whether the record of an item follows to another row.

        Rows that name one another, as one was merged into the other and later the other
        way round, are no reason to go on for ever.
        """
        return (
            item.merged_into
            and (item.coupling, item.merged_into) not in session.followed
            and not item.gone_dataverse
            and not item.coupling.reserved
        )

    @api.model
    def _merged(self, session, item):
        """Two rows became one: the record follows, or people merge in Odoo as well.

        (Dataverse Web API: "Merge table rows": the row that goes becomes inactive and
        names the other one in masterid.)
        """
        taken = self.env["integration.coupling"].search(
            [
                ("mapping_id", "=", session.mapping.id),
                ("external_id", "=", item.merged_into),
            ]
        )
        graves = self.env["integration.tombstone"]
        if not taken:
            session.followed.add((item.coupling, item.external_id))
            graves._bury_row(session.mapping, item.external_id, "merged")
            item.coupling.write({"external_id": item.merged_into, "etag": False})
            self.env["integration.inbox"]._put_hints(
                session.mapping, external_ids=[item.merged_into]
            )
            item.external_id, item.action = item.merged_into, "again"
            return
        plan = self.env["integration.engine.plan"]
        name = plan._title(session, item)
        graves._bury(item.coupling, "merged")
        item.coupling.unlink()
        item.coupling, item.action = None, "ignore"
        session.counts["uncoupled"] += 1
        plan._fail(
            session,
            item,
            "permanent",
            self.env._(
                "'%(name)s' was merged into '%(other)s' in Dataverse. It is no longer "
                "synchronized; merge the two in Odoo as well.",
                name=name,
                other=taken.record_name,
            ),
            code="merged",
        )
