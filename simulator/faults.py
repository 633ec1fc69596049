"""Faults on request: the control API's rules for what should go wrong when.

A rule is ``{"method": regex, "path": regex, "body": regex, "nth": 1, "count": 1,
"in_batch": false, "then": {...}}``; every part but ``then`` may be left out. It acts on
the ``nth`` matching request and ``count - 1`` more (``null``: on all that follow), on
requests of their own or, ``in_batch``, on those inside a batch. ``then`` holds any of

* ``status``, ``code``, ``message``, ``retry_after``: answer so instead of working,
* ``drop``: ``"before"`` or ``"after"`` the work, close the connection unanswered,
* ``truncate``: after the work, close the connection in the middle of the answer,
* ``delay_ms``: wait before the work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import errors
from .messages import Response


@dataclass(frozen=True)
class Fault:
    """What a rule's ``then`` asks for."""

    status: int | None = None
    code: str = "0x80040216"
    message: str = "An unexpected error occurred."
    retry_after: int | None = None
    drop: str | None = None
    truncate: bool = False
    delay_ms: int = 0

    def response(self) -> Response | None:
        if self.status is None:
            return None
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Response.of_error(
            errors.DataverseError(self.status, self.code, self.message, headers)
        )


class _Rule:
    def __init__(self, definition: dict[str, Any]) -> None:
        self.method = re.compile(definition.get("method", ""))
        self.path = re.compile(definition.get("path", ""))
        self.body = re.compile(definition.get("body", "").encode())
        self.nth = definition.get("nth", 1)
        self.count = definition.get("count", 1)
        self.in_batch = definition.get("in_batch", False)
        self.fault = Fault(**definition["then"])
        self.seen = 0

    def takes(self, method: str, url: str, body: bytes, in_batch: bool) -> bool:
        if (
            self.in_batch != in_batch
            or not self.method.search(method)
            or not self.path.search(url)
            or not self.body.search(body)
        ):
            return False
        self.seen += 1
        since = self.seen - self.nth
        return since >= 0 and (self.count is None or since < self.count)


class Faults:
    """``definitions`` are the rules in force, as the control API gave them."""

    def __init__(self) -> None:
        self.definitions: list[dict[str, Any]] = []
        self._rules: list[_Rule] = []

    def define(self, definitions: list[dict[str, Any]]) -> None:
        """Replace all rules. Raises KeyError, TypeError, re.error if one is wrong."""
        self._rules = [_Rule(definition) for definition in definitions]
        self.definitions = definitions

    def take(
        self, method: str, url: str, body: bytes, *, in_batch: bool = False
    ) -> Fault | None:
        """The fault for this request; every rule that matches counts it."""
        taken = [
            rule.fault
            for rule in self._rules
            if rule.takes(method, url, body, in_batch)
        ]
        return taken[0] if taken else None
