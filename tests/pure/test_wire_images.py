"""Images on the wire: told by their version, sent as base64, fetched by themselves."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
import responses
from wire_support import API, A, client_for

from dataverse import FAULTS, Column, Picture, Table, check, classify, read_filter
from dataverse.filters import FilterError
from dataverse.metadata import read_column

PNG = b"\x89PNG\r\n\x1a\n"
TABLE = Table(
    "account",
    "accounts",
    "accountid",
    columns={
        "accountid": Column("accountid", "Uniqueidentifier"),
        "entityimage_timestamp": Column("entityimage_timestamp", "BigInt"),
        "entityimage": Column("entityimage", "Image", "Picture", max_kilobytes=1),
    },
)


def image(content):
    return Picture("any", content)


def test_its_version_is_read_in_its_place():
    """No page of rows ever carries an image."""
    both = ["entityimage", "entityimage_timestamp"]
    assert TABLE.select(both) == ("accountid", "entityimage_timestamp")
    row = TABLE.decode({"accountid": A, "entityimage_timestamp": 637388308718090885})
    assert [row.values[name] for name in both] == [637388308718090885] * 2
    empty = TABLE.decode({"accountid": A, "entityimage_timestamp": None})
    assert [empty.values[name] for name in both] == [None] * 2


def test_it_is_written_in_base64():
    body = TABLE.encode({"entityimage": image(PNG)})
    assert base64.b64decode(body["entityimage"]) == PNG
    assert TABLE.encode({"entityimage": None}) == {"entityimage": None}
    with pytest.raises(ValueError, match="entityimage takes a Picture"):
        TABLE.encode({"entityimage": "637388308718090885"})


def test_a_picture_is_kept_and_compared_as_its_text():
    picture = image(PNG)
    assert picture == "any" and json.dumps([picture]) == '["any"]'


@pytest.mark.parametrize(
    "start", [PNG, b"GIF87a", b"GIF89a", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM"]
)
def test_five_formats(start):
    assert check(TABLE, {"entityimage": image(start)}) == []


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"RIFF\0\0\0\0WEBP", b"text"])
def test_other_formats(content):
    (problem,) = check(TABLE, {"entityimage": image(content)})
    assert problem.name == "ImageFormatNotSupported"
    assert "'Picture' takes pictures in the formats PNG" in problem.sentence


def test_the_limit():
    assert check(TABLE, {"entityimage": image(PNG.ljust(1024))}) == []
    (problem,) = check(TABLE, {"entityimage": image(PNG.ljust(1025))})
    assert problem.name == "ImageTooLarge" and problem.name in FAULTS
    for word in ("'Picture'", "at most 1 kB", "has 2 kB", "Power Apps"):
        assert word in problem.sentence


def test_what_the_server_refuses():
    """The two messages of "Use image column data"."""
    begin = "Error occured when processing image. Reason: "
    large = "File size is too big. MaxSize: 10 MB, Uploaded filesize: 11 MB."
    broken = "Update image properties failed for objectid: 1, logicalName: account, "
    broken += "attribute: entityimage"
    for message in (large, broken):
        found = classify(400, "0x80072553", begin + message)
        assert (found.name, found.kind) == ("ProcessImageFailure", "permanent")
        assert message in found.sentence
    assert found.column == "entityimage"


def test_its_definition():
    column = read_column(
        {
            "LogicalName": "entityimage",
            "AttributeType": "Virtual",
            "AttributeTypeName": {"Value": "ImageType"},
            "MaxSizeInKB": 10240,
            "CanStoreFullImage": True,
        }
    )
    assert (column.type, column.max_kilobytes, column.full_image) == (
        "Image",
        10240,
        True,
    )
    assert Column.from_dict(json.loads(json.dumps(column.to_dict()))) == column


def test_a_filter_speaks_of_the_version():
    found = read_filter("entityimage_timestamp ne null", TABLE)
    assert found.columns == {"entityimage_timestamp"}
    with pytest.raises(FilterError, match="entityimage_timestamp"):
        read_filter("entityimage ne null", TABLE)


@pytest.mark.parametrize(
    ("kept_in_full", "answers", "asked", "found"),
    [
        (False, [PNG], [""], PNG),
        (False, [b""], [""], None),
        (True, [PNG], ["?size=full"], PNG),
        # It came before the column was told to keep images in full.
        (True, [b"", PNG], ["?size=full", ""], PNG),
        (True, [b"", b""], ["?size=full", ""], None),
    ],
)
def test_the_image_itself(kept_in_full, answers, asked, found):
    column = replace(TABLE.columns["entityimage"], full_image=kept_in_full)
    table = replace(TABLE, columns={**TABLE.columns, "entityimage": column})
    address = f"{API}accounts({A})/entityimage/$value"
    with responses.RequestsMock() as web:
        for answer in answers:
            web.get(address, body=answer, status=200 if answer else 204)
        assert client_for().image(table, A, "entityimage") == found
        urls = [call.request.url for call in web.calls]
    assert urls == [address + size for size in asked]
