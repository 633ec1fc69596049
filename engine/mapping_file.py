"""Mapping sets as files: from a test system to production, without ids and secrets."""

import json

from odoo import api, models
from odoo.exceptions import UserError

from .mapping_set import FIELD_SETTINGS, MAPPING_SETTINGS, TEMPLATE_SETTINGS
from .rule_set import RULE_LINE, RULE_SETTINGS

FORMAT, VERSION = "dataverse_sync mappings", 1
# More than this is no set of mappings.
LARGEST_FILE = 5_000_000
# More rules than this do not follow each other.
LONGEST_CHAIN = 20


class IntegrationMappingFile(models.AbstractModel):
    _name = "integration.engine.mapping.file"
    _description = "Writes and Reads Files of Mappings"

    @api.model
    def _write(self, mappings):
        """A set of mappings as the text of a file.

        :rtype: str
        """
        define = self.env["integration.engine.mapping.set"]._define
        return json.dumps(
            {
                "format": FORMAT,
                "version": VERSION,
                "mappings": [define(one) for one in mappings.sorted("sequence")],
            },
            indent=2,
            ensure_ascii=False,
            sort_keys=False,
        )

    @api.model
    def _read(self, content):
        """The definitions in a file.

        :param content: bytes
        :return: complete definitions
        :raise UserError: a sentence that says what is wrong with the file
        """
        if len(content) > LARGEST_FILE:
            raise UserError(self.env._("The file is too large to hold mappings."))
        try:
            data = json.loads(content.decode())
        except (ValueError, RecursionError) as error:
            raise self._no_set() from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise self._no_set()
        if data.get("version") != VERSION:
            raise UserError(
                self.env._(
                    "The file was written by a newer version. Update this addon."
                )
            )
        definitions = data.get("mappings")
        if not isinstance(definitions, list) or not definitions:
            raise self._no_set()
        names = [self._check_mapping(definition) for definition in definitions]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UserError(
                self.env._("The file has several mappings called %s.", min(twice))
            )
        return definitions

    @api.model
    def _no_set(self):
        return UserError(
            self.env._(
                "The file holds no mappings. Choose one that 'Export Mappings' made."
            )
        )

    @api.model
    def _check_mapping(self, definition):
        """Refuse a definition that this database cannot have; returns its name."""
        settings = {"name", "model", "fields", "templates", *MAPPING_SETTINGS}
        if not isinstance(definition, dict) or definition.keys() != settings:
            raise self._no_set()
        name, model = definition["name"], definition["model"]
        if not (isinstance(name, str) and name and isinstance(model, str)):
            raise self._no_set()
        if model not in self.env:
            raise UserError(
                self.env._(
                    "%(mapping)s needs the model '%(model)s'. Install its app first.",
                    mapping=name,
                    model=model,
                )
            )
        self._check_values(
            name, "integration.table.mapping", definition, MAPPING_SETTINGS
        )
        for row in self._dicts(
            definition["fields"], {*FIELD_SETTINGS, "rule", "options"}
        ):
            self._check_values(name, "integration.field.mapping", row, FIELD_SETTINGS)
            if row["field_name"]:
                self._check_field(name, model, row["field_name"])
            self._check_rule(name, row["rule"])
            for option in self._dicts(row["options"], {"option", "label", "value"}):
                if type(option["option"]) is not int or not all(
                    isinstance(option[key], str) for key in ("label", "value")
                ):
                    raise self._no_set()
        for one in self._dicts(definition["templates"], {*TEMPLATE_SETTINGS, "values"}):
            self._check_values(name, "integration.template", one, TEMPLATE_SETTINGS)
            values = one["values"]
            if not isinstance(values, dict) or not all(
                isinstance(value, str) for value in values.values()
            ):
                raise self._no_set()
        return name

    @api.model
    def _check_rule(self, mapping_name, rule, left=LONGEST_CHAIN):
        """Refuse a rule that is neither a name nor completely defined."""
        if rule is False or isinstance(rule, str):
            return
        (rule,) = self._dicts([rule], {*RULE_SETTINGS, "lines", "next"})
        self._check_values(
            mapping_name, "integration.transformation.rule", rule, RULE_SETTINGS
        )
        for line in self._dicts(rule["lines"], RULE_LINE):
            if not all(value and isinstance(value, str) for value in line.values()):
                raise self._no_set()
        if not left:
            raise self._no_set()
        self._check_rule(mapping_name, rule["next"], left - 1)

    @api.model
    def _dicts(self, rows, keys):
        """The rows, if they are dicts with exactly these keys."""
        good = isinstance(rows, list) and all(
            isinstance(row, dict) and row.keys() == set(keys) for row in rows
        )
        if not good:
            raise self._no_set()
        return rows

    @api.model
    def _check_values(self, mapping_name, model_name, values, names):
        """Refuse a value that a setting cannot have."""
        for name in names:
            field, value = self.env[model_name]._fields[name], values[name]
            if field.type == "selection":
                good = value in field.get_values(self.env)
            elif field.type == "integer":
                good = type(value) is int
            elif field.type == "boolean":
                good = type(value) is bool
            else:
                good = isinstance(value, str) or (value is False and not field.required)
            if not good:
                raise UserError(
                    self.env._(
                        "In %(mapping)s, '%(value)s' is no value of '%(setting)s'.",
                        mapping=mapping_name,
                        value=str(value)[:80],
                        setting=field._description_string(self.env),
                    )
                )

    @api.model
    def _check_field(self, mapping_name, model_name, path):
        try:
            self.env["integration.engine.pairing"]._field(self.env[model_name], path)
        except UserError as error:
            raise UserError(
                self.env._(
                    "%(mapping)s: %(error)s Install the app that brings it first.",
                    mapping=mapping_name,
                    error=error,
                )
            ) from error
