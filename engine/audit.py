"""What a run writes, in words and values: for the preview before, for the log after."""

from odoo import api, models

from . import pull, push

# Actions of items that do the same on either side.
SIDE_ACTIONS = {
    "create": (*pull.CREATES, *push.WRITES),
    "removal": (*pull.REMOVALS, *push.REMOVALS),
}


class IntegrationAudit(models.AbstractModel):
    _name = "integration.engine.audit"
    _description = "Keeps What a Run Writes"

    # -- what is planned --------------------------------------------------------------

    @api.model
    def _entries(self, session, item):
        """What an item's plan writes on both sides.

        :return: list of dicts as ``integration.change._log`` takes them
        """
        entries = [self._entry_odoo(item), self._entry_dataverse(session, item)]
        return [
            {
                "res_id": item.res_id,
                "external_id": item.external_id,
                "record_name": self._name_of(session, item),
                **entry,
            }
            for entry in entries
            if entry
        ]

    @api.model
    def _entry_odoo(self, item):
        if item.action in pull.CREATES:
            change = ("create", None, item.values)
        elif item.action == "fields" and item.plan.pull:
            change = ("write", self._part(item.odoo, item.plan.pull), item.plan.pull)
        elif item.action == "deactivate_odoo":
            change = ("archive", {"active": True}, {"active": False})
        elif item.action == "delete_odoo":
            change = ("delete", item.odoo, None)
        else:
            return None
        return self._entry("odoo", *change, self._reason(item, "odoo"))

    @api.model
    def _entry_dataverse(self, session, item):
        if item.action in push.WRITES:
            given = self.env["integration.engine.push"]._given(session, item.values)
            change = ("create", None, given)
        elif item.action == "fields" and item.plan.push:
            held = self._part(item.dataverse, item.plan.push)
            change = ("write", held, item.plan.push)
        elif item.action == "deactivate_dataverse":
            state = session.behavior._inactive_state(session.table)
            change = ("archive", {"statecode": 0}, {"statecode": state})
        elif item.action == "delete_dataverse":
            change = ("delete", item.dataverse, None)
        else:
            return None
        return self._entry("dataverse", *change, self._reason(item, "dataverse"))

    @api.model
    def _entry(self, side, action, before, after, reason):
        return {
            "side": side,
            "action": action,
            "before": before,
            "after": after,
            "reason": reason,
        }

    @api.model
    def _part(self, row, names):
        return {name: row.get(name) for name in names}

    @api.model
    def _name_of(self, session, item):
        """What people call the record, found without a query where possible."""
        name = item.name or (item.odoo or {}).get(session.records._rec_name)
        return name or self.env["integration.engine.plan"]._title(session, item)

    @api.model
    def _reason(self, item, side):
        """Why ``side`` is written: a sentence of the planner."""
        if item.action != "fields" or item.undoes:
            return self._sentence(item.reason)
        written = item.plan.pull if side == "odoo" else item.plan.push
        reasons = [
            item.plan.reasons[group.key]
            for group in item.groups
            if group.key in item.plan.reasons
            and not set(group.names(side)).isdisjoint(written)
        ]
        return self._sentence("; ".join(dict.fromkeys(reasons)))

    @api.model
    def _sentence(self, reason):
        """A reason of the planner as people read it."""
        return reason and reason[0].upper() + reason[1:].rstrip(".") + "."

    # -- what is written --------------------------------------------------------------

    @api.model
    def _log_odoo(self, session, items, rows):
        """Log what was written in Odoo, in the transaction that writes it.

        :param rows: canonical values as they were read after the write
        """
        entries = []
        for item in items:
            for entry in self._entries(session, item):
                if entry["side"] != "odoo":
                    continue
                row = rows.get(item.res_id)
                if row and entry["action"] == "create":
                    entry["after"] = row
                elif row and entry["action"] == "write":
                    entry["after"] = self._part(row, entry["after"])
                entries.append(entry)
        self.env["integration.change"]._log(session.mapping, session.job, entries)

    @api.model
    def _log_sending(self, session, items):
        """Log what is going to be sent, in the transaction before the request."""
        entries = {
            id(item): entry | {"state": "sent"}
            for item in items
            for entry in self._entries(session, item)
            if entry["side"] == "dataverse"
        }
        ids = self.env["integration.change"]._log(
            session.mapping, session.job, list(entries.values())
        )
        changes = dict(zip(entries, ids, strict=True))
        for item in items:
            item.change_id = changes.get(id(item))

    @api.model
    def _log_answers(self, session, outcomes):
        """Settle what was sent; what got no answer stays as sent.

        :param outcomes: list of ``(item, dataverse.Outcome)``
        """
        arrived, refused = {}, []
        for item, outcome in outcomes:
            if not item.change_id:
                continue
            if outcome.error is None:
                arrived[item.change_id] = self._answer(session, item, outcome.row)
            elif self._is_refusal(outcome.error):
                refused.append(item.change_id)
        change = self.env["integration.change"]
        change._arrived(arrived)
        change._refused(refused)

    @api.model
    def _is_refusal(self, error):
        """Whether an error says for certain that nothing was written.

        Another version may be our own: of a request that was repeated because its
        answer got lost.
        """
        if error.sent is False:
            return True
        return error.kind != "transient" and error.name not in (
            "ConcurrencyVersionMismatch",
            "DuplicateRecord",
        )

    @api.model
    def _find_answers(self, session, items):
        """Rows that are read again tell what became of what got no answer."""
        rows = {
            item.external_id: item.dataverse
            for item in items
            if item.seen_dataverse and item.dataverse
        }
        if not rows:
            return
        arrived, refused, known = {}, [], []
        log = self.env["integration.change"]
        for change in log._unanswered(session.mapping, rows):
            told = (change.external_id, change.after)
            there = self._arrived(session, change, rows[change.external_id])
            # The same, sent twice, was written once.
            if there and told not in known:
                known.append(told)
                arrived[change.id] = None
            else:
                refused.append(change.id)
        log._arrived(arrived)
        log._refused(refused)

    @api.model
    def _arrived(self, session, change, row):
        """Whether a row that is there shows that a change has been carried out."""
        if change.action in ("create", "delete"):
            return change.action == "create"
        return all(
            self._holds(session, change, name, row.get(name))
            for name in change.after or {}
        )

    @api.model
    def _holds(self, session, change, name, value):
        """Whether a value is the one that was sent; an image is another than before."""
        sent = change.after[name]
        if sent and name in session.schema.images("dataverse"):
            return value not in (None, (change.before or {}).get(name))
        return value == sent

    @api.model
    def _answer(self, session, item, row):
        """What Dataverse holds after a write, of what was written."""
        if row is None:
            return None
        values = self.env["integration.engine.records"]._canonical_row(
            session, row.values
        )
        if item.action in push.WRITES:
            return values
        if item.action in push.REMOVALS:
            return None
        return self._part(values, item.plan.push)

    # -- in words ---------------------------------------------------------------------

    @api.model
    def _differences(self, mapping, changes):
        """Changes as people read them, a line a field, in alphabetical order.

        :param changes: list of ``(side, before, after)``
        :return: list of texts: "Phone: 123 → 456"
        """
        session = self.env["integration.engine.run"]._view(mapping)
        self.env["integration.engine.records"]._know(
            session,
            {
                value
                for _side, before, after in changes
                for values in (before, after)
                for value in (values or {}).values()
                if isinstance(value, str)
            },
        )
        return [self._difference(session, *change) for change in changes]

    @api.model
    def _difference(self, session, side, before, after):
        lines = []
        names = dict.fromkeys((*(before or {}), *(after or {})))
        for name in names:
            old, new = ((values or {}).get(name) for values in (before, after))
            if old is None and new is None:
                continue
            shown = self.env["integration.engine.records"]._shown
            texts = [
                "–" if value is None else shown(session, name, value)
                for value in (old, new)
            ]
            label = self._label(session, side, name)
            if not before:
                lines.append(f"{label}: {texts[1]}")
            elif not after:
                lines.append(f"{label}: {texts[0]}")
            else:
                lines.append(f"{label}: {texts[0]} → {texts[1]}")
        return "\n".join(sorted(lines))

    @api.model
    def _label(self, session, side, name):
        field = session.records._fields.get(name) if side == "odoo" else None
        if field is not None:
            return field._description_string(self.env)
        column = session.table and session.table.columns.get(name)
        return (column and column.label) or name
