"""Countries and states, which are read once and kept until somebody changes them."""

from odoo import api, models, tools

from .. import sync

GEOGRAPHY = ("res.country", "res.country.state")


class IntegrationGeography(models.AbstractModel):
    """What is kept is cleared in `models/geography.py`, and by Odoo where a language is
    installed."""

    _name = "integration.engine.geography"
    _description = "Knows Countries and States"

    @api.model
    @tools.ormcache("model_name", cache="stable")
    def _codes_by_id(self, model_name):
        """``{id: code}`` of countries, or ``{id: "US-WA"}`` of states."""
        places = self.env[model_name].sudo().search([])
        if model_name == "res.country":
            return {place.id: place.code for place in places}
        return {place.id: f"{place.country_id.code}-{place.code}" for place in places}

    @api.model
    @tools.ormcache("model_name", cache="stable")
    def _ids_by_code(self, model_name):
        """The other way round: ``{code: id}``."""
        return {code: id_ for id_, code in self._codes_by_id(model_name).items()}

    @api.model
    @tools.ormcache(cache="stable")
    def _country_rule(self):
        """
        :rtype: sync.Country
        """
        return sync.Country(
            (country.code, *self._names_of(country))
            for country in self.env["res.country"].sudo().search([])
            if country.code
        )

    @api.model
    @tools.ormcache("country_column", cache="stable")
    def _state_rule(self, country_column):
        """
        :param country_column: the column that names the country of a state
        :rtype: sync.State
        """
        states = [
            (f"{state.country_id.code}-{state.code}", *self._names_of(state))
            for state in self.env["res.country.state"].sudo().search([])
            if state.country_id.code and state.code
        ]
        return sync.State(states, self._country_rule(), country_column)

    @api.model
    def _names_of(self, record):
        """The English name, then the names in the other installed languages."""
        names = [record.with_context(lang="en_US").name]
        for code, _name in self.env["res.lang"].get_installed():
            if code != "en_US":
                names.append(record.with_context(lang=code).name)
        return names
