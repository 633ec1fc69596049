"""JSON with exact decimals.

Money must not pass through binary floating point: 64-bit floats lose cents above
fifteen digits, and Dataverse's money columns have nineteen.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def loads(text: bytes | str) -> Any:
    """Parse JSON; numbers with a fraction become Decimal. Raises ValueError for
    anything that is not JSON, also for nesting without end and for NaN."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def dumps(value: Any) -> str:
    """Write JSON (ASCII); Decimal is written digit by digit. Raises TypeError for
    values JSON has no form for and ValueError for numbers that are not finite."""
    if isinstance(value, dict):
        members = (f"{json.dumps(str(key))}:{dumps(value[key])}" for key in value)
        return "{" + ",".join(members) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} has no JSON form")
        return format(value, "f")
    return json.dumps(value, allow_nan=False)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
