"""File and image columns: "Use file column data", "Use image column data"."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
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
        body: dict[str, Any] = {
            "@odata.type": f"Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
            "SchemaName": name,
            "MaxSizeInKB": 20,
        }
        if kind == "Image":
            body["CanStoreFullImage"] = True
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


def _picture(
    size: tuple[int, int] = (300, 200), kind: str = "PNG", color: str = "red"
) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


def _size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size


def _write(api: Session, row: str, content: bytes | None) -> Any:
    encoded = content and base64.b64encode(content).decode()
    return api.patch(row, json={"new_photo": encoded})


def test_an_image_is_written_with_its_row(api: Session, row: str) -> None:
    """What is read with the row is a thumbnail."""
    assert _write(api, row, _picture()).status_code == 204
    read = api.get(f"{row}?$select=new_photo").json()
    assert _size(base64.b64decode(read["new_photo"])) == (144, 144)
    assert _size(api.get(f"{row}/new_photo/$value").content) == (144, 144)
    full = api.get(f"{row}/new_photo/$value?size=full")
    assert full.content == _picture()
    answer = api.patch(row, json={"new_photo": "no base64"})
    assert error(answer) == (400, "0x80048d19")


@pytest.mark.parametrize(
    ("before", "after"), [((300, 428), 144), ((91, 130), 91), ((100, 200), 144)]
)
def test_thumbnails_are_square(
    api: Session, row: str, before: tuple[int, int], after: int
) -> None:
    _write(api, row, _picture(before))
    assert _size(api.get(f"{row}/new_photo/$value").content) == (after, after)


def test_an_image_changes_its_companions(api: Session, row: str) -> None:
    companions = "new_photoid,new_photo_timestamp,new_photo_url"

    def read() -> list[Any]:
        found = api.get(f"{row}?$select={companions}").json()
        return [found[name] for name in companions.split(",")]

    assert read() == [None, None, None]
    _write(api, row, _picture())
    image_id, stamp, url = read()
    assert f"Id={image_id}" in url and f"Timestamp={stamp}" in url
    assert api.patch(row, json={"name": "B"}).status_code == 204
    assert read() == [image_id, stamp, url]
    _write(api, row, _picture())
    assert read()[1] > stamp
    _write(api, row, None)
    assert read() == [None, None, None]
    assert api.get(f"{row}/new_photo/$value").status_code == 204
    assert api.get(f"{row}/new_photo/$value?size=full").status_code == 204


def test_an_image_without_full_size_is_only_a_thumbnail(api: Session) -> None:
    row = f"accounts({create(api, 'accounts', name='A')})"
    encoded = base64.b64encode(_picture()).decode()
    assert api.patch(row, json={"entityimage": encoded}).status_code == 204
    assert api.get(f"{row}/entityimage/$value?size=full").status_code == 204
    assert _size(api.get(f"{row}/entityimage/$value").content) == (144, 144)


def test_what_is_no_image_is_refused(api: Session, row: str) -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    for content in (_CONTENT, drawing, _picture()[:60], _picture(kind="WEBP")):
        assert error(_write(api, row, content)) == (400, "0x80072553")


def test_an_image_that_is_too_big_is_refused(api: Session, row: str) -> None:
    large = _picture(kind="BMP", size=(80, 80)).ljust(20_480, b"\0")
    assert _write(api, row, large).status_code == 204
    answer = _write(api, row, large + b"\0")
    assert error(answer) == (400, "0x80072553")
    assert "File size is too big" in answer.text


def test_only_the_primary_image_comes_with_a_new_row(api: Session, row: str) -> None:
    encoded = base64.b64encode(_picture()).decode()
    body = {"name": "B", "new_photo": encoded}
    assert error(api.post("accounts", json=body)) == (400, "0x80090487")
    row_id = create(api, "accounts", name="B", entityimage=encoded)
    assert api.get(f"accounts({row_id})/entityimage/$value").status_code == 200


def test_an_image_is_uploaded_like_a_file(api: Session, row: str) -> None:
    headers = {**_BYTES, "x-ms-file-name": "photo.png"}
    answer = api.patch(f"{row}/new_photo", data=_picture(), headers=headers)
    assert answer.status_code == 204
    read = api.get(row).json()
    assert read["new_photoid"] and read["new_photo_url"]
    assert api.get(f"{row}/new_photo/$value?size=full").content == _picture()
    assert api.delete(f"{row}/new_photo").status_code == 204
    assert api.get(row).json()["new_photoid"] is None


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
