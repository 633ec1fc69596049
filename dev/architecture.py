"""Which part of the addon may import which, checked without importing anything."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .paths import ADDON

# Folders of the repository that hold Python code.
ROOMS = {
    *("dataverse", "sync", "engine", "models", "wizards", "controllers"),
    *("simulator", "dev", "tests"),
}
# requests and msal, and what these two are built on.
WIRE = {"requests", "msal", "urllib3", "cryptography"}
# Odoo, and what its own models are built on.
ODOO = {"odoo", "psycopg2", "babel", "dateutil", "lxml", "markupsafe", "pytz"}
# What some transformation rules use when it is installed.
VALUES = {"phonenumbers", "rapidfuzz", "regex"}
NETWORK = {"asyncio", "http.client", "smtplib", "socket", "ssl", "urllib.request"}


class Rule(NamedTuple):
    """What a room may import besides the standard library and itself.

    `libraries` None stands for any library but Odoo; `forbidden` are names of the
    standard library, `calls` those of methods that must not be called.
    """

    libraries: set[str] | None
    rooms: set[str] = set()
    forbidden: set[str] = set()
    calls: set[str] = set()


RULES = {
    "dataverse": Rule(WIRE),
    "sync": Rule(
        set(),
        forbidden=NETWORK | {"random", "secrets", "time"},
        calls={"now", "utcnow", "today", "uuid1", "uuid4"},
    ),
    "engine": Rule(ODOO | VALUES, rooms={"dataverse", "sync"}, forbidden=NETWORK),
    "models": Rule(ODOO, forbidden=NETWORK),
    "wizards": Rule(ODOO, forbidden=NETWORK),
    "controllers": Rule(ODOO | {"werkzeug"}, forbidden=NETWORK),
    "simulator": Rule(None),
}


def violations(root: Path) -> list[str]:
    """Where the rules are broken below `root`: a sentence each, with file and line."""
    return [
        f"{file.relative_to(root)}:{node.lineno}: {complaint}"
        for room, rule in RULES.items()
        for file in sorted((root / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_bytes(), str(file)))
        for complaint in _complaints(node, file.relative_to(root), room, rule)
    ]


def _complaints(node: ast.AST, file: Path, room: str, rule: Rule) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in rule.calls:
            yield f"{room}/ must not call {node.func.attr}()"
    for target in _imported_rooms(node, file):
        if target != room and target not in rule.rooms:
            yield f"{room}/ must not import {target}/"
    for module in sorted(_forbidden(_imported_modules(node), rule)):
        yield f"{room}/ must not import {module}"


def _forbidden(modules: Iterable[str], rule: Rule) -> set[str]:
    """What a rule is broken by, of the modules that a statement imports."""
    found = set()
    for module in modules:
        library = module.split(".")[0]
        if library in sys.stdlib_module_names:
            found.update(f for f in rule.forbidden if f"{module}.".startswith(f"{f}."))
        elif not _may_import(library, rule):
            found.add(library)
    return found


def _may_import(library: str, rule: Rule) -> bool:
    if rule.libraries is None:
        # The simulator, which runs as a package of its own.
        return library == "simulator" or library not in ROOMS | {"odoo"}
    return library in rule.libraries


def _imported_modules(node: ast.AST) -> Iterator[str]:
    """The full names of what is imported absolutely, from outside the addon."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        if not f"{name}.".startswith(f"odoo.addons.{ADDON}."):
            yield name


def _imported_rooms(node: ast.AST, file: Path) -> Iterator[str]:
    """The top-level names in the addon of what is imported from it."""
    addon = ["odoo", "addons", ADDON]
    modules: list[list[str]] = []
    if isinstance(node, ast.Import):
        modules = [alias.name.split(".") for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = [*addon, *file.parts][: len(addon) + len(file.parts) - node.level]
        base = base if node.level else []
        base += node.module.split(".") if node.module else []
        modules = [[*base, alias.name] for alias in node.names]
    for module in modules:
        if module[:3] == addon and len(module) > len(addon):
            yield module[3]
