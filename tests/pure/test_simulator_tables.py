"""Every table of the simulator: rows, changes and metadata; what single tables demand.

Source: the tables' metadata exported from a live organization ("table/entity reference"
of Dataverse and Dynamics 365 Sales) and "Web service error codes".
"""

from __future__ import annotations

import uuid

import pytest
from simulator_process import Session, create, error

from simulator.schema import PRINCIPALS, Schema
from simulator.store import Store

pytest_plugins = ["simulator_fixture"]

SCHEMA = Schema.load()
PRODUCT = {"name": "Chair", "productnumber": "P-1"}
TRACK = {"Prefer": "odata.track-changes"}
WRITABLE = sorted(
    "account annotation appointment businessunit contact customeraddress email invoice "
    "invoicedetail lead opportunity opportunityclose opportunityproduct orderclose "
    "phonecall pricelevel product productpricelevel quote quoteclose quotedetail "
    "salesorder salesorderdetail systemuser task team territory transactioncurrency "
    "uom uomschedule".split()
)


def smallest(api: Session, name: str) -> dict[str, object]:
    """A body with no more than what the platform demands of ``name``."""
    table = SCHEMA.tables[name]
    body: dict[str, object] = {
        column.name: "A" if column.type == "String" else 1
        for column in table.columns.values()
        if column.required == "SystemRequired"
        and column.on_create
        and column.type in ("String", "Integer", "Decimal")
    }
    if "businessunitid" in table.navigations and name != "businessunit":
        unit = api.get("WhoAmI").json()["BusinessUnitId"]
        body["businessunitid@odata.bind"] = f"businessunits({unit})"
    if name == "product":
        group = create(api, "uomschedules", name="Pieces")
        body["defaultuomscheduleid@odata.bind"] = f"uomschedules({group})"
    return body


def text_column(name: str) -> str:
    """A column that can be written and says what was written."""
    table = SCHEMA.tables[name]
    wanted = ("description", "subject", table.primary_name)
    for column in (*(table.columns.get(n) for n in wanted), *table.columns.values()):
        if column and column.type in ("String", "Memo") and column.on_update:
            return column.name
    return "percentage"


@pytest.mark.parametrize("name", WRITABLE)
def test_a_row_lives(api, name):
    """Create, retrieve, update, delete a table row."""
    table = SCHEMA.tables[name]
    row_id = create(api, table.entity_set, **smallest(api, name))
    address = f"{table.entity_set}({row_id})"
    column = text_column(name)
    value: object = 7 if column == "percentage" else "changed"
    assert api.patch(address, json={column: value}).status_code == 204
    row = api.get(address).json()
    assert row[column] == value
    assert row[table.primary_id] == row_id
    assert api.delete(address).status_code == 204
    assert error(api.get(address)) == (404, "0x80040217")


@pytest.mark.parametrize("name", sorted(set(WRITABLE) | {"organization"}))
def test_changes_are_tracked_where_the_table_says_so(api, name):
    """Use change tracking: rows, then tombstones, or 0x80072491."""
    table = SCHEMA.tables[name]
    first = api.get(table.entity_set, headers=TRACK)
    if not table.change_tracking:
        assert error(first) == (400, "0x80072491")
        return
    row_id = create(api, table.entity_set, **smallest(api, name))
    second = api.get(first.json()["@odata.deltaLink"]).json()
    assert [row[table.primary_id] for row in second["value"]] == [row_id]
    assert api.delete(f"{table.entity_set}({row_id})").status_code == 204
    (gone,) = api.get(second["@odata.deltaLink"]).json()["value"]
    assert (gone["id"], gone["reason"]) == (row_id, "deleted")


@pytest.mark.parametrize("name", sorted(SCHEMA.tables))
def test_metadata_and_rows_agree(api, name):
    """EntityDefinitions names what the rows show and what binds their lookups."""
    table = SCHEMA.tables[name]
    entity = api.get(
        f"EntityDefinitions(LogicalName='{name}')?$expand=Attributes,"
        "ManyToOneRelationships"
    ).json()
    assert entity["EntitySetName"] == table.entity_set
    assert entity["ObjectTypeCode"] == table.code
    shown = {a["LogicalName"]: a for a in entity["Attributes"]}
    assert shown[entity["PrimaryIdAttribute"]]["IsPrimaryId"]
    lookups = {n for n, a in shown.items() if a["AttributeType"] in ("Lookup", "Owner")}
    lookups |= {n for n, a in shown.items() if a["AttributeType"] == "Customer"}
    bound = {r["ReferencingAttribute"] for r in entity["ManyToOneRelationships"]}
    assert lookups == bound
    rows = api.get(f"{table.entity_set}?$top=1", headers={"Prefer": ANNOTATE})
    assert rows.status_code == 200
    for row in rows.json()["value"]:
        columns = {key for key in row if "@" not in key}
        columns -= {"ownerid"} if name in PRINCIPALS else set()  # the key they share
        assert columns == {f"_{n}_value" if n in lookups else n for n in shown}


ANNOTATE = 'odata.include-annotations="*"'


def test_names_of_lookups_come_from_the_other_row(api):
    """Formatted values: the primary name, also through a polymorphic lookup."""
    lead = create(api, "leads", subject="Chairs", firstname="Ida", lastname="Holm")
    note = create(
        api, "annotations", subject="Call", objectid_lead__bind=f"leads({lead})"
    )
    row = api.get(f"annotations({note})", headers={"Prefer": ANNOTATE}).json()
    prefix = "_objectid_value@"
    assert row[prefix + "OData.Community.Display.V1.FormattedValue"] == "Ida Holm"
    assert row[prefix + "Microsoft.Dynamics.CRM.lookuplogicalname"] == "lead"
    assert (
        row[prefix + "Microsoft.Dynamics.CRM.associatednavigationproperty"]
        == "objectid_lead"
    )


# -- activities --------------------------------------------------------------------


def test_an_activity_is_also_an_activity_pointer(api):
    """activitypointer reference: one row for each activity, with its type."""
    account = create(api, "accounts", name="A")
    bind = {"regardingobjectid_account_phonecall__bind": f"accounts({account})"}
    call = create(api, "phonecalls", subject="Ring", **bind)
    create(api, "tasks", subject="Write")
    rows = api.get("activitypointers?$select=subject,activitytypecode").json()["value"]
    assert sorted((r["activitytypecode"], r["subject"]) for r in rows) == [
        ("phonecall", "Ring"),
        ("task", "Write"),
    ]
    (one,) = api.get(
        f"accounts({account})/Account_ActivityPointers?$select=subject"
    ).json()["value"]
    assert one["activityid"] == call
    assert api.delete(f"phonecalls({call})").status_code == 204
    assert api.get(f"activitypointers({call})").status_code == 404


@pytest.mark.parametrize("method", ["post", "patch", "delete"])
def test_activity_pointers_are_only_read(api, method):
    """activitypointer supports no Create, Update, Delete of its own."""
    task = create(api, "tasks", subject="Write")
    address = "activitypointers" if method == "post" else f"activitypointers({task})"
    answer = getattr(api, method)(address, json={"subject": "B"})
    assert error(answer) == (400, "0x80040800")
    assert "does not support entities of type 'activitypointer'" in answer.text


# -- sales -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity_set", "column", "prefix"),
    [
        ("quotes", "quotenumber", "QUO-"),
        ("salesorders", "ordernumber", "ORD-"),
        ("invoices", "invoicenumber", "INV-"),
    ],
)
def test_documents_are_numbered(api, entity_set, column, prefix):
    """Autonumbering: a number of its own, unless the client gives one."""
    first = create(api, entity_set, name="A")
    second = create(api, entity_set, name="B")
    mine = create(api, entity_set, name="C", **{column: "X-1"})
    numbers = [
        api.get(f"{entity_set}({row_id})?$select={column}").json()[column]
        for row_id in (first, second, mine)
    ]
    assert numbers[0].startswith(prefix) and numbers[0] != numbers[1]
    assert numbers[2] == "X-1"


def test_lines_go_with_their_document(api):
    """Cascade rules: a quote's lines are deleted with it."""
    quote = create(api, "quotes", name="Q")
    line = create(api, "quotedetails", quoteid__bind=f"quotes({quote})", quantity=2)
    lines = api.get(f"quotes({quote})/quote_details?$select=quantity").json()["value"]
    assert [entry["quotedetailid"] for entry in lines] == [line]
    assert api.delete(f"quotes({quote})").status_code == 204
    assert api.get(f"quotedetails({line})").status_code == 404


def test_a_customer_with_documents_stays(api):
    """Cascade rules: Restrict, 405 CannotDeleteDueToAssociation."""
    account = create(api, "accounts", name="A")
    create(api, "quotes", name="Q", customerid_account__bind=f"accounts({account})")
    assert error(api.delete(f"accounts({account})")) == (405, "0x80040227")


@pytest.mark.parametrize(
    ("table", "column", "value", "wire"),
    [
        ("opportunities", "estimatedclosedate", "2026-05-31", "2026-05-31"),
        ("products", "validfromdate", "2026-05-31", "2026-05-31"),
        (
            "salesorders",
            "requestdeliveryby",
            "2026-05-31T00:00:00Z",
            "2026-05-31T00:00:00Z",
        ),
    ],
)
def test_a_date_has_the_behaviour_of_its_column(api, table, column, value, wire):
    """Behavior and format of the date and time column: DateOnly against UserLocal."""
    name = SCHEMA.sets[table].name
    row_id = create(api, table, **smallest(api, name), **{column: value})
    assert api.get(f"{table}({row_id})?$select={column}").json()[column] == wire


# -- products ----------------------------------------------------------------------


@pytest.fixture
def group(api):
    return create(api, "uomschedules", name="Pieces")


@pytest.fixture
def product(api, group):
    bind = f"uomschedules({group})"
    return create(api, "products", **PRODUCT, defaultuomscheduleid__bind=bind)


def test_a_product_begins_as_a_draft(api, product):
    """Product lifecycle: new products are drafts until they are published."""
    row = api.get(f"products({product})?$select=statecode,statuscode").json()
    assert (row["statecode"], row["statuscode"]) == (2, 0)
    publish = {"statecode": 0, "statuscode": 1}
    assert api.patch(f"products({product})", json=publish).status_code == 204


def test_a_published_product_is_revised_not_updated(api, product):
    """ProductCanOnlyBeUpdatedInDraft 0x8004F995."""
    address = f"products({product})"
    assert api.patch(address, json={"name": "Stool"}).status_code == 204
    assert api.patch(address, json={"statecode": 0}).status_code == 204
    assert error(api.patch(address, json={"name": "B"})) == (400, "0x8004F995")
    assert api.patch(address, json={"statecode": 3}).status_code == 204
    assert api.patch(address, json={"name": "B"}).status_code == 204


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ((0, 2), "0x8004F912"),
        ((0, 1, 3), "0x8004F913"),
        ((0, 1, 2), "0x8004F979"),
        ((1,), "0x8004F978"),
        ((3,), "0x8004F913"),
    ],
)
def test_product_states_follow_the_life_cycle(api, product, path, code):
    """ProductFromActiveToDraftState and its siblings."""
    *steps, last = path
    for state in steps:
        answer = api.patch(f"products({product})", json={"statecode": state})
        assert answer.status_code == 204
    answer = api.patch(f"products({product})", json={"statecode": last})
    assert error(answer) == (400, code)


def test_a_retired_product_is_activated(api, product):
    """ "Activate a product or kit record": Retired -> Active, without a parent."""
    for state in (0, 1, 0):
        answer = api.patch(f"products({product})", json={"statecode": state})
        assert answer.status_code == 204


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"productnumber": "p-1"}, "0x80043b06"),
        ({"productnumber": None}, "0x80043b05"),
        ({"defaultuomscheduleid@odata.bind": None}, "0x80043b13"),
    ],
)
def test_what_a_product_must_have(api, product, group, change, code):
    """ProductProductNumberExists, ProductNoProductNumber, ProductMissingUomShedule."""
    bind = {"defaultuomscheduleid@odata.bind": f"uomschedules({group})"}
    body = {**PRODUCT, "productnumber": "P-2", **bind, **change}
    assert error(api.post("products", json=body)) == (400, code)


# -- data of earlier versions --------------------------------------------------------


def test_a_database_of_an_earlier_version_gets_the_new_columns(tmp_path):
    """--data keeps rows; columns that have come since are empty in them."""
    path = tmp_path / "rows.sqlite"
    earlier, account = Schema.load(), str(uuid.uuid4())
    for name in ("websiteurl", "ownerid"):
        del earlier.tables["account"].columns[name]
    store = Store(earlier, path)
    row = {"accountid": account, "name": "A"}
    store.insert(earlier.tables["account"], row, "", "2026-01-01T00:00:00Z")
    store.close()
    store = Store(SCHEMA, path)
    kept = store.row(SCHEMA.tables["account"], account)
    assert kept["name"] == "A"
    assert kept["websiteurl"] is kept["ownerid_type"] is None
    store.update(SCHEMA.tables["account"], account, {"websiteurl": "w"}, "", "")
    assert store.row(SCHEMA.tables["account"], account)["websiteurl"] == "w"
    store.close()
