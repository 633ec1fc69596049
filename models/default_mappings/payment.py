"""PAYMENT TERMS: an option mapping, for accounts, orders and invoices alike.

The choice has the same values in all three tables of Dataverse. Terms that Odoo does
not deliver are mapped with the button Options of the field mapping.
"""

from .rows import option

PAYMENT_TERMS = (
    option(1, "Net 30", "account.account_payment_term_30days"),
    option(2, "2% 10, Net 30", "account.account_payment_term_30days_early_discount"),
    option(3, "Net 45", "account.account_payment_term_45days"),
)
