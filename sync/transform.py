"""Value rules: how one line of the field mapping turns the values of one side into
those of the other.

A rule gets and gives canonical values (see `values`) as tuples, in the order of the
line's fields or columns. It never guesses: what has no counterpart raises
`Untranslatable`, and a person is told.
"""

# This room knows no Odoo environment: the addon translates when it shows a sentence.
# pylint: disable=prefer-env-translation

from __future__ import annotations

import string
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from .values import canonical, html_from_text


class Untranslatable(Exception):
    """A value has no counterpart on the other side.

    `sentence` is plain English for the person who must act, with the value in quotes;
    `value` is the value itself. For other languages the sentence comes in two parts:
    `template` and the `facts` that fill it in, among them always the value.
    `line` is filled in by the line that met it.
    """

    line: str | None = None

    def __init__(self, template: str, value: Any, **facts: Any):
        self.template = template
        self.facts = {"value": value, **facts}
        self.sentence = template % self.facts
        self.value = value
        super().__init__(self.sentence)


def _(template: str) -> str:
    """Mark a template for Odoo's translation exporter; returns it unchanged."""
    return template


class Rule:
    """What a rule can say. The base class passes each value on as it is.

    `one_way`: the rule has a meaning only in the direction of its line, so the line
    must have one.
    `of_the_row`: a value means something else when other values of the row change, so
    two rows agree only if each says what the other does.
    `of_the_pair`: what is written depends on what is there, such as the currency that
    an amount is in. Both methods then get the row they write to as third argument,
    None for a new one.
    `comparable`: one side's value says whether the other's is the same. Where it does
    not (an image is known by a hash on one side, by a time on the other), both agree
    as long as neither has changed since they did.
    `beside`: more fields of the Odoo record that belong to the line.
    """

    one_way = False
    of_the_row = False
    of_the_pair = False
    comparable = True
    beside: tuple[str, ...] = ()

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        """The values for the columns. `row`: all canonical values of the Odoo record.

        Raises Untranslatable.
        """
        return values

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        """The values for the fields. `row`: all canonical values of the Dataverse row.

        Raises Untranslatable.
        """
        return values

    def normal(self, value: Any) -> Any:
        """The form in which two values of the same side are compared."""
        return value

    def fits(self, fields: int, columns: int) -> bool:
        """Whether a line with so many fields and columns can have this rule."""
        return fields == columns > 0


class Same(Rule):
    """The same value on both sides."""


class Image(Rule):
    """An image, of which each side only tells which one it is.

    The value that is written is the source's own: whoever carries it out gets the image
    that it stands for.
    """

    comparable = False


class Constant(Rule):
    """Always `value` (canonical), whatever the source holds."""

    one_way = True

    def __init__(self, value: Any):
        self.value = value

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (self.value,)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (self.value,)

    def fits(self, fields: int, columns: int) -> bool:
        return max(fields, columns) == 1


class Text(Rule):
    """Text that is written in one form: "upper", "lower", "title" or "trim".

    Whoever writes, writes this form, in both directions. Two texts that differ in
    nothing else are equal, so neither side is rewritten for the form alone.
    """

    operations: dict[str, Callable[[str], str]] = {
        "upper": str.upper,
        "lower": str.lower,
        "title": lambda text: string.capwords(text, " "),
        "trim": str.strip,
    }

    def __init__(self, operation: str):
        try:
            self._apply = self.operations[operation]
        except KeyError:
            raise ValueError(f"unknown text operation {operation!r}") from None

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return tuple(self.normal(value) for value in values)

    to_odoo = to_dataverse

    def normal(self, value: str | None) -> str | None:
        # Upper-casing can leave the canonical form, e.g. decompose a letter.
        return value and canonical(self._apply(value), "text")


class Email(Rule):
    """An e-mail address; another case or blanks around it make no other address."""

    def normal(self, value: str | None) -> str | None:
        return value and value.strip().casefold()


class Phone(Rule):
    """A telephone number; blanks, hyphens and brackets make no other number.

    `e164`: the international form of a number ("33 00 00 01" -> "+4533000001"), None
    for what is none; then a number is the same with and without its country. `write`:
    numbers are also written in that form, where they have one.
    """

    _layout = str.maketrans("", "", " \N{NO-BREAK SPACE}-./()")

    def __init__(
        self, e164: Callable[[str], str | None] | None = None, *, write: bool = False
    ):
        self._e164 = e164 or (lambda text: None)
        self._write = write

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        if not self._write:
            return values
        return tuple(value and (self._e164(value) or value) for value in values)

    to_odoo = to_dataverse

    def normal(self, value: str | None) -> str | None:
        plain = self._e164(value) if value else None
        return plain or (value and value.translate(self._layout).casefold())


class Url(Rule):
    """A web address. Odoo puts "http://" before one without scheme; so does this.

    The case of scheme and host and a slash at the end make no other address.
    Source: Odoo 19, res.partner, _clean_website.
    """

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return tuple(value and self._with_scheme(value) for value in values)

    def normal(self, value: str | None) -> str | None:
        if not value:
            return value
        scheme, _, rest = self._with_scheme(value).partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host}".lower() + (slash + path).rstrip("/")

    @staticmethod
    def _with_scheme(value: str) -> str:
        value = value.strip()
        return value if "://" in value else f"http://{value.lstrip('/')}"


class Html(Rule):
    """An Odoo HTML field (canonical kind "html", so its plain text) and a plain memo.

    To Odoo the text travels as safe HTML, ready to be stored: one paragraph a line.
    Formatting that a person gave the text in Odoo lasts until the text itself changes.
    """

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return tuple(value and html_from_text(value) for value in values)

    def normal(self, value: str | None) -> str | None:
        # What reading back the stored HTML gives: no blanks at line ends.
        return value and canonical(html_from_text(value), "html")


class Choice(Rule):
    """A fixed list of pairs, Odoo value <-> Dataverse option: ("person", 1), …

    Where several Odoo values share an option, or several options a value, the first one
    listed comes back.
    """

    def __init__(self, options: Mapping[Hashable, int] | Iterable[tuple[Any, int]]):
        pairs = options.items() if isinstance(options, Mapping) else options
        self._options: dict[Any, int] = {}
        self._values: dict[int, Any] = {}
        for value, option in pairs:
            self._options.setdefault(value, option)
            self._values.setdefault(option, value)

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return tuple(self._pick(self._options, value, "Dataverse") for value in values)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return tuple(self._pick(self._values, value, "Odoo") for value in values)

    @staticmethod
    def _pick(table: Mapping, value: Any, side: str) -> Any:
        if value in table:
            return table[value]
        if value is None:
            return None
        raise Untranslatable(
            _("no choice in %(side)s is mapped to '%(value)s'; add it to the list"),
            value,
            side=side,
        )


class Choices(Choice):
    """Several of a fixed list: Odoo's list of values <-> Dataverse's list of options.

    A value whose option another value has too comes back as the first one listed.
    """

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return tuple(
            self._pick_all(self._options, chosen, "Dataverse") for chosen in values
        )

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return tuple(self._pick_all(self._values, chosen, "Odoo") for chosen in values)

    def _pick_all(self, table: Mapping, chosen: list | None, side: str) -> list | None:
        return sorted({self._pick(table, one, side) for one in chosen or ()}) or None


class Active(Rule):
    """Odoo (active,) <-> Dataverse (statecode, statuscode).

    To Odoo only the state counts: 0 is active, all others are not. The status reason of
    a state that already agrees is left as it is, so an organization's own reasons live.
    """

    def __init__(self, active_status: int = 1, inactive_status: int = 2):
        self._active = (0, active_status)
        self._inactive = (1, inactive_status)

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return self._active if values[0] else self._inactive

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        if values[0] is None:
            raise Untranslatable(_("the state of the row could not be read"), None)
        return (values[0] == 0,)

    def fits(self, fields: int, columns: int) -> bool:
        return (fields, columns) == (1, 2)


class PersonName(Rule):
    """Odoo (name,) <-> Dataverse (firstname, lastname).

    The last word is the last name, together with the particles before it ("van der
    Berg") and what follows it ("Smith Jr.", "Glynn (sample)"). "Doe, Jane" is
    "Jane Doe". A single word is a last name, which Dataverse requires.

    Joining what was split gives the same name, with single blanks.
    """

    #: contact.firstname and contact.lastname, Dataverse's column metadata
    limit = 50

    particles = frozenset(
        "af al av bin da das de del della den der des di do dos du el ibn la las le "
        "los ten ter van vom von y zu zum zur".split()
    )
    suffixes = frozenset("jr sr ii iii iv phd md mba esq".split())

    _first = _(
        "the first name '%(value)s' is longer than the %(limit)s characters that "
        "Dataverse holds; shorten it"
    )
    _last = _(
        "the last name '%(value)s' is longer than the %(limit)s characters that "
        "Dataverse holds; shorten it"
    )

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        words = (self.normal(values[0]) or "").split(" ")
        start = self._last_name_start(words)
        first, last = " ".join(words[:start]), " ".join(words[start:])
        for part, sentence in ((first, self._first), (last, self._last)):
            if len(part) > self.limit:
                raise Untranslatable(sentence, part, limit=self.limit)
        return first or None, last or None

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        return (self.normal(" ".join(part for part in values if part)) or None,)

    def normal(self, value: str | None) -> str | None:
        if not value:
            return value
        last, comma, first = (" ".join(part.split()) for part in value.partition(","))
        if comma and last and first and "," not in first and not self._trails(first):
            return f"{first} {last}"
        return " ".join(value.split())

    def fits(self, fields: int, columns: int) -> bool:
        return (fields, columns) == (1, 2)

    def _last_name_start(self, words: list[str]) -> int:
        start = len(words) - 1
        while start > 0 and self._trails(words[start]):
            start -= 1
        while start > 0 and words[start - 1].casefold() in self.particles:
            # "Al Pacino", "Van Morrison": a capital at the very start is a first name.
            if start == 1 and words[0][0].isupper():
                break
            start -= 1
        return start

    def _trails(self, word: str) -> bool:
        """Whether the word follows a last name: "Jr.", "PhD", "(sample)"."""
        return word.startswith("(") or (
            word.replace(".", "").casefold() in self.suffixes
        )
