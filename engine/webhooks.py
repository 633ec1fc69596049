"""Register with Dataverse for a call whenever a row of a mapped table changes."""

import uuid

from odoo import api, models

from .. import dataverse

MESSAGES = ("Create", "Update", "Delete")
# serviceendpoint.contract, authtype; sdkmessageprocessingstep.mode, stage
# (Dataverse: "Register a webhook", "SdkMessageProcessingStep EntityType")
WEBHOOK, HTTP_HEADER, ASYNCHRONOUS, POST_OPERATION = 8, 5, 1, 40


class IntegrationWebhooks(models.AbstractModel):
    """The ids of what is registered follow from the connection's own: registering twice
    repairs instead of doubling, and nothing has to be remembered to take it back."""

    _name = "integration.engine.webhooks"
    _description = "Registers Webhooks"

    @api.model
    def _subscribe(self, connection, url, header, key):
        """Register the service endpoint, and a step for each table and message.

        :param url: where Dataverse calls
        :param header: name of the HTTP header that carries ``key``
        :return: number of steps
        :raise UserError: a sentence, for instance about a missing privilege
        """
        gateway = self.env["integration.engine.gateway"]
        client = gateway._client(connection)
        endpoint = self._id_of(connection)
        steps = self._steps(connection)
        with gateway._in_sentences():
            self._put(
                client,
                f"serviceendpoints({endpoint})",
                name=f"Odoo ({connection.code})",
                contract=WEBHOOK,
                authtype=HTTP_HEADER,
                authvalue=f'<settings><setting name="{header}" value="{key}" />'
                "</settings>",
                url=url,
            )
            for step_id, message, table in steps:
                message_id, filter_id = self._message(client, message, table)
                binds = {
                    "sdkmessageid@odata.bind": f"/sdkmessages({message_id})",
                    "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({filter_id})",
                    "eventhandler_serviceendpoint@odata.bind": (
                        f"/serviceendpoints({endpoint})"
                    ),
                }
                self._put(
                    client,
                    f"sdkmessageprocessingsteps({step_id})",
                    name=f"Odoo ({connection.code}): {message} of {table}",
                    mode=ASYNCHRONOUS,
                    stage=POST_OPERATION,
                    rank=1,
                    asyncautodelete=True,
                    **binds,
                )
        return len(steps)

    @api.model
    def _unsubscribe(self, connection):
        """Take back whatever is registered for a connection.

        :raise UserError: a sentence
        """
        gateway = self.env["integration.engine.gateway"]
        client = gateway._client(connection)
        with gateway._in_sentences():
            for path in (
                *(
                    f"sdkmessageprocessingsteps({step_id})"
                    for step_id, _message, _table in self._steps(connection)
                ),
                f"serviceendpoints({self._id_of(connection)})",
            ):
                self._delete(client, path)

    @api.model
    def _id_of(self, connection, *parts):
        """An id that is always the same for the same thing of this database."""
        seed = uuid.UUID(connection.database_uuid)
        return uuid.uuid5(seed, "/".join((connection.code, *parts)))

    @api.model
    def _steps(self, connection):
        """``[(id, message, table)]`` for every mapped table, paused ones too."""
        tables = sorted(set(connection._all_mappings().mapped("integration_table")))
        return [
            (self._id_of(connection, message, table), message, table)
            for table in tables
            for message in MESSAGES
        ]

    @api.model
    def _message(self, client, message, table):
        """The ids of a message and of its filter for a table."""
        answer = client.request(
            "GET",
            "sdkmessagefilters",
            params={
                "$select": "sdkmessagefilterid,_sdkmessageid_value",
                "$filter": f"sdkmessageid/name eq '{message}' and "
                f"primaryobjecttypecode eq '{table}'",
            },
        ).json()
        row = answer["value"][0]
        return row["_sdkmessageid_value"], row["sdkmessagefilterid"]

    @api.model
    def _put(self, client, path, **values):
        client.request("PATCH", path, body=values, repeatable=True)

    @api.model
    def _delete(self, client, path):
        """Delete a row that may be gone already."""
        try:
            client.request("DELETE", path, repeatable=True)
        except dataverse.DataverseError as error:
            if error.status != 404:
                raise
