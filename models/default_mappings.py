"""The default table and field mappings, as plain data.

Names, tables and field pairs as in Business Central's default synchronization
setup, as far as Odoo has the field. What Odoo does differently:

* Address and tax number of a child contact of type "contact" belong to its company:
  writing them would rewrite the company and its other contacts
  (`res.partner._fields_sync`). See ``_integration_skipped_fields`` of res.partner.
* Contacts have one phone number and no first and last name.
* Partners of internal users are never customers.
"""

CUSTOMER = {
    "name": "CUSTOMER",
    "sequence": 30,
    "model": "res.partner",
    "integration_table": "account",
    "filter_domain": "[('is_company', '=', True), ('partner_share', '=', True)]",
    "fields": [
        {"field_name": "is_company", "constant_value": "True"},
        {
            "field_name": "name",
            "integration_column": "name",
            "required": True,
            "match_key": True,
            "match_priority": 3,
        },
        {
            "field_name": "ref",
            "integration_column": "accountnumber",
            "match_key": True,
            "match_priority": 1,
        },
        {"field_name": "parent_id", "integration_column": "parentaccountid"},
        {
            "field_name": "street",
            "integration_column": "address1_line1",
            "group": "address",
        },
        {
            "field_name": "street2",
            "integration_column": "address1_line2",
            "group": "address",
        },
        {
            "field_name": "zip",
            "integration_column": "address1_postalcode",
            "group": "address",
            "match_key": True,
            "match_priority": 3,
        },
        {
            "field_name": "city",
            "integration_column": "address1_city",
            "group": "address",
        },
        {
            "field_name": "country_id",
            "integration_column": "address1_country",
            "group": "address",
        },
        {
            "field_name": "state_id",
            "integration_column": "address1_stateorprovince",
            "group": "address",
        },
        {"field_name": "phone", "integration_column": "telephone1", "rule": "phone"},
        {
            "field_name": "email",
            "integration_column": "emailaddress1",
            "rule": "email",
            "match_key": True,
            "match_priority": 2,
        },
        {"field_name": "website", "integration_column": "websiteurl", "rule": "url"},
        {"field_name": "comment", "integration_column": "description"},
        {"field_name": "active", "integration_column": "statecode"},
    ],
}

CONTACT = {
    "name": "CONTACT",
    "sequence": 40,
    "model": "res.partner",
    "integration_table": "contact",
    "filter_domain": "[('is_company', '=', False), ('partner_share', '=', True),"
    " ('parent_id.is_company', '=', True), ('type', 'in', ['contact', 'other'])]",
    "integration_filter": "parentcustomerid_account/accountid ne null",
    "fields": [
        {"field_name": "is_company", "constant_value": "False"},
        {
            "field_name": "name",
            "integration_column": "firstname,lastname",
            "rule": "person_name",
            "required": True,
            "match_key": True,
            "match_priority": 1,
        },
        {
            "field_name": "parent_id",
            "integration_column": "parentcustomerid",
            "required": True,
            "match_key": True,
            "match_priority": 1,
        },
        {
            "field_name": "email",
            "integration_column": "emailaddress1",
            "rule": "email",
            "match_key": True,
            "match_priority": 2,
        },
        {"field_name": "phone", "integration_column": "telephone1", "rule": "phone"},
        {"field_name": "function", "integration_column": "jobtitle"},
        {"field_name": "website", "integration_column": "websiteurl", "rule": "url"},
        {
            "field_name": "street",
            "integration_column": "address1_line1",
            "group": "address",
        },
        {
            "field_name": "street2",
            "integration_column": "address1_line2",
            "group": "address",
        },
        {
            "field_name": "zip",
            "integration_column": "address1_postalcode",
            "group": "address",
        },
        {
            "field_name": "city",
            "integration_column": "address1_city",
            "group": "address",
        },
        {
            "field_name": "country_id",
            "integration_column": "address1_country",
            "group": "address",
        },
        {
            "field_name": "state_id",
            "integration_column": "address1_stateorprovince",
            "group": "address",
        },
        {"field_name": "comment", "integration_column": "description"},
        {"field_name": "active", "integration_column": "statecode"},
    ],
}

DEFAULT_MAPPINGS = (CUSTOMER, CONTACT)
