"""SALES ORDER and its lines.

Quotations stay in Odoo; what is ordered in Dataverse is confirmed in Odoo, and what is
canceled or delivered is closed by its action: see `engine/behavior_sale.py`.
"""

from .payment import PAYMENT_TERMS
from .rows import column_constant, owner, pair, to_dataverse

SALES_ORDER = {
    "name": "SALES ORDER",
    "sequence": 90,
    "model": "sale.order",
    "integration_table": "salesorder",
    "filter_domain": "[('state', 'in', ['sale', 'cancel'])]",
    "deletion_policy": "uncouple",
    "fields": [
        pair("state", "statecode"),
        to_dataverse("name", "name", required=True),
        to_dataverse("name", "ordernumber"),
        pair("partner_id", "customerid", required=True),
        to_dataverse("currency_id", "transactioncurrencyid"),
        pair("pricelist_id", "pricelevelid"),
        pair("opportunity_id", "opportunityid"),
        pair("commitment_date", "requestdeliveryby"),
        pair("payment_term_id", "paymenttermscode", options=PAYMENT_TERMS),
        pair("note", "description"),
        to_dataverse("partner_shipping_id.name", "shipto_name"),
        to_dataverse("partner_shipping_id.street", "shipto_line1"),
        to_dataverse("partner_shipping_id.street2", "shipto_line2"),
        to_dataverse("partner_shipping_id.zip", "shipto_postalcode"),
        to_dataverse("partner_shipping_id.city", "shipto_city"),
        to_dataverse("partner_invoice_id.name", "billto_name"),
        to_dataverse("partner_invoice_id.street", "billto_line1"),
        to_dataverse("partner_invoice_id.street2", "billto_line2"),
        to_dataverse("partner_invoice_id.zip", "billto_postalcode"),
        to_dataverse("partner_invoice_id.city", "billto_city"),
        owner("user_id"),
    ],
}

SALES_ORDER_LINE = {
    "name": "SALES ORDER LINE",
    "sequence": 95,
    "model": "sale.order.line",
    "integration_table": "salesorderdetail",
    "filter_domain": "[('display_type', '=', False), ('product_id', '!=', False),"
    " ('order_id.state', '=', 'sale')]",
    # Lines that were written in have no product in Odoo.
    "integration_filter": "_productid_value ne null",
    "deletion_policy": "delete",
    "synch_only_coupled": False,
    "fields": [
        pair("order_id", "salesorderid", required=True),
        pair("product_id", "productid", required=True),
        pair("name", "description"),
        # Odoo's price counts, not that of Dataverse's price list.
        column_constant("ispriceoverridden", "True"),
        pair("product_uom_qty", "quantity", group="price"),
        pair("price_unit", "priceperunit", group="price"),
        pair("discount", "manualdiscountamount", group="price"),
        to_dataverse("price_tax", "tax"),
    ],
}

MAPPINGS = (SALES_ORDER, SALES_ORDER_LINE)
