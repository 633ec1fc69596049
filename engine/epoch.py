"""Is it still the Dataverse that the couplings were made with?

An environment that was restored from a backup answers as before, and its past looks
like news: followed blindly, its old values would overwrite the new ones in Odoo, and
what is missing there would be deleted here. So a run that is about to do something asks
for two facts first, and stops everything when they do not fit.
"""

from odoo import api, models
from odoo.exceptions import UserError

from .. import dataverse
from .schema import VERSION


class AnotherEpoch(UserError):
    """Nothing may be written before a person has decided. ``kind``: see
    ``integration.connection.safe_mode``; empty when the address is to be corrected."""

    def __init__(self, message, kind):
        super().__init__(message)
        self.kind = kind


class IntegrationEpoch(models.AbstractModel):
    _name = "integration.engine.epoch"
    _description = "Notices Restored and Exchanged Environments"

    @api.model
    def _note(self, session, rows):
        """Remember the newest version of a table that was seen. Does not commit.

        Versions only ever grow in one organization (Dataverse: "Use change tracking",
        column versionnumber), so a row that is older than it was tells of a restore.

        :param rows: iterable of :class:`dataverse.Row` as Dataverse returned them
        """
        versions = {
            row.id: int(row.values[VERSION])
            for row in rows
            if row.values.get(VERSION) is not None
        }
        if not versions:
            return
        newest = max(versions, key=versions.get)
        if versions[newest] > int(session.checkpoint.top_version or 0):
            session.checkpoint.write(
                {"top_version": str(versions[newest]), "top_row": newest}
            )

    @api.model
    def _check(self, session):
        """Ask whose organization answers, and whether it knows the newest row.

        Two requests.

        :raise AnotherEpoch: when another organization answers, or an older state of
            the same one
        :raise dataverse.DataverseError: when Dataverse does not answer
        """
        connection = session.connection
        who = session.client.who_am_i()
        if connection.organization_id not in (False, who.organization_id):
            raise AnotherEpoch(
                self.env._(
                    "Another organization answers at %s than the one that the "
                    "couplings belong to. Nothing was written on either side.",
                    connection.environment_url,
                ),
                False,
            )
        if self._went_back(session):
            raise AnotherEpoch(
                self.env._(
                    "Dataverse was restored from a backup: the table '%s' is older "
                    "than it was. Nothing was written on either side. Choose how to go "
                    "on.",
                    session.table.label or session.table.name,
                ),
                "restored",
            )

    @api.model
    def _went_back(self, session):
        checkpoint = session.checkpoint
        known = int(checkpoint.top_version or 0)
        if not known or VERSION not in session.table.columns:
            return False
        try:
            row = session.client.retrieve(session.table, checkpoint.top_row, [VERSION])
            return int(row.values[VERSION]) < known
        except dataverse.DataverseError as error:
            if error.kind in ("auth", "throttle", "transient"):
                raise
            if error.name != "ObjectDoesNotExist":
                return False
        # Gone: deleted by somebody, or not yet made in the state that was restored.
        deleted = self._is_deleted(session)
        newest = self._newest(session)
        if newest and not deleted and int(newest.values[VERSION]) < known:
            return True
        # In an empty table nothing contradicts; the guard sees that all are gone.
        checkpoint.write(
            {
                "top_version": newest and str(newest.values[VERSION]),
                "top_row": newest and newest.id,
            }
        )
        return False

    @api.model
    def _is_deleted(self, session):
        """Whether Dataverse tells of the deletion of the newest row that was seen."""
        inbox, row_id = self.env["integration.inbox"], session.checkpoint.top_row
        if inbox._deleted(session.mapping, [row_id]):
            return True
        # It may have been deleted since the changes were read.
        self.env["integration.engine.capture"]._capture_dataverse(session)
        return bool(inbox._deleted(session.mapping, [row_id]))

    @api.model
    def _newest(self, session):
        """The row that was written last, or ``False`` in an empty table."""
        for page in session.client.query(
            session.table, [VERSION], order_by=f"{VERSION} desc", top=1
        ):
            return page[0] if page else False
        return False
