"""Writes to Dataverse that take several requests, such as winning an opportunity."""

from odoo import api, models

from .. import dataverse
from .push import WRITES


class IntegrationStepwise(models.AbstractModel):
    _name = "integration.engine.stepwise"
    _description = "Writes Dataverse Rows in Several Steps"

    @api.model
    def _send(self, session, steps):
        """Carry out the steps of several items, the n-th of all in one request.

        What refuses a step ends the item there. A row that was created stays created:
        what refused a later step is told, and tried again with the next change.

        :param steps: list of ``(item, Steps)``
        :return: ``{id(item): dataverse.Outcome}``, with the row as it is in the end
        """
        outcomes = {}
        queues = [(item, self._queue(session, item, todo)) for item, todo in steps]
        while queues:
            operations = [queue[0](outcomes.get(id(item))) for item, queue in queues]
            answers = self.env["integration.engine.bulk"]._batch(
                session, operations, begun=bool(outcomes)
            )
            left = []
            for (item, queue), outcome in zip(queues, answers, strict=True):
                made = outcomes.get(id(item))
                if outcome.error and item.action in WRITES and made:
                    self._tell(session, item, outcome.error)
                    continue
                # An action answers nothing about the row.
                if outcome.error or outcome.row or not made:
                    outcomes[id(item)] = outcome
                if queue[1:] and not outcome.error:
                    left.append((item, queue[1:]))
            queues = left
        return outcomes

    @api.model
    def _queue(self, session, item, todo):
        """The requests of an item, each made of the outcome before."""
        table, columns, id_ = session.table, session.columns, item.external_id
        push = self.env["integration.engine.push"]

        def write(outcome):
            if item.action in WRITES:
                return push._creation(session, id_, todo.values, columns)
            etag = outcome.row.etag if outcome and outcome.row else item.etag
            return dataverse.batch.update(table, id_, todo.values, etag, columns)

        queue = [lambda _outcome, one=one: one for one in todo.before]
        if todo.values:
            queue.append(write)
        queue += [lambda _outcome, one=one: one for one in todo.after]
        if todo.after:
            queue.append(lambda _o: dataverse.batch.retrieve(table, id_, columns))
        return queue

    @api.model
    def _tell(self, session, item, error):
        plan = self.env["integration.engine.plan"]
        plan._fail(
            session,
            item,
            error.kind,
            self.env._(
                "Dataverse created '%(name)s', and refused what follows. %(sentence)s",
                name=plan._title(session, item),
                sentence=self.env["integration.engine.gateway"]._sentence(error),
            ),
            code=error.code or error.name,
        )
