"""Following pages, and what changed in a table since last time.

Sources: Dataverse Web API, "Page results"; "Use change tracking to synchronize data
with external systems".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import query
from .errors import DataverseError
from .metadata import Row, Table

#: 100,000 pages of 5,000 rows are more than any table has.
MAX_PAGES = 100_000


@dataclass(frozen=True)
class ChangePage:
    """One page of changes: rows as they are now, ids of deleted rows (a row created
    and deleted in between appears too), and where to go on. ``next_link`` leads to the
    next page of this reading; ``delta_link``, on the last page only, to the changes
    after it."""

    rows: list[Row]
    deleted: list[str]
    next_link: str | None
    delta_link: str | None


def follow(fetch: Callable[[str], dict], first: str) -> Iterator[dict]:
    """Yield the page at ``first`` and all that follow it by their next links.

    ``fetch`` gets a path or link and returns the page as JSON. Raises DataverseError
    "EndlessPaging" when a link comes back or there are more than MAX_PAGES.
    """
    seen: set[str] = set()
    link: str | None = first
    while link:
        if link in seen or len(seen) >= MAX_PAGES:
            raise DataverseError("EndlessPaging")
        seen.add(link)
        page = fetch(link)
        yield page
        link = _link(page, "@odata.nextLink")


def rows_of(table: Table, page: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a page. Raises DataverseError "UnreadableAnswer" if it is no
    page and "UnexpectedValue" if a value does not fit its column."""
    return [decode_row(table, raw) for raw in _items(page)]


def change_page(table: Table, page: Mapping[str, Any]) -> ChangePage:
    """Read one page of changes; raises what :func:`rows_of` raises, and
    "UnreadableAnswer" for a last page without delta link: without it the changes from
    now on would be lost in silence."""
    items = _items(page)
    removed = [item for item in items if _is_deleted(item)]
    next_link = _link(page, "@odata.nextLink")
    delta_link = None if next_link else _link(page, "@odata.deltaLink")
    if not next_link and not delta_link:
        raise DataverseError("UnreadableAnswer", sent=True)
    return ChangePage(
        rows=[decode_row(table, item) for item in items if not _is_deleted(item)],
        deleted=[_deleted_id(item) for item in removed],
        next_link=next_link,
        delta_link=delta_link,
    )


def decode_row(table: Table, raw: Mapping[str, Any]) -> Row:
    """``table.decode`` with DataverseError "UnexpectedValue" instead of ValueError."""
    try:
        return table.decode(raw)
    except ValueError as error:
        raise DataverseError("UnexpectedValue", detail=str(error), sent=True) from None


def _items(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = page.get("value")
    if not isinstance(items, list) or not all(isinstance(i, dict) for i in items):
        raise DataverseError("UnreadableAnswer", sent=True)
    return items


def _link(page: Mapping[str, Any], key: str) -> str | None:
    link = page.get(key)
    if link is not None and not isinstance(link, str):
        raise DataverseError("UnreadableAnswer", sent=True)
    return link or None


def _is_deleted(item: Mapping[str, Any]) -> bool:
    context = item.get("@odata.context") or ""
    return str(context).endswith("/$deletedEntity")


def _deleted_id(item: Mapping[str, Any]) -> str:
    try:
        return query.guid(item.get("id"))
    except ValueError:
        raise DataverseError("UnreadableAnswer", sent=True) from None
