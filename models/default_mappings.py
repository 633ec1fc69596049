"""The default table and field mappings, as plain data.

Names, tables and field pairs as in Business Central's default synchronization
setup, as far as Odoo has the field. What Odoo does differently:

* Address and tax number of a child contact of type "contact" belong to its company:
  writing them would rewrite the company and its other contacts
  (`res.partner._fields_sync`). See ``_integration_skipped_fields`` of res.partner.
* Contacts have one phone number and no first and last name.
* Partners of internal users are never customers.
"""


def pair(field_name, integration_column, **options):
    """One field mapping; ``rule`` is the code of a transformation rule."""
    return {
        "field_name": field_name,
        "integration_column": integration_column,
        **options,
    }


def constant(field_name, value):
    """A value that every new Odoo record gets."""
    return {
        "field_name": field_name,
        "constant_value": value,
        "direction": "from_integration",
    }


def matched(pairs, **priorities):
    """The pairs, some of them as criteria of matching: field name = priority."""
    return [
        {**one, "match_key": True, "match_priority": priorities[one["field_name"]]}
        if one["field_name"] in priorities
        else one
        for one in pairs
    ]


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
REST = [pair("comment", "description"), pair("active", "statecode")]

CUSTOMER = {
    "name": "CUSTOMER",
    "sequence": 30,
    "model": "res.partner",
    "integration_table": "account",
    "filter_domain": "[('is_company', '=', True), ('partner_share', '=', True)]",
    "fields": matched(
        [
            constant("is_company", "True"),
            pair("name", "name", required=True),
            pair("ref", "accountnumber"),
            pair("parent_id", "parentaccountid"),
            *ADDRESS,
            *REACH,
            *REST,
        ],
        ref=1,
        email=2,
        name=3,
        zip=3,
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
        ],
        name=1,
        parent_id=1,
        email=2,
    ),
}

DEFAULT_MAPPINGS = (CUSTOMER, CONTACT)
