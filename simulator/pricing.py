"""Prices and totals of opportunities, quotes, orders and invoices.

A line's ``baseamount`` is price times quantity; its ``extendedamount`` takes the
discounts off and adds the tax. A document's totals are the sums of its lines, less its
own discount, plus freight and tax. A price comes from the document's price list unless
the line overrides it or the document's prices are locked; a product that the list does
not hold keeps the price that it was given.
Source: the column descriptions of these tables, "Calculate prices: system pricing".
Amounts are ten-thousandths (see ``values``), rounded to two decimals.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from . import values
from .schema import Table
from .store import Store

Row = dict[str, Any]

_CENT = 100  # ten-thousandths
_LINES_OF = {
    "opportunity": "opportunityproduct",
    "quote": "quotedetail",
    "salesorder": "salesorderdetail",
    "invoice": "invoicedetail",
}
LINES = {line: document for document, line in _LINES_OF.items()}
# A change of one of these calls for new amounts.
_LINE_INPUTS = frozenset(
    "productid uomid quantity priceperunit ispriceoverridden manualdiscountamount "
    "volumediscountamount tax extendedamount baseamount".split()
)
_DOCUMENT_INPUTS = frozenset(
    "discountamount discountpercentage freightamount totalamount totallineitemamount "
    "totaltax totaldiscountamount totalamountlessfreight isrevenuesystemcalculated "
    "estimatedvalue".split()
)


class Pricing:
    """What the server fills in; it only reads the rows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def line(self, table: Table, line: Row, changed: set[str]) -> Row:
        """The columns to set on ``line`` (the whole row) when ``changed`` change."""
        document_name = LINES[table.name]
        if not changed & (_LINE_INPUTS | {f"{document_name}id"}):
            return {}
        found: Row = {}
        price = self._list_price(document_name, line)
        if price is None:
            price = line.get("priceperunit")
        else:
            found["priceperunit"] = price
        name = f"{table.name}name"
        if line.get(name) is None:
            found[name] = self._name(line)
        if price is None:
            return found
        quantity = Decimal(str(line.get("quantity") or 0))
        base = _round(price * quantity)
        volume = _round((line.get("volumediscountamount") or 0) * quantity)
        discount = (line.get("manualdiscountamount") or 0) + volume
        extended = base - discount + (line.get("tax") or 0)
        amounts = {"baseamount": base, "extendedamount": extended}
        return {**found, **_in_range(table, amounts)}

    def totals(self, table: Table, document: Row, changed: set[str]) -> Row:
        """The columns to set on ``document`` when ``changed`` of its columns change."""
        if not changed & _DOCUMENT_INPUTS:
            return {}
        return self.all_totals(table, document)

    def all_totals(self, table: Table, document: Row) -> Row:
        """What its lines add up to; nothing for a document that has no lines and no
        totals yet."""
        line_table = _LINES_OF[table.name]
        lines_of = self._store.execute(
            f"SELECT coalesce(extendedamount, 0), coalesce(tax, 0) FROM {line_table} "
            f"WHERE {table.primary_id} = ?",
            (document[table.primary_id],),
        ).fetchall()
        count = len(lines_of)
        gross = sum(amount for amount, _ in lines_of)
        tax = sum(amount for _, amount in lines_of)
        if not count and document.get("totallineitemamount") is None:
            return {}
        lines = gross - tax
        share = Decimal(str(document.get("discountpercentage") or 0)) / 100
        discount = (document.get("discountamount") or 0) + _round(lines * share)
        less_freight = lines - discount
        total = less_freight + (document.get("freightamount") or 0) + tax
        found = {
            "totallineitemamount": lines,
            "totaldiscountamount": discount,
            "totalamountlessfreight": less_freight,
            "totaltax": tax,
            "totalamount": total,
        }
        if document.get("isrevenuesystemcalculated"):
            found["estimatedvalue"] = total
        found = {name: value for name, value in found.items() if name in table.columns}
        return _in_range(table, found)

    def _list_price(self, document_name: str, line: Row) -> int | None:
        product, document_id = line.get("productid"), line.get(f"{document_name}id")
        if not product or not document_id or line.get("ispriceoverridden"):
            return None
        locked = "ispricelocked" if document_name in ("salesorder", "invoice") else "0"
        found = self._store.execute(
            f"SELECT p.amount FROM {document_name} d JOIN productpricelevel p "
            "ON p.pricelevelid = d.pricelevelid AND p.productid = ? "
            f"WHERE d.{document_name}id = ? AND NOT coalesce({locked}, 0) "
            "AND (p.uomid IS ? OR ? IS NULL) AND p.amount IS NOT NULL "
            "ORDER BY p.versionnumber",
            (product, document_id, line.get("uomid"), line.get("uomid")),
        ).fetchone()
        return found[0] if found else None

    def _name(self, line: Row) -> str | None:
        if not line.get("productid"):
            return line.get("productdescription")
        found = self._store.execute(
            "SELECT name FROM product WHERE productid = ?", (line["productid"],)
        ).fetchone()
        return found[0] if found else None


def _in_range(table: Table, amounts: Row) -> Row:
    for name, amount in amounts.items():
        values.check_amount(table.columns[name], amount)
    return amounts


def _round(amount: Decimal) -> int:
    return int((amount / _CENT).quantize(Decimal(1), ROUND_HALF_EVEN)) * _CENT
