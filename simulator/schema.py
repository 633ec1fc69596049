"""The tables of the organization, read from ``schema.json``.

A new table is data: an entry under ``tables`` with its columns, and one entry under
``relationships`` for each table a lookup column may point to. Shapes in the file:

* column: ``type`` (a Dataverse attribute type), ``schema`` (schema name), ``label``,
  ``write`` ("CU" when absent: settable on Create and on Update), ``required``,
  ``max_length``, ``min``/``max``/``precision``, ``format``/``behavior`` of dates,
  ``auto_number`` (prefix of the number the server gives when none is given),
  ``full_image`` (an image is kept in full besides its thumbnail; ``max_length`` of
  files and images is in kilobytes),
  ``options`` (``[value, label]``, for State ``[value, label, default status]``, for
  Status ``[value, label, state]``), ``translations`` (value -> language -> label of the
  options in other languages than English), ``global_options`` (the name of the option
  set when tables share it), ``default``, ``targets`` of lookups;
* relationship: ``name``, ``from``.``column`` -> ``to``, ``navigation`` (the name on
  the "many" side, used to bind), ``collection`` (the name on the "one" side),
  ``on_delete`` (Cascade, RemoveLink, Restrict; NoCascade when absent);
* table: ``activity`` says that it is a kind of activity, ``view_of`` that its rows are
  those of other tables, to be read only, ``only_nested`` that its rows are created as
  part of another row's body;
* option set: ``label`` and ``options``, of one that no column need use;
* ``custom`` marks what a client has added; see ``customization``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

# The language of every user here, as a Windows LCID.
ENGLISH = 1033
# Tables of type ``principal``, with whom they share the key: each row of theirs has its
# id once more as this property, which is no column.
PRINCIPALS = frozenset({"systemuser", "team"})
PRINCIPAL_KEY = "ownerid"
LOOKUP_TYPES = frozenset({"Lookup", "Owner", "Customer"})
FILE_TYPES = frozenset({"File", "Image"})


@dataclass(frozen=True)
class Column:
    """One column; ``wire`` is its property name in JSON (``_x_value`` of lookups)."""

    table: str
    name: str
    type: str
    schema_name: str
    label: str
    wire: str
    on_create: bool
    on_update: bool
    required: str
    max_length: int
    minimum: float
    maximum: float
    precision: int
    format: str
    behavior: str
    options: dict[int, str]
    translations: dict[int, dict[int, str]]
    state_of: dict[int, int]
    default_status: dict[int, int]
    default: int | None
    targets: tuple[str, ...]
    auto_number: str
    global_options: str
    full_image: bool
    custom: bool

    @property
    def is_lookup(self) -> bool:
        return self.type in LOOKUP_TYPES

    @cached_property
    def type_column(self) -> str | None:
        """The stored column that says which table a polymorphic lookup points to."""
        return f"{self.name}_type" if len(self.targets) > 1 else None


@dataclass(frozen=True)
class Relationship:
    """``table.column`` -> ``target``, known as ``navigation`` and ``collection``."""

    name: str
    table: str
    column: str
    navigation: str
    target: str
    collection: str
    on_delete: str
    custom: bool


@dataclass
class Table:
    """One table. The two switches may be turned by the control API."""

    name: str
    schema_name: str
    entity_set: str
    primary_id: str
    primary_name: str
    code: int
    label: str
    labels: str
    ownership: str
    declared_switches: tuple[bool, bool]
    columns: dict[str, Column]
    is_activity: bool
    view_of: tuple[str, ...]
    only_nested: bool
    custom: bool
    change_tracking: bool = False
    optimistic_concurrency: bool = False
    by_wire: dict[str, Column] = field(default_factory=dict)
    navigations: dict[str, Relationship] = field(default_factory=dict)
    collections: dict[str, Relationship] = field(default_factory=dict)
    referenced_by: list[Relationship] = field(default_factory=list)
    file_columns: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        columns = self.columns.values()
        self.file_columns = tuple(c for c in columns if c.type in FILE_TYPES)
        self.by_wire = {column.wire: column for column in columns}
        self.restore_switches()

    def restore_switches(self) -> None:
        self.change_tracking, self.optimistic_concurrency = self.declared_switches

    @cached_property
    def images(self) -> tuple[Column, ...]:
        return tuple(column for column in self.file_columns if column.type == "Image")

    @property
    def primary_image(self) -> str | None:
        """The image that stands for a row: the first of the table's."""
        return self.images[0].name if self.images else None

    @property
    def money_columns(self) -> list[Column]:
        return [column for column in self.columns.values() if column.type == "Money"]

    @cached_property
    def stored_columns(self) -> list[str]:
        """The names of the database columns, in a fixed order."""
        names = []
        for column in self.columns.values():
            names.append(column.name)
            if column.type_column:
                names.append(column.type_column)
        return names


class Schema:
    """All tables, by logical name (``tables``) and by entity set (``sets``).

    ``data`` is what they are made from; who changes it calls ``rebuild``. Tables are
    then other objects than before, and ``listeners`` are called.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.listeners: list[Callable[[], object]] = []
        self.tables: dict[str, Table] = {}
        self.rebuild()

    def rebuild(self, touched: set[str] | None = None) -> None:
        """Make all tables anew; the switches of those that stay are kept.

        Only the ``touched`` tables have other columns than before (None: all may).
        """
        self.__dict__.pop("version", None)
        before = self.tables
        kept = (
            {} if touched is None else {n: before[n] for n in before.keys() - touched}
        )
        self.tables = {
            name: _table(name, entry, kept[name].columns if name in kept else None)
            for name, entry in self.data["tables"].items()
        }
        for name in before.keys() & self.tables.keys():
            old, new = before[name], self.tables[name]
            if old.declared_switches == new.declared_switches:
                new.change_tracking = old.change_tracking
                new.optimistic_concurrency = old.optimistic_concurrency
        self.sets = {table.entity_set: table for table in self.tables.values()}
        self.relationships = [
            Relationship(
                name=entry["name"],
                table=entry["from"],
                column=entry["column"],
                navigation=entry["navigation"],
                target=entry["to"],
                collection=entry["collection"],
                on_delete=entry.get("on_delete", "NoCascade"),
                custom=entry.get("custom", False),
            )
            for entry in self.data["relationships"]
        ]
        for relationship in self.relationships:
            source = self.tables[relationship.table]
            source.navigations[relationship.navigation] = relationship
            for target in self.targets(relationship):
                target.collections[relationship.collection] = relationship
                target.referenced_by.append(relationship)
        for listener in self.listeners:
            listener()

    @cached_property
    def version(self) -> int:
        """Another number whenever a definition is another one."""
        return crc32(json.dumps(self.data, sort_keys=True).encode())

    @classmethod
    def load(cls) -> Schema:
        """The tables of ``schema.json`` and of webhooks (``schema_events.json``)."""
        return cls(cls.declared())

    @staticmethod
    def declared() -> dict[str, Any]:
        """What the files say, to be changed at will."""
        data: dict[str, Any] = {"tables": {}, "relationships": [], "option_sets": {}}
        for name in ("schema.json", "schema_events.json"):
            path = Path(__file__).with_name(name)
            part = json.loads(path.read_text(encoding="utf-8"))
            data["tables"].update(part["tables"])
            data["relationships"] += part["relationships"]
        return data

    def targets(self, relationship: Relationship) -> list[Table]:
        """The tables at the other end ("owner" stands for users and teams)."""
        if relationship.target != "owner":
            return [self.tables[relationship.target]]
        column = self.tables[relationship.table].columns[relationship.column]
        return [self.tables[name] for name in column.targets]

    def navigation_to(self, column: Column, target: str) -> str:
        """The navigation property that binds ``column`` to a row of ``target``."""
        for relationship in self.tables[column.table].navigations.values():
            if relationship.column == column.name and (
                relationship.target in (target, "owner")
            ):
                return relationship.navigation
        raise KeyError(f"{column.table}.{column.name} -> {target}")


def _table(name: str, entry: dict, columns: dict[str, Column] | None) -> Table:
    return Table(
        name=name,
        schema_name=entry["schema"],
        entity_set=entry["set"],
        primary_id=entry["primary_id"],
        primary_name=entry["primary_name"],
        code=entry["code"],
        label=entry["label"],
        labels=entry["labels"],
        ownership=entry["ownership"],
        declared_switches=(entry["change_tracking"], entry["optimistic_concurrency"]),
        columns=columns
        or {
            column: _column(name, column, description)
            for column, description in entry["columns"].items()
        },
        is_activity=entry.get("activity", False) or "view_of" in entry,
        view_of=tuple(entry.get("view_of", ())),
        only_nested=entry.get("only_nested", False),
        custom=entry.get("custom", False),
    )


def translations_of(entry: dict) -> dict[int, dict[int, str]]:
    """The labels of options in other languages than English: value -> language."""
    return {
        int(value): {int(language): text for language, text in texts.items()}
        for value, texts in entry.get("translations", {}).items()
    }


def _column(table: str, name: str, entry: dict) -> Column:
    options = entry.get("options", [])
    kind = entry["type"]
    write = entry.get("write", "CU")
    return Column(
        table=table,
        name=name,
        type=kind,
        schema_name=entry["schema"],
        label=entry.get("label", entry["schema"]),
        wire=f"_{name}_value" if kind in LOOKUP_TYPES else name,
        on_create="C" in write,
        on_update="U" in write,
        required=entry.get("required", "None"),
        max_length=entry.get("max_length", 0),
        minimum=entry.get("min", 0),
        maximum=entry.get("max", 0),
        precision=entry.get("precision", 0),
        format=entry.get("format", ""),
        behavior=entry.get("behavior", ""),
        options={option[0]: option[1] for option in options},
        translations=translations_of(entry),
        state_of={o[0]: o[2] for o in options} if kind == "Status" else {},
        default_status={o[0]: o[2] for o in options} if kind == "State" else {},
        default=entry.get("default"),
        targets=tuple(entry.get("targets", ())),
        auto_number=entry.get("auto_number", ""),
        global_options=entry.get("global_options", ""),
        full_image=entry.get("full_image", False),
        custom=entry.get("custom", False),
    )
