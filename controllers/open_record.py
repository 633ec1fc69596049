"""The way in from Dynamics 365: open the Odoo record of a row."""

import re
import uuid

from odoo import http
from odoo.exceptions import AccessError
from odoo.http import request


class OpenRecord(http.Controller):
    @http.route("/dataverse_sync/open", type="http", auth="user", methods=["GET"])
    def open(self, connection=None, etn=None, id=None, **_unknown):
        """Open the record that a Dataverse row is coupled to.

        :param connection: code of the connection
        :param etn: logical name of the table
        :param id: GUID of the row, with or without braces
        """
        try:
            external_id = str(uuid.UUID((id or "").strip("{}")))
        except ValueError:
            return self._explain(request.env._("The address names no row."))
        if not re.fullmatch(r"[a-z0-9_]+", etn or ""):
            return self._explain(request.env._("The address names no table."))
        coupling = (
            request.env["integration.coupling"]
            .sudo()
            .search(
                [
                    ("connection_id.code", "=", connection),
                    ("mapping_id.integration_table", "=", etn),
                    ("external_id", "=", external_id),
                ],
                limit=1,
            )
        )
        if not coupling:
            return self._explain(
                request.env._(
                    "This row is not coupled to a record in Odoo. Couple it from the "
                    "record in Odoo: Action, Set Up Coupling."
                )
            )
        record = request.env[coupling.res_model].browse(coupling.res_id)
        try:
            record.check_access("read")
        except AccessError:
            return self._explain(
                request.env._("You may not see the record that this row is coupled to.")
            )
        return request.redirect(f"/odoo/{coupling.res_model}/{coupling.res_id}")

    def _explain(self, sentence):
        return request.render(
            "dataverse_sync.open_record_message", {"sentence": sentence}, status=404
        )
