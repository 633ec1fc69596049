"""Sockets, TLS and the life of the process.

One thread: the event loop serves all connections and is the only writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import App


class _Protocol(HttpToolsProtocol):
    """Hands the application its connection, so that faults can cut it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["transport"] = self.transport


class _Server(uvicorn.Server):
    """Tells when it listens; signals are handled for both servers together."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Waiting for idle clients to answer a TLS farewell would only cost time.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets=sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: App,
    host: str = "127.0.0.1",
    port: int = 0,
    http_port: int | None = None,
    exit_with_parent: bool = False,
) -> None:
    """Serve until a signal; prints one line of JSON on stdout when ready."""
    identity = app.organization.identity
    secure = listen(host, port)
    sockets = [(secure, identity.server_context())]
    url = f"https://localhost:{secure.getsockname()[1]}"
    http_url = None
    if http_port is not None:
        plain = listen(host, http_port)
        sockets.append((plain, None))
        http_url = f"http://localhost:{plain.getsockname()[1]}"
    app.authority.resources = {
        address.replace("localhost", name)
        for address in (url, http_url)
        if address
        for name in ("localhost", "127.0.0.1", "[::1]")
    }
    servers = [_Server(_config(app, context)) for _, context in sockets]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if exit_with_parent:
        _watch_stdin(loop, stop)
    running = [
        asyncio.create_task(server.serve(sockets=[sock]))
        for server, (sock, _) in zip(servers, sockets, strict=True)
    ]
    for server in servers:
        await server.listening.wait()
    print(json.dumps(_ready(app, url, http_url)), flush=True)
    await asyncio.gather(*running)


def _ready(app: App, url: str, http_url: str | None) -> dict[str, Any]:
    identity = app.organization.identity
    ready = {
        "url": url,
        "authority": f"{url}/{identity.tenant}",
        "tenant": identity.tenant,
        "client_id": identity.integration.client_id,
        "client_secret": identity.integration.client_secret,
        "certificate": str(identity.certificate_file),
        "ca": str(identity.ca_file),
        "control": f"{url}/simulator",
        "organization_id": identity.organization_id,
        "salesperson": {
            "client_id": identity.salesperson.client_id,
            "client_secret": identity.salesperson.client_secret,
        },
    }
    if http_url:
        ready["http_url"] = http_url
    return ready


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections send small answers at once.

    They inherit TCP_NODELAY; asyncio sets it only on sockets made with an explicit
    protocol number. Without it every answer waits 40 ms for a delayed ACK.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=256)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _config(app: App, context: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=120,
    )
    config.load()
    config.ssl = context
    return config


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: Any) -> None:
    """End when the parent closes our stdin, however the parent ends."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        loop.call_soon_threadsafe(stop)

    threading.Thread(target=watch, daemon=True).start()
