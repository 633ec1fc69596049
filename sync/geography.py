"""Countries and states: codes in Odoo, free text in Dataverse.

`address1_country` and `address1_stateorprovince` are plain text columns, so people
write "U.S.", "USA" or "Vereinigte Staaten". Odoo's record is found in what they wrote;
what is not recognized is never guessed at.
"""

# This room knows no Odoo environment: the addon translates when it shows a sentence.
# pylint: disable=prefer-env-translation

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .countries import ALIASES, ALPHA_3
from .transform import Rule, Untranslatable, _

#: letters that Unicode does not take apart into a base letter and an accent
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)


def spoken(text: str) -> str:
    """`text` as it sounds: without case, accents, dots and punctuation.

    "Côte d'Ivoire", "COTE D IVOIRE" -> "cote d ivoire"; "U.S.A." -> "usa".
    """
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = plain.replace(".", "").replace("&", " and ")
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def parts_of(name: str) -> list[str]:
    """The names that a double name is made of.

    "Alacant (Alicante)" -> ["Alacant", "Alicante"]; "Araba/Álava" likewise; none for a
    plain name.
    """
    parts = [part.strip() for part in re.split(r"[()/]", name)]
    parts = [part for part in parts if part]
    return parts if len(parts) > 1 else []


class _Names:
    """Finds a code by its names, the surest kind of name first: codes, then official
    names, then aliases. A name that two codes share finds neither."""

    def __init__(self) -> None:
        self._kinds: tuple[dict[str, set[str]], ...] = ({}, {}, {})

    def add(self, code: str, *names_of_kind: Iterable[str]) -> None:
        for kind, names in zip(self._kinds, names_of_kind, strict=True):
            for name in names:
                kind.setdefault(spoken(name), set()).add(code)

    def find(self, text: str) -> str | None:
        key = spoken(text)
        codes = next((kind[key] for kind in self._kinds if key in kind), ())
        return next(iter(codes)) if len(codes) == 1 else None


class Country(Rule):
    """Odoo ISO 3166 code of two letters, e.g. ("DK",) <-> Dataverse text ("Denmark",).

    `table`: one (code, English name, *further names) for each country that Odoo has;
    further names are aliases and translations. Codes of three letters and common
    aliases are known besides. To Dataverse goes the English name.
    """

    def __init__(self, table: Iterable[Sequence[str]]):
        self._texts: dict[str, str] = {}
        self._names = _Names()
        for code, name, *aliases in table:
            self._texts[code] = name
            codes = [code, ALPHA_3[code]] if code in ALPHA_3 else [code]
            self._names.add(code, codes, [name], [*aliases, *ALIASES.get(code, ())])

    def code(self, text: str) -> str | None:
        """The code of the country that `text` names, None if there is none."""
        return self._names.find(text)

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        (code,) = values
        if code is None:
            return (None,)
        if code not in self._texts:
            raise Untranslatable(_("no country has the code '%(value)s'"), code)
        return (self._texts[code],)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        (text,) = values
        if text is None:
            return (None,)
        code = self.code(text)
        if code is None:
            raise Untranslatable(
                _("no country in Odoo is called '%(value)s'; correct the spelling"),
                text,
            )
        return (code,)

    def fits(self, fields: int, columns: int) -> bool:
        return fields == columns == 1


class State(Rule):
    """Odoo ("US-WA",) <-> Dataverse text: "Washington", "WA" or "US-WA".

    `table`: one ("US-WA", English name, *further names) for each state that Odoo has.
    The text is looked up within the country that the text of `country_column` names.
    Belongs into one group with the country.

    A country of which Odoo has no states gives None: Odoo then has no room for the text
    ("Sjælland"), both sides count as agreed, and the text stays in Dataverse. A problem
    instead would keep the whole address of such a country from travelling.
    """

    def __init__(
        self, table: Iterable[Sequence[str]], country: Country, country_column: str
    ):
        self._country = country
        self._country_column = country_column
        self._texts: dict[str, str] = {}
        self._names: dict[str, _Names] = {}
        for code, name, *aliases in table:
            of_country, _, short = code.partition("-")
            self._texts[code] = name
            names = self._names.setdefault(of_country, _Names())
            parts = [part for name in (name, *aliases) for part in parts_of(name)]
            names.add(code, [code, short], [name], [*aliases, *parts])

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        (code,) = values
        if code is None:
            return (None,)
        if code not in self._texts:
            raise Untranslatable(_("no state has the code '%(value)s'"), code)
        return (self._texts[code],)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        (text,) = values
        if text is None:
            return (None,)
        country = self._country_of(text, row)
        if country not in self._names:
            return (None,)
        code = self._names[country].find(text)
        if code is None:
            raise Untranslatable(
                _(
                    "no state of the country %(country)s in Odoo is called "
                    "'%(value)s'; correct the spelling"
                ),
                text,
                country=country,
            )
        return (code,)

    def fits(self, fields: int, columns: int) -> bool:
        return fields == columns == 1

    def _country_of(self, text: str, row: Mapping[str, Any]) -> str:
        named = row[self._country_column]
        if named is None and text.upper() in self._texts:
            return text.upper().partition("-")[0]
        country = named and self._country.code(named)
        if not country:
            raise Untranslatable(
                _("the state '%(value)s' cannot be found without its country"), text
            )
        return country
