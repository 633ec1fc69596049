"""Units, products and price list lines.

Each unit of Odoo is a unit group with one unit in it, as in Business Central. What
refers to a unit group in Dataverse also wants the unit: it is looked up. A product is a
draft until it is published, is revised before it is changed, and is retired when Odoo
archives it ("Publish, revise, revert, retire, and activate products").
"""

from odoo import api, models

from .. import dataverse, sync
from .behavior import Steps
from .capture import IDS_PER_REQUEST

ACTIVE, RETIRED, DRAFT, UNDER_REVISION = range(4)
STATE = ("statecode", "statuscode")
UNIT_MODEL, UNIT_GROUP, UNIT = "uom.uom", "uomschedule", "uom"


class IntegrationBehaviorUnitGroup(models.AbstractModel):
    _name = "integration.behavior.uomschedule"
    _inherit = "integration.behavior"
    _description = "Behavior of Unit Groups"

    @api.model
    def _complete(self, session, items):
        for item in items:
            item.values["baseuomname"] = item.values["name"]


class IntegrationBehaviorMeasured(models.AbstractModel):
    """What is counted in a unit."""

    _name = "integration.behavior.measured"
    _inherit = "integration.behavior"
    _description = "Behavior of What Has a Unit"

    # The column that wants the unit, and the path to the unit in Odoo.
    _unit_column = "uomid"
    _unit_path = "product_uom_id"

    @api.model
    def _complete(self, session, items):
        units = {id(item): self._unit(session, item) for item in items}
        found = self._base_units(session, [unit for unit in units.values() if unit])
        for item in items:
            reference = found.get(units[id(item)])
            if reference:
                item.values[self._unit_column] = reference

    @api.model
    def _unit(self, session, item):
        """The id of the unit of a record."""
        return session.records.browse(item.res_id).mapped(self._unit_path).id

    @api.model
    def _base_units(self, session, unit_ids):
        """The only unit of the unit groups that Odoo's units are coupled with.

        :return: ``{id: "uom(guid)"}``
        """
        couplings = self.env["integration.engine.records"]._couplings_of(
            session, UNIT_MODEL, res_ids=unit_ids
        )
        groups = {
            f"{UNIT_GROUP}({one['external_id']})": one["res_id"]
            for one in couplings
            if one["table"] == UNIT_GROUP
        }
        if not groups:
            return {}
        table = self.env["integration.engine.gateway"]._metadata(
            session.connection, UNIT
        )
        column = table.columns["uomscheduleid"]
        guids = [one["external_id"] for one in couplings if one["table"] == UNIT_GROUP]
        condition = dataverse.query.and_(
            dataverse.query.any_of(column, guids), "isschedulebaseuom eq true"
        )
        return {
            groups[row.values["uomscheduleid"]]: f"{UNIT}({row.id})"
            for page in session.client.query(table, ["uomscheduleid"], filter=condition)
            for row in page
            if row.values["uomscheduleid"] in groups
        }


class LifeCycle(sync.Active):
    """Odoo (active,) <-> the state of a product: only a retired one is archived."""

    def to_odoo(self, values, row):
        (active,) = super().to_odoo(values, row)
        return (active or values[0] in (DRAFT, UNDER_REVISION),)


class IntegrationBehaviorProduct(models.AbstractModel):
    _name = "integration.behavior.product"
    _inherit = "integration.behavior.measured"
    _description = "Behavior of Products"

    _unit_column = "defaultuomid"
    _unit_path = "uom_id"

    @api.model
    def _inactive_state(self, table):
        return RETIRED

    @api.model
    def _rule(self, row, columns, known):
        if columns == STATE and row.field_name == "active":
            return LifeCycle()
        return super()._rule(row, columns, known)

    @api.model
    def _all_steps(self, session, writes):
        """Each row is led from the state that it has to the one that it shall have."""
        states = self._states(session, [item.external_id for item, _values in writes])
        return [
            (item, self._lead(session, item, values, states.get(item.external_id)))
            for item, values in writes
        ]

    @api.model
    def _lead(self, session, item, values, state):
        """The steps to ``values`` from ``state``; a new row begins as a draft."""
        rest = {name: value for name, value in values.items() if name not in STATE}
        goal = values.get("statecode", RETIRED if state == RETIRED else ACTIVE)
        before, after = self._way(DRAFT if state is None else state, goal, bool(rest))

        def set_states(states, etag):
            # What follows the first request has another version.
            return [
                dataverse.batch.update(
                    *(session.table, item.external_id, {"statecode": state}),
                    *(None if number else etag, session.columns),
                )
                for number, state in enumerate(states)
            ]

        return Steps(
            rest,
            before=set_states(before, item.etag),
            after=set_states(after, None if before or rest else item.etag),
        )

    @api.model
    def _way(self, state, goal, changes):
        """Through which states a product goes.

        Only an active or revised product is retired, only an active one is revised, and
        a retired one is activated first.

        :param changes: whether values are written on the way
        :return: the states to set before and after the values are written
        """
        before, after = [], []
        if state == RETIRED and (changes or goal == ACTIVE):
            before.append(ACTIVE)
        if changes and (before or state == ACTIVE):
            before.append(UNDER_REVISION)
        now = before[-1] if before else state
        if now == DRAFT or (goal == ACTIVE and now != ACTIVE):
            after.append(ACTIVE)
        if goal == RETIRED:
            after.append(RETIRED)
        if not (before or changes or after):
            # It is there already, and what was planned on has changed meanwhile.
            after.append(goal)
        return before, after

    @api.model
    def _to_write(self, vals):
        return {name: value for name, value in vals.items() if name != "active"}

    @api.model
    def _act(self, record, vals, created=False):
        """A template goes with its last variant, and comes back with the first."""
        if "active" in vals and vals["active"] != record.active:
            # Whether it is the last is counted without those that are archived.
            record = record.with_context(active_test=True)
            record.action_unarchive() if vals["active"] else record.action_archive()

    @api.model
    def _states(self, session, ids):
        """``{guid: state}`` of the rows that there are."""
        column = session.table.columns[session.table.primary_id]
        return {
            row.id: row.values["statecode"]
            for start in range(0, len(ids), IDS_PER_REQUEST)
            for page in session.client.query(
                session.table,
                ["statecode"],
                filter=dataverse.query.any_of(
                    column, ids[start : start + IDS_PER_REQUEST]
                ),
            )
            for row in page
        }


class IntegrationBehaviorPrice(models.AbstractModel):
    _name = "integration.behavior.productpricelevel"
    _inherit = "integration.behavior.measured"
    _description = "Behavior of Price List Lines"

    _whole_field = "pricelist_id"
    _unit_path = "product_tmpl_id.uom_id"
