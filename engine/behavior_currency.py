"""Currencies: Dataverse keeps no record of their changes, and wants a rate at once."""

from odoo import api, models


class IntegrationBehaviorCurrency(models.AbstractModel):
    _name = "integration.behavior.transactioncurrency"
    _inherit = "integration.behavior"
    _description = "Behavior of Currencies"

    _read_whole = True
    _rights = ("Read", "Create")

    @api.model
    def _complete(self, session, items):
        """Name, symbol and rate; the rate is counted from Dataverse's base currency."""
        base = self._base(session)
        for item in items:
            currency = session.records.browse(item.res_id)
            item.values |= {
                "currencyname": currency.full_name or currency.name,
                "currencysymbol": currency.symbol,
                "currencyprecision": currency.decimal_places,
                "exchangerate": str(round(currency.rate / (base.rate or 1), 10)),
            }

    @api.model
    def _base(self, session):
        """Odoo's currency that is Dataverse's base currency: the one with rate 1."""
        names = [
            row.values["isocurrencycode"]
            for page in session.client.query(
                session.table, ["isocurrencycode"], filter="exchangerate eq 1"
            )
            for row in page
        ]
        own = session.records.env.company.currency_id
        bases = session.records.search([("name", "in", names)])
        return own if own in bases else bases[:1] or own
