"""CURRENCY: found by their ISO codes.

Name, symbol and rate of a currency are given to new rows only (see
`engine/behavior_currency.py`): Odoo keeps a rate a day and company, Dataverse one.
"""

from .rows import matched, to_dataverse

CURRENCY = {
    "name": "CURRENCY",
    "sequence": 20,
    "model": "res.currency",
    "integration_table": "transactioncurrency",
    "direction": "to_integration",
    "filter_domain": "[('active', '=', True)]",
    "deletion_policy": "uncouple",
    "fields": matched(
        [to_dataverse("name", "isocurrencycode", required=True)],
        name=1,
    ),
}

MAPPINGS = (CURRENCY,)
