"""Opportunities are won and lost by actions, on both sides, and worth money.

Source: Web API action reference, WinOpportunity and LoseOpportunity; their close
activity takes the row along. Odoo: `crm.lead.action_set_won`, `action_set_lost`.
"""

from odoo import api, fields, models

from .. import sync
from ..dataverse.batch import Operation
from ..sync.transform import _
from .behavior import Steps
from .pairing import UNCOUPLED, Lookup

# It is translated when it is shown.
# pylint: disable-next=prefer-env-translation
NO_RATE = _("there is no exchange rate of %(value)s in Odoo; add one")

OPEN, WON, LOST = 0, 1, 2
ACTIONS = {WON: "WinOpportunity", LOST: "LoseOpportunity"}
VALUE_AND_CURRENCY = ("estimatedvalue", "transactioncurrencyid")


class Revenue(Lookup):
    """Odoo (amount in the company's currency,) <-> Dataverse (amount, its currency).

    A row keeps the currency that it has, and the amount is converted; a new row is in
    the company's currency. Two amounts are compared with the rate of the day on which
    one of them changes: a new rate alone changes neither.

    :param exchange: ``exchange(amount, currency_id, other_id)`` gives the amount in the
        other currency, and raises Untranslatable when no rate is known
    """

    of_the_pair = True

    def __init__(self, label, known, company_currency_id, exchange):
        super().__init__(label, known)
        self._company_currency_id = company_currency_id
        self._exchange = exchange

    def fits(self, fields, columns):
        return (fields, columns) == (1, 2)

    def to_dataverse(self, values, row, held):
        own = row["company_currency"]
        currency = (held or {}).get("transactioncurrencyid") or own
        if currency and currency.startswith(UNCOUPLED):
            raise self._uncoupled(currency)
        return self._converted(values[0], own, currency), currency

    def to_odoo(self, values, row, held):
        amount, currency = values
        own = (held or {}).get("company_currency")
        return (self._converted(amount, currency, own),)

    def _converted(self, amount, source, target):
        if amount is None or source == target:
            return amount
        return sync.canonical(
            self._exchange(float(amount), self._id(source), self._id(target)), "money"
        )

    def _id(self, reference):
        """The currency that a reference means; no reference is the company's."""
        if not reference:
            return self._company_currency_id
        if reference.startswith(UNCOUPLED):
            return int(reference.rpartition(",")[2])
        if reference not in self.known:
            raise self._uncoupled(reference)
        return self.known[reference]


class IntegrationBehaviorOpportunity(models.AbstractModel):
    _name = "integration.behavior.opportunity"
    _inherit = "integration.behavior"
    _description = "Behavior of Opportunities"

    _acted_fields = frozenset({"won_status"})
    _context_fields = ("company_currency",)

    @api.model
    def _rule(self, row, columns, known):
        if columns != VALUE_AND_CURRENCY:
            return super()._rule(row, columns, known)
        connection = row.mapping_id.sudo().connection_id
        company = connection.company_id or connection.user_id.company_id
        label = self.env["res.currency"]._description
        return Revenue(
            label, known, company.currency_id.id, self._exchange_of(company.sudo())
        )

    @api.model
    def _exchange_of(self, company):
        """Conversion with a company's rates of today."""
        today = fields.Date.context_today(self)

        def exchange(amount, currency_id, other_id):
            pair = company.env["res.currency"].browse((currency_id, other_id))
            for currency in pair - company.currency_id:
                # Without a rate Odoo would count one to one.
                if not currency.rate_ids.filtered(
                    lambda rate: rate.company_id in (company, company.browse())
                ):
                    raise sync.Untranslatable(NO_RATE, currency.name)
            return pair[0]._convert(amount, pair[1], company, today)

        return exchange

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
