"""What the Odoo tests share: a running simulator, a connection, people who edit."""

import json
import subprocess
import sys
import uuid
from pathlib import Path

import requests

from odoo.tests import TransactionCase
from odoo.tools import config

from .. import dataverse

ROOT = Path(__file__).resolve().parent.parent


class Simulator:
    """A simulated Dataverse in a process of its own, one a class of tests.

    Odoo ends every process that outlives a class. ``info`` is what the simulator
    printed when it was ready; see `simulator/README.md`.
    """

    @classmethod
    def start(cls):
        """Start one, and wait until it is ready."""
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "--empty", "--exit-with-parent"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = process.stdout.readline()
        if not line:
            raise AssertionError("the simulator did not start: see its messages")
        return cls(process, json.loads(line))

    def stop(self):
        """End it, as the end of this process would."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)

    def __init__(self, process, info):
        self.process = process
        self.info = info
        self.host = info["url"].removeprefix("https://")

    def client(self, who):
        """A client of an application user.

        :param who: dict with ``client_id`` and ``client_secret``
        """
        return dataverse.Client(
            self.info["url"],
            dataverse.TokenProvider(
                self.info["authority"],
                dataverse.SecretCredential(who["client_id"], who["client_secret"]),
                self.info["url"],
                verify=self.info["ca"],
            ),
            verify=self.info["ca"],
        )

    def control(self, method, path, **body):
        """Call the simulator's control port; see `simulator/README.md`."""
        return self._call(method, path, body or None)

    def rules(self, what, *rules):
        """Replace the rules of what goes wrong.

        :param what: ``"faults"`` or ``"plug-ins"``; see the files of that name
        """
        return self._call("PUT", what, rules)

    def _call(self, method, path, body):
        answer = requests.request(
            method,
            f"{self.info['control']}/{path}",
            json=body,
            verify=self.info["ca"],
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


class Person:
    """Somebody who works in Dynamics 365: edits rows as any other client does."""

    # Not a model: these are no overrides.
    # pylint: disable=method-required-super

    def __init__(self, client):
        self.client = client
        self.tables = {}

    def _table(self, name):
        if name not in self.tables:
            self.tables[name] = self.client.table(name)
        return self.tables[name]

    def create(self, table_name, /, **values):
        """Create a row.

        :return: its GUID
        """
        table = self._table(table_name)
        row_id = str(uuid.uuid4())
        self._do(dataverse.batch.create(table, row_id, values))
        return row_id

    def write(self, table_name, row_id, /, **values):
        """Change columns of a row."""
        table = self._table(table_name)
        self._do(dataverse.batch.update(table, row_id, values, None))

    def delete(self, table_name, row_id):
        """Delete a row."""
        self._do(dataverse.batch.delete(self._table(table_name), row_id))

    def merge(self, table_name, loser, winner, /, **content):
        """Merge a row into another one, which gets this content from it."""
        table = self._table(table_name)
        entity = {"@odata.type": f"Microsoft.Dynamics.CRM.{table_name}"}
        self.client.request(
            "POST",
            "Merge",
            body={
                "Target": {table.primary_id: winner, **entity},
                "Subordinate": {table.primary_id: loser, **entity},
                "UpdateContent": {**content, **entity},
                "PerformParentingChecks": False,
            },
        )

    def read(self, table_name, row_id, *columns):
        """The plain values of some columns of a row, as a dict."""
        row = self.client.retrieve(self._table(table_name), row_id, columns)
        return {column: row.values[column] for column in columns}

    def all(self, table_name, *columns):
        """``{guid: values}`` of every row of a table."""
        return {
            row.id: row.values
            for page in self.client.query(self._table(table_name), columns)
            for row in page
        }

    def _do(self, operation):
        (outcome,) = self.client.batch([operation])
        if outcome.error:
            raise AssertionError(
                f"{operation.method} {operation.path}: {outcome.error}"
            )


class DataverseCase(TransactionCase):
    """A connected database and an empty Dataverse, anew for each test."""

    # The default mappings that a test begins with.
    defaults = ["CUSTOMER", "CONTACT"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.simulator = Simulator.start()
        cls.addClassCleanup(cls.simulator.stop)
        cls.addClassCleanup(config.__setitem__, "dataverse_allowed_hosts", "")
        cls.addClassCleanup(config.__setitem__, "dataverse_ca_file", "")
        config["dataverse_allowed_hosts"] = cls.simulator.host
        config["dataverse_ca_file"] = cls.simulator.info["ca"]

    def setUp(self):
        super().setUp()
        self.simulator.control("POST", "reset")
        self.person = Person(self.simulator.client(self.simulator.info["salesperson"]))
        self.connection = self._connect()
        self.customers = self.mapping("CUSTOMER")
        self.contacts = self.mapping("CONTACT")

    def _connect(self, **vals):
        info = self.simulator.info
        connection = self.env["integration.connection"].create(
            {
                "name": "Test",
                "code": "test",
                "environment_url": info["url"],
                "authority_url": f"https://{self.simulator.host}",
                "tenant_id": info["tenant"],
                "client_id": info["client_id"],
                "client_secret": info["client_secret"],
                **vals,
            }
        )
        connection.action_connect()
        connection.action_use_default_synchronization_setup(self.defaults)
        connection.mapping_ids.synch_only_coupled = False
        return connection

    def mapping(self, name):
        """The table mapping of that name."""
        return self.connection.mapping_ids.filtered(lambda m: m.name == name)

    # -- people in Odoo ---------------------------------------------------------------

    def company(self, name="Acme", **vals):
        return self.env["res.partner"].create(
            {"name": name, "is_company": True, **vals}
        )

    def employee(self, company, name="Anna Berg", **vals):
        return self.env["res.partner"].create(
            {"name": name, "parent_id": company.id, **vals}
        )

    # -- synchronizing ----------------------------------------------------------------

    def synchronize(self, mapping=None):
        """Run one mapping, or both in their order; returns the counters."""
        return (mapping or self.customers | self.contacts).synchronize()

    def run_scheduled(self):
        """Run the scheduled action as its worker does."""
        with self.enter_registry_test_mode():
            self.env.ref("dataverse_sync.ir_cron_synchronize").method_direct_trigger()
        self.env.invalidate_all()

    def coupled(self, record, mapping=None):
        """The GUID of the row that a record is coupled to, or None."""
        coupling = self.env["integration.coupling"].search(
            [
                ("mapping_id", "=", (mapping or self.customers).id),
                ("res_id", "=", record.id),
            ]
        )
        return coupling.external_id or None

    def partner_of(self, row_id):
        """The Odoo record that a row is coupled to."""
        coupling = self.env["integration.coupling"].search(
            [("external_id", "=", row_id)]
        )
        return (
            self.env["res.partner"]
            .with_context(active_test=False)
            .browse(coupling.res_id or [])
        )

    def pair(self, name="Acme", **columns):
        """A company that exists on both sides, in sync: ``(partner, guid)``."""
        row_id = self.person.create("account", name=name, **columns)
        self.synchronize(self.customers)
        return self.partner_of(row_id), row_id

    def assertQuiet(self):
        """Nothing is left to do: no writes, and one request a mapping.

        The first round may still read the other mapping for the first time.
        """
        self.synchronize()
        for mapping in self.customers | self.contacts:
            counters = mapping.synchronize()
            self.assertEqual(counters["state"], "done", counters["message"])
            self.assertEqual(
                {
                    name: counters[name]
                    for name in ("inserted", "modified", "deleted", "failed", "coupled")
                },
                dict.fromkeys(
                    ("inserted", "modified", "deleted", "failed", "coupled"), 0
                ),
                mapping.name,
            )
            self.assertEqual(counters["requests"], 1, mapping.name)
