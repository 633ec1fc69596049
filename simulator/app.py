"""The ASGI application: authority, control API, and the Web API with its frame.

The frame of every Web API answer: token, faults, common headers, request log.
Source: "Compose HTTP requests and handle errors", headers captured from a live
organization.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections import deque
from typing import Any

from starlette.applications import Starlette

from . import errors
from .api import Api
from .authority import Authority, InvalidToken
from .control import Control
from .faults import Fault, Faults
from .limits import Limits, ServiceProtection
from .messages import Request, Response
from .organization import Organization
from .spoiling import spoil
from .webhooks import Webhooks

_logger = logging.getLogger(__name__)
_API = re.compile(r"(/api/data/v9\.[0-2](?:\.\d+){0,2})(?:/(.*))?", re.DOTALL)
# ASP.NET, which answers in the cloud, takes several slashes for one.
_SLASHES = re.compile(r"/{2,}")
_LOGGED_REQUESTS = 200_000


class App:
    """``scope["transport"]`` (see server.py) lets a fault cut the connection."""

    def __init__(
        self, organization: Organization, limits: Limits | None = None
    ) -> None:
        self.organization = organization
        self.authority = Authority(organization.identity, organization.clock)
        self.faults = Faults()
        self.log: deque[dict[str, Any]] = deque(maxlen=_LOGGED_REQUESTS)
        self.webhooks = Webhooks(organization)
        self.api = Api(organization, self.faults, self.webhooks)
        self.protection = ServiceProtection(limits or Limits())
        self.control = Control(
            organization, self.faults, self.protection, self.webhooks, self.log
        )
        self._others = Starlette(
            routes=[*self.authority.routes(), *self.control.routes()]
        )
        self._cookie = f"ARRAffinity={uuid.uuid4().hex}; path=/; secure; HttpOnly"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raw_path = scope["raw_path"].decode("latin-1")
        match = _API.fullmatch(_SLASHES.sub("/", raw_path))
        if not match:
            await self._others(scope, receive, send)
            return
        started = time.perf_counter()
        headers = _headers(scope)
        body = await _body(receive)
        base_url = f"{scope['scheme']}://{headers.get('host', 'localhost')}"
        path, query = match[2] or "", scope["query_string"].decode("latin-1")
        method = scope["method"]
        url = f"{path}?{query}" if query else path
        entry = {"method": method, "path": url, "client": None, "batch": 0}
        fault = self.faults.take(method, url, body)
        for call in fault.world if fault else ():
            self.control.act(*call)
        try:
            entry["client"] = self._client(headers, base_url)
            refusal = None
        except _Unauthorized as error:
            refusal = error.response
        response, lost = None, fault and fault.drop == "before"
        with self.protection.running(entry["client"]):
            if fault and fault.delay_ms:
                restarts = self.organization.store.restarts
                await asyncio.sleep(fault.delay_ms / 1000)
                # What was meant for another life of the organization ends with it.
                lost = lost or restarts != self.organization.store.restarts
            if not lost:
                response = (fault.response() if fault else None) or refusal
                if response is None:
                    self.webhooks.settle()
                    response = self._work(
                        entry["client"],
                        method,
                        path,
                        query,
                        headers,
                        body,
                        base_url + match[1],
                    )
                    self.webhooks.tell(headers.get("host", "localhost"))
                    if fault:
                        address = f"{base_url}{match[1]}/{url}"
                        response = spoil(fault, response, address)
        seconds = time.perf_counter() - started
        if entry["client"]:
            now = self.organization.clock.now()
            self.protection.record(entry["client"], now, seconds)
        entry["status"] = response.status if response else None
        entry["batch"] = response.operations if response else 0
        if fault:
            entry["fault"] = fault.name
        entry["milliseconds"] = round(seconds * 1000, 3)
        self.log.append(entry)
        if lost or (fault and fault.drop):
            await _cut(scope, receive)
            return
        await self._send(scope, receive, send, response, entry["client"], fault)

    def _client(self, headers: dict[str, str], base_url: str) -> str:
        """The client id of the request's token. Raises _Unauthorized."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _Unauthorized(self.authority.challenge(base_url))
        try:
            return self.authority.client_of(token.strip())
        except InvalidToken as error:
            challenge = self.authority.challenge(base_url, str(error))
            raise _Unauthorized(challenge) from None

    def _work(
        self,
        client_id: str,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes,
        api_url: str,
    ) -> Response:
        try:
            self.protection.admit(client_id, self.organization.clock.now())
            caller = self.organization.caller(client_id)
            request = Request(method, path, query, headers, body, caller, api_url)
            if path == "$batch":
                return self.api.handle_batch(request)
            return self.api.handle(request)
        except errors.DataverseError as error:
            return Response.of_error(error)
        except Exception:
            _logger.exception("%s %s failed", method, path)
            return Response.of_error(
                errors.DataverseError(
                    500, "0x80040216", "An unexpected error occurred."
                )
            )

    async def _send(
        self,
        scope: Any,
        receive: Any,
        send: Any,
        response: Response,
        client_id: str | None,
        fault: Fault | None,
    ) -> None:
        request_id = str(uuid.uuid4())
        headers = {
            "Cache-Control": "no-cache",
            "Expires": "-1",
            "Set-Cookie": self._cookie,
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "REQ_ID": f"{request_id},{request_id}",
            "AuthActivityId": request_id,
            "x-ms-service-request-id": f"{request_id},{request_id}",
            **self.protection.headers(client_id),
            "OData-Version": "4.0",
            **response.headers,
            "Content-Length": str(len(response.body)),
        }
        if response.status in (204, 304):
            del headers["Content-Length"]
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [
                    (name.lower().encode(), value.encode("latin-1", "replace"))
                    for name, value in headers.items()
                ],
            }
        )
        if fault and fault.truncate:
            half = response.body[: len(response.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await _cut(scope, receive)
            return
        if fault and fault.drip_ms:
            for piece in _tenths(response.body):
                await send(
                    {"type": "http.response.body", "body": piece, "more_body": True}
                )
                await asyncio.sleep(fault.drip_ms / 1000)
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": response.body})


class _Unauthorized(Exception):
    """``response`` tells the client where to get a token."""

    def __init__(self, challenge: str) -> None:
        super().__init__(challenge)
        self.response = Response(401, {"WWW-Authenticate": challenge})


def _headers(scope: Any) -> dict[str, str]:
    """Lower-case names; a repeated header's values are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def _body(receive: Any) -> bytes:
    message = await receive()
    body = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


def _tenths(body: bytes) -> list[bytes]:
    size = len(body) // 10 + 1
    return [body[start : start + size] for start in range(0, len(body), size)]


async def _cut(scope: Any, receive: Any) -> None:
    """Close the connection at once and wait until the server has noticed."""
    scope["transport"].abort()
    while (await receive())["type"] != "http.disconnect":
        pass
