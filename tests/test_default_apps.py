"""The default mappings of products, opportunities, orders and invoices.

They need other Odoo apps, and so a database of their own: `make test TAGS=apps`.
"""

from odoo.fields import Command
from odoo.tests import tagged

from .. import dataverse
from .common import DataverseCase


class AppsCase(DataverseCase):
    defaults = None

    def setUp(self):
        super().setUp()
        self.env.user.group_ids += self.env.ref("account.group_account_manager")
        for name in ("EUR", "USD"):
            self.env.ref(f"base.{name}").active = True
        self.connection.mapping_ids.filtered(
            lambda m: m.name in ("CURRENCY", "SALESPEOPLE")
        ).synchronize()

    def run_all(self):
        counters = self.connection.mapping_ids.synchronize()
        self.assertFalse(self.errors())
        self.assertEqual(counters["state"], "done", counters["message"])
        return counters

    def errors(self):
        errors = self.env["sync.error"].search([("state", "=", "open")])
        return [(e.mapping_id.name, e.record_name, e.message) for e in errors]

    def row(self, record, name, *columns):
        """Some columns of the row that a record is coupled to."""
        mapping = self.mapping(name)
        row_id = self.coupled(record, mapping)
        self.assertTrue(row_id, f"{record} is not coupled; {self.errors()}")
        return self.person.read(mapping.integration_table, row_id, *columns)

    def record(self, row_id, name):
        """The Odoo record that a row is coupled to."""
        coupling = self.env["integration.coupling"].search(
            [("external_id", "=", row_id), ("mapping_id", "=", self.mapping(name).id)]
        )
        return (
            self.env[self.mapping(name).model]
            .with_context(active_test=False)
            .browse(coupling.res_id or [])
        )

    def product(self, name="Chair", code="CHAIR", **vals):
        return self.env["product.product"].create(
            {"name": name, "default_code": code, "list_price": 100, **vals}
        )


@tagged("post_install", "-at_install", "-standard", "dataverse_apps")
class TestAppsSetup(AppsCase):
    def fields_of(self, name):
        return self.mapping(name).field_mapping_ids.mapped("field_name")

    def test_every_app_brings_its_mappings(self):
        self.assertEqual(
            self.connection.mapping_ids.sorted("sequence").mapped("name"),
            [
                "SALESPEOPLE",
                "CURRENCY",
                "CUSTOMER",
                "VENDOR",
                "CONTACT",
                "UNIT OF MEASURE",
                "PRODUCT",
                "PRICE LIST",
                "PRICE LIST LINE",
                "OPPORTUNITY",
                "SALES ORDER",
                "SALES ORDER LINE",
                "INVOICE",
                "INVOICE LINE",
            ],
        )

    def test_no_mapping_has_a_problem(self):
        self.run_all()
        self.assertFalse(
            [(m.name, m.problem) for m in self.connection.mapping_ids if m.problem]
        )

    def test_what_the_user_may_not_read_is_left_out(self):
        self.assertIn("credit_limit", self.fields_of("CUSTOMER"))
        self.env.user.group_ids -= self.env.ref("account.group_account_manager")
        self.mapping("CUSTOMER").unlink()
        self.connection.user_id = self.env["res.users"].create(
            {"name": "Robot", "login": "robot"}
        )
        self.connection.action_use_default_synchronization_setup()
        self.assertNotIn("credit_limit", self.fields_of("CUSTOMER"))

    def test_a_field_that_goes_takes_its_field_mapping_along(self):
        field = self.env["ir.model.fields"].create(
            {
                "name": "x_shoe_size",
                "model_id": self.env.ref("base.model_res_partner").id,
                "field_description": "Shoe Size",
                "ttype": "char",
            }
        )
        self.env["integration.field.mapping"].create(
            {
                "mapping_id": self.customers.id,
                "field_name": "x_shoe_size",
                "integration_column": "fax",
            }
        )
        field.unlink()
        self.assertNotIn("x_shoe_size", self.fields_of("CUSTOMER"))


@tagged("post_install", "-at_install", "-standard", "dataverse_apps")
class TestAppsPartners(AppsCase):
    def test_customers_and_vendors_are_told_apart(self):
        customer = self.company("Buyer", customer_rank=1)
        vendor = self.company("Seller", supplier_rank=1)
        both = self.company("Both", supplier_rank=1, customer_rank=1)
        row_id = self.person.create("account", name="Supplies", customertypecode=11)
        self.run_all()
        self.assertEqual(
            self.row(vendor, "VENDOR", "customertypecode"), {"customertypecode": 11}
        )
        self.assertTrue(self.coupled(customer))
        self.assertTrue(self.coupled(both))
        self.assertFalse(self.coupled(vendor))
        self.assertFalse(self.coupled(both, self.mapping("VENDOR")))
        self.assertEqual(self.record(row_id, "VENDOR").supplier_rank, 1)
        self.assertFalse(self.record(row_id, "CUSTOMER"))

    def test_terms_and_credit_limit(self):
        partner = self.company(
            property_payment_term_id=self.env.ref(
                "account.account_payment_term_30days"
            ).id,
            use_partner_credit_limit=True,
            credit_limit=5000,
        )
        self.run_all()
        row = self.row(partner, "CUSTOMER", "paymenttermscode", "creditlimit")
        self.assertEqual(row["paymenttermscode"], 1)
        self.assertEqual(float(row["creditlimit"]), 5000)
        self.person.write("account", self.coupled(partner), paymenttermscode=3)
        self.run_all()
        self.assertEqual(
            partner.property_payment_term_id,
            self.env.ref("account.account_payment_term_45days"),
        )


@tagged("post_install", "-at_install", "-standard", "dataverse_apps")
class TestAppsProducts(AppsCase):
    def test_a_product_is_published_with_its_unit(self):
        product = self.product(type="consu", standard_price=60)
        self.run_all()
        row = self.row(
            product,
            "PRODUCT",
            *("name", "productnumber", "price", "statecode", "producttypecode"),
            *("defaultuomid", "defaultuomscheduleid", "standardcost"),
        )
        self.assertEqual(row["productnumber"], "CHAIR")
        self.assertEqual((float(row["price"]), float(row["standardcost"])), (100, 60))
        self.assertEqual((row["statecode"], row["producttypecode"]), (0, 1))
        unit = self.coupled(product.uom_id, self.mapping("UNIT OF MEASURE"))
        self.assertEqual(row["defaultuomscheduleid"], f"uomschedule({unit})")
        self.assertTrue(row["defaultuomid"])

    def test_a_published_product_is_revised(self):
        product = self.product()
        self.run_all()
        product.list_price = 120
        self.run_all()
        row = self.row(product, "PRODUCT", "price", "statecode")
        self.assertEqual((float(row["price"]), row["statecode"]), (120, 0))
        self.assertEqual(self.run_all()["modified"], 0)

    def test_a_service_from_dataverse(self):
        unit = self.env.ref("uom.product_uom_hour")
        self.run_all()
        group = self.coupled(unit, self.mapping("UNIT OF MEASURE"))
        row_id = self.person.create(
            "product",
            name="Advice",
            productnumber="ADVICE",
            producttypecode=3,
            productstructure=1,
            defaultuomscheduleid=f"uomschedule({group})",
        )
        self.run_all()
        product = self.record(row_id, "PRODUCT")
        self.assertEqual((product.name, product.default_code), ("Advice", "ADVICE"))
        self.person.write("product", row_id, name="Good Advice")
        self.run_all()
        self.assertEqual(product.name, "Good Advice")

    def set_states(self, row_id, *states):
        for state in states:
            self.person.write("product", row_id, statecode=state)

    def state(self, product):
        return self.row(product, "PRODUCT", "statecode")["statecode"]

    def test_an_archived_product_is_retired_and_comes_back(self):
        product = self.product()
        self.run_all()
        product.action_archive()
        self.run_all()
        self.assertEqual(self.state(product), 1)
        self.assertEqual(self.run_all()["modified"], 0)
        product.action_unarchive()
        product.name = "Better Chair"
        self.run_all()
        row = self.row(product, "PRODUCT", "statecode", "name")
        self.assertEqual(row, {"statecode": 0, "name": "Better Chair"})
        self.assertEqual(self.run_all()["modified"], 0)

    def test_archived_and_changed_at_once(self):
        product = self.product()
        self.run_all()
        product.name = "Old Chair"
        product.action_archive()
        self.run_all()
        product.list_price = 20
        self.run_all()
        row = self.row(product, "PRODUCT", "statecode", "name", "price")
        self.assertEqual((row["statecode"], row["name"]), (1, "Old Chair"))
        self.assertEqual(float(row["price"]), 20)

    def test_a_product_retired_in_dataverse_is_archived(self):
        product = self.product()
        self.run_all()
        row_id = self.coupled(product, self.mapping("PRODUCT"))
        self.set_states(row_id, 1)
        self.run_all()
        self.assertFalse(product.active)
        self.assertFalse(product.product_tmpl_id.active)
        self.set_states(row_id, 0)
        self.run_all()
        self.assertTrue(product.active and product.product_tmpl_id.active)

    def test_a_product_under_revision_stays_active(self):
        product = self.product()
        self.run_all()
        row_id = self.coupled(product, self.mapping("PRODUCT"))
        self.set_states(row_id, 3)
        self.assertEqual(self.run_all()["modified"], 0)
        self.assertTrue(product.active)
        self.assertEqual(self.state(product), 3)

    def test_a_retired_product_is_not_created(self):
        row_id = self.person.create(
            "product",
            name="Gone",
            productnumber="GONE",
            productstructure=1,
            defaultuomscheduleid=self.row(*self.with_unit(), "defaultuomscheduleid")[
                "defaultuomscheduleid"
            ],
        )
        self.set_states(row_id, 0, 1)
        self.run_all()
        self.assertFalse(self.record(row_id, "PRODUCT"))

    def with_unit(self):
        product = self.product("Table", "TABLE")
        self.run_all()
        return product, "PRODUCT"

    def test_a_product_without_number_takes_no_part(self):
        product = self.product(code=False)
        self.run_all()
        self.assertFalse(self.coupled(product, self.mapping("PRODUCT")))

    def test_prices(self):
        product = self.product()
        prices = self.env["product.pricelist"].create(
            {
                "name": "Retail",
                "currency_id": self.env.ref("base.USD").id,
                "item_ids": [
                    Command.create(
                        {
                            "applied_on": "1_product",
                            "product_tmpl_id": product.product_tmpl_id.id,
                            "compute_price": "fixed",
                            "fixed_price": 89.5,
                        }
                    ),
                    Command.create(
                        {
                            "applied_on": "3_global",
                            "compute_price": "percentage",
                            "percent_price": 10,
                        }
                    ),
                ],
            }
        )
        self.run_all()
        fixed, percent = prices.item_ids.sorted("compute_price")
        row = self.row(
            fixed, "PRICE LIST LINE", "amount", "productid", "uomid", "pricelevelid"
        )
        self.assertEqual(float(row["amount"]), 89.5)
        self.assertTrue(row["uomid"])
        guid = self.coupled(product, self.mapping("PRODUCT"))
        self.assertEqual(row["productid"], f"product({guid})")
        self.assertFalse(self.coupled(percent, self.mapping("PRICE LIST LINE")))
        fixed.fixed_price = 79
        self.run_all()
        row = self.row(fixed, "PRICE LIST LINE", "amount")
        self.assertEqual(float(row["amount"]), 79)
        line = self.coupled(fixed, self.mapping("PRICE LIST LINE"))
        fixed.unlink()
        self.run_all()
        self.assertNotIn(line, self.person.all("productpricelevel"))


@tagged("post_install", "-at_install", "-standard", "dataverse_apps")
class TestAppsOpportunities(AppsCase):
    def setUp(self):
        super().setUp()
        self.partner = self.company(customer_rank=1)
        self.lead = self.env["crm.lead"].create(
            {
                "name": "Ten chairs",
                "type": "opportunity",
                "partner_id": self.partner.id,
                "expected_revenue": 1000,
                "stage_id": self.env.ref("crm.stage_lead2").id,
            }
        )
        self.run_all()
        self.row_id = self.coupled(self.lead, self.mapping("OPPORTUNITY"))

    def state(self):
        row = self.row(self.lead, "OPPORTUNITY", "statecode", "statuscode")
        return row["statecode"], row["statuscode"]

    def closings(self):
        return self.person.all("opportunityclose", "subject")

    def test_the_pipeline_both_ways(self):
        row = self.row(
            self.lead, "OPPORTUNITY", "customerid", "estimatedvalue", "salesstage"
        )
        account = self.coupled(self.partner)
        self.assertEqual(row["customerid"], f"account({account})")
        self.assertEqual((float(row["estimatedvalue"]), row["salesstage"]), (1000, 1))
        self.person.write(
            "opportunity", self.row_id, salesstage=2, estimatedclosedate="2027-03-01"
        )
        self.run_all()
        self.assertEqual(self.lead.stage_id, self.env.ref("crm.stage_lead3"))
        self.assertEqual(str(self.lead.date_deadline), "2027-03-01")

    def test_won_in_odoo(self):
        self.lead.action_set_won()
        self.run_all()
        self.assertEqual(self.state(), (1, 3))
        self.assertEqual(len(self.closings()), 1)
        counters = self.run_all()
        self.assertEqual((counters["modified"], len(self.closings())), (0, 1))

    def test_lost_in_odoo(self):
        self.lead.action_set_lost()
        self.run_all()
        self.assertEqual(self.state(), (2, 4))
        self.assertEqual(len(self.closings()), 1)

    def test_won_and_changed_at_once(self):
        self.lead.action_set_won()
        self.lead.expected_revenue = 1200
        self.run_all()
        self.assertEqual(self.state(), (1, 3))
        row = self.row(self.lead, "OPPORTUNITY", "estimatedvalue")
        self.assertEqual(float(row["estimatedvalue"]), 1200)

    def test_reopened_and_lost_after_all(self):
        self.lead.action_set_won()
        self.run_all()
        self.lead.stage_id = self.env.ref("crm.stage_lead3")
        self.lead.action_set_lost()
        self.run_all()
        self.assertEqual(self.state(), (2, 4))
        self.lead.action_restore()
        self.run_all()
        self.assertEqual(self.state(), (0, 1))

    def close(self, action, status):
        row = f"/opportunities({self.row_id})"
        body = {
            "Status": status,
            "OpportunityClose": {"opportunityid@odata.bind": row},
        }
        self.person._do(dataverse.batch.Operation("POST", action, body))

    def test_won_in_dataverse(self):
        self.close("WinOpportunity", 3)
        self.run_all()
        self.assertEqual(self.lead.won_status, "won")
        self.assertTrue(self.lead.stage_id.is_won)
        self.run_all()
        self.assertEqual(self.run_all()["modified"], 0)

    def test_lost_in_dataverse_by_another_reason(self):
        self.close("LoseOpportunity", 5)
        self.run_all()
        self.assertEqual(self.lead.won_status, "lost")
        self.assertFalse(self.lead.active)
        self.run_all()
        self.assertEqual(self.state(), (2, 5))

    def test_a_new_one_from_dataverse(self):
        account = self.coupled(self.partner)
        row_id = self.person.create(
            "opportunity", name="From the field", customerid=f"account({account})"
        )
        self.run_all()
        lead = self.record(row_id, "OPPORTUNITY")
        self.assertEqual((lead.type, lead.partner_id), ("opportunity", self.partner))
        self.assertTrue(lead.stage_id)

    def test_a_lead_takes_no_part(self):
        lead = self.env["crm.lead"].create({"name": "Perhaps", "type": "lead"})
        self.run_all()
        self.assertFalse(self.coupled(lead, self.mapping("OPPORTUNITY")))

    def euro_row(self, value=1000, rate=None):
        """A row in euros; a euro is 1.25 of the company's dollars."""
        self.env.company.currency_id = self.env.ref("base.USD")
        euro = self.env.ref("base.EUR")
        euro.rate_ids.unlink()
        if rate:
            euro.rate_ids.create(
                {"currency_id": euro.id, "name": "2020-01-01", "rate": rate}
            )
        guid = self.coupled(euro, self.mapping("CURRENCY"))
        account = self.coupled(self.partner)
        return self.person.create(
            "opportunity",
            name="In euros",
            customerid=f"account({account})",
            transactioncurrencyid=f"transactioncurrency({guid})",
            estimatedvalue=value,
            isrevenuesystemcalculated=False,
        )

    def test_a_value_in_another_currency_goes_both_ways(self):
        row_id = self.euro_row(rate=0.8)
        self.run_all()
        lead = self.record(row_id, "OPPORTUNITY")
        self.assertEqual(lead.expected_revenue, 1250)
        lead.expected_revenue = 2500
        self.run_all()
        row = self.row(lead, "OPPORTUNITY", "estimatedvalue", "transactioncurrencyid")
        self.assertEqual(float(row["estimatedvalue"]), 2000)
        euro = self.coupled(self.env.ref("base.EUR"), self.mapping("CURRENCY"))
        self.assertEqual(row["transactioncurrencyid"], f"transactioncurrency({euro})")
        self.assertEqual(self.run_all()["modified"], 0)

    def test_another_currency_in_dataverse_is_another_value(self):
        row_id = self.euro_row(rate=0.8)
        self.run_all()
        lead = self.record(row_id, "OPPORTUNITY")
        dollar = self.coupled(self.env.ref("base.USD"), self.mapping("CURRENCY"))
        self.person.write(
            "opportunity",
            row_id,
            transactioncurrencyid=f"transactioncurrency({dollar})",
        )
        self.run_all()
        self.assertEqual(lead.expected_revenue, 1000)

    def test_a_new_rate_alone_changes_nothing(self):
        row_id = self.euro_row(rate=0.8)
        self.run_all()
        lead = self.record(row_id, "OPPORTUNITY")
        self.env.ref("base.EUR").rate_ids.rate = 0.5
        lead.name = "Still in euros"
        self.person.write("opportunity", row_id, description="Same value")
        self.run_all()
        row = self.row(lead, "OPPORTUNITY", "estimatedvalue")
        self.assertEqual(
            (lead.expected_revenue, float(row["estimatedvalue"])), (1250, 1000)
        )

    def test_without_a_rate_nothing_is_counted_one_to_one(self):
        row_id = self.euro_row()
        self.connection.mapping_ids.synchronize()
        self.assertIn("no exchange rate of EUR in Odoo", str(self.errors()))
        self.assertFalse(self.record(row_id, "OPPORTUNITY").expected_revenue)

    def test_a_lead_deleted_in_odoo_is_not_won(self):
        """State 1 of an opportunity is Won: nothing tells that nobody wants it."""
        mapping = self.mapping("OPPORTUNITY")
        self.assertEqual(mapping.deletion_policy, "deactivate")
        self.lead.unlink()
        self.run_all()
        row = self.person.read("opportunity", self.row_id, "statecode")
        self.assertEqual(row, {"statecode": 0})
        self.assertFalse(mapping.coupling_ids)
        self.assertEqual(self.run_all()["inserted"], 0)

    def test_an_open_quote_forbids_to_win(self):
        self.person.create(
            "quote", name="Offer", opportunityid=f"opportunity({self.row_id})"
        )
        self.lead.action_set_won()
        self.lead.expected_revenue = 1300
        counters = self.mapping("OPPORTUNITY").synchronize()
        self.assertEqual(counters["failed"], 1)
        self.assertEqual(self.state(), (0, 1))
        self.assertEqual(self.lead.won_status, "won")


@tagged("post_install", "-at_install", "-standard", "dataverse_apps")
class TestAppsDocuments(AppsCase):
    def setUp(self):
        super().setUp()
        self.partner = self.company(customer_rank=1)
        self.chair = self.product()

    def order(self, **line):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.partner.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": self.chair.id,
                            "product_uom_qty": 4,
                            "price_unit": 90,
                            "tax_ids": [Command.clear()],
                            **line,
                        }
                    )
                ],
            }
        )
        order.action_confirm()
        return order

    def test_an_order_with_its_lines(self):
        order = self.order(discount=10)
        self.run_all()
        row = self.row(order, "SALES ORDER", "name", "customerid", "totalamount")
        self.assertEqual(row["name"], order.name)
        self.assertEqual(float(row["totalamount"]), order.amount_untaxed)
        line = self.row(
            order.order_line,
            "SALES ORDER LINE",
            *("quantity", "priceperunit", "manualdiscountamount", "uomid"),
        )
        self.assertEqual(
            [float(line[n]) for n in ("quantity", "priceperunit")], [4, 90]
        )
        self.assertEqual(float(line["manualdiscountamount"]), 36)
        self.assertTrue(line["uomid"])

    def test_a_changed_quantity_and_a_quotation(self):
        order = self.order(discount=10)
        quotation = order.copy()
        self.run_all()
        self.assertFalse(self.coupled(quotation, self.mapping("SALES ORDER")))
        order.order_line.product_uom_qty = 5
        self.run_all()
        row = self.row(order, "SALES ORDER", "totalamount")
        self.assertEqual(float(row["totalamount"]), order.amount_untaxed)
        self.assertEqual(self.run_all()["modified"], 0)

    def test_an_order_from_dataverse_is_confirmed(self):
        self.run_all()
        account = self.coupled(self.partner)
        product = self.coupled(self.chair, self.mapping("PRODUCT"))
        row_id = self.person.create(
            "salesorder", name="By phone", customerid=f"account({account})"
        )
        line_id = self.person.create(
            "salesorderdetail",
            salesorderid=f"salesorder({row_id})",
            productid=f"product({product})",
            quantity=3,
            priceperunit=80,
            ispriceoverridden=True,
            manualdiscountamount=24,
        )
        self.run_all()
        order = self.record(row_id, "SALES ORDER")
        self.assertEqual((order.state, order.partner_id), ("sale", self.partner))
        line = self.record(line_id, "SALES ORDER LINE")
        self.assertEqual(line.order_id, order)
        self.assertEqual(
            (line.product_uom_qty, line.price_unit, line.discount), (3, 80, 10)
        )

    def order_state(self, order):
        row = self.row(order, "SALES ORDER", "statecode", "statuscode")
        return row["statecode"], row["statuscode"]

    def close(self, order, action, status):
        guid = self.coupled(order, self.mapping("SALES ORDER"))
        body = {
            "Status": status,
            "OrderClose": {"salesorderid@odata.bind": f"/salesorders({guid})"},
        }
        self.person._do(dataverse.batch.Operation("POST", action, body))

    def test_an_order_canceled_in_odoo(self):
        order = self.order()
        self.run_all()
        self.assertEqual(self.order_state(order), (0, 1))
        order.note = "They changed their mind"
        order.action_cancel()
        self.run_all()
        self.assertEqual(self.order_state(order), (2, 4))
        note = self.row(order, "SALES ORDER", "description")["description"]
        self.assertIn("changed their mind", note)
        self.assertEqual(self.run_all()["modified"], 0)

    def test_an_order_canceled_in_dataverse(self):
        order = self.order()
        self.run_all()
        self.close(order, "CancelSalesOrder", 4)
        self.run_all()
        self.assertEqual(order.state, "cancel")
        self.assertEqual(self.run_all()["modified"], 0)

    def test_a_locked_order_canceled_in_dataverse_is_told(self):
        order = self.order()
        self.run_all()
        order.action_lock()
        self.close(order, "CancelSalesOrder", 4)
        self.connection.mapping_ids.synchronize()
        self.assertEqual(order.state, "sale")
        self.assertIn("locked", str(self.errors()))

    def test_a_canceled_order_is_not_created(self):
        order = self.order()
        order.action_cancel()
        self.run_all()
        self.assertFalse(self.coupled(order, self.mapping("SALES ORDER")))

    def test_an_order_fulfilled_in_dataverse_stays_an_order(self):
        order = self.order()
        self.run_all()
        self.close(order, "FulfillSalesOrder", 100001)
        self.run_all()
        self.assertEqual(order.state, "sale")
        self.assertEqual(self.run_all()["modified"], 0)
        self.assertEqual(self.order_state(order), (3, 100001))

    def test_a_delivered_order_is_fulfilled(self):
        order = self.order()
        self.run_all()
        order.picking_ids.move_ids.quantity = 2
        order.picking_ids.move_ids.picked = True
        order.picking_ids.with_context(cancel_backorder=False)._action_done()
        self.assertEqual(order.delivery_status, "partial")
        self.run_all()
        self.assertEqual(self.order_state(order), (0, 1))
        rest = order.picking_ids.filtered(lambda one: one.state != "done")
        rest.move_ids.write({"quantity": 2, "picked": True})
        rest._action_done()
        self.assertEqual(order.delivery_status, "full")
        self.run_all()
        self.assertEqual(self.order_state(order), (3, 100001))
        self.assertEqual(self.run_all()["modified"], 0)

    def test_lines_wait_quietly_for_their_order(self):
        self.mapping("SALES ORDER").synch_only_coupled = True
        order = self.order()
        self.run_all()
        lines = self.mapping("SALES ORDER LINE")
        self.assertFalse(self.coupled(order.order_line, lines))
        self.assertFalse(self.errors())
        self.mapping("SALES ORDER").synch_only_coupled = False
        self.run_all()
        self.assertTrue(self.coupled(order.order_line, lines))

    def test_an_invoice_with_its_lines(self):
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.partner.id,
                "invoice_date": "2026-11-20",
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.chair.id,
                            "quantity": 2,
                            "price_unit": 50,
                            "discount": 20,
                            "tax_ids": [Command.clear()],
                        }
                    )
                ],
            }
        )
        self.run_all()
        self.assertFalse(self.coupled(move, self.mapping("INVOICE")))
        move.action_post()
        self.run_all()
        row = self.row(
            move, "INVOICE", "invoicenumber", "totalamount", "statecode", "customerid"
        )
        self.assertEqual(row["invoicenumber"], move.name)
        self.assertEqual(float(row["totalamount"]), 80)
        self.assertEqual(row["statecode"], 0)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create({})._create_payments()
        move.payment_state = "paid"
        self.run_all()
        row = self.row(move, "INVOICE", "statecode", "statuscode")
        self.assertEqual((row["statecode"], row["statuscode"]), (2, 100001))

    def test_a_canceled_invoice(self):
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.partner.id,
                "invoice_date": "2026-11-20",
                "invoice_line_ids": [
                    Command.create({"product_id": self.chair.id, "price_unit": 50})
                ],
            }
        )
        never = move.copy()
        move.action_post()
        never.button_cancel()
        self.run_all()
        self.assertFalse(self.coupled(never, self.mapping("INVOICE")))
        move.button_draft()
        move.button_cancel()
        self.run_all()
        row = self.row(move, "INVOICE", "statecode", "statuscode")
        self.assertEqual((row["statecode"], row["statuscode"]), (3, 100003))
