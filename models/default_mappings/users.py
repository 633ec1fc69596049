"""SALESPEOPLE: who is who. Users are only coupled; nothing of them is ever written."""

from .rows import matched, to_odoo

SALESPEOPLE = {
    "name": "SALESPEOPLE",
    "sequence": 10,
    "model": "res.users",
    "integration_table": "systemuser",
    "direction": "from_integration",
    "filter_domain": "[('active', '=', True)]",
    # Neither people who left nor programs sell.
    "integration_filter": "isdisabled eq false and applicationid eq null",
    "deletion_policy": "uncouple",
    "fields": matched(
        [
            to_odoo("email", "internalemailaddress", rule="email"),
            to_odoo("login", "internalemailaddress", rule="email"),
            to_odoo("name", "fullname"),
        ],
        email=1,
        login=2,
    ),
}

MAPPINGS = (SALESPEOPLE,)
