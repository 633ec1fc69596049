"""The main job from beginning to end: two sides become one, and stay so.

An organization with sample data meets an Odoo that knows some of its customers. They
are connected, coupled by matching, synchronized, synchronized again with nothing left
to do, and compared in full.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from simulator import sample

from . import back_office, compare, database, environment, process, say, server, table
from .connected import credentials
from .paths import LOGS
from .postgres import sql
from .remote import Dataverse, Odoo

LOGIN = "admin"
ODOO_PORT = 8069
SIMULATOR_PORT = 8443
MAPPINGS = ("CUSTOMER", "CONTACT")
# Nothing in these may have been touched by a run that had nothing to do.
WATCHED = ("res_partner", "integration_coupling", "integration_inbox", "sync_error")


class Entry(NamedTuple):
    """A line of the summary: what a run of a mapping did, as seen from outside.

    `seconds` are those that the user waits, `requests` those that reach Dataverse.
    """

    run: str
    mapping: str
    coupled: int
    created: int
    updated: int
    unchanged: int
    conflicts: int
    errors: int
    seconds: float
    requests: int


def run() -> int:
    """Run the demo; serve both sides afterwards unless `SERVE=0`.

    :return: 0 if everything is coupled, the last run had nothing to do, and a full
        compare finds no difference
    """
    with environment.ready() as template:
        name = database.named("demo")
        database.clone_with_addon(template, name)
        port = process.free_port(SIMULATOR_PORT)
        with server.simulator(port=port) as announced:
            made = sample.rows()
            complaints = _tell(name, announced, made)
            for complaint in compare.shown(complaints):
                say.line(f"  {'WRONG':>13}  {complaint}")
            if not complaints and os.environ.get("SERVE", "1") != "0":
                _serve(name, announced, made)
    return int(bool(complaints))


@contextmanager
def _odoo(
    name: str, announced: dict[str, Any], **extra: object
) -> Iterator[tuple[subprocess.Popen, str]]:
    """Odoo and its address, while it runs; `extra` is for odoo.conf."""
    port = process.free_port(ODOO_PORT)
    with say.step("Odoo: started"):
        odoo = server.start_odoo(name, port, server.trusting(announced) | extra)
    try:
        yield odoo, f"http://127.0.0.1:{port}"
    finally:
        process.stop(odoo)


# -- the story ------------------------------------------------------------------------


def _tell(name: str, announced: dict[str, Any], made: sample.Sample) -> list[str]:
    """Do the whole job and print the summary.

    :param made: the rows that the simulator begins with
    :return: what is not as it should be, a sentence each
    """
    dataverse = Dataverse(announced)
    # Nobody else synchronizes meanwhile: the scheduled action would.
    with _odoo(name, announced, max_cron_threads=0) as (_process, url):
        odoo = Odoo(url, name, LOGIN, LOGIN)
        with say.step("customers entered into Odoo"):
            companies, people = back_office.enter(odoo, made)
        demo = Demo(odoo, dataverse, connect(odoo, announced))
        demo.match()
        demo.synchronize_all()
        before = _stamps(name)
        asked = demo.synchronize("again")
        untouched = _stamps(name) == before
        with say.step("full compare of both sides"):
            complaints = compare.full(odoo, dataverse)
        complaints += _missing(odoo, made)
    complaints += _disturbances(asked, untouched, demo.entries)
    print(
        f"\nDataverse had {len(made.accounts)} accounts and {len(made.contacts)}"
        f" contacts, Odoo {companies} companies and {people} people.\n\n"
        f"{table.aligned(Entry._fields, demo.entries)}\n",
        flush=True,
    )
    if not complaints:
        print(
            "All of them are coupled, the last run wrote nothing on either side, and a"
            " full\ncompare of both sides finds no difference.",
            flush=True,
        )
    return complaints


def connect(odoo: Odoo, announced: dict[str, Any]) -> int:
    """Connect as a user does in the settings; return the connection's id."""
    with say.step("connected, with the default synchronization setup"):
        connection = odoo.call(
            "integration.connection",
            "create",
            {"name": "Nordwind", **credentials(announced)},
        )
        odoo.call("integration.connection", "action_connect", [connection])
        odoo.call(
            "integration.connection",
            "action_use_default_synchronization_setup",
            [connection],
            list(MAPPINGS),
        )
    return connection


class Demo:
    """What is done to the table mappings of a connection, and its entries."""

    def __init__(self, odoo: Odoo, dataverse: Dataverse, connection: int):
        self._odoo = odoo
        self._dataverse = dataverse
        self._connection = connection
        found = odoo.read(
            "integration.table.mapping", [("connection_id", "=", connection)], ["name"]
        )
        ids = {mapping["name"]: mapping["id"] for mapping in found}
        self._mappings = {name: ids[name] for name in MAPPINGS}
        self.entries: list[Entry] = []

    def match(self) -> None:
        """Couple what belongs together, companies before their people."""
        for name in MAPPINGS:
            with self._entry("matched", name):
                wizard = self._odoo.call(
                    "integration.match.wizard",
                    "create",
                    {"mapping_id": self._mappings[name], "synchronize": "get"},
                )
                for action in ("preview", "apply"):
                    self._odoo.call(
                        "integration.match.wizard", f"action_{action}", [wizard]
                    )

    def synchronize_all(self) -> None:
        """Create what is missing on either side; look at everything that there is."""
        ids = list(self._mappings.values())
        self._odoo.call(
            *("integration.table.mapping", "write"), ids, {"synch_only_coupled": False}
        )
        self._odoo.call(
            *("integration.connection", "action_run_full_synchronization"),
            [self._connection],
        )
        self.synchronize("first")

    def synchronize(self, run: str) -> list[dict[str, Any]]:
        """Run every mapping at once; return the requests that reached Dataverse."""
        asked = []
        for name, mapping in self._mappings.items():
            with self._entry(run, name) as of_run:
                self._odoo.call("integration.table.mapping", "synchronize", [mapping])
            asked += of_run
        return asked

    @contextmanager
    def _entry(self, run: str, name: str) -> Iterator[list[dict[str, Any]]]:
        """Keep what the job that is run meanwhile writes down about itself.

        :return: filled at the end with the requests that reached Dataverse
        """
        of_mapping = [("mapping_id", "=", self._mappings[name])]
        coupled = self._count(of_mapping)
        self._dataverse.requests()  # those before are no longer of interest
        asked: list[dict[str, Any]] = []
        start = time.monotonic()
        with say.step(f"{name} {run}"):
            yield asked
        seconds = time.monotonic() - start
        asked += self._dataverse.requests()
        (job,) = self._odoo.call(
            *("integration.sync.job", "search_read", of_mapping, []),
            order="id desc",
            limit=1,
        )
        self.entries.append(
            Entry(
                run=run,
                mapping=name,
                coupled=self._count(of_mapping) - coupled,
                created=job["inserted"],
                updated=job["modified"],
                unchanged=job["unchanged"],
                conflicts=job["conflicts"],
                errors=job["failed"],
                seconds=seconds,
                requests=len(asked),
            )
        )

    def _count(self, domain: list[object]) -> int:
        return self._odoo.call("integration.coupling", "search_count", domain)


# -- whether it went as it should -----------------------------------------------------


def _stamps(name: str) -> list[str]:
    """What any write to a watched table, or to the journal, would change."""
    counts = [
        f"SELECT count(*) || ' ' || coalesce(max(xmin::text::bigint), 0) FROM {table}"
        for table in WATCHED
    ]
    journal = "SELECT last_value::text FROM integration_journal_id_seq"
    return sql(" UNION ALL ".join([*counts, journal]), name).splitlines()


def _missing(odoo: Odoo, made: sample.Sample) -> Iterator[str]:
    """Rows of the sample without coupling, and errors that nobody has resolved."""
    couplings = odoo.read("integration.coupling", [], ["external_id", "state"])
    coupled = {c["external_id"] for c in couplings if c["state"] == "coupled"}
    for rows, key in ((made.accounts, "accountid"), (made.contacts, "contactid")):
        if lacking := sum(row[key] not in coupled for row in rows):
            yield f"{lacking} of {len(rows)} sample rows are not coupled by {key}"
    for error in odoo.read(
        "sync.error", [("state", "in", ["open", "retrying"])], ["message"]
    ):
        yield f"open error: {error['message']}"


def _disturbances(
    asked: Sequence[dict[str, Any]], untouched: bool, entries: Sequence[Entry]
) -> Iterator[str]:
    """What a run that has nothing to do should not have done."""
    sent = sorted(f"{r['method']} {r['path'].partition('?')[0]}" for r in asked)
    if sent != ["GET accounts", "GET contacts"]:
        yield f"the last run did not send one request a table but {', '.join(sent)}"
    if not untouched:
        yield "the last run wrote to the database of Odoo"
    for entry in entries[-len(MAPPINGS) :]:
        if entry.coupled or entry.created or entry.updated or entry.errors:
            yield f"the last run of {entry.mapping} was not quiet"


# -- serving --------------------------------------------------------------------------


def _serve(name: str, announced: dict[str, Any], made: sample.Sample) -> None:
    """Serve both sides until Ctrl-C, with the scheduled action at work."""
    with _odoo(name, announced) as (odoo, url):
        print(
            f"""
Odoo       {url}/odoo  login {LOGIN}, password {LOGIN}
Dataverse  {announced["url"]}  (the simulator; CA {announced["ca"]})
           application {announced["client_id"]}
           secret {announced["client_secret"]}

Try next:
  Contacts > {made.accounts[0]["name"]}: change the telephone, Action > Synchronize Now.
  Dataverse > Integration Table Mappings: directions, filters, policies, field mappings.
  Dataverse > Couplings, Jobs, Errors: what was done, and what waits for you.
""",
            flush=True,
        )
        say.line(f"log: {LOGS / name}.log; Ctrl-C ends it")
        try:
            odoo.wait()
        except KeyboardInterrupt:
            say.line("")
