"""Mappings as plain data: the default ones, and those that go from system to system.

A definition is a dict of the settings of a table mapping, with ``model`` (technical
name), ``fields`` and ``templates``, lists of dicts. It has technical names only: no
ids, no secrets. Definitions of `models/default_mappings` leave out what is Odoo's
default.
"""

from odoo import api, models
from odoo.exceptions import UserError

MAPPING_SETTINGS = (
    "sequence",
    "integration_table",
    "direction",
    "synch_only_coupled",
    "filter_domain",
    "integration_filter",
    "update_conflict_policy",
    "deletion_policy",
    "drift_policy",
    "initial_policy",
    "guard_deletions",
    "guard_deletions_share",
    "guard_changes",
    "guard_changes_share",
    "compare_nightly",
    "synch_interval",
    "event_driven",
    "ask_less_often",
)
FIELD_SETTINGS = (
    "field_name",
    "integration_column",
    "direction",
    "constant_value",
    "enabled",
    "clear_value_on_failed_synch",
    "required",
    "group",
    "match_key",
    "match_priority",
    "match_by",
    "match_degree",
    "match_case_sensitive",
)
TEMPLATE_SETTINGS = ("name", "sequence", "side", "filter_domain", "integration_filter")
# Stands for the team that owns all rows; which one that is, the connection says.
OWNING_TEAM = "owning team"


class IntegrationMappingSet(models.AbstractModel):
    _name = "integration.engine.mapping.set"
    _description = "Reads and Writes Mappings as Plain Data"

    # -- from mappings ----------------------------------------------------------------

    @api.model
    def _define(self, mapping):
        """The definition of a mapping, with every setting."""
        mapping = mapping.with_context(lang="en_US")
        return {
            "name": mapping.name,
            "model": mapping.model,
            **{name: mapping[name] for name in MAPPING_SETTINGS},
            "fields": [self._define_field(line) for line in mapping.field_mapping_ids],
            "templates": [
                {
                    **{name: template[name] for name in TEMPLATE_SETTINGS},
                    "values": {line.name: line.value for line in template.line_ids},
                }
                for template in mapping.template_ids
            ],
        }

    @api.model
    def _define_field(self, line):
        values = {name: line[name] for name in FIELD_SETTINGS}
        if line._columns() == ("ownerid",) and (line.constant_value or "").startswith(
            "team("
        ):
            values["constant_value"] = OWNING_TEAM
        rule = line.transformation_rule_id
        return {
            **values,
            "rule": self.env["integration.engine.rule.set"]._define(rule),
            "options": [
                {
                    "option": option.option,
                    "label": option.label or "",
                    "value": self._name_of_option(option),
                }
                for option in line.option_ids
                if option.value or option.res_id
            ],
        }

    @api.model
    def _name_of_option(self, option):
        if not option.res_model:
            return option.value
        record = self.env[option.res_model].browse(option.res_id)
        return record.get_external_id()[record.id] or record.display_name

    # -- to mappings ------------------------------------------------------------------

    @api.model
    def _complete(self, connection, definition, models_mapped):
        """A definition with every setting, as far as this database can have it.

        Fields whose app is not installed or that the synchronization user may not read
        are left out, and so are lookups of models that have no mapping.

        :param models_mapped: names of the models that have a mapping, or get one
        :return: a definition as of :meth:`_define`
        """
        model = self.env[definition["model"]]
        definition = dict(definition)
        for field_name, settings in definition.pop("with_field", {}).items():
            if field_name in model._fields:
                definition |= settings
        mapping_defaults = self.env["integration.table.mapping"].default_get(
            MAPPING_SETTINGS
        )
        return {
            "name": definition["name"],
            "model": definition["model"],
            **{
                name: definition.get(name, mapping_defaults.get(name, False))
                for name in MAPPING_SETTINGS
            },
            "fields": [
                self._complete_field(connection, row)
                for row in definition["fields"]
                if self._has_field(connection, model, row, models_mapped)
            ],
            "templates": definition.get("templates", []),
        }

    @api.model
    def _complete_field(self, connection, row):
        row = dict(row)
        if row.pop("owner", False) and connection.ownership == "team":
            row = {
                "integration_column": row["integration_column"],
                "constant_value": OWNING_TEAM,
                "direction": "to_integration",
            }
        row.setdefault("rule", False)
        options = row.get("options", ())
        row["options"] = [option for option in options if self._is_there(option)]
        if options and not row["options"]:
            # A choice without options can tell nothing: they are mapped by hand first.
            row["enabled"] = False
        defaults = self.env["integration.field.mapping"].default_get(FIELD_SETTINGS)
        return {
            name: row.get(name, defaults.get(name, False))
            for name in (*FIELD_SETTINGS, "rule", "options")
        }

    @api.model
    def _is_there(self, option):
        """Whether what stands for an option is there; plain values always are."""
        value = option["value"]
        return "." not in value or bool(self.env.ref(value, raise_if_not_found=False))

    @api.model
    def _has_field(self, connection, model, row, models_mapped):
        path = row.get("field_name")
        if not path:
            return True
        first, _dot, rest = path.partition(".")
        own = model.with_user(connection.user_id)
        field = model._fields.get(first)
        if field is None or not own._has_field_access(field, "read"):
            return False
        if rest:
            field = self.env[field.comodel_name]._fields.get(rest)
        return field is not None and (
            field.type != "many2one"
            or bool(row.get("options"))
            or field.comodel_name in ("res.country", "res.country.state")
            or field.comodel_name in models_mapped
            or (row.get("owner") and connection.ownership == "team")
        )

    @api.model
    def _vals(self, connection, definition):
        """A complete definition as the values of a table mapping.

        :raise UserError: a sentence, for what this database does not have
        """
        return {
            **{name: definition[name] for name in ("name", *MAPPING_SETTINGS)},
            "connection_id": connection.id,
            "model_id": self.env["ir.model"]._get_id(definition["model"]),
            "field_mapping_ids": [
                (0, 0, self._field_vals(connection, definition, row, sequence))
                for sequence, row in enumerate(definition["fields"])
            ],
            "template_ids": [
                (
                    0,
                    0,
                    {
                        **{k: v for k, v in template.items() if k != "values"},
                        "line_ids": [
                            (0, 0, {"name": name, "value": value})
                            for name, value in template["values"].items()
                        ],
                    },
                )
                for template in definition["templates"]
            ],
        }

    @api.model
    def _field_vals(self, connection, definition, row, sequence):
        field = None
        if row["field_name"]:
            model = self.env[definition["model"]]
            field = self.env["integration.engine.pairing"]._field(
                model, row["field_name"]
            )
        vals = {name: row[name] for name in FIELD_SETTINGS}
        if vals["constant_value"] == OWNING_TEAM:
            vals["constant_value"] = self._owning_team(connection)
        return {
            **vals,
            "sequence": sequence,
            "transformation_rule_id": self.env["integration.engine.rule.set"]
            ._apply(row["rule"])
            .id,
            "option_ids": [
                (
                    0,
                    0,
                    {
                        "sequence": number,
                        "option": option["option"],
                        "label": option["label"],
                        **self._option_value(field, option["value"]),
                    },
                )
                for number, option in enumerate(row["options"])
            ],
        }

    @api.model
    def _option_value(self, field, value):
        """What stands for an option: a plain value, or the record of that name."""
        if field is None or field.type not in ("many2one", "many2many"):
            return {"value": value}
        record = self.env.ref(value, raise_if_not_found=False)
        if record is None or record._name != field.comodel_name:
            found = self.env[field.comodel_name].name_search(
                value, operator="=", limit=2
            )
            if len(found) != 1:
                raise UserError(
                    self.env._(
                        "There is no single '%(name)s' among '%(model)s' here. Create "
                        "or rename it first.",
                        name=value,
                        model=self.env["ir.model"]._get(field.comodel_name).name,
                    )
                )
            return {"res_id": found[0][0]}
        return {"res_id": record.id}

    @api.model
    def _owning_team(self, connection):
        """The reference of the team that owns all rows."""
        gateway = self.env["integration.engine.gateway"]
        with gateway._in_sentences():
            return gateway._team(connection)

    # -- what changes -----------------------------------------------------------------

    @api.model
    def _differences(self, mapping, definition):
        """What taking over a definition would change.

        :param mapping: the mapping of that name, or an empty recordset
        :param definition: a complete one
        :return: list of ``(kind, text)``; kind is "new", "changed", "added", "removed"
        """
        if not mapping:
            count = len(definition["fields"])
            return [("new", self.env._("Fields: %s", count))]
        now = self._define(mapping)
        found = [
            (
                "changed",
                self.env._(
                    "%(setting)s: %(before)s → %(after)s",
                    setting=mapping._fields[name]._description_string(self.env),
                    before=self._shown(mapping, name, now[name]),
                    after=self._shown(mapping, name, definition[name]),
                ),
            )
            for name in MAPPING_SETTINGS
            if (now[name] or False) != (definition[name] or False)
        ]
        before, after = (
            {self._title(row): row for row in one["fields"]}
            for one in (now, definition)
        )
        found += [("added", title) for title in after if title not in before]
        found += [("removed", title) for title in before if title not in after]
        line = mapping.field_mapping_ids
        for title in before.keys() & after.keys():
            names = [
                name
                for name in before[title]
                if (before[title][name] or False) != (after[title][name] or False)
            ]
            found += [
                (
                    "changed",
                    self.env._(
                        "%(field)s, %(setting)s: %(before)s → %(after)s",
                        field=title,
                        setting=self._setting(line, name),
                        before=self._shown(line, name, before[title][name]),
                        after=self._shown(line, name, after[title][name]),
                    ),
                )
                for name in names
            ]
        if now["templates"] != definition["templates"]:
            found.append(("changed", self.env._("Default values of new records")))
        return found

    @api.model
    def _title(self, row):
        """What tells a field mapping from the others of its mapping."""
        return f"{row['field_name'] or '='} ↔ {row['integration_column'] or '='}"

    @api.model
    def _setting(self, record, name):
        if name == "rule":
            name = "transformation_rule_id"
        if name == "options":
            name = "option_ids"
        return record._fields[name]._description_string(self.env)

    @api.model
    def _shown(self, record, name, value):
        """A setting as people read it."""
        if name == "rule" and value:
            return self.env["integration.engine.rule.set"]._shown(value)
        if name == "options":
            return ", ".join(f"{one['label']} = {one['value']}" for one in value) or "–"
        field = record._fields.get(name)
        if field is not None and field.type == "boolean":
            return self.env._("Yes") if value else self.env._("No")
        if field is not None and field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, value)
        return str(value) if value or value == 0 and value is not False else "–"

    @api.model
    def _apply(self, connection, definitions):
        """Create the mappings that are defined, or make them as defined.

        Couplings stay: what they agreed on is compared anew.

        :param definitions: complete ones
        :return: the mappings
        """
        mappings = self.env["integration.table.mapping"]
        for definition in definitions:
            vals = self._vals(connection, definition)
            mapping = self._existing(connection, definition["name"])
            if mapping:
                mapping.field_mapping_ids.unlink()
                mapping.template_ids.unlink()
                mapping.write({**vals, "active": True})
            else:
                mapping = mappings.create(vals)
            mappings |= mapping
        return mappings

    @api.model
    def _existing(self, connection, name):
        return (
            self.env["integration.table.mapping"]
            .with_context(active_test=False)
            .search([("connection_id", "=", connection.id), ("name", "=", name)])
        )
