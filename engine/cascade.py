"""A deletion in Dataverse takes nothing with it that nobody deleted.

Dataverse deletes an account's contacts with the account ("Configure table
relationship behavior": Cascade All), while Odoo lets the contacts of a deleted company
live. So a row is deleted only when no row of a mapped table belongs to it any more.
"""

from collections import Counter

from odoo import api, models

from .. import dataverse
from .capture import IDS_PER_REQUEST
from .push import BACK_OFF


class IntegrationCascade(models.AbstractModel):
    _name = "integration.engine.cascade"
    _description = "Keeps Deletions from Spreading"

    @api.model
    def _spare(self, session, items):
        """Put aside the deletions of rows that others still belong to.

        Talks to Dataverse when something is to be deleted; what was coupled on the way
        is committed before, so that nobody waits for the answer.
        """
        deletions = [item for item in items if item.action == "delete_dataverse"]
        going = {item.external_id for item in deletions}
        if not going:
            return
        self.env["integration.engine.run"]._commit(session)
        belonging = Counter()
        for mapping, table in self._tables(session):
            for column in self._columns(session, mapping, table):
                belonging += self._count(session, table, column, going)
        for item in deletions:
            if belonging[item.external_id]:
                self._put_aside(session, item, belonging[item.external_id])

    @api.model
    def _tables(self, session):
        """The mapped tables of the connection: ``(mapping, dataverse.Table)``."""
        gateway = self.env["integration.engine.gateway"]
        mappings = self.env["integration.table.mapping"].search(
            [("connection_id", "=", session.connection.id)]
        )
        for mapping in mappings:
            yield (
                mapping,
                gateway._metadata(session.connection, mapping.integration_table),
            )

    @api.model
    def _columns(self, session, mapping, table):
        """The mapped lookups of a table that may point to the session's table."""
        names = self.env["integration.engine.schema"]._columns_of(mapping, table)
        columns = (table.columns[name] for name in names)
        return [c for c in columns if c.is_lookup and session.table.name in c.targets]

    @api.model
    def _count(self, session, table, column, going):
        """How many rows point to each of the rows that go, and do not go themselves."""
        counts, ids = Counter(), sorted(going)
        for start in range(0, len(ids), IDS_PER_REQUEST):
            targets = {
                f"{session.table.name}({id_})": id_
                for id_ in ids[start : start + IDS_PER_REQUEST]
            }
            condition = dataverse.query.any_of(column, sorted(targets))
            for page in session.client.query(table, [column.name], filter=condition):
                counts.update(
                    targets[row.values[column.name]]
                    for row in page
                    if table.name != session.table.name or row.id not in going
                )
        return counts

    @api.model
    def _put_aside(self, session, item, count):
        plan = self.env["integration.engine.plan"]
        item.action = "failed"
        item.waiting_for = BACK_OFF[min(item.attempts, len(BACK_OFF) - 1)]
        plan._fail(
            session,
            item,
            "dependency",
            self.env._(
                "'%(name)s' was deleted in Odoo. %(count)s rows in Dataverse still "
                "belong to it and would be deleted with it, so it waits until they "
                "belong to another one, or are deleted too.",
                name=plan._title(session, item),
                count=count,
            ),
            code="belonging",
        )
