"""Pages and change tracking, without a network."""

from __future__ import annotations

import pytest
from wire_support import A, B, contact_table, failure

from dataverse import changes

TABLE = contact_table()
DELETED = {
    "@odata.context": "https://x/$metadata#contacts/$deletedEntity",
    "id": B.upper(),
    "reason": "deleted",
}


def test_pages_are_followed_to_the_end():
    pages = {
        "a": {"value": [1], "@odata.nextLink": "b"},
        "b": {"value": [2], "@odata.nextLink": "c"},
        "c": {"value": [3]},
    }
    assert [p["value"] for p in changes.follow(pages.get, "a")] == [[1], [2], [3]]


def test_pages_are_fetched_only_when_they_are_wanted():
    fetched = []

    def fetch(link):
        fetched.append(link)
        return {"@odata.nextLink": link + "x"}

    pages = changes.follow(fetch, "a")
    next(pages)
    assert fetched == ["a"]


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}])
def test_a_link_that_comes_back_ends_the_reading(links):
    def fetch(link):
        return {"@odata.nextLink": links[link]}

    error = failure(lambda: list(changes.follow(fetch, "a")))
    assert error.name == "EndlessPaging"


def test_there_is_a_limit_of_pages(monkeypatch):
    monkeypatch.setattr(changes, "MAX_PAGES", 3)
    fetched = []

    def fetch(link):
        fetched.append(link)
        return {"@odata.nextLink": link + "x"}

    assert failure(lambda: list(changes.follow(fetch, "a"))).name == "EndlessPaging"
    assert len(fetched) == 3


def test_changed_and_deleted_rows_are_told_apart():
    page = changes.change_page(
        TABLE,
        {
            "value": [{"@odata.etag": 'W/"2"', "contactid": A}, DELETED],
            "@odata.deltaLink": "https://x/delta",
        },
    )
    assert [(row.id, row.etag) for row in page.rows] == [(A, 'W/"2"')]
    assert page.deleted == [B]
    assert (page.next_link, page.delta_link) == (None, "https://x/delta")


def test_a_delta_link_counts_only_on_the_last_page():
    page = changes.change_page(
        TABLE, {"value": [], "@odata.nextLink": "n", "@odata.deltaLink": "d"}
    )
    assert (page.next_link, page.delta_link) == ("n", None)


@pytest.mark.parametrize(
    "page",
    [
        {"value": []},  # neither link: later changes would be lost
        {"value": [], "@odata.deltaLink": ""},
        {"value": [], "@odata.deltaLink": 5},
        {"value": None, "@odata.deltaLink": "d"},
        {"value": [1], "@odata.deltaLink": "d"},
        {"value": [{**DELETED, "id": "?"}], "@odata.deltaLink": "d"},
        {"@odata.deltaLink": "d"},
    ],
)
def test_a_page_that_is_none_is_refused(page):
    assert failure(changes.change_page, TABLE, page).name == "UnreadableAnswer"


def test_a_value_that_does_not_fit_names_its_column():
    error = failure(
        changes.rows_of, TABLE, {"value": [{"contactid": A, "donotemail": "x"}]}
    )
    assert error.name == "UnexpectedValue"
    assert "donotemail" in error.detail
