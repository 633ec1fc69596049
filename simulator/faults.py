"""Faults on request: the control API's rules for what should go wrong when.

A rule is ``{"method": regex, "path": regex, "body": regex, "nth": 1, "count": 1,
"probability": 1, "seed": 0, "in_batch": false, "then": {...}}``; every part but
``then`` may be left out. It acts on the ``nth`` matching request and ``count - 1`` more
(``null``: on all that follow), on requests of their own or, ``in_batch``, on those
inside a batch (these can only be answered by a status). With a ``probability`` it acts
on some of them; ``seed`` decides which, so that the same requests meet the same faults
again. ``then`` holds any of

before the work
* ``world``: calls of the control API, ``[["PUT", "users/<id>", {...}], ...]``: a right
  or a column is gone, tokens expire, the clock jumps, a backup is restored,

instead of the work
* ``status``, ``code``, ``message``: answer with this error,
* ``content``: answer with this text instead of the error (HTML, nothing at all),
* ``headers``: more headers of this answer (a ``Location``, a ``Content-Encoding``),
* ``retry_after``: a ``Retry-After`` of so many seconds, or this text,
* ``retry_after_date``: a ``Retry-After`` that is the date so many seconds from now,

around the work
* ``drop``: ``"before"`` or ``"after"`` the work, close the connection unanswered,
* ``delay_ms``: wait before the work,

after the work, to its answer (``spoiling``)
* ``parts``: of a batch ``"reversed"``, the first ``"missing"``, ``"doubled"``, or
  ``"truncated"``: it ends in the middle of the last one,
* ``etag``: ``"absent"``, or ``"flaky"``: another one at each reading,
* ``rows``: of a page ``"shuffled"``, or the first one ``"doubled"``,
* ``tombstones``: a page of changes tells of so many deleted rows that nobody knows,
* ``next_link``: replaced by this text, or ``"loop"``: by the address of this page,
* ``overlap``: the next page repeats so many rows (pages without ``$orderby``),
* ``delta_token``: ``"future"``: of a version that the organization has not reached,
* ``gzip``: ``"good"``: compressed, or ``"corrupt"``: compressed and then damaged,

and to the way it takes
* ``truncate``: close the connection in the middle of it,
* ``drip_ms``: in ten pieces, each so long after the other.
"""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from . import errors
from .messages import Response
from .nemesis import Nemesis


@dataclass(frozen=True)
class Fault:
    """What a rule's ``then`` asks for."""

    status: int | None = None
    code: str = "0x80040216"
    message: str = "An unexpected error occurred."
    content: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: int | str | None = None
    retry_after_date: int | None = None
    drop: str | None = None
    delay_ms: int = 0
    truncate: bool = False
    parts: str | None = None
    etag: str | None = None
    next_link: str | None = None
    overlap: int = 0
    delta_token: str | None = None
    rows: str | None = None
    tombstones: int = 0
    gzip: str | None = None
    drip_ms: int = 0
    world: list[list[Any]] = field(default_factory=list)
    name: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in (
            ("drop", ("before", "after")),
            ("parts", ("reversed", "missing", "doubled", "truncated")),
            ("etag", ("absent", "flaky")),
            ("delta_token", ("future",)),
            ("rows", ("shuffled", "doubled")),
            ("gzip", ("good", "corrupt")),
        ):
            if getattr(self, name) not in (None, *allowed):
                raise ValueError(f"'{name}' is one of {', '.join(allowed)}.")

    def response(self) -> Response | None:
        """The answer instead of the work."""
        if self.status is None:
            return None
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.retry_after_date is not None:
            moment = time.time() + self.retry_after_date
            headers["Retry-After"] = formatdate(moment, usegmt=True)
        if self.content is not None:
            content_type = {"Content-Type": "text/html; charset=utf-8"}
            return Response(self.status, {**content_type, **headers}, _text(self))
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
        self.probability = definition.get("probability", 1)
        self.draw = random.Random(definition.get("seed", 0)).random
        self.in_batch = definition.get("in_batch", False)
        self.fault = Fault(**definition["then"])
        self.seen = self.taken = 0

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
        if since < 0 or (self.count is not None and since >= self.count):
            return False
        if self.draw() >= self.probability:
            return False
        self.taken += 1
        return True


class Faults:
    """``definitions`` are the rules in force, as the control API gave them."""

    def __init__(self) -> None:
        self.definitions: list[dict[str, Any]] = []
        self.nemesis: Nemesis | None = None
        self._rules: list[_Rule] = []

    def define(self, definitions: list[dict[str, Any]]) -> None:
        """Replace all rules.

        Raises KeyError, TypeError, ValueError, re.error if one is wrong.
        """
        self._rules = [_Rule(definition) for definition in definitions]
        self.definitions = definitions

    def taken(self) -> list[int]:
        """How many requests met each rule."""
        return [rule.taken for rule in self._rules]

    def take(
        self, method: str, url: str, body: bytes, *, in_batch: bool = False
    ) -> Fault | None:
        """The fault for this request; every rule that matches counts it. What no rule
        wants is left to the nemesis, if there is one."""
        taken = [
            rule.fault
            for rule in self._rules
            if rule.takes(method, url, body, in_batch)
        ]
        if not taken and self.nemesis and not in_batch:
            drawn = self.nemesis.draw(method, url)
            return Fault(**drawn) if drawn else None
        return taken[0] if taken else None


def _text(fault: Fault) -> bytes:
    return (fault.content or "").encode()
