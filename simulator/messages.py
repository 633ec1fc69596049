"""What goes in and out of the API, the same for a request of its own and in a batch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from . import errors, preferences
from .security import Caller

JSON_TYPE = "application/json; odata.metadata=minimal"


@dataclass(frozen=True)
class Request:
    """``path`` is what follows ``/api/data/v9.x/``, not decoded; header names are lower
    case; ``api_url`` ends before the slash."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    caller: Caller
    api_url: str

    def json(self) -> dict[str, Any]:
        """The body as an object; decimals stay exact. Raises DataverseError."""
        try:
            body = json.loads(self.body or b"{}", parse_float=Decimal)
            if b"\\u" in self.body:  # half a character can be written, not stored
                json.dumps(body, ensure_ascii=False, default=str).encode()
        except (ValueError, RecursionError) as error:
            reason = f"Invalid JSON. {type(error).__name__}."
            raise errors.payload(self.path, reason) from None
        if not isinstance(body, dict):
            raise errors.payload(self.path, "A JSON object was expected.")
        return body


@dataclass
class Response:
    """An answer; a batch counts its inner requests in ``operations``."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    operations: int = 0
    is_collection: bool = False

    @classmethod
    def of_json(
        cls, text: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        return cls(
            status, {"Content-Type": JSON_TYPE, **(headers or {})}, text.encode()
        )

    @classmethod
    def of_error(
        cls, error: errors.DataverseError, request: Request | None = None
    ) -> Response:
        """With the details of the error that the ``request`` prefers."""
        prefer = request.headers.get("prefer", "") if request else ""
        body = error.body(preferences.parse(prefer).annotations)
        return cls(error.status, {"Content-Type": JSON_TYPE, **error.headers}, body)
