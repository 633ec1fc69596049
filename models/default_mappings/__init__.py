"""The default table and field mappings, as plain data; one file an app of Odoo.

What of them a database can have, its models and fields say: no app is needed.
"""

from . import account, contacts, crm, currency, product, sale, users

DEFAULT_MAPPINGS = (
    *users.MAPPINGS,
    *currency.MAPPINGS,
    *contacts.MAPPINGS,
    *product.MAPPINGS,
    *crm.MAPPINGS,
    *sale.MAPPINGS,
    *account.MAPPINGS,
)
