"""The control API below ``/simulator``: what a test turns, and what it asks for.

Plain JSON, loopback only, no authentication. See README.md for the list.
"""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import Faults
from .limits import Limits, ServiceProtection
from .organization import Organization
from .security import ACCESS_RIGHTS, DEPTHS
from .webhooks import Webhooks

_LOOPBACK = ("127.0.0.1", "::1")


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

    def routes(self) -> Iterable[Route]:
        for path, methods, endpoint in (
            ("/users/{client_id}", ["PUT"], self._user),
            ("/tables/{table}", ["PUT"], self._table),
            ("/delta-tokens/expire", ["POST"], self._expire),
            ("/requests", ["GET", "DELETE"], self._requests),
            ("/history/{table}/{row_id}", ["GET"], self._history),
            ("/clock", ["GET", "POST"], self._clock),
            ("/faults", ["GET", "PUT"], self._faults),
            ("/faults/taken", ["GET"], self._faults_taken),
            ("/plug-ins", ["GET", "PUT"], self._plug_ins),
            ("/limits", ["GET", "PUT"], self._limits),
            ("/webhooks", ["GET", "PUT"], self._webhooks),
            ("/organization", ["PUT"], self._organization),
            ("/snapshot", ["POST"], self._snapshot),
            ("/restore", ["POST"], self._restore),
            ("/reset", ["POST"], self._reset),
        ):
            yield Route(f"/simulator{path}", _guarded(endpoint), methods=methods)

    async def _user(self, request: Request) -> Any:
        client_id = request.path_params["client_id"]
        wish = await request.json()
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

    async def _table(self, request: Request) -> Any:
        table = self.organization.schema.tables[request.path_params["table"]]
        wish = await request.json()
        for name in ("change_tracking", "optimistic_concurrency"):
            if name in wish:
                setattr(table, name, bool(wish[name]))
        return None

    async def _expire(self, request: Request) -> Any:
        version = self.organization.store.next_version()
        self.organization.delta_tokens.expire_all(version)
        return None

    async def _requests(self, request: Request) -> Any:
        if request.method == "DELETE":
            self.log.clear()
            return None
        return list(self.log)

    async def _history(self, request: Request) -> Any:
        table = self.organization.schema.tables[request.path_params["table"]]
        row_id = request.path_params["row_id"].lower()
        return self.organization.store.history(table, row_id)

    async def _clock(self, request: Request) -> Any:
        clock = self.organization.clock
        if request.method == "POST":
            clock.advance(float((await request.json())["advance_seconds"]))
        return {"now": clock.text(), "offset_seconds": clock.offset}

    async def _faults(self, request: Request) -> Any:
        if request.method == "PUT":
            self.faults.define(await request.json())
        return self.faults.definitions

    async def _faults_taken(self, request: Request) -> Any:
        return self.faults.taken()

    async def _plug_ins(self, request: Request) -> Any:
        if request.method == "PUT":
            self.organization.plug_ins.define(await request.json())
        return self.organization.plug_ins.definitions

    async def _limits(self, request: Request) -> Any:
        if request.method == "PUT":
            self.protection.set(Limits(**(await request.json())))
        return asdict(self.protection.limits)

    async def _webhooks(self, request: Request) -> Any:
        if request.method == "PUT":
            self.webhooks.timeout = float((await request.json())["timeout_seconds"])
        return self.webhooks.listing()

    async def _organization(self, request: Request) -> Any:
        """Another organization has moved in behind the address."""
        wish = await request.json()
        self.organization.id = str(uuid.UUID(wish["id"]))
        self.organization.name = str(wish.get("name", self.organization.name))
        return None

    async def _snapshot(self, request: Request) -> Any:
        self.organization.store.take_snapshot()
        return None

    async def _restore(self, request: Request) -> Any:
        self.organization.store.restore_snapshot()
        self.webhooks.reset()
        return None

    async def _reset(self, request: Request) -> Any:
        wish = await request.json() if await request.body() else {}
        self.faults.define([])
        self.protection.reset()
        self.log.clear()
        self.organization.reset(replace(self.organization.sample, **wish))
        self.webhooks.reset()
        return None


def _guarded(
    endpoint: Callable[[Request], Awaitable[Any]],
) -> Callable[[Request], Awaitable[Response]]:
    """Loopback only; what a caller got wrong is said in one sentence."""

    async def respond(request: Request) -> Response:
        if not request.client or request.client.host not in _LOOPBACK:
            return JSONResponse({"error": "loopback only"}, status_code=403)
        try:
            answer = await endpoint(request)
        except KeyError as error:
            return JSONResponse({"error": f"unknown: {error}"}, status_code=404)
        except (ValueError, TypeError, re.error) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    return respond
