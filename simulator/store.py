"""Rows in SQLite: one database table per Dataverse table, one version counter.

Each write takes the next version and leaves a line in ``journal``: the history of
every row, from which change tracking also reads what was deleted. One thread (the
server's event loop) does all work, so a request never sees another one half done.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from .schema import Column, Schema, Table

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
        self._inserts: dict[str, tuple[list[str], str]] = {}
        self._keys: dict[str, dict[str, list[str]]] | None = None
        self._depth = 0
        self._create_tables()
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
                self.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self.execute("COMMIT")

    # -- reading -------------------------------------------------------------------

    def row(self, table: Table, row_id: str) -> dict[str, Any] | None:
        """The row as stored (column name to value), or None."""
        columns = table.stored_columns()
        found = self.execute(
            f"SELECT {', '.join(columns)} FROM {table.name} "
            f"WHERE {table.primary_id} = ?",
            (row_id,),
        ).fetchone()
        return dict(zip(columns, found, strict=True)) if found else None

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

    # -- writing -------------------------------------------------------------------

    def insert(self, table: Table, row: dict[str, Any], by: str, at: str) -> None:
        """Add a complete row; its version is set here. ``row`` lacks what is null."""
        row["versionnumber"] = self.next_version()
        columns, statement = self._insert_statement(table)
        self.execute(statement, list(map(row.get, columns)))
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
                self.execute(f'DROP INDEX "key_{name}"')
        self._keys = None
        with self.transaction():
            for name in (*self.schema.tables, "journal"):
                self.execute(f"DELETE FROM {name}")

    def close(self) -> None:
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
        self.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self.version,
                table.name,
                row_id,
                operation,
                at,
                by,
                _to_json(changes) if changes else None,
            ),
        )

    def _insert_statement(self, table: Table) -> tuple[list[str], str]:
        if table.name not in self._inserts:
            columns = table.stored_columns()
            marks = ", ".join("?" * len(columns))
            self._inserts[table.name] = (
                columns,
                f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})",
            )
        return self._inserts[table.name]

    def _create_tables(self) -> None:
        for table in self.schema.tables.values():
            for statement in _definitions(table, self.schema):
                self.execute(statement)
        self.execute(
            "CREATE TABLE IF NOT EXISTS journal (version INTEGER PRIMARY KEY, "
            "table_name TEXT, row_id TEXT, operation TEXT, at TEXT, by TEXT, "
            "changes TEXT)"
        )
        self.execute("CREATE INDEX IF NOT EXISTS journal_row ON journal (row_id)")
        self.execute(
            "CREATE INDEX IF NOT EXISTS journal_deleted ON journal "
            "(table_name, version) WHERE operation = 'Delete'"
        )

    def _last_version(self) -> int:
        found = self.execute("SELECT max(version) FROM journal").fetchone()[0]
        return found or 1_000_000


def _definitions(table: Table, schema: Schema) -> Iterable[str]:
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
        yield (
            f"CREATE INDEX IF NOT EXISTS {table.name}_{name} ON {table.name} ({name})"
        )


def _compare_caseless(left: str, right: str) -> int:
    a, b = left.casefold(), right.casefold()
    return (a > b) - (a < b)


def _matches(value: str | None, pattern: str) -> int | None:
    """``LIKE`` of SQL Server: %, _ and [sets] in ``pattern``, any case."""
    return None if value is None else bool(_like(pattern).fullmatch(value))


@lru_cache(maxsize=512)
def _like(pattern: str) -> re.Pattern[str]:
    parts = []
    for token in re.findall(r"\[[^\]]+\]|.", pattern, re.DOTALL):
        if token == "%":
            parts.append(".*")
        elif token == "_":
            parts.append(".")
        elif len(token) > 1:
            inside = token[1:-1]
            negated = inside.startswith("^")
            inside = inside[1:] if negated else inside
            escaped = inside.replace("\\", r"\\").replace("[", r"\[")
            parts.append(f"[{'^' if negated else ''}{escaped}]")
        else:
            parts.append(re.escape(token))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
