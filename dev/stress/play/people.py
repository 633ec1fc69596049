"""What people do on either side: one deed, one transaction or one request."""

from __future__ import annotations

from typing import Any, NamedTuple

from odoo.addons.dataverse_sync import dataverse

from .ghost import Ghost
from .world import COLUMNS, DATAVERSE, ODOO, PARENT, Card, Refused, World


class Deed(NamedTuple):
    """Somebody does something to a record that happens to be there.

    `kind`: a method of `People`; `who`, `other`, `field`: any numbers, which choose.
    """

    kind: str
    side: str
    who: int
    other: int
    field: int

    def __repr__(self) -> str:
        return f"{self.kind} in {self.side} ({self.who}, {self.other}, {self.field})"


class People:
    """Everybody on both sides; `told` is what they did, in words."""

    def __init__(self, world: World, ghost: Ghost) -> None:
        self.world = world
        self.ghost = ghost
        self.told: list[str] = []
        self._tokens = 0
        self._bin: dict[str, Card] = {}  # rows that can be restored

    def do(self, deed: Deed) -> None:
        """Do it, if there is anything to do it to."""
        act = getattr(self, deed.kind)
        seen = self.world.cards(deed.side)
        if deed.side == ODOO:
            self.ghost.looked_at(seen)
        cards = list(seen.values())
        if not cards and not deed.kind.startswith(("create", "restore")):
            return
        card = cards[deed.who % len(cards)] if cards else None
        try:
            done = act(deed, card, cards)
        except Refused as refusal:
            done = f"refused: {str(refusal)[:80]}"
        self.told.append(f"    {deed}: {card and card.birth} {done or ''}")

    # -- writing ----------------------------------------------------------------------

    def create_company(self, deed: Deed, _card: Card | None, _cards: list[Card]) -> str:
        birth, values = self._token(), {"name": self._token(), "phone": self._token()}
        return self._create(deed.side, "account", birth, values, None)

    def create_contact(self, deed: Deed, _card: Card | None, cards: list[Card]) -> str:
        companies = [card for card in cards if card.table == "account"]
        if not companies:
            return "nobody to work for"
        birth, values = self._token(), {"name": self._token(), "email": self._token()}
        company = companies[deed.other % len(companies)].key
        return self._create(deed.side, "contact", birth, values, company)

    def write_one(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        field = self._field(deed, card)
        return self._write(deed.side, card, {field: self._token()})

    def write_group(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        group = [name for name in ("street", "city") if name in card.values] or [
            "phone",
            "email",
        ]
        return self._write(deed.side, card, {name: self._token() for name in group})

    def write_same(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        field = self._field(deed, card)
        return self._write(deed.side, card, {field: card.values[field]})

    def write_and_revert(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        field, former = self._field(deed, card), card.values
        new = self._token()
        self._write(deed.side, card, {field: new})
        seen = card._replace(values={**former, field: new})
        # Put back, a value is worth what it was before.
        worth = self.ghost.seen_over & {former[field]}
        told = self._write(deed.side, seen, {field: former[field]})
        self.ghost.seen_over |= worth
        return told

    def empty(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        fields = sorted(card.values.keys() - {"name"})
        return self._write(deed.side, card, {fields[deed.field % len(fields)]: ""})

    def write_sql(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        if deed.side == DATAVERSE:
            return self.write_one(deed, card, _cards)
        field = ("phone", "email")[deed.field % 2]
        value = self._token()

        def write(env: Any) -> None:
            env.cr.execute(
                f"UPDATE res_partner SET {field} = %s WHERE id = %s",
                [f"v{value}", card.key],
            )

        self.world.in_odoo(write)
        self.ghost.wrote(ODOO, card, {field: value})
        return f"{field} {value}"

    def _create(
        self,
        side: str,
        table: str,
        birth: str,
        values: dict[str, str],
        company: Any,
    ) -> str:
        texts = {name: self._text(table, name, value) for name, value in values.items()}
        born = f"born {birth} {table}"
        if side == ODOO:
            vals = {**texts, "comment": born, "is_company": table == "account"}
            if company:
                vals["parent_id"] = company
            if table == "contact":
                vals["name"] = f"Ann {texts['name']}"
            self.world.in_odoo(lambda env: env["res.partner"].create(vals) and None)
        else:
            vals = {COLUMNS[table][name]: text for name, text in texts.items()}
            if company:
                vals[PARENT[table]] = f"account({company})"
            if table == "contact":
                vals["firstname"] = "Ann"
            self.world.in_dataverse(
                lambda person: person.create(table, description=born, **vals)
            )
        self.ghost.created(side, birth, values)
        return f"{birth} {values}"

    def _write(self, side: str, card: Card, values: dict[str, str]) -> str:
        texts = {n: self._text(card.table, n, value) for n, value in values.items()}
        if side == ODOO:
            if card.table == "contact" and "name" in texts:
                texts["name"] = f"Ann {texts['name']}"
            before = self.world.cards(ODOO)
            self._write_odoo(card.key, texts)
            del before[card.key]
            self._spread(ODOO, list(before.values()))
        else:
            columns = COLUMNS[card.table]
            vals = {columns[name]: text or None for name, text in texts.items()}
            self._write_row(card, vals)
        self.ghost.wrote(side, card, values)
        return str(values)

    def _write_odoo(self, key: int, vals: dict[str, Any]) -> None:
        self.world.in_odoo(lambda env: env["res.partner"].browse(key).write(vals))

    def _write_row(self, card: Card, vals: dict[str, Any]) -> None:
        self.world.in_dataverse(
            lambda person: person.write(card.table, card.key, **vals)
        )

    def create_many(self, side: str, number: int) -> None:
        """Somebody imports a file of companies."""
        births = [self._token() for _ in range(number)]
        names = {birth: self._token() for birth in births}
        if side == ODOO:
            vals = [
                {
                    "name": f"v{names[birth]}",
                    "comment": f"born {birth} account",
                    "is_company": True,
                }
                for birth in births
            ]
            self.world.in_odoo(lambda env: env["res.partner"].create(vals) and None)
        else:
            self.world.in_dataverse(
                lambda person: [
                    person.create(
                        "account",
                        name=f"v{names[birth]}",
                        description=f"born {birth} account",
                    )
                    for birth in births
                ]
            )
        for birth in births:
            self.ghost.created(side, birth, {"name": names[birth]})
        self.told.append(f"    {number} companies are imported in {side}")

    # -- the life of records ----------------------------------------------------------

    def archive(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        if deed.side == ODOO:
            self._write_odoo(card.key, {"active": not card.active})
        else:
            state = int(card.active)
            self._write_row(card, {"statecode": state, "statuscode": 1 + state})
        self.ghost.toggled(deed.side, card)
        return "archived" if card.active else "active again"

    def delete(self, deed: Deed, card: Card, cards: list[Card]) -> str:
        if deed.side == ODOO:
            self.world.in_odoo(lambda env: env["res.partner"].browse(card.key).unlink())
        else:
            self.world.in_dataverse(lambda person: person.delete(card.table, card.key))
        return self._deleted(deed.side, cards)

    def delete_sql(self, deed: Deed, card: Card, cards: list[Card]) -> str:
        if deed.side == DATAVERSE:
            return self.delete(deed, card, cards)
        self.world.in_odoo(
            lambda env: env.cr.execute(
                "DELETE FROM res_partner WHERE id = %s", [card.key]
            )
        )
        return self._deleted(ODOO, cards)

    def restore(self, deed: Deed, _card: Card | None, cards: list[Card]) -> str:
        """A row leaves Dataverse's recycle bin, under the GUID that it had."""
        if deed.side == ODOO:
            return "no bin there"
        there = {card.birth for card in cards}
        # What the deletion policy makes anew nobody restores besides.
        found = [
            card
            for card in self._bin.values()
            if card.birth not in there
            and card.table == "account"
            and (DATAVERSE, card.birth) not in self.ghost.excused
            and "restore" not in self.ghost.deletion_policies
        ]
        if not found:
            return "nothing to restore"
        card = found[deed.who % len(found)]
        values = {"name": self._token(), "phone": self._token()}
        columns = COLUMNS[card.table]
        row = {columns[name]: f"v{value}" for name, value in values.items()}
        row["description"] = f"born {card.birth} {card.table}"
        self.world.in_dataverse(
            lambda person: person._do(
                dataverse.batch.create(person._table(card.table), card.key, row)
            )
        )
        del self._bin[card.key]
        self.ghost.restored(DATAVERSE, card, values)
        return f"{card.birth} {values}"

    def _deleted(self, side: str, before: list[Card]) -> str:
        """Others may be deleted along with a record, or lose their company."""
        after = self.world.cards(side)
        for card in before:
            if card.key not in after:
                self.ghost.removed(side, card)
                if side == DATAVERSE:
                    self._bin[card.key] = card
            elif card != after[card.key]:
                self.ghost.touched(side, card.birth)
        return ", ".join(card.birth for card in before if card.key not in after)

    def move(self, deed: Deed, card: Card, cards: list[Card]) -> str:
        """A contact or a company comes below another company, or below none.

        Nobody minds that companies would stand in a circle: both sides refuse it.
        """
        companies = [c.key for c in cards if c.table == "account"] + [None]
        company = companies[deed.other % len(companies)]
        if company and card.table == "account" and not card.inside:
            return "would be a contact of the company above"
        if deed.side == ODOO:
            self._write_odoo(card.key, {"parent_id": company or False})
        else:
            target = company and f"account({company})"
            self._write_row(card, {PARENT[card.table]: target})
        self.ghost.touched(deed.side, card.birth)
        self._spread(deed.side, cards)
        return f"to {company}"

    def merge(self, deed: Deed, winner: Card, cards: list[Card]) -> str:
        """Two records become one: the other one's values fill what is empty.

        In Dynamics 365 one more value of the other one is chosen.
        """
        others = [c for c in cards if c.table == winner.table and c.key != winner.key]
        if not others:
            return "nothing to merge"
        loser = others[deed.other % len(others)]
        if deed.side == ODOO:
            self.world.in_odoo(
                lambda env: (
                    env["base.partner.merge.automatic.wizard"]
                    .create({})
                    ._merge(
                        [loser.key, winner.key], env["res.partner"].browse(winner.key)
                    )
                )
            )
        else:
            self._merge_rows(deed, loser, winner)
        after = self.world.cards(deed.side)
        merged = after[winner.key]
        above = after.get(merged.parent)
        self.ghost.merged(deed.side, loser, winner, merged, above)
        self._spread(deed.side, [c for c in cards if c.key in after])
        return f"takes in {loser.birth}"

    def _merge_rows(self, deed: Deed, loser: Card, winner: Card) -> None:
        columns, chosen = COLUMNS[winner.table], self._field(deed, winner)
        content = {
            columns[field]: self._text(winner.table, field, value)
            for field, value in loser.values.items()
            if value and (field == chosen or not winner.values[field])
        }
        kind = {"@odata.type": f"Microsoft.Dynamics.CRM.{winner.table}"}
        body = {
            "Target": {f"{winner.table}id": winner.key, **kind},
            "Subordinate": {f"{winner.table}id": loser.key, **kind},
            "UpdateContent": {**content, **kind},
            "PerformParentingChecks": False,
        }
        self.world.in_dataverse(
            lambda person: person.client.request("POST", "Merge", body=body) and None
        )

    def _spread(self, side: str, before: list[Card]) -> None:
        """What else changed by a deed: other records have another company, and Odoo
        shares an address among a company and what is below it (`_fields_sync`)."""
        after = self.world.cards(side)
        for card in before:
            if card.key in after and card != after[card.key]:
                self.ghost.spread(side, card, after[card.key])

    def leave_filter(self, deed: Deed, card: Card, _cards: list[Card]) -> str:
        """A company that is none any more leaves the mapping, or comes back."""
        if deed.side == DATAVERSE or card.table != "account":
            return "takes part by itself"
        if card.parent:
            return "would be a contact of the company above"
        self._write_odoo(card.key, {"is_company": not card.inside})
        self.ghost.touched(ODOO, card.birth)
        return "outside" if card.inside else "inside"

    # -- small helpers ----------------------------------------------------------------

    def _token(self) -> str:
        self._tokens += 1
        return f"{self._tokens:05d}"

    def _text(self, _table: str, _field: str, value: str) -> str:
        return f"v{value}" if value else ""

    def _field(self, deed: Deed, card: Card) -> str:
        names = sorted(card.values)
        return names[deed.field % len(names)]
