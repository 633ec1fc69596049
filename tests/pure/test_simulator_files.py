"""File and image columns: "Use file column data", "Use image column data"."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from PowerPlatform.Dataverse.client import DataverseClient
from simulator_process import Session, create, error
from test_simulator_sdk import client  # noqa: F401 - the fixture

pytest_plugins = ["simulator_fixture"]

_BYTES = {"Content-Type": "application/octet-stream"}
_CONTENT = bytes(range(256)) * 40


@pytest.fixture
def row(api: Session) -> str:
    """The address of an account whose table has a file and an image column."""
    for kind, name in (("File", "new_Paper"), ("Image", "new_Photo")):
        body = {
            "@odata.type": f"Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
            "SchemaName": name,
            "MaxSizeInKB": 20,
        }
        path = "EntityDefinitions(LogicalName='account')/Attributes"
        assert api.post(path, json=body).status_code == 204
    return f"accounts({create(api, 'accounts', name='A')})"


def _upload(api: Session, address: str, content: bytes = _CONTENT) -> Any:
    headers = {**_BYTES, "x-ms-file-name": "paper.pdf"}
    return api.patch(f"{address}/new_paper", data=content, headers=headers)


def _target(address: str) -> dict[str, Any]:
    target = {
        "@odata.type": "Microsoft.Dynamics.CRM.account",
        "accountid": address[9:-1],
    }
    return {"Target": target, "FileAttributeName": "new_paper"}


def test_a_file_goes_in_and_out_in_one_request(api: Session, row: str) -> None:
    assert _upload(api, row).status_code == 204
    answer = api.get(f"{row}/new_paper/$value")
    assert answer.content == _CONTENT
    assert answer.headers["x-ms-file-name"] == "paper.pdf"
    assert answer.headers["x-ms-file-size"] == str(len(_CONTENT))
    assert answer.headers["mimetype"] == "application/pdf"
    read = api.get(f"{row}?$select=new_paper,new_paper_name").json()
    assert len(read["new_paper"]) == 36
    assert read["new_paper_name"] == "paper.pdf"


def test_a_file_comes_out_in_pieces(api: Session, row: str) -> None:
    _upload(api, row)
    answer = api.get(f"{row}/new_paper/$value", headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, _CONTENT[10:20])
    answer = api.get(f"{row}/new_paper/$value", headers={"Range": "bytes=99999-100000"})
    assert answer.status_code == 416


def test_the_column_itself_is_base64_in_json(api: Session, row: str) -> None:
    """How dynamics-web-api 2.5 downloads: it looks for Content-Disposition."""
    _upload(api, row)
    answer = api.get(f"{row}/new_paper?size=full", headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert base64.b64decode(answer.json()["value"]) == _CONTENT[10:20]
    assert answer.headers["x-ms-file-size"] == str(len(_CONTENT))
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")


def test_a_file_goes_in_by_chunks(api: Session, row: str) -> None:
    begin = api.patch(
        f"{row}/new_paper?x-ms-file-name=p%C3%A6re.txt",
        headers={"x-ms-transfer-mode": "chunked"},
    )
    assert begin.headers["x-ms-chunk-size"] == "4194304"
    address, size = begin.headers["Location"], len(_CONTENT)

    def send(first: int, last: int) -> int:
        span = {"Content-Range": f"bytes {first}-{last}/{size}"}
        piece = _CONTENT[first : last + 1]
        return api.patch(address, data=piece, headers={**_BYTES, **span}).status_code

    assert send(100, 200) == 400  # not where the last one ended
    assert [send(0, 99), send(100, size - 1)] == [206, 204]
    assert api.get(f"{row}/new_paper/$value").content == _CONTENT
    assert api.get(row).json()["new_paper_name"] == "pære.txt"
    assert send(0, 99) == 400  # the session is over


def test_a_file_goes_in_and_out_by_messages(api: Session, row: str) -> None:
    given = {**_target(row), "FileName": "a.txt"}
    token = api.post("InitializeFileBlocksUpload", json=given).json()
    token = token["FileContinuationToken"]
    names = [base64.b64encode(name).decode() for name in (b"1", b"2")]
    for name, data in zip(names, (_CONTENT[5000:], _CONTENT[:5000]), strict=True):
        block = {
            "BlockId": name,
            "BlockData": base64.b64encode(data).decode(),
            "FileContinuationToken": token,
        }
        assert api.post("UploadBlock", json=block).status_code == 204
    commit = {
        "BlockList": names[::-1],
        "FileName": "b.txt",
        "MimeType": "text/plain",
        "FileContinuationToken": token,
    }
    done = api.post("CommitFileBlocksUpload", json=commit).json()
    assert done["FileSizeInBytes"] == len(_CONTENT)
    begun = api.post("InitializeFileBlocksDownload", json=_target(row)).json()
    assert (begun["FileName"], begun["IsChunkingSupported"]) == ("b.txt", True)
    asked = {
        "Offset": 4990,
        "BlockLength": 20,
        "FileContinuationToken": begun["FileContinuationToken"],
    }
    data = api.post("DownloadBlock", json=asked).json()["Data"]
    assert base64.b64decode(data) == _CONTENT[4990:5010]
    answer = api.post("DeleteFile", json={"FileId": done["FileId"]})
    assert answer.status_code == 204
    assert api.get(row).json()["new_paper"] is None


def test_a_file_is_deleted_alone_and_with_its_row(api: Session, row: str) -> None:
    _upload(api, row)
    assert api.delete(f"{row}/new_paper").status_code == 204
    assert api.get(f"{row}/new_paper/$value").status_code == 204
    _upload(api, row)
    api.delete(row)
    assert error(api.get(f"{row}/new_paper/$value")) == (404, "0x80040217")


def test_a_file_cannot_be_written_with_its_row(api: Session, row: str) -> None:
    """Columns not valid for an operation are left out."""
    body = {"new_paper": "11111111-1111-1111-1111-111111111111"}
    assert api.patch(row, json=body).status_code == 204
    assert api.get(row).json()["new_paper"] is None


def test_what_is_too_big_is_refused(api: Session, row: str) -> None:
    answer = _upload(api, row, b"x" * 20_481)
    assert error(answer) == (400, "0x80044a02")


def test_an_image_is_written_with_its_row(api: Session, row: str) -> None:
    encoded = base64.b64encode(_CONTENT).decode()
    assert api.patch(row, json={"new_photo": encoded}).status_code == 204
    assert api.get(row).json()["new_photo"] == encoded
    assert api.get(f"{row}/new_photo/$value").content == _CONTENT
    answer = api.patch(row, json={"new_photo": "no base64"})
    assert error(answer) == (400, "0x80048d19")


def test_an_image_is_uploaded_like_a_file(api: Session, row: str) -> None:
    headers = {**_BYTES, "x-ms-file-name": "photo.png"}
    answer = api.patch(f"{row}/new_photo", data=_CONTENT, headers=headers)
    assert answer.status_code == 204
    read = api.get(row).json()
    assert base64.b64decode(read["new_photo"]) == _CONTENT
    assert read["new_photoid"] and read["new_photo_url"]
    assert api.get(f"{row}/new_photo/$value").content == _CONTENT


def test_who_may_not_write_the_row_may_not_write_its_file(
    simulator: Any, api: Session, row: str
) -> None:
    rights = {"privileges": {"account": {"Write": "None"}}}
    simulator.control("PUT", f"users/{simulator.ready['client_id']}", rights)
    answer = _upload(api, row)
    simulator.control(
        "PUT",
        f"users/{simulator.ready['client_id']}",
        {"privileges": {"account": {"Write": "Organization"}}},
    )
    assert answer.status_code == 403


def test_the_sdk_uploads_a_file(
    api: Session,
    row: str,
    client: DataverseClient,  # noqa: F811
    tmp_path: Path,
) -> None:
    path = tmp_path / "paper.txt"
    path.write_bytes(_CONTENT)
    client.files.upload("account", row[9:-1], "new_Paper", str(path))
    assert api.get(f"{row}/new_paper/$value").content == _CONTENT
