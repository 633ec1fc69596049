"""How long a change takes to be seen on the other side, with real servers in light use.

Odoo runs with its scheduled actions; Dataverse calls it by webhook, over HTTPS.
Somebody works meanwhile: reads a list and saves a contact every half second.
"""

from __future__ import annotations

import json
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from . import database, environment, process, say, server, table
from .demo import LOGIN, connect
from .paths import LOCAL
from .remote import Dataverse, Odoo

RESULT = LOCAL / "latency.json"
GOAL_SECONDS = 5.0  # of the 95th percentile
PATIENCE_SECONDS = 60
LOOK_SECONDS = 0.02
USE_SECONDS = 0.5
ACCOUNTS = 200


def run(n: int = 30) -> int:
    """Measure, print a table, and write `.local/latency.json`.

    :param n: changes on each side
    :return: 0 if both percentiles reach the goal
    """
    with ExitStack() as stack:
        template = stack.enter_context(environment.ready())
        name = database.named("latency")
        database.clone_with_addon(template, name)
        stack.callback(database.drop, name)
        announced = stack.enter_context(server.simulator(accounts=ACCOUNTS, contacts=0))
        port = process.free_port()
        with say.step("Odoo: started"):
            running = server.start_odoo(name, port, server.trusting(announced))
        stack.callback(process.stop, running)
        url = stack.enter_context(_https(port, announced))
        both = Both(Odoo(f"http://127.0.0.1:{port}", name, LOGIN, LOGIN), announced)
        both.prepare(url)
        stack.enter_context(_light_use(f"http://127.0.0.1:{port}", name))
        figures = {}
        for way, measured in (
            ("Odoo to Dataverse", both.to_dataverse),
            ("Dataverse to Odoo", both.to_odoo),
        ):
            with say.step(f"{way}: {n} changes"):
                figures[way] = sorted(measured(number) for number in range(n))
    lines = [
        (way, len(seconds), _percentile(seconds, 50), _percentile(seconds, 95))
        for way, seconds in figures.items()
    ]
    print(table.aligned(("seconds", "changes", "p50", "p95"), lines), flush=True)
    RESULT.write_text(json.dumps(figures, indent=1))
    return int(any(p95 > GOAL_SECONDS for *_others, p95 in lines))


def _percentile(seconds: list[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


class Both:
    """The two sides, and the records that are changed in turns."""

    def __init__(self, odoo: Odoo, announced: dict[str, Any]) -> None:
        self.odoo = odoo
        self.dataverse = Dataverse(announced)
        self.announced = announced
        self.pairs: list[tuple[int, str]] = []

    def prepare(self, url: str) -> None:
        """Connect, couple everything, and have Dataverse call Odoo.

        :param url: where Odoo answers by HTTPS
        """
        for key, value in (("web.base.url", url), ("web.base.url.freeze", "True")):
            self.odoo.call("ir.config_parameter", "set_param", key, value)
        connection = connect(self.odoo, self.announced)
        of_connection = [("connection_id", "=", connection)]
        mappings = self.odoo.call("integration.table.mapping", "search", of_connection)
        self.odoo.call(
            *("integration.table.mapping", "write", mappings),
            {"synch_only_coupled": False},
        )
        with say.step(f"{ACCOUNTS} accounts synchronized, webhook registered"):
            self._wait(lambda: self._synchronize(mappings) and self._couplings())
            self.odoo.call(
                *("integration.connection", "action_register_webhook", [connection])
            )

    def _synchronize(self, mappings: list[int]) -> bool:
        result = self.odoo.call("integration.table.mapping", "synchronize", mappings)
        return result["state"] == "done"

    def _couplings(self) -> bool:
        coupled = [("state", "=", "coupled")]
        columns = ["res_id", "external_id"]
        found = self.odoo.read("integration.coupling", coupled, columns)
        self.pairs = [(pair["res_id"], pair["external_id"]) for pair in found]
        return len(self.pairs) >= ACCOUNTS

    def to_dataverse(self, number: int) -> float:
        """Seconds from the answer to a save in Odoo until Dataverse shows it."""
        partner, account = self._pair(number)
        phone = f"+45 10 {number:04}"
        self.odoo.call("res.partner", "write", [partner], {"phone": phone})
        return self._wait(
            lambda: self.dataverse.row("accounts", account)["telephone1"] == phone
        )

    def to_odoo(self, number: int) -> float:
        """Seconds from the answer to a change in Dataverse until Odoo shows it."""
        partner, account = self._pair(number)
        phone = f"+45 20 {number:04}"
        self.dataverse.change("accounts", account, {"telephone1": phone})
        of_partner = [("id", "=", partner)]
        return self._wait(
            lambda: (
                self.odoo.read("res.partner", of_partner, ["phone"])[0]["phone"]
                == phone
            )
        )

    def _pair(self, number: int) -> tuple[int, str]:
        # The first record belongs to whoever works meanwhile.
        return self.pairs[1 + number % (len(self.pairs) - 1)]

    @staticmethod
    def _wait(arrived: Callable[[], bool]) -> float:
        start = time.monotonic()
        while not arrived():
            if time.monotonic() - start > PATIENCE_SECONDS:
                raise SystemExit("It has not arrived; see the logs.")
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - start


@contextmanager
def _light_use(url: str, name: str) -> Iterator[None]:
    """Somebody who reads a list and saves a contact now and then."""
    over = threading.Event()

    def work() -> None:
        odoo = Odoo(url, name, LOGIN, LOGIN)
        coupled = [("state", "=", "coupled")]
        first = odoo.read("integration.coupling", coupled, ["res_id"])[0]["res_id"]
        count = 0
        while not over.wait(USE_SECONDS):
            count += 1
            odoo.read("res.partner", [("is_company", "=", True)], ["name", "phone"])
            vals = {"city": f"City {count}"}
            odoo.call("res.partner", "write", [first], vals)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join(PATIENCE_SECONDS)


@contextmanager
def _https(port: int, announced: dict[str, Any]) -> Iterator[str]:
    """An address with HTTPS for a server on this machine, as a proxy would give it.

    The certificate is the simulator's, for localhost, which it trusts itself.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(announced["ca"]).with_name("server.pem"))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=_forward, args=(connection,), daemon=True).start()

    def _forward(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as outside,
            socket.create_connection(("127.0.0.1", port)) as inside,
        ):
            back = threading.Thread(target=_copy, args=(inside, outside), daemon=True)
            back.start()
            _copy(outside, inside)
            back.join()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until there is no more."""
    try:
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has gone
