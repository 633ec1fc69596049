"""Transformation rules as plain data, for mappings that go from system to system.

A rule that this addon delivers is its code. One that people made is all of it, with
those that follow: ``name, code, ...``, ``lines`` of its table, and ``next``.
"""

from odoo import api, models
from odoo.exceptions import UserError

MODULE = "dataverse_sync"
RULE_SETTINGS = (
    "name",
    "code",
    "find",
    "text",
    "separator",
    "thousands",
    "position",
    "characters",
    "digits",
)
RULE_LINE = ("odoo_value", "dataverse_value")


class IntegrationRuleSet(models.AbstractModel):
    _name = "integration.engine.rule.set"
    _description = "Reads and Writes Transformation Rules as Plain Data"

    @api.model
    def _define(self, rule):
        """The definition of a rule: a code, a dict, or ``False`` for none."""
        if not rule:
            return False
        if rule == self._delivered().get(rule.code):
            return rule.code
        rule = rule.with_context(lang="en_US")
        return {
            **{name: rule[name] for name in RULE_SETTINGS},
            "lines": [
                {name: line[name] for name in RULE_LINE} for line in rule.line_ids
            ],
            "next": self._define(rule.next_rule_id),
        }

    @api.model
    def _delivered(self):
        """``{code: rule}`` of the rules that came with this addon."""
        ids = (
            self.env["ir.model.data"]
            .sudo()
            .search(
                [
                    ("module", "=", MODULE),
                    ("model", "=", "integration.transformation.rule"),
                ],
                order="id desc",
            )
            .mapped("res_id")
        )
        rules = self.env["integration.transformation.rule"].browse(ids).exists()
        return {rule.code: rule for rule in rules}

    @api.model
    def _apply(self, definition):
        """The rule that is defined; it is made when there is none like it.

        One that has the name and does something else stays as it is: other mappings
        may use it.

        :raise UserError: when a rule is only named, and there is none
        """
        rules = self.env["integration.transformation.rule"]
        if not definition:
            return rules
        called = definition if isinstance(definition, str) else definition["name"]
        if called == definition:
            rule = self._delivered().get(called) or self._called(called)[:1]
            if not rule:
                raise UserError(
                    self.env._(
                        "There is no transformation rule '%s' here. Create it first.",
                        called,
                    )
                )
            return rule
        for rule in self._called(called):
            if self._define(rule) == definition:
                return rule
        return rules.create(
            {
                **{name: definition[name] for name in RULE_SETTINGS},
                "line_ids": [
                    (0, 0, {**line, "sequence": number})
                    for number, line in enumerate(definition["lines"])
                ],
                "next_rule_id": self._apply(definition["next"]).id,
            }
        )

    @api.model
    def _called(self, name):
        rules = self.env["integration.transformation.rule"].with_context(lang="en_US")
        return rules.search([("name", "=", name)], order="id")

    @api.model
    def _shown(self, definition):
        """A definition as people read it: what the rule does, and with what."""
        rules = self.env["integration.transformation.rule"]
        if isinstance(definition, str):
            return self._delivered().get(definition, rules).name or definition
        kinds = dict(rules._fields["code"]._description_selection(self.env))
        usual = rules.default_get(RULE_SETTINGS)
        parts = [
            kinds[definition["code"]],
            *(
                f"{rules._fields[name]._description_string(self.env)}: {value}"
                for name, value in definition.items()
                if name in RULE_SETTINGS[2:]
                and (value or False) != usual.get(name, False)
            ),
            *(
                f"{one['odoo_value']} = {one['dataverse_value']}"
                for one in definition["lines"]
            ),
        ]
        shown = f"{definition['name']} ({', '.join(parts)})"
        if not definition["next"]:
            return shown
        return self.env._(
            "%(rule)s, then %(next)s", rule=shown, next=self._shown(definition["next"])
        )
