"""What is registered with Dataverse, and when it called last."""

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import UserError


class IntegrationWebhook(models.Model):
    """One technical row a connection, apart from the connection that people edit: each
    call writes it."""

    _name = "integration.webhook"
    _description = "Registered Webhook"
    _log_access = False

    connection_id = fields.Many2one(
        "integration.connection", required=True, ondelete="cascade"
    )
    steps = fields.Integer(help="Kinds of changes that Dataverse calls about.")
    heard_at = fields.Datetime()
    registered_at = fields.Datetime(default=fields.Datetime.now)
    problem = fields.Char(help="What keeps Dataverse from calling.")

    _connection_uniq = models.Constraint(
        "UNIQUE (connection_id)", "A connection is registered once."
    )

    @api.model
    def _of(self, connection):
        """The row of a connection; empty while nothing is registered."""
        return self.search([("connection_id", "=", connection.id)])

    @api.model
    def _registered(self, connection, steps):
        """Keep that Dataverse calls from now on, about so many kinds of changes."""
        self._of(connection).unlink()
        self.create({"connection_id": connection.id, "steps": steps})

    def _look_after(self):
        """Ask Dataverse whether it calls, and keep what it says.

        Until somebody has repaired it, the scheduled action finds what changed.
        """
        for webhook in self:
            connection = webhook.connection_id
            try:
                problem = self.env["integration.engine.webhooks"]._problem(
                    connection, webhook.registered_at
                )
            except UserError as refusal:
                problem = str(refusal)
            webhook.problem = problem

    def _hear(self):
        """Keep that Dataverse has just called. Calls that come at once are one."""
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(
                    "UPDATE integration_webhook SET heard_at = %s"
                    " WHERE id = (SELECT id FROM integration_webhook WHERE id = ANY(%s)"
                    "   FOR UPDATE SKIP LOCKED)",
                    [fields.Datetime.now(), self.ids],
                    log_exceptions=False,
                )
        except SerializationFailure:
            # Another call was answered since this transaction began.
            return
        self.invalidate_recordset()
