"""Orders and invoices, and their lines.

An order is canceled and fulfilled by actions of Dataverse. A discount is a share of the
price in Odoo, and an amount of a line in Dataverse.
"""

from odoo import api, models

from .. import sync
from ..dataverse.batch import Operation
from .behavior import Steps

OPEN_STATES, CANCELED, FULFILLED, INVOICED = (0, 1), 2, 3, 4
ACTIONS = {CANCELED: "CancelSalesOrder", FULFILLED: "FulfillSalesOrder"}
NEW, NO_MONEY, COMPLETE = (0, 1), (CANCELED, 4), (FULFILLED, 100001)
CANCELED_INVOICE = 100003
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


class OrderState(sync.Rule):
    """Odoo (state[, delivery_status]) <-> Dataverse (statecode, statuscode).

    An order that is canceled on one side is canceled on the other. One that Odoo has
    delivered in full is fulfilled in Dataverse; what Dataverse calls fulfilled or
    invoiced is an order like others to Odoo, whose own transfers and invoices count. A
    state that already says the same keeps its own reason.
    """

    of_the_row = of_the_pair = True

    def __init__(self, beside):
        self.beside = beside

    def fits(self, fields, columns):
        return (fields, columns) == (1 + len(self.beside), 2)

    def to_dataverse(self, values, row, held):
        state, *delivery = values
        held = held and (held["statecode"], held["statuscode"])
        if state == "cancel":
            return self._unless(held, (CANCELED,), NO_MONEY)
        if "full" in delivery:
            return self._unless(held, (FULFILLED, INVOICED), COMPLETE)
        return self._unless(held, (*OPEN_STATES, FULFILLED, INVOICED), NEW)

    def to_odoo(self, values, row, held):
        state = "cancel" if values[0] == CANCELED else "sale"
        return (state, *((held or {}).get(name) for name in self.beside))

    @staticmethod
    def _unless(held, states, new):
        return held if held and held[0] in states else new


class IntegrationBehaviorOrder(models.AbstractModel):
    _name = "integration.behavior.salesorder"
    _inherit = "integration.behavior"
    _description = "Behavior of Orders"

    _acted_fields = frozenset({"state"})

    @api.model
    def _rule(self, row, columns, known):
        if columns != ("statecode", "statuscode") or row.field_name != "state":
            return super()._rule(row, columns, known)
        # Of the app that delivers.
        fields = self.env[row.mapping_id.model]._fields
        return OrderState(tuple({"delivery_status"} & fields.keys()))

    @api.model
    def _is_over(self, values):
        return super()._is_over(values) or values.get("state") == "cancel"

    @api.model
    def _steps(self, session, item, values):
        """What else has changed is written first: a closed order is read-only."""
        state = values.get("statecode")
        if state not in ACTIONS:
            return super()._steps(session, item, values)
        row = f"/{session.table.entity_set}({item.external_id})"
        title = self.env["integration.engine.plan"]._title(session, item)
        about = {"subject": title, "salesorderid@odata.bind": row}
        close = Operation(
            "POST",
            ACTIONS[state],
            {"Status": values["statuscode"], "OrderClose": about},
        )
        rest = {k: v for k, v in values.items() if k not in ("statecode", "statuscode")}
        return Steps(rest, after=[close])

    @api.model
    def _to_write(self, vals):
        acted = ("state", "delivery_status")
        return {name: value for name, value in vals.items() if name not in acted}

    @api.model
    def _act(self, record, vals, created=False):
        """What is an order in Dataverse is no quotation in Odoo."""
        if vals.get("state") == "cancel" and record.state != "cancel":
            record.action_cancel()
        elif created or vals.get("state") == "sale":
            if record.state == "cancel":
                record.action_draft()
            record.action_confirm()


class InvoiceStatus(sync.Choice):
    """Odoo (payment_state, state) -> Dataverse (statuscode,)."""

    one_way = True
    beside = ("state",)

    def to_dataverse(self, values, row):
        payment, state = values
        if state == "cancel":
            return (CANCELED_INVOICE,)
        return super().to_dataverse((payment,), row)

    def fits(self, fields, columns):
        return (fields, columns) == (2, 1)


class IntegrationBehaviorInvoice(models.AbstractModel):
    _name = "integration.behavior.invoice"
    _inherit = "integration.behavior"
    _description = "Behavior of Invoices"

    @api.model
    def _rule(self, row, columns, known):
        if columns != ("statuscode",) or row.field_name != "payment_state":
            return super()._rule(row, columns, known)
        return InvoiceStatus(
            [(option._odoo_value(), option.option) for option in row.option_ids]
        )

    @api.model
    def _is_over(self, values):
        return super()._is_over(values) or values.get("state") == "cancel"


class IntegrationBehaviorDocumentLine(models.AbstractModel):
    _name = "integration.behavior.document.line"
    _inherit = "integration.behavior.measured"
    _description = "Behavior of Lines of Documents"

    @api.model
    def _rule(self, row, columns, known):
        if columns == ("manualdiscountamount",) and row.field_name == "discount":
            return Discount()
        return super()._rule(row, columns, known)

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
