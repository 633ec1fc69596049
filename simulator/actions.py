"""Actions: what a client asks for by name instead of by writing columns.

Sources: "Use Web API actions", "Merge table rows using the Web API", the action
reference of Dataverse and Dynamics 365 Sales, "Web service error codes".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from . import addresses, errors, preferences
from .bulk_delete import matching_ids
from .messages import Request
from .query import Options
from .reader import Reader, View
from .rows import Row, Rows
from .sales_actions import parameters
from .schema import Table
from .security import Caller

Body = dict[str, Any]
_PREFIX = "Microsoft.Dynamics.CRM."
_MERGEABLE = ("account", "contact", "lead")
_PARENT_COLUMNS = {"account": "parentaccountid", "contact": "parentcustomerid"}
_MERGED_LEAD = {"statecode": 2, "statuscode": 7}
_INACTIVE = {"statecode": 1, "statuscode": 2}
_LEAD_QUALIFIED = 1
_DEFAULT_STATUS = -1


@dataclass(frozen=True)
class _Closing:
    """An action that closes a row of ``table`` and leaves an activity about it."""

    table: str
    activity: str
    parameter: str
    states_before: tuple[int, ...]
    state: int


_CLOSINGS = {
    "WinOpportunity": _Closing(
        "opportunity", "opportunityclose", "OpportunityClose", (0,), 1
    ),
    "LoseOpportunity": _Closing(
        "opportunity", "opportunityclose", "OpportunityClose", (0,), 2
    ),
    "WinQuote": _Closing("quote", "quoteclose", "QuoteClose", (1,), 2),
    "CloseQuote": _Closing("quote", "quoteclose", "QuoteClose", (0, 1), 3),
    "FulfillSalesOrder": _Closing("salesorder", "orderclose", "OrderClose", (0, 1), 3),
    "CancelSalesOrder": _Closing("salesorder", "orderclose", "OrderClose", (0, 1), 2),
}
# What qualifying a lead copies into the new rows: column of the lead -> of the row.
_ADDRESS = {
    name: name
    for name in (
        "address1_line1",
        "address1_line2",
        "address1_city",
        "address1_stateorprovince",
        "address1_postalcode",
        "address1_country",
    )
}
_FROM_LEAD = {
    "account": {
        "companyname": "name",
        "emailaddress1": "emailaddress1",
        "telephone1": "telephone1",
        "websiteurl": "websiteurl",
        "industrycode": "industrycode",
        "numberofemployees": "numberofemployees",
        "revenue": "revenue",
        "description": "description",
        **_ADDRESS,
    },
    "contact": {
        "firstname": "firstname",
        "lastname": "lastname",
        "jobtitle": "jobtitle",
        "emailaddress1": "emailaddress1",
        "telephone1": "telephone1",
        "mobilephone": "mobilephone",
        "description": "description",
        **_ADDRESS,
    },
    "opportunity": {
        "subject": "name",
        "estimatedamount": "estimatedvalue",
        "estimatedclosedate": "estimatedclosedate",
        "budgetamount": "budgetamount",
        "purchasetimeframe": "purchasetimeframe",
        "description": "description",
    },
}


class Actions:
    """``run`` and ``run_bound`` answer with JSON, or None for 204."""

    def __init__(self, rows: Rows, reader: Reader) -> None:
        self.rows = rows
        self.reader = reader
        self.schema = rows.schema
        self.store = rows.store

    def run(self, name: str, request: Request) -> Body | None:
        """An unbound action. Raises DataverseError, KeyError if there is none."""
        if name in _CLOSINGS:
            return self._close(name, _CLOSINGS[name], request)
        return _UNBOUND[name](self, request)

    def run_bound(
        self, name: str, table: Table, row_id: str, request: Request
    ) -> Body | None:
        """An action on one row. Raises DataverseError, KeyError if there is none."""
        return BOUND_ACTIONS[table.name, name](self, table, row_id, request)

    # -- Merge ---------------------------------------------------------------------

    def _merge(self, request: Request) -> None:
        given = parameters(
            request,
            "Merge",
            required=("Target", "Subordinate"),
            optional=("UpdateContent", "PerformParentingChecks"),
        )
        caller = request.caller
        table, target = self._entity(given["Target"], "Target", caller)
        other, loser = self._entity(given["Subordinate"], "Subordinate", caller)
        if table is not other or table.name not in _MERGEABLE:
            raise errors.message_not_supported("Merge", other.name)
        target_id, loser_id = target[table.primary_id], loser[table.primary_id]
        if target_id == loser_id:
            raise errors.merge_with_itself()
        if target["statecode"] != 0 or loser["statecode"] != 0:
            raise errors.merge_of_inactive()
        if given.get("PerformParentingChecks") and _parent(target) != _parent(loser):
            raise errors.merge_changes_parent()
        content = given.get("UpdateContent")
        if content is not None:
            _object("UpdateContent", content)
            self.rows.update(table, target_id, content, caller)
        self._hand_over(table, loser_id, target_id, caller)
        self._refuse_circle(table, target_id)
        state = _MERGED_LEAD if table.name == "lead" else _INACTIVE
        self.rows.set_columns(
            table, loser_id, {**state, "merged": 1, "masterid": target_id}, caller
        )

    def _hand_over(
        self, table: Table, loser_id: str, target_id: str, caller: Caller
    ) -> None:
        """What pointed to the loser points to the target; the target not to itself."""
        for relationship in table.referenced_by:
            if relationship.on_delete == "NoCascade" or (
                relationship.column == "masterid"
            ):
                continue
            source = self.schema.tables[relationship.table]
            column = source.columns[relationship.column]
            for row_id in self.store.referencing(table, column, loser_id):
                itself = source is table and row_id == target_id
                value = None if itself else target_id
                changes: Row = {column.name: value}
                if column.type_column:
                    changes[column.type_column] = value and table.name
                self.rows.set_columns(source, row_id, changes, caller)

    def _refuse_circle(self, table: Table, target_id: str) -> None:
        """What stood between the two may now stand above and below the target."""
        column = table.columns.get(_PARENT_COLUMNS.get(table.name, ""))
        above: str | None = target_id
        seen: set[str] = set()  # contacts may already stand in a circle of their own
        while column and above and above not in seen:
            seen.add(above)
            row = self.store.row(table, above) or {}
            same_table = row.get(column.type_column or "", table.name) == table.name
            above = row.get(column.name) if same_table else None
            if above == target_id:
                raise errors.merge_makes_circle()

    # -- closing -------------------------------------------------------------------

    def _close(self, name: str, closing: _Closing, request: Request) -> None:
        given = parameters(request, name, required=("Status", closing.parameter))
        table = self.schema.tables[closing.table]
        activity = self.schema.tables[closing.activity]
        body, caller = given[closing.parameter], request.caller
        _object(closing.parameter, body)
        activity_id = self.rows.create(activity, body, caller)
        written = self.store.row(activity, activity_id) or {}
        row = self.store.row(table, written[table.primary_id] or "")
        if row is None:
            raise errors.closing_without_row(table.name)
        if row["statecode"] not in closing.states_before:
            raise errors.already_closed(table.name, row["statecode"])
        if table.name == "opportunity" and self._open_quotes(row["opportunityid"]):
            raise errors.opportunity_has_open_quotes()
        status = _status(table, closing.state, given["Status"], row[table.primary_id])
        now = self.rows.clock.text()
        closed_at = written["actualend"] or now
        changes: Row = {"statecode": closing.state, "statuscode": status}
        if table.name == "opportunity":
            changes["actualclosedate"] = closed_at[:10]
            if written["actualrevenue"] is not None:
                changes["actualvalue"] = written["actualrevenue"]
        if table.name == "quote":
            changes["closedon"] = closed_at
        if name == "FulfillSalesOrder":
            changes["datefulfilled"] = closed_at
        self.rows.set_columns(table, row[table.primary_id], changes, caller)
        completed = {"statecode": 1, "statuscode": 2, "actualend": closed_at}
        self.rows.set_columns(activity, activity_id, completed, caller)

    def _open_quotes(self, opportunity_id: str) -> bool:
        found = self.store.execute(
            "SELECT 1 FROM quote WHERE opportunityid = ? AND statecode IN (0, 1)",
            (opportunity_id,),
        )
        return found.fetchone() is not None

    # -- QualifyLead ---------------------------------------------------------------

    def _qualify_lead(self, table: Table, row_id: str, request: Request) -> Body:
        given = parameters(
            request,
            "QualifyLead",
            required=("CreateAccount", "CreateContact", "CreateOpportunity", "Status"),
            optional=(
                "OpportunityCurrencyId",
                "OpportunityCustomerId",
                "SourceCampaignId",
                "ProcessInstanceId",
                "SuppressDuplicateDetection",
            ),
        )
        caller = request.caller
        lead = self._writable(table, row_id, caller)
        if lead["statecode"] != 0:
            raise errors.lead_already_closed()
        status = _status(table, _LEAD_QUALIFIED, given["Status"], row_id)
        made: dict[str, str] = {}
        currency = lead["transactioncurrencyid"]

        def make(name: str, **links: str | None) -> None:
            if currency:
                address = f"transactioncurrencies({currency})"
                links = {"transactioncurrencyid": address, **links}
            body = self._from_lead(row_id, _FROM_LEAD[name], request)
            for navigation, address in links.items():
                if address:
                    body[f"{navigation}@odata.bind"] = address
            made[name] = self.rows.create(self.schema.tables[name], body, caller)

        account, contact = lead["parentaccountid"], lead["parentcontactid"]
        if given["CreateAccount"]:
            make("account")
            account = made["account"]
        account_address = account and f"accounts({account})"
        if given["CreateContact"]:
            make("contact", parentcustomerid_account=account_address)
            contact = made["contact"]
        contact_address = contact and f"contacts({contact})"
        if given["CreateOpportunity"]:
            links = {
                "parentaccountid": account_address,
                "parentcontactid": contact_address,
                "originatingleadid": f"leads({row_id})",
                **self._customer(given, account_address, contact_address, caller),
                **self._currency(given, caller),
            }
            make("opportunity", **links)
        self.rows.set_columns(
            table,
            row_id,
            {
                "statecode": _LEAD_QUALIFIED,
                "statuscode": status,
                "parentaccountid": account,
                "parentcontactid": contact,
                "qualifyingopportunityid": made.get("opportunity"),
            },
            caller,
        )
        return {
            "@odata.context": f"{request.api_url}/$metadata#Collection("
            f"{_PREFIX}crmbaseentity)",
            "value": [
                {
                    "@odata.type": f"#{_PREFIX}{name}",
                    self.schema.tables[name].primary_id: made_id,
                }
                for name, made_id in made.items()
            ],
        }

    def _from_lead(
        self, lead_id: str, columns: dict[str, str], request: Request
    ) -> Body:
        """A body with the lead's values under the names the new row has for them."""
        view = View(request.caller, request.api_url, preferences.parse(""))
        table = self.schema.tables["lead"]
        text, _ = self.reader.one(table, lead_id, Options(select=tuple(columns)), view)
        row = json.loads(text, parse_float=Decimal)
        return {
            new: row[old] for old, new in columns.items() if row.get(old) is not None
        }

    def _customer(
        self, given: Body, account: str | None, contact: str | None, caller: Caller
    ) -> dict[str, str | None]:
        """The opportunity's customer: the one named, else the account, the contact."""
        named = given.get("OpportunityCustomerId")
        if named:
            table, row = self._entity(named, "OpportunityCustomerId", caller)
            address = f"{table.entity_set}({row[table.primary_id]})"
            return {f"customerid_{table.name}": address}
        if account:
            return {"customerid_account": account}
        return {"customerid_contact": contact}

    def _currency(self, given: Body, caller: Caller) -> dict[str, str | None]:
        named = given.get("OpportunityCurrencyId")
        if not named:
            return {}
        table, row = self._entity(named, "OpportunityCurrencyId", caller)
        address = f"{table.entity_set}({row[table.primary_id]})"
        return {"transactioncurrencyid": address}

    # -- BulkDelete ----------------------------------------------------------------

    def _bulk_delete(self, request: Request) -> Body:
        """The job has run when the answer is given; the real one runs later."""
        given = parameters(
            request,
            "BulkDelete",
            required=("QuerySet", "JobName"),
            optional=(
                "SendEmailNotification",
                "ToRecipients",
                "CCRecipients",
                "RecurrencePattern",
                "StartDateTime",
                "SourceImportId",
                "RunNow",
            ),
        )
        queries = given["QuerySet"]
        if not isinstance(queries, list) or not queries:
            raise errors.payload("BulkDelete", "'QuerySet' is no collection.")
        for query in queries:
            table, ids = matching_ids(self.schema, self.store, query)
            for row_id in ids:
                if self.store.exists(table, row_id):  # a cascade may have been first
                    self.rows.delete(table, row_id, request.caller)
        name = f"{_PREFIX}BulkDeleteResponse"
        return {
            "@odata.context": f"{request.api_url}/$metadata#{name}",
            "JobId": str(uuid.uuid4()),
        }

    # -- shared --------------------------------------------------------------------

    def _entity(self, value: Any, parameter: str, caller: Caller) -> tuple[Table, Row]:
        """The row a parameter names by type and primary key (or ``@odata.id``)."""
        kind = value.get("@odata.type") if isinstance(value, dict) else None
        name = kind.lstrip("#").removeprefix(_PREFIX) if isinstance(kind, str) else ""
        table = self.schema.tables.get(name)
        if table is None:
            raise errors.payload(
                parameter, f"A type named in '@odata.type' is required, '{kind}' found."
            )
        reference = value.get("@odata.id") or (
            f"{table.entity_set}({value.get(table.primary_id)})"
        )
        if not isinstance(reference, str):
            raise errors.payload(parameter, "'@odata.id' is no address.")
        target, key = addresses.parse_reference(self.schema, reference)
        row_id = addresses.find(self.store, target, key)
        if target is not table or row_id is None:
            raise addresses.not_found(target, key)
        return table, self._writable(table, row_id, caller)

    def _writable(self, table: Table, row_id: str, caller: Caller) -> Row:
        row = self.store.row(table, row_id)
        if row is None:
            raise errors.row_not_found(table.name, row_id)
        self.rows.security.require_row(caller, table, "Write", row)
        return row


_UNBOUND: dict[str, Callable[[Actions, Request], Body | None]] = {
    "Merge": Actions._merge,
    "BulkDelete": Actions._bulk_delete,
}
ACTIONS = frozenset((*_CLOSINGS, *_UNBOUND))
BOUND_ACTIONS: dict[
    tuple[str, str], Callable[[Actions, Table, str, Request], Body | None]
] = {("lead", f"{_PREFIX}QualifyLead"): Actions._qualify_lead}


def _status(table: Table, state: int, given: Any, row_id: str) -> int:
    """The status asked for, which must belong to ``state``; -1 is its default."""
    states = table.columns["statecode"]
    if type(given) is not int:
        raise errors.wrong_type(table.entity_set, given, "Edm.Int32")
    status = states.default_status[state] if given == _DEFAULT_STATUS else given
    if table.columns["statuscode"].state_of.get(status) != state:
        raise errors.state_status_mismatch(
            status, table.name, states.options[state], row_id
        )
    return status


def _object(parameter: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise errors.payload(parameter, f"'{parameter}' is no object.")


def _parent(row: Row) -> str | None:
    return row.get("parentaccountid") or row.get("parentcustomerid")
