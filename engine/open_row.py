"""From Dynamics 365: the Odoo record of a row, coupled or created when need be."""

from odoo import api, models
from odoo.exceptions import AccessError, UserError

from .. import dataverse
from ..dataverse import solution


class IntegrationOpenRow(models.AbstractModel):
    """Runs as whoever came from Dynamics 365: their rights decide what they may do."""

    _name = "integration.engine.open"
    _description = "Opens the Record of a Row"

    @api.model
    def _solution(self):
        """The zip file that puts the button on command bars in Dynamics 365."""
        return solution.build()

    @api.model
    def _connection(self, code):
        """The connection of a code; without one, the only one that there is.

        :raise UserError: there is none
        """
        domain = [("code", "=", code)] if code else []
        connections = self.env["integration.connection"].sudo().search(domain, limit=2)
        if len(connections) != 1:
            raise UserError(
                self.env._(
                    "The address does not name a connection of this Odoo. An "
                    "administrator finds the right one in the connection's form."
                )
            )
        return connections

    @api.model
    def _coupled(self, connection, table, external_id):
        """The record that a row is coupled to, or ``None``.

        :raise AccessError: the user may not see it
        """
        couplings = (
            self.env["integration.coupling"]
            .sudo()
            .search(
                [
                    ("connection_id", "=", connection.id),
                    ("mapping_id.integration_table", "=", table),
                    ("external_id", "=", external_id),
                ],
                order="id",
            )
        )
        for coupling in couplings:
            record = self.env[coupling.res_model].browse(coupling.res_id).exists()
            if record and record.has_access("read"):
                return record
        if couplings:
            raise AccessError(
                self.env._("You may not see the record that this row is coupled to.")
            )
        return None

    @api.model
    def _look(self, connection, table, external_id):
        """What can be done about a row without coupling. Writes nothing.

        :return: dict: ``mapping``; ``name`` of the row; ``candidates``: list of
            ``(record, reason)`` among which the user may choose; ``hidden``: whether
            others match as well; ``can_create``; ``because``: a sentence when not
        :raise UserError: a sentence when nothing can be done
        """
        self._check_may_couple()
        connection._check_usable()
        mappings = connection.mapping_ids.filtered(
            lambda mapping: mapping.integration_table == table
        )
        if not mappings:
            raise UserError(
                self.env._("No table mapping of %s covers this table.", connection.name)
            )
        for mapping in mappings:
            session = self.env["integration.engine.run"]._look(mapping)
            row = self._row(session, external_id)
            if row:
                return self._ways(session, row)
        raise UserError(
            self.env._(
                "This row takes no part: it is not there any more, or the filter of "
                "%s leaves it out.",
                ", ".join(mappings.mapped("name")),
            )
        )

    @api.model
    def _check_may_couple(self):
        if not self.env.user.has_group("dataverse_sync.group_user"):
            raise UserError(
                self.env._(
                    "This row is not coupled to a record in Odoo, and you may not "
                    "couple it. Ask for the role Dataverse: User."
                )
            )

    @api.model
    def _row(self, session, external_id):
        """The row, if it takes part in the mapping."""
        table = session.table
        scope = session.mapping.integration_filter
        condition = dataverse.query.and_(
            dataverse.query.any_of(table.columns[table.primary_id], [external_id]),
            f"({scope})" if scope else "",
        )
        with self.env["integration.engine.gateway"]._in_sentences():
            for page in session.client.query(table, session.columns, filter=condition):
                return page[0] if page else None
        return None

    @api.model
    def _ways(self, session, row):
        couple = self.env["integration.engine.couple"].sudo()
        mapping = session.mapping
        model = self.env[mapping.model].with_context(active_test=False)
        found = {
            model.browse(res_id): reason
            for res_id, reason in couple._suggest_records(session, row)
        }
        writable = model.concat(*found)._filtered_access("write")
        because = self._why_not_create(mapping, model, found, writable)
        return {
            "mapping": mapping,
            "name": row.values.get(session.table.primary_name) or row.id,
            "candidates": [(record, found[record]) for record in writable],
            "hidden": len(found) > len(writable),
            "can_create": not because,
            "because": because,
        }

    @api.model
    def _why_not_create(self, mapping, model, found, writable):
        if len(found) > len(writable):
            return self.env._(
                "A record that you may not change matches as well: creating another "
                "one could make a duplicate."
            )
        if not mapping._creates("from_integration"):
            return self.env._(
                "The table mapping %s creates no records in Odoo.", mapping.name
            )
        if not model.has_access("create"):
            return self.env._("You may not create such records in Odoo.")
        return ""

    @api.model
    def _carry_out(self, connection, table, external_id, choice):
        """Couple the row to a record, or create one, and synchronize the two.

        :param choice: id of one of the candidates, or ``"new"``
        :return: the record
        :raise UserError: a sentence when it cannot be done, or not any more
        """
        if record := self._coupled(connection, table, external_id):
            return record
        ways = self._look(connection, table, external_id)
        chosen = [
            record for record, _why in ways["candidates"] if str(record.id) == choice
        ]
        if chosen:
            job = self._couple(ways["mapping"], chosen[0], external_id)
        elif choice == "new" and ways["can_create"]:
            job = self._create(ways["mapping"], external_id)
        else:
            raise UserError(
                ways["because"] or self.env._("Choose the record that belongs to it.")
            )
        record = self._coupled(connection, table, external_id)
        if not record:
            raise UserError(
                job.message
                or job.error_ids[:1].message
                or self.env._("The row could not be synchronized.")
            )
        return record

    @api.model
    def _couple(self, mapping, record, external_id):
        engine = self.env["integration.engine.run"]
        session = engine._look(mapping)
        row = self.env["integration.engine.gateway"]._retrieve(session, external_id)
        couplings = (
            self.env["integration.engine.couple"]
            .sudo()
            ._pair_up(session, [(record.id, row)], synchronize="yes")
        )
        return engine._run(mapping, kind="coupling", couplings=couplings)

    @api.model
    def _create(self, mapping, external_id):
        self.env["integration.tombstone"].sudo()._forget(mapping, [], [external_id])
        self.env["integration.inbox"].sudo()._put_hints(
            mapping, external_ids=[external_id]
        )
        return self.env["integration.engine.run"]._run(
            mapping, kind="coupling", only=([], [external_id]), create=True, match=False
        )
