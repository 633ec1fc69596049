"""The journal: which Odoo records changed, written by PostgreSQL itself.

A statement-level trigger on each mapped table appends the ids that a statement
touched, inside the transaction of whoever wrote. It sees SQL writes and cascades,
reads no column, never touches a shared row, and so can neither miss a change nor
make a user's save fail.
"""

from odoo import api, fields, models
from odoo.tools import SQL

EVENTS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


class IntegrationJournal(models.Model):
    _name = "integration.journal"
    _description = "Journal of Changed Records"
    _auto = False
    _log_access = False
    _order = "id"

    res_model = fields.Char("Model", readonly=True)
    res_id = fields.Integer("Record", readonly=True)
    deleted = fields.Boolean(readonly=True)

    def init(self):
        # `id` is a bigint: the table sees every write on a mapped model for years.
        self.env.cr.execute("""
            CREATE TABLE IF NOT EXISTS integration_journal (
                id bigserial PRIMARY KEY,
                res_model varchar NOT NULL,
                res_id integer NOT NULL,
                deleted boolean NOT NULL,
                transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
            );
            CREATE INDEX IF NOT EXISTS integration_journal_record
                ON integration_journal (res_model, res_id);
            CREATE OR REPLACE FUNCTION integration_journal_append() RETURNS trigger
            LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO integration_journal (res_model, res_id, deleted)
                SELECT TG_ARGV[0], id, TG_OP = 'DELETE' FROM touched;
                RETURN NULL;
            END $$;
            CREATE OR REPLACE FUNCTION integration_journal_append_heirs()
            RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                EXECUTE format(
                    'INSERT INTO integration_journal (res_model, res_id, deleted)'
                    ' SELECT %L, heir.id, false FROM %I heir'
                    ' JOIN touched ON heir.%I = touched.id',
                    TG_ARGV[0], TG_ARGV[1], TG_ARGV[2]);
                RETURN NULL;
            END $$;
        """)

    @api.model
    def _create_triggers(self, model_name):
        """Start the journal of a model. Does nothing if it runs already."""
        table = self.env[model_name]._table
        for event, version in EVENTS.items():
            name = self._trigger_name(event)
            self.env.cr.execute(
                "SELECT 1 FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass",
                [name, table],
            )
            if self.env.cr.fetchone():
                continue
            self.env.cr.execute(
                SQL(
                    "CREATE TRIGGER %s AFTER %s ON %s"
                    " REFERENCING %s TABLE AS touched FOR EACH STATEMENT"
                    " EXECUTE FUNCTION integration_journal_append(%s)",
                    SQL.identifier(name),
                    SQL(event),
                    SQL.identifier(table),
                    SQL(version),
                    model_name,
                )
            )

        self._create_heir_triggers(model_name)

    @api.model
    def _heirs(self, model_name):
        """``(trigger, table, field)`` of the models that lend a model their fields.

        A variant has its name from its product: a change of the product is one of the
        variant. Users are only coupled: nothing of their partners matters.
        """
        model = self.env[model_name]
        if model_name == "res.users":
            return []
        return [
            (f"integration_journal_{model._table}", self.env[parent]._table, field)
            for parent, field in model._inherits.items()
        ]

    @api.model
    def _create_heir_triggers(self, model_name):
        for trigger, table, field in self._heirs(model_name):
            self.env.cr.execute(
                SQL(
                    "CREATE OR REPLACE TRIGGER %s AFTER UPDATE ON %s"
                    " REFERENCING NEW TABLE AS touched FOR EACH STATEMENT"
                    " EXECUTE FUNCTION integration_journal_append_heirs(%s, %s, %s)",
                    SQL.identifier(trigger),
                    SQL.identifier(table),
                    model_name,
                    self.env[model_name]._table,
                    field,
                )
            )

    @api.model
    def _drop_triggers(self, model_names):
        """Stop the journal of these models and forget what it holds of them."""
        for model_name in model_names:
            if model_name not in self.env:
                continue
            for event in EVENTS:
                self.env.cr.execute(
                    SQL(
                        "DROP TRIGGER IF EXISTS %s ON %s",
                        SQL.identifier(self._trigger_name(event)),
                        SQL.identifier(self.env[model_name]._table),
                    )
                )
            for trigger, table, _field in self._heirs(model_name):
                self.env.cr.execute(
                    SQL(
                        "DROP TRIGGER IF EXISTS %s ON %s",
                        SQL.identifier(trigger),
                        SQL.identifier(table),
                    )
                )
            self.env.cr.execute(
                "DELETE FROM integration_journal WHERE res_model = %s", [model_name]
            )

    @api.model
    def _drop_function(self):
        """Leave nothing behind in PostgreSQL, not even a trigger that was missed."""
        self.env.cr.execute(
            "DROP FUNCTION integration_journal_append(),"
            " integration_journal_append_heirs() CASCADE"
        )

    @api.model
    def _trigger_name(self, event):
        return f"integration_journal_{event.lower()}"

    @api.model
    def _mark(self):
        """The position of the journal now, for :meth:`_forget_own`."""
        self.env.cr.execute(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END"
            " FROM integration_journal_id_seq"
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _forget_own(self, model_name, ids, mark):
        """Delete the rows that this transaction wrote after ``mark`` for ``ids``.

        Only for records whose values were re-read into their coupling's base in
        this same transaction: nothing else may be taken out of the journal.
        """
        self.env.cr.execute(
            "DELETE FROM integration_journal WHERE transaction = pg_current_xact_id()"
            " AND id > %s AND res_model = %s AND res_id = ANY(%s)",
            [mark, model_name, list(ids)],
        )

    @api.autovacuum
    def _gc_journal(self):
        """While nobody synchronizes, one row a record is enough.

        A row says no more than: look at this record. The latest one is kept, so that
        nothing is lost however long a connection is paused.
        """
        self.env.cr.execute(
            "DELETE FROM integration_journal WHERE id IN ("
            "  SELECT old.id FROM integration_journal old WHERE EXISTS ("
            "    SELECT FROM integration_journal late WHERE late.id > old.id"
            "      AND late.res_model = old.res_model AND late.res_id = old.res_id)"
            "  LIMIT 100000 FOR UPDATE SKIP LOCKED)"
        )

    @api.model
    def _changed(self, model_name, ids):
        """The ids among ``ids`` with changes that no run has read yet."""
        self.env[model_name].browse(ids).flush_recordset()
        self.env.cr.execute(
            "SELECT DISTINCT res_id FROM integration_journal"
            " WHERE res_model = %s AND res_id = ANY(%s)",
            [model_name, list(ids)],
        )
        return {row[0] for row in self.env.cr.fetchall()}
