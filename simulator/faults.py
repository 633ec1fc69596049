"""Faults on request: the control API's rules for what should go wrong when.

A rule is ``{"method": regex, "path": regex, "body": regex, "nth": 1, "count": 1,
"probability": 1, "seed": 0, "in_batch": false, "then": {...}}``; every part but
``then`` may be left out. It acts on the ``nth`` matching request and ``count - 1`` more
(``null``: on all that follow), on requests of their own or, ``in_batch``, on those
inside a batch (these can only be answered by a status). With a ``probability`` it acts
on some of them; ``seed`` decides which, so that the same requests meet the same faults
again. ``then`` holds any of

instead of the work
* ``status``, ``code``, ``message``: answer with this error,
* ``content``: answer with this text instead of the error (HTML, nothing at all),
* ``headers``: more headers of this answer (a ``Location``, a ``Content-Encoding``),
* ``retry_after``: a ``Retry-After`` of so many seconds, or this text,
* ``retry_after_date``: a ``Retry-After`` that is the date so many seconds from now,

around the work
* ``drop``: ``"before"`` or ``"after"`` the work, close the connection unanswered,
* ``delay_ms``: wait before the work,

after the work, to its answer
* ``truncate``: close the connection in the middle of it,
* ``parts``: of a batch ``"reversed"``, the first ``"missing"``, or ``"doubled"``,
* ``etag``: ``"absent"``, or ``"flaky"``: another one at each reading,
* ``next_link``: replaced by this text, or ``"loop"``: by the address of this page,
* ``overlap``: the next page repeats so many rows (pages without ``$orderby``),
* ``delta_token``: ``"future"``: of a version that the organization has not reached.
"""

from __future__ import annotations

import json
import random
import re
import time
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from itertools import count
from typing import Any

from . import errors
from .messages import Response

_ETAG = re.compile(rb'"@odata\.etag":"W/\\"\d+\\"",?')
_NEXT_LINK = re.compile(rb'("@odata\.nextLink":)"(?:[^"\\]|\\.)*"')
_DELTA_VERSION = re.compile(rb"(deltatoken=)(\d+)")
_FUTURE = 1_000_000_000
_PARTS = ("reversed", "missing", "doubled")


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

    def __post_init__(self) -> None:
        for name, allowed in (
            ("drop", ("before", "after")),
            ("parts", _PARTS),
            ("etag", ("absent", "flaky")),
            ("delta_token", ("future",)),
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

    def spoil(self, response: Response, address: str) -> Response:
        """What becomes of an answer to the request for ``address``."""
        headers, body = dict(response.headers), response.body
        if self.parts:
            body = _spoil_parts(headers.get("Content-Type", ""), body, self.parts)
        if self.overlap and b'"@odata.nextLink"' in body:
            body = _overlap(body, self.overlap)
        if self.next_link:
            link = address if self.next_link == "loop" else self.next_link
            body = _with_next_link(body, link)
        if self.delta_token:
            body = _DELTA_VERSION.sub(
                lambda match: match[1] + b"%d" % (int(match[2]) + _FUTURE), body
            )
        if self.etag:
            headers.pop("ETag", None)
            body = _ETAG.sub(self._other_etag, body)
        return replace(response, headers=headers, body=body)

    def _other_etag(self, match: re.Match[bytes]) -> bytes:
        if self.etag == "absent":
            return b""
        comma = b"," if match[0].endswith(b",") else b""
        return b'"@odata.etag":"W/\\"%d\\""%b' % (next(_etags), comma)


_etags = count(_FUTURE)


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
        """The fault for this request; every rule that matches counts it."""
        taken = [
            rule.fault
            for rule in self._rules
            if rule.takes(method, url, body, in_batch)
        ]
        return taken[0] if taken else None


def _text(fault: Fault) -> bytes:
    return (fault.content or "").encode()


def _spoil_parts(content_type: str, body: bytes, how: str) -> bytes:
    """A batch's answer with its parts in another order, one less, or one twice."""
    boundary = content_type.partition("boundary=")[2].encode()
    if not boundary:
        return body
    delimiter = b"--" + boundary
    first, *parts, last = body.split(delimiter)
    if how == "reversed":
        parts.reverse()
    elif how == "missing":
        parts = parts[1:]
    else:
        parts = parts[:1] + parts
    return delimiter.join([first, *parts, last])


def _overlap(body: bytes, rows: int) -> bytes:
    """The next page begins ``rows`` rows earlier than it should."""
    answer = json.loads(body)
    shown, link = answer["value"], answer.get("@odata.nextLink", "")
    if len(shown) <= rows:
        return body
    for name, last in shown[-1].items():
        if isinstance(last, str) and len(last) == 36 and last in link:
            earlier = link.replace(last, shown[-1 - rows][name])
            return _with_next_link(body, earlier)
    return body


def _with_next_link(body: bytes, link: str) -> bytes:
    text = json.dumps(link).encode()
    return _NEXT_LINK.sub(lambda match: match[1] + text, body)
