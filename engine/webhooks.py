"""Register with Dataverse for a call whenever a row of a mapped table changes, and
look whether it calls."""

import uuid

from odoo import api, models

from .. import dataverse

MESSAGES = ("Create", "Update", "Delete")
# serviceendpoint.contract, authtype; sdkmessageprocessingstep.mode, stage
# (Dataverse: "Register a webhook", "SdkMessageProcessingStep EntityType")
WEBHOOK, HTTP_HEADER, ASYNCHRONOUS, POST_OPERATION = 8, 5, 1, 40
# sdkmessageprocessingstep.statecode; asyncoperation.operationtype, statuscode
ENABLED, SYSTEM_EVENT, FAILED = 0, 1, 31
# More steps or failed calls than these tell nothing new.
MOST = 1000


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
                    statecode=ENABLED,
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
    def _problem(self, connection, since):
        """What keeps Dataverse from calling, as it tells itself.

        A step can be switched off or deleted there, and Dataverse gives up a call that
        is not answered: that leaves a failed system job (Dataverse: "AsyncOperation
        EntityType"; a call that succeeds leaves none).

        :param since: datetime: calls that failed before are forgotten
        :return: a sentence with the way out, empty if everything is in order
        :raise UserError: a sentence, when Dataverse does not tell
        """
        gateway = self.env["integration.engine.gateway"]
        client = gateway._client(connection)
        wanted = {str(step_id) for step_id, *_what in self._steps(connection)}
        with gateway._in_sentences():
            steps = self._list(
                client,
                "sdkmessageprocessingsteps",
                "sdkmessageprocessingstepid,statecode",
                f"_eventhandler_value eq {self._id_of(connection)}",
            )
            calling = {
                step["sdkmessageprocessingstepid"]
                for step in steps
                if step["statecode"] == ENABLED
            }
            # Steps that are none of ours by now have no say.
            failed = self._list(
                client,
                "asyncoperations",
                "message,_owningextensionid_value",
                f"operationtype eq {SYSTEM_EVENT} and statuscode eq {FAILED}"
                f" and createdon ge {since:%Y-%m-%dT%H:%M:%SZ}",
            )
        if missing := wanted - calling:
            return self.env._(
                "Dataverse does not call about %(missing)s of %(all)s kinds of "
                "changes: they are not registered, or switched off there. Repair it.",
                missing=len(missing),
                all=len(wanted),
            )
        failed = [job for job in failed if job["_owningextensionid_value"] in wanted]
        if not failed:
            return ""
        return self.env._(
            "%(count)s calls of Dataverse did not arrive. Check that the address "
            "%(url)s can be reached from the internet, then repair it. Dataverse "
            "says: %(message)s",
            count=len(failed),
            url=connection.get_base_url(),
            message=failed[0]["message"],
        )

    @api.model
    def _list(self, client, path, columns, condition):
        """The first rows of a system table, the latest ones first."""
        params = {
            "$select": columns,
            "$filter": condition,
            "$orderby": "createdon desc",
            "$top": MOST,
        }
        return client.request("GET", path, params=params).json()["value"]

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
