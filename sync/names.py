"""Records of Odoo that are only a name in Dataverse: a text in place of a reference."""

# This room knows no Odoo environment: the addon translates when it shows a sentence.
# pylint: disable=prefer-env-translation

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .transform import Rule, Untranslatable, _

# How a record stands in a canonical value that is created when the value is written.
NEW = "new:"


class Named(Rule):
    """One record of Odoo <-> its name in a text, e.g. "Accounting".

    `name_of`: reference of a record -> its name; `find`: a name -> the references of
    the records that are called so. `creates`: what nobody is called becomes `NEW` and
    the name, for a record that is still to be created; else it is a problem.
    """

    def __init__(
        self,
        name_of: Callable[[str], str | None],
        find: Callable[[str], Iterable[str]],
        *,
        creates: bool = False,
    ):
        self._name_of = name_of
        self._find = find
        self._creates = creates

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        (reference,) = values
        return (self._name_of(reference) if reference else None,)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        name = (values[0] or "").strip()
        if not name:
            return (None,)
        found = tuple(self._find(name))
        if len(found) == 1:
            return found
        if found:
            raise Untranslatable(
                _(
                    "%(count)s records in Odoo are called '%(value)s'; rename all but "
                    "one of them"
                ),
                name,
                count=len(found),
            )
        if self._creates:
            return (NEW + name,)
        raise Untranslatable(
            _(
                "no record in Odoo is called '%(value)s'; create it, correct the text, "
                "or let the field mapping create what is missing"
            ),
            name,
        )

    def normal(self, value: str | None) -> str | None:
        return value and value.strip()


class Labels(Rule):
    """Several records of Odoo <-> their names in one text, e.g. "Blue; Round".

    `names`: reference of the record -> its name. A name that several records share, or
    none has, finds none.
    """

    def __init__(self, names: Mapping[str, str], separator: str = "; "):
        self._names = dict(names)
        self._separator = separator
        self._references: dict[str, list[str]] = {}
        for reference, name in names.items():
            self._references.setdefault(name.casefold(), []).append(reference)

    def to_dataverse(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        names = sorted(self._name(reference) for reference in values[0] or ())
        return (self._separator.join(names) or None,)

    def to_odoo(self, values: tuple, row: Mapping[str, Any]) -> tuple:
        parts = (values[0] or "").split(self._separator.strip())
        found = {self._find(part.strip()) for part in parts if part.strip()}
        return (sorted(found) or None,)

    def _name(self, reference: str) -> str:
        name = self._names[reference]
        if self._separator.strip() in name:
            raise Untranslatable(
                _("'%(value)s' contains the separator '%(separator)s'"),
                name,
                separator=self._separator.strip(),
            )
        return name

    def _find(self, name: str) -> str:
        references = self._references.get(name.casefold(), ())
        if len(references) != 1:
            raise Untranslatable(
                _("%(count)s records in Odoo are called '%(value)s'"),
                name,
                count=len(references),
            )
        return references[0]
