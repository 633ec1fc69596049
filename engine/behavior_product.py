"""Units, products and price list lines.

Each unit of Odoo is a unit group with one unit in it, as in Business Central. What
refers to a unit group in Dataverse also wants the unit: it is looked up. A product is a
draft until it is published, and is revised before it is changed ("Publish products",
"Revise products").
"""

from odoo import api, models

from .. import dataverse
from .behavior import Steps
from .capture import IDS_PER_REQUEST

ACTIVE, UNDER_REVISION = 0, 3
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


class IntegrationBehaviorProduct(models.AbstractModel):
    _name = "integration.behavior.product"
    _inherit = "integration.behavior.measured"
    _description = "Behavior of Products"

    _unit_column = "defaultuomid"
    _unit_path = "uom_id"

    @api.model
    def _all_steps(self, session, writes):
        """Drafts are published, and what is published is revised before."""
        states = self._states(session, [item.external_id for item, _values in writes])
        return [
            (item, self._publish(session, item, values, states.get(item.external_id)))
            for item, values in writes
        ]

    @api.model
    def _publish(self, session, item, values, state):
        def set_state(new, etag=None):
            return dataverse.batch.update(
                *(session.table, item.external_id, {"statecode": new}, etag),
                session.columns,
            )

        before = [set_state(UNDER_REVISION, item.etag)] if state == ACTIVE else []
        return Steps(values, before=before, after=[set_state(ACTIVE)])

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
