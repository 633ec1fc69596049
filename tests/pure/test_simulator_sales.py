"""Prices, totals, and documents that are made from documents.

Sources: the column descriptions of the tables, "Calculate prices: system pricing", the
action reference of Dynamics 365 Sales, "Web service error codes".
"""

from __future__ import annotations

from typing import Any

import pytest
from simulator_process import Session, create, error

pytest_plugins = ["simulator_fixture"]

_LINES = {
    "opportunities": ("opportunityproducts", "opportunityid", "product_opportunities"),
    "quotes": ("quotedetails", "quoteid", "quote_details"),
    "salesorders": ("salesorderdetails", "salesorderid", "order_details"),
    "invoices": ("invoicedetails", "invoiceid", "invoice_details"),
}


def _read(api: Session, address: str) -> dict[str, Any]:
    answer = api.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _document(api: Session, entity_set: str, **body: Any) -> str:
    account = create(api, "accounts", name="Customer")
    return create(
        api,
        entity_set,
        name="D",
        customerid_account__bind=f"accounts({account})",
        **body,
    )


def _line(api: Session, entity_set: str, document: str, **body: Any) -> str:
    lines, parent, _ = _LINES[entity_set]
    bind = {f"{parent}__bind": f"{entity_set}({document})"}
    return create(api, lines, **{"productdescription": "Thing", **body}, **bind)


def _product(api: Session, price: float) -> dict[str, str]:
    """A product in a price list: what a line and a document bind."""
    group = create(api, "uomschedules", name="Unit", baseuomname="Piece")
    unit = create(
        api,
        "uoms",
        name="Piece",
        quantity=1,
        uomscheduleid__bind=f"uomschedules({group})",
    )
    product = create(
        api,
        "products",
        name="Bolt",
        productnumber="B1",
        quantitydecimal=2,
        defaultuomscheduleid__bind=f"uomschedules({group})",
        defaultuomid__bind=f"uoms({unit})",
    )
    prices = create(api, "pricelevels", name="Retail")
    create(
        api,
        "productpricelevels",
        amount=price,
        pricelevelid__bind=f"pricelevels({prices})",
        productid__bind=f"products({product})",
        uomid__bind=f"uoms({unit})",
    )
    return {
        "productid__bind": f"products({product})",
        "uomid__bind": f"uoms({unit})",
        "prices": f"pricelevels({prices})",
    }


# -- amounts -------------------------------------------------------------------------


@pytest.mark.parametrize("entity_set", sorted(_LINES))
def test_totals_follow_the_lines(api: Session, entity_set: str) -> None:
    document = _document(api, entity_set, discountpercentage=10, freightamount=5)
    amounts = {"priceperunit": 10.5, "quantity": 3, "manualdiscountamount": 1.5}
    line = _line(api, entity_set, document, **amounts, tax=4)
    _line(api, entity_set, document, priceperunit=70, quantity=1)
    lines, _, _ = _LINES[entity_set]
    row = _read(api, f"{lines}({line})")
    assert (row["baseamount"], row["extendedamount"]) == (31.5, 34)
    # 30 + 70, less 10 %, plus 5 for freight and 4 of tax
    row = _read(api, f"{entity_set}({document})")
    assert row["totallineitemamount"] == 100
    assert row["totaldiscountamount"] == 10
    assert row["totaltax"] == 4
    assert row["totalamount"] == 99
    api.patch(f"{entity_set}({document})", json={"discountamount": 20})
    assert _read(api, f"{entity_set}({document})")["totalamount"] == 79
    api.patch(f"{lines}({line})", json={"quantity": 1})
    assert _read(api, f"{entity_set}({document})")["totalamount"] == 60.1
    api.delete(f"{lines}({line})")
    assert _read(api, f"{entity_set}({document})")["totalamount"] == 48


def test_a_line_moves_between_documents(api: Session) -> None:
    first, second = _document(api, "quotes"), _document(api, "quotes")
    line = _line(api, "quotes", first, priceperunit=7, quantity=1)
    body = {"quoteid@odata.bind": f"quotes({second})"}
    assert api.patch(f"quotedetails({line})", json=body).status_code == 204
    totals = [_read(api, f"quotes({d})")["totalamount"] for d in (first, second)]
    assert totals == [0, 7]


def test_prices_come_from_the_price_list(api: Session) -> None:
    product = _product(api, 12.5)
    prices = product.pop("prices")
    quote = _document(api, "quotes", pricelevelid__bind=prices)
    line = _line(api, "quotes", quote, **product, quantity=2, priceperunit=1)
    row = _read(api, f"quotedetails({line})")
    assert (row["priceperunit"], row["extendedamount"]) == (12.5, 25)
    assert row["quotedetailname"] == "Bolt"
    change = {"ispriceoverridden": True, "priceperunit": 1}
    api.patch(f"quotedetails({line})", json=change)
    assert _read(api, f"quotes({quote})")["totalamount"] == 2


def test_locked_prices_stay(api: Session) -> None:
    product = _product(api, 12.5)
    prices = product.pop("prices")
    order = _document(api, "salesorders", pricelevelid__bind=prices)
    answer = api.post("LockSalesOrderPricing", json={"SalesOrderId": order})
    assert answer.status_code == 204
    line = _line(api, "salesorders", order, **product, quantity=2, priceperunit=3)
    assert _read(api, f"salesorderdetails({line})")["baseamount"] == 6
    api.post("UnlockSalesOrderPricing", json={"SalesOrderId": order})
    api.patch(f"salesorderdetails({line})", json={"quantity": 1})
    assert _read(api, f"salesorderdetails({line})")["baseamount"] == 12.5


def test_a_line_has_the_currency_of_its_document(api: Session) -> None:
    found = api.get("transactioncurrencies?$filter=isocurrencycode eq 'USD'").json()
    dollar = found["value"][0]["transactioncurrencyid"]
    bind = f"transactioncurrencies({dollar})"
    quote = _document(api, "quotes", transactioncurrencyid__bind=bind)
    line = _line(api, "quotes", quote, priceperunit=7, quantity=1)
    row = _read(api, f"quotedetails({line})")
    assert row["_transactioncurrencyid_value"] == dollar


def test_a_system_calculated_revenue_follows_the_total(api: Session) -> None:
    opportunity = _document(api, "opportunities", isrevenuesystemcalculated=True)
    _line(api, "opportunities", opportunity, priceperunit=8, quantity=2)
    assert _read(api, f"opportunities({opportunity})")["estimatedvalue"] == 16


def test_what_has_no_lines_keeps_its_totals(api: Session) -> None:
    quote = _document(api, "quotes", totalamount=55)
    assert _read(api, f"quotes({quote})")["totalamount"] == 55


# -- documents from documents ----------------------------------------------------------


def _made(api: Session, action: str, **parameters: Any) -> dict[str, Any]:
    body = {"ColumnSet": {"AllColumns": True}, **parameters}
    answer = api.post(action, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("action", "entity_set"),
    [
        ("GenerateQuoteFromOpportunity", "quotes"),
        ("GenerateSalesOrderFromOpportunity", "salesorders"),
        ("GenerateInvoiceFromOpportunity", "invoices"),
    ],
)
def test_an_opportunity_becomes_a_document(
    api: Session, action: str, entity_set: str
) -> None:
    opportunity = _document(api, "opportunities", description="Big")
    _line(api, "opportunities", opportunity, priceperunit=8, quantity=2)
    made = _made(api, action, OpportunityId=opportunity)
    _, parent, lines = _LINES[entity_set]
    found = _read(api, f"{entity_set}({made[parent]})?$expand={lines}")
    assert found["_opportunityid_value"] == opportunity
    assert (found["description"], found["totalamount"]) == ("Big", 16)
    assert [line["productdescription"] for line in found[lines]] == ["Thing"]
    assert found["statecode"] == 0


def test_a_quote_becomes_an_order_and_an_invoice(api: Session) -> None:
    quote = _document(api, "quotes")
    _line(api, "quotes", quote, priceperunit=8, quantity=2, tax=1)
    answer = api.post(
        "ConvertQuoteToSalesOrder",
        json={"QuoteId": quote, "ColumnSet": {"AllColumns": True}},
    )
    assert answer.status_code == 400  # it is a draft
    api.patch(f"quotes({quote})", json={"statecode": 1, "statuscode": 2})
    order = _made(api, "ConvertQuoteToSalesOrder", QuoteId=quote)["salesorderid"]
    assert _read(api, f"quotes({quote})")["statecode"] == 2
    assert _read(api, f"salesorders({order})")["_quoteid_value"] == quote
    invoice = _made(api, "ConvertSalesOrderToInvoice", SalesOrderId=order)["invoiceid"]
    row = _read(api, f"invoices({invoice})")
    assert (row["_salesorderid_value"], row["totalamount"]) == (order, 17)


def test_a_closed_quote_is_revised(api: Session) -> None:
    """The number stays, the revision counts; one open revision at a time."""
    quote = _document(api, "quotes")
    _line(api, "quotes", quote, priceperunit=8, quantity=2)
    columns = {"Columns": ["quotenumber", "revisionnumber"]}
    body = {"QuoteId": quote, "ColumnSet": columns}
    assert error(api.post("ReviseQuote", json=body)) == (400, "0x80048d00")
    close = {"quoteid@odata.bind": f"quotes({quote})", "subject": "Revised"}
    answer = api.post("CloseQuote", json={"QuoteClose": close, "Status": 7})
    assert answer.status_code == 204, answer.text
    made = _made(api, "ReviseQuote", **body)
    number = _read(api, f"quotes({quote})")["quotenumber"]
    assert (made["quotenumber"], made["revisionnumber"]) == (number, 1)
    row = _read(api, f"quotes({made['quoteid']})")
    assert (row["statecode"], row["totalamount"]) == (0, 16)


def test_lines_of_an_opportunity_are_fetched_into_a_quote(api: Session) -> None:
    opportunity = _document(api, "opportunities")
    _line(api, "opportunities", opportunity, priceperunit=8, quantity=2)
    quote = _document(api, "quotes")
    body = {"OpportunityId": opportunity, "QuoteId": quote}
    answer = api.post("GetQuoteProductsFromOpportunity", json=body)
    assert answer.status_code == 204
    assert _read(api, f"quotes({quote})")["totalamount"] == 16


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"OpportunityId": "x", "ColumnSet": {}}, 400),
        (
            {"OpportunityId": "11111111-1111-1111-1111-111111111111", "ColumnSet": {}},
            404,
        ),
        ({"ColumnSet": {}}, 400),
        ({"OpportunityId": "x", "ColumnSet": {}, "Nothing": 1}, 400),
    ],
)
def test_documents_that_cannot_be_made(
    api: Session, body: dict[str, Any], status: int
) -> None:
    answer = api.post("GenerateQuoteFromOpportunity", json=body)
    assert answer.status_code == status


def test_amounts_beyond_the_range_of_money_are_refused(api: Session) -> None:
    """Found by random requests: price times quantity, and sums of such lines."""
    order = _document(api, "salesorders")
    body = {
        "productdescription": "Gold",
        "priceperunit": 900_000_000_000,
        "quantity": 100_000_000_000,
        "salesorderid@odata.bind": f"salesorders({order})",
    }
    answer = api.post("salesorderdetails", json=body)
    assert error(answer) == (400, "0x80044330")
