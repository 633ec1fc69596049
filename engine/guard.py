"""Stop before a flood: many deletions, an emptied side, most records overwritten.

Looks at all that is due before anything is done about any of it. A person confirms one
plan: exactly these deletions and these values. Whatever comes on top is asked again.
"""

import hashlib
import json

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import sync
from ..sync.words import targets

# Sides with fewer coupled records may lose all of them at once without a question.
EMPTIED = 5
# Couplings that are planned at once when overwritten records are counted.
CHUNK = 500


class HeldBack(UserError):
    """The run stops and asks. ``keys`` name what it would have done."""

    def __init__(self, message, keys):
        super().__init__(message)
        self.keys = keys


class IntegrationGuard(models.AbstractModel):
    _name = "integration.engine.guard"
    _description = "Guards Against Floods of Changes"

    @api.model
    def _check(self, session):
        """Let a run go on, or stop it before it has written anything.

        :raise HeldBack: with a sentence and the keys of what is held back
        """
        if session.only is not None:
            # A person chose these records.
            return
        mapping = session.mapping
        coupled = self.env["integration.coupling"].search_count(
            [("mapping_id", "=", mapping.id), ("reserved", "=", False)]
        )
        removals = self._removals(session) if coupled else {}
        overwrites = self._overwrites(session, coupled) if coupled else {}
        sentence = self._too_many(mapping, coupled, removals, overwrites)
        if not sentence:
            return
        keys = [f"removed:{id_}" for id_ in removals]
        keys += [f"changed:{id_}:{digest}" for id_, digest in overwrites.items()]
        if not set(keys) <= self.env["integration.sync.job"]._confirmed(mapping):
            raise HeldBack(sentence, keys)

    @api.model
    def _too_many(self, mapping, coupled, removals, overwrites):
        """The sentence that says what is out of the ordinary; ``None``: nothing is."""
        limit = max(
            mapping.guard_deletions, coupled * mapping.guard_deletions_share // 100
        )
        emptied = coupled >= EMPTIED and len(removals) == coupled
        if len(removals) > limit or emptied:
            return self.env._(
                "%(count)s of the %(coupled)s coupled records of %(mapping)s were "
                "deleted on one side. Nothing was done about it. If that is right, let "
                "the synchronization go on; otherwise restore the records first.",
                count=len(removals),
                coupled=coupled,
                mapping=mapping.name,
            )
        limit = max(mapping.guard_changes, coupled * mapping.guard_changes_share // 100)
        if len(overwrites) > limit:
            return self.env._(
                "%(count)s of the %(coupled)s coupled records of %(mapping)s would be "
                "overwritten at once. Nothing was done about it. If that is right, let "
                "the synchronization go on.",
                count=len(overwrites),
                coupled=coupled,
                mapping=mapping.name,
            )
        return None

    # -- deletions --------------------------------------------------------------------

    @api.model
    def _removals(self, session):
        """The couplings of which one record is gone and the other would follow.

        :return: dict with the ids of the couplings as keys
        """
        mapping = session.mapping
        policy = session.deletion_decided or mapping.deletion_policy
        if policy not in ("deactivate", "delete"):
            return {}
        self.env["integration.coupling"].flush_model()
        # The latest news of a row counts: it may have been restored since.
        self.env.cr.execute(
            SQL(
                "WITH news AS ("
                "  SELECT DISTINCT ON (external_id) external_id, deleted"
                "  FROM integration_inbox"
                "  WHERE mapping_id = %(mapping)s AND external_id IS NOT NULL"
                "  ORDER BY external_id, id DESC)"
                " SELECT c.id, r.id IS NULL, coalesce(n.deleted, false)"
                " FROM integration_coupling c"
                " LEFT JOIN %(table)s r ON r.id = c.res_id"
                " LEFT JOIN news n ON n.external_id = c.external_id"
                " WHERE c.mapping_id = %(mapping)s AND (n.deleted OR r.id IS NULL"
                "   AND EXISTS (SELECT FROM integration_inbox i"
                "     WHERE i.mapping_id = c.mapping_id AND (i.res_id = c.res_id"
                "       OR i.external_id = c.external_id)))",
                mapping=mapping.id,
                table=SQL.identifier(session.records._table),
            )
        )
        written = targets(mapping.direction)
        return {
            id_: None
            for id_, gone_odoo, gone_dataverse in self.env.cr.fetchall()
            if not (gone_odoo and gone_dataverse)
            and ("dataverse" if gone_odoo else "odoo") in written
        }

    # -- overwritten records ----------------------------------------------------------

    @api.model
    def _overwrites(self, session, coupled):
        """What would be written over values that both sides had agreed on.

        Costs a plan of everything that is due, so it is worked out only when enough is
        due to matter. What a person asked for is no accident.

        :return: ``{id of the coupling: digest of the values}``
        """
        mapping = session.mapping
        limit = max(mapping.guard_changes, coupled * mapping.guard_changes_share // 100)
        due = self._due(mapping)
        if len(due) <= limit:
            return {}
        digests = {}
        for start in range(0, len(due), CHUNK):
            couplings = self.env["integration.coupling"].browse(
                due[start : start + CHUNK]
            )
            session.known.clear()
            digests |= self._planned(session, couplings)
            self.env.invalidate_all()
        session.known.clear()
        return digests

    @api.model
    def _due(self, mapping):
        """The ids of the agreed couplings that something is told about."""
        self.env["integration.coupling"].flush_model()
        self.env.cr.execute(
            "SELECT c.id FROM integration_coupling c"
            " WHERE c.mapping_id = %s AND c.reserved IS NULL AND c.base IS NOT NULL"
            " AND c.id IN ("
            "  SELECT a.id FROM integration_coupling a JOIN integration_inbox i"
            "    ON i.mapping_id = a.mapping_id AND i.res_id = a.res_id"
            "  WHERE a.mapping_id = %s"
            "  UNION SELECT b.id FROM integration_coupling b JOIN integration_inbox i"
            "    ON i.mapping_id = b.mapping_id AND i.external_id = b.external_id"
            "  WHERE b.mapping_id = %s)"
            " ORDER BY c.id",
            [mapping.id, mapping.id, mapping.id],
        )
        return [id_ for (id_,) in self.env.cr.fetchall()]

    @api.model
    def _planned(self, session, couplings):
        capture = self.env["integration.engine.capture"]
        chosen = (couplings.mapped("res_id"), couplings.mapped("external_id"))
        items = [
            item
            for item in capture._items(session, None, chosen)
            if item.coupling and not item.fetch and not item.prefer
        ]
        capture._observe(session, items)
        digests = {}
        for item in items:
            values = self._values(session, item)
            if values:
                text = json.dumps(values, sort_keys=True, default=str)
                digest = hashlib.sha256(text.encode()).hexdigest()[:16]
                digests[item.coupling.id] = digest
        return digests

    @api.model
    def _values(self, session, item):
        """What would be written for one coupling; empty when nothing would be."""
        if item.odoo is None or item.dataverse is None or item.outside_odoo:
            return None
        base = sync.Base.from_dict(item.coupling.base)
        records = self.env["integration.engine.records"]
        groups = [
            group
            for group in session.schema.without(
                records._skipped_fields(session, item.odoo)
            )
            if base.knows(group) and set(group.columns) <= item.dataverse.keys()
        ]
        plan = sync.plan_fields(
            groups,
            base,
            item.odoo,
            item.dataverse,
            direction=session.mapping.direction,
            conflict_policy=session.mapping.update_conflict_policy,
            drift_policy=session.mapping.drift_policy,
        )
        return plan.push | plan.pull
