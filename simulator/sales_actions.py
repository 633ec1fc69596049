"""From an opportunity to a quote, an order and an invoice: what the messages of
Dynamics 365 Sales make of one document.

The new document takes over every column that both tables have, and so do its lines.
Source: the Web API action reference (``ReviseQuote``, ``ConvertQuoteToSalesOrder``,
``ConvertSalesOrderToInvoice``, ``GenerateQuoteFromOpportunity`` and its like, the
``Lock...Pricing`` messages), "Web service error codes".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from . import errors, preferences
from .messages import Request
from .pricing import LINES
from .query import Options
from .reader import Reader, View
from .rows import Row, Rows
from .schema import Table
from .values import GUID

Body = dict[str, Any]

_LINES_OF = {document: line for line, document in LINES.items()}
# What a copy has of its own.
_OWN = frozenset(
    "statecode statuscode overriddencreatedon ownerid quotenumber ordernumber "
    "invoicenumber closedon lineitemnumber submitdate submitstatus datefulfilled "
    "datedelivered lastbackofficesubmit revisionnumber".split()
)
_QUOTE_ACTIVE, _QUOTE_WON = 1, 2


@dataclass(frozen=True)
class _Copying:
    """``parameter`` names the row of ``source`` that a row of ``target`` comes from."""

    source: str
    target: str
    parameter: str
    optional: tuple[str, ...] = ("ProcessInstanceId",)


_COPYINGS = {
    "GenerateQuoteFromOpportunity": _Copying("opportunity", "quote", "OpportunityId"),
    "GenerateSalesOrderFromOpportunity": _Copying(
        "opportunity", "salesorder", "OpportunityId"
    ),
    "GenerateInvoiceFromOpportunity": _Copying(
        "opportunity", "invoice", "OpportunityId"
    ),
    "ConvertQuoteToSalesOrder": _Copying(
        "quote",
        "salesorder",
        "QuoteId",
        (
            "QuoteCloseDate",
            "QuoteCloseStatus",
            "QuoteCloseSubject",
            "QuoteCloseDescription",
            "ProcessInstanceId",
        ),
    ),
    "ConvertSalesOrderToInvoice": _Copying("salesorder", "invoice", "SalesOrderId"),
    "ReviseQuote": _Copying("quote", "quote", "QuoteId", ()),
}
# Message -> (table, parameter, the value of ispricelocked).
_LOCKS = {
    "LockSalesOrderPricing": ("salesorder", "SalesOrderId", 1),
    "UnlockSalesOrderPricing": ("salesorder", "SalesOrderId", 0),
    "LockInvoicePricing": ("invoice", "InvoiceId", 1),
    "UnlockInvoicePricing": ("invoice", "InvoiceId", 0),
}
# Message -> the document that the opportunity's lines are added to.
_ADDITIONS = {
    "GetQuoteProductsFromOpportunity": ("quote", "QuoteId"),
    "GetSalesOrderProductsFromOpportunity": ("salesorder", "SalesOrderId"),
    "GetInvoiceProductsFromOpportunity": ("invoice", "InvoiceId"),
}


class SalesActions:
    """``run`` answers with JSON, or None for 204. Raises DataverseError."""

    def __init__(self, rows: Rows, reader: Reader) -> None:
        self.rows = rows
        self.reader = reader
        self.schema = rows.schema
        self.store = rows.store

    def run(self, name: str, request: Request) -> Body | None:
        if name in _COPYINGS:
            return self._copy(name, _COPYINGS[name], request)
        if name in _LOCKS:
            return self._lock(name, request)
        return self._add_lines(name, request)

    def _copy(self, name: str, copying: _Copying, request: Request) -> Body:
        given = parameters(
            request, name, (copying.parameter, "ColumnSet"), copying.optional
        )
        source = self.schema.tables[copying.source]
        target = self.schema.tables[copying.target]
        document = self._document(source, given[copying.parameter], request, "Read")
        values = _shared(source, target, document)
        if name == "ReviseQuote":
            values.update(self._revision(source, document))
        elif name == "ConvertQuoteToSalesOrder":
            self._win(source, document, given, request)
        link = target.columns.get(source.primary_id)
        if link and link.is_lookup:
            values[link.name] = document[source.primary_id]
        made = self.rows.create_stored(target, values, request.caller)
        self._copy_lines(source, document, target, made, request)
        return self._shown(target, made, given["ColumnSet"], request)

    def _copy_lines(
        self,
        source: Table,
        document: Row,
        target: Table,
        target_id: str,
        request: Request,
    ) -> None:
        old = self.schema.tables[_LINES_OF[source.name]]
        new = self.schema.tables[_LINES_OF[target.name]]
        parent = old.columns[source.primary_id]
        for line_id in self.store.referencing(
            source, parent, document[source.primary_id]
        ):
            line = self.store.row(old, line_id) or {}
            values = _shared(old, new, line)
            values[f"{new.name}name"] = line.get(f"{old.name}name")
            values[target.primary_id] = target_id
            values["ispriceoverridden"] = 1  # the copy keeps the price it had
            values = {n: v for n, v in values.items() if n in new.columns}
            self.rows.create_stored(new, values, request.caller)

    def _revision(self, quotes: Table, quote: Row) -> Row:
        """The number stays, the revision counts; the state is Draft again."""
        open_one = self.store.execute(
            "SELECT 1 FROM quote WHERE quotenumber = ? AND statecode IN (0, 1)",
            (quote["quotenumber"],),
        ).fetchone()
        if open_one:
            raise errors.quote_has_open_revision()
        last = self.store.execute(
            "SELECT max(revisionnumber) FROM quote WHERE quotenumber = ?",
            (quote["quotenumber"],),
        ).fetchone()[0]
        return {"quotenumber": quote["quotenumber"], "revisionnumber": (last or 0) + 1}

    def _win(self, quotes: Table, quote: Row, given: Body, request: Request) -> None:
        """An active quote is won by becoming an order."""
        if quote["statecode"] not in (_QUOTE_ACTIVE, _QUOTE_WON):
            raise errors.quote_not_active()
        if quote["statecode"] == _QUOTE_ACTIVE:
            states, statuses = quotes.columns["statecode"], quotes.columns["statuscode"]
            status = given.get("QuoteCloseStatus") or states.default_status[_QUOTE_WON]
            if statuses.state_of.get(status) != _QUOTE_WON:
                raise errors.state_status_mismatch(
                    status, "quote", states.options[_QUOTE_WON], quote["quoteid"]
                )
            self._document(quotes, quote["quoteid"], request, "Write")
            changes: Row = {"statecode": _QUOTE_WON, "statuscode": status}
            changes["closedon"] = self.rows.clock.text()
            self.rows.set_columns(quotes, quote["quoteid"], changes, request.caller)

    def _lock(self, name: str, request: Request) -> None:
        table_name, parameter, value = _LOCKS[name]
        given = parameters(request, name, (parameter,))
        table = self.schema.tables[table_name]
        document = self._document(table, given[parameter], request, "Write")
        changes: Row = {"ispricelocked": value}
        self.rows.set_columns(
            table, document[table.primary_id], changes, request.caller
        )

    def _add_lines(self, name: str, request: Request) -> None:
        table_name, parameter = _ADDITIONS[name]
        given = parameters(request, name, ("OpportunityId", parameter))
        source, target = (
            self.schema.tables["opportunity"],
            self.schema.tables[table_name],
        )
        opportunity = self._document(source, given["OpportunityId"], request, "Read")
        document = self._document(target, given[parameter], request, "Write")
        self._copy_lines(
            source, opportunity, target, document[target.primary_id], request
        )

    # -- shared --------------------------------------------------------------------

    def _document(
        self, table: Table, row_id: Any, request: Request, access: str
    ) -> Row:
        if not isinstance(row_id, str) or not GUID.fullmatch(row_id):
            raise errors.wrong_type(table.entity_set, row_id, "Edm.Guid")
        row = self.store.row(table, row_id.lower())
        if row is None:
            raise errors.row_not_found(table.name, row_id)
        self.rows.security.require_row(request.caller, table, access, row)
        return row

    def _shown(
        self, table: Table, row_id: str, column_set: Any, request: Request
    ) -> Body:
        """The new row with the columns asked for."""
        names = column_set.get("Columns") if isinstance(column_set, dict) else None
        everything = isinstance(column_set, dict) and column_set.get("AllColumns")
        select = None
        if not everything:
            names = names if isinstance(names, list) else []
            columns = [table.columns.get(str(name)) for name in names]
            if None in columns:
                missing = str(names[columns.index(None)])
                raise errors.no_attribute(table.name, missing)
            select = (table.primary_id, *(c.wire for c in columns if c))
        view = View(request.caller, request.api_url, preferences.parse(""))
        text, _ = self.reader.one(table, row_id, Options(select=select), view)
        row = json.loads(text)
        return {"@odata.type": f"#Microsoft.Dynamics.CRM.{table.name}", **row}


def _shared(source: Table, target: Table, row: Row) -> Row:
    """The stored values of the columns that both tables have."""
    found: Row = {}
    for column in target.columns.values():
        other = source.columns.get(column.name)
        usable = column.on_create and column.name not in (*_OWN, target.primary_id)
        if other is None or not usable or row.get(column.name) is None:
            continue
        found[column.name] = row[column.name]
        if column.type_column:
            found[column.type_column] = row.get(other.type_column or "")
    return found


def parameters(
    request: Request,
    action: str,
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
) -> Body:
    """The body, checked against the names of the action's parameters."""
    body = request.json()
    for name in body:
        if name not in required and name not in optional:
            raise errors.payload(
                action,
                f"The parameter '{name}' in the request payload is not a valid "
                f"parameter for the operation '{action}'.",
            )
    for name in required:
        if body.get(name) is None:
            raise errors.payload(action, f"The parameter '{name}' is missing.")
    return body


SALES_ACTIONS = frozenset((*_COPYINGS, *_LOCKS, *_ADDITIONS))
