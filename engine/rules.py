"""Transformation rules, made into what the brain works with."""

from odoo import api, models
from odoo.exceptions import UserError

from .. import sync

try:
    import phonenumbers
except ImportError:
    phonenumbers = None
try:
    import regex
except ImportError:
    regex = None

# A pattern that people write can take for ever on the wrong text.
REGEX_SECONDS = 0.5

# Rules that say something about the whole line, not about one value.
WHOLE = ("person_name", "url", "email", "phone", "phone_international", "join")

STEPS = {
    "upper": lambda rule: sync.steps.upper(),
    "lower": lambda rule: sync.steps.lower(),
    "title": lambda rule: sync.steps.title(),
    "trim": lambda rule: sync.steps.trim(),
    "round": lambda rule: sync.steps.rounded(rule.digits),
    "substring": lambda rule: sync.steps.substring(rule.position, rule.characters),
    "replace": lambda rule: sync.steps.replace(rule.find or "", rule.text or ""),
    "alphanumeric": lambda rule: sync.steps.alphanumeric(),
    "split": lambda rule: sync.steps.split(rule.separator or "", rule.position),
    "prefix": lambda rule: sync.steps.prefix(rule.text or ""),
    "default": lambda rule: sync.steps.default(rule.text or ""),
    "table": lambda rule: sync.steps.table(
        [(line.odoo_value, line.dataverse_value) for line in rule.line_ids]
    ),
    "date_format": lambda rule: sync.steps.date_format(rule.text or ""),
    "number_format": lambda rule: sync.steps.number_format(
        rule.digits, rule.separator or "", rule.thousands or ""
    ),
}


class IntegrationRules(models.AbstractModel):
    _name = "integration.engine.rules"
    _description = "Makes Transformation Rules Work"

    @api.model
    def _whole(self, rule, columns, region):
        """The rule of a whole line, or ``None`` when ``rule`` is made of steps.

        :param columns: the columns of the line
        :param region: code of the country whose telephone numbers need no country
        :rtype: sync.Rule | None
        """
        code = rule.code
        if code == "phone":
            return sync.Phone(self._e164(region))
        if code == "phone_international":
            return sync.Phone(self._e164(region), write=True)
        if code == "join":
            return sync.Join(rule.separator or "", len(columns))
        simple = {
            "person_name": sync.PersonName,
            "url": sync.Url,
            "email": sync.Email,
        }
        return simple[code]() if code in simple else None

    @api.model
    def _steps(self, rule):
        """The steps of a rule and of those that follow it.

        :return: list of :class:`sync.Step`
        :raise UserError: a sentence that says what is wrong with which rule
        """
        steps = []
        for one in rule._chain():
            if one.code in WHOLE:
                raise UserError(
                    self.env._(
                        "The rule '%s' works on whole fields and cannot be followed "
                        "by, or follow, another rule.",
                        one.name,
                    )
                )
            steps.append(self._step(one))
        return steps

    @api.model
    def _step(self, rule):
        """One rule as a :class:`sync.Step`.

        A rule of another addon is a code and a method: ``_transform_<code>(value)`` of
        ``integration.transformation.rule`` gets and returns text; ``_undo_<code>``, if
        there is one, is the way back.
        """
        forward = getattr(rule, f"_transform_{rule.code}", None)
        try:
            if forward:
                return sync.Step(forward, getattr(rule, f"_undo_{rule.code}", None))
            if rule.code == "regex":
                return sync.steps.substitute(self._substitution(rule))
            return STEPS[rule.code](rule)
        except ValueError as error:
            raise UserError(
                self.env._(
                    "The rule '%(rule)s': %(error)s",
                    rule=rule.name,
                    # The templates are marked for translation where they stand.
                    error=self.env._(str(error)),  # pylint: disable=W8301
                )
            ) from error

    @api.model
    def _substitution(self, rule):
        """A regular expression that gives up in time."""
        if regex is None:
            raise UserError(
                self.env._(
                    "The rule '%s' has a regular expression. These need the Python "
                    "library regex, which can stop one that takes too long; ask your "
                    "administrator to install it.",
                    rule.name,
                )
            )
        new = rule.text or ""
        try:
            pattern = regex.compile(rule.find or "")
            # A wrong group shows only when something is replaced.
            regex.compile(f"(?:{rule.find})?").sub(new, "")
        except (regex.error, IndexError) as error:
            raise ValueError(str(error)) from error

        def change(text):
            try:
                return pattern.sub(new, text, timeout=REGEX_SECONDS)
            except TimeoutError:
                raise sync.Untranslatable(
                    self.env._(
                        "the regular expression takes too long on '%(value)s'",
                        value=text[:80],
                    ).replace("%", "%%"),
                    text,
                ) from None

        return change

    @api.model
    def _check(self, rule):
        """Refuse settings that make no sense.

        :raise UserError: a sentence that says what is wrong with which rule
        """
        if rule.code == "join" and not rule.separator:
            raise UserError(self.env._("The rule '%s' needs a separator.", rule.name))
        if rule.code not in WHOLE or rule.next_rule_id:
            self._steps(rule)

    @api.model
    def _is_reversible(self, rule):
        """Whether the rule works on a field that is synchronized both ways."""
        return rule.code in WHOLE or not sync.Chain(self._steps(rule)).one_way

    @api.model
    def _try(self, rule, text):
        """What the rule makes of a text, for the person who writes it.

        :return: ``(result, what comes back)`` as text
        :raise UserError: when the rule is wrong or cannot take the text
        """
        whole = self._whole(rule, ("first", "second"), self._region(self.env.company))
        try:
            if whole is not None:
                values = whole.to_dataverse((text or None,), {})
                back = whole.to_odoo(values, {})
            else:
                chain = sync.Chain(self._steps(rule))
                values = (chain.forward(text or None),)
                back = (None,) if chain.one_way else (chain.backward(values[0]),)
        except sync.Untranslatable as problem:
            raise UserError(self._sentence(problem)) from problem
        return (
            " | ".join("" if value is None else str(value) for value in values),
            back[0],
        )

    @api.model
    def _sentence(self, problem):
        """What an untranslatable value means, in the language of the person who acts.

        :param problem: :class:`sync.Untranslatable` or :class:`sync.Problem`
        """
        if not problem.template:
            return problem.sentence
        # The templates are marked for translation where they stand.
        return self.env._(problem.template) % problem.facts  # pylint: disable=W8301

    # -- telephone numbers ------------------------------------------------------------

    @api.model
    def _region(self, company):
        return company.country_id.code or None

    @api.model
    def _e164(self, region):
        """A function: number -> "+4533000001", ``None`` for what is no number.

        ``None`` altogether when the library phonenumbers is not installed.
        """
        if phonenumbers is None:
            return None

        def e164(text):
            try:
                number = phonenumbers.parse(text, region)
            except phonenumbers.NumberParseException:
                return None
            # An extension has no place in E.164, and must not be lost.
            if number.extension or not phonenumbers.is_possible_number(number):
                return None
            return phonenumbers.format_number(
                number, phonenumbers.PhoneNumberFormat.E164
            )

        return e164
