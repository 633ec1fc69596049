"""The way out: who may talk to which Dataverse, and with what client."""

import hashlib
import json
from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models, tools
from odoo.exceptions import UserError

from .. import dataverse

# A schema changes when somebody publishes a solution: rarely, and a run that meets
# an unknown column refreshes at once.
SCHEMA_IS_FRESH = timedelta(days=1)

# One client a connection and process: it keeps the token and the open connections.
# Losing it costs one token request, so processes need not share it.
_clients = {}


class NotOurConnection(UserError):
    """This database is a copy: the connection belongs to the original."""


class IntegrationGateway(models.AbstractModel):
    _name = "integration.engine.gateway"
    _description = "Gateway to Dataverse"

    @api.model
    def _client(self, connection, **options):
        """The Web API client of a connection, one a process.

        :param options: of :class:`dataverse.Client`; with any, the client is a new one

        :raise UserError: when this database may not use the connection (a copy, a
            neutralized database, sign-in data missing)
        """
        connection = connection.sudo()
        connection.fetch(["stored_secret", "stored_certificate"])
        self._check_own_database(connection)
        credential = self._credential(connection)
        verify = tools.config.get("dataverse_ca_file") or True
        authority = f"{connection.authority_url}/{connection.tenant_id}"
        fingerprint = hashlib.sha256(
            repr(
                (
                    connection.environment_url,
                    authority,
                    connection.client_id,
                    connection._secret(),
                    connection.stored_certificate,
                    verify,
                )
            ).encode()
        ).hexdigest()
        key = (self.env.cr.dbname, connection.id)
        known, client = _clients.get(key, (None, None))
        if known == fingerprint and not options:
            return client
        client = dataverse.Client(
            connection.environment_url,
            dataverse.TokenProvider(
                authority, credential, connection.environment_url, verify=verify
            ),
            verify=verify,
            **options,
        )
        if not options:
            _clients[key] = (fingerprint, client)
        return client

    @api.model
    def _credential(self, connection):
        if connection.authentication == "secret" and connection._secret():
            return dataverse.SecretCredential(
                connection.client_id, connection._secret()
            )
        if connection.authentication == "certificate" and connection.stored_certificate:
            return dataverse.CertificateCredential(
                connection.client_id,
                connection.stored_certificate,
                connection.stored_certificate,
            )
        raise UserError(
            self.env._(
                "The connection '%s' has no sign-in data yet. Enter the client "
                "secret or the certificate.",
                connection.name,
            )
        )

    @api.model
    def _check_own_database(self, connection):
        """A copy of a production database must never write to production.

        :raise NotOurConnection: in a copy
        """
        parameters = self.env["ir.config_parameter"].sudo()
        if parameters.get_param("database.is_neutralized"):
            raise NotOurConnection(
                self.env._(
                    "This is a neutralized copy of a database: it does not "
                    "connect to Dataverse."
                )
            )
        uuid = parameters.get_param("database.uuid")
        if connection.database_uuid and connection.database_uuid != uuid:
            raise NotOurConnection(
                self.env._(
                    "The connection '%s' belongs to another database, of which this "
                    "one is a copy. Connect it anew if this database shall take over.",
                    connection.name,
                )
            )
        # Tools of PostgreSQL copy a database with its uuid, but never under its name.
        name = self.env.cr.dbname
        if connection.database_name and connection.database_name != name:
            raise NotOurConnection(
                self.env._(
                    "The connection '%(connection)s' was made in the database "
                    "'%(original)s', and this is '%(name)s'. Connect it anew if the "
                    "database was only renamed; a copy must leave it alone.",
                    connection=connection.name,
                    original=connection.database_name,
                    name=name,
                )
            )

    @api.model
    def _probe(self, connection):
        """Sign in and ask who we are.

        :return: ``(WhoAmI, organization)``, the latter a dict of its columns
        :raise UserError: a sentence for the person who connects
        """
        with self._in_sentences():
            # A person waits: say what is wrong instead of trying again.
            client = self._client(connection, max_attempts=1)
            return client.who_am_i(), client.organization()

    @api.model
    def _user_name(self, connection, user_id):
        """The name of a Dataverse user; ``False`` when we may not know it.

        :param user_id: GUID
        """
        try:
            return self._client(connection).user_name(user_id) or False
        except dataverse.DataverseError:
            return False

    @api.model
    def _team(self, connection):
        """The team that owns what a connection creates, as ``team(guid)``.

        :raise UserError: when there is none, or not only one
        :raise dataverse.DataverseError: when Dataverse does not tell
        """
        table = self._metadata(connection, "team")
        condition = (
            dataverse.query.any_of(table.columns["name"], [connection.owner_team])
            if connection.owner_team
            else None
        )
        teams = [
            row
            for page in self._client(connection).query(
                table, ["name"], filter=condition, top=2
            )
            for row in page
        ]
        if len(teams) != 1:
            raise UserError(
                self.env._(
                    "Dataverse has no single team '%s'. Correct the owning team in the "
                    "connection.",
                    connection.owner_team or "",
                )
            )
        return f"team({teams[0].id})"

    @contextmanager
    def _in_sentences(self):
        """What Dataverse refuses inside becomes a sentence for the person who waits.

        :raise UserError: instead of a :class:`dataverse.DataverseError`
        """
        try:
            yield
        except dataverse.DataverseError as error:
            raise UserError(self._sentence(error)) from error

    @api.model
    def _retrieve(self, session, external_id):
        """One row with the mapped columns.

        :rtype: dataverse.Row
        :raise UserError: a sentence when there is none
        """
        with self._in_sentences():
            return session.client.retrieve(
                session.table,
                external_id,
                session.columns,
            )

    @api.model
    def _metadata(self, connection, name, *, refresh=False):
        """The metadata of a table, asked for when nothing fresh is stored.

        :rtype: dataverse.Table
        :raise dataverse.DataverseError: when Dataverse refuses
        """
        stored, refreshed_at, table = self._known(connection, name)
        oldest = fields.Datetime.now() - SCHEMA_IS_FRESH
        if table and not refresh and refreshed_at > oldest:
            return table
        table = self._client(connection).table(name)
        vals = {
            "label": table.label,
            "change_tracking": table.change_tracking,
            "definition": table.to_dict(),
            "refreshed_at": fields.Datetime.now(),
        }
        if stored:
            stored.write(vals)
        else:
            stored.create({"connection_id": connection.id, "name": name, **vals})
        return table

    @api.model
    def _known(self, connection, name):
        """What is stored about a table.

        As a field the definition would be copied, column by column, by each who reads
        it; here it is understood once, as long as it stays the same.

        :return: ``(record, refreshed_at, dataverse.Table | None)``
        """
        tables = self.env["integration.table"].sudo()
        tables.flush_model()
        self.env.cr.execute(
            "SELECT id, refreshed_at, md5(definition::text) FROM integration_table"
            " WHERE connection_id = %s AND name = %s",
            [connection.id, name],
        )
        id_, refreshed_at, digest = self.env.cr.fetchone() or (None, None, None)
        table = self._understood(id_, digest) if digest else None
        return tables.browse(id_), refreshed_at, table

    @tools.ormcache("digest")
    def _understood(self, id_, digest):
        self.env.cr.execute(
            "SELECT definition::text FROM integration_table WHERE id = %s", [id_]
        )
        (definition,) = self.env.cr.fetchone()
        return dataverse.Table.from_dict(json.loads(definition))

    @api.model
    def _sentence(self, error):
        """What a Dataverse error means, as a sentence for the person who must act."""
        # The templates are marked for translation where they stand.
        return self.env._(error.template) % error.facts  # pylint: disable=W8301
