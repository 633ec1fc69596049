"""A person decides: what both sides hold, who changed it, and which value counts."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import sync
from .records import guid_in


class IntegrationDecide(models.AbstractModel):
    _name = "integration.engine.decide"
    _description = "Carries Out a Person's Decisions"

    @api.model
    def _sides(self, coupling):
        """Both sides of a coupling as they are now, read from Odoo and Dataverse.

        :return: dict of ``lines`` (see `integration.engine.couple._compare`), and of
            ``odoo_by, odoo_at, dataverse_by, dataverse_at``: who changed the record
            and the row last, and when; ``False`` when that is not known
        :raise UserError: a sentence when one of the two cannot be read
        """
        session = self.env["integration.engine.run"]._look(coupling.mapping_id)
        session.columns = self._with_author(session)
        row = self.env["integration.engine.gateway"]._retrieve(
            session, coupling.external_id
        )
        record = session.records.sudo().browse(coupling.res_id).exists()
        if not record:
            raise UserError(self.env._("The record was deleted in Odoo."))
        lines = self.env["integration.engine.couple"]._compare(
            session, record.id, row, coupling.base
        )
        return {
            "lines": lines,
            "odoo_by": record.write_uid.name,
            "odoo_at": record.write_date,
            "dataverse_by": self._author(session, row.values.get("modifiedby")),
            "dataverse_at": self._moment(row.values.get("modifiedon")),
        }

    @api.model
    def _with_author(self, session):
        """The columns of the mapping, and those that say who changed the row when."""
        author = {"modifiedby", "modifiedon"} & session.table.columns.keys()
        return sorted({*session.columns, *author})

    @api.model
    def _author(self, session, reference):
        """The name of the user behind ``table(guid)``."""
        guid = guid_in(reference)
        gateway = self.env["integration.engine.gateway"]
        return bool(guid) and gateway._user_name(session.connection, guid)

    @api.model
    def _moment(self, text):
        return text and fields.Datetime.to_datetime(text[:19].replace("T", " "))

    @api.model
    def _decide(self, coupling, lines):
        """Synchronize a coupling with what a person chose, and merge the rest.

        What counts is what the person saw: a side that has changed since then is a
        conflict again, and nothing of it is overwritten.

        :param lines: as of :meth:`_sides`, each with ``choice``: the side that counts
        :return: the ``integration.sync.job``
        """
        run = self.env["integration.engine.run"]
        couple = self.env["integration.engine.couple"]
        session = run._look(coupling.mapping_id)
        groups = {group.key: group for group in session.schema.groups}
        base = sync.Base.from_dict(coupling.base)
        for line in lines:
            if line["key"] in groups:
                base = couple._as_chosen(
                    base,
                    groups[line["key"]],
                    line["seen"]["odoo"],
                    line["seen"]["dataverse"],
                    line["choice"],
                )
        coupling.base = base.to_dict()
        self.env["integration.conflict"]._log_decision(
            coupling,
            [
                {
                    "field_key": line["key"],
                    "field_label": line["label"],
                    "base_value": line["base_value"],
                    "odoo_value": line["odoo_value"],
                    "dataverse_value": line["dataverse_value"],
                    "winner": line["choice"],
                }
                for line in lines
                if line["changed"] not in (False, line["choice"])
            ],
        )
        return run._run(coupling.mapping_id, kind="manual", couplings=coupling)
