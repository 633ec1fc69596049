"""The ids of definitions: made from their names, so the same at every start."""

from __future__ import annotations

import uuid


def metadata_id(kind: str, name: str) -> str:
    """``kind``: entity, attribute, relationship, key, optionset or label."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}/{name}"))
