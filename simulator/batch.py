"""``$batch``: multipart/mixed bodies of requests and change sets.

Source: "Execute batch operations using the Web API". Without the preference
``odata.continue-on-error`` the first failure ends the batch and becomes its status.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlsplit

from . import errors, preferences
from .messages import Request, Response
from .store import Store

MAXIMUM_REQUESTS = 1000
_API_PATH = re.compile(r"/?(?:api/data/v9\.\d(?:\.\d+){0,2}/)?(.*)", re.DOTALL)
_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n")
_CONTENT_REFERENCE = re.compile(r"\$(\d+)")
Handler = Callable[[Request], Response]


@dataclass(frozen=True)
class _Operation:
    request: Request
    content_id: str | None


_ChangeSet = list[_Operation]


class _ChangeSetFailed(Exception):
    """Carries the response of the operation that failed, to leave the transaction."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def execute(handle: Handler, store: Store, outer: Request) -> Response:
    """Answer a batch. Raises DataverseError if the batch itself is malformed."""
    if outer.method != "POST":
        raise errors.method_not_allowed(outer.method)
    parts = _parse(outer)
    count = sum(len(part) if isinstance(part, list) else 1 for part in parts)
    if count > MAXIMUM_REQUESTS:
        raise errors.bad_request(
            "The current batch message contains too many parts. Only batch messages "
            f"with a maximum number of '{MAXIMUM_REQUESTS}' query operations, "
            "including changeset operations, are allowed."
        )
    goes_on = preferences.parse(outer.headers.get("prefer", "")).continue_on_error
    boundary = f"batchresponse_{uuid.uuid4()}"
    status, answers = 200, []
    for part in parts:
        if isinstance(part, list):
            answer, failed = _run_change_set(handle, store, part)
        else:
            response = _run(handle, part.request, {})
            answer = _part(response, None)
            failed = response.status if response.status >= 400 else 0
        answers.append(answer)
        if failed and not goes_on:
            status = failed
            break
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), a) for a in answers)
    headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    if goes_on:
        headers["Preference-Applied"] = "odata.continue-on-error"
    return Response(
        status,
        {**headers, "OData-Version": "4.0"},
        body + f"--{boundary}--\r\n".encode(),
        operations=count,
    )


# -- running -----------------------------------------------------------------------


def _run(handle: Handler, request: Request, addresses: dict[str, str]) -> Response:
    """``addresses``: what the content ids of this change set stand for."""
    try:
        return handle(_with_references(request, addresses))
    except errors.DataverseError as error:
        return Response.of_error(error)


def _run_change_set(
    handle: Handler, store: Store, operations: _ChangeSet
) -> tuple[bytes, int]:
    """``(part, status of the failure or 0)``; one error part replaces a failed set."""
    boundary = f"changesetresponse_{uuid.uuid4()}"
    addresses: dict[str, str] = {}
    body = b""
    try:
        with store.transaction():
            for operation in operations:
                response = _run(handle, operation.request, addresses)
                if response.status >= 400:
                    raise _ChangeSetFailed(response)
                content_id = operation.content_id or ""
                addresses[content_id] = response.headers.get("OData-EntityId", "")
                body += b"--%b\r\n%b\r\n" % (
                    boundary.encode(),
                    _part(response, content_id),
                )
    except _ChangeSetFailed as failure:
        return _part(failure.response, None), failure.response.status
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
    return head + body + f"--{boundary}--\r\n".encode(), 0


def _with_references(request: Request, addresses: dict[str, str]) -> Request:
    """Put addresses in the places of ``$1`` in the URL and in bindings of the body."""

    def address(content_id: str) -> str:
        if content_id not in addresses:
            raise errors.bad_request(
                f"Content-ID Reference: '${content_id}' does not exist in the batch "
                "context."
            )
        return addresses[content_id]

    path, body = request.path, request.body
    if match := _CONTENT_REFERENCE.match(path):
        absolute = address(match[1]) + path[match.end() :]
        path = _API_PATH.fullmatch(urlsplit(absolute).path)[1]
    if b'"$' in body:
        body = re.sub(
            rb'("[^"]*@odata\.(?:bind|id)"\s*:\s*")/?\$(\d+)"',
            lambda m: m[1] + address(m[2].decode()).encode() + b'"',
            body,
        )
    if path == request.path and body is request.body:
        return request
    return replace(request, path=path, body=body)


# -- reading the request -----------------------------------------------------------


def _parse(outer: Request) -> list[_Operation | _ChangeSet]:
    parts: list[_Operation | _ChangeSet] = []
    # CRLF is what the documentation asks for; the reader takes line feeds as well.
    text = _LINE_END.sub(b"\r\n", outer.body)
    for headers, content in _split(outer.headers.get("content-type", ""), text):
        kind = headers.get("content-type", "")
        if not kind.startswith("multipart/mixed"):
            parts.append(_operation(outer, headers, content))
            continue
        operations = [
            _operation(outer, inner_headers, inner)
            for inner_headers, inner in _split(kind, content)
        ]
        for operation in operations:
            if operation.request.method == "GET":
                raise errors.bad_request("GET is not allowed in a change set.")
            if not operation.content_id:
                raise errors.bad_request(
                    "The MIME part of a change set operation lacks a Content-ID header."
                )
        parts.append(operations)
    return parts


def _split(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """The parts of a multipart body as ``(headers, content)``."""
    match = _BOUNDARY.search(content_type)
    if not match or not content_type.startswith("multipart/mixed"):
        raise errors.bad_request(
            "The content type of a batch must be 'multipart/mixed' with a boundary."
        )
    delimiter = b"--" + match[1].strip().encode()
    chunks = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(chunks) < 2 or not chunks[-1].startswith(b"--"):
        raise errors.bad_request(
            "Unexpected end of stream: the batch is not terminated by its boundary."
        )
    return [_headers_and_content(chunk.removeprefix(b"\r\n")) for chunk in chunks[1:-1]]


def _headers_and_content(chunk: bytes) -> tuple[dict[str, str], bytes]:
    head, blank, content = chunk.partition(b"\r\n\r\n")
    if not blank and not head.endswith(b"\r\n"):
        raise errors.bad_request("A MIME part has no blank line after its headers.")
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, content


def _operation(outer: Request, headers: dict[str, str], content: bytes) -> _Operation:
    if not headers.get("content-type", "").startswith("application/http"):
        raise errors.bad_request(
            "The content type of a request in a batch must be 'application/http'."
        )
    line, _, rest = content.partition(b"\r\n")
    match = re.fullmatch(r"([A-Z]+) (\S.*?) HTTP/1\.1", line.decode("latin-1").strip())
    if not match:
        raise errors.bad_request(
            f"Invalid request line '{line.decode('latin-1')}' in the batch."
        )
    if not rest or rest.startswith(b"\r\n"):  # no headers, perhaps not even the line
        inner_headers, body = {}, rest[2:]
    else:
        inner_headers, body = _headers_and_content(rest)
    try:
        url = urlsplit(match[2])
    except ValueError:  # a square bracket where the host stands
        raise errors.bad_request(f"Invalid URL '{match[2]}' in the batch.") from None
    path = _API_PATH.fullmatch(url.path)[1]
    if path.startswith("$batch"):
        raise errors.bad_request("A batch cannot contain another batch.")
    request = Request(
        method=match[1],
        path=path,
        query=url.query,
        headers=inner_headers,
        body=body.strip(),
        caller=outer.caller,
        api_url=outer.api_url,
    )
    return _Operation(request, headers.get("content-id"))


# -- writing the answer ------------------------------------------------------------


def _part(response: Response, content_id: str | None) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        lines.append(f"Content-ID: {content_id}")
    phrase = HTTPStatus(response.status).phrase
    lines += ["", f"HTTP/1.1 {response.status} {phrase}"]
    headers = dict(response.headers)
    if response.is_collection:
        headers["Content-Type"] += "; odata.streaming=true"
    if response.status >= 400:
        headers["REQ_ID"] = str(uuid.uuid4())
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + response.body
