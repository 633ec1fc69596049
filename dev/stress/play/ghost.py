"""What people did and could see, and the promises that follow from it.

The ghost never asks the engine. Only for five promises it looks into the addon's
tables: that no two couplings share a record and coupled records belong together (I3),
that what lost is kept in the conflict log (I1), that no change stands before the
position of the change link and nowhere else (I11), that what counts as agreed was
there (I12), and that secrets are nowhere (I20).
The numbers of the promises are those of the project's list of invariants:

I1 no lost update; I2 no invention; I3 no duplicates; I4 no resurrection; I5 no blind
delete; I6 convergence; I7 idempotence; I11 a safe position; I12 a truthful base; I13
bounded traffic; I14 no harm to users; I20 secrecy.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from .world import (
    COLUMNS,
    DATAVERSE,
    ODOO,
    OTHER,
    TOKEN,
    Broken,
    Card,
    World,
    token,
)

# Texts of the addon in which nothing secret may ever stand.
TEXTS = {
    "sync_error": "message || coalesce(detail, '') || coalesce(record_name, '')",
    "integration_sync_job": "coalesce(message, '')",
    "integration_conflict": "coalesce(odoo_value, '') || coalesce(dataverse_value, '')",
    "integration_connection": "coalesce(state_reason, '')",
}
REQUESTS_OF_A_RUN = 60
ADDRESS = {"street", "city"}


class Ghost:
    """The memory of one history.

    `seen_over`: tokens that somebody who could see them replaced, so that they need not
    be anywhere; `deleted`, `archived`: `(side, birth)` of what people deleted or
    archived; `removals`: all that was ever deleted; `excused`: what may come back,
    as its deleter had not seen everything.

    What was merged is one thing that was born several times: its kin. Which of its
    records is coupled to which of its rows depends on what was coupled before, which
    the ghost does not ask; so each of them may hold what was written in any of them.
    There may be as many as people left, and none more.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.written: dict[str, str] = {}  # token: birth
        self.origin: dict[str, str] = {}
        self.seen_over: set[str] = set()
        self.births: set[str] = set()
        self.born: dict[Any, str] = {}  # the births of all keys ever seen
        self.deleted: set[tuple[str, str]] = set()
        self.removals: set[tuple[str, str]] = set()
        self.archived: set[tuple[str, str]] = set()
        self.excused: set[tuple[str, str]] = set()
        self.put_back: set[str] = set()  # births of which something was undone
        self.unmapped: set[str] = set()  # fields that once took no part
        self.field_of: dict[str, str] = {}
        self.kin: dict[str, frozenset[str]] = {}  # of births that were merged
        # Births that ended in Odoo by a merge, and the record that took them in.
        self.merged_away: dict[str, Any] = {}
        # GUIDs of rows that rest in Dataverse, and of those that took their place.
        self.merged_rows: dict[str, str] = {}
        self.merged_there: set[str] = set()  # births whose rows were merged
        # Keys of records that took in others, and what they showed after that.
        self.shown: defaultdict[Any, set[str]] = defaultdict(set)
        # Tokens that somebody wrote, and others whose records came to hold them too.
        self.sharing: defaultdict[str, set[str]] = defaultdict(set)
        # Births, and those of the companies that ever stood above them in Odoo.
        self.above: defaultdict[str, set[str]] = defaultdict(set)
        self.unseen: set[tuple[str, str]] = set()
        self.deletion_policies: set[str] = set()
        self.user_keys: set[tuple[str, Any]] = set()

    # -- what people do ---------------------------------------------------------------

    def looked_at(self, cards: dict[Any, Card]) -> None:
        """Somebody sees Odoo as it is: which record stands below which."""
        for card in cards.values():
            if card.parent in cards:
                self.above[card.birth].add(cards[card.parent].birth)

    def created(self, side: str, birth: str, values: dict[str, str]) -> None:
        """Somebody made a record with these tokens."""
        self.births.add(birth)
        self._wrote(side, birth, values)

    def wrote(self, side: str, card: Card, values: dict[str, str]) -> None:
        """Somebody looked at a record and wrote these tokens, "" to empty a field.

        What stood there already is worth what it was before.
        """
        new = {f: value for f, value in values.items() if card.values[f] != value}
        self.seen_over |= {card.values[field] for field in new} - {""}
        self._wrote(side, card.birth, new)

    def _wrote(self, side: str, birth: str, values: dict[str, str]) -> None:
        for field, value in values.items():
            if value:
                # Whoever writes what stands there already may see another one's.
                if self.written.setdefault(value, birth) != birth:
                    self.sharing[value].add(birth)
                self.field_of[value] = field
                self.origin[value] = side
                self.seen_over.discard(value)
        self.touched(side, birth)

    def touched(self, side: str, birth: str) -> None:
        """Somebody changed something about a record."""
        self.unseen.add((side, birth))
        if (OTHER[side], birth) in self.deleted:
            self.excused.add((OTHER[side], birth))

    def toggled(self, side: str, card: Card) -> None:
        """Somebody archived a record, or took it out of the archive."""
        self.archived.add((side, card.birth))
        self.merged_rows.pop(card.key, None)
        self.user_keys.add((side, card.key))
        self.touched(side, card.birth)

    def removed(self, side: str, card: Card) -> None:
        """Somebody looked at a record and deleted it, with all that it took in."""
        births = {card.birth}
        if side == ODOO:
            births |= {b for b, key in self.merged_away.items() if key == card.key}
            for birth in births:
                self.merged_away.pop(birth, None)
        else:
            # Of what was merged into it nothing is left to say so: it only rests.
            self.archived |= {
                (side, self.born[key])
                for key, winner in self.merged_rows.items()
                if winner == card.key
            }
        gone = {(side, birth) for birth in births}
        self.deleted |= gone
        self.removals |= gone
        self.user_keys.add((side, card.key))
        visible = set(card.values.values())
        living = {
            value
            for value, birth in self.written.items()
            if birth in self._kin(card.birth) and value not in self.seen_over
        }
        # A write whose answer was lost looks like somebody else's: so either side.
        unseen = {birth for _side, birth in self.unseen}
        if living - visible or self._kin(card.birth) & unseen:
            self.excused |= gone
        self.seen_over |= visible

    def restored(self, side: str, card: Card, values: dict[str, str]) -> None:
        """Somebody took a record out of the bin: the other side's may return too."""
        self.deleted.discard((side, card.birth))
        self.excused.add((OTHER[side], card.birth))
        self.merged_rows.pop(card.key, None)
        self._wrote(side, card.birth, values)

    def merged(
        self, side: str, loser: Card, winner: Card, after: Card, above: Card | None
    ) -> None:
        """Somebody looked at two records and made them one.

        :param after: what became of the winner
        :param above: the company that it stands below now
        """
        kin = self._kin(loser.birth) | self._kin(winner.birth)
        self.kin |= dict.fromkeys(kin, kin)
        self.shown[winner.key] |= set(after.values.values())
        replaced = self.seen_over.copy()
        for old, new in zip(winner.values.values(), after.values.values(), strict=True):
            if old != new:
                self.seen_over.add(old)
        # What the winner had already is worth what it was before.
        chosen = set(after.values.values()) - set(winner.values.values()) - {""}
        if side == ODOO:
            # Odoo itself fills what is empty: it is worth what it was before.
            chosen -= replaced
        if side == ODOO and above:
            # Nobody chose what Odoo takes from the company above.
            chosen -= {above.values.get(field) for field in ADDRESS}
        self.origin |= dict.fromkeys(chosen, side)
        self.user_keys |= {(side, loser.key), (side, winner.key)}
        if side == ODOO:
            # Odoo deletes the record; its values are gone, and whoever chose knew them.
            self.seen_over |= set(loser.values.values())
            self.merged_away[loser.birth] = loser.key
            for birth, taker in self.merged_away.items():
                if taker == loser.key:
                    self.merged_away[birth] = winner.key
            if winner.active != after.active:
                self.toggled(side, winner)
        else:
            # The row only rests, with all its values.
            self.merged_rows[loser.key] = winner.key
            self.born[loser.key] = loser.birth
            self.merged_there |= {loser.birth, winner.birth}
        self.seen_over -= chosen
        for birth in kin:
            self.touched(side, birth)

    def _kin(self, birth: str) -> frozenset[str]:
        return self.kin.get(birth) or frozenset({birth})

    def _sources(self, card: Card, field: str) -> frozenset[str]:
        """The births whose values a record may hold.

        In Odoo it has the address of the company above, and keeps it when that one
        moves on, or when it is archived itself.
        """
        births = self._kin(card.birth)
        if field not in ADDRESS:
            return births
        found: frozenset[str] = frozenset()
        while births - found:
            found |= births
            above = set().union(*(self.above[birth] for birth in births))
            births = found.union(*map(self._kin, above))
        return found

    def spread(self, side: str, before: Card, after: Card) -> None:
        """Somebody changed a record by what they did to another one."""
        for field in ADDRESS & before.values.keys():
            old, new = before.values[field], after.values[field]
            if old != new:
                self.seen_over.add(old)
                self.sharing[new].add(before.birth)
        self.touched(side, before.birth)

    def undone(self, cards: list[Card], births: set[str], tokens: set[str]) -> None:
        """Somebody puts back what a run wrote.

        :param cards: what may be archived by it
        :param tokens: what may vanish by it
        """
        births = births.union(*map(self._kin, births))
        self.seen_over |= tokens
        self.put_back |= births
        for side in OTHER:
            self.user_keys |= {(side, card.key) for card in cards}
            for birth in births:
                self.excused.add((side, birth))
                self.archived.add((side, birth))
                self.removals.add((side, birth))
                self.touched(side, birth)

    def decided(self, cards: list[Card]) -> None:
        """Somebody looked at both sides of a conflict and chose one of them.

        :param cards: the record and the row
        """
        for side, card in zip((ODOO, DATAVERSE), cards, strict=True):
            self.seen_over |= set(card.values.values())
            if not card.active:
                # It rests, and so may what is coupled to it.
                self.archived.add((side, card.birth))
        # What was chosen must stay, but which side wins field by field is checked by
        # the comparison of both sides.

    def uncoupled_pairs(self) -> list[tuple[Card, Card]]:
        """Records and rows that are the same, and of which none is coupled."""
        coupled = {key for _table, *pair, _state in self._couplings() for key in pair}
        rows = {
            card.birth: card
            for key, card in self.world.cards(DATAVERSE).items()
            if key not in coupled
        }
        return [
            (card, rows[card.birth])
            for key, card in self.world.cards(ODOO).items()
            if key not in coupled and card.inside and card.birth in rows
        ]

    def settled(self) -> None:
        """A run ended without disturbance: both sides have seen each other."""
        self.unseen.clear()

    # -- after each run ---------------------------------------------------------------

    def watch(self) -> dict[str, dict[Any, Card]]:
        """Both sides as they are now, to be given to `check_step`."""
        self.user_keys = set()
        return self._look()

    def _look(self) -> dict[str, dict[Any, Card]]:
        sides = {side: self.world.cards(side) for side in OTHER}
        for cards in sides.values():
            self.born |= {key: card.birth for key, card in cards.items()}
        self.looked_at(sides[ODOO])
        return sides

    def check_step(self, before: dict[str, dict[Any, Card]]) -> None:
        """What must hold after each run.

        :param before: both sides before it
        """
        after = self._look()
        for side, cards in after.items():
            self._check_duplicates(side, cards)
            self._check_inventions(side, cards)
            self._check_vanished(side, before[side], cards)
        self._check_merged(after)
        self._check_couplings(after)
        self._check_bases(after)
        self._check_secrets()

    def _check_duplicates(self, side: str, cards: dict[Any, Card]) -> None:
        # A company that is none any more, but stands below one, is a contact too.
        there = Counter(
            (self._kin(card.birth), card.table) for card in cards.values() if card.birth
        )
        for (kin, _table), number in there.items():
            ended = kin & self.merged_away.keys() if side == ODOO else ()
            if number > len(kin) - len(ended):
                raise Broken(f"I3 {side} has more than one of {sorted(kin)}")

    def _check_merged(self, cards: dict[str, dict[Any, Card]]) -> None:
        """What was merged into another record does not come back.

        Only the record that took it in may be called so: where the row is the one of
        the other, and its description wins. Where rows of the kin were merged as well,
        any of its records may follow to that row: these are only counted.
        """
        for card in cards[ODOO].values():
            if self._kin(card.birth) & self.merged_there:
                continue
            if self.merged_away.get(card.birth, card.key) != card.key:
                raise Broken(f"I4 {card} was merged away in Odoo and is there again")
        rows = cards[DATAVERSE]
        for key, winner in self.merged_rows.items():
            # Once the other one is deleted, nothing says that this one was merged.
            if key in rows and winner in rows and rows[key].active:
                raise Broken(f"I4 {rows[key]} was merged and is in use")

    def _check_inventions(self, side: str, cards: dict[Any, Card]) -> None:
        for card in cards.values():
            invented = set(card.values.values()) - self.written.keys() - {""}
            if invented or card.birth not in self.births:
                raise Broken(f"I2 {side} holds {invented or card} that nobody wrote")
            foreign = {
                value
                for field, value in card.values.items()
                if value
                and not self._sources(card, field)
                & {self.written[value], *self.sharing[value]}
            }
            if foreign:
                raise Broken(f"I2 {side}: {card} holds {foreign} of another record")

    def _check_vanished(
        self, side: str, before: dict[Any, Card], after: dict[Any, Card]
    ) -> None:
        for key, card in before.items():
            if (side, key) in self.user_keys:
                continue
            sources = {(OTHER[side], birth) for birth in self._kin(card.birth)}
            if key not in after:
                if not sources & self.removals or (
                    "delete" not in self.deletion_policies
                ):
                    raise Broken(f"I5 {card} in {side} was deleted, and by nobody")
            elif card.active and not after[key].active:
                removed = sources & self.removals and (
                    "deactivate" in self.deletion_policies
                )
                if not removed and not sources & self.archived:
                    raise Broken(f"I5 {card} in {side} was archived, and by nobody")

    def _check_couplings(self, cards: dict[str, dict[Any, Card]]) -> None:
        for _table, res_id, guid, _state in self._couplings():
            odoo, row = cards[ODOO].get(res_id), cards[DATAVERSE].get(guid)
            if odoo and row and odoo.birth not in self._kin(row.birth):
                raise Broken(f"I3 coupled, but not the same: {odoo} and {row}")

    def _couplings(self) -> list[tuple[str, int, str, str]]:
        with self.world.cursor() as cr:
            cr.execute(
                "SELECT m.integration_table, c.res_id, c.external_id, c.state"
                " FROM integration_coupling c"
                " JOIN integration_table_mapping m ON m.id = c.mapping_id"
                " WHERE c.reserved IS NULL ORDER BY c.id"
            )
            return cr.fetchall()

    def _check_bases(self, cards: dict[str, dict[Any, Card]]) -> None:
        """What is agreed was written once; what is newer is known to be newer."""
        with self.world.cursor() as cr:
            cr.execute(
                "SELECT m.integration_table, c.external_id, c.base, c.etag, c.state,"
                " substring(p.delta_link from 'deltatoken=(\\d+)'), p.columns,"
                " c.res_id, EXISTS ("
                "   SELECT FROM integration_inbox i WHERE i.mapping_id = m.id"
                "   AND i.external_id = c.external_id)"
                " FROM integration_coupling c"
                " JOIN integration_table_mapping m ON m.id = c.mapping_id"
                " JOIN integration_checkpoint p ON p.mapping_id = m.id"
                " WHERE c.reserved IS NULL AND c.base IS NOT NULL ORDER BY c.id"
            )
            rows = cr.fetchall()
        settings = self._settings()
        for table, guid, base, etag, state, position, read, res_id, waits in rows:
            agreed = base.get("dataverse") or {}
            for side, names in (
                (base.get("odoo") or {}, COLUMNS[table]),
                (agreed, COLUMNS[table].values()),
            ):
                invented = {token(side.get(name)) for name in names} - {""}
                if invented - self.written.keys():
                    raise Broken(f"I12 {invented} is agreed, and nobody wrote it")
            card = cards[DATAVERSE].get(guid)
            version = self.world.versions.get(guid, 0)
            if not (card and etag and position) or state != "coupled" or waits:
                continue
            for field, column in COLUMNS[table].items():
                if column not in agreed or version > int(position):
                    continue
                if field not in settings[table] or column not in read.split(","):
                    continue  # it takes no part yet, and is asked for when it does
                record = cards[ODOO].get(res_id)
                if field in ADDRESS and record and record.parent:
                    continue  # in Odoo it is that of the company above
                if token(agreed[column]) != card.values[field]:
                    raise Broken(
                        f"I11 {field} of {card} is not as agreed ({agreed[column]}),"
                        f" was changed before {position}, and nothing waits for it"
                    )

    def _check_secrets(self) -> None:
        secret = self.world.simulator.info["client_secret"]
        with self.world.cursor() as cr:
            for table, texts in TEXTS.items():
                cr.execute(
                    f"SELECT id FROM {table} WHERE position(%s in ({texts})) > 0"
                    f" OR position('Bearer ' in ({texts})) > 0",
                    [secret],
                )
                if cr.fetchall():
                    raise Broken(f"I20 a secret stands in {table}")

    # -- in the end -------------------------------------------------------------------

    def check_end(self) -> None:
        """What must hold when nobody works any more and nothing goes wrong."""
        self._quiesce()
        cards = {side: self.world.cards(side) for side in OTHER}
        self._check_losses(cards)
        self._check_pairs(cards)
        self._check_resurrections(cards)

    def _quiesce(self) -> None:
        world, writes = self.world, []
        tables = list(world.mapping_ids)
        for _run in range(4):
            world.tick()
            before = self.watch()
            counters = world.synchronize(tables)
            self.check_step(before)
            if world.accept_restored():
                counters = world.synchronize(tables)
            if counters["state"] == "failed":
                raise Broken(f"I6 a quiet run failed: {counters['message']}")
            names = ("inserted", "modified", "deleted", "coupled", "uncoupled")
            writes.append(sum(counters[name] for name in names))
            if counters["requests"] > REQUESTS_OF_A_RUN:
                raise Broken(f"I13 a quiet run sent {counters['requests']} requests")
        after = {side: world.cards(side) for side in OTHER}
        if any(writes[2:]) or before != after:
            raise Broken(f"I6 quiet runs went on writing: {writes}")
        if counters["requests"] > len(tables) and not self._waits():
            raise Broken(f"I6 {counters['requests']} requests with nothing to do")

    def _waits(self) -> bool:
        """Whether something is tried now and then: a deletion, as other rows belong to
        the row, or a row that shall belong to a deleted one."""
        with self.world.cursor() as cr:
            cr.execute(
                "SELECT FROM sync_error WHERE kind = 'dependency'"
                " AND code IN ('belonging', 'deleted') AND state <> 'resolved'"
            )
            return bool(cr.rowcount)

    def _check_losses(self, cards: dict[str, dict[Any, Card]]) -> None:
        there = {
            value
            for side in cards.values()
            for card in side.values()
            for value in card.values.values()
        }
        with self.world.cursor() as cr:
            cr.execute("SELECT odoo_value, dataverse_value FROM integration_conflict")
            for row in cr.fetchall():
                for text in row:
                    there |= set(TOKEN.findall(text or ""))
        lost = self.written.keys() - there - self.seen_over
        # Whoever deletes a record does not see what takes no part on the other side.
        gone = {birth for _side, birth in self.removals}
        lost -= {
            value
            for value in lost
            if self._kin(self.written[value]) & gone and self._was_apart(value)
        }
        if lost:
            named = {value: self.written[value] for value in sorted(lost)}
            raise Broken(f"I1 lost: {named}")

    def _was_apart(self, value: str) -> bool:
        """Whether the field once took no part, as the address below a company."""
        field = self.field_of[value]
        births = self._kin(self.written[value])
        return field in self.unmapped or (
            field in ADDRESS and any(self.above[birth] for birth in births)
        )

    def _check_pairs(self, cards: dict[str, dict[Any, Card]]) -> None:
        """What is said to be in sync is there on both sides, and the same."""
        settings = self._settings()
        for table, res_id, guid, state in self._couplings():
            if state != "coupled":
                continue
            odoo, row = cards[ODOO].get(res_id), cards[DATAVERSE].get(guid)
            if odoo is None or row is None:
                raise Broken(f"I6 coupled, but gone: {odoo or res_id}, {row or guid}")
            if not (odoo.inside and row.inside):
                continue
            if self._kin(odoo.birth) & self.put_back:
                continue  # what was put back on one side stays so, and is agreed
            for field, value in odoo.values.items():
                if field in ADDRESS and odoo.parent:
                    continue  # it is that of the company above
                direction = settings[table].get(field)
                other = row.values[field]
                if direction is None or value == other:
                    continue
                target = {
                    "to_integration": (DATAVERSE, row.key, other),
                    "from_integration": (ODOO, odoo.key, value),
                }.get(direction)
                if target and self._drifted(*target):
                    continue
                raise Broken(
                    f"I6 {field} of {odoo.birth}: {value!r} in Odoo, {other!r} in"
                    f" Dataverse, and said to be in sync ({direction})"
                )
            self._check_parents(cards, odoo, row, settings[table])
            if odoo.active != row.active and settings[table]["*"] == "bidirectional":
                raise Broken(f"I6 {odoo} and {row} differ in being active")

    def _check_parents(
        self,
        cards: dict[str, dict[Any, Card]],
        odoo: Card,
        row: Card,
        settings: dict[str, str],
    ) -> None:
        """Both stand below the same company."""
        above = cards[ODOO].get(odoo.parent), cards[DATAVERSE].get(row.parent)
        here, there = (self._kin(card.birth) if card else None for card in above)
        if here != there and settings["*"] == "bidirectional":
            raise Broken(f"I6 {odoo} and {row} stand below {above}")

    def _drifted(self, side: str, key: Any, value: str) -> bool:
        """Whether a value of the side that only receives is a person's own.

        It is also if somebody merged another record into this one, and left it so.
        """
        return not value or self.origin[value] == side or value in self.shown[key]

    def _settings(self) -> dict[str, dict[str, str]]:
        """`{table: {field: direction}}`; "*" is the mapping's."""
        with self.world.cursor() as cr:
            cr.execute(
                "SELECT m.integration_table, f.field_name, m.direction, f.direction"
                " FROM integration_field_mapping f"
                " JOIN integration_table_mapping m ON m.id = f.mapping_id"
                " WHERE f.enabled"
            )
            settings: dict[str, dict[str, str]] = {}
            for table, field, mapping, line in cr.fetchall():
                own = settings.setdefault(table, {"*": mapping})
                own[field] = mapping if line == "bidirectional" else line
            return settings

    def _check_resurrections(self, cards: dict[str, dict[Any, Card]]) -> None:
        if "restore" in self.deletion_policies:
            return
        for side, birth in self.deleted - self.excused:
            if any(card.birth == birth for card in cards[side].values()):
                raise Broken(f"I4 {birth} was deleted in {side} and is there again")
