"""The way in from Dynamics 365: open the Odoo record of a row."""

import re
import uuid

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.http import content_disposition, request


class OpenRecord(http.Controller):
    @http.route("/dataverse_sync/open", type="http", auth="user", methods=["GET"])
    def open(self, connection=None, etn=None, id=None, **_unknown):
        """Open the record that a Dataverse row is coupled to, or ask what to do.

        Writes nothing: any page that the user looks at could lead here.

        :param connection: code of the connection
        :param etn: logical name of the table
        :param id: GUID of the row, with or without braces
        """
        return self._answer(self._open, connection, etn, id)

    @http.route("/dataverse_sync/couple", type="http", auth="user", methods=["POST"])
    def couple(self, connection=None, etn=None, id=None, choice="", **_unknown):
        """Do what the user has chosen there, then open the record.

        :param choice: id of the record to couple the row to, or ``new``
        """
        return self._answer(self._couple, connection, etn, id, choice)

    @http.route("/dataverse_sync/solution", type="http", auth="user", methods=["GET"])
    def solution(self, **_unknown):
        """The solution with the button, to be imported in Power Apps."""
        if not request.env.user.has_group("dataverse_sync.group_manager"):
            raise request.not_found()
        return request.make_response(
            self._engine()._solution(),
            headers=[
                ("Content-Type", "application/zip"),
                ("Content-Disposition", content_disposition("odoo_solution.zip")),
            ],
        )

    def _answer(self, what, *arguments):
        try:
            return what(*arguments)
        except (AccessError, UserError) as refusal:
            # Half of what was begun must not stay.
            request.env.cr.rollback()
            return self._show({"sentence": refusal.args[0]}, status=404)

    def _open(self, code, etn, id):
        engine = self._engine()
        row = self._row(code, etn, id)
        if record := engine._coupled(*row):
            return self._redirect(record)
        connection, table, external_id = row
        return self._show(
            {
                **engine._look(*row),
                "connection": connection.code,
                "etn": table,
                "row_id": external_id,
                "back": connection._record_url(table, external_id),
            }
        )

    def _couple(self, code, etn, id, choice):
        row = self._row(code, etn, id)
        return self._redirect(self._engine()._carry_out(*row, choice))

    def _engine(self):
        """The engine as the user, in all of their companies."""
        companies = request.env.user.company_ids.ids
        return request.env["integration.engine.open"].with_context(
            allowed_company_ids=companies
        )

    def _row(self, code, etn, id):
        """``(connection, table, GUID)`` of what the address names."""
        try:
            external_id = str(uuid.UUID((id or "").strip("{}")))
        except ValueError:
            raise UserError(request.env._("The address names no row.")) from None
        if not re.fullmatch(r"[a-z0-9_]+", etn or ""):
            raise UserError(request.env._("The address names no table."))
        return self._engine()._connection(code), etn, external_id

    def _redirect(self, record):
        return request.redirect(f"/odoo/{record._name}/{record.id}")

    def _show(self, values, status=200):
        return request.render(
            "dataverse_sync.open_record", {"sentence": "", **values}, status=status
        )
