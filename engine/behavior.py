"""What rows of a mapping cannot say about a table: small hooks, one model a table.

A table with a behaviour has a model ``integration.behavior.<table>`` that inherits
``integration.behavior``; other addons add one, or change one, by ``_inherit``. What a
table has no model for behaves as here: like any other table.
"""

from dataclasses import dataclass, field

from odoo import api, models


@dataclass
class Steps:
    """A write that takes several requests, each on the same row.

    ``before`` and ``after`` are :class:`dataverse.batch.Operation`, carried out before
    and after ``values`` are written.
    """

    values: dict
    before: list = field(default_factory=list)
    after: list = field(default_factory=list)


class IntegrationBehavior(models.AbstractModel):
    _name = "integration.behavior"
    _description = "Behavior of a Dataverse Table"

    # The field that a record is part of, such as the order of a line: while the whole
    # is not coupled, its parts take no part, and nobody is told.
    _whole_field = None
    # The table keeps no record of its changes: it is read as a whole, each time.
    _read_whole = False
    # What the application user needs. Delete is needed only where a mapping's policy
    # deletes, and that is said when it comes to it.
    _rights = ("Read", "Create", "Write")
    # Fields that Odoo calls read-only, and that `_act` can change.
    _acted_fields = frozenset()
    # Fields that are read for the rules, though no field mapping names them.
    _context_fields = ()

    @api.model
    def _of(self, table_name):
        """The behaviour of a table.

        :param table_name: logical name
        """
        name = f"integration.behavior.{table_name}"
        return self.env[name if name in self.env else "integration.behavior"]

    @api.model
    def _rule(self, row, columns, known):
        """The rule of a field mapping that needs one of its own, or ``None``.

        :param columns: names of its columns
        :param known: mutable mapping of the references that are coupled
        :rtype: sync.Rule | None
        """

    @api.model
    def _is_over(self, values):
        """Whether nobody wants a record to be created from this one any more.

        :param values: canonical values of the Odoo record, as it is or would be
        """
        return values.get("active") is False

    @api.model
    def _inactive_state(self, table):
        """The state in which rows of a table are put to rest, or ``None``.

        States are Active and Inactive (0 and 1) only where there are no others: a lead
        of state 1 is qualified, a task done, an opportunity won (Dataverse: "Default
        status and status reason values").
        """
        state = table.columns.get("statecode")
        return 1 if state and state.options.keys() == {0, 1} else None

    @api.model
    def _complete(self, session, items):
        """Add to ``item.values`` what new rows need besides what is mapped.

        Runs while nothing is locked, so it may ask Dataverse.

        :param items: those that are going to be created in Dataverse
        """

    @api.model
    def _all_steps(self, session, writes):
        """The requests that writes take. Nothing is locked: it may ask Dataverse.

        :param writes: list of ``(item, values)``, see :meth:`_steps`
        :return: list of ``(item, Steps | None)``
        """
        return [(item, self._steps(session, item, values)) for item, values in writes]

    @api.model
    def _steps(self, session, item, values):
        """The requests that writing ``values`` takes, or ``None`` when it is one.

        :param values: plain Dataverse values, of a new row or of the changes
        :rtype: Steps | None
        """
        status = session.table.columns.get("statuscode")
        if "statuscode" in values and "statecode" not in values:
            state = status.status_state.get(values["statuscode"])
            return Steps({**values, "statecode": state})
        return None

    @api.model
    def _create_records(self, session, vals_list):
        """Create Odoo records; returns them in that order."""
        records = session.records.with_context(tracking_disable=True).create(
            [self._to_write(vals) for vals in vals_list]
        )
        for record, vals in zip(records, vals_list, strict=True):
            self._act(record, vals, created=True)
        return records

    @api.model
    def _write_record(self, record, vals):
        """Change an Odoo record."""
        written = self._to_write(vals)
        if written:
            complete = getattr(record, "_integration_completed", dict)
            record.write(complete(written))
        self._act(record, vals)

    @api.model
    def _to_write(self, vals):
        """The values that are simply written."""
        return vals

    @api.model
    def _act(self, record, vals, created=False):
        """Do what is no value to write, such as marking a lead as won.

        :param vals: all values that Dataverse asks for
        """
