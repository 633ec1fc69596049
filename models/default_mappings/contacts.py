"""CUSTOMER, VENDOR and CONTACT: the partners.

Names, tables and field pairs as in Business Central's default synchronization setup, as
far as Odoo has the field. What Odoo does differently:

* Address and tax number of a child contact of type "contact" belong to its company:
  writing them would rewrite the company and its other contacts
  (`res.partner._fields_sync`). See ``_integration_skipped_fields`` of res.partner.
* Contacts have one phone number and no first and last name.
* Partners of internal users are never customers.
* One partner may be customer and vendor, an account is one of both: who is a customer
  too is a customer.
"""

from .payment import PAYMENT_TERMS
from .rows import column_constant, constant, matched, owner, pair, to_dataverse

ADDRESS = [
    pair(field_name, column, group="address")
    for field_name, column in (
        ("street", "address1_line1"),
        ("street2", "address1_line2"),
        ("zip", "address1_postalcode"),
        ("city", "address1_city"),
        ("country_id", "address1_country"),
        ("state_id", "address1_stateorprovince"),
    )
]
REACH = [
    pair("phone", "telephone1", rule="phone"),
    pair("email", "emailaddress1", rule="email"),
    pair("website", "websiteurl", rule="url"),
]
# Switched on by whoever wants it: Dataverse keeps no more of it than a thumbnail unless
# the column is told to keep images in full.
PICTURE = pair("image_1920", "entityimage", enabled=False)
REST = [pair("comment", "description"), pair("active", "statecode")]

COMPANY = [
    constant("is_company", "True"),
    pair("name", "name", required=True),
    pair("ref", "accountnumber"),
    pair("parent_id", "parentaccountid"),
    *ADDRESS,
    *REACH,
    *REST,
    PICTURE,
    owner("user_id"),
]
# Money says nothing without its currency: that of the partner's price list.
CURRENCY = to_dataverse(
    "property_product_pricelist.currency_id", "transactioncurrencyid"
)
COMPANY_KEYS = {"ref": 1, "email": 2, "name": 3, "zip": 3}

CUSTOMER = {
    "name": "CUSTOMER",
    "sequence": 30,
    "model": "res.partner",
    "integration_table": "account",
    "filter_domain": "[('is_company', '=', True), ('partner_share', '=', True)]",
    "with_field": {
        "supplier_rank": {
            "filter_domain": "[('is_company', '=', True), ('partner_share', '=', True),"
            " '|', ('customer_rank', '>', 0), ('supplier_rank', '=', 0)]",
            "integration_filter": "customertypecode eq null or customertypecode ne 11",
        }
    },
    "fields": matched(
        [
            *COMPANY,
            to_dataverse("credit_limit", "creditlimit"),
            pair("property_payment_term_id", "paymenttermscode", options=PAYMENT_TERMS),
            CURRENCY,
        ],
        **COMPANY_KEYS,
    ),
}

VENDOR = {
    "name": "VENDOR",
    "sequence": 35,
    "model": "res.partner",
    "integration_table": "account",
    "needs_field": "supplier_rank",
    "filter_domain": "[('is_company', '=', True), ('partner_share', '=', True),"
    " ('customer_rank', '=', 0), ('supplier_rank', '>', 0)]",
    "integration_filter": "customertypecode eq 11",
    "fields": matched(
        [
            *COMPANY,
            constant("supplier_rank", "1"),
            column_constant("customertypecode", "11"),
            pair(
                "property_supplier_payment_term_id",
                "paymenttermscode",
                options=PAYMENT_TERMS,
            ),
        ],
        **COMPANY_KEYS,
    ),
}

CONTACT = {
    "name": "CONTACT",
    "sequence": 40,
    "model": "res.partner",
    "integration_table": "contact",
    "filter_domain": "[('is_company', '=', False), ('partner_share', '=', True),"
    " ('parent_id.is_company', '=', True), ('type', 'in', ['contact', 'other'])]",
    "integration_filter": "parentcustomerid_account/accountid ne null",
    "fields": matched(
        [
            constant("is_company", "False"),
            pair("name", "firstname,lastname", rule="person_name", required=True),
            pair("parent_id", "parentcustomerid", required=True),
            pair("function", "jobtitle"),
            *REACH,
            *ADDRESS,
            *REST,
            PICTURE,
            owner("user_id"),
        ],
        name=1,
        parent_id=1,
        email=2,
    ),
}

MAPPINGS = (CUSTOMER, VENDOR, CONTACT)
