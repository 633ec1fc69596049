"""UNIT OF MEASURE, PRODUCT, PRICE LIST and its lines.

As in Business Central each unit of Odoo is a unit group of Dataverse with one unit in
it. What rows cannot say (the unit of the group, that a product is published, revised
and retired) is in `engine/behavior_product.py`.
"""

from .rows import column_constant, constant, matched, option, pair, to_dataverse

UNIT_OF_MEASURE = {
    "name": "UNIT OF MEASURE",
    "sequence": 50,
    "model": "uom.uom",
    "integration_table": "uomschedule",
    "direction": "to_integration",
    "filter_domain": "[('active', '=', True)]",
    "fields": matched([to_dataverse("name", "name", required=True)], name=1),
}

PRODUCT = {
    "name": "PRODUCT",
    "sequence": 60,
    "model": "product.product",
    "integration_table": "product",
    # Every product of Dataverse has a number of its own.
    "filter_domain": "[('sale_ok', '=', True), ('default_code', '!=', False),"
    " ('type', 'in', ['consu', 'service'])]",
    # Neither families nor bundles.
    "integration_filter": "productstructure eq 1",
    "fields": matched(
        [
            pair("default_code", "productnumber", required=True),
            pair("name", "name", required=True),
            to_dataverse("lst_price", "price"),
            to_dataverse("standard_price", "standardcost"),
            to_dataverse("volume", "stockvolume"),
            to_dataverse("weight", "stockweight"),
            to_dataverse("uom_id", "defaultuomscheduleid", required=True),
            to_dataverse(
                "type",
                "producttypecode",
                options=(
                    option(1, "Sales Inventory", "consu"),
                    option(3, "Services", "service"),
                ),
            ),
            pair("active", "statecode"),
            constant("sale_ok", "True"),
            column_constant("productstructure", "1"),
            column_constant("quantitydecimal", "2"),
        ],
        default_code=1,
    ),
}

PRICE_LIST = {
    "name": "PRICE LIST",
    "sequence": 70,
    "model": "product.pricelist",
    "integration_table": "pricelevel",
    "direction": "to_integration",
    "fields": matched(
        [
            to_dataverse("name", "name", required=True),
            to_dataverse("currency_id", "transactioncurrencyid", required=True),
            to_dataverse("active", "statecode"),
        ],
        name=1,
        currency_id=1,
    ),
}

PRICE_LIST_LINE = {
    "name": "PRICE LIST LINE",
    "sequence": 75,
    "model": "product.pricelist.item",
    "integration_table": "productpricelevel",
    "direction": "to_integration",
    # A price of Dataverse knows neither formulas nor quantities nor categories.
    "filter_domain": "[('compute_price', '=', 'fixed'), ('min_quantity', '<=', 1),"
    " ('applied_on', 'in', ['1_product', '0_product_variant']),"
    " ('date_start', '=', False), ('date_end', '=', False),"
    " ('product_tmpl_id.attribute_line_ids', '=', False)]",
    "deletion_policy": "delete",
    "synch_only_coupled": False,
    "fields": [
        to_dataverse("pricelist_id", "pricelevelid", required=True),
        to_dataverse("product_tmpl_id.product_variant_id", "productid", required=True),
        to_dataverse("fixed_price", "amount", required=True),
        column_constant("pricingmethodcode", "1"),
        column_constant("quantitysellingcode", "1"),
    ],
}

MAPPINGS = (UNIT_OF_MEASURE, PRODUCT, PRICE_LIST, PRICE_LIST_LINE)
