"""Queries: columns, conditions, order, pages, counts."""

from __future__ import annotations

from typing import Any

import pytest
from environment import Api, Rows, bind, error

NAMES = ["Alpha", "beta", "Gamma", "Öland", "O'Hara"]
CRM = "Microsoft.Dynamics.CRM"


@pytest.fixture(scope="module")
def five(shared: Rows) -> Rows:
    """Five accounts; revenue 10 to 50, Alpha has a fax and a primary contact."""
    contact = shared.add("contacts", {"firstname": "Ada"}, "King")
    for number, name in enumerate(NAMES, 1):
        body: dict[str, Any] = {
            "revenue": number * 10,
            "numberofemployees": number,
            "donotemail": number % 2 == 0,
        }
        if name == "Alpha":
            body |= {"fax": "5", **bind("primarycontactid", "contacts", contact)}
        shared.add("accounts", body, name)
    return shared


def matching(five: Rows, condition: str, **parameters: str) -> list[str]:
    """The names that match a condition, in the order of NAMES; M stands for a mark."""
    condition = condition.replace("M ", five.mark + " ")
    condition = f"startswith(name,'{five.mark}') and ({condition})"
    query = {"$select": "name", "$filter": condition, **parameters}
    found = {row["name"] for row in five.api.rows("accounts", params=query)}
    return [name for name in NAMES if five.name(name) in found]


# -- conditions ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name eq 'M Alpha'", NAMES[:1]),
        ("name ne 'M Alpha'", NAMES[1:]),
        ("revenue gt 40", NAMES[4:]),
        ("revenue ge 40", NAMES[3:]),
        ("revenue lt 20", NAMES[:1]),
        ("revenue le 20.00", NAMES[:2]),
        ("revenue gt 10 and revenue lt 40", NAMES[1:3]),
        ("revenue lt 20 or revenue gt 40", ["Alpha", "O'Hara"]),
        ("not (revenue gt 10)", NAMES[:1]),
        ("(revenue eq 10 or revenue eq 20) and donotemail eq true", ["beta"]),
        ("donotemail eq false", ["Alpha", "Gamma", "O'Hara"]),
        ("statecode eq 0", NAMES),
    ],
)
def test_operators(five, condition, expected):
    """Comparison and logical operators, with brackets.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, condition) == expected


@pytest.mark.parametrize("name", ["ALPHA", "alpha", "Alpha"])
def test_text_is_compared_without_regard_to_case(five, name):
    """All filter conditions on strings are case-insensitive.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, f"name eq 'M {name}'") == ["Alpha"]


def test_a_quote_in_a_text_is_doubled(five):
    """'O''Hara' is O'Hara.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, "name eq 'M O''Hara'") == ["O'Hara"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("contains(name,'lan')", ["Öland"]),
        ("startswith(name,'M g')", ["Gamma"]),
        ("endswith(name,'TA')", ["beta"]),
        ("not contains(name,'a')", []),
        ("not endswith(name,'a')", ["Öland"]),
    ],
)
def test_text_functions(five, condition, expected):
    """contains, startswith, endswith; they can be negated.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("contains(name,'G%a')", ["Gamma"]),
        ("contains(name,'G_mm')", ["Gamma"]),
        ("endswith(name,'[mn]ma')", ["Gamma"]),
    ],
)
def test_wildcards_in_text_functions(five, condition, expected):
    """%, _ and [] are wildcards inside the functions.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, condition) == expected


def test_wildcards_are_characters_for_eq(five):
    """With eq the characters stand for themselves.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, "name eq 'M G%a'") == []


def test_null_is_compared_with_eq(five):
    """eq null finds rows without a value.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, "fax eq null") == NAMES[1:]


def test_null_is_compared_with_ne(five):
    """ne null finds rows with any value.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, "fax ne null") == NAMES[:1]


def test_rows_without_value_are_not_equal_to_one(five):
    """ne includes rows in which the column is null.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, "fax ne '5'") == NAMES[1:]


def test_a_condition_on_a_related_row(five):
    """lookup/property.

    Learn: webapi/query/filter-rows
    """
    condition = "primarycontactid/firstname eq 'ada'"
    assert matching(five, condition) == ["Alpha"]


def test_a_condition_two_steps_away(five):
    """lookup/lookup/property.

    Learn: webapi/query/filter-rows
    """
    me = five.api.retrieve("WhoAmI")["UserId"]
    condition = f"primarycontactid/owninguser/systemuserid eq {me}"
    assert matching(five, condition) == ["Alpha"]


def test_a_lookup_is_compared_by_its_value(five):
    """_x_value eq a GUID without quotes.

    Learn: webapi/query/filter-rows
    """
    (ada,) = five.find("contacts")
    condition = f"_primarycontactid_value eq {ada['contactid']}"
    assert matching(five, condition) == ["Alpha"]


def test_columns_of_a_row_are_compared(five):
    """Property against property of the same row.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, "modifiedon ge createdon") == NAMES
    assert matching(five, "modifiedon lt createdon") == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("createdon gt 2020-01-01T00:00:00Z", NAMES), ("createdon lt 2020-01-01", [])],
)
def test_dates_stand_without_quotes(five, condition, expected):
    """Date and date with time.

    Learn: webapi/query/filter-rows
    """
    assert matching(five, condition) == expected


@pytest.mark.parametrize(
    ("any_or_all", "found"),
    [
        ("any(a:a/name eq 'M Alpha')", True),
        ("any(a:a/name eq 'M beta')", False),
        ("any()", True),
        ("all(a:a/revenue lt 100)", True),
        ("all(a:a/revenue lt 5)", False),
    ],
)
def test_lambda_operators(five, any_or_all, found):
    """any and all over a collection.

    Learn: webapi/query/filter-rows
    """
    condition = any_or_all.replace("M ", five.mark + " ")
    rows = five.find("contacts", f" and account_primary_contact/{condition}")
    assert bool(rows) is found


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("In", "PropertyName='numberofemployees',PropertyValues=['1','3']", [0, 2]),
        (
            "NotIn",
            "PropertyName='numberofemployees',PropertyValues=['1','3']",
            [1, 3, 4],
        ),
        (
            "Between",
            "PropertyName='numberofemployees',PropertyValues=['2','3']",
            [1, 2],
        ),
        (
            "NotBetween",
            "PropertyName='numberofemployees',PropertyValues=['2','4']",
            [0, 4],
        ),
        ("EqualUserId", "PropertyName='ownerid'", [0, 1, 2, 3, 4]),
        ("NotEqualUserId", "PropertyName='ownerid'", []),
        ("EqualBusinessId", "PropertyName='owningbusinessunit'", [0, 1, 2, 3, 4]),
        ("LastXDays", "PropertyName='createdon',PropertyValue=2", [0, 1, 2, 3, 4]),
        ("NextXDays", "PropertyName='createdon',PropertyValue=2", None),
        ("OlderThanXDays", "PropertyName='createdon',PropertyValue=2", []),
        ("Last7Days", "PropertyName='createdon'", [0, 1, 2, 3, 4]),
        (
            "OnOrAfter",
            "PropertyName='createdon',PropertyValue='2020-01-01'",
            [0, 1, 2, 3, 4],
        ),
        ("OnOrBefore", "PropertyName='createdon',PropertyValue='2020-01-01'", []),
        ("On", "PropertyName='createdon',PropertyValue='2020-01-01'", []),
    ],
)
def test_query_functions(five, function, arguments, expected):
    """Functions of the namespace Microsoft.Dynamics.CRM.

    Learn: webapi/query/filter-rows
    """
    found = matching(five, f"{CRM}.{function}({arguments})")
    if expected is not None:  # what was made just now may still count as to come
        assert found == [NAMES[number] for number in expected]


def test_a_query_function_can_be_combined(five):
    """Functions stand among other conditions.

    Learn: webapi/query/filter-rows
    """
    function = f"{CRM}.In(PropertyName='numberofemployees',PropertyValues=['1','2'])"
    assert matching(five, f"not {function} and revenue lt 50") == ["Gamma", "Öland"]


def test_conditions_on_a_choices_column(environment, api, rows):
    """ContainValues finds rows with one of the values.

    Learn: webapi/query/filter-rows
    """
    kind = f"{CRM}.MultiSelectPicklistAttributeMetadata"
    columns = api.rows(
        f"EntityDefinitions(LogicalName='account')/Attributes/{kind}"
        "?$select=LogicalName&$expand=OptionSet($select=Options)"
    )
    column = next((c for c in columns if len(c["OptionSet"]["Options"]) > 1), None)
    if not column:
        environment.lacks("an account column with several choices")
    name = column["LogicalName"]
    one, two = [str(o["Value"]) for o in column["OptionSet"]["Options"][:2]]
    rows.add("accounts", {name: f"{one},{two}"}, "Both")
    rows.add("accounts", {name: one}, "One")
    function = f"{CRM}.ContainValues(PropertyName='{name}',PropertyValues=['{two}'])"
    (found,) = rows.find("accounts", f" and {function}")
    assert found[name] == f"{one},{two}"
    function = function.replace("ContainValues", "DoesNotContainValues")
    (found,) = rows.find("accounts", f" and {function}")
    assert found["name"] == rows.name("One")


def test_parameter_aliases(five):
    """@p1 stands for a value that the query gives separately.

    Learn: webapi/query/overview
    """
    assert matching(five, "name eq @p1", **{"@p1": f"'{five.name('beta')}'"}) == [
        "beta"
    ]


@pytest.mark.parametrize(
    "query",
    [
        "$filter=nosuchcolumn eq 1",
        "$filter=Name eq 'a'",
        "$filter=name eq",
        "$filter=numberofemployees eq 'x'",
        "$select=nosuchcolumn",
        "$select=ownerid",
        "$select=primarycontactidname",
        "$select=Name",
        "$orderby=nosuchcolumn",
        "$expand=nosuchnavigation",
        "$top=x",
        "$skip=1",
    ],
)
def test_queries_that_are_refused(api, query):
    """Unknown names, wrong types, options that do not exist: 400.

    Learn: webapi/query/overview
    """
    assert api.get(f"accounts?{query}").status_code == 400


def test_an_unknown_property_is_named(api):
    """0x80060888 "Could not find a property named 'x' on type ...".

    Recorded: answers of live organizations in public reports
    """
    answer = api.get("accounts?$select=primarycontactidname")
    assert error(answer) == (400, "0x80060888")
    assert answer.json()["error"]["message"] == (
        "Could not find a property named 'primarycontactidname' on type "
        "'Microsoft.Dynamics.CRM.account'."
    )


def test_custom_parameters_are_allowed(five):
    """?tag= is for plug-ins; the query does not mind.

    Learn: optional-parameters
    """
    assert matching(five, "revenue eq 10", tag="mine") == ["Alpha"]


# -- columns -------------------------------------------------------------------------


def test_only_selected_columns_come(five):
    """$select names the columns.

    Learn: webapi/query/select-columns
    """
    row = five.find("accounts", "&$select=name,fax")[0]
    assert row.keys() == {"@odata.etag", "accountid", "name", "fax"}


def test_the_primary_key_always_comes(five):
    """It need not be selected.

    Learn: webapi/query/select-columns
    """
    assert five.find("accounts", "&$select=fax")[0]["accountid"]


def test_money_brings_its_currency(five):
    """Selecting a money column returns _transactioncurrencyid_value as well.

    Learn: webapi/query/select-columns
    """
    row = five.find("accounts", "&$select=revenue")[0]
    assert row["_transactioncurrencyid_value"]


def test_an_address_line_brings_the_composite(five):
    """Selecting address1_line1 returns address1_composite as well.

    Learn: webapi/query/select-columns
    """
    row = five.find("accounts", "&$select=address1_line1")[0]
    assert "address1_composite" in row


def test_without_select_all_columns_come(five):
    """Also those without a value, as null.

    Learn: webapi/query/select-columns
    """
    row = five.find("accounts")[0]
    assert len(row) > 50
    assert row["tickersymbol"] is None and row["_parentaccountid_value"] is None


def test_a_lookup_is_selected_by_its_value(five):
    """_x_value.

    Learn: webapi/query/select-columns
    """
    row = five.find("accounts", "&$select=_ownerid_value")[0]
    assert row["_ownerid_value"]


def test_the_context_names_set_and_columns(five):
    """@odata.context: $metadata#accounts(name,fax).

    Learn: webapi/query/select-columns
    """
    body = five.api.retrieve("accounts?$select=name,fax&$top=1")
    assert body["@odata.context"] == (
        f"{five.api.base_url}/$metadata#accounts(name,fax)"
    )


def test_every_row_has_an_etag(five):
    """W/"<version>".

    Learn: webapi/perform-conditional-operations-using-web-api
    """
    for row in five.find("accounts", "&$select=versionnumber"):
        assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'


def test_dollar_signs_may_be_encoded(five):
    """%24select is $select, + is a space.

    Measured: requests of the Python SDK
    """
    address = f"accounts?%24select=name&%24filter=startswith(name,'{five.mark}')"
    assert len(five.api.rows(address + "+and+revenue+gt+20")) == 3


# -- annotations ---------------------------------------------------------------------

ALL = 'odata.include-annotations="*"'
FORMATTED = "@OData.Community.Display.V1.FormattedValue"


def test_no_annotations_unless_asked_for(five):
    """Only @odata.etag comes by itself.

    Learn: webapi/query/select-columns
    """
    row = five.find("accounts", "&$select=revenue,statecode")[0]
    assert [name for name in row if "@" in name] == ["@odata.etag"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [("statecode", "Active"), ("numberofemployees", "1"), ("donotemail", "Allow")],
)
def test_formatted_values(five, column, expected):
    """Labels of options, numbers as text, beside the property.

    Learn: webapi/query/select-columns
    """
    row = five.find("accounts", f" and revenue eq 10&$select={column}", prefer=ALL)[0]
    assert row[column + FORMATTED] == expected


def test_a_lookup_is_formatted_as_the_name_of_its_row(five):
    """FormattedValue of _x_value.

    Learn: webapi/query/select-columns
    """
    select = " and revenue eq 10&$select=_primarycontactid_value"
    row = five.find("accounts", select, prefer=ALL)[0]
    expected = f"Ada {five.name('King')}"
    assert row["_primarycontactid_value" + FORMATTED] == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("lookuplogicalname", "contact"),
        ("associatednavigationproperty", "primarycontactid"),
    ],
)
def test_a_lookup_says_where_it_points(five, annotation, expected):
    """Table and navigation property.

    Learn: webapi/query/select-columns
    """
    select = " and revenue eq 10&$select=_primarycontactid_value"
    row = five.find("accounts", select, prefer=ALL)[0]
    assert row[f"_primarycontactid_value@{CRM}.{annotation}"] == expected


def test_annotations_can_be_named(five):
    """Only those in the list come.

    Learn: webapi/query/select-columns
    """
    prefer = 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"'
    select = " and revenue eq 10&$select=_primarycontactid_value"
    row = five.find("accounts", select, prefer=prefer)[0]
    annotations = {name.partition("@")[2] for name in row if "@" in name}
    assert annotations == {"odata.etag", FORMATTED[1:]}


def test_annotations_precede_their_property(five):
    """In the JSON text.

    Recorded: answers in the documentation
    """
    row = five.find("accounts", "&$select=statecode", prefer=ALL)[0]
    names = list(row)
    assert names.index("statecode" + FORMATTED) < names.index("statecode")


def test_the_preference_is_echoed(five):
    """Preference-Applied.

    Learn: webapi/compose-http-requests-handle-errors
    """
    answer = five.api.get("accounts?$top=1", prefer=ALL)
    assert answer.headers["Preference-Applied"] == ALL


# -- order and pages -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("revenue", [10, 20, 30, 40, 50]),
        ("revenue asc", [10, 20, 30, 40, 50]),
        ("revenue desc", [50, 40, 30, 20, 10]),
        ("donotemail,revenue desc", [50, 30, 10, 40, 20]),
    ],
)
def test_order(five, order, expected):
    """asc is the default; several columns.

    Learn: webapi/query/order-rows
    """
    rows = five.find("accounts", f"&$select=revenue&$orderby={order}")
    assert [row["revenue"] for row in rows] == expected


def test_order_by_a_column_of_a_related_row(five):
    """lookup/property.

    Learn: webapi/query/order-rows
    """
    rows = five.find("accounts", "&$orderby=primarycontactid/firstname desc")
    assert rows[0]["fax"] == "5"


def test_top(five):
    """$top limits the rows, without a link to more.

    Learn: webapi/query/page-results
    """
    query = f"accounts?$filter=startswith(name,'{five.mark}')&$top=2"
    body = five.api.retrieve(query)
    assert len(body["value"]) == 2
    assert "@odata.nextLink" not in body


def pages(five: Rows, size: int, order: str = "") -> list[dict]:
    """The bodies of all pages."""
    query = f"accounts?$select=revenue&$filter=startswith(name,'{five.mark}'){order}"
    found = []
    prefer = f"odata.maxpagesize={size}"
    while query:
        found.append(five.api.retrieve(query, prefer=prefer))
        query = found[-1].get("@odata.nextLink")
    return found


@pytest.mark.parametrize("order", ["", "&$orderby=revenue", "&$orderby=revenue desc"])
def test_pages_give_every_row_once(five, order):
    """odata.maxpagesize, then @odata.nextLink as it is.

    Learn: webapi/query/page-results
    """
    found = pages(five, 2, order)
    assert [len(page["value"]) for page in found] == [2, 2, 1]
    revenues = [row["revenue"] for page in found for row in page["value"]]
    assert sorted(revenues) == [10, 20, 30, 40, 50]
    if order:
        assert revenues == sorted(revenues, reverse="desc" in order)


def test_a_next_link_is_absolute(five):
    """It begins with the address of the environment.

    Learn: webapi/query/page-results
    """
    link = pages(five, 3)[0]["@odata.nextLink"]
    assert link.startswith(f"{five.api.base_url}/accounts?")
    assert "$skiptoken=" in link


def test_the_skiptoken_is_a_cookie(five):
    """<cookie pagenumber="2" pagingcookie="..." istracking="False" />.

    Learn: webapi/query/page-results
    """
    link = pages(five, 3)[0]["@odata.nextLink"]
    assert "%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22" in link
    assert "istracking=%22False%22" in link


def test_a_page_can_be_asked_for_by_its_number(five):
    """A cookie with a page number alone.

    Measured: fxpyD365api 2.3.6 pages in this way
    """
    query = {
        "$filter": f"startswith(name,'{five.mark}')",
        "$orderby": "revenue",
        "$skiptoken": '<cookie pagenumber="2" istracking="False" />',
    }
    body = five.api.retrieve("accounts", params=query, prefer="odata.maxpagesize=2")
    assert [row["revenue"] for row in body["value"]] == [30, 40]
    rest = five.api.rows(body["@odata.nextLink"], prefer="odata.maxpagesize=2")
    assert [row["revenue"] for row in rest] == [50]


def test_top_is_ignored_with_a_page_size(five):
    """$top and odata.maxpagesize do not go together.

    Learn: webapi/query/page-results
    """
    query = f"accounts?$filter=startswith(name,'{five.mark}')&$top=1"
    body = five.api.retrieve(query, prefer="odata.maxpagesize=2")
    assert len(body["value"]) == 2
    assert "@odata.nextLink" in body


def test_the_page_size_is_echoed(five):
    """Preference-Applied: odata.maxpagesize=2.

    Learn: webapi/query/page-results
    """
    answer = five.api.get("accounts", prefer="odata.maxpagesize=2")
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=2"


# -- counts --------------------------------------------------------------------------


def test_count_comes_with_the_rows(five):
    """$count=true: @odata.count is the number of all matches.

    Learn: webapi/query/count-rows
    """
    query = f"accounts?$filter=startswith(name,'{five.mark}')&$count=true&$top=1"
    body = five.api.retrieve(query)
    assert (body["@odata.count"], len(body["value"])) == (5, 1)


def test_count_alone_is_text(five):
    """/$count: a number after a byte order mark.

    Learn: webapi/query/count-rows
    """
    answer = five.api.get(
        f"accounts/$count?$filter=startswith(name,'{five.mark}') and revenue gt 10"
    )
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.content == b"\xef\xbb\xbf4"


@pytest.mark.parametrize(("count", "expected"), [("true", 5), ("false", -1)])
def test_the_total_as_an_annotation(five, count, expected):
    """Microsoft.Dynamics.CRM.totalrecordcount is -1 unless it was counted.

    Learn: webapi/query/count-rows
    """
    query = f"accounts?$filter=startswith(name,'{five.mark}')&$count={count}"
    body = five.api.retrieve(query, prefer=ALL)
    assert body[f"@{CRM}.totalrecordcount"] == expected
    assert body[f"@{CRM}.totalrecordcountlimitexceeded"] is False


@pytest.mark.parametrize("names", ["['account','contact']", '["account","contact"]'])
def test_total_record_count(api: Api, names):
    """RetrieveTotalRecordCount: keys and values side by side; quotes of either kind.

    Learn: webapi/query/count-rows
    """
    body = api.retrieve(f"RetrieveTotalRecordCount(EntityNames=@p1)?@p1={names}")
    collection = body["EntityRecordCountCollection"]
    assert set(collection["Keys"]) == {"account", "contact"}
    assert all(type(value) is int for value in collection["Values"])


# -- related rows --------------------------------------------------------------------


def test_expand_a_lookup(five):
    """The related row, with its own $select.

    Learn: webapi/query/join-tables
    """
    expand = " and revenue eq 10&$expand=primarycontactid($select=firstname)"
    (row,) = five.find("accounts", expand)
    related = row["primarycontactid"]
    assert related["firstname"] == "Ada"
    assert related["contactid"] == row["_primarycontactid_value"]


def test_an_empty_lookup_expands_to_null(five):
    """The property is there.

    Learn: webapi/query/join-tables
    """
    expand = " and revenue eq 20&$select=name&$expand=primarycontactid"
    (row,) = five.find("accounts", expand)
    assert row["primarycontactid"] is None


def test_expand_a_collection(five):
    """An array, and a link to it.

    Learn: webapi/query/join-tables
    """
    expand = "&$expand=account_primary_contact($select=name)"
    (row,) = five.find("contacts", expand)
    assert [r["name"] for r in row["account_primary_contact"]] == [five.name("Alpha")]
    assert row["account_primary_contact@odata.nextLink"].startswith("http")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("$filter=revenue gt 10", 0),
        ("$filter=revenue eq 10", 1),
        ("$orderby=name;$top=1", 1),
    ],
)
def test_options_of_an_expanded_collection(five, options, expected):
    """$filter, $orderby and $top, separated by semicolons.

    Learn: webapi/query/join-tables
    """
    expand = f"&$expand=account_primary_contact($select=name;{options})"
    (row,) = five.find("contacts", expand)
    assert len(row["account_primary_contact"]) == expected


def test_expand_inside_expand(five):
    """Nested $expand.

    Learn: webapi/query/join-tables
    """
    expand = (
        " and revenue eq 10&$expand=primarycontactid($select=firstname;"
        "$expand=owninguser($select=fullname))"
    )
    (row,) = five.find("accounts", expand)
    assert row["primarycontactid"]["owninguser"]["fullname"]


def test_related_rows_have_an_address(five):
    """accounts(id)/primarycontactid, contacts(id)/account_primary_contact.

    Learn: webapi/retrieve-entity-using-web-api
    """
    (row,) = five.find("accounts", " and revenue eq 10")
    contact = five.api.retrieve(f"accounts({row['accountid']})/primarycontactid")
    assert contact["firstname"] == "Ada"
    address = f"contacts({contact['contactid']})/account_primary_contact"
    (back,) = five.api.rows(address + "?$select=name&$filter=revenue eq 10")
    assert back["accountid"] == row["accountid"]
