"""Rows in SQLite: one database table per Dataverse table, one version counter.

Each write takes the next version and leaves a line in ``journal``: the history of
every row, from which change tracking also reads what was deleted. One thread (the
server's event loop) does all work, so a request never sees another one half done.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from .schema import Column, Relationship, Schema, Table

_SQL_TYPES = {
    "Integer": "INTEGER",
    "Picklist": "INTEGER",
    "State": "INTEGER",
    "Status": "INTEGER",
    "Boolean": "INTEGER",
    "BigInt": "INTEGER",
    "Money": "INTEGER",
    "Decimal": "REAL",
    "Double": "REAL",
    # Dataverse compares text without regard to case.
    "String": "TEXT COLLATE NOCASE_UNICODE",
    "Memo": "TEXT COLLATE NOCASE_UNICODE",
}

_KEPT_STATEMENTS = 1000
_to_json = json.JSONEncoder(ensure_ascii=False).encode


class Store:
    """The database; ``path`` None keeps it in memory."""

    def __init__(self, schema: Schema, path: Path | None = None) -> None:
        self.schema = schema
        self.is_new = path is None or not path.exists()
        self.connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, cached_statements=1000
        )
        self.connection.create_collation("NOCASE_UNICODE", _compare_caseless)
        self.connection.create_function("matches", 2, _matches, deterministic=True)
        self.execute = self.connection.execute
        if path:
            self.execute("PRAGMA journal_mode = WAL")
            self.execute("PRAGMA synchronous = NORMAL")
        self._inserts: dict[tuple[str, tuple[str, ...]], str] = {}
        self._selects: dict[str, str] = {}
        self._keys: dict[str, dict[str, list[str]]] | None = None
        self._created: dict[str, dict[str, Column]] = {}
        self._depth = 0
        # Lines of the journal that wait for the end of the transaction.
        self._lines: list[tuple[Any, ...]] = []
        self._last_writes: dict[str, int] = {}
        # How often everything was emptied, or went back to what it was.
        self.restarts = 0
        # Called when the database has gone back to what it was.
        self.listeners: list[Callable[[], object]] = []
        self._snapshot: sqlite3.Connection | None = None
        self._snapshot_version = 0
        self._create_tables()
        schema.listeners.append(self._create_tables)
        self.version = self._last_version()

    # -- transactions --------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a transaction inside another joins it."""
        if self._depth == 0:
            self.execute("BEGIN")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._lines.clear()
                self.execute("ROLLBACK")
                self._tell_listeners()
            raise
        self._depth -= 1
        if self._depth == 0:
            self._write_journal()
            self.execute("COMMIT")

    # -- reading -------------------------------------------------------------------

    def row(self, table: Table, row_id: str) -> dict[str, Any] | None:
        """The row as stored (column name to value), or None."""
        if table.name not in self._selects:
            self._selects[table.name] = (
                f"SELECT {', '.join(table.stored_columns)} FROM {table.name} "
                f"WHERE {table.primary_id} = ?"
            )
        found = self.execute(self._selects[table.name], (row_id,)).fetchone()
        return dict(zip(table.stored_columns, found, strict=True)) if found else None

    def exists(self, table: Table, row_id: str) -> bool:
        return (
            self.execute(
                f"SELECT 1 FROM {table.name} WHERE {table.primary_id} = ?", (row_id,)
            ).fetchone()
            is not None
        )

    def referencing(self, table: Table, column: Column, row_id: str) -> list[str]:
        """The ids of ``column``'s rows that point to row ``row_id`` of ``table``."""
        source = self.schema.tables[column.table]
        condition, values = f"{column.name} = ?", [row_id]
        if column.type_column:
            condition += f" AND {column.type_column} = ?"
            values.append(table.name)
        return [
            found[0]
            for found in self.execute(
                f"SELECT {source.primary_id} FROM {source.name} WHERE {condition}",
                values,
            )
        ]

    def references(
        self, table: Table, row_id: str, relationships: Sequence[Relationship]
    ) -> list[list[str]]:
        """For each of ``relationships`` to ``table`` the ids of what points to the
        row."""
        parts = []
        for number, relationship in enumerate(relationships):
            source = self.schema.tables[relationship.table]
            column = source.columns[relationship.column]
            condition = f"{column.name} = ?1"
            if column.type_column:
                condition += f" AND {column.type_column} = '{table.name}'"
            parts.append(
                f"SELECT {number}, {source.primary_id} FROM {source.name} "
                f"WHERE {condition}"
            )
        found: list[list[str]] = [[] for _ in relationships]
        # SQLite joins at most 500 selects into one.
        for start in range(0, len(parts), 400):
            statement = " UNION ALL ".join(parts[start : start + 400])
            for number, child_id in self.execute(statement, (row_id,)):
                found[number].append(child_id)
        return found

    def history(self, table: Table, row_id: str) -> list[dict[str, Any]]:
        """Every write of a row, oldest first: version, operation, at, by, changes."""
        return [
            {
                "version": version,
                "operation": operation,
                "at": at,
                "by": by,
                "changes": json.loads(changes) if changes else None,
            }
            for version, operation, at, by, changes in self.execute(
                "SELECT version, operation, at, by, changes FROM journal "
                "WHERE row_id = ? AND table_name = ? ORDER BY version",
                (row_id, table.name),
            )
        ]

    def journal_after(self, version: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Every write after ``version``: ``(its version, what was written)``."""
        for found, table, row_id, operation, at, by, changes in self.execute(
            "SELECT version, table_name, row_id, operation, at, by, changes "
            "FROM journal WHERE version > ? ORDER BY version",
            (version,),
        ).fetchall():
            yield (
                found,
                {
                    "table": table,
                    "row_id": row_id,
                    "operation": operation,
                    "at": at,
                    "by": by,
                    "changes": json.loads(changes) if changes else None,
                },
            )

    # -- writing -------------------------------------------------------------------

    def insert(self, table: Table, row: dict[str, Any], by: str, at: str) -> None:
        """Add a complete row; its version is set here. ``row`` lacks what is null."""
        row["versionnumber"] = self.next_version()
        statement = self._insert_statement(table, tuple(row))
        self.execute(statement, tuple(row.values()))
        self._log(table, row[table.primary_id], "Create", row, by, at)

    def update(
        self, table: Table, row_id: str, changes: dict[str, Any], by: str, at: str
    ) -> None:
        changes["versionnumber"] = self.next_version()
        assignments = ", ".join(f"{name} = ?" for name in changes)
        self.execute(
            f"UPDATE {table.name} SET {assignments} WHERE {table.primary_id} = ?",
            [*changes.values(), row_id],
        )
        self._log(table, row_id, "Update", changes, by, at)

    def delete(self, table: Table, row_id: str, by: str, at: str) -> None:
        self.next_version()
        self.execute(
            f"DELETE FROM {table.name} WHERE {table.primary_id} = ?", (row_id,)
        )
        if table.file_columns:
            self.execute("DELETE FROM file_content WHERE row_id = ?", (row_id,))
        self._log(table, row_id, "Delete", None, by, at)

    def next_version(self) -> int:
        self.version += 1
        return self.version

    def create_key(self, table: Table, name: str, columns: Sequence[str]) -> None:
        """Enforce an alternate key. Raises sqlite3.IntegrityError on duplicates."""
        self.execute(
            f'CREATE UNIQUE INDEX "key_{name}" ON {table.name} ({", ".join(columns)})'
        )
        self._keys = None

    def drop_key(self, name: str) -> None:
        self.execute(f'DROP INDEX "key_{name}"')
        self._keys = None

    def drop_table(self, table: Table) -> None:
        """Its rows and history go with it."""
        self.execute(f"DROP TABLE {table.name}")
        self.execute("DELETE FROM journal WHERE table_name = ?", (table.name,))

    def drop_column(self, table: Table, column: Column) -> None:
        """Its values go with it."""
        self.execute(f"DROP INDEX IF EXISTS {table.name}_{column.name}")
        for name in filter(None, (column.name, column.type_column)):
            self.execute(f"ALTER TABLE {table.name} DROP COLUMN {name}")

    def keys(self, table: Table) -> dict[str, list[str]]:
        """The alternate keys of ``table``: name to columns."""
        if self._keys is None:
            self._keys = {name: {} for name in self.schema.tables}
            for name, owner in self.execute(
                "SELECT name, tbl_name FROM sqlite_master "
                "WHERE name LIKE 'key\\_%' ESCAPE '\\'"
            ).fetchall():
                columns = self.execute(f'PRAGMA index_info("{name}")').fetchall()
                self._keys[owner][name[4:]] = [column[2] for column in columns]
        return self._keys[table.name]

    def clear(self) -> None:
        """Remove every row, the journal and every alternate key."""
        for table in self.schema.tables.values():
            for name in self.keys(table):
                self.drop_key(name)
        with self.transaction():
            stored = [t.name for t in self.schema.tables.values() if not t.view_of]
            for name in (*stored, "journal", "file_content"):
                self.execute(f"DELETE FROM {name}")
        self.restarts += 1

    def take_snapshot(self) -> None:
        """Keep a copy of everything stored, in memory, in place of an earlier one."""
        self._forget_snapshot()
        self._snapshot = sqlite3.connect(":memory:")
        self.connection.backup(self._snapshot)
        self._snapshot_version = self.version

    def restore_snapshot(self) -> None:
        """Go back to the copy, versions included. Raises ValueError without one."""
        if self._snapshot is None:
            raise ValueError("There is no snapshot to restore.")
        self._snapshot.backup(self.connection)
        self._keys = None
        # Not the last row's: an expired link may have taken a version for itself.
        self.version = self._snapshot_version
        self._tell_listeners()

    def stamp(self, *tables: str) -> tuple[int, ...]:
        """Another one as soon as a row of one of ``tables`` may have changed."""
        return (self.restarts, *(self._last_writes.get(name, 0) for name in tables))

    def _tell_listeners(self) -> None:
        self._keys = None
        self.restarts += 1
        for listener in self.listeners:
            listener()

    def _forget_snapshot(self) -> None:
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    def close(self) -> None:
        self._forget_snapshot()
        self.connection.close()

    # -- inside --------------------------------------------------------------------

    def _log(
        self,
        table: Table,
        row_id: str,
        operation: str,
        changes: dict[str, Any] | None,
        by: str,
        at: str,
    ) -> None:
        self._last_writes[table.name] = self.version
        self._lines.append(
            (
                self.version,
                table.name,
                row_id,
                operation,
                at,
                by,
                _to_json(changes) if changes else None,
            )
        )
        if self._depth == 0:
            self._write_journal()

    def _write_journal(self) -> None:
        if self._lines:
            self.connection.executemany(
                "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)", self._lines
            )
            self._lines.clear()

    def _insert_statement(self, table: Table, names: tuple[str, ...]) -> str:
        """For a row that has the columns ``names``; rows of a batch have the same."""
        key = (table.name, names)
        if key not in self._inserts:
            if len(self._inserts) >= _KEPT_STATEMENTS:
                self._inserts.clear()
            marks = ", ".join("?" * len(names))
            self._inserts[key] = (
                f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"
            )
        return self._inserts[key]

    def _create_tables(self) -> None:
        """What the schema has and the database lacks."""
        self._inserts.clear()
        self._selects.clear()
        self._keys = None
        before, self._created = self._created, {}
        for table in self.schema.tables.values():
            self._created[table.name] = table.columns
            if before.get(table.name) is table.columns:
                continue
            if not table.view_of:
                self._add_new_columns(table)
            for statement in _definitions(table, self.schema):
                self.execute(statement)
        self.execute(
            "CREATE TABLE IF NOT EXISTS journal (version INTEGER PRIMARY KEY, "
            "table_name TEXT, row_id TEXT, operation TEXT, at TEXT, by TEXT, "
            "changes TEXT)"
        )
        self.execute(
            "CREATE TABLE IF NOT EXISTS customization (number INTEGER PRIMARY KEY, "
            "operation TEXT)"
        )
        self.execute(
            "CREATE TABLE IF NOT EXISTS file_content (id TEXT PRIMARY KEY, "
            "row_id TEXT, column_name TEXT, name TEXT, mimetype TEXT, content BLOB)"
        )
        self.execute(
            "CREATE INDEX IF NOT EXISTS file_content_row ON file_content (row_id)"
        )
        self.execute("CREATE INDEX IF NOT EXISTS journal_row ON journal (row_id)")
        self.execute(
            "CREATE INDEX IF NOT EXISTS journal_deleted ON journal "
            "(table_name, version) WHERE operation = 'Delete'"
        )

    def _add_new_columns(self, table: Table) -> None:
        """A database of an earlier version gets the columns that have come since."""
        found = self.execute(f"PRAGMA table_info({table.name})").fetchall()
        known = {column[1] for column in found}
        for name in table.stored_columns if known else ():
            if name not in known:
                column = table.columns.get(name)
                kind = _SQL_TYPES.get(column.type, "TEXT") if column else "TEXT"
                self.execute(f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}")

    def _last_version(self) -> int:
        found = self.execute("SELECT max(version) FROM journal").fetchone()[0]
        return found or 1_000_000


def _definitions(table: Table, schema: Schema) -> Iterable[str]:
    if table.view_of:
        yield _view_definition(table, schema)
        return
    parts = []
    for column in table.columns.values():
        kind = _SQL_TYPES.get(column.type, "TEXT")
        primary = " PRIMARY KEY" if column.name == table.primary_id else ""
        parts.append(f"{column.name} {kind}{primary}")
        if column.type_column:
            parts.append(f"{column.type_column} TEXT")
    yield f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(parts)})"
    indexed = {"versionnumber"} & set(table.columns)
    indexed |= {
        relationship.column
        for relationship in schema.relationships
        if relationship.table == table.name and relationship.on_delete != "NoCascade"
    }
    for name in sorted(indexed):
        # Most lookups are null: only what is set costs an entry.
        yield (
            f"CREATE INDEX IF NOT EXISTS {table.name}_{name} ON {table.name} ({name}) "
            f"WHERE {name} IS NOT NULL"
        )


def _view_definition(table: Table, schema: Schema) -> str:
    """The rows of other tables as those of one; what they lack is null."""
    selects = []
    for name in table.view_of:
        stored = set(schema.tables[name].stored_columns)
        parts = []
        for column in table.stored_columns:
            value = column if column in stored else "NULL"
            if column in table.columns and table.columns[column].type == "EntityName":
                value = f"'{name}'"
            parts.append(f"{value} AS {column}")
        selects.append(f"SELECT {', '.join(parts)} FROM {name}")
    return (
        f"CREATE TEMP VIEW IF NOT EXISTS {table.name} AS {' UNION ALL '.join(selects)}"
    )


def _compare_caseless(left: str, right: str) -> int:
    a, b = left.casefold(), right.casefold()
    return (a > b) - (a < b)


def _matches(value: str | None, pattern: str) -> int | None:
    """``LIKE`` of SQL Server: %, _ and [sets] in ``pattern``, any case."""
    if value is None:
        return None
    first, *rest = _like(pattern)
    match = first.match(value)
    if not match or not rest:
        return bool(match and match.end() == len(value))
    *middle, last = rest
    # Each piece at its first place leaves the most for those after it: no backtracking.
    for piece in middle:
        match = piece.search(value, match.end())
        if not match:
            return False
    return last.search(value, match.end()) is not None


@lru_cache(maxsize=512)
def _like(pattern: str) -> list[re.Pattern[str]]:
    """What stands between the % signs; the last piece ends where the text does."""
    pieces = [""]
    for token in re.findall(r"\[[^\]]+\]|.", pattern, re.DOTALL):
        if token == "%":
            pieces.append("")
        else:
            pieces[-1] += _like_token(token)
    if len(pieces) > 1:
        pieces[-1] += r"\Z"
    return [re.compile(piece, re.IGNORECASE | re.DOTALL) for piece in pieces]


def _like_token(token: str) -> str:
    if token == "_":
        return "."
    if len(token) == 1:
        return re.escape(token)
    inside = token[1:-1]
    negated = inside.startswith("^")
    inside = inside[1:] if negated else inside
    escaped = inside.replace("\\", r"\\").replace("[", r"\[")
    try:
        return re.compile(f"[{'^' if negated else ''}{escaped}]").pattern
    except re.error:  # an empty set, or a range from high to low
        return "(?!)"
