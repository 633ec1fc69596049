"""The body of a webhook: a ``RemoteExecutionContext`` as JSON.

Source: "Understand the data context passed to a plug-in", "Use webhooks": in Update
the Target holds what changed, in Create everything and ``OutputParameters`` the id, in
Delete it is a reference. Money and option values are wrapped, dates are milliseconds.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .schema import Column, Schema, Table
from .values import MONEY_SCALE

MAXIMUM_BYTES = 256 * 1024
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_OPTIONS = ("Picklist", "State", "Status")
_DROPPED = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")


@dataclass(frozen=True)
class Event:
    """A write that was committed; ``changes`` are stored values by column."""

    table: Table
    row_id: str
    message: str
    at: str
    by: str
    changes: dict[str, Any]
    row: dict[str, Any] | None
    tag: str | None


@dataclass(frozen=True)
class Origin:
    """Whose event it is, and which step asked for it."""

    organization_id: str
    organization_name: str
    business_unit_id: str
    step_id: str


def body(schema: Schema, event: Event, origin: Origin, correlation: str) -> Any:
    """``(JSON, whether parts were dropped because it is above 256 KB)``."""
    context = _context(schema, event, origin, correlation)
    text = json.dumps(context, ensure_ascii=False).encode()
    if len(text) <= MAXIMUM_BYTES:
        return text, False
    for name in _DROPPED:
        context[name] = None if name == "ParentContext" else []
    return json.dumps(context, ensure_ascii=False).encode(), True


def _context(
    schema: Schema, event: Event, origin: Origin, correlation: str
) -> dict[str, Any]:
    target = _target(schema, event)
    created = event.message == "Create"
    inner = {
        "BusinessUnitId": origin.business_unit_id,
        "CorrelationId": correlation,
        "Depth": 1,
        "InitiatingUserId": event.by,
        "InputParameters": [{"key": "Target", "value": target}],
        "IsExecutingOffline": False,
        "IsInTransaction": False,
        "IsOfflinePlayback": False,
        "IsolationMode": 1,
        "MessageName": event.message,
        "Mode": 1,
        "OperationCreatedOn": _milliseconds(event.at),
        "OperationId": str(uuid.uuid4()),
        "OrganizationId": origin.organization_id,
        "OrganizationName": origin.organization_name,
        "OutputParameters": [{"key": "id", "value": event.row_id}] if created else [],
        "OwningExtension": _reference("sdkmessageprocessingstep", origin.step_id),
        "ParentContext": None,
        "PostEntityImages": _images(event),
        "PreEntityImages": [],
        "PrimaryEntityId": event.row_id,
        "PrimaryEntityName": event.table.name,
        "RequestId": None,
        "SecondaryEntityName": "none",
        "SharedVariables": [{"key": "tag", "value": event.tag}] if event.tag else [],
        "Stage": 40,
        "UserId": event.by,
    }
    return {**inner, "ParentContext": {**inner, "Stage": 30}}


def _target(schema: Schema, event: Event) -> dict[str, Any]:
    if event.message == "Delete":
        reference = _reference(event.table.name, event.row_id)
        return {"__type": f"EntityReference:{_CONTRACTS}", **reference}
    attributes = [
        {"key": name, "value": _value(event.table.columns[name], value, event.changes)}
        for name, value in event.changes.items()
        if name in event.table.columns and name != "versionnumber"
    ]
    key = event.table.primary_id
    if key not in event.changes:
        attributes.append({"key": key, "value": event.row_id})
    return {"__type": f"Entity:{_CONTRACTS}", **_entity(event, attributes)}


def _entity(event: Event, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Attributes": attributes,
        "EntityState": None,
        "FormattedValues": [],
        "Id": event.row_id,
        "KeyAttributes": [],
        "LogicalName": event.table.name,
        "RelatedEntities": [],
        "RowVersion": None,
    }


def _images(event: Event) -> list[dict[str, Any]]:
    """Asynchronous steps are given the primary name of the row."""
    if event.row is None:
        return []
    names = (event.table.primary_name, event.table.primary_id)
    attributes = [{"key": name, "value": event.row.get(name)} for name in names]
    image = _entity(event, attributes)
    return [{"key": "AsynchronousStepPrimaryName", "value": image}]


def _reference(table: str, row_id: str) -> dict[str, Any]:
    return {
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": table,
        "Name": None,
        "RowVersion": None,
    }


def _value(column: Column, value: Any, row: dict[str, Any]) -> Any:
    if value is None:
        return None
    if column.type == "Money":
        return {"__type": f"Money:{_CONTRACTS}", "Value": value / MONEY_SCALE}
    if column.type in _OPTIONS:
        return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
    if column.is_lookup:
        target = column.targets[0]
        if column.type_column:
            target = row.get(column.type_column) or target
        return {"__type": f"EntityReference:{_CONTRACTS}", **_reference(target, value)}
    if column.type == "Boolean":
        return bool(value)
    if column.type == "DateTime":
        return _milliseconds(value)
    return value


def _milliseconds(text: str) -> str:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return f"/Date({int(moment.timestamp() * 1000)})/"
