"""Actions of the simulator: merging, closing, qualifying, deleting many.

Sources are named in the docstrings; codes are those of "Web service error codes".
"""

from __future__ import annotations

import uuid

import pytest
from simulator_process import Session, create, error

pytest_plugins = ["simulator_fixture"]

CRM = "Microsoft.Dynamics.CRM."


def read(api: Session, address: str, *columns: str) -> dict:
    answer = api.get(f"{address}?$select={','.join(columns)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def count(api: Session, entity_set: str) -> int:
    return int(api.get(f"{entity_set}/$count").content.decode("utf-8-sig"))


def entity(table: str, row_id: str, **values: object) -> dict[str, object]:
    """A row as a parameter of an action."""
    return {"@odata.type": CRM + table, f"{table}id": row_id, **values}


# -- Merge -------------------------------------------------------------------------


def merge(api: Session, table: str, target: str, loser: str, **more: object):
    body = {"Target": entity(table, target), "Subordinate": entity(table, loser)}
    return api.post("Merge", json={**body, **more})


@pytest.mark.parametrize(
    ("table", "entity_set", "name", "state"),
    [
        ("account", "accounts", {"name": "A"}, (1, 2)),
        ("contact", "contacts", {"lastname": "A"}, (1, 2)),
        ("lead", "leads", {"subject": "A", "lastname": "A"}, (2, 7)),
    ],
)
def test_merging_leaves_an_inactive_loser_with_its_master(
    api, table, entity_set, name, state
):
    """Merge table rows: the subordinate is deactivated, merged=true, masterid."""
    target, loser = (create(api, entity_set, **name) for _ in range(2))
    content = {"@odata.type": CRM + table, "telephone1": "555"}
    answer = merge(
        api,
        table,
        target,
        loser,
        UpdateContent=content,
        PerformParentingChecks=False,
    )
    assert (answer.status_code, answer.content) == (204, b"")
    columns = ("merged", "_masterid_value", "statecode", "statuscode")
    row = read(api, f"{entity_set}({loser})", *columns)
    assert (row["merged"], row["_masterid_value"]) == (True, target)
    assert (row["statecode"], row["statuscode"]) == state
    winner = read(api, f"{entity_set}({target})", "telephone1", "merged", "statecode")
    assert (winner["telephone1"], winner["merged"], winner["statecode"]) == (
        "555",
        False,
        0,
    )


def test_merging_hands_over_what_belonged_to_the_loser(api):
    """Merge: related rows are reparented to the target."""
    target, loser = (create(api, "accounts", name=n) for n in "AB")
    contact = create(
        api, "contacts", parentcustomerid_account__bind=f"accounts({loser})"
    )
    task = create(
        api, "tasks", regardingobjectid_account_task__bind=f"accounts({loser})"
    )
    bind = {"parentaccountid@odata.bind": f"accounts({loser})"}
    assert api.patch(f"accounts({target})", json=bind).status_code == 204
    assert merge(api, "account", target, loser).status_code == 204
    row = read(api, f"contacts({contact})", "_parentcustomerid_value")
    assert row["_parentcustomerid_value"] == target
    row = read(api, f"tasks({task})", "_regardingobjectid_value")
    assert row["_regardingobjectid_value"] == target
    row = read(api, f"accounts({target})", "_parentaccountid_value")
    assert row["_parentaccountid_value"] is None


def test_a_merge_shows_up_in_change_tracking(api):
    """Change tracking: both rows come as changed, none as deleted."""
    target, loser = (create(api, "accounts", name=n) for n in "AB")
    first = api.get("accounts?$select=name", headers={"Prefer": "odata.track-changes"})
    content = {"@odata.type": CRM + "account", "fax": "1"}
    assert merge(api, "account", target, loser, UpdateContent=content).ok
    changes = api.get(first.json()["@odata.deltaLink"]).json()["value"]
    assert [row["accountid"] for row in changes] == [target, loser]


def test_a_row_is_not_merged_with_itself(api):
    """MergeEntitiesIdenticalError 0x80045305."""
    account = create(api, "accounts", name="A")
    assert error(merge(api, "account", account, account)) == (400, "0x80045305")


def test_an_inactive_row_is_not_merged(api):
    """MergeEntityNotActiveError 0x80045304; so a merge cannot be done twice."""
    target, loser = (create(api, "accounts", name=n) for n in "AB")
    assert merge(api, "account", target, loser).status_code == 204
    assert error(merge(api, "account", target, loser)) == (400, "0x80045304")


def test_merging_may_check_parents(api):
    """PerformParentingChecks: MergeDifferentlyParentedWarning 0x80045316."""
    parent = create(api, "accounts", name="P")
    target = create(api, "accounts", name="A")
    loser = create(
        api, "accounts", name="B", parentaccountid__bind=f"accounts({parent})"
    )
    answer = merge(api, "account", target, loser, PerformParentingChecks=True)
    assert error(answer) == (400, "0x80045316")
    assert read(api, f"accounts({loser})", "merged")["merged"] is False


@pytest.mark.parametrize(
    ("entity_set", "table", "navigation"),
    [
        ("accounts", "account", "parentaccountid"),
        ("contacts", "contact", "parentcustomerid_contact"),
    ],
)
def test_a_merge_makes_no_circle(api, entity_set, table, navigation):
    """MergeCyclicalParentingError 0x80045300: loser above middle above target."""
    rows = [create(api, entity_set)]
    for _ in range(2):
        bind = {f"{navigation}__bind": f"{entity_set}({rows[-1]})"}
        rows.append(create(api, entity_set, **bind))
    loser, middle, target = rows
    assert error(merge(api, table, target, loser)) == (400, "0x80045300")
    row = api.get(f"{entity_set}({middle})?$expand={navigation}").json()
    assert row[navigation][f"{table}id"] == loser


def test_a_circle_above_the_target_ends_the_search(api):
    """Contacts may stand in a circle; a merge below it is a merge like others."""
    first, second, target, loser = (create(api, "contacts") for _ in range(4))
    for child, parent in ((first, second), (second, first), (target, first)):
        bind = {"parentcustomerid_contact@odata.bind": f"contacts({parent})"}
        assert api.patch(f"contacts({child})", json=bind).status_code == 204
    assert merge(api, "contact", target, loser).status_code == 204


def test_only_some_tables_can_be_merged(api):
    """Merge: account, contact, lead and incident only."""
    tasks = [create(api, "tasks", subject=n) for n in "AB"]
    rows = [{"@odata.type": CRM + "task", "activityid": task} for task in tasks]
    body = {"Target": rows[0], "Subordinate": rows[1]}
    assert error(api.post("Merge", json=body)) == (400, "0x80040800")


def test_a_merge_of_nothing(api):
    """ObjectDoesNotExist 0x80040217."""
    account = create(api, "accounts", name="A")
    missing = merge(api, "account", account, str(uuid.uuid4()))
    assert error(missing) == (404, "0x80040217")


@pytest.mark.parametrize(
    "change",
    [
        {"Subordinate": None},
        {"Target": {"accountid": "x"}},
        {"Target": "x"},
        {"Target": {"@odata.type": []}},
        {"UpdateContent": "x"},
        {"Loser": 1},
    ],
)
def test_parameters_of_an_action_are_checked(api, change):
    """Use Web API actions: parameters by name, entities by type; 0x80048d19."""
    target, loser = (create(api, "accounts", name=n) for n in "AB")
    body = {
        "Target": entity("account", target),
        "Subordinate": entity("account", loser),
        **change,
    }
    assert error(api.post("Merge", json=body)) == (400, "0x80048d19")


def test_an_action_is_posted(api):
    """Use Web API actions: POST only."""
    assert api.get("Merge").status_code == 405


# -- closing -----------------------------------------------------------------------


def close(api: Session, action: str, status: int, address: str, **more: object):
    """``address``: the row to be closed."""
    table, parameter = {
        "opportunities": ("opportunityid", "OpportunityClose"),
        "quotes": ("quoteid", "QuoteClose"),
        "salesorders": ("salesorderid", "OrderClose"),
    }[address.partition("(")[0]]
    closing = {"subject": action, f"{table}@odata.bind": f"/{address}", **more}
    return api.post(action, json={"Status": status, parameter: closing})


@pytest.fixture
def opportunity(api):
    return f"opportunities({create(api, 'opportunities', name='Chairs')})"


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [("WinOpportunity", 3, 1), ("LoseOpportunity", 4, 2), ("LoseOpportunity", 5, 2)],
)
def test_an_opportunity_is_closed(api, opportunity, action, status, state):
    """WinOpportunity, LoseOpportunity: state, status, revenue, closing activity."""
    more = {"actualrevenue": 1250.5, "actualend": "2026-05-31T10:00:00Z"}
    assert close(api, action, status, opportunity, **more).status_code == 204
    columns = ("statecode", "statuscode", "actualvalue", "actualclosedate")
    row = read(api, opportunity, *columns)
    assert (row["statecode"], row["statuscode"]) == (state, status)
    assert (row["actualvalue"], row["actualclosedate"]) == (1250.5, "2026-05-31")
    (activity,) = api.get(f"{opportunity}/Opportunity_OpportunityClose").json()["value"]
    assert (activity["subject"], activity["statecode"]) == (action, 1)


def test_a_closing_without_a_status_takes_the_default(api, opportunity):
    """Status -1 is the default status of the state."""
    assert close(api, "WinOpportunity", -1, opportunity).status_code == 204
    assert read(api, opportunity, "statuscode")["statuscode"] == 3


def test_an_opportunity_is_closed_once(api, opportunity):
    """OpportunityIsAlreadyClosed 0x80040515; nothing is left of the attempt."""
    assert close(api, "WinOpportunity", 3, opportunity).status_code == 204
    answer = close(api, "LoseOpportunity", 4, opportunity)
    assert error(answer) == (400, "0x80040515")
    found = api.get("opportunitycloses?$select=subject").json()["value"]
    assert [row["subject"] for row in found] == ["WinOpportunity"]


def test_a_closing_status_must_fit(api, opportunity):
    """InvalidStateCodeStatusCode 0x80048408."""
    assert error(close(api, "WinOpportunity", 4, opportunity)) == (400, "0x80048408")


@pytest.mark.parametrize("status", ["3", [3], 3.5, True])
def test_a_closing_status_is_a_number(api, opportunity, status):
    """Edm.Int32; 0x80048d19."""
    assert error(close(api, "WinOpportunity", status, opportunity)) == (
        400,
        "0x80048d19",
    )


def test_open_quotes_keep_an_opportunity_open(api, opportunity):
    """OpportunityCannotBeClosed 0x80040516: draft or active quotes."""
    quote = create(api, "quotes", name="Q", opportunityid__bind=opportunity)
    assert error(close(api, "WinOpportunity", 3, opportunity)) == (400, "0x80040516")
    assert close(api, "CloseQuote", 5, f"quotes({quote})").status_code == 204
    assert close(api, "WinOpportunity", 3, opportunity).status_code == 204


def test_a_closing_names_its_row(api):
    """MissingOpportunityId 0x80043b15."""
    answer = api.post(
        "WinOpportunity", json={"Status": 3, "OpportunityClose": {"subject": "Won"}}
    )
    assert error(answer) == (400, "0x80043b15")


@pytest.mark.parametrize(
    ("state", "message"), [(1, "WinOpportunity"), (2, "LoseOpportunity")]
)
def test_writing_the_state_does_not_close_an_opportunity(
    api, opportunity, state, message
):
    """CannotUseOpportunitySetStateMessage 0x80100005."""
    answer = api.patch(opportunity, json={"statecode": state})
    assert error(answer) == (400, "0x80100005")
    assert f"use the {message} message instead" in answer.text
    assert read(api, opportunity, "statecode")["statecode"] == 0


def test_writing_the_state_reopens_an_opportunity(api, opportunity):
    """Only closing needs an action."""
    assert close(api, "LoseOpportunity", 4, opportunity).status_code == 204
    open_again = {"statecode": 0, "statuscode": 1}
    assert api.patch(opportunity, json=open_again).status_code == 204
    assert close(api, "WinOpportunity", 3, opportunity).status_code == 204


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [("WinQuote", 4, 2), ("CloseQuote", 5, 3), ("CloseQuote", 6, 3)],
)
def test_a_quote_is_activated_and_closed(api, action, status, state):
    """WinQuote, CloseQuote; activating is a plain change of state."""
    quote = f"quotes({create(api, 'quotes', name='Q')})"
    assert api.patch(quote, json={"statecode": 1}).status_code == 204
    assert close(api, action, status, quote).status_code == 204
    row = read(api, quote, "statecode", "statuscode", "closedon")
    assert (row["statecode"], row["statuscode"]) == (state, status)
    assert row["closedon"]


def test_a_draft_quote_cannot_be_won(api):
    """WinQuote is for active quotes."""
    quote = f"quotes({create(api, 'quotes', name='Q')})"
    assert close(api, "WinQuote", 4, quote).status_code == 400
    assert read(api, quote, "statecode")["statecode"] == 0


@pytest.mark.parametrize(
    ("action", "status", "state", "fulfilled"),
    [
        ("FulfillSalesOrder", 100001, 3, True),
        ("FulfillSalesOrder", 100002, 3, True),
        ("CancelSalesOrder", 4, 2, False),
    ],
)
def test_an_order_is_closed(api, action, status, state, fulfilled):
    """FulfillSalesOrder, CancelSalesOrder."""
    order = f"salesorders({create(api, 'salesorders', name='O')})"
    assert close(api, action, status, order).status_code == 204
    row = read(api, order, "statecode", "statuscode", "datefulfilled")
    assert (row["statecode"], row["statuscode"]) == (state, status)
    assert bool(row["datefulfilled"]) is fulfilled


@pytest.mark.parametrize(
    ("entity_set", "state"),
    [("quotes", 2), ("quotes", 3), ("salesorders", 2), ("salesorders", 3)],
)
def test_writing_the_state_does_not_close_quotes_and_orders(api, entity_set, state):
    """Quotes and orders are closed by their actions."""
    row = f"{entity_set}({create(api, entity_set, name='A')})"
    assert api.patch(row, json={"statecode": state}).status_code == 400


@pytest.mark.parametrize(("state", "status"), [(2, 100001), (3, 100003)])
def test_an_invoice_is_paid_or_canceled_by_its_state(api, state, status):
    """invoice reference: state and status are written."""
    invoice = f"invoices({create(api, 'invoices', name='I')})"
    change = {"statecode": state, "statuscode": status}
    assert api.patch(invoice, json=change).status_code == 204
    row = read(api, invoice, "statecode", "statuscode")
    assert (row["statecode"], row["statuscode"]) == (state, status)


# -- QualifyLead -------------------------------------------------------------------

QUALIFY = {
    "CreateAccount": True,
    "CreateContact": True,
    "CreateOpportunity": True,
    "Status": 3,
}


@pytest.fixture
def lead(api):
    return create(
        api,
        "leads",
        subject="Twenty chairs",
        companyname="Holm A/S",
        firstname="Ida",
        lastname="Holm",
        emailaddress1="ida@holm.example",
        estimatedamount=999.99,
    )


def qualify(api: Session, lead: str, **change: object):
    return api.post(f"leads({lead})/{CRM}QualifyLead", json={**QUALIFY, **change})


def test_qualifying_a_lead_makes_three_rows(api, lead):
    """QualifyLead: the created rows are returned with type and key, and linked."""
    answer = qualify(api, lead)
    assert answer.status_code == 200, answer.text
    made = {
        row["@odata.type"].rpartition(".")[2]: row for row in answer.json()["value"]
    }
    account = made["account"]["accountid"]
    contact = made["contact"]["contactid"]
    opportunity = made["opportunity"]["opportunityid"]
    assert read(api, f"accounts({account})", "name")["name"] == "Holm A/S"
    row = read(api, f"contacts({contact})", "fullname", "_parentcustomerid_value")
    assert (row["fullname"], row["_parentcustomerid_value"]) == ("Ida Holm", account)
    row = api.get(f"opportunities({opportunity})").json()
    assert (row["name"], row["estimatedvalue"]) == ("Twenty chairs", 999.99)
    assert row["_customerid_value"] == row["_parentaccountid_value"] == account
    assert row["_parentcontactid_value"] == contact
    assert row["_originatingleadid_value"] == lead
    row = api.get(f"leads({lead})").json()
    assert (row["statecode"], row["statuscode"]) == (1, 3)
    assert row["_qualifyingopportunityid_value"] == opportunity
    assert row["_parentaccountid_value"] == account


def test_qualifying_makes_only_what_is_asked_for(api, lead):
    """QualifyLead: an existing customer instead of a new one."""
    account = create(api, "accounts", name="Old customer")
    answer = qualify(
        api,
        lead,
        CreateAccount=False,
        CreateContact=False,
        OpportunityCustomerId=entity("account", account),
    )
    (made,) = answer.json()["value"]
    row = read(api, f"opportunities({made['opportunityid']})", "_customerid_value")
    assert row["_customerid_value"] == account
    assert count(api, "contacts") == 0


def test_a_lead_is_qualified_once(api, lead):
    """LeadAlreadyInClosedState 0x80040519."""
    assert qualify(api, lead).status_code == 200
    assert error(qualify(api, lead)) == (400, "0x80040519")


def test_qualifying_needs_a_qualified_status(api, lead):
    """InvalidStateCodeStatusCode 0x80048408; nothing is made."""
    assert error(qualify(api, lead, Status=4)) == (400, "0x80048408")
    assert count(api, "accounts") == 0


# -- many rows ---------------------------------------------------------------------


def bulk_delete(api: Session, query: object):
    body = {
        "QuerySet": [query],
        "JobName": "Old",
        "SendEmailNotification": False,
        "ToRecipients": [],
        "CCRecipients": [],
        "RecurrencePattern": "",
        "StartDateTime": "2026-01-01T00:00:00Z",
    }
    return api.post("BulkDelete", json=body)


def condition(column: str, operator: str, *wanted: object) -> dict[str, object]:
    found = [{"Value": value, "Type": "System.String"} for value in wanted]
    return {"AttributeName": column, "Operator": operator, "Values": found}


NESTED_FILTER: dict = {}
for _ in range(100):
    NESTED_FILTER = {"Filters": [NESTED_FILTER]}


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ({"Conditions": [condition("name", "Equal", "a")]}, "BC"),
        ({"Conditions": [condition("name", "In", "A", "B")]}, "C"),
        ({"Conditions": [condition("name", "NotEqual", "A")]}, "A"),
        ({"Conditions": [condition("fax", "NotNull")]}, "ABC"),
        (
            {
                "FilterOperator": "Or",
                "Conditions": [condition("name", "Equal", "A")],
                "Filters": [{"Conditions": [condition("name", "Equal", "C")]}],
            },
            "B",
        ),
        ({}, ""),
    ],
)
def test_bulk_delete_removes_what_its_query_finds(api, criteria, left):
    """BulkDelete: a job id; the rows go."""
    for name in "ABC":
        create(api, "accounts", name=name)
    answer = bulk_delete(api, {"EntityName": "account", "Criteria": criteria})
    assert uuid.UUID(answer.json()["JobId"])
    rows = api.get("accounts?$select=name&$orderby=name").json()["value"]
    assert "".join(row["name"] for row in rows) == left


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"EntityName": "nosuch"}, (400, "0x80060888")),
        (
            {
                "EntityName": "account",
                "Criteria": {"Conditions": [condition("nosuch", "Equal", 1)]},
            },
            (400, "0x80041103"),
        ),
        ({"EntityName": "account", "LinkEntities": []}, (501, "0x80060885")),
        ("account", (400, "0x80048d19")),
        ({"EntityName": "account", "Criteria": []}, (400, "0x80048d19")),
        (
            {
                "EntityName": "account",
                "Criteria": {"Conditions": [condition("name", ["Equal"], "A")]},
            },
            (501, "0x80060885"),
        ),
        (
            {"EntityName": "account", "Criteria": {"Filters": [NESTED_FILTER]}},
            (400, "0x80048d19"),
        ),
    ],
)
def test_bulk_delete_refuses_what_it_does_not_know(api, query, expected):
    """Unknown names are errors; unknown parts of a query are no silent guess."""
    create(api, "accounts", name="A")
    assert error(bulk_delete(api, query)) == expected
    assert count(api, "accounts") == 1


def test_delete_multiple_is_for_elastic_tables(api):
    """DeleteMultiple: not implemented for standard tables."""
    account = create(api, "accounts", name="A")
    answer = api.post(
        f"accounts/{CRM}DeleteMultiple", json={"Targets": [entity("account", account)]}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "DeleteMultiple has not yet been implemented."
    )
    assert api.get(f"accounts({account})").status_code == 200


def test_total_record_count(api):
    """RetrieveTotalRecordCount: keys and values side by side."""
    for name in "AB":
        create(api, "accounts", name=name)
    call = "RetrieveTotalRecordCount(EntityNames=@p1)?@p1=['account','lead']"
    collection = api.get(call).json()["EntityRecordCountCollection"]
    assert collection["Keys"] == ["account", "lead"]
    assert collection["Values"] == [2, 0]
