"""How a value changes on its way, chosen on the field mapping."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class IntegrationTransformationRule(models.Model):
    """Another addon adds a rule with an entry of ``code`` and one small method::

        code = fields.Selection(selection_add=[("stars", "Stars")], ondelete=...)

        def _transform_stars(self, value):
            return "*" * len(value)

    The method gets and returns text; ``_undo_stars``, if there is one, is the way
    back. Settings of the rule are fields of ``self``.
    """

    _name = "integration.transformation.rule"
    _description = "Transformation Rule"
    _order = "name, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Selection(
        [
            ("upper", "Upper case"),
            ("lower", "Lower case"),
            ("title", "Title case"),
            ("trim", "Without blanks at both ends"),
            ("substring", "Part of the text"),
            ("replace", "Replace a text"),
            ("regex", "Replace a regular expression"),
            ("alphanumeric", "Letters and digits only"),
            ("split", "One part of a list"),
            ("prefix", "Put a text in front"),
            ("default", "A value for what is empty"),
            ("table", "Look up in a table"),
            ("round", "Round a number"),
            ("number_format", "Number as text"),
            ("date_format", "Date as text"),
            ("person_name", "One name ↔ first and last name"),
            ("join", "One field ↔ several columns"),
            ("url", "Web address"),
            ("email", "E-mail address"),
            ("phone", "Telephone number"),
            ("phone_international", "Telephone number, written +45..."),
        ],
        string="Does",
        required=True,
        help="Countries, states, lookups, choices and formatted text need no rule: "
        "they are recognized by the types of the field and the column.",
    )
    find = fields.Char(help="The text or regular expression to find.", trim=False)
    text = fields.Char(trim=False)
    separator = fields.Char(trim=False)
    thousands = fields.Char("Thousands Separator", trim=False)
    position = fields.Integer(default=1)
    characters = fields.Integer(help="0: all the rest.")
    digits = fields.Integer("Decimals", default=2)
    line_ids = fields.One2many(
        "integration.transformation.rule.line", "rule_id", string="Table", copy=True
    )
    next_rule_id = fields.Many2one(
        "integration.transformation.rule",
        string="Then",
        ondelete="restrict",
        help="What happens to the result.",
    )
    reversible = fields.Boolean(compute="_compute_reversible")
    test_value = fields.Char("Try It", store=False, trim=False)
    test_result = fields.Char("Becomes", compute="_compute_test")
    test_back = fields.Char("And Back", compute="_compute_test")
    test_problem = fields.Char(compute="_compute_test")

    @api.depends(
        "code",
        "find",
        "text",
        "separator",
        "thousands",
        "position",
        "characters",
        "digits",
        "line_ids.odoo_value",
        "line_ids.dataverse_value",
        "next_rule_id",
        "test_value",
    )
    def _compute_test(self):
        rules = self.env["integration.engine.rules"]
        for rule in self:
            rule.test_result = rule.test_back = rule.test_problem = False
            if not rule.code or not rule.test_value:
                continue
            try:
                rule.test_result, rule.test_back = rules._try(rule, rule.test_value)
            except UserError as error:
                rule.test_problem = str(error)

    @api.depends("code", "next_rule_id")
    def _compute_reversible(self):
        rules = self.env["integration.engine.rules"]
        for rule in self:
            try:
                rule.reversible = bool(rule.code) and rules._is_reversible(rule)
            except UserError:
                rule.reversible = False

    def _chain(self):
        """The rule and those that follow it, in order."""
        self.ensure_one()
        chain = rule = self
        while rule.next_rule_id and rule.next_rule_id not in chain:
            rule = rule.next_rule_id
            chain += rule
        return chain

    @api.constrains("next_rule_id")
    def _check_next_rule(self):
        if self._has_cycle("next_rule_id"):
            raise ValidationError(self.env._("A rule cannot follow itself."))

    @api.constrains(
        "code",
        "find",
        "text",
        "separator",
        "thousands",
        "position",
        "characters",
        "digits",
        "line_ids",
        "next_rule_id",
    )
    def _check_settings(self):
        for rule in self:
            self.env["integration.engine.rules"]._check(rule)


class IntegrationTransformationRuleLine(models.Model):
    _name = "integration.transformation.rule.line"
    _description = "Line of a Transformation Table"
    _order = "sequence, id"

    rule_id = fields.Many2one(
        "integration.transformation.rule", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    odoo_value = fields.Char("In Odoo", required=True)
    dataverse_value = fields.Char("In Dataverse", required=True)

    _value_uniq = models.Constraint(
        "UNIQUE (rule_id, odoo_value)", "Each value of Odoo stands in the table once."
    )
