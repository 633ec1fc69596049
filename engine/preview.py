"""The dry run: the same capture and the same plan, in a world that is thrown away.

Nothing is simulated twice: the run itself is run, while temporary tables stand before
those that hold its state (PostgreSQL looks there first), and no hand is laid on a
record or a row. Nothing shared is locked, and the transaction keeps nothing of it. What
a run would go on with after its own writes, say a contact after its new company, is
imagined.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any

from odoo import api, models
from odoo.tools import SQL

from .audit import SIDE_ACTIONS
from .guard import HeldBack

# So many lines are kept for people to read; the counts go on.
LINES = 10_000
# Somebody waits.
SECONDS = 60

# Tables that hold the state of a mapping, and which of their rows matter to its run.
SHADOWED = {
    "integration_checkpoint": "mapping_id = %(mapping)s",
    "integration_inbox": "mapping_id = %(mapping)s",
    "integration_tombstone": "mapping_id = %(mapping)s",
    "integration_conflict": "mapping_id = %(mapping)s",
    "integration_change": "false",
    "sync_error": "mapping_id = %(mapping)s",
    "integration_journal": "res_model = %(model)s",
    # References lead to the couplings of other mappings.
    "integration_coupling": "connection_id = %(connection)s",
}


@dataclass
class Preview:
    """What the next run would do.

    ``lines``: dicts with the values of ``integration.preview.line``; ``counts`` counts
    them by kind, also those that were not kept, and what stays as it is
    (``unchanged``, ``skipped``). ``complete``: whether everything was looked at.
    """

    until: float
    lines: list = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    complete: bool = True
    new_ids: Any = field(default_factory=lambda: count(-1, -1))

    def left(self):
        """Seconds that may still be spent."""
        return max(self.until - monotonic(), 0)

    def add(self, line):
        self.counts[line["kind"]] += 1
        if len(self.lines) < LINES:
            self.lines.append(line)


class IntegrationPreview(models.AbstractModel):
    _name = "integration.engine.preview"
    _description = "Says What a Run Would Do"

    @api.model
    def _preview(self, mapping):
        """What the next run of a mapping would do.

        :rtype: Preview
        :raise UserError: a sentence, also for what Dataverse refuses
        """
        self, mapping = self.sudo(), mapping.sudo()
        run = self.env["integration.engine.run"]
        preview = Preview(until=monotonic() + SECONDS)
        world = self.env.cr.savepoint()
        try:
            self._shadow(mapping)
            with self.env["integration.engine.gateway"]._in_sentences():
                session = run._open(
                    mapping,
                    self.env["integration.sync.job"],
                    self.env["integration.checkpoint"]._of(mapping),
                    0,
                    initial_policy=mapping.initial_policy,
                    preview=preview,
                )
                run._work(session)
        except HeldBack as flood:
            about = {"mapping_id": mapping.id, "record_name": mapping.name}
            preview.add({**about, "kind": "guard", "reason": str(flood)})
        finally:
            world.close(rollback=True)
            self.env.invalidate_all()
        preview.complete = not session.out_of_time
        for name in ("unchanged", "skipped"):
            preview.counts[name] = session.counts[name]
        return preview

    @api.model
    def _shadow(self, mapping):
        """Put temporary tables before those that a run writes to."""
        values = {
            "mapping": mapping.id,
            "model": mapping.model,
            "connection": mapping.connection_id.id,
        }
        for name, condition in SHADOWED.items():
            table = SQL.identifier(name)
            self.env.cr.execute(
                SQL(
                    "CREATE TEMPORARY TABLE %s (LIKE %s INCLUDING ALL) ON COMMIT DROP",
                    SQL.identifier("pg_temp", name),
                    SQL.identifier("public", name),
                )
            )
            self.env.cr.execute(
                SQL(
                    "INSERT INTO %s SELECT * FROM %s WHERE %s",
                    table,
                    SQL.identifier("public", name),
                    SQL(condition, **values),
                )
            )
        self.env.invalidate_all(flush=False)

    # -- instead of acting ------------------------------------------------------------

    @api.model
    def _imagine(self, session, items):
        """Note what would be done about items, and go on as if it had been done."""
        self.env["integration.engine.push"]._reserve(session, items)
        for item in items:
            for line in self._lines(session, item):
                session.preview.add(line)
        created, fresh = [], []
        for item in items:
            if item.action == "create_odoo":
                item.res_id = next(session.preview.new_ids)
                fresh.append(item)
            elif item.action in ("create_dataverse", "recreate_dataverse"):
                item.coupling.write({"reserved": False, "state": "coupled"})
                created.append(item.coupling)
            elif item.action in SIDE_ACTIONS["removal"]:
                self.env["integration.engine.pull"]._bury(session, item)
        created += self.env["integration.coupling"]._insert(
            session.mapping,
            [
                {"res_id": item.res_id, "external_id": item.external_id}
                for item in fresh
            ],
        )
        self.env["integration.engine.couple"]._announce(session, created)
        self.env["integration.engine.remember"]._remember(session, items)

    @api.model
    def _lines(self, session, item):
        """What people read about one item; nothing about what stays as it is."""
        audit = self.env["integration.engine.audit"]
        about = {
            "mapping_id": session.mapping.id,
            "res_model": session.mapping.model,
            "res_id": item.res_id or False,
            "external_id": item.external_id or False,
        }
        lines = []
        if item.matched:
            reason = self.env._("Same key on both sides.")
            lines.append({**about, "kind": "couple", "reason": reason})
        if item.action == "tombstone":
            reason = audit._sentence(item.reason)
            lines.append({**about, "kind": "uncouple", "reason": reason})
        for entry in audit._entries(session, item):
            line = {**about, **entry, "kind": f"{entry['action']}_{entry['side']}"}
            line.pop("action")
            if line["kind"] == "create_dataverse":
                # Its identity is decided when it is really created.
                line["external_id"] = False
            lines.append(line)
        # What is put aside for a moment is looked at again in this same preview.
        if item.action not in ("again", "waiting"):
            lines += [
                {
                    **about,
                    "kind": self._kind_of_failure(vals),
                    "reason": vals["message"],
                }
                for vals in item.failures
            ]
        name = audit._name_of(session, item) if lines else None
        return [{**line, "record_name": name} for line in lines]

    @api.model
    def _kind_of_failure(self, vals):
        kinds = {
            "conflict": "conflict",
            "deleted": "conflict",
            "dependency": "waiting",
            "guard": "guard",
        }
        return kinds.get(vals["kind"], "error")
