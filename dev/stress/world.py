"""Two sides with people on them, and what must be true of both in the end.

Runs inside Odoo (see `inside`), with real transactions: what a person does is
committed before anybody else looks. Nothing here asks the engine what is true; it looks
at the records and the rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, NamedTuple

from odoo.api import SUPERUSER_ID, Environment
from odoo.modules.registry import Registry

from odoo.addons.dataverse_sync.dev.connected import connected
from odoo.addons.dataverse_sync.engine import gateway
from odoo.addons.dataverse_sync.tests.common import Person, Simulator

# What both sides are compared by: the field and its column.
FIELDS = {
    "phone": "telephone1",
    "email": "emailaddress1",
    "city": "address1_city",
    "website": "websiteurl",
}
WRITES = ("inserted", "modified", "deleted", "coupled", "uncoupled", "failed")
# What a run keeps, children first; a new history begins without.
KEPT = (
    *("sync_error", "integration_change", "integration_conflict"),
    *("integration_inbox", "integration_tombstone", "integration_checkpoint"),
    *("integration_coupling", "integration_sync_job"),
)


class Settings(NamedTuple):
    """How the mappings of a history decide."""

    conflict: str = "manual"
    deletion: str = "deactivate"


class World:
    """One database, one Dataverse."""

    def __init__(self, database: str, announced: dict[str, Any]) -> None:
        self.registry = Registry(database)
        self.simulator = Simulator(None, announced)
        self.person = Person(self.simulator.client(announced["salesperson"]))
        self._connect(announced)

    def _connect(self, announced: dict[str, Any]) -> None:
        with self.odoo() as env:
            connection = connected(env, announced, name="Stress", code="stress")
            self.mapping_ids = connection.mapping_ids.sorted("sequence").ids
            self.customers_id, self.contacts_id = self.mapping_ids
            self.connection_id = connection.id
            everybody = env["res.partner"].with_context(active_test=False).search([])
            self.last_id = max(everybody.ids)
        self._staged: Hashable = None
        self._copies: dict[str, str] = {}

    @contextmanager
    def odoo(self) -> Iterator[Environment]:
        """An environment of its own, committed at the end of the `with`."""
        with self.registry.cursor() as cr:
            yield Environment(cr, SUPERUSER_ID, {})

    # -- a new history ----------------------------------------------------------------

    def begin(self, settings: Settings) -> None:
        """Empty both sides."""
        self.simulator.control("POST", "reset")
        with self.odoo() as env:
            self._empty(env.cr)
            env.cr.execute(
                "UPDATE integration_table_mapping SET update_conflict_policy = %s,"
                " deletion_policy = %s",
                list(settings),
            )

    def _empty(self, cr: Any) -> None:
        for table in KEPT:
            cr.execute(f"DELETE FROM {table}")  # noqa: S608
        cr.execute("DELETE FROM res_partner WHERE id > %s", [self.last_id])
        cr.execute("DELETE FROM integration_journal")
        cr.execute(
            "UPDATE integration_connection SET state = 'connected',"
            " state_reason = NULL, safe_mode = NULL, paused_until = NULL"
        )

    def stage(self, what: Hashable, prepare: Callable[[], object]) -> None:
        """Have both sides as `prepare` leaves them.

        :param what: what that is: asked for again, a copy of both sides is put back
        """
        if what == self._staged:
            self.simulator.control("POST", "restore")
            with self.odoo() as env:
                self._put_back(env.cr)
            return
        self._staged = None
        prepare()
        self.simulator.control("POST", "snapshot")
        with self.odoo() as env:
            self._copies = {
                table: _copied(env.cr, table, since)
                for table, since in self._stages().items()
            }
        self._staged = what

    def _stages(self) -> dict[str, int]:
        """The tables of which there are copies, parents first, and the last old id."""
        return {
            "res_partner": self.last_id,
            **dict.fromkeys(reversed(KEPT), 0),
            "integration_journal": 0,
        }

    def _put_back(self, cr: Any) -> None:
        self._empty(cr)
        for table in self._stages():
            if table == "integration_journal":
                # What was put back by now is no change of anybody.
                cr.execute("DELETE FROM integration_journal")
            copy = StringIO(self._copies[table])
            cr._obj.copy_expert(f"COPY {table} FROM STDIN", copy)

    def synchronize(self) -> dict[str, Any]:
        """Run both mappings, as one person who presses the button.

        :return: the counters
        """
        with self.odoo() as env:
            return (
                env["integration.table.mapping"].browse(self.mapping_ids).synchronize()
            )

    def settle(self) -> list[dict[str, Any]]:
        """What time does: leases run out, pauses end; then three runs.

        :return: the counters of the runs
        """
        return [self._wait_and_run() for _ in range(3)]

    def retry(self) -> None:
        """What people do about a fault that is over: reconnect, and retry."""
        with self.odoo() as env:
            connection = env["integration.connection"].browse(self.connection_id)
            if connection.state != "connected":
                connection.action_connect()
            errors = env["sync.error"].search([("state", "=", "open")])
            # What Dataverse refused has its code; other conflicts are people's own.
            refused = errors.filtered(
                lambda e: e.kind != "conflict" or "0x" in (e.code or "")
            )
            refused.filtered(
                lambda e: e.kind in ("permanent", "auth", "conflict")
            ).action_retry()

    def _wait_and_run(self) -> dict[str, Any]:
        with self.odoo() as env:
            env.cr.execute(
                "UPDATE integration_checkpoint SET lease_expires ="
                " now() AT TIME ZONE 'UTC' - interval '1 second'"
                " WHERE lease_owner IS NOT NULL"
            )
            env.cr.execute("UPDATE integration_inbox SET not_before = NULL")
            env.cr.execute("UPDATE integration_connection SET paused_until = NULL")
        return self.synchronize()

    # -- people -----------------------------------------------------------------------

    def company(self, name: str, **vals: Any) -> None:
        with self.odoo() as env:
            env["res.partner"].create({"name": name, "is_company": True, **vals})

    def employee(self, name: str, company: str, **vals: Any) -> None:
        with self.odoo() as env:
            parent = self.named(env, company)
            env["res.partner"].create({"name": name, "parent_id": parent.id, **vals})

    def edit(self, name: str, **vals: Any) -> None:
        """Somebody changes a record in Odoo."""
        with self.odoo() as env:
            self.named(env, name).write(vals)

    def move(self, name: str, company: str) -> None:
        with self.odoo() as env:
            self.named(env, name).parent_id = self.named(env, company)

    def delete(self, name: str) -> None:
        with self.odoo() as env:
            self.named(env, name).unlink()

    def named(self, env: Environment, name: str) -> Any:
        found = env["res.partner"].with_context(active_test=False)
        found = found.search([("name", "=", name), ("id", ">", self.last_id)])
        found.ensure_one()
        return found

    def rows(self, table: str = "account") -> dict[str, str]:
        """The GUIDs of the rows, by their names."""
        column = "name" if table == "account" else "fullname"
        rows = self.person.all(table, column)
        return {values[column]: id_ for id_, values in rows.items()}

    def row(self, name: str, table: str = "account") -> str:
        """The GUID of a row."""
        return self.rows(table)[name]

    # -- what both sides hold ---------------------------------------------------------

    def sides(self) -> dict[str, list]:
        """Everything that people see, without ids: equal worlds look equal.

        :return: `odoo` and `dataverse`: a card of each record, `conflicts`: the log,
            `errors`: what people are told
        """
        with self.odoo() as env:
            partners = env["res.partner"].with_context(active_test=False)
            partners = partners.search([("id", ">", self.last_id)])
            odoo = [
                [p.name, p.parent_id.name or None, p.active]
                + [p[field] or None for field in FIELDS]
                for p in partners
            ]
            log = env["integration.conflict"].search([])
            conflicts = [
                [c.field_key, c.state, c.winner, c.odoo_value, c.dataverse_value]
                for c in log
            ]
            errors = [
                [e.kind, e.record_name]
                for e in env["sync.error"].search([("state", "=", "open")])
            ]
        return {
            "odoo": _sorted(odoo),
            "dataverse": _sorted(self._rows()),
            "conflicts": _sorted(conflicts),
            "errors": _sorted(errors),
        }

    def _rows(self) -> Iterator[list]:
        accounts = self.person.all(
            *("account", "name", "parentaccountid", "statecode", *FIELDS.values())
        )
        contacts = self.person.all(
            *("contact", "fullname", "parentcustomerid", "statecode", *FIELDS.values())
        )
        for rows, name, parent in (
            (accounts, "name", "parentaccountid"),
            (contacts, "fullname", "parentcustomerid"),
        ):
            for row in rows.values():
                guid = (row[parent] or "").partition("(")[2].rstrip(")")
                above = accounts.get(guid, {}).get("name")
                yield (
                    [row[name], above, row["statecode"] == 0]
                    + [row[column] for column in FIELDS.values()]
                )

    # -- what must be true ------------------------------------------------------------

    def broken(self, runs: list[dict[str, Any]], once: bool = True) -> Iterator[str]:
        """The promises that do not hold after people rested for three runs.

        :param runs: the counters of these runs
        :param once: every name was given to one record
        """
        yield from self._restless(runs[-1])
        if once:
            yield from self._twins()
        yield from self._lies()
        with self.odoo() as env:
            env.cr.execute(
                "SELECT count(*) FROM integration_checkpoint"
                " WHERE lease_owner IS NOT NULL"
            )
            if env.cr.fetchone()[0]:
                yield "a lease was kept"

    def _restless(self, last: dict[str, Any]) -> Iterator[str]:
        done = {name: last[name] for name in WRITES if last[name]}
        if last["state"] == "failed":
            yield f"no convergence: the third quiet run failed: {last['message']}"
        elif done:
            yield f"no convergence: the third quiet run did {done}"
        elif last["requests"] > len(self.mapping_ids) and not last["conflicts"]:
            yield f"no convergence: {last['requests']} requests in the third quiet run"

    def _twins(self) -> Iterator[str]:
        sides = self.sides()
        for side in ("odoo", "dataverse"):
            names = Counter(card[0] for card in sides[side])
            for name, number in names.items():
                if number > 1:
                    yield f"duplicate: {name} is there {number} times in {side}"

    def _lies(self) -> Iterator[str]:
        """Bases that say what a side does not hold."""
        with self.odoo() as env:
            for mapping in env["integration.table.mapping"].browse(self.mapping_ids):
                session = env["integration.engine.run"]._look(mapping)
                records = env["integration.engine.records"]
                couplings = mapping.coupling_ids.filtered(
                    lambda c: c.state == "coupled"
                )
                odoo = records._read(session, couplings.mapped("res_id"))
                rows = {
                    row.id: row.values
                    for page in session.client.query(session.table, session.columns)
                    for row in page
                }
                for coupling in couplings:
                    who = (mapping.name, coupling.record_name)
                    if coupling.res_id not in odoo or coupling.external_id not in rows:
                        yield f"coupled to nothing: {who}"
                        continue
                    row = records._canonical_row(session, rows[coupling.external_id])
                    base = coupling.base or {}
                    for side, held in (
                        ("odoo", odoo[coupling.res_id]),
                        ("dataverse", row),
                    ):
                        for name, value in (base.get(side) or {}).items():
                            if name in held and held[name] != value:
                                yield (
                                    f"untruthful base: {who} {name}: {value!r} agreed, "
                                    f"{side} holds {held[name]!r}"
                                )


def _copied(cr: Any, table: str, since: int) -> str:
    """The rows of a table with a greater id, as PostgreSQL writes them."""
    copy = StringIO()
    rows = f"SELECT * FROM {table} WHERE id > {int(since)} ORDER BY id"  # noqa: S608
    cr._obj.copy_expert(f"COPY ({rows}) TO STDOUT", copy)
    return copy.getvalue()


def _sorted(cards: Any) -> list:
    return sorted(cards, key=json.dumps)


def difference(expected: dict[str, list], found: dict[str, list]) -> Iterator[str]:
    """How one world differs from another, a sentence each.

    The conflict log may tell more than expected, never less.
    """
    for part in expected:
        for card in expected[part]:
            if card not in found[part]:
                yield f"lost in {part}: {card}"
        if part == "conflicts":
            continue
        for card in found[part]:
            if card not in expected[part]:
                yield f"unexpected in {part}: {card}"


def forget_clients() -> None:
    """A new process has no open connections to Dataverse."""
    gateway._clients.clear()
