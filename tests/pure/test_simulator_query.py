"""Queries in the simulator: options, paging, counting, annotations, expansion.

Source: the "Query data using the Web API" pages of the Dataverse documentation.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from simulator_process import Session, create, error

pytest_plugins = ["simulator_fixture"]

NAMES = ["Alpha", "beta", "Gamma", "Öland", "O'Hara"]


@pytest.fixture
def five(api: Session) -> Session:
    """Five accounts; revenue 10 to 50, Alpha has a contact and a fax."""
    contact = create(api, "contacts", firstname="Ada", lastname="King")
    for number, name in enumerate(NAMES, 1):
        extra = {"fax": "5", "primarycontactid__bind": f"contacts({contact})"}
        create(
            api,
            "accounts",
            name=name,
            revenue=number * 10,
            numberofemployees=number,
            donotemail=number % 2 == 0,
            **(extra if name == "Alpha" else {}),
        )
    return api


def names(session: Session, condition: str, **options: str) -> list[str]:
    """The names that match ``$filter``, in the order of NAMES."""
    parameters = {"$select": "name", "$filter": condition, **options}
    answer = session.get("accounts", params=parameters)
    assert answer.status_code == 200, answer.text
    found = {row["name"] for row in answer.json()["value"]}
    return [name for name in NAMES if name in found]


# -- $filter -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name eq 'ALPHA'", ["Alpha"]),
        ("name eq 'öLAND'", ["Öland"]),
        ("name eq 'O''Hara'", ["O'Hara"]),
        ("name ne 'alpha'", NAMES[1:]),
        ("fax ne '5'", NAMES[1:]),
        ("fax eq null", NAMES[1:]),
        ("fax ne null", NAMES[:1]),
        ("revenue gt 20 and revenue le 40.00", ["Gamma", "Öland"]),
        ("revenue lt 20 or revenue ge 50", ["Alpha", "O'Hara"]),
        ("20 lt revenue and not (name eq 'gamma')", ["Öland", "O'Hara"]),
        ("(name eq 'a' or name eq 'beta') and donotemail eq true", ["beta"]),
        ("contains(name,'A')", ["Alpha", "beta", "Gamma", "Öland", "O'Hara"]),
        ("contains(name,'%m_a')", ["Gamma"]),
        ("startswith(name,'ö')", ["Öland"]),
        ("startswith(name,'[ag]')", ["Alpha", "Gamma"]),
        ("not endswith(name,'a')", ["Öland"]),
        ("primarycontactid/fullname eq 'ada king'", ["Alpha"]),
        ("primarycontactid/owninguser/fullname eq 'x'", []),
        ("statecode eq 0 and createdon gt 2020-01-01T00:00:00Z", NAMES),
        ("createdon lt 2020-01-01", []),
        ("revenue gt creditlimit", []),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='numberofemployees',"
            'PropertyValues=["1","3"])',
            ["Alpha", "Gamma"],
        ),
        (
            "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['beta'])",
            ["beta"],
        ),
        (
            "Microsoft.Dynamics.CRM.NotIn(PropertyName='numberofemployees',"
            'PropertyValues=["1","2","3"])',
            ["Öland", "O'Hara"],
        ),
        (
            "Microsoft.Dynamics.CRM.Between(PropertyName='revenue',"
            'PropertyValues=["20","30"])',
            ["beta", "Gamma"],
        ),
        (
            "Microsoft.Dynamics.CRM.NotBetween(PropertyName='revenue',"
            'PropertyValues=["20","40"])',
            ["Alpha", "O'Hara"],
        ),
        (
            "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',"
            "PropertyValue=1)",
            NAMES,
        ),
        ("Microsoft.Dynamics.CRM.Yesterday(PropertyName='createdon')", []),
        ("Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid')", NAMES),
    ],
)
def test_filter(five, condition, expected):
    """Filter rows: operators, text without regard to case, query functions."""
    assert names(five, condition) == expected


def test_filter_over_collections(five):
    """Lambda operators any and all on collection-valued navigation properties."""
    ada = "contacts?$select=lastname&$filter="
    found = five.get(ada + "account_primary_contact/any(a:a/name eq 'alpha')").json()
    assert [row["lastname"] for row in found["value"]] == ["King"]
    assert not five.get(ada + "account_primary_contact/any(a:a/name eq 'b')").json()[
        "value"
    ]
    every = five.get(ada + "account_primary_contact/all(a:a/revenue lt 5)").json()
    assert every["value"] == []
    assert five.get(ada + "account_primary_contact/any()").json()["value"]


def test_filter_by_lookup_value(five):
    """GUIDs are bare; `_x_value eq guid`."""
    ada = five.get("contacts").json()["value"][0]["contactid"]
    assert names(five, f"_primarycontactid_value eq {ada.upper()}") == ["Alpha"]
    quoted = {"$filter": f"_primarycontactid_value eq '{ada}'"}
    assert error(five.get("accounts", params=quoted)) == (400, "0x80060888")


def test_filter_multi_select(api):
    """ContainValues on a choices column."""
    create(api, "accounts", name="Alpha", new_interests="100000000,100000002")
    create(api, "accounts", name="beta", new_interests="100000001")
    function = (
        "Microsoft.Dynamics.CRM.{}(PropertyName='new_interests',"
        "PropertyValues=['100000002'])"
    )
    assert names(api, function.format("ContainValues")) == ["Alpha"]
    assert names(api, function.format("DoesNotContainValues")) == ["beta"]


@pytest.mark.parametrize(
    "query",
    [
        "$filter=nosuch eq 1",
        "$filter=name eq",
        "$filter=numberofemployees eq 'x'",
        "$filter=tolower(name) eq 'x'",
        "$filter=name in ('a','b')",
        "$filter=createdon gt yesterday",
        "$select=ownerid",
        "$select=primarycontactid",
        "$select=primarycontactidname",
        "$orderby=nosuch",
        "$orderby=name downwards",
        "$expand=nosuch",
        "$skip=1",
        "$search=x",
        "$format=json",
        "$Filter=name eq 'x'",
        "$top=x",
        "$skiptoken=nonsense",
    ],
)
def test_queries_the_server_refuses(api, query):
    """0x80060888; unsupported options; names and options are case-sensitive."""
    assert error(api.get(f"accounts?{query}")) == (400, "0x80060888")


@pytest.mark.parametrize("path", ["nosuch", "accounts/nosuch", "Accounts"])
def test_unknown_segments(api, path):
    """0x8006088a "Resource not found for the segment"."""
    assert error(api.get(path)) == (404, "0x8006088a")


def test_what_is_not_supported_says_so(api):
    """Never a silent guess: 501."""
    path = "accounts?savedQuery=00000000-0000-0000-0000-000000000001"
    assert api.get(path).status_code == 501


# -- $select, $orderby, $top -------------------------------------------------------


def test_select_brings_companions(five):
    """The primary key always, the currency with money, the composite with line1."""
    row = five.get("accounts?$select=revenue,address1_line1&$top=1").json()["value"][0]
    assert set(row) == {
        "@odata.etag",
        "revenue",
        "_transactioncurrencyid_value",
        "address1_line1",
        "address1_composite",
        "accountid",
    }


def test_without_select_every_column_comes(api):
    """Nulls included, lookups as _x_value."""
    create(api, "accounts", name="A")
    row = api.get("accounts").json()["value"][0]
    assert row["_primarycontactid_value"] is None and row["fax"] is None
    assert "primarycontactid" not in row


def test_order_and_top(five):
    """$orderby several columns, asc and desc; $top."""
    answer = five.get("accounts?$select=name&$orderby=donotemail desc,name&$top=3")
    found = [row["name"] for row in answer.json()["value"]]
    assert found == ["beta", "Öland", "Alpha"]
    assert "@odata.nextLink" not in answer.json()


def test_order_through_a_lookup(five):
    """Order by a related row's property."""
    answer = five.get("accounts?$orderby=primarycontactid/lastname desc&$top=1")
    assert answer.json()["value"][0]["name"] == "Alpha"


def test_dollar_and_space_may_be_encoded_differently(five):
    """Measured from clients: %24select, plus signs for spaces."""
    answer = five.get("accounts?%24select=name&%24filter=name+eq+%27beta%27")
    assert [row["name"] for row in answer.json()["value"]] == ["beta"]


# -- paging ------------------------------------------------------------------------


def pages(session: Session, url: str, size: int) -> list[list[dict]]:
    prefer = {"Prefer": f"odata.maxpagesize={size}"}
    found = []
    while url:
        answer = session.get(url, headers=prefer)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Preference-Applied"] == f"odata.maxpagesize={size}"
        found.append(answer.json()["value"])
        url = answer.json().get("@odata.nextLink")
    return found


@pytest.mark.parametrize("order", ["", "&$orderby=revenue desc"])
def test_paging_gives_every_row_once(simulator, five, order):
    """Page results: maxpagesize, absolute next links below the client's address."""
    found = pages(five, f"accounts?$select=name{order}", 2)
    assert [len(page) for page in found] == [2, 2, 1]
    assert sorted(row["name"] for page in found for row in page) == sorted(NAMES)
    answer = five.get("accounts", headers={"Prefer": "odata.maxpagesize=2"}).json()
    assert answer["@odata.nextLink"].startswith(f"{simulator.api_url}/accounts?")


def test_a_full_last_page_has_no_next_link(five):
    """No empty page at the end."""
    assert [len(page) for page in pages(five, "accounts", 5)] == [5]


def test_next_links_use_the_host_of_the_request(simulator, five):
    """Clients strip the address they were given: links are built from Host."""
    other = simulator.api_url.replace("localhost", "127.0.0.1")
    answer = five.get(f"{other}/accounts", headers={"Prefer": "odata.maxpagesize=1"})
    assert answer.json()["@odata.nextLink"].startswith(other)
    assert answer.json()["@odata.context"].startswith(other)


def test_a_reencoded_skiptoken_is_understood(five):
    """Measured: some clients decode and encode the token again."""
    answer = five.get(
        "accounts?$select=name", headers={"Prefer": "odata.maxpagesize=3"}
    ).json()
    link = urlsplit(answer["@odata.nextLink"])
    again = f"{link.path}?{urlencode(parse_qsl(link.query))}"
    rest = five.get(f"https://{link.netloc}{again}").json()["value"]
    assert len(rest) == 2


# -- counting ----------------------------------------------------------------------


def test_count(five):
    """$count=true, /$count with byte order mark, RetrieveTotalRecordCount."""
    counted = five.get("accounts?$count=true&$top=2&$filter=revenue gt 10").json()
    assert counted["@odata.count"] == 4
    plain = five.get("accounts/$count?$filter=revenue gt 10")
    assert plain.content == b"\xef\xbb\xbf4"
    assert plain.headers["Content-Type"] == "text/plain"
    total = five.get("RetrieveTotalRecordCount(EntityNames=['account'])").json()
    assert total["EntityRecordCountCollection"]["Values"] == [5]


def test_total_record_count_annotation(five):
    """-1 without $count, the count with it."""
    wish = "Microsoft.Dynamics.CRM.totalrecordcount"
    prefer = {"Prefer": f'odata.include-annotations="{wish}"'}
    assert five.get("accounts", headers=prefer).json()[f"@{wish}"] == -1
    counted = five.get("accounts?$count=true", headers=prefer).json()
    assert counted[f"@{wish}"] == 5
    assert f"@{wish}limitexceeded" not in counted


# -- annotations -------------------------------------------------------------------


def test_annotations_stand_before_their_property(five):
    """Formatted values, lookup table and navigation property."""
    prefer = {"Prefer": 'odata.include-annotations="*"'}
    select = "_primarycontactid_value,_ownerid_value,revenue,statecode,donotemail"
    answer = five.get(
        f"accounts?$select={select}&$filter=name eq 'Alpha'", headers=prefer
    )
    row = answer.json()["value"][0]
    lookup = "_primarycontactid_value@Microsoft.Dynamics.CRM."
    formatted = "@OData.Community.Display.V1.FormattedValue"
    assert row[lookup + "lookuplogicalname"] == "contact"
    assert row[lookup + "associatednavigationproperty"] == "primarycontactid"
    assert row["_primarycontactid_value" + formatted] == "Ada King"
    assert row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == (
        "systemuser"
    )
    assert row["_ownerid_value" + formatted] == "# Odoo Integration"
    assert row["revenue" + formatted] == "€10.00"
    assert row["statecode" + formatted] == "Active"
    assert row["donotemail" + formatted] == "Allow"
    keys = list(row)
    assert keys.index("statecode" + formatted) == keys.index("statecode") - 1
    assert answer.headers["Preference-Applied"] == 'odata.include-annotations="*"'


def test_polymorphic_lookup_annotations(api):
    """The table and navigation property of the actual target."""
    account = create(api, "accounts", name="A")
    create(api, "contacts", parentcustomerid_account__bind=f"accounts({account})")
    prefer = {"Prefer": 'odata.include-annotations="Microsoft.Dynamics.CRM.*"'}
    row = api.get("contacts", headers=prefer).json()["value"][0]
    value = "_parentcustomerid_value@Microsoft.Dynamics.CRM."
    assert row[value + "lookuplogicalname"] == "account"
    assert row[value + "associatednavigationproperty"] == "parentcustomerid_account"
    assert not any("FormattedValue" in name for name in row)


def test_no_annotations_unless_asked(five):
    """Only @odata.etag by default."""
    row = five.get("accounts").json()["value"][0]
    assert [name for name in row if "@" in name] == ["@odata.etag"]


# -- $expand -----------------------------------------------------------------------


def test_expand_a_lookup(five):
    """Join tables: single-valued navigation property, with $select; null if empty."""
    answer = five.get(
        "accounts?$select=name&$expand=primarycontactid($select=fullname)"
        "&$orderby=revenue&$top=2"
    ).json()["value"]
    assert answer[0]["primarycontactid"]["fullname"] == "Ada King"
    assert set(answer[0]["primarycontactid"]) == {
        "@odata.etag",
        "fullname",
        "contactid",
    }
    assert answer[1]["primarycontactid"] is None


def test_expand_a_polymorphic_lookup(api):
    """Each target has its own navigation property."""
    account = create(api, "accounts", name="A")
    create(api, "contacts", parentcustomerid_account__bind=f"accounts({account})")
    expand = "parentcustomerid_account($select=name),parentcustomerid_contact,ownerid"
    row = api.get(f"contacts?$select=lastname&$expand={expand}").json()["value"][0]
    assert row["parentcustomerid_account"]["name"] == "A"
    assert row["parentcustomerid_contact"] is None
    assert row["ownerid"]["systemuserid"]


def test_expand_a_collection(simulator, api):
    """Collection-valued: options inside, and a next link that can be followed."""
    account = create(api, "accounts", name="A")
    for last in "CABD":
        create(
            api,
            "contacts",
            lastname=last,
            parentcustomerid_account__bind=f"accounts({account})",
        )
    inner = "$select=lastname;$filter=lastname ne 'D';$orderby=lastname desc;$top=2"
    row = api.get(
        f"accounts({account})?$select=name&$expand=contact_customer_accounts({inner})"
    ).json()
    collection = row["contact_customer_accounts"]
    assert [contact["lastname"] for contact in collection] == ["C", "B"]
    link = row["contact_customer_accounts@odata.nextLink"]
    assert link.startswith(f"{simulator.api_url}/accounts({account})/")
    followed = api.get(link).json()["value"]
    assert [contact["lastname"] for contact in followed] == ["C", "B"]


# -- limits ------------------------------------------------------------------------


def test_too_long_an_address(api):
    """32,768 characters for a GET."""
    long = f"accounts?$filter=name eq '{'x' * 33000}'"
    assert api.get(long).status_code == 414
    assert api.get(f"accounts?$filter=name eq '{'x' * 30000}'").status_code == 200


@pytest.mark.parametrize("method", ["patch", "delete", "put"])
def test_methods_a_collection_lacks(api, method):
    """405: a combination of method and resource that does not exist."""
    assert getattr(api, method)("accounts", json={}).status_code == 405
