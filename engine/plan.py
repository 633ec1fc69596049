"""Decide: give every item its action. The decisions themselves are in `sync/`."""

from odoo import api, models

from .. import sync
from ..sync.words import BIDIRECTIONAL, OTHER
from .pairing import Lookup
from .push import BACK_OFF, WRITES


class IntegrationPlan(models.AbstractModel):
    _name = "integration.engine.plan"
    _description = "Decides About Records"

    @api.model
    def _plan(self, session, items):
        """Give every item its action. What matches is coupled on the way."""
        free = [item for item in items if not item.coupling]
        coupled = self.env["integration.engine.reappear"]._follow(session, items)
        self._plan_free(session, [item for item in free if item.action != "again"])
        coupled += [item for item in free if item.coupling]
        for item in coupled:
            if item.coupling.reserved:
                # Its create is still on the way: there is nothing to compare yet.
                item.action, item.waiting_for = "again", BACK_OFF[0]
            else:
                self._plan_coupled(session, item)
        created = [item for item in items if item.action in WRITES]
        if created:
            session.behavior._complete(session, created)

    @api.model
    def _plan_free(self, session, items):
        """Records and rows that are not coupled: match first, then perhaps create."""
        couple = self.env["integration.engine.couple"]
        self.env["integration.engine.reappear"]._revive(session, items)
        items = self._taking_part(session, [i for i in items if not i.coupling])
        candidates = couple._candidates(session, items)
        matches = couple._match(session, items, candidates)
        taken, pairs = {}, []
        for item in items:
            side = "odoo" if item.res_id else "dataverse"
            kind, counterpart = matches[id(item)]
            target = "to_integration" if side == "odoo" else "from_integration"
            item.action = sync.decide_uncoupled(
                side, session.mapping.direction, session.creates(target), kind
            )
            if item.action == "couple":
                pair = (
                    (item.res_id, counterpart)
                    if side == "odoo"
                    else (counterpart, item.external_id)
                )
                if pair in taken:
                    # Both halves of the pair were due: one item decides for both.
                    taken[pair].inbox_ids += item.inbox_ids
                    self._merge(taken[pair], item)
                    item.inbox_ids, item.action = [], "merged"
                else:
                    taken[pair] = item
                    pairs.append((pair, item))
            elif item.action == "match_queue":
                self._ambiguous(session, item, counterpart)
            elif item.action == "create_odoo":
                item.reason = "only in Dataverse"
                self._plan_create(session, item, "dataverse")
            elif item.action == "create_dataverse":
                item.reason = "only in Odoo"
                self._plan_create(session, item, "odoo")
        self._make_pairs(session, pairs, candidates)

    @api.model
    def _taking_part(self, session, items):
        """The items without coupling that may get one."""
        buried_records, buried_rows = self.env["integration.tombstone"]._buried(
            session.mapping,
            [item.res_id for item in items if item.res_id],
            [item.external_id for item in items if item.external_id],
        )
        merged = self.env["integration.tombstone"]._merged(
            session.mapping, buried_records, buried_rows
        )
        part = []
        for item in items:
            if item.action == "merged" or item.failures:
                continue
            if {item.res_id, item.external_id} & merged and not item.gone_odoo:
                # People know of it already, until they have merged on this side too.
                item.action = "merged"
                continue
            if (
                item.gone_odoo
                or item.gone_dataverse
                or (item.odoo is None and item.dataverse is None)
            ):
                item.action = "gone"
            elif (
                item.outside_odoo
                or item.outside_dataverse
                or item.res_id in buried_records
                or item.external_id in buried_rows
            ):
                item.action = "ignore"
            else:
                part.append(item)
        return part

    @api.model
    def _merge(self, item, other):
        item.res_id = item.res_id or other.res_id
        item.external_id = item.external_id or other.external_id
        item.odoo = item.odoo or other.odoo
        item.dataverse = item.dataverse or other.dataverse
        item.etag = item.etag or other.etag
        item.name = item.name or other.name

    @api.model
    def _make_pairs(self, session, pairs, candidates):
        """Couple what matched, and plan its fields at once."""
        odoo, _terms, rows = candidates
        couplings = self.env["integration.engine.couple"]._couple(
            session, [pair for pair, _item in pairs]
        )
        records = self.env["integration.engine.records"]
        for ((res_id, external_id), item), coupling in zip(
            pairs, couplings, strict=True
        ):
            item.coupling, item.matched = coupling, True
            item.res_id, item.external_id = res_id, external_id
            item.odoo = item.odoo or odoo[res_id]
            if item.dataverse is None:
                row = rows[external_id]
                item.dataverse = records._canonical_row(session, row.values)
                item.etag = row.etag
                item.name = row.values.get(session.table.primary_name)
                records._know_references(session, [item.dataverse])

    @api.model
    def _plan_create(self, session, item, source):
        """Prepare the values of a record that is missing on the other side."""
        row = item.odoo if source == "odoo" else item.dataverse
        groups = session.schema.groups
        # What is restored gets all that is left of it, also where nothing else is sent.
        direction = BIDIRECTIONAL if item.coupling else session.mapping.direction
        values, problems = sync.plan_create(groups, source, row, direction)
        odoo = row if source == "odoo" else values
        skipped = self.env["integration.engine.records"]._skipped_fields(session, odoo)
        if skipped:
            groups = session.schema.without(skipped)
            names = {name for group in groups for name in group.names(OTHER[source])}
            values = {name: values[name] for name in values if name in names}
            problems = [p for p in problems if p.group in {g.key for g in groups}]
        broken = {problem.group for problem in problems}
        over = item.coupling is None and session.behavior._is_over(odoo)
        item.values = values
        item.groups = tuple(group for group in groups if group.key not in broken)
        self.env["integration.engine.defaults"]._fill(session, item, OTHER[source])
        self._report_problems(session, item, problems)
        missing = [
            session.schema.labels[group.key]
            for group in groups
            if group.key in session.schema.required
            and group.key not in broken
            and group.is_empty(source, row)
        ]
        if over:
            # Nobody wants the other side filled with records that are not used.
            item.action, item.waiting_for = "ignore", None
            item.failures.clear()
        elif missing:
            item.action = "failed"
            self._fail(
                session,
                item,
                "permanent",
                self.env._(
                    "'%(name)s' has no %(fields)s and cannot be created on the other "
                    "side without.",
                    name=self._title(session, item),
                    fields=", ".join(missing),
                ),
            )
        elif item.coupling and self._is_one_way(session, source, values):
            item.action = "failed"
            self._fail(
                session,
                item,
                "permanent",
                self.env._(
                    "'%s' cannot be restored: its fields only go the other way. Delete "
                    "the coupling, or map them in both directions.",
                    self._title(session, item),
                ),
            )
        elif self._lacks_its_whole(session, problems):
            item.action = "waiting"
            item.failures.clear()
        elif broken & session.schema.required:
            item.action = "failed"
        elif item.waiting_for and session.patient:
            # The other record may be created in this very run; then this one is
            # created complete.
            item.action = "waiting"

    @api.model
    def _is_one_way(self, session, source, values):
        """Whether the field mappings bring nothing of a record back, or no name."""
        name = session.table.primary_name
        named = any(name in group.columns for group in session.schema.groups)
        return not values or (source == "odoo" and named and name not in values)

    @api.model
    def _lacks_its_whole(self, session, problems):
        """Whether what a record is part of is not coupled, such as a line's order."""
        whole = session.behavior._whole_field
        groups = {g.key for g in session.schema.groups if whole in g.fields}
        return any(problem.group in groups for problem in problems)

    @api.model
    def _plan_coupled(self, session, item):
        """A coupling: does it still exist on both sides, and which fields differ?"""
        mapping = session.mapping
        base = sync.Base.from_dict(item.coupling.base)
        item.had_conflict = item.coupling.state == "conflict"
        records = self.env["integration.engine.records"]
        skipped = records._skipped_fields(session, item.odoo) if item.odoo else ()
        item.groups = session.schema.without(skipped)
        if skipped:
            base = self._set_apart(session, base, item.odoo)
            if base.to_dict() != item.coupling.base:
                item.coupling.base = base.to_dict()
        if item.odoo is None:
            # Which fields took part is known from the base alone.
            item.groups = tuple(g for g in item.groups if base.knows(g))
        if self._lacks_row(item):
            return self._read_first(session, item)
        for group in item.groups:
            if base.is_apart(group) and item.dataverse is not None:
                base = base.joined(group, item.dataverse)
        decision = sync.decide_record(
            self._state(item, base, "odoo"),
            self._state(item, base, "dataverse"),
            mapping.direction,
            self._conflict_policy(session, item),
            self._deletion_policy(session, item),
        )
        item.action, item.loser = decision.action, decision.loser
        item.reason = decision.reason
        if item.action == "fields":
            self._plan_fields(session, item, base)
        elif item.action == "conflict":
            self._deleted_conflict(session, item)
        elif item.action == "backoff":
            self._fail(session, item, "transient", item.unreadable)
            item.waiting_for = 600
        elif item.action == "recreate_odoo" and not item.seen_dataverse:
            self._read_first(session, item)
        elif item.action in ("recreate_odoo", "recreate_dataverse"):
            source = "odoo" if item.action == "recreate_dataverse" else "dataverse"
            self._plan_create(session, item, source)

    @api.model
    def _read_first(self, session, item):
        """The base does not say how the row stands: read it, and decide then."""
        self.env["integration.inbox"]._put_hints(
            session.mapping, external_ids=[item.external_id], prefer=item.prefer
        )
        item.action = "again"

    @api.model
    def _lacks_row(self, item):
        if item.gone_dataverse or item.unreadable:
            return False
        known = (item.dataverse or {}).keys()
        return any(not known >= set(group.columns) for group in item.groups)

    @api.model
    def _conflict_policy(self, session, item):
        """Who wins; a person who decided about a deletion decided that too."""
        if session.deletion_decided:
            survivor, lost = ("send", "get") if item.gone_dataverse else ("get", "send")
            return survivor if session.deletion_decided == "restore" else lost
        return item.prefer or session.mapping.update_conflict_policy

    @api.model
    def _deletion_policy(self, session, item):
        """What a deletion means; a person who chose a side to count chose that too."""
        if session.mapping._is_only_coupled():
            return "uncouple"
        if session.deletion_decided:
            return session.deletion_decided
        if item.prefer == "manual":
            return "manual"
        if item.prefer == ("send" if item.gone_dataverse else "get"):
            return "restore"
        policy = session.mapping.deletion_policy
        if policy == "deactivate" and item.gone_odoo and self._never_rests(session):
            return "uncouple"
        return policy

    @api.model
    def _never_rests(self, session):
        """Whether rows of the table cannot be deactivated, like Odoo's records that
        cannot be archived: those are left alone, too."""
        return session.behavior._inactive_state(session.table) is None

    @api.model
    def _state(self, item, base, side):
        gone = item.gone_odoo if side == "odoo" else item.gone_dataverse
        outside = item.outside_odoo if side == "odoo" else item.outside_dataverse
        row = item.odoo if side == "odoo" else item.dataverse
        if gone:
            return "deleted"
        if item.unreadable:
            return "unreadable"
        if outside:
            return "out_of_scope"
        # What was never agreed is no change that a deletion would destroy unseen.
        one_gone = item.gone_odoo or item.gone_dataverse
        changed = item.prefer or any(
            base.changed(group, side, row) if base.knows(group) else not one_gone
            for group in item.groups
            if not (one_gone and self._ended(item, group, side, row))
        )
        return "changed" if changed else "unchanged"

    @api.model
    def _ended(self, item, group, side, row):
        """Whether a row is inactive because we made it so, which is no change.

        A run that broke off may not have lived to remember that it did.
        """
        if side != "dataverse" or "active" not in group.fields:
            return False
        if not item.coupling.deactivating:
            return False
        try:
            return group.to_odoo(row)["active"] is False
        except sync.Untranslatable:
            return False

    @api.model
    def _plan_fields(self, session, item, base):
        mapping = session.mapping
        item.plan = sync.plan_fields(
            item.groups,
            base,
            item.odoo,
            item.dataverse,
            direction=mapping.direction,
            conflict_policy=session.conflict_decided or mapping.update_conflict_policy,
            drift_policy=mapping.drift_policy,
            initial_policy=session.initial_policy,
            prefer=item.prefer,
        )
        self._heed_skipped(session, item, base)
        self._report_problems(session, item, item.plan.problems)
        for drift in item.plan.drift:
            self._fail(
                session,
                item,
                "permanent",
                self.env._(
                    "%(field)s of '%(name)s' was changed on the side that only "
                    "receives it.",
                    field=session.schema.labels[drift.group],
                    name=self._title(session, item),
                ),
                field_name=drift.group,
            )
        if item.plan.conflicts:
            self._fail(
                session,
                item,
                "conflict",
                self.env._(
                    "'%(name)s' was changed on both sides: %(fields)s. Choose which "
                    "data to use.",
                    name=self._title(session, item),
                    fields=", ".join(
                        session.schema.labels[c.group] for c in item.plan.conflicts
                    ),
                ),
            )

    @api.model
    def _heed_skipped(self, session, item, base):
        """Writing one field may decide whether others take part, such as the address
        of a company that comes below another one, or leaves it."""
        if not item.plan.pull:
            return
        after = self.env["integration.engine.records"]._skipped_fields(
            session, {**item.odoo, **item.plan.pull}
        )
        remaining = session.schema.without(after)
        item.plan.give_up([g for g in item.groups if g not in remaining], base)
        freed = [
            group
            for group in remaining
            if group not in item.groups
            and group.direction != "to_integration"
            and base.is_apart(group)
        ]
        if freed:
            self.env["integration.inbox"]._put_hints(
                session.mapping, external_ids=[item.external_id]
            )

    @api.model
    def _set_apart(self, session, base, odoo):
        """The base, with the groups that take no part for a record set apart."""
        skipped = self.env["integration.engine.records"]._skipped_fields(session, odoo)
        taking_part = session.schema.without(skipped)
        for group in session.schema.groups:
            if group not in taking_part:
                base = base.apart(group, odoo)
        return base

    # -- saying what is wrong ---------------------------------------------------------

    @api.model
    def _fail(self, session, item, kind, message, **vals):
        item.failures.append({"kind": kind, "message": message, **vals})

    @api.model
    def _report_problems(self, session, item, problems):
        """Values without counterpart: an error each, or a wait for another record."""
        lines = {
            line.key: line for group in session.schema.groups for line in group.lines
        }
        for problem in problems:
            line = lines.get(problem.line)
            waits = (
                line is not None
                and isinstance(line.rule, Lookup)
                and line.rule.awaits(problem.value)
            )
            if waits:
                item.waiting_for = problem.value
                if line.rule.brings:
                    session.wanted.add(problem.value)
            name = self._title(session, item)
            if waits:
                sentence = self.env._(
                    "'%(name)s' waits for its %(field)s, which is not coupled yet. It "
                    "goes on by itself as soon as that is coupled.",
                    name=name,
                    field=line.rule.label,
                )
            else:
                sentence = self.env._(
                    "'%(name)s': %(sentence)s.",
                    name=name,
                    sentence=self.env["integration.engine.rules"]._sentence(problem),
                )
            self._fail(
                session,
                item,
                "dependency" if waits else "permanent",
                sentence,
                code="option" if line and isinstance(line.rule, sync.Choice) else False,
                field_name=line.fields[0] if line and line.fields else problem.group,
            )

    @api.model
    def _ambiguous(self, session, item, unclear):
        self._fail(
            session,
            item,
            "conflict",
            self.env._(
                "'%(name)s' may belong to several records (%(reason)s). Set up the "
                "coupling by hand.",
                name=self._title(session, item),
                reason=unclear.reason,
            ),
            code="ambiguous",
        )

    @api.model
    def _deleted_conflict(self, session, item):
        where = self.env._("Odoo") if item.gone_odoo else self.env._("Dataverse")
        self._fail(
            session,
            item,
            "deleted",
            self.env._(
                "'%(name)s' was deleted in %(where)s. Restore it, delete the other "
                "record too, or delete the coupling.",
                name=self._title(session, item),
                where=where,
            ),
        )

    @api.model
    def _title(self, session, item):
        """What people call the record or row; of a deleted one, as it was called."""
        if not item.name and item.res_id and not item.gone_odoo:
            item.name = session.records.browse(item.res_id).display_name
        if not item.name and item.coupling and item.coupling.base:
            base = sync.Base.from_dict(item.coupling.base)
            item.name = base.odoo.get(session.records._rec_name)
        return item.name or item.external_id or str(item.res_id)
