"""Orders and invoices, and their lines.

A discount is a share of the price in Odoo, and an amount of a line in Dataverse.
"""

from odoo import api, models

from .. import sync

# The fields of a line in Odoo's two documents.
QUANTITIES = ("product_uom_qty", "quantity")


class Discount(sync.Rule):
    """Percent of Odoo <-> amount of a line, which needs quantity and price."""

    of_the_row = True

    def to_dataverse(self, values, row):
        quantity = next(row[name] for name in QUANTITIES if name in row)
        amount = self._price(quantity, row["price_unit"]) * _number(values[0]) / 100
        return (sync.canonical(round(amount, 2), "money", digits=2),)

    def to_odoo(self, values, row):
        price = self._price(row["quantity"], row["priceperunit"])
        percent = _number(values[0]) * 100 / price if price else 0
        return (sync.canonical(round(percent, 2), "decimal", digits=2),)

    @staticmethod
    def _price(quantity, price):
        return _number(quantity) * _number(price)


def _number(value):
    return float(value or 0)


class IntegrationBehaviorOrder(models.AbstractModel):
    _name = "integration.behavior.salesorder"
    _inherit = "integration.behavior"
    _description = "Behavior of Orders"

    @api.model
    def _act(self, record, vals, created=False):
        """What is an order in Dataverse is no quotation in Odoo."""
        if created:
            record.action_confirm()


class IntegrationBehaviorDocumentLine(models.AbstractModel):
    _name = "integration.behavior.document.line"
    _inherit = "integration.behavior.measured"
    _description = "Behavior of Lines of Documents"

    @api.model
    def _rule(self, row, columns):
        if columns == ("manualdiscountamount",) and row.field_name == "discount":
            return Discount()
        return super()._rule(row, columns)

    @api.model
    def _to_write(self, vals):
        """A line of Odoo always has a description; without one the product's."""
        return {name: value for name, value in vals.items() if name != "name" or value}


class IntegrationBehaviorOrderLine(models.AbstractModel):
    _name = "integration.behavior.salesorderdetail"
    _inherit = "integration.behavior.document.line"
    _description = "Behavior of Lines of Orders"

    _whole_field = "order_id"


class IntegrationBehaviorInvoiceLine(models.AbstractModel):
    _name = "integration.behavior.invoicedetail"
    _inherit = "integration.behavior.document.line"
    _description = "Behavior of Lines of Invoices"

    _whole_field = "move_id"
