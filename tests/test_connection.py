"""Connecting: what can be wrong, what the person is told, and who sees the secret."""

import socket
import uuid
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import config

from ..dataverse.transport import Transport
from .common import ROOT, DataverseCase


def closed_port():
    """A port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class ConnectionCase(DataverseCase):
    def allow(self, host):
        """The server's administrator allows one more host."""
        self.addCleanup(
            config.__setitem__,
            "dataverse_allowed_hosts",
            config["dataverse_allowed_hosts"],
        )
        config["dataverse_allowed_hosts"] += f",{host}"

    def configure(self, name, value):
        self.addCleanup(config.options.pop, name, None)
        config[name] = value

    def application_user(self, **wish):
        client_id = self.simulator.info["client_id"]
        self.simulator.control("PUT", f"users/{client_id}", **wish)

    def no_requests(self):
        """Within it, whoever sends anything fails."""
        return patch.object(Transport, "send", side_effect=AssertionError("sent"))

    def errors(self):
        return self.env["sync.error"].search(
            [
                ("connection_id", "=", self.connection.id),
                ("state", "in", ("open", "retrying")),
            ]
        )


@tagged("post_install", "-at_install")
class TestSignIn(ConnectionCase):
    """Each thing that can be wrong is told to whoever connects, and changes nothing."""

    def assertRefused(self, sentence):
        for action in ("action_test_connection", "action_connect"):
            with (
                self.subTest(action),
                self.assertRaisesRegex(UserError, sentence),
                self.env.cr.savepoint(),
            ):
                getattr(self.connection, action)()
        self.assertEqual(self.connection.state, "connected")

    def test_wrong_secret(self):
        self.connection.client_secret = "not-the-secret"
        self.assertRefused("The client secret is wrong. Enter the secret's value")

    def test_secret_with_blanks_around_it(self):
        self.connection.client_secret = f"  {self.simulator.info['client_secret']}\n"
        self.connection.action_connect()

    def test_no_secret(self):
        connection = self.env["integration.connection"].create(
            {
                "name": "Second",
                "code": "second",
                "environment_url": self.simulator.info["url"],
                "authority_url": f"https://{self.simulator.host}",
                "tenant_id": self.simulator.info["tenant"],
                "client_id": self.simulator.info["client_id"],
            }
        )
        self.assertFalse(connection.has_credential)
        with self.assertRaisesRegex(UserError, "'Second' has no sign-in data yet"):
            connection.action_connect()

    def test_unknown_application(self):
        self.connection.client_id = str(uuid.uuid4())
        self.assertRefused("The tenant knows no application with this client ID")

    def test_unknown_tenant(self):
        self.connection.tenant_id = str(uuid.uuid4())
        self.assertRefused("The tenant does not exist")

    def test_nobody_listens(self):
        host = f"127.0.0.1:{closed_port()}"
        self.allow(host)
        self.connection.environment_url = f"https://{host}"
        self.connection.authority_url = f"https://{host}"
        with self.assertRaisesRegex(UserError, "Cannot reach 127.0.0.1"):
            self.connection.action_connect()

    def test_no_application_user(self):
        self.simulator.rules(
            "faults",
            {
                "count": None,
                "then": {
                    "status": 403,
                    "code": "0x80072560",
                    "message": "The user is not a member of the organization.",
                },
            },
        )
        self.assertRefused("The environment has no application user for this client ID")

    def test_disabled_application_user(self):
        self.application_user(enabled=False)
        self.assertRefused("The application user is disabled in the environment")

    def test_certificate(self):
        with open(self.simulator.info["certificate"]) as pem:
            self.connection.certificate = pem.read()
        self.connection.stored_secret = False
        self.connection.authentication = "certificate"
        self.assertTrue(self.connection.has_credential)
        self.connection.action_connect()
        self.assertEqual(self.synchronize()["state"], "done")

    def test_unreadable_certificate(self):
        self.connection.certificate = "-----BEGIN CERTIFICATE-----\nrubbish"
        self.connection.authentication = "certificate"
        self.assertRefused("The certificate or its private key cannot be read")

    def test_another_organization(self):
        """Couplings of one organization mean nothing in another."""
        self.pair()
        self.connection.organization_id = str(uuid.uuid4())
        self.assertRefused("Another organization answers")

    def test_another_organization_without_couplings(self):
        """What was learned about the former organization is forgotten."""
        self.synchronize()
        self.connection.organization_id = str(uuid.uuid4())
        self.connection.action_connect()
        info = self.simulator.info
        self.assertEqual(self.connection.organization_id, info["organization_id"])
        checkpoints = self.env["integration.checkpoint"].search([])
        self.assertFalse(checkpoints.filtered("delta_link"))
        self.assertFalse(self.env["integration.table"].search([]))

    def test_new_address_needs_a_new_connection(self):
        """The other address may belong to another organization."""
        host = f"127.0.0.1:{closed_port()}"
        self.allow(host)
        self.connection.environment_url = f"https://{host}"
        self.assertEqual(self.connection.state, "draft")
        self.connection.environment_url = self.simulator.info["url"]
        self.connection.action_connect()
        self.connection.environment_url = self.simulator.info["url"] + "/"
        self.assertEqual(self.connection.state, "connected")

    def test_expired_token_is_renewed_silently(self):
        self.pair()
        self.simulator.control("POST", "clock", advance_seconds=7200)
        self.person.create("account", name="Later")
        counters = self.synchronize()
        self.assertEqual((counters["state"], counters["inserted"]), ("done", 1))
        self.assertFalse(self.errors())

    def test_secret_of_the_server_configuration_wins(self):
        self.connection.client_secret = "not-the-secret"
        self.configure(
            "dataverse_client_secret_test", self.simulator.info["client_secret"]
        )
        self.connection.action_connect()
        self.connection.stored_secret = False
        self.connection.invalidate_recordset()
        self.assertTrue(self.connection.has_credential)
        self.assertEqual(self.synchronize()["state"], "done")


@tagged("post_install", "-at_install")
class TestAddresses(ConnectionCase):
    """The secret goes to these hosts: nobody chooses them freely on a screen."""

    def assertRefused(self, url, sentence):
        for name in ("environment_url", "authority_url"):
            with (
                self.subTest(url, field=name),
                self.assertRaisesRegex(ValidationError, sentence),
                self.env.cr.savepoint(),
            ):
                self.connection[name] = url

    def test_unknown_hosts(self):
        for host in (
            "dataverse.example",
            "org.crm.dynamics.com.evil.example",
            "evildynamics.com",
            "169.254.169.254",
            "[::1]",
            "localhost",
            "login.microsoftonline.com.evil.example",
            f"localhost:{closed_port()}",
        ):
            self.assertRefused(f"https://{host}", "is not one of Microsoft's addresses")

    def test_authority_is_no_environment(self):
        with self.assertRaises(ValidationError):
            self.connection.authority_url = "https://org.crm4.dynamics.com"

    def test_not_https(self):
        for url in ("http://org.crm4.dynamics.com", "ftp://org.crm4.dynamics.com"):
            self.assertRefused(url, "starts with https:// and names a host")

    def test_user_info(self):
        self.assertRefused(
            "https://org.crm4.dynamics.com@evil.example",
            "starts with https:// and names a host",
        )

    def test_path_query_and_fragment(self):
        for end in ("/api/data", "?x=1", "#x"):
            self.assertRefused(
                f"https://org.crm4.dynamics.com{end}", "ends after the host name"
            )

    def test_port_that_is_none(self):
        self.assertRefused(
            "https://org.crm4.dynamics.com:x", "starts with https:// and names a host"
        )

    def test_other_port_of_microsoft(self):
        """Microsoft answers at 443 only: another port is a mistake or worse."""
        self.assertRefused(
            "https://org.crm4.dynamics.com:8443", "is not one of Microsoft's addresses"
        )

    def test_microsofts_own_clouds(self):
        for host in (
            "org.crm4.dynamics.com",
            "org.crm9.dynamics.com",
            "org.crm.microsoftdynamics.us",
            "org.crm.appsplatform.us",
            "org.crm.dynamics.cn",
        ):
            with self.subTest(host):
                self.connection.environment_url = f"https://{host}"

    def test_pasted_address_is_tidied(self):
        self.connection.environment_url = " Org.crm4.dynamics.com/ "
        self.assertEqual(
            self.connection.environment_url, "https://org.crm4.dynamics.com"
        )

    def test_code_fits_into_addresses_and_file_names(self):
        for code in ("Main", "a b", "a/b", "é"):
            with (
                self.subTest(code),
                self.assertRaisesRegex(ValidationError, "lower-case letters"),
                self.env.cr.savepoint(),
            ):
                self.connection.code = code


@tagged("post_install", "-at_install")
class TestSuspension(ConnectionCase):
    """What concerns the whole connection stops it, says so, and loses nothing."""

    def test_sign_in_stops_working(self):
        company = self.company()
        self.application_user(enabled=False)
        counters = self.synchronize(self.customers)
        self.assertEqual(counters["state"], "failed")
        self.assertIn("application user is disabled", counters["message"])
        self.assertEqual(self.connection.state, "suspended")
        self.assertEqual(self.connection.state_reason, counters["message"])
        error = self.errors()
        self.assertRecordValues(
            error, [{"kind": "auth", "mapping_id": self.customers.id, "res_id": 0}]
        )
        self.assertIn("application user is disabled", error.message)
        # While it is suspended nothing is asked, and nothing piles up.
        with self.no_requests():
            counters = self.synchronize()
            self.run_scheduled()
        self.assertEqual(counters["state"], "failed")
        self.assertIn("'Test' is suspended. The application user", counters["message"])
        self.assertEqual(self.errors(), error)
        self.assertEqual(error.occurrences, 1)
        # The way back.
        self.application_user(enabled=True)
        self.connection.action_connect()
        self.assertFalse(self.connection.state_reason)
        self.assertEqual(self.synchronize()["state"], "done")
        self.assertTrue(self.coupled(company))
        self.assertEqual(error.state, "resolved")

    def test_scheduled_run_suspends_too(self):
        """What the run had begun is rolled back; that it was suspended is not."""
        self.application_user(enabled=False)
        self.run_scheduled()
        self.assertEqual(self.connection.state, "suspended")
        # One mapping found out, the other was not tried.
        self.assertRecordValues(
            self.errors(), [{"kind": "auth", "mapping_id": self.customers.id}]
        )

    def test_sign_in_stops_between_two_requests(self):
        """sync-bugs 1."""
        company = self.company()
        self.synchronize(self.contacts)
        self.simulator.rules(
            "faults", {"path": r"^\$batch", "count": None, "then": {"status": 401}}
        )
        self.assertEqual(self.synchronize(self.customers)["state"], "failed")
        self.assertEqual(self.connection.state, "suspended")
        self.simulator.rules("faults")
        self.connection.action_connect()
        self.assertEqual(self.synchronize()["state"], "done")
        rows = self.person.all("account", "name")
        self.assertEqual(list(rows), [self.coupled(company)])
        self.assertQuiet()

    def test_every_way_to_run_is_closed(self):
        partner, _row_id = self.pair()
        coupling = partner.coupling_ids
        self.connection.action_disconnect()
        self.assertEqual(self.connection.state, "draft")
        sentence = "'Test' is not connected"
        with self.no_requests():
            for run in (
                self.customers.action_synchronize_modified,
                self.customers.action_run_full_synchronization,
                self.customers.action_match_based_coupling,
                self.connection.action_synchronize_modified,
                self.connection.action_run_full_synchronization,
                coupling.synchronize,
                partner.action_synchronize_now,
                self.company("Other").action_set_up_coupling,
            ):
                with self.subTest(run), self.assertRaisesRegex(UserError, sentence):
                    run()
            counters = self.customers.synchronize()
        self.assertEqual(counters["state"], "failed")
        self.assertIn(sentence, counters["message"])

    def test_disconnecting_loses_nothing(self):
        partner, row_id = self.pair()
        self.connection.action_disconnect()
        partner.phone = "+45 11 22 33 44"
        self.connection.action_connect()
        self.assertEqual(self.synchronize()["modified"], 1)
        self.assertEqual(
            self.person.read("account", row_id, "telephone1"),
            {"telephone1": "+45 11 22 33 44"},
        )

    def assertSilent(self, sentence):
        """Whatever is tried, nothing is sent; returns after all ways were tried."""
        partner = self.company("Other")
        self.simulator.control("DELETE", "requests")
        matching = self.env["integration.match.wizard"].create(
            {"mapping_id": self.customers.id}
        )
        for ask in (
            self.connection.action_test_connection,
            matching.action_preview,
            partner.action_set_up_coupling,
            self.customers.coupling_ids.action_synchronize_now,
        ):
            with self.subTest(ask), self.no_requests():
                with self.assertRaisesRegex(UserError, sentence):
                    ask()
        with self.no_requests():
            self.run_scheduled()
            counters = self.synchronize()
        self.assertEqual(counters["state"], "failed")
        self.assertRegex(counters["message"], sentence)
        self.assertFalse(self.simulator.control("GET", "requests"))

    def test_neutralized_database(self):
        """sync-bugs 71."""
        self.pair()
        self.env["ir.config_parameter"].set_param("database.is_neutralized", True)
        self.assertSilent("neutralized copy")
        with self.no_requests(), self.assertRaisesRegex(UserError, "neutralized"):
            self.connection.action_connect()

    def test_neutralizing_forgets_the_secret(self):
        """sync-bugs 71."""
        self.synchronize()
        with (ROOT / "data" / "neutralize.sql").open() as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.assertEqual(self.connection.state, "suspended")
        self.assertFalse(self.connection.has_credential)
        self.assertFalse(
            self.env["integration.checkpoint"].search([]).filtered("delta_link")
        )

    def test_copied_database(self):
        """A copy without neutralization does not write into production either."""
        self.pair()
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("database.uuid", str(uuid.uuid4()))
        self.assertSilent("belongs to another database")
        self.assertEqual(self.connection.state, "suspended")
        self.assertIn("another database", self.connection.state_reason)
        # A person may let this database take over.
        self.connection.action_connect()
        self.assertEqual(self.synchronize()["state"], "done")

    def test_a_copy_with_the_same_uuid(self):
        """A copy that PostgreSQL made has its uuid, but not its name.

        Renamed and connected anew, it creates nothing twice. (sync-bugs 25)
        """
        partner, row_id = self.pair()
        self.connection.database_name = "production"
        self.assertSilent("was made in the database 'production'")
        self.assertEqual(self.connection.state, "suspended")
        self.connection.action_connect()
        self.assertEqual(self.synchronize()["state"], "done")
        names = [row["name"] for row in self.person.all("account", "name").values()]
        self.assertEqual(names.count("Acme"), 1)
        self.assertEqual(self.coupled(partner), row_id)


@tagged("post_install", "-at_install")
class TestSecret(ConnectionCase):
    """The secret goes in and never comes out."""

    def setUp(self):
        super().setUp()
        self.secret = self.simulator.info["client_secret"]
        self.managers = self.connection.with_user(
            self.env["res.users"].create(
                {
                    "name": "Mona",
                    "login": "mona",
                    "group_ids": [
                        (4, self.env.ref("dataverse_sync.group_manager").id),
                        (4, self.env.ref("base.group_system").id),
                        (4, self.env.ref("base.group_allow_export").id),
                    ],
                }
            )
        )

    def assertSilent(self, answer):
        self.assertNotIn(self.secret, repr(answer))

    def test_reading(self):
        names = [
            name
            for name, field in self.connection._fields.items()
            if field.groups != "."
        ]
        self.assertSilent(self.managers.read())
        self.assertSilent(self.managers.read(names))
        self.assertSilent(
            self.managers.web_read({"client_secret": {}, "certificate": {}})
        )
        self.assertSilent(self.managers.search_read([]))
        self.assertSilent(self.managers.export_data(["client_secret"]))
        self.assertSilent(self.managers.copy_data())
        self.assertSilent(self.managers.onchange({}, [], {"client_secret": {}}))
        self.assertSilent(self.connection.copy({"code": "copy"}).sudo().read())

    def test_stored_fields_are_nobodys(self):
        connections = self.managers.browse()
        for name in ("stored_secret", "stored_certificate"):
            for attempt in (
                lambda n=name: self.managers.read([n]),
                lambda n=name: self.managers.web_read({n: {}}),
                lambda n=name: self.managers.export_data([n]),
                lambda n=name: self.managers.write({n: "x"}),
                lambda n=name: connections.search([(n, "=like", "a%")]),
                lambda n=name: connections.search([], order=n),
                lambda n=name: connections.search_count([(n, "!=", False)]),
                lambda n=name: connections.formatted_read_group([], [n], ["__count"]),
            ):
                with self.subTest(name), self.assertRaises(AccessError):
                    attempt()
        self.assertNotIn("stored_secret", connections.fields_get())

    def test_written_fields_answer_no_question(self):
        """A search by pieces would tell the secret letter by letter."""
        for operator, value in (("=like", f"{self.secret[:3]}%"), ("=", self.secret)):
            with self.assertRaises(ValueError):
                self.managers.search([("client_secret", operator, value)])

    def test_nothing_is_told_in_passing(self):
        """Neither logs nor errors nor the chatter quote secret or token.

        sync-bugs 72.
        """
        self.company()
        with self.assertLogs(level="DEBUG") as logs:
            self.connection.client_secret = wrong = "Hx8Q~not-the-secret"
            with self.assertRaises(UserError):
                self.connection.action_test_connection()
            self.assertEqual(self.synchronize()["state"], "failed")
            self.connection.client_secret = self.secret
            self.connection.action_connect()
            self.synchronize()
        token = self.env["integration.engine.gateway"]._client(self.connection)._tokens
        told = [
            # Odoo's own log of all queries, values included, is for developers only.
            [line.getMessage() for line in logs.records if line.name != "odoo.sql_db"],
            self.env["sync.error"].search([]).read(),
            self.env["integration.sync.job"].search([]).read(),
            self.connection.message_ids.read(),
            self.connection.message_ids.tracking_value_ids.read(),
        ]
        for text in (self.secret, wrong, token.token()):
            self.assertNotIn(text, repr(told))
