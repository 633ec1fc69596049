"""Images: what is read with a row, what is refused, what changes with an image."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

COMPANIONS = "entityimageid,entityimage_timestamp,entityimage_url"
IMAGE_ATTRIBUTE = (
    "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='entityimage')"
    "/Microsoft.Dynamics.CRM.ImageAttributeMetadata"
)


def picture(size: tuple[int, int] = (300, 428), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind)
    return file.getvalue()


def body(content: bytes) -> dict[str, str]:
    return {"entityimage": base64.b64encode(content).decode()}


def size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size


@pytest.mark.parametrize("kind", ["GIF", "JPEG", "TIFF", "BMP", "PNG"])
def test_five_formats_are_taken(api, rows, kind):
    """And given to a new row, as the table's primary image.

    Learn: image-column-data
    """
    account = rows.add("accounts", body(picture(kind=kind)))
    read = api.retrieve(f"accounts({account})?$select=entityimage")
    assert size(base64.b64decode(read["entityimage"])) == (144, 144)


def test_what_is_read_with_rows_is_the_thumbnail(api, rows):
    """The whole image never comes with a row, nor with a list of rows.

    Learn: image-column-data
    """
    account = rows.add("accounts", body(picture()))
    (row,) = api.rows(f"accounts?$select=entityimage&$filter=accountid eq {account}")
    assert size(base64.b64decode(row["entityimage"])) == (144, 144)


@pytest.mark.parametrize(("before", "after"), [((300, 428), 144), ((91, 130), 91)])
def test_a_thumbnail_is_square(api, rows, before, after):
    """144 pixels, or the shorter side of an image that is smaller.

    Learn: image-column-data
    """
    account = rows.add("accounts", body(picture(before)))
    answer = api.get(f"accounts({account})/entityimage/$value")
    assert answer.status_code == 200
    assert size(answer.content) == (after, after)


def test_the_full_size_of_a_column_without_is_nothing(api, rows):
    """204, where CanStoreFullImage is false.

    Learn: image-column-data
    """
    if api.retrieve(f"{IMAGE_ATTRIBUTE}?$select=CanStoreFullImage")[
        "CanStoreFullImage"
    ]:
        pytest.skip("accounts keep images in full here")
    account = rows.add("accounts", body(picture()))
    answer = api.get(f"accounts({account})/entityimage/$value?size=full")
    assert answer.status_code == 204


def test_the_timestamp_says_that_an_image_changed(api, rows):
    """And stays when other columns of the row do.

    Learn: image-column-data
    """
    account = rows.add("accounts", body(picture()))
    path = f"accounts({account})?$select={COMPANIONS}"
    first = api.retrieve(path)
    assert isinstance(first["entityimage_timestamp"], int)
    assert str(first["entityimage_timestamp"]) in first["entityimage_url"]
    api.patch(f"accounts({account})", json={"telephone1": "1"})
    assert api.retrieve(path)["entityimage_timestamp"] == first["entityimage_timestamp"]
    api.patch(f"accounts({account})", json=body(picture((20, 20))))
    assert api.retrieve(path)["entityimage_timestamp"] != first["entityimage_timestamp"]


def test_null_removes_an_image(api, rows):
    """With all that goes with it.

    Learn: image-column-data
    """
    account = rows.add("accounts", body(picture()))
    answer = api.patch(f"accounts({account})", json={"entityimage": None})
    assert answer.status_code == 204
    read = api.retrieve(f"accounts({account})?$select=entityimage,{COMPANIONS}")
    assert {read[name] for name in ("entityimage", *COMPANIONS.split(","))} == {None}


@pytest.mark.parametrize(
    "content",
    [b"no image", b'<svg xmlns="http://www.w3.org/2000/svg"/>', picture(kind="WEBP")],
    ids=["text", "SVG", "WebP"],
)
def test_what_is_no_image_is_refused(api, rows, content):
    """ProcessImageFailure, 0x80072553.

    Learn: image-column-data
    """
    account = rows.add("accounts")
    answer = api.patch(f"accounts({account})", json=body(content))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].lower() == "0x80072553"


def test_an_image_above_the_limit_is_refused(api, rows):
    """The same code; the limit is in the column's definition, 30 MB at most.

    Learn: image-column-data
    """
    limit = api.retrieve(f"{IMAGE_ATTRIBUTE}?$select=MaxSizeInKB")["MaxSizeInKB"]
    assert limit <= 30 * 1024
    account = rows.add("accounts")
    large = picture(kind="BMP").ljust(limit * 1024 + 1, b"\0")
    answer = api.patch(f"accounts({account})", json=body(large))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"].lower() == "0x80072553"
