"""Operations on single rows, and the ``$batch`` request that carries many of them.

Source: Dataverse Web API, "Execute batch operations" and "Perform conditional
operations". No change sets: every operation succeeds or fails alone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from typing import Any

from requests.structures import CaseInsensitiveDict

from . import exactjson, query
from .errors import DataverseError
from .metadata import LOOKUP_TABLE, Row, Table
from .transport import Response

#: Asks for the table each lookup of an answer points to.
ANNOTATIONS = f'odata.include-annotations="{LOOKUP_TABLE[1:]}"'
#: Microsoft's limit of operations in one request.
MAX_SIZE = 1000

_ROW_PATH = re.compile(r"\w+\([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\)(\?.*)?")
_STATUS_LINE = re.compile(rb"HTTP/\d\.\d (\d{3})\b[^\r\n]*\r?\n")
_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_PATH = re.compile(r"[\x21-\x7e]+")
_HEADER = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True)
class Operation:
    """One request about one row. ``path`` is below the Web API's root, with its query
    string; ``body`` plain JSON values or None."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    table: Table | None = None
    row_id: str | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        return is_repeatable(self.method, self.path, self.headers)


@dataclass(frozen=True)
class Outcome:
    """What became of an operation: the row as it is now (None after a delete), or
    the error."""

    row: Row | None = None
    error: DataverseError | None = None


def create(
    table: Table,
    id: str,
    values: Mapping[str, Any],
    columns: Iterable[str] | None = (),
) -> Operation:
    """Create the row ``id`` with plain ``values``; fails with "DuplicateRecord" if it
    exists. The outcome's row has ``columns``; None asks for no row at all, which
    saves the server a read."""
    headers = {"If-None-Match": "*"}
    return _write(table, id, table.encode(values), headers, columns)


def update(
    table: Table,
    id: str,
    values: Mapping[str, Any],
    etag: str | None,
    columns: Iterable[str] | None = (),
) -> Operation:
    """Change ``values`` of the row ``id`` if it still has ``etag`` (None: whatever its
    version); never creates it, a missing row is "ObjectDoesNotExist"."""
    headers = {"If-Match": etag or "*"}
    return _write(table, id, table.encode(values), headers, columns)


def delete(table: Table, id: str, etag: str | None = None) -> Operation:
    """Delete the row ``id`` if it still has ``etag`` (None: whatever its version)."""
    headers = {"If-Match": etag} if etag else {}
    return Operation("DELETE", _path(table, id), None, headers, table, query.guid(id))


def retrieve(table: Table, id: str, columns: Iterable[str] = ()) -> Operation:
    """Read ``columns`` of the row ``id``."""
    return Operation(
        "GET",
        _path(table, id, columns),
        None,
        {"Prefer": ANNOTATIONS},
        table,
        query.guid(id),
    )


def is_repeatable(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether a request may be sent again when its answer got lost: reads, deletes of
    one row, and changes of one row that carry a condition. Never a POST."""
    if method == "GET":
        return True
    if not _ROW_PATH.fullmatch(path):
        return False
    conditional = "If-Match" in headers or "If-None-Match" in headers
    return method == "DELETE" or (method == "PATCH" and conditional)


def encode(operations: Sequence[Operation], root: str) -> tuple[str, bytes]:
    """Return (content type, body) of the batch. ``root``: "/api/data/v9.2/".
    ValueError for more than MAX_SIZE operations or a header with control characters."""
    if len(operations) > MAX_SIZE:
        raise ValueError(f"a batch has at most {MAX_SIZE} operations")
    boundary = f"batch_{uuid.uuid4()}"
    body = "".join(_part(operation, boundary, root) for operation in operations)
    body += f"--{boundary}--\r\n"
    return f'multipart/mixed; boundary="{boundary}"', body.encode("ascii")


def decode(response: Response, operations: Sequence[Operation]) -> list[Outcome]:
    """Return the outcome of each operation, in their order.

    An operation whose part is missing, cut off, or about another row gets
    "NoResponse": it may have been executed or not. Raises DataverseError, kind "auth",
    if a part says that the sign-in is not valid (it concerns the whole connection),
    and "UnreadableAnswer" if the answer is no batch response.
    """
    parts = _split(response)
    if len(parts) > len(operations):
        parts = []  # positions mean nothing then
    parts += [None] * (len(operations) - len(parts))
    outcomes = [_outcome(*pair) for pair in zip(operations, parts, strict=True)]
    for outcome in outcomes:
        if outcome.error and outcome.error.status == 401:
            raise outcome.error
    return outcomes


def _path(table: Table, id: str, columns: Iterable[str] | None = None) -> str:
    path = f"{table.entity_set}({query.guid(id)})"
    if columns is None:
        return path
    return f"{path}?$select={','.join(table.select(columns))}"


def _write(
    table: Table,
    id: str,
    body: Mapping[str, Any],
    headers: dict[str, str],
    columns: Iterable[str] | None,
) -> Operation:
    if columns is not None:
        headers["Prefer"] = f"return=representation,{ANNOTATIONS}"
    return Operation(
        "PATCH", _path(table, id, columns), body, headers, table, query.guid(id)
    )


def _part(operation: Operation, boundary: str, root: str) -> str:
    headers = {"Accept": "application/json", **operation.headers}
    content = ""
    if operation.body is not None:
        headers["Content-Type"] = "application/json"
        content = exactjson.dumps(operation.body) + "\r\n"
    lines = [
        f"--{boundary}",
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        "",
        f"{operation.method} {root}{operation.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if not _PATH.fullmatch(operation.path) or not all(map(_HEADER.fullmatch, lines)):
        raise ValueError("a path or header of the batch has a forbidden character")
    return "\r\n".join([*lines, "", content])


def _split(response: Response) -> list[Response | None]:
    """Split the body into its parts; None stands for a part that cannot be read.
    What follows the last delimiter was cut off, unless that delimiter is final."""
    content_type = response.headers.get("Content-Type") or ""
    match = _BOUNDARY.search(content_type)
    if not match or not content_type.lower().startswith("multipart/"):
        raise DataverseError(
            "UnreadableAnswer", facts={"host": response.host}, status=response.status
        )
    delimiter = rb"(?:^|\r?\n)--" + re.escape(match[1].encode()) + rb"(?=--|\s|$)"
    pieces = re.split(delimiter, response.body)[1:]
    return [_read_part(piece) for piece in pieces[:-1]]


def _read_part(piece: bytes) -> Response | None:
    """Read one "application/http" part: its headers, a blank line, the answer."""
    begin = _STATUS_LINE.search(piece)
    if not begin:
        return None
    # Without headers the blank line follows the status line at once; without a body
    # some servers leave it out.
    blank = _BLANK_LINE.search(piece, begin.end() - 2)
    head = piece[begin.end() : blank.start() if blank else None]
    body = piece[blank.end() :].strip() if blank else b""
    headers = BytesHeaderParser().parsebytes(head.strip() + b"\r\n\r\n")
    return Response(int(begin[1]), CaseInsensitiveDict(headers.items()), body)


def _outcome(operation: Operation, part: Response | None) -> Outcome:
    if part is None:
        return Outcome(error=DataverseError("NoResponse"))
    if part.status >= 300:
        labels = operation.table.labels if operation.table else None
        error = DataverseError.from_answer(
            part.status,
            part.headers,
            part.body,
            labels=labels,
            row_id=operation.row_id,
        )
        return Outcome(error=error)
    if operation.table is None or not part.body:
        return Outcome(error=_other_row(operation, part))
    try:
        row = operation.table.decode(exactjson.loads(part.body))
    except (ValueError, AttributeError, TypeError):
        return Outcome(error=DataverseError("NoResponse", status=part.status))
    if row.id != operation.row_id:
        return Outcome(error=DataverseError("NoResponse", status=part.status))
    return Outcome(row=row)


def _other_row(operation: Operation, part: Response) -> DataverseError | None:
    """An answer without a body still names its row; it must be the operation's."""
    entity = part.headers.get("OData-EntityId") or ""
    if entity and operation.row_id and operation.row_id not in entity.lower():
        return DataverseError("NoResponse", status=part.status)
    return None
