"""Tables, columns, keys, relationships and option sets that a client makes.

Sources: "Create and update table definitions using the Web API", "Create and update
column definitions", "Create and update choices", "Define alternate keys"; Microsoft's
own SDK sends the rest.
"""

from __future__ import annotations

import enum
from typing import Any

import pytest
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError, MetadataError
from simulator_process import Session, Simulator, create, error, start
from test_simulator_sdk import client  # noqa: F401 - the fixture

pytest_plugins = ["simulator_fixture"]

_PREFIX = "Microsoft.Dynamics.CRM."


class _Phase(enum.IntEnum):
    Idea = 1
    Done = 2


def _label(text: str) -> dict[str, Any]:
    return {"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]}


def _column(kind: str, name: str, **parts: Any) -> dict[str, Any]:
    return {
        "@odata.type": f"{_PREFIX}{kind}AttributeMetadata",
        "SchemaName": name,
        "DisplayName": _label(name),
        **parts,
    }


def _make_table(api: Session, name: str = "new_Project", **parts: Any) -> str:
    body = {
        "SchemaName": name,
        "DisplayName": _label("Project"),
        "DisplayCollectionName": _label("Projects"),
        "OwnershipType": "UserOwned",
        "ChangeTrackingEnabled": True,
        "Attributes": [_column("String", "new_Name", IsPrimaryName=True)],
        **parts,
    }
    answer = api.post("EntityDefinitions", json=body)
    assert answer.status_code == 204, answer.text
    return answer.headers["OData-EntityId"]


def _account(path: str = "") -> str:
    return f"EntityDefinitions(LogicalName='account'){path}"


def test_options_in_two_languages(api):
    """LocalizedLabels has all of them, UserLocalizedLabel the caller's ("Label")."""
    german = {"Label": "Offen", "LanguageCode": 1031}
    text = {"LocalizedLabels": [german, *_label("Open")["LocalizedLabels"]]}
    sets = {
        "@odata.type": f"{_PREFIX}OptionSetMetadata",
        "OptionSetType": "Picklist",
        "Options": [{"Value": 1, "Label": text}],
    }
    column = _column("Picklist", "new_Phase", OptionSet=sets)
    assert api.post(_account("/Attributes"), json=column).status_code == 204
    path = f"/Attributes(LogicalName='new_phase')/{_PREFIX}PicklistAttributeMetadata"
    found = api.get(_account(f"{path}?$expand=OptionSet")).json()["OptionSet"]
    (option,) = found["Options"]
    labels = option["Label"]["LocalizedLabels"]
    assert {one["LanguageCode"]: one["Label"] for one in labels} == {
        1031: "Offen",
        1033: "Open",
    }
    assert option["Label"]["UserLocalizedLabel"]["Label"] == "Open"


# -- with Microsoft's SDK ------------------------------------------------------------


def test_the_sdk_makes_a_table_and_uses_it(client: DataverseClient) -> None:  # noqa: F811
    columns = {
        "new_Code": "string",
        "new_Notes": "memo",
        "new_Count": "int",
        "new_Share": "decimal",
        "new_Weight": "float",
        "new_Day": "datetime",
        "new_Open": "bool",
        "new_Phase": _Phase,
        "new_Document": "file",
    }
    table = client.tables.create("new_Project", columns)
    assert table.entity_set_name == "new_projects"
    row_id = client.records.create(
        "new_Project", {"new_Name": "Bridge", "new_Count": 3, "new_Phase": "Done"}
    )
    row = client.records.retrieve("new_project", row_id)
    assert (row["new_name"], row["new_count"], row["new_phase"]) == ("Bridge", 3, 2)
    with pytest.raises(MetadataError):
        client.tables.create("new_Project", {})
    client.tables.delete("new_Project")
    assert client.tables.get("new_Project") is None


def test_the_sdk_adds_changes_and_removes_columns(
    client: DataverseClient,  # noqa: F811
) -> None:
    client.tables.add_columns("account", {"new_Grade": "string", "new_Phase": _Phase})
    row_id = client.records.create("account", {"name": "A", "new_grade": "1" * 200})
    client.tables.update_column("account", "new_Grade", {"max_length": 300})
    client.records.update("account", row_id, {"new_grade": "1" * 300})
    assert client.tables.get_column("account", "new_Grade")["MaxLength"] == 300
    client.tables.remove_columns("account", ["new_Grade", "new_Phase"])
    with pytest.raises(HttpError):
        client.records.update("account", row_id, {"new_grade": "2"})


def test_the_sdk_makes_lookups(client: DataverseClient) -> None:  # noqa: F811
    client.tables.create("new_Project", {})
    made = client.tables.create_lookup_field(
        referencing_table="new_project",
        lookup_field_name="new_AccountId",
        referenced_table="account",
    )
    account = client.records.create("account", {"name": "Owner"})
    row_id = client.records.create(
        "new_Project",
        {"new_Name": "P", "new_AccountId@odata.bind": f"/accounts({account})"},
    )
    row = client.records.retrieve("new_project", row_id)
    assert row["_new_accountid_value"] == account
    with pytest.raises(HttpError):  # a column that a relationship needs stays
        client.tables.remove_columns("new_project", "new_AccountId")
    client.tables.delete_relationship(made.relationship_id)
    assert "_new_accountid_value" not in client.records.retrieve("new_project", row_id)


def test_the_sdk_makes_and_removes_keys(client: DataverseClient) -> None:  # noqa: F811
    client.tables.create("new_Project", {"new_Code": "string"})
    client.tables.create_alternate_key("new_project", "new_CodeKey", ["new_code"])
    (key,) = client.tables.get_alternate_keys("new_project")
    with pytest.raises(HttpError):
        client.tables.remove_columns("new_project", "new_Code")
    client.tables.delete_alternate_key("new_project", key.metadata_id)
    assert client.tables.get_alternate_keys("new_project") == []


@pytest.mark.parametrize("column", ["new_photo", "new_photo_url", "new_text", "new_no"])
def test_columns_that_no_key_can_have(api: Session, column: str) -> None:
    """ "Valid columns in key table definitions", Work with alternate keys. What belongs
    to an image goes with it (found by random requests).
    """
    _make_table(api)
    attributes = "EntityDefinitions(LogicalName='new_project')/Attributes"
    for name, kind in [
        ("new_Photo", "Image"),
        ("new_Text", "Memo"),
        ("new_Code", "String"),
    ]:
        assert api.post(attributes, json=_column(kind, name)).status_code == 204
    keys = "EntityDefinitions(LogicalName='new_project')/Keys"

    def add(*columns: str) -> int:
        key = {"SchemaName": "new_Key", "KeyAttributes": columns}
        return api.post(keys, json=key).status_code

    assert add("new_code", column) == 400
    assert add("new_code") == 204
    assert api.delete(f"{attributes}(LogicalName='new_photo')").status_code == 204


# -- what a new table can do ---------------------------------------------------------


def test_changes_of_a_new_table_are_tracked(api: Session) -> None:
    _make_table(api)
    url = "new_projects?$select=new_name"
    tracked = {"Prefer": "odata.track-changes"}
    delta = api.get(url, headers=tracked).json()["@odata.deltaLink"]
    row_id = create(api, "new_projects", new_name="A")
    found = api.get(delta).json()["value"]
    assert [row["new_projectid"] for row in found] == [row_id]


def test_a_new_table_is_in_every_description(api: Session) -> None:
    _make_table(api)
    definition = api.get("EntityDefinitions(LogicalName='new_project')").json()
    assert definition["IsCustomEntity"] is True
    assert definition["PrimaryNameAttribute"] == "new_name"
    assert 'Name="new_project"' in api.get("$metadata").text
    sets = [entry["name"] for entry in api.get("").json()["value"]]
    assert "new_projects" in sets
    query = "sdkmessagefilters?$filter=primaryobjecttypecode eq 'new_project'"
    assert api.get(query).json()["value"]


def test_a_column_is_updated_through_a_cast(api: Session) -> None:
    """dynamics-web-api 2.5 sends back what it read, to the address it read it from."""
    _make_table(api)
    path = "EntityDefinitions(LogicalName='new_project')/Attributes"
    address = f"{path}(LogicalName='new_name')/{_PREFIX}StringAttributeMetadata"
    definition = api.get(address).json()
    definition["DisplayName"] = _label("Title")
    assert api.put(address, json=definition).status_code == 204
    label = api.get(address).json()["DisplayName"]["UserLocalizedLabel"]
    assert label["Label"] == "Title"


def test_change_tracking_is_turned_on_once_for_all(api: Session) -> None:
    address = _make_table(api, ChangeTrackingEnabled=False)
    url, tracked = "new_projects?$select=new_name", {"Prefer": "odata.track-changes"}
    assert error(api.get(url, headers=tracked)) == (400, "0x80072491")
    assert api.put(address, json={"ChangeTrackingEnabled": True}).status_code == 204
    assert api.get(url, headers=tracked).status_code == 200
    answer = api.put(address, json={"ChangeTrackingEnabled": False})
    assert answer.status_code == 400


def test_an_amount_brings_its_currency(api: Session) -> None:
    """Money adds the base amount; the table gets currency and rate if it had none."""
    _make_table(api)
    path = "EntityDefinitions(LogicalName='new_project')/Attributes"
    assert api.post(path, json=_column("Money", "new_Price")).status_code == 204
    row_id = create(api, "new_projects", new_name="A", new_price=12.5)
    row = api.get(f"new_projects({row_id})").json()
    assert (row["new_price"], row["new_price_base"]) == (12.5, 12.5)
    assert row["_transactioncurrencyid_value"]


def test_a_global_option_set_is_shared(api: Session) -> None:
    options = [{"Value": 7, "Label": _label("Seven")}]
    given = {"Name": "new_Numbers", "DisplayName": _label("N"), "Options": options}
    assert api.post("GlobalOptionSetDefinitions", json=given).status_code == 204
    bound = {
        "GlobalOptionSet@odata.bind": "GlobalOptionSetDefinitions(Name='new_numbers')"
    }
    column = _column("Picklist", "new_Number", OptionSet={}, **bound)
    assert api.post(_account("/Attributes"), json=column).status_code == 204
    row_id = create(api, "accounts", name="A", new_number=7)
    answer = api.patch(f"accounts({row_id})", json={"new_number": 8})
    assert error(answer) == (400, "0x8004431A")
    address = "GlobalOptionSetDefinitions(Name='new_numbers')"
    assert api.get(address).json()["Options"][0]["Value"] == 7
    assert error(api.delete(address)) == (400, "0x8004F01F")


def test_options_come_and_go(api: Session) -> None:
    """InsertOptionValue, DeleteOptionValue; a row may keep what is gone."""
    column = _column(
        "Picklist",
        "new_Size",
        OptionSet={"Options": [{"Value": 1, "Label": _label("S")}]},
    )
    assert api.post(_account("/Attributes"), json=column).status_code == 204
    names = {"EntityLogicalName": "account", "AttributeLogicalName": "new_size"}
    added = api.post(
        "InsertOptionValue", json={**names, "Label": _label("M"), "Value": 2}
    )
    assert added.json()["NewOptionValue"] == 2
    row_id = create(api, "accounts", name="A", new_size=2)
    assert api.post("DeleteOptionValue", json={**names, "Value": 2}).status_code == 204
    assert api.get(f"accounts({row_id})").json()["new_size"] == 2
    answer = api.patch(f"accounts({row_id})", json={"new_size": 2})
    assert error(answer) == (400, "0x8004431A")
    answer = api.post("DeleteOptionValue", json={**names, "Value": [2]})
    assert answer.status_code == 400


def test_nothing_refers_to_the_parties_of_activities(api: Session) -> None:
    """They have no name of their own that a lookup could show."""
    relationship = {
        "@odata.type": f"{_PREFIX}OneToManyRelationshipMetadata",
        "SchemaName": "new_activityparty_task",
        "ReferencedEntity": "activityparty",
        "ReferencingEntity": "task",
        "Lookup": _column("Lookup", "new_PartyId"),
    }
    answer = api.post("RelationshipDefinitions", json=relationship)
    assert answer.status_code == 400
    assert "primary table" in answer.json()["error"]["message"]
    assert api.get("tasks").status_code == 200


@pytest.mark.parametrize("length", [2.5, -1, "x", True])
def test_a_length_that_is_none(api: Session, length: Any) -> None:
    """Found by random requests."""
    _make_table(api)
    path = "EntityDefinitions(LogicalName='new_project')/Attributes"
    column = _column("String", "new_Code", MaxLength=length)
    assert error(api.post(path, json=column)) == (400, "0x80040203")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SchemaName": "new_Project"}, "0x80047010"),
        ({"SchemaName": "Project"}, "0x80040203"),
        ({"SchemaName": "new_x; DROP TABLE account"}, "0x80040203"),
        ({"Attributes": []}, "0x80040203"),
        ({"OwnershipType": "None"}, "0x80040203"),
    ],
)
def test_tables_that_are_refused(
    api: Session, change: dict[str, Any], code: str
) -> None:
    _make_table(api)
    body = {
        "SchemaName": "new_Other",
        "Attributes": [_column("String", "new_Name", IsPrimaryName=True)],
        **change,
    }
    assert error(api.post("EntityDefinitions", json=body)) == (400, code)


def test_what_the_system_needs_is_not_deleted(api: Session) -> None:
    assert api.delete(_account()).status_code == 400
    path = _account("/Attributes(LogicalName='telephone1')")
    assert api.delete(path).status_code == 400


@pytest.mark.parametrize(
    "name", ["createdon", "new_priceid", "new_photoid", "new_projectid", "new_name"]
)
def test_columns_of_the_platform_go_only_with_their_own(
    api: Session, name: str
) -> None:
    """Found by random requests: an image's id was deleted, the image stayed."""
    photo = _column("Image", "new_Photo")
    primary = _column("String", "new_Name", IsPrimaryName=True)
    _make_table(api, Attributes=[primary, photo, _column("Money", "new_Price")])
    path = (
        f"EntityDefinitions(LogicalName='new_project')/Attributes(LogicalName='{name}')"
    )
    assert api.delete(path).status_code in (400, 404)


def test_activity_pointers_take_no_columns(api: Session) -> None:
    """Found by random requests: the rows of a view have no place for them."""
    path = "EntityDefinitions(LogicalName='activitypointer')/Attributes"
    assert api.post(path, json=_column("File", "new_A")).status_code == 400


def test_a_failed_change_set_takes_its_table_back(api: Session) -> None:
    """Definitions and rows go back together, also in the server's memory."""
    part = (
        "--cs\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
        "POST /api/data/v9.2/{path} HTTP/1.1\r\n"
        "Content-Type: application/json\r\n\r\n{body}\r\n"
    )
    column = '{"@odata.type": "%sStringAttributeMetadata", "SchemaName": "new_A"}'
    first = part.format(number=1, path=_account("/Attributes"), body=column % _PREFIX)
    second = part.format(number=2, path="accounts", body='{"nothing": 1}')
    body = (
        "--b\r\nContent-Type: multipart/mixed; boundary=cs\r\n\r\n"
        f"{first}{second}--cs--\r\n--b--\r\n"
    )
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    api.post("$batch", data=body, headers=headers)
    answer = api.get("accounts?$select=new_a")
    assert error(answer) == (400, "0x80060888")


def test_new_tables_outlive_a_restart(tmp_path: Any) -> None:
    arguments = ("--empty", "--data", str(tmp_path))
    with start(*arguments) as first:
        api = first.session()
        _make_table(api)
        api.post(_account("/Attributes"), json=_column("String", "new_Grade"))
        row_id = create(api, "new_projects", new_name="Bridge")
    with start(*arguments) as second:
        api = second.session()
        row = api.get(f"new_projects({row_id})?$select=new_name").json()
        assert row["new_name"] == "Bridge"
        assert api.get("accounts?$select=new_grade").status_code == 200


def test_a_restored_backup_has_the_tables_of_its_time(
    simulator: Simulator, api: Session
) -> None:
    simulator.control("POST", "snapshot")
    _make_table(api)
    simulator.control("POST", "restore")
    assert api.get("new_projects").status_code == 404
    _make_table(api)
    assert api.get("new_projects").status_code == 200
