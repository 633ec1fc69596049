"""Many rows in one request: CreateMultiple, and what to do when it refuses.

CreateMultiple makes all rows or none, and does not say which row it minds. So a part
that is refused is halved, and a small part goes as a batch, in which each row stands
alone; k bad rows among n cost O(k·log n) requests. Where it is not known whether a
request arrived, its rows are created one by one under the identities that they were
given before: what exists says so.

Changes cannot go this way: UpdateMultiple knows no If-Match, and would overwrite what
somebody wrote meanwhile.
"""

from collections import deque

from odoo import api, models

from .. import dataverse
from .capture import IDS_PER_REQUEST

# Fewer rows than this are not worth a request to read them back.
SMALL = 40
# The columns that tell whether somebody has changed a row since it was created.
CREATED_BY, CHANGED_BY = "createdby", "modifiedby"


class IntegrationBulk(models.AbstractModel):
    _name = "integration.engine.bulk"
    _description = "Creates Many Dataverse Rows"

    @api.model
    def _create(self, session, items):
        """Create the rows of many items, whose identities are reserved.

        :return: ``{id(item): dataverse.Outcome}``; without a row where it is created
            for certain, but somebody may have changed it already. Empty when there are
            too few items, or Dataverse does not create many rows of this table.
        """
        columns = session.table.columns
        if not session.bulk or not {CREATED_BY, CHANGED_BY} <= columns.keys():
            return {}
        outcomes, created = {}, []
        parts = deque([items] if len(items) > SMALL else [])
        while parts:
            part = parts.popleft()
            if len(part) <= SMALL:
                self._one_by_one(session, part, outcomes)
                continue
            try:
                self._create_part(session, part)
            except dataverse.DataverseError as error:
                if error.kind in ("auth", "throttle"):
                    left = [item for rest in (part, *parts) for item in rest]
                    self._all(left, error, outcomes)
                    break
                if error.status in (404, 405, 501):
                    session.bulk = False
                    self._one_by_one(session, part, outcomes)
                elif error.kind == "transient":
                    self._one_by_one(session, part, outcomes)
                else:
                    middle = len(part) // 2
                    parts.extendleft((part[middle:], part[:middle]))
            else:
                created += part
        return outcomes | self._read_back(session, created)

    @api.model
    def _create_part(self, session, items):
        push = self.env["integration.engine.push"]
        session.client.create_multiple(
            session.table,
            [(item.external_id, push._given(session, item.values)) for item in items],
        )

    @api.model
    def _one_by_one(self, session, items, outcomes):
        push = self.env["integration.engine.push"]
        operations = [push._operation(session, item, session.columns) for item in items]
        answers = self._batch(session, operations, begun=True)
        for item, outcome in zip(items, answers, strict=True):
            outcomes[id(item)] = outcome

    @api.model
    def _batch(self, session, operations, *, begun):
        """The outcomes of operations.

        :param begun: something was done before that has to be remembered: then an error
            of the whole request is the outcome of each operation
        :raise dataverse.DataverseError: when nothing at all was done
        """
        try:
            return session.client.batch(operations)
        except dataverse.DataverseError as error:
            if not begun:
                raise
            return [dataverse.Outcome(error=error)] * len(operations)

    @api.model
    def _all(self, items, error, outcomes):
        for item in items:
            outcomes[id(item)] = dataverse.Outcome(error=error)

    @api.model
    def _read_back(self, session, items):
        """What Dataverse made of the rows, unless somebody was faster.

        A change that somebody makes before the row is read must not pass for what
        Dataverse made of ours.
        """
        table = session.table
        rows = {}
        for start in range(0, len(items), IDS_PER_REQUEST):
            ids = [item.external_id for item in items[start : start + IDS_PER_REQUEST]]
            condition = dataverse.query.any_of(table.columns[table.primary_id], ids)
            try:
                for page in session.client.query(
                    table,
                    [*session.columns, CREATED_BY, CHANGED_BY],
                    filter=condition,
                ):
                    rows |= {row.id: row for row in page}
            except dataverse.DataverseError:
                # Created they are; the next look at them tells the rest.
                break
        return {
            id(item): dataverse.Outcome(row=self._untouched(rows.get(item.external_id)))
            for item in items
        }

    @api.model
    def _untouched(self, row):
        if row and row.values[CREATED_BY] == row.values[CHANGED_BY]:
            return row
        return None
