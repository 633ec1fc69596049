"""Records that are only a name in Dataverse: how they are called, found and created."""

from odoo import api, models
from odoo.tools import escape_psql

from .pairing import UNCOUPLED


class IntegrationNames(models.AbstractModel):
    _name = "integration.engine.names"
    _description = "Finds Records by Name"

    @api.model
    def _model(self, mapping, model_name):
        """The model as the synchronization user sees it, in the source language."""
        return mapping._records().env[model_name].with_context(lang="en_US")

    @api.model
    def _name_of(self, mapping, reference):
        """What the record of an ``odoo:model,id`` is called; ``None`` when hidden."""
        model_name, _comma, id_ = reference[len(UNCOUPLED) :].partition(",")
        record = self._model(mapping, model_name).browse(int(id_))
        return record._filtered_access("read").display_name or None

    @api.model
    def _find(self, mapping, model_name, name):
        """The records that are called ``name``, in any case; archived ones come last.

        :return: tuple of ``odoo:model,id``: two are enough to be ambiguous
        """
        model = self._model(mapping, model_name)
        # A search by name also looks into e-mail addresses, references and the like.
        found = model.search([("display_name", "=ilike", escape_psql(name))])
        called = found.filtered(
            lambda record: record.display_name.casefold() == name.casefold()
        )
        used = called.filtered("active") if "active" in model._fields else called
        return tuple(f"{UNCOUPLED}{model_name},{id_}" for id_ in (used or called).ids)

    @api.model
    def _create(self, mapping, model_name, name):
        """The id of the record that is called ``name``, which is created if need be."""
        for reference in self._find(mapping, model_name, name):
            return int(reference.rpartition(",")[2])
        return self._model(mapping, model_name).name_create(name)[0]
