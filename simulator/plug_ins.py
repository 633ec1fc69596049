"""Stand-ins for plug-ins: rules that rewrite or reject values before they are stored.

A rule is ``{"table": "account", "column": "name", "pattern": "regex"}`` with either
``"reject": "message"`` (Dataverse: IsvAborted), ``"replace": "replacement"`` (the
matches of ``pattern`` are replaced), ``"deadlock": true`` (the database gives up) or
``"crash": true`` (the plug-in ends unexpectedly); ``"messages"`` defaults to Create and
Update.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import errors


@dataclass(frozen=True)
class _Rule:
    table: str
    column: str
    pattern: re.Pattern[str]
    messages: tuple[str, ...]
    reject: str | None
    replace: str | None
    deadlock: bool
    crash: bool


class PlugIns:
    """``definitions`` are the rules in force, as the control API gave them."""

    def __init__(self) -> None:
        self.definitions: list[dict[str, Any]] = []
        self._rules: list[_Rule] = []

    def define(self, definitions: list[dict[str, Any]]) -> None:
        """Replace all rules. Raises KeyError, TypeError, re.error if one is wrong."""
        self._rules = [
            _Rule(
                table=entry["table"],
                column=entry["column"],
                pattern=re.compile(entry.get("pattern", "(?s).*")),
                messages=tuple(entry.get("messages", ("Create", "Update"))),
                reject=entry.get("reject"),
                replace=entry.get("replace"),
                deadlock=bool(entry.get("deadlock")),
                crash=bool(entry.get("crash")),
            )
            for entry in definitions
        ]
        self.definitions = definitions

    def apply(self, table: str, message: str, given: dict[str, Any]) -> None:
        """Run the rules over the values of a write, in place."""
        for rule in self._rules:
            value = given.get(rule.column)
            if rule.table != table or message not in rule.messages or value is None:
                continue
            if not rule.pattern.search(str(value)):
                continue
            if rule.deadlock:
                raise errors.generic_sql_error()
            if rule.crash:
                raise errors.plug_in_crash()
            if rule.reject is not None:
                raise errors.plug_in_abort(rule.reject)
            if rule.replace is not None and isinstance(value, str):
                given[rule.column] = rule.pattern.sub(rule.replace, value, count=1)
