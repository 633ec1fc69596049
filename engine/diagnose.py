"""Find out whether a connection can work, and say how to mend what cannot."""

from odoo import api, models
from odoo.exceptions import UserError

from .. import dataverse

# What privileges call a table; those of a document are those of its lines.
NOUNS = {
    "systemuser": "user",
    "salesorderdetail": "salesorder",
    "invoicedetail": "invoice",
}


class IntegrationDiagnose(models.AbstractModel):
    _name = "integration.engine.diagnose"
    _description = "Checks a Connection"

    @api.model
    def _diagnose(self, connection, tables):
        """Try everything that synchronization needs. Changes nothing anywhere.

        :param tables: logical names of Dataverse tables
        :return: list of dicts: ``name`` of the check, ``state`` (``"ok"``,
            ``"failed"``, or ``"skipped"`` because an earlier one failed), ``message``:
            what was found, or what to do, and ``table`` or ``False``
        """
        checks = []
        try:
            client = self.env["integration.engine.gateway"]._client(
                connection, max_attempts=1
            )
        except UserError as error:
            return [self._check(self.env._("Sign-In"), "failed", str(error))]
        good = self._try(checks, self.env._("Address"), client.reach) is not None
        good &= self._try(checks, self.env._("Sign-In"), client.sign_in) is not None
        who = granted = None
        if good:
            who = self._try(
                checks, self.env._("Application User"), client.who_am_i, self._found
            )
        else:
            checks.append(self._skipped(self.env._("Application User")))
        if who:
            granted = self._privileges(client, who)
        for name in tables:
            checks += (
                self._about_table(client, name, granted)
                if who
                else [self._skipped(name, table=name)]
            )
        return checks

    @api.model
    def _check(self, name, state, message="", table=False):
        return {"name": name, "state": state, "message": message, "table": table}

    @api.model
    def _skipped(self, name, table=False):
        return self._check(
            name, "skipped", self.env._("Comes after what is wrong above."), table
        )

    @api.model
    def _try(self, checks, name, ask, found=lambda answer: "", table=False):
        """Ask, and note how it went.

        :return: the answer, ``True`` for none, ``None`` when it failed
        """
        try:
            answer = ask()
        except dataverse.DataverseError as error:
            sentence = self.env["integration.engine.gateway"]._sentence(error)
            checks.append(self._check(name, "failed", sentence, table))
            return None
        checks.append(self._check(name, "ok", found(answer), table))
        return True if answer is None else answer

    @api.model
    def _found(self, who):
        return self.env._("Dataverse knows it as user %s.", who.user_id)

    @api.model
    def _privileges(self, client, who):
        """The names of what the application user may do, ``None`` if it is not told."""
        try:
            return client.privileges(who.user_id) or None
        except dataverse.DataverseError:
            return None

    @api.model
    def _about_table(self, client, name, granted):
        """The checks of one table."""
        checks = []
        table = self._try(
            checks,
            self.env._("%s: there", name),
            lambda: client.table(name),
            lambda table: table.label,
            name,
        )
        if not table:
            return checks
        label = table.label or name
        self._try(
            checks,
            self.env._("%s: readable", label),
            lambda: next(iter(client.query(table, [table.primary_id], top=1)), []),
            table=name,
        )
        checks.append(self._rights(label, name, granted))
        checks.append(
            self._switch(
                self.env._("%s: change tracking", label),
                table.change_tracking
                or self.env["integration.behavior"]._of(name)._read_whole,
                self.env._(
                    "Switch on 'Track changes' in the table's properties in Power Apps."
                ),
                name,
            )
        )
        checks.append(
            self._switch(
                self.env._("%s: optimistic concurrency", label),
                table.optimistic_concurrency,
                self.env._(
                    "Dataverse does not check for this table whether somebody changed "
                    "a row meanwhile. Choose other tables, or ask Microsoft's support."
                ),
                name,
            )
        )
        return checks

    @api.model
    def _rights(self, label, name, granted):
        title = self.env._("%s: privileges", label)
        if granted is None:
            return self._check(
                title,
                "ok",
                self.env._("Dataverse does not tell them; reading works."),
                name,
            )
        noun = NOUNS.get(name, name)
        rights = self.env["integration.behavior"]._of(name)._rights
        missing = [
            f"prv{right}{noun.capitalize()}"
            for right in rights
            if f"prv{right}{noun}".lower() not in granted
        ]
        if not missing:
            return self._check(title, "ok", ", ".join(rights), name)
        return self._check(
            title,
            "failed",
            self.env._(
                "Add %s to a security role of the application user in the Power "
                "Platform admin center.",
                ", ".join(missing),
            ),
            name,
        )

    @api.model
    def _switch(self, title, is_on, remedy, name):
        return self._check(title, *(("ok", "") if is_on else ("failed", remedy)), name)

    @api.model
    def _rows_of(self, mapping):
        """How many rows of Dataverse take part in a mapping.

        :raise UserError: a sentence when Dataverse refuses
        """
        session = self.env["integration.engine.run"]._look(mapping)
        with self.env["integration.engine.gateway"]._in_sentences():
            return session.client.count(
                session.table, mapping.integration_filter or None
            )
