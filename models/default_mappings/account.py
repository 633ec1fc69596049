"""INVOICE and its lines: posted customer invoices, for salespeople to see."""

from .payment import PAYMENT_TERMS
from .rows import column_constant, option, owner, to_dataverse

INVOICE = {
    "name": "INVOICE",
    "sequence": 100,
    "model": "account.move",
    "integration_table": "invoice",
    "direction": "to_integration",
    "filter_domain": "[('move_type', '=', 'out_invoice'),"
    " ('state', 'in', ['posted', 'cancel'])]",
    "deletion_policy": "uncouple",
    "fields": [
        to_dataverse("name", "name", required=True),
        to_dataverse("name", "invoicenumber"),
        # An invoice may go to an address of the customer, which is no account.
        to_dataverse("commercial_partner_id", "customerid", required=True),
        to_dataverse("currency_id", "transactioncurrencyid"),
        to_dataverse("invoice_date_due", "duedate"),
        to_dataverse("narration", "description"),
        to_dataverse("partner_id.name", "billto_name"),
        to_dataverse("partner_id.street", "billto_line1"),
        to_dataverse("partner_id.zip", "billto_postalcode"),
        to_dataverse("partner_id.city", "billto_city"),
        to_dataverse(
            "invoice_payment_term_id", "paymenttermscode", options=PAYMENT_TERMS
        ),
        to_dataverse(
            "payment_state",
            "statuscode",
            options=(
                option(4, "Billed", "not_paid"),
                option(4, "Billed", "in_payment"),
                option(4, "Billed", "partial"),
                option(100001, "Complete", "paid"),
                option(100003, "Canceled", "reversed"),
            ),
        ),
        owner("invoice_user_id"),
    ],
}

INVOICE_LINE = {
    "name": "INVOICE LINE",
    "sequence": 105,
    "model": "account.move.line",
    "integration_table": "invoicedetail",
    "direction": "to_integration",
    "filter_domain": "[('display_type', '=', 'product'), ('product_id', '!=', False),"
    " ('move_id.move_type', '=', 'out_invoice'), ('parent_state', '=', 'posted')]",
    "deletion_policy": "delete",
    "synch_only_coupled": False,
    "fields": [
        to_dataverse("move_id", "invoiceid", required=True),
        to_dataverse("product_id", "productid", required=True),
        column_constant("ispriceoverridden", "True"),
        to_dataverse("quantity", "quantity", group="price"),
        to_dataverse("price_unit", "priceperunit", group="price"),
        to_dataverse("discount", "manualdiscountamount", group="price"),
    ],
}

MAPPINGS = (INVOICE, INVOICE_LINE)
