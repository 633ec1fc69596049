"""What becomes of an image: its thumbnail, the columns that go with it, its full size.

The column itself holds the thumbnail; the full size is kept beside it where the column
is made for it. Source: "Use image column data".
"""

from __future__ import annotations

import base64
import io
import uuid
from typing import Any

from PIL import Image, ImageOps

from . import errors
from .clock import Clock
from .schema import Column, Table
from .store import Store

THUMBNAIL_PIXELS = 144
THUMBNAIL_TYPE = "image/png"
_FORMATS = ("GIF", "JPEG", "TIFF", "BMP", "PNG")
# A moment in .NET: tenths of microseconds since the year 1.
_TICKS_UNTIL_1970 = 621_355_968_000_000_000
_TICKS_PER_SECOND = 10_000_000


def settle(
    store: Store,
    table: Table,
    row_id: str,
    changes: dict[str, Any],
    clock: Clock,
    *,
    creating: bool = False,
) -> None:
    """Make of the images in ``changes``, in base64, what is kept of them.

    Raises DataverseError: no image, too large, or not the primary one on create.
    """
    for column in table.images:
        if column.name not in changes or (creating and changes[column.name] is None):
            continue
        if creating and column.name != table.primary_image:
            raise errors.not_the_primary_image(table.name, column.name)
        encoded = changes[column.name]
        changes |= _kept(store, table, row_id, column, encoded, clock)


def _kept(
    store: Store,
    table: Table,
    row_id: str,
    column: Column,
    encoded: str | None,
    clock: Clock,
) -> dict[str, Any]:
    """All columns of an image."""
    name = column.name
    store.execute(
        "DELETE FROM file_content WHERE row_id = ? AND column_name = ?", (row_id, name)
    )
    if encoded is None:
        return dict.fromkeys((name, f"{name}id", f"{name}_timestamp", f"{name}_url"))
    content = base64.b64decode(encoded)
    thumbnail, kind = _thumbnail(table, row_id, column, content)
    image_id = str(uuid.uuid4())
    if column.full_image:
        store.execute(
            "INSERT INTO file_content VALUES (?, ?, ?, ?, ?, ?)",
            (image_id, row_id, name, name, kind, content),
        )
    ticks = _TICKS_UNTIL_1970 + int(clock.now() * _TICKS_PER_SECOND) + store.version
    address = f"/Image/download.aspx?Entity={table.name}&Attribute={name}"
    return {
        name: base64.b64encode(thumbnail).decode(),
        f"{name}id": image_id,
        f"{name}_timestamp": ticks,
        f"{name}_url": f"{address}&Id={image_id}&Timestamp={ticks}",
    }


def _thumbnail(
    table: Table, row_id: str, column: Column, content: bytes
) -> tuple[bytes, str]:
    """The thumbnail of an image, and the image's own MIME type."""
    if len(content) > column.max_length * 1024:
        raise errors.image_refused(
            f"File size is too big. MaxSize: {column.max_length // 1024} MB, "
            f"Uploaded filesize: {len(content) // 2**20} MB."
        )
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            kind = Image.MIME[image.format or ""]
            shorter, longer = sorted(image.size)
            side = THUMBNAIL_PIXELS if longer > THUMBNAIL_PIXELS else shorter
            small = ImageOps.fit(image.convert("RGBA"), (side, side))
    except (OSError, ValueError, SyntaxError) as error:
        raise errors.image_refused(
            f"Update image properties failed for objectid: {row_id}, logicalName: "
            f"{table.name}, attribute: {column.name}"
        ) from error
    result = io.BytesIO()
    small.save(result, "PNG")
    return result.getvalue(), kind
