"""Couple or create first what other records refer to, in the same run."""

from odoo import api, models
from odoo.fields import Domain

from .pairing import UNCOUPLED
from .records import guid_in

# In the context: ids of the mappings whose runs wait for this one.
WAITING = "dataverse_waiting_mappings"


class IntegrationParents(models.AbstractModel):
    _name = "integration.engine.parents"
    _description = "Brings What Records Refer To"

    @api.model
    def _bring(self, session):
        """Have the records coupled or created that a lookup with that choice misses.

        Their own mapping decides, with its filters, its direction and whether it only
        synchronizes coupled records. Each reference is asked for once a run, and no
        mapping runs for itself through another one: what refers to itself in a circle
        is completed by the next run. Commits; talks to Dataverse.

        :return: whether there may be more to do now
        """
        wanted = session.wanted - session.asked
        session.asked |= wanted
        if session.preview or not wanted:
            return False
        for mapping, (res_ids, external_ids) in self._by_mapping(session, wanted):
            self.env["integration.inbox"]._put_hints(
                mapping, res_ids=res_ids, external_ids=external_ids
            )
            if mapping == session.mapping:
                self._let_in(session, res_ids, external_ids)
            elif mapping.id in self._waiting_mappings():
                mapping._wake_up()
            else:
                self._run(session, mapping, res_ids, external_ids)
        return True

    @api.model
    def _waiting_mappings(self):
        return self.env.context.get(WAITING, ())

    @api.model
    def _let_in(self, session, res_ids, external_ids):
        """A run for some records alone also looks at what these refer to."""
        if session.only is not None:
            records, rows = session.only
            session.only = ({*records, *res_ids}, {*rows, *external_ids})

    @api.model
    def _run(self, session, mapping, res_ids, external_ids):
        """Run another mapping for these records alone.

        What changed besides is its own runs' business, and so is looking for it.
        """
        run = self.env["integration.engine.run"].with_context(
            **{WAITING: (*self._waiting_mappings(), session.mapping.id)}
        )
        run._run(
            mapping,
            kind="coupling",
            only=(res_ids, external_ids),
            work=run._work_through,
        )

    @api.model
    def _by_mapping(self, session, references):
        """Which mappings may couple the records that are referred to.

        :param references: ``odoo:model,id`` or ``table(guid)``
        :return: list of ``(mapping, (res_ids, external_ids))``
        """
        ids, guids = {}, {}
        for reference in references:
            if reference.startswith(UNCOUPLED):
                model_name, _, id_ = reference[len(UNCOUPLED) :].partition(",")
                ids.setdefault(model_name, set()).add(int(id_))
            else:
                table = reference.partition("(")[0]
                guids.setdefault(table, set()).add(guid_in(reference))
        found = []
        for mapping in session.mapping.search(
            Domain("connection_id", "=", session.connection.id)
            & (
                Domain("model", "in", list(ids))
                | Domain("integration_table", "in", list(guids))
            )
        ):
            res_ids = mapping._records().search(
                mapping._scope_domain()
                & Domain("id", "in", list(ids.get(mapping.model, ())))
            )
            external_ids = guids.get(mapping.integration_table, set())
            if res_ids or external_ids:
                found.append((mapping, (set(res_ids.ids), external_ids)))
        return found
