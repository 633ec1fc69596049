"""What a fault does to an answer after the work is done."""

from __future__ import annotations

import gzip
import json
import random
import re
import uuid
from dataclasses import replace
from itertools import count
from typing import Any

from .faults import Fault
from .messages import Response

_ETAG = re.compile(rb'"@odata\.etag":"W/\\"\d+\\"",?')
_NEXT_LINK = re.compile(rb'("@odata\.nextLink":)"(?:[^"\\]|\\.)*"')
_DELTA_VERSION = re.compile(rb"(deltatoken=)(\d+)")
_DELTA_CONTEXT = re.compile(r"\$metadata#(\w+)[^/]*/\$delta")
_FUTURE = 1_000_000_000
_etags = count(_FUTURE)


def spoil(fault: Fault, response: Response, address: str) -> Response:
    """What becomes of the answer to the request for ``address``."""
    headers, body = dict(response.headers), response.body
    if fault.parts:
        body = _spoil_parts(headers.get("Content-Type", ""), body, fault.parts)
    if fault.rows or fault.tombstones:
        body = _spoil_rows(fault, body)
    if fault.overlap and b'"@odata.nextLink"' in body:
        body = _overlap(body, fault.overlap)
    if fault.next_link:
        link = address if fault.next_link == "loop" else fault.next_link
        body = _with_next_link(body, link)
    if fault.delta_token:
        body = _DELTA_VERSION.sub(
            lambda match: match[1] + b"%d" % (int(match[2]) + _FUTURE), body
        )
    if fault.etag:
        headers.pop("ETag", None)
        absent = fault.etag == "absent"
        body = _ETAG.sub(lambda match: b"" if absent else _other_etag(match), body)
    if fault.gzip and body:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, mtime=0)
        if fault.gzip == "corrupt":
            # The check sum: damage elsewhere can look like an answer that ends early.
            body = body[:-8] + bytes(b ^ 0xFF for b in body[-8:])
    return replace(response, headers=headers, body=body)


def _other_etag(match: re.Match[bytes]) -> bytes:
    comma = b"," if match[0].endswith(b",") else b""
    return b'"@odata.etag":"W/\\"%d\\""%b' % (next(_etags), comma)


def _spoil_parts(content_type: str, body: bytes, how: str) -> bytes:
    """A batch's answer with its parts in another order, one less, or one twice."""
    boundary = content_type.partition("boundary=")[2].encode()
    if not boundary:
        return body
    delimiter = b"--" + boundary
    first, *parts, last = body.split(delimiter)
    if how == "truncated":
        return delimiter.join([first, *parts])[: -len(parts[-1]) // 2 or None]
    if how == "reversed":
        parts.reverse()
    elif how == "missing":
        parts = parts[1:]
    else:
        parts = parts[:1] + parts
    return delimiter.join([first, *parts, last])


def _spoil_rows(fault: Fault, body: bytes) -> bytes:
    answer = _page(body)
    if answer is None:
        return body
    rows = answer["value"]
    if fault.rows == "shuffled":
        random.Random(len(rows)).shuffle(rows)
    elif fault.rows == "doubled":
        rows[:0] = rows[:1]
    delta = _DELTA_CONTEXT.search(str(answer.get("@odata.context")))
    if fault.tombstones and delta:
        context = answer["@odata.context"].partition("#")[0]
        rows += [
            {
                "@odata.context": f"{context}#{delta[1]}/$deletedEntity",
                "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{len(rows)}/{number}")),
                "reason": "deleted",
            }
            for number in range(fault.tombstones)
        ]
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _page(body: bytes) -> dict[str, Any] | None:
    """The JSON of a page of rows, None if the body is something else."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    is_page = isinstance(answer, dict) and isinstance(answer.get("value"), list)
    return answer if is_page else None


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
