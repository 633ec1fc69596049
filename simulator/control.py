"""The control API below ``/simulator``: what a test turns, and what it asks for.

Plain JSON, loopback only, no authentication. See README.md for the list. A fault may
make the same calls (``act``), so that the world changes in the middle of a run.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import Faults
from .limits import Limits, ServiceProtection
from .nemesis import Nemesis
from .organization import Organization
from .security import ACCESS_RIGHTS, DEPTHS
from .webhooks import Webhooks

# Of an entry in schema.json, what may change under the feet of a client.
_COLUMN_CHANGES = frozenset(
    ("max_length", "min", "max", "options", "required", "precision", "full_image")
)
_LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Call:
    """One call: ``parameters`` of its path, ``body`` as JSON, None without one."""

    method: str
    body: Any = None
    parameters: dict[str, str] = field(default_factory=dict)


class Control:
    """Small and orthogonal: each address reads or replaces one thing."""

    def __init__(
        self,
        organization: Organization,
        faults: Faults,
        protection: ServiceProtection,
        webhooks: Webhooks,
        log: deque[dict[str, Any]],
    ) -> None:
        self.organization = organization
        self.faults = faults
        self.protection = protection
        self.webhooks = webhooks
        self.log = log
        self._endpoints: dict[str, tuple[list[str], Callable[[Call], Any]]] = {
            "/users/{client_id}": (["PUT"], self._user),
            "/tables/{table}": (["PUT"], self._table),
            "/columns/{table}/{column}": (["PUT", "DELETE"], self._column),
            "/delta-tokens/expire": (["POST"], self._expire),
            "/requests": (["GET", "DELETE"], self._requests),
            "/history/{table}/{row_id}": (["GET"], self._history),
            "/clock": (["GET", "POST"], self._clock),
            "/faults": (["GET", "PUT"], self._faults),
            "/faults/taken": (["GET"], self._faults_taken),
            "/nemesis": (["GET", "PUT"], self._nemesis),
            "/plug-ins": (["GET", "PUT"], self._plug_ins),
            "/limits": (["GET", "PUT"], self._limits),
            "/webhooks": (["GET", "PUT"], self._webhooks),
            "/organization": (["PUT"], self._organization),
            "/snapshot": (["POST"], self._snapshot),
            "/restore": (["POST"], self._restore),
            "/reset": (["POST"], self._reset),
        }

    def routes(self) -> Iterable[Route]:
        for path, (methods, endpoint) in self._endpoints.items():
            yield Route(f"/simulator{path}", _guarded(endpoint), methods=methods)

    def act(self, method: str, path: str, body: Any = None) -> Any:
        """The call of ``method`` on ``/simulator/<path>``.

        Raises KeyError, ValueError, TypeError, re.error for what is asked wrongly.
        """
        for template, (methods, endpoint) in self._endpoints.items():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            match = re.fullmatch(pattern, f"/{path}")
            if match and method in methods:
                return endpoint(Call(method, body, match.groupdict()))
        raise KeyError(f"{method} {path}")

    def _user(self, call: Call) -> Any:
        client_id = call.parameters["client_id"]
        wish = call.body
        store = self.organization.store
        if "enabled" in wish:
            changed = store.execute(
                "UPDATE systemuser SET isdisabled = ? WHERE applicationid = ?",
                (int(not wish["enabled"]), client_id),
            )
            if not changed.rowcount:
                raise KeyError(client_id)
        for table, rights in wish.get("privileges", {}).items():
            names = self.organization.schema.tables if table == "*" else [table]
            for name in names:
                for access, depth in rights.items():
                    self._set_depth(client_id, name, access, depth)
        return None

    def _set_depth(self, client_id: str, table: str, access: str, depth: str) -> None:
        known = table in self.organization.schema.tables and access in ACCESS_RIGHTS
        if not known or depth not in DEPTHS:
            raise ValueError(f"no such privilege: {table} {access} {depth}")
        self.organization.security.set_depth(client_id, table, access, depth)

    def _table(self, call: Call) -> Any:
        table = self.organization.schema.tables[call.parameters["table"]]
        wish = call.body
        for name in ("change_tracking", "optimistic_concurrency"):
            if name in wish:
                setattr(table, name, bool(wish[name]))
        return None

    def _column(self, call: Call) -> Any:
        """Changed or gone, as if an administrator had done it."""
        table, column = call.parameters["table"], call.parameters["column"]
        customization = self.organization.customization
        with self.organization.store.transaction():
            if call.method == "DELETE":
                customization.hide_column(table, column)
                return None
            unknown = call.body.keys() - _COLUMN_CHANGES
            if unknown:
                raise ValueError(f"{', '.join(sorted(unknown))} cannot be changed")
            customization.alter(table, column, call.body)
        return None

    def _expire(self, call: Call) -> Any:
        version = self.organization.store.next_version()
        self.organization.delta_tokens.expire_all(version)
        return None

    def _requests(self, call: Call) -> Any:
        if call.method == "DELETE":
            self.log.clear()
            return None
        return list(self.log)

    def _history(self, call: Call) -> Any:
        table = self.organization.schema.tables[call.parameters["table"]]
        row_id = call.parameters["row_id"].lower()
        return self.organization.store.history(table, row_id)

    def _clock(self, call: Call) -> Any:
        clock = self.organization.clock
        if call.method == "POST":
            clock.advance(float(call.body["advance_seconds"]))
        return {"now": clock.text(), "offset_seconds": clock.offset}

    def _faults(self, call: Call) -> Any:
        if call.method == "PUT":
            self.faults.define(call.body)
        return self.faults.definitions

    def _faults_taken(self, call: Call) -> Any:
        return self.faults.taken()

    def _nemesis(self, call: Call) -> Any:
        if call.method == "PUT":
            self.faults.nemesis = Nemesis(**call.body) if call.body else None
        nemesis = self.faults.nemesis
        return nemesis.report() if nemesis else None

    def _plug_ins(self, call: Call) -> Any:
        if call.method == "PUT":
            self.organization.plug_ins.define(call.body)
        return self.organization.plug_ins.definitions

    def _limits(self, call: Call) -> Any:
        if call.method == "PUT":
            self.protection.set(Limits(**call.body))
        return asdict(self.protection.limits)

    def _webhooks(self, call: Call) -> Any:
        if call.method == "PUT":
            self.webhooks.timeout = float(call.body["timeout_seconds"])
        return self.webhooks.listing()

    def _organization(self, call: Call) -> Any:
        """Another organization has moved in behind the address."""
        wish = call.body
        self.organization.id = str(uuid.UUID(wish["id"]))
        self.organization.name = str(wish.get("name", self.organization.name))
        return None

    def _snapshot(self, call: Call) -> Any:
        self.organization.store.take_snapshot()
        return None

    def _restore(self, call: Call) -> Any:
        self.organization.store.restore_snapshot()
        self.webhooks.reset()
        return None

    def _reset(self, call: Call) -> Any:
        wish = call.body or {}
        self.faults.define([])
        self.faults.nemesis = None
        self.protection.reset()
        self.log.clear()
        self.organization.reset(replace(self.organization.sample, **wish))
        self.webhooks.reset()
        return None


def _guarded(
    endpoint: Callable[[Call], Any],
) -> Callable[[Request], Awaitable[Response]]:
    """Loopback only; what a caller got wrong is said in one sentence."""

    async def respond(request: Request) -> Response:
        if not request.client or request.client.host not in _LOOPBACK:
            return JSONResponse({"error": "loopback only"}, status_code=403)
        try:
            content = await request.body()
            body = json.loads(content) if content else None
            answer = endpoint(Call(request.method, body, request.path_params))
        except KeyError as error:
            return JSONResponse({"error": f"unknown: {error}"}, status_code=404)
        except (ValueError, TypeError, AttributeError, re.error) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    return respond
