"""Two sides and the people who work there, on real transactions and real requests.

Every deed of a person is a transaction of its own, or a request of their own; it can
happen between two requests of a run. Nothing here asks the engine anything: a `Card` is
what a person sees who opens a record.
"""

from __future__ import annotations

import hashlib
import random
import re
import uuid
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from odoo import api
from odoo.exceptions import UserError
from odoo.service.model import retrying
from odoo.tools import config

from odoo.addons.dataverse_sync import dataverse
from odoo.addons.dataverse_sync.dev.connected import connected
from odoo.addons.dataverse_sync.tests.common import Person, Simulator

ODOO, DATAVERSE = "odoo", "dataverse"
OTHER = {ODOO: DATAVERSE, DATAVERSE: ODOO}

# What people write is a word with five digits that nobody else ever writes: they tell
# the value again however a server dresses it up.
TOKEN = re.compile(r"\d{5}")
# The position in a delta link; behind it stands the time of day.
POSITION = re.compile(r"(deltatoken=\d+)[^&]*")
COLUMNS = {
    "account": {
        "name": "name",
        "phone": "telephone1",
        "email": "emailaddress1",
        "street": "address1_line1",
        "city": "address1_city",
    },
    "contact": {
        "name": "lastname",
        "phone": "telephone1",
        "email": "emailaddress1",
        "function": "jobtitle",
    },
}
PARENT = {"account": "parentaccountid", "contact": "parentcustomerid"}

# What can go wrong with one request, as rules of the simulator.
FAULTS = {
    "throttled": {"then": {"status": 429, "code": "0x80072322", "retry_after": 1}},
    "unavailable": {"then": {"status": 503}},
    "bad gateway": {"then": {"status": 502}},
    "broken": {"then": {"status": 500}},
    "unauthorized": {"then": {"status": 401}},
    "never arrived": {"then": {"drop": "before"}},
    "answer lost": {"then": {"drop": "after"}},
    "answer cut": {"then": {"truncate": True}},
    "page of a proxy": {"then": {"status": 200, "content": "<html>Please wait</html>"}},
    "empty answer": {"then": {"status": 200, "content": ""}},
    "parts reversed": {"then": {"parts": "reversed"}},
    "part missing": {"then": {"parts": "missing"}},
    "part doubled": {"then": {"parts": "doubled"}},
    "part refused": {"in_batch": True, "then": {"status": 500}},
    "part forbidden": {
        "in_batch": True,
        "then": {"status": 403, "code": "0x80040220"},
    },
    "part changed": {"in_batch": True, "then": {"status": 412, "code": "0x80060882"}},
}

# What the addon keeps about a history, children first.
KEPT = (
    "sync_error",
    "integration_change",
    "integration_conflict",
    "integration_inbox",
    "integration_journal",
    "integration_tombstone",
    "integration_checkpoint",
    "integration_coupling",
    "integration_sync_job",
)


class Card(NamedTuple):
    """A record as a person sees it.

    `key`: id or GUID; `birth`: the token that its creator put into its description;
    `parent`: key of its company; `values`: field names of Odoo and the tokens in them,
    "" for what is empty.
    """

    key: Any
    table: str
    birth: str
    active: bool
    parent: Any
    values: dict[str, str]
    inside: bool


class Refused(Exception):
    """The side did not take what a person wanted: nothing happened."""


class Broken(AssertionError):
    """A promise was broken."""


def token(text: object) -> str:
    """The token in a text, "" if there is none."""
    found = TOKEN.search(str(text or ""))
    return found[0] if found else ""


class World:
    """One connected database and one Dataverse, emptied for each history."""

    def __init__(self, registry, user_id: int) -> None:
        self.registry = registry
        self.user_id = user_id
        self.simulator = Simulator.start()
        self.simulator.control("POST", "reset")
        config["dataverse_allowed_hosts"] = self.simulator.host
        config["dataverse_ca_file"] = self.simulator.info["ca"]
        self._uuid4 = uuid.uuid4
        self._watch_requests()
        self.person = Person(self.simulator.client(self.simulator.info["salesperson"]))
        self._connect()
        with self.cursor() as cr:
            self._pristine = self._saved(cr)
            cr.execute("SELECT max(id) FROM res_partner")
            (self.first_id,) = cr.fetchone()

    def close(self) -> None:
        """Put everything back as it was in the process."""
        dataverse.transport.Transport.send = self._send
        uuid.uuid4 = self._uuid4
        self.simulator.stop()

    def _connect(self) -> None:
        info = self.simulator.info
        with self.environment() as env:
            connection = connected(
                *(env, info),
                name="Stress",
                code="stress",
                authority_url=f"https://{self.simulator.host}",
            )
            self.connection_id = connection.id
            self.mapping_ids = {
                mapping.integration_table: mapping.id
                for mapping in connection.mapping_ids.sorted("sequence")
            }

    # -- transactions -----------------------------------------------------------------

    @contextmanager
    def cursor(self):
        with self.registry.cursor() as cr:
            yield cr

    @contextmanager
    def environment(self):
        """An environment of a user, in a transaction of its own."""
        with self.cursor() as cr:
            yield api.Environment(cr, self.user_id, {"tracking_disable": True})

    def in_odoo(self, deed: Callable[[Any], Any]) -> Any:
        """A person works in Odoo, as its web client does.

        :raise Refused: Odoo does not take it
        :raise Broken: the transaction of the person failed or had to wait
        """
        with self.environment() as env:
            env.cr.execute("SET lock_timeout = '2s'")
            try:
                return retrying(partial(deed, env), env)
            except UserError as error:
                raise Refused(str(error)) from error
            except Exception as error:
                raise Broken(f"I14 a person's transaction failed: {error}") from error
            finally:
                env.cr.rollback()
                env.cr.execute("SET lock_timeout = 0")

    def in_dataverse(self, deed: Callable[[Person], Any]) -> Any:
        """A person works in Dynamics 365.

        :raise Refused: Dataverse does not take it
        """
        try:
            return deed(self.person)
        except (AssertionError, dataverse.DataverseError) as error:
            raise Refused(str(error)) from error

    # -- a new history ----------------------------------------------------------------

    def reset(self, seed: int) -> None:
        """Empty both sides; everything random in the process comes from the seed."""
        draw = random.Random(seed)
        uuid.uuid4 = lambda: uuid.UUID(int=draw.getrandbits(128), version=4)
        self.running = self._occupied = self.expired = False
        self.inside, self.faults, self.versions = {}, {}, {}
        self.trace = hashlib.sha256()
        self.sent = self.requests = 0
        self.simulator.control("POST", "reset")
        with self.cursor() as cr:
            for table in KEPT:
                cr.execute(f"DELETE FROM {table}")
                cr.execute(f"ALTER SEQUENCE {table}_id_seq RESTART")
            cr.execute("DELETE FROM res_partner WHERE id > %s", [self.first_id])
            cr.execute("DELETE FROM integration_journal")
            cr.execute("ALTER SEQUENCE integration_journal_id_seq RESTART")
            cr.execute("SELECT setval('res_partner_id_seq', %s)", [self.first_id])
            for table, rows in self._pristine.items():
                for row in rows:
                    names = [name for name in row if name != "id"]
                    assigned = ", ".join(f'"{name}" = %s' for name in names)
                    cr.execute(
                        f"UPDATE {table} SET {assigned} WHERE id = %s",
                        [*(row[name] for name in names), row["id"]],
                    )

    def _saved(self, cr) -> dict[str, list[dict[str, Any]]]:
        """What the histories change of the setup."""
        saved = {}
        for table, names in {
            "integration_connection": "state, state_reason, safe_mode, paused_until",
            "integration_table_mapping": "direction, update_conflict_policy,"
            " deletion_policy, drift_policy, initial_policy, synch_only_coupled",
            "integration_field_mapping": "enabled, direction",
        }.items():
            cr.execute(f"SELECT id, {names} FROM {table}")
            saved[table] = cr.dictfetchall()
        return saved

    # -- requests of the engine -------------------------------------------------------

    def _watch_requests(self) -> None:
        """Let people work, and things go wrong, around the requests of a run."""
        self.running = self._occupied = False
        self._send = send = dataverse.transport.Transport.send
        world = self

        def watched(transport, method, url, headers, body, timeout):
            if not world.running or world._occupied or "/api/data/" not in url:
                return send(transport, method, url, headers, body, timeout)
            return world._around(
                partial(send, transport, method, url, headers, body, timeout),
                f"{method} {url.partition('/api/data/')[2]}",
                body or b"",
            )

        dataverse.transport.Transport.send = watched
        # Nobody waits for a pause to be over, and none is drawn.
        dataverse.Client.__init__.__kwdefaults__["sleep"] = lambda seconds: None
        dataverse.Client.__init__.__kwdefaults__["random"] = lambda: 0.5

    def _around(self, send: Callable[[], Any], address: str, body: bytes) -> Any:
        number = self.requests
        self.requests += 1
        self.sent += 1
        self._occupied = True
        try:
            for deed in self.inside.pop((number, "before"), ()):
                deed()
            fault = self.faults.get(number)
            if fault:
                self.simulator.rules("faults", {**FAULTS[fault], "count": 1})
            outcome = "no answer"
            try:
                answer = send()
                outcome = str(answer.status)
            finally:
                for part in (POSITION.sub(r"\1", address), outcome):
                    self.trace.update(part.encode())
                self.trace.update(body)
                if fault:
                    self.simulator.rules("faults")
            for deed in self.inside.pop((number, "after"), ()):
                deed()
            return answer
        finally:
            self._occupied = False

    def synchronize(
        self,
        tables: Iterable[str],
        inside: dict[tuple[int, str], list[Callable[[], None]]] | None = None,
        faults: dict[int, str] | None = None,
        run: Callable[[Any], Any] | None = None,
    ) -> dict[str, Any]:
        """Run mappings.

        :param inside: what people do before or after the n-th request of the run
        :param faults: what goes wrong with the n-th request
        :param run: instead of synchronizing the mappings, given as a recordset
        :return: the counters, and what `run` returned
        """
        outer = self.running, self._occupied, self.inside, self.faults, self.requests
        self.running, self._occupied = True, False
        self.inside, self.faults, self.requests = inside or {}, faults or {}, 0
        try:
            with self.environment() as env:
                mappings = env["integration.table.mapping"].browse(
                    [self.mapping_ids[table] for table in tables]
                )
                return (run or type(mappings).synchronize)(mappings) or {}
        finally:
            self.running, self._occupied, self.inside, self.faults, self.requests = (
                outer
            )

    def tick(self, hours: int = 2) -> None:
        """Let time pass for everything that waits for it."""
        with self.cursor() as cr:
            cr.execute(
                "UPDATE integration_inbox SET not_before ="
                " not_before - make_interval(hours => %s)",
                [hours],
            )
            cr.execute(
                "UPDATE integration_connection SET paused_until ="
                " paused_until - make_interval(hours => %s)",
                [hours],
            )

    def expire_links(self) -> None:
        """No change link is worth anything from now on."""
        self.simulator.control("POST", "delta-tokens/expire")
        self.expired = True

    def accept_restored(self) -> bool:
        """An administrator goes on where Dataverse looks older than it was.

        It may, where the newest row was deleted and the link that would tell of it
        had expired: then nobody can know better, and the connection waits for them.
        """
        with self.environment() as env:
            connection = env["integration.connection"].browse(self.connection_id)
            wrong = self.expired and connection.safe_mode == "restored"
            if wrong:
                connection.action_review_differences()
            return wrong

    # -- what people see --------------------------------------------------------------

    def cards(self, side: str) -> dict[Any, Card]:
        """Every record of a side by its key."""
        return self._odoo_cards() if side == ODOO else self._dataverse_cards()

    def _odoo_cards(self) -> dict[int, Card]:
        with self.cursor() as cr:
            cr.execute(
                "SELECT p.id, p.comment, p.active, p.parent_id, p.is_company, p.name,"
                " p.phone, p.email, p.street, p.city, p.function,"
                " q.is_company AS in_company"
                " FROM res_partner p LEFT JOIN res_partner q ON q.id = p.parent_id"
                " WHERE p.id > %s ORDER BY p.id",
                [self.first_id],
            )
            rows = cr.dictfetchall()
        cards = {}
        for row in rows:
            # What was born as a contact stays one, whatever becomes of it.
            table = "contact" if "contact" in str(row["comment"]) else "account"
            cards[row["id"]] = Card(
                row["id"],
                table,
                token(row["comment"]),
                row["active"],
                row["parent_id"],
                {field: token(row[field]) for field in COLUMNS[table]},
                row["is_company"]
                if table == "account"
                else bool(row["in_company"] and not row["is_company"]),
            )
        return cards

    def _dataverse_cards(self) -> dict[str, Card]:
        """As a side effect `versions` are those of the rows."""
        cards, self.versions = {}, {}
        for table, columns in COLUMNS.items():
            rows = self.person.all(
                *(table, "description", "statecode", "versionnumber", PARENT[table]),
                *columns.values(),
            )
            for key, row in sorted(rows.items()):
                self.versions[key] = int(row["versionnumber"])
                parent = row[PARENT[table]]
                parent = re.search(r"[0-9a-f-]{36}", str(parent or ""))
                cards[key] = Card(
                    key,
                    table,
                    token(row["description"]),
                    row["statecode"] == 0,
                    parent and parent[0],
                    {field: token(row[column]) for field, column in columns.items()},
                    table == "account" or bool(parent),
                )
        return cards
