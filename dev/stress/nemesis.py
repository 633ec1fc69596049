"""What can go wrong: on the wire, at the sign-in, in PostgreSQL.

A fault is brought in force for one operation of a run, once or for the whole run, and
afterwards says whether the run met it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from odoo.addons.dataverse_sync.dataverse.client import Client
from odoo.addons.dataverse_sync.dataverse.transport import (
    Response,
    Transport,
    _network_error,
)

from .world import World

THROTTLED = {"status": 429, "code": "0x80072322", "message": "Too many requests"}
ELSEWHERE = "https://elsewhere.example/api/data/v9.2/accounts"

# The answer to a whole request, or what becomes of it.
REQUEST: dict[str, dict[str, Any]] = {
    "429, seconds": {**THROTTLED, "retry_after": 1},
    "429, date": {**THROTTLED, "retry_after_date": 5},
    "429, 0 s": {**THROTTLED, "retry_after": 0},
    "429, no time": THROTTLED,
    "429, a day": {**THROTTLED, "retry_after": 86400},
    "500": {"status": 500},
    "502": {"status": 502, "content": "<html>Bad gateway</html>"},
    "503": {"status": 503, "retry_after": 1},
    "504": {"status": 504, "content": ""},
    "401": {"status": 401, "code": "", "message": "Unauthorized"},
    "403": {"status": 403, "code": "0x80040220", "message": "No privilege"},
    "404": {"status": 404, "code": "0x80060888", "message": "Resource not found"},
    "412": {"status": 412, "code": "0x80060882", "message": "Version mismatch"},
    "redirect": {"status": 302, "headers": {"Location": ELSEWHERE}},
    "HTML": {"status": 200, "content": "<html>Sign in</html>"},
    "nothing": {"status": 200, "content": ""},
    "broken gzip": {
        "status": 200,
        "content": "no gzip",
        "headers": {"Content-Encoding": "gzip"},
    },
    "reset before": {"drop": "before"},
    "reset after": {"drop": "after"},
    "no answer": {"delay_ms": 1500, "drop": "after"},
    "slow": {"delay_ms": 300},
    "cut off": {"truncate": True},
}
# The answer to one operation of a batch.
PART: dict[str, dict[str, Any]] = {
    "part 429": THROTTLED,
    "part 401": {"status": 401, "code": "", "message": "Unauthorized"},
    "part 403": {"status": 403, "code": "0x80040220", "message": "No privilege"},
    "part 404": {"status": 404, "code": "0x80040217", "message": "Does Not Exist"},
    "part 412": {"status": 412, "code": "0x80060882", "message": "Version mismatch"},
    "part 500": {"status": 500},
    "part 503": {"status": 503},
    "part deadlock": {"status": 500, "code": "0x80044150", "message": "Sql error 1205"},
}
# What becomes of the answer to a batch.
BATCH: dict[str, dict[str, Any]] = {
    "parts reversed": {"parts": "reversed"},
    "part missing": {"parts": "missing"},
    "part doubled": {"parts": "doubled"},
    "no etag": {"etag": "absent"},
    "other etag": {"etag": "flaky"},
}
# What becomes of a page.
PAGE: dict[str, dict[str, Any]] = {
    "link elsewhere": {"next_link": ELSEWHERE},
    "link without TLS": {"next_link": "http://localhost/api/data/v9.2/accounts"},
    "endless link": {"next_link": "loop"},
    "overlapping page": {"overlap": 1},
    "no etag": {"etag": "absent"},
    "other etag": {"etag": "flaky"},
}
DELTA: dict[str, dict[str, Any]] = {"future token": {"delta_token": "future"}}
# Of the sign-in: status and body, or an exception of the transport.
SIGN_IN: dict[str, Any] = {
    "429": (429, b"{}"),
    "500": (500, b"{}"),
    "503": (503, b""),
    "refused": (401, b'{"error": "invalid_client"}'),
    "HTML": (200, b"<html>Sign in</html>"),
    "nothing": (200, b""),
    "no token": (200, b'{"token_type": "Bearer"}'),
    "reset": ConnectionResetError("reset"),
    "no answer": TimeoutError("timeout"),
}
# SQLSTATE, "terminate" for the end of the session; before the end of the statement or
# when the transaction commits.
DATABASE = {
    "serialization failure": "40001",
    "deadlock": "40P01",
    "lock timeout": "55P03",
    "unique violation": "23505",
    "statement timeout": "57014",
    "disk full": "53100",
    "session lost": "terminate",
}
AT_COMMIT = {
    "serialization failure at COMMIT": "40001",
    "session lost at COMMIT": "terminate",
}


@dataclass
class Met:
    """How often the fault was met; known when it is over."""

    count: int = 0


@contextmanager
def on_the_wire(world: World, rule: dict[str, Any]) -> Iterator[Met]:
    """A rule of the simulator (see simulator/faults.py)."""
    world.simulator.rules("faults", rule)
    met = Met()
    try:
        yield met
    finally:
        met.count = sum(world.simulator.control("GET", "faults/taken"))
        world.simulator.rules("faults")


@contextmanager
def at_sign_in(answer: Any, once: bool) -> Iterator[Met]:
    """The authority answers so, once or always."""
    send, met = Transport.send, Met()

    def faulty(transport, method, url, *rest):
        if "/oauth2/" not in url or (once and met.count):
            return send(transport, method, url, *rest)
        met.count += 1
        if isinstance(answer, Exception):
            raise _network_error(answer, "authority")
        return Response(answer[0], {"Content-Type": "application/json"}, answer[1])

    Transport.send = faulty
    try:
        yield met
    finally:
        Transport.send = send


@contextmanager
def in_postgres(
    world: World, table: str, event: str, what: str, *, once: bool, at_commit: bool
) -> Iterator[Met]:
    """A statement on a table fails as PostgreSQL itself would have it fail."""
    timing = (
        "CONSTRAINT TRIGGER stress AFTER {} ON {} DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW"
        if at_commit
        else "TRIGGER stress AFTER {} ON {} FOR EACH STATEMENT"
    )
    with world.odoo() as env:
        env.cr.execute(
            """
            CREATE SEQUENCE stress_met;
            CREATE FUNCTION stress_fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                -- A sequence remembers what a transaction has forgotten.
                IF nextval('stress_met') > 1 AND TG_ARGV[1] = 'once' THEN
                    RETURN NULL;
                ELSIF TG_ARGV[0] = 'terminate' THEN
                    PERFORM pg_terminate_backend(pg_backend_pid());
                    PERFORM pg_sleep(0);
                ELSE
                    RAISE EXCEPTION 'made to fail' USING ERRCODE = TG_ARGV[0];
                END IF;
                RETURN NULL;
            END $$;
            """
            f"CREATE {timing.format(event, table)} EXECUTE FUNCTION"
            f" stress_fail('{what}', '{'once' if once else 'always'}')"
        )
    met = Met()
    try:
        yield met
    finally:
        with world.odoo() as env:
            env.cr.execute(
                "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM stress_met"
            )
            (met.count,) = env.cr.fetchone()
            env.cr.execute(
                f"DROP TRIGGER stress ON {table}; DROP FUNCTION stress_fail();"
                "DROP SEQUENCE stress_met"
            )


def hurry(page_size: int = 2) -> None:
    """Have clients wait for nothing and read small pages, in this process for good."""
    for method in (Client.changes, Client.query):
        method.__kwdefaults__["page_size"] = page_size
    initialize = Client.__init__

    def impatient(client, *args, **options):
        initialize(
            client,
            *args,
            **{**options, "sleep": lambda _seconds: None, "timeout": (5, 1)},
        )

    Client.__init__ = impatient
