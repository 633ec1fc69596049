"""Actions: merging, closing, qualifying; what only they may do."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from environment import Api, Rows, bind, error

CRM = "Microsoft.Dynamics.CRM"


def entity(table: str, row_id: str, **columns: Any) -> dict[str, Any]:
    """A row as a parameter of an action."""
    return {"@odata.type": f"{CRM}.{table}", f"{table}id": row_id, **columns}


# -- Merge ---------------------------------------------------------------------------


def merge(api: Api, target: str, loser: str, table: str = "account", **parameters: Any):
    body = {
        "Target": entity(table, target),
        "Subordinate": entity(table, loser),
        "PerformParentingChecks": False,
        **parameters,
    }
    return api.post("Merge", json=body)


@pytest.mark.parametrize("table", ["account", "contact"])
def test_a_merge_deactivates_the_subordinate(api, rows, table):
    """merged is true, masterid is the target.

    Learn: webapi/merge-entity-using-web-api
    """
    target, loser = rows.add(f"{table}s", name="T"), rows.add(f"{table}s", name="L")
    assert merge(api, target, loser, table).status_code == 204
    row = api.retrieve(f"{table}s({loser})")
    assert (row["statecode"], row["merged"]) == (1, True)
    assert row["_masterid_value"] == target


def test_a_merge_updates_the_target(api, rows):
    """UpdateContent.

    Learn: webapi/merge-entity-using-web-api
    """
    target, loser = rows.add("accounts"), rows.add("accounts", {"fax": "7"})
    content = entity("account", str(uuid.UUID(int=0)), fax="7")
    assert merge(api, target, loser, UpdateContent=content).status_code == 204
    assert api.retrieve(f"accounts({target})")["fax"] == "7"


def test_a_merge_hands_over_related_rows(api, rows):
    """Children of the subordinate are the target's.

    Learn: webapi/merge-entity-using-web-api
    """
    target, loser = rows.add("accounts"), rows.add("accounts")
    child = rows.add("contacts", bind("parentcustomerid_account", "accounts", loser))
    assert merge(api, target, loser).status_code == 204
    assert api.retrieve(f"contacts({child})")["_parentcustomerid_value"] == target


def test_a_row_is_not_merged_with_itself(api, rows):
    """MergeEntitiesIdenticalError.

    Learn: reference/web-service-error-codes
    """
    account = rows.add("accounts")
    assert error(merge(api, account, account)) == (400, "0x80045305")


def test_an_inactive_row_is_not_merged(api, rows):
    """MergeEntityNotActiveError.

    Learn: reference/web-service-error-codes
    """
    target, loser = rows.add("accounts"), rows.add("accounts")
    api.patch(f"accounts({loser})", json={"statecode": 1})
    assert error(merge(api, target, loser)) == (400, "0x80045304")


def test_a_merge_needs_both_rows(api, rows):
    """ObjectDoesNotExist.

    Learn: webapi/merge-entity-using-web-api
    """
    answer = merge(api, rows.add("accounts"), str(uuid.uuid4()))
    assert answer.json()["error"]["code"] == "0x80040217"


def test_only_some_tables_merge(api, rows):
    """Account, contact, lead and incident.

    Learn: webapi/merge-entity-using-web-api
    """
    one, two = rows.add("opportunities"), rows.add("opportunities")
    assert merge(api, one, two, "opportunity").status_code == 400


def test_an_action_is_posted(api):
    """GET Merge is no resource or no method.

    Learn: webapi/use-web-api-actions
    """
    assert api.get("Merge").status_code in (404, 405)


# -- opportunities -------------------------------------------------------------------


@pytest.fixture
def opportunity(rows: Rows) -> str:
    account = rows.add("accounts")
    return rows.add("opportunities", bind("customerid_account", "accounts", account))


def close(rows: Rows, action: str, opportunity: str, status: int, **columns: Any):
    body = {
        "Status": status,
        "OpportunityClose": {
            **rows.body("opportunitycloses", columns),
            **bind("opportunityid", "opportunities", opportunity),
        },
    }
    return rows.api.post(action, json=body)


@pytest.mark.parametrize(
    ("action", "status", "state"), [("WinOpportunity", 3, 1), ("LoseOpportunity", 4, 2)]
)
def test_an_opportunity_is_closed(api, rows, opportunity, action, status, state):
    """WinOpportunity, LoseOpportunity: 204.

    Learn: webapi/use-web-api-actions
    """
    assert close(rows, action, opportunity, status).status_code == 204
    row = api.retrieve(f"opportunities({opportunity})")
    assert (row["statecode"], row["statuscode"]) == (state, status)


def test_closing_leaves_an_activity(api, rows, opportunity):
    """A completed opportunityclose.

    Learn: webapi/reference/about
    """
    close(rows, "WinOpportunity", opportunity, 3)
    (row,) = rows.find("opportunitycloses")
    rows.own("opportunitycloses", row["activityid"])
    assert row["_opportunityid_value"] == opportunity
    assert row["statecode"] == 1


def test_closing_sets_revenue_and_date(api, rows, opportunity):
    """actualvalue and actualclosedate.

    Learn: webapi/reference/about
    """
    close(rows, "WinOpportunity", opportunity, 3, actualrevenue=12.5)
    row = api.retrieve(f"opportunities({opportunity})")
    assert row["actualvalue"] == 12.5
    assert row["actualclosedate"]


def test_minus_one_is_the_default_status(api, rows, opportunity):
    """Status: -1.

    Learn: webapi/reference/about
    """
    assert close(rows, "WinOpportunity", opportunity, -1).status_code == 204
    assert api.retrieve(f"opportunities({opportunity})")["statuscode"] == 3


def test_an_opportunity_is_closed_once(rows, opportunity):
    """OpportunityIsAlreadyClosed.

    Learn: reference/web-service-error-codes
    """
    close(rows, "WinOpportunity", opportunity, 3)
    again = close(rows, "WinOpportunity", opportunity, 3)
    assert error(again) == (400, "0x80040515")


def test_a_closing_status_must_fit(rows, opportunity):
    """InvalidStateCodeStatusCode.

    Learn: reference/web-service-error-codes
    """
    answer = close(rows, "WinOpportunity", opportunity, 4)
    assert error(answer) == (400, "0x80048408")


@pytest.mark.parametrize("state", [1, 2])
def test_an_opportunity_is_not_closed_by_writing_its_state(api, opportunity, state):
    """CannotUseOpportunitySetStateMessage.

    Learn: reference/web-service-error-codes
    """
    answer = api.patch(f"opportunities({opportunity})", json={"statecode": state})
    assert error(answer) == (400, "0x80100005")


def test_a_closed_opportunity_is_opened_by_writing_its_state(api, rows, opportunity):
    """statecode 0.

    Learn: webapi/reference/about
    """
    close(rows, "LoseOpportunity", opportunity, 4)
    address = f"opportunities({opportunity})"
    assert api.patch(address, json={"statecode": 0}).status_code == 204
    assert api.retrieve(address)["statecode"] == 0


# -- quotes, orders, invoices --------------------------------------------------------


def document(rows: Rows, entity_set: str) -> str:
    """The id of a quote, an order or an invoice of an account."""
    account = rows.add("accounts")
    return rows.add(entity_set, bind("customerid_account", "accounts", account))


def close_document(rows: Rows, action: str, row_id: str, status: int):
    quote = "Quote" in action
    activity, table = ("QuoteClose", "quote") if quote else ("OrderClose", "salesorder")
    body = {
        "Status": status,
        activity: {
            **rows.body("quotecloses" if quote else "ordercloses"),
            **bind(f"{table}id", f"{table}s", row_id),
        },
    }
    return rows.api.post(action, json=body)


def test_a_quote_begins_as_a_draft(api, rows):
    """statecode 0.

    Learn: reference/entities/quote
    """
    assert api.retrieve(f"quotes({document(rows, 'quotes')})")["statecode"] == 0


@pytest.mark.parametrize(
    ("action", "status", "state"), [("WinQuote", 4, 2), ("CloseQuote", 5, 3)]
)
def test_an_active_quote_is_closed(api, rows, action, status, state):
    """WinQuote, CloseQuote; activating is a change of state.

    Learn: webapi/reference/about
    """
    quote = document(rows, "quotes")
    assert api.patch(f"quotes({quote})", json={"statecode": 1}).status_code == 204
    assert close_document(rows, action, quote, status).status_code == 204
    row = api.retrieve(f"quotes({quote})")
    assert (row["statecode"], row["statuscode"]) == (state, status)


def test_a_draft_quote_is_not_won(api, rows):
    """WinQuote is for active quotes.

    Learn: webapi/reference/about
    """
    quote = document(rows, "quotes")
    assert close_document(rows, "WinQuote", quote, 4).status_code == 400
    assert api.retrieve(f"quotes({quote})")["statecode"] == 0


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [("FulfillSalesOrder", 100001, 3), ("CancelSalesOrder", 4, 2)],
)
def test_an_order_is_closed(api, rows, action, status, state):
    """FulfillSalesOrder, CancelSalesOrder.

    Learn: webapi/reference/about
    """
    order = document(rows, "salesorders")
    assert close_document(rows, action, order, status).status_code == 204
    row = api.retrieve(f"salesorders({order})")
    assert (row["statecode"], row["statuscode"]) == (state, status)


@pytest.mark.parametrize("state", [2, 3])
def test_an_order_is_not_closed_by_writing_its_state(api, rows, state):
    """Its actions do that.

    Learn: webapi/reference/about
    """
    order = document(rows, "salesorders")
    answer = api.patch(f"salesorders({order})", json={"statecode": state})
    assert answer.status_code == 400


def test_an_invoice_is_canceled_by_its_state(api, rows):
    """statecode 3, statuscode 100003.

    Learn: reference/entities/invoice
    """
    address = f"invoices({document(rows, 'invoices')})"
    state = {"statecode": 3, "statuscode": 100003}
    assert api.patch(address, json=state).status_code == 204
    assert api.retrieve(address)["statecode"] == 3


# -- leads ---------------------------------------------------------------------------


@pytest.fixture
def lead(rows: Rows) -> str:
    body = {
        "subject": rows.name("Need"),
        "companyname": rows.name("Company"),
        "firstname": "Ida",
    }
    return rows.add("leads", body, "Holm")


def qualify(rows: Rows, lead: str, **parameters: Any):
    """QualifyLead; what it makes is deleted with the test."""
    body = {
        "CreateAccount": False,
        "CreateContact": False,
        "CreateOpportunity": False,
        "Status": 3,
        **parameters,
    }
    answer = rows.api.post(f"leads({lead})/{CRM}.QualifyLead", json=body)
    for row in answer.json().get("value", ()) if answer.ok else ():
        table = row["@odata.type"].rpartition(".")[2]
        entity_set = {"opportunity": "opportunities"}.get(table, f"{table}s")
        rows.own(entity_set, row[f"{table}id"])
    return answer


def test_qualifying_closes_the_lead(api, rows, lead):
    """statecode 1, the status that was given.

    Learn: webapi/reference/about
    """
    assert qualify(rows, lead).status_code == 200
    row = api.retrieve(f"leads({lead})")
    assert (row["statecode"], row["statuscode"]) == (1, 3)


@pytest.mark.parametrize(
    ("parameter", "table", "column", "value"),
    [
        ("CreateAccount", "account", "name", "Company"),
        ("CreateContact", "contact", "lastname", "Holm"),
        ("CreateOpportunity", "opportunity", "name", "Need"),
    ],
)
def test_qualifying_makes_rows(api, rows, lead, parameter, table, column, value):
    """They are in the answer, with type and key, and carry the lead's values.

    Learn: webapi/reference/about
    """
    (made,) = qualify(rows, lead, **{parameter: True}).json()["value"]
    assert made["@odata.type"] == f"#{CRM}.{table}"
    entity_set = {"opportunity": "opportunities"}.get(table, f"{table}s")
    row = api.retrieve(f"{entity_set}({made[f'{table}id']})")
    assert row[column] == rows.name(value)


def test_what_a_lead_becomes_is_linked(api, rows, lead):
    """The contact belongs to the account, the opportunity to both and to the lead.

    Learn: webapi/reference/about
    """
    wishes = dict.fromkeys(
        ("CreateAccount", "CreateContact", "CreateOpportunity"), True
    )
    made: dict[str, str] = {}
    for row in qualify(rows, lead, **wishes).json()["value"]:
        made |= {k: v for k, v in row.items() if k.endswith("id")}
    contact = api.retrieve(f"contacts({made['contactid']})")
    assert contact["_parentcustomerid_value"] == made["accountid"]
    row = api.retrieve(f"opportunities({made['opportunityid']})")
    assert row["_parentaccountid_value"] == made["accountid"]
    assert row["_parentcontactid_value"] == made["contactid"]
    assert row["_originatingleadid_value"] == lead


def test_a_lead_is_qualified_once(rows, lead):
    """LeadAlreadyInClosedState.

    Learn: reference/web-service-error-codes
    """
    qualify(rows, lead)
    assert error(qualify(rows, lead)) == (400, "0x80040519")


# -- products ------------------------------------------------------------------------


@pytest.fixture
def product(rows: Rows) -> str:
    """The address of a product in draft."""
    group = rows.add("uomschedules", {"baseuomname": "Piece"})
    (unit,) = rows.api.rows(f"uoms?$filter=_uomscheduleid_value eq {group}")
    body = {
        "productnumber": rows.mark,
        **bind("defaultuomscheduleid", "uomschedules", group),
        **bind("defaultuomid", "uoms", unit["uomid"]),
    }
    return f"products({rows.add('products', body)})"


def test_a_unit_group_has_a_base_unit(api, rows):
    """Creating the group makes the unit.

    Learn: reference/entities/product
    """
    group = rows.add("uomschedules", {"baseuomname": "Piece"})
    (unit,) = api.rows(f"uoms?$filter=_uomscheduleid_value eq {group}")
    assert unit["name"] == "Piece"
    assert unit["isschedulebaseuom"] is True


def test_a_product_begins_as_a_draft(api, product):
    """statecode 2.

    Learn: reference/entities/product
    """
    assert api.retrieve(product)["statecode"] == 2


def test_a_product_is_published(api, product):
    """statecode 0.

    Learn: reference/entities/product
    """
    assert api.patch(product, json={"statecode": 0}).status_code == 204


def test_a_published_product_is_not_updated(api, product):
    """ProductCanOnlyBeUpdatedInDraft.

    Learn: reference/web-service-error-codes
    """
    api.patch(product, json={"statecode": 0})
    answer = api.patch(product, json={"name": "B"})
    assert error(answer) == (400, "0x8004F995")


def test_a_product_is_retired_and_activated(api, product):
    """Active -> Retired -> Active.

    Learn: reference/entities/product
    """
    for state in (0, 1, 0):
        assert api.patch(product, json={"statecode": state}).status_code == 204


def test_a_retired_product_is_not_revised(api, product):
    """Only an active one is.

    Learn: reference/web-service-error-codes
    """
    for state in (0, 1):
        api.patch(product, json={"statecode": state})
    assert error(api.patch(product, json={"statecode": 3}))[0] == 400


def test_product_numbers_are_unique(api, rows, product):
    """ProductProductNumberExists.

    Learn: reference/web-service-error-codes
    """
    row = api.retrieve(product)
    group, unit = row["_defaultuomscheduleid_value"], row["_defaultuomid_value"]
    body = {
        "productnumber": row["productnumber"],
        **bind("defaultuomscheduleid", "uomschedules", group),
        **bind("defaultuomid", "uoms", unit),
    }
    answer = api.post("products", json=rows.body("products", body))
    assert error(answer) == (400, "0x80043b06")
