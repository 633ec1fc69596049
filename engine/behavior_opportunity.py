"""Opportunities are won and lost by actions, on both sides.

Source: Web API action reference, WinOpportunity and LoseOpportunity; their close
activity takes the row along. Odoo: `crm.lead.action_set_won`, `action_set_lost`.
"""

from odoo import api, models

from ..dataverse.batch import Operation
from .behavior import Steps

OPEN, WON, LOST = 0, 1, 2
ACTIONS = {WON: "WinOpportunity", LOST: "LoseOpportunity"}


class IntegrationBehaviorOpportunity(models.AbstractModel):
    _name = "integration.behavior.opportunity"
    _inherit = "integration.behavior"
    _description = "Behavior of Opportunities"

    _acted_fields = frozenset({"won_status"})

    @api.model
    def _steps(self, session, item, values):
        status = values.get("statuscode")
        if status is None:
            return None
        columns = session.table.columns
        states = columns["statuscode"].status_state
        state = states.get(status)
        rest = {k: v for k, v in values.items() if k not in ("statecode", "statuscode")}
        before = states.get((item.dataverse or {}).get("statuscode"), OPEN)
        if before != OPEN or state == OPEN:
            # Also what changes from won to lost is open in between.
            reason = columns["statecode"].default_status[OPEN]
            rest |= {
                "statecode": OPEN,
                "statuscode": status if state == OPEN else reason,
            }
        if state not in ACTIONS:
            return Steps(rest)
        return Steps(rest, after=[self._close(session, item, state, status)])

    @api.model
    def _close(self, session, item, state, status):
        row = f"/{session.table.entity_set}({item.external_id})"
        title = self.env["integration.engine.plan"]._title(session, item)
        return Operation(
            "POST",
            ACTIONS[state],
            {
                "Status": status,
                "OpportunityClose": {
                    "subject": title,
                    "opportunityid@odata.bind": row,
                },
            },
        )

    @api.model
    def _to_write(self, vals):
        """A lead always has a stage, and how it ended is no value to write."""
        return {
            name: value
            for name, value in vals.items()
            if name != "won_status" and not (name == "stage_id" and not value)
        }

    @api.model
    def _act(self, record, vals, created=False):
        status = vals.get("won_status")
        if not status or record.won_status == status:
            return
        if status == "won":
            record.action_set_won()
        elif status == "lost":
            record.action_set_lost()
        else:
            record.action_restore()
            if record.stage_id.is_won:
                record.stage_id = record._stage_find(domain=[("is_won", "=", False)])
