"""File and image columns: their content comes and goes beside the row.

Three ways in (one request, chunks of one PATCH each, blocks by messages), three ways
out. Source: "Use file column data", "Use image column data". What becomes of an image
is in ``images``.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from . import errors, images
from .messages import JSON_TYPE, Request, Response
from .rows import Rows
from .schema import FILE_TYPES, Column, Table

Json = dict[str, Any]

CHUNK_BYTES = 4 * 1024 * 1024
_SINGLE_REQUEST_BYTES = 128 * 1024 * 1024
_RANGE = re.compile(r"bytes[= ](\d{1,12})-(\d{1,12})(?:/(\d{1,12}))?", re.ASCII)
_OPEN_TRANSFERS = 1000
_EXPOSED = {"Access-Control-Expose-Headers": "x-ms-file-size; x-ms-file-name; mimetype"}


@dataclass
class _Transfer:
    """An upload under way, or a download: which column of which row, and its parts."""

    table: str
    row_id: str
    column: str
    name: str
    content: bytearray = field(default_factory=bytearray)
    blocks: dict[str, bytes] = field(default_factory=dict)
    download: bool = False


class Files:
    """Raises DataverseError for what is asked wrongly."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.schema = rows.schema
        self.store = rows.store
        self._transfers: dict[str, _Transfer] = {}

    # -- below the address of a row --------------------------------------------------

    def write(
        self, request: Request, table: Table, row_id: str, column: Column
    ) -> Response:
        """PATCH or PUT of the column: the content, or a piece of it."""
        query = dict(parse_qsl(request.query))
        name = request.headers.get("x-ms-file-name") or query.get("x-ms-file-name")
        if "sessiontoken" in query:
            return self._chunk(request, query["sessiontoken"])
        if not name:
            raise errors.bad_request("The header x-ms-file-name is missing.")
        name = unquote(name)
        if request.headers.get("x-ms-transfer-mode") == "chunked":
            self._require(request, table, row_id, "Write")
            token = self._begin(_Transfer(table.name, row_id, column.name, name))
            path = f"{table.entity_set}({row_id})/{column.name}"
            return Response(
                200,
                {
                    "Accept-Ranges": "bytes",
                    "Location": f"{request.api_url}/{path}?sessiontoken={token}",
                    "x-ms-chunk-size": str(CHUNK_BYTES),
                    "Access-Control-Expose-Headers": "x-ms-chunk-size",
                },
            )
        kind = request.headers.get("content-type", "")
        if not kind.startswith("application/octet-stream"):
            raise errors.unsupported_media_type(kind)
        if len(request.body) > _SINGLE_REQUEST_BYTES:
            raise errors.file_too_big()
        self._keep(request, table, row_id, column, name, None, request.body)
        return Response(204)

    def read(
        self, request: Request, table: Table, row_id: str, column: Column
    ) -> Response:
        """GET of the column's ``$value``, all of it or the ``Range`` asked for."""
        self._require(request, table, row_id, "Read")
        size = dict(parse_qsl(request.query)).get("size")
        if column.type == "Image" and size != "full":
            found = self._thumbnail(table, row_id, column)
        else:
            found = self._content(row_id, column.name)
        if found is None:
            return Response(204)
        name, kind, content = found
        headers = {
            "Content-Type": "application/octet-stream",
            "x-ms-file-size": str(len(content)),
            "x-ms-file-name": name,
            "mimetype": kind,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
            **_EXPOSED,
        }
        match = _RANGE.fullmatch(request.headers.get("range", ""))
        if not match:
            return Response(200, headers, content)
        first, last = int(match[1]), int(match[2])
        if first >= len(content) or last < first:
            raise errors.DataverseError(416, "0x80040203", "The range is not valid.")
        headers["x-ms-chunk-size"] = str(CHUNK_BYTES)
        return Response(206, headers, content[first : last + 1])

    def read_as_json(
        self, request: Request, table: Table, row_id: str, column: Column
    ) -> Response:
        """GET of the column itself: the same bytes as base64 within JSON."""
        answer = self.read(request, table, row_id, column)
        if answer.status != 204:
            path = f"{table.entity_set}({row_id})/{column.name}"
            body = {
                "@odata.context": f"{request.api_url}/$metadata#{path}",
                "value": base64.b64encode(answer.body).decode(),
            }
            answer.headers["Content-Type"] = JSON_TYPE
            answer.body = json.dumps(body).encode()
        return answer

    def delete(
        self, request: Request, table: Table, row_id: str, column: Column
    ) -> Response:
        self._require(request, table, row_id, "Write")
        self._forget(table, row_id, column, request)
        return Response(204)

    # -- by messages -----------------------------------------------------------------

    def begin_upload(self, request: Request) -> Json:
        given = request.json()
        table, row_id, column = self._target(given)
        self._require(request, table, row_id, "Write")
        name = given.get("FileName")
        if not isinstance(name, str) or not name:
            raise errors.payload("InitializeFileBlocksUpload", "FileName is missing.")
        token = self._begin(_Transfer(table.name, row_id, column.name, name))
        return _answer(
            request, "InitializeFileBlocksUpload", {"FileContinuationToken": token}
        )

    def upload_block(self, request: Request) -> None:
        given = request.json()
        transfer = self._transfer(given.get("FileContinuationToken"))
        block_id, data = given.get("BlockId"), given.get("BlockData")
        block = _decoded(data)
        if block is None or _decoded(block_id) is None or len(block) > CHUNK_BYTES:
            raise errors.payload("UploadBlock", "BlockId or BlockData is not valid.")
        transfer.blocks[block_id] = block

    def commit_upload(self, request: Request) -> Json:
        given = request.json()
        token = given.get("FileContinuationToken")
        transfer = self._transfer(token)
        listed = given.get("BlockList")
        if not isinstance(listed, list) or not all(
            isinstance(block, str) and block in transfer.blocks for block in listed
        ):
            raise errors.payload("CommitFileBlocksUpload", "BlockList is not valid.")
        content = b"".join(transfer.blocks[block] for block in listed)
        name = given.get("FileName")
        table, column = self._column(transfer)
        file_id = self._keep(
            request,
            table,
            transfer.row_id,
            column,
            name if isinstance(name, str) and name else transfer.name,
            given.get("MimeType"),
            content,
        )
        del self._transfers[token]
        size = {"FileId": file_id, "FileSizeInBytes": len(content)}
        return _answer(request, "CommitFileBlocksUpload", size)

    def begin_download(self, request: Request) -> Json:
        table, row_id, column = self._target(request.json())
        self._require(request, table, row_id, "Read")
        found = self._content(row_id, column.name)
        if found is None:
            raise errors.row_not_found("fileattachment", row_id)
        name, _, content = found
        transfer = _Transfer(table.name, row_id, column.name, name, download=True)
        return _answer(
            request,
            "InitializeFileBlocksDownload",
            {
                "FileSizeInBytes": len(content),
                "FileName": name,
                "FileContinuationToken": self._begin(transfer),
                "IsChunkingSupported": True,
            },
        )

    def download_block(self, request: Request) -> Json:
        given = request.json()
        transfer = self._transfer(given.get("FileContinuationToken"), download=True)
        start, length = given.get("Offset", 0), given.get("BlockLength")
        if type(start) is not int or type(length) is not int or start < 0 or length < 0:
            raise errors.payload("DownloadBlock", "Offset or BlockLength is not valid.")
        found = self._content(transfer.row_id, transfer.column)
        content = found[2] if found else b""
        data = base64.b64encode(content[start : start + length]).decode()
        return _answer(request, "DownloadBlock", {"Data": data})

    def delete_file(self, request: Request) -> None:
        file_id = request.json().get("FileId")
        for table in self.schema.tables.values():
            for column in table.file_columns:
                id_column = _id_column(column)
                found = self.store.execute(
                    f"SELECT {table.primary_id} FROM {table.name} "
                    f"WHERE {id_column} = ?",
                    (str(file_id).lower(),),
                ).fetchone()
                if found:
                    self._require(request, table, found[0], "Write")
                    self._forget(table, found[0], column, request)
                    return
        raise errors.row_not_found("fileattachment", str(file_id))

    # -- inside ----------------------------------------------------------------------

    def _chunk(self, request: Request, token: str) -> Response:
        transfer = self._transfer(token)
        match = _RANGE.fullmatch(request.headers.get("content-range", ""))
        if not match or match[3] is None:
            raise errors.bad_request("The header Content-Range is missing or invalid.")
        first, last, size = int(match[1]), int(match[2]), int(match[3])
        fits = last - first + 1 == len(request.body) and last < size
        if not fits or first != len(transfer.content):
            raise errors.bad_request("The Content-Range does not fit the content.")
        transfer.content += request.body
        if len(transfer.content) < size:
            return Response(206)
        table, column = self._column(transfer)
        content = bytes(transfer.content)
        self._keep(
            request, table, transfer.row_id, column, transfer.name, None, content
        )
        del self._transfers[token]
        return Response(204)

    def _keep(
        self,
        request: Request,
        table: Table,
        row_id: str,
        column: Column,
        name: str,
        kind: Any,
        content: bytes,
    ) -> str:
        """Store the content in place of an earlier one; returns the file's id."""
        self._require(request, table, row_id, "Write")
        if column.type == "Image":
            return self._keep_image(request, table, row_id, column, content)
        if len(content) > column.max_length * 1024:
            raise errors.file_too_big()
        self._clear(row_id, column.name)
        file_id = str(uuid.uuid4())
        guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.store.execute(
            "INSERT INTO file_content VALUES (?, ?, ?, ?, ?, ?)",
            (
                file_id,
                row_id,
                column.name,
                name[:200],
                kind if isinstance(kind, str) else guessed,
                content,
            ),
        )
        changes: Json = {column.name: file_id, f"{column.name}_name": name[:200]}
        self.rows.set_columns(table, row_id, changes, request.caller)
        return file_id

    def _keep_image(
        self,
        request: Request,
        table: Table,
        row_id: str,
        column: Column,
        content: bytes,
    ) -> str:
        changes: Json = {column.name: base64.b64encode(content).decode() or None}
        self.rows.set_columns(table, row_id, changes, request.caller)
        return str(changes[f"{column.name}id"])

    def _forget(
        self, table: Table, row_id: str, column: Column, request: Request
    ) -> None:
        self._clear(row_id, column.name)
        names = (column.name, f"{column.name}_name")
        changes: Json = {name: None for name in names if name in table.columns}
        self.rows.set_columns(table, row_id, changes, request.caller)

    def _clear(self, row_id: str, column: str) -> None:
        self.store.execute(
            "DELETE FROM file_content WHERE row_id = ? AND column_name = ?",
            (row_id, column),
        )

    def _content(self, row_id: str, column: str) -> tuple[str, str, bytes] | None:
        return self.store.execute(
            "SELECT name, mimetype, content FROM file_content "
            "WHERE row_id = ? AND column_name = ?",
            (row_id, column),
        ).fetchone()

    def _thumbnail(
        self, table: Table, row_id: str, column: Column
    ) -> tuple[str, str, bytes] | None:
        value = (self.store.row(table, row_id) or {}).get(column.name)
        if value is None:
            return None
        return column.name, images.THUMBNAIL_TYPE, base64.b64decode(value)

    def _target(self, given: Json) -> tuple[Table, str, Column]:
        """The row and the column that a message names."""
        target = given.get("Target")
        target = target if isinstance(target, dict) else {}
        kind = str(target.get("@odata.type", "")).lstrip("#")
        table = self.schema.tables.get(kind.removeprefix("Microsoft.Dynamics.CRM."))
        if table is None:
            raise errors.payload("Target", f"'{kind}' is no table.")
        column = table.columns.get(str(given.get("FileAttributeName")))
        if column is None or column.type not in FILE_TYPES:
            raise errors.no_attribute(table.name, str(given.get("FileAttributeName")))
        return table, str(target.get(table.primary_id)).lower(), column

    def _column(self, transfer: _Transfer) -> tuple[Table, Column]:
        """Both may be gone since the transfer began."""
        table = self.schema.tables.get(transfer.table)
        column = table.columns.get(transfer.column) if table else None
        if table is None or column is None:
            raise errors.no_attribute(transfer.table, transfer.column)
        return table, column

    def _require(
        self, request: Request, table: Table, row_id: str, access: str
    ) -> None:
        row = self.store.row(table, row_id)
        if row is None:
            raise errors.row_not_found(table.name, row_id)
        self.rows.security.require_row(request.caller, table, access, row)

    def _begin(self, transfer: _Transfer) -> str:
        while len(self._transfers) >= _OPEN_TRANSFERS:  # the oldest is given up
            del self._transfers[next(iter(self._transfers))]
        token = uuid.uuid4().hex
        self._transfers[token] = transfer
        return token

    def _transfer(self, token: Any, *, download: bool = False) -> _Transfer:
        found = self._transfers.get(token) if isinstance(token, str) else None
        if found is None or found.download != download:
            raise errors.bad_request("The file continuation token is not valid.")
        return found


def _id_column(column: Column) -> str:
    return column.name if column.type == "File" else f"{column.name}id"


def _decoded(text: Any) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:
        return None


def _answer(request: Request, message: str, content: Json) -> Json:
    name = f"Microsoft.Dynamics.CRM.{message}Response"
    return {"@odata.context": f"{request.api_url}/$metadata#{name}", **content}


FILE_ACTIONS: dict[str, Callable[[Files, Request], Json | None]] = {
    "InitializeFileBlocksUpload": Files.begin_upload,
    "UploadBlock": Files.upload_block,
    "CommitFileBlocksUpload": Files.commit_upload,
    "InitializeFileBlocksDownload": Files.begin_download,
    "DownloadBlock": Files.download_block,
    "DeleteFile": Files.delete_file,
}
