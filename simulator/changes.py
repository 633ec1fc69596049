"""Change tracking: everything once, then only what changed since a token.

A token's version is read before its first page is, so a row written while a client
pages is either still in a page to come or in the next delta, never in neither.
Source: "Use change tracking to synchronize data with external systems".
"""

from __future__ import annotations

import json

from . import errors
from .filters import Sql
from .query import MAXIMUM_PAGE, Options
from .reader import Reader, View, context_url
from .schema import Table
from .tokens import DeltaTokens, PageToken, delta_token, parse_page_token

_FORBIDDEN = ("filter", "orderby", "expand", "top")


class Changes:
    """Answers requests that carry ``Prefer: odata.track-changes`` or a token."""

    def __init__(self, reader: Reader, tokens: DeltaTokens) -> None:
        self._reader = reader
        self._store = reader.store
        self._tokens = tokens

    def page(self, table: Table, options: Options, view: View) -> str:
        """One page of rows and tombstones, with its next or delta link."""
        self._check(table, options, view)
        if options.skiptoken:
            token = parse_page_token(options.skiptoken)
            if token.window is None:
                raise errors.bad_request("Malformed XML in the Paging Cookie.")
        else:
            since = self._since(options)
            part = "rows" if since else "all"
            token = PageToken(1, "", (since, self._store.version, part))
        return self._answer(table, options, view, token)

    def count(self, table: Table, options: Options, view: View) -> int:
        """The number of changes since the token."""
        self._check(table, options, view)
        since, until = self._since(options), self._store.version
        changed = self._store.execute(
            f"SELECT count(*) FROM {table.name} WHERE versionnumber > ?", (since,)
        ).fetchone()[0]
        return changed + len(self._deleted(table, since, until, since, -1))

    def _check(self, table: Table, options: Options, view: View) -> None:
        self._reader.security.require(view.caller, table, "Read", ("Organization",))
        if not table.change_tracking:
            raise errors.change_tracking_off(table.name)
        for name in _FORBIDDEN:
            if getattr(options, name):
                raise errors.option_with_change_tracking(f"${name}")

    def _since(self, options: Options) -> int:
        if not options.deltatoken:
            return 0
        days = self._store.execute(
            "SELECT expirechangetrackingindays FROM organization"
        ).fetchone()[0]
        return self._tokens.version(options.deltatoken, days)

    def _answer(
        self, table: Table, options: Options, view: View, token: PageToken
    ) -> str:
        since, until, part = token.window or (0, 0, "all")
        size = view.preferences.page_size or MAXIMUM_PAGE
        entries: list[str] = []
        last = token.last
        if part == "all":
            conditions = [Sql(f"t.{table.primary_id} > ?", [last])]
            rows = self._reader._read(
                table, options, view, conditions, f"t.{table.primary_id}", size + 1
            )
            entries = [f"{{{members}}}" for _, members in rows[:size]]
            more = len(rows) > size
            last = rows[size - 1][0][1] if more else last
        else:
            more = False
            if part == "rows":
                start = int(last or since)
                window = Sql("t.versionnumber > ? AND t.versionnumber <= ?")
                window.parameters += [start, until]
                rows = self._reader._read(
                    table, options, view, [window], "t.versionnumber", size + 1
                )
                entries = [f"{{{members}}}" for _, members in rows[:size]]
                more = len(rows) > size
                last = str(rows[size - 1][0][0]) if more else ""
                part = "rows" if more else "deleted"
            if part == "deleted" and not more:
                room = size - len(entries)
                gone = self._deleted(table, since, until, int(last or since), room + 1)
                entries += [
                    _tombstone(table, row_id, view) for _, row_id in gone[:room]
                ]
                more = len(gone) > room
                last = str(gone[room - 1][0]) if more and room else last
        path = f"{view.api_url}/{table.entity_set}?"
        if more:
            following = PageToken(token.page + 1, last, (since, until, part))
            query = options.link(skiptoken=following.text(table.primary_id))
            link = f'"@odata.nextLink":{json.dumps(path + query)}'
        else:
            query = options.link(deltatoken=delta_token(until, self._reader.clock))
            link = f'"@odata.deltaLink":{json.dumps(path + query)}'
        context = context_url(table, options, view, "/$delta" if since else "")
        return f'{{"@odata.context":{context},{link},"value":[{",".join(entries)}]}}'

    def _deleted(
        self, table: Table, since: int, until: int, after: int, limit: int
    ) -> list[tuple[int, str]]:
        """``(version, id)`` of rows deleted in the window and not created again."""
        return self._store.execute(
            "SELECT max(version), row_id FROM journal WHERE table_name = ? "
            "AND operation = 'Delete' AND version > ? AND version <= ? "
            f"AND NOT EXISTS (SELECT 1 FROM {table.name} t "
            f"WHERE t.{table.primary_id} = journal.row_id) "
            "GROUP BY row_id HAVING max(version) > ? ORDER BY 1 LIMIT ?",
            (table.name, since, until, after, limit),
        ).fetchall()


def _tombstone(table: Table, row_id: str, view: View) -> str:
    context = f"{view.api_url}/$metadata#{table.entity_set}/$deletedEntity"
    return json.dumps({"@odata.context": context, "id": row_id, "reason": "deleted"})
