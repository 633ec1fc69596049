"""The rules by which Hypothesis draws histories."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from odoo.exceptions import UserError

from .ghost import Ghost
from .people import Deed, People
from .world import DATAVERSE, FAULTS, ODOO, TOKEN, Broken, World

DIRECTIONS = ["bidirectional", "to_integration", "from_integration"]
CONFLICTS = ["manual", "send", "get"]
DELETIONS = ["manual", "restore", "uncouple", "deactivate", "delete"]
DRIFTS = ["keep", "revert", "report"]
# What servers make of what they are given; the tokens stay.
PLUG_INS = {
    "none": [],
    "another spelling": [{"column": "telephone1", "pattern": "^v", "replace": "tel "}],
    "refusals": [{"column": "emailaddress1", "pattern": "[37]$", "reject": "No."}],
}

BOTH = ("account", "contact")
# More than the engine sends as one batch (engine/bulk.py).
MANY = 45

_KINDS = [
    *("create_company", "create_company", "create_contact"),
    *("write_one",) * 6,
    *("write_group", "write_group", "write_same", "write_and_revert"),
    *("empty", "write_sql"),
    *("archive", "delete", "delete_sql", "move", "leave_filter", "restore"),
    *("move", *("merge",) * 3),
]
_NUMBERS = st.integers(0, 7)
DEEDS = st.builds(
    Deed,
    kind=st.sampled_from(_KINDS),
    side=st.sampled_from([ODOO, DATAVERSE]),
    who=_NUMBERS,
    other=_NUMBERS,
    field=_NUMBERS,
)
_MOMENTS = st.tuples(st.integers(0, 7), st.sampled_from(["before", "after"]))
INSIDE = st.lists(st.tuples(_MOMENTS, DEEDS), max_size=3)
_MOST_FAULTS = {0: 0, 3: 1, 10: 2, 20: 4}
TROUBLE = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(list(FAULTS))), max_size=4
)


class Histories(RuleBasedStateMachine):
    """One history on `world`, which is set before.

    `trace` is a hash over the requests of all histories of the class.
    """

    world: World
    trace: Any
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.world.reset(0)
        self.ghost = Ghost(self.world)
        self.people = People(self.world, self.ghost)
        self.started = False
        self.import_side = None

    @property
    def told(self) -> str:
        """What happened, in words."""
        return "\n".join(self.people.told)

    @initialize(
        direction=st.sampled_from(["bidirectional"] * 4 + DIRECTIONS[1:]),
        conflict=st.sampled_from(CONFLICTS),
        deletion=st.sampled_from(DELETIONS),
        drift=st.sampled_from(DRIFTS),
        fault_rate=st.sampled_from(list(_MOST_FAULTS)),
        plug_ins=st.sampled_from(list(PLUG_INS)),
        import_side=st.sampled_from([None] * 14 + [ODOO, DATAVERSE]),
        companies=st.lists(st.sampled_from([ODOO, DATAVERSE]), max_size=4),
    )
    def begin(
        self,
        direction,
        conflict,
        deletion,
        drift,
        fault_rate,
        plug_ins,
        import_side,
        companies,
    ):
        """An administrator sets everything up."""
        self.fault_rate = fault_rate
        self.import_side = import_side
        self.plug_ins = plug_ins
        self._tell(
            f"{direction}, {conflict}, {deletion}, {drift}, {fault_rate} %, {plug_ins}"
        )
        self._configure(
            direction=direction,
            update_conflict_policy=conflict,
            deletion_policy=deletion,
            drift_policy=drift,
        )
        self.world.simulator.rules(
            "plug-ins",
            *(
                {"table": table, **definition}
                for definition in PLUG_INS[plug_ins]
                for table in self.world.mapping_ids
            ),
        )
        for side in companies:
            self.people.do(Deed("create_company", side, 0, 0, 0))
        self.started = True

    # -- rules ------------------------------------------------------------------------

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=4))
    def people_work(self, deeds):
        self._people_work(deeds)

    @rule(deeds=st.lists(DEEDS, min_size=1, max_size=4))
    def people_go_on(self, deeds):
        self._people_work(deeds)

    @rule(
        tables=st.sampled_from([("account", "contact")] * 3 + [("account",)]),
        inside=INSIDE,
        trouble=TROUBLE,
    )
    def synchronize(self, tables, inside, trouble):
        self._run(tables, inside, trouble)

    @rule(inside=INSIDE, trouble=TROUBLE)
    def synchronize_all(self, inside, trouble):
        self._run(BOTH, inside, trouble)

    @rule(inside=INSIDE, trouble=TROUBLE)
    def synchronize_twice(self, inside, trouble):
        """While one worker waits for an answer another one begins."""
        self._run(BOTH, inside, trouble, second=True)

    @rule(kind=st.sampled_from(["time", "link", "compare", "retry"]))
    def something_is_due(self, kind):
        type(self).steps += 1
        if kind == "time":
            self._tell("time passes")
            self.world.tick()
        elif kind == "link":
            self._tell("the delta links expire")
            self.world.expire_links()
        elif kind == "compare":
            self._tell("a full synchronization is asked for")
            self._as_administrator(lambda m: m._request_full_synchronization())
        else:
            self._tell("the errors are retried")
            self._as_administrator(self._retry)

    def _retry(self, mappings):
        mappings.error_ids.filtered(
            lambda e: e.state == "open" and e.kind != "guard"
        ).action_retry()

    @rule(
        kind=st.sampled_from(["policies", "direction", "field"]),
        direction=st.sampled_from(DIRECTIONS),
        conflict=st.sampled_from(CONFLICTS),
        deletion=st.sampled_from(DELETIONS),
        drift=st.sampled_from(DRIFTS),
        field=st.sampled_from(["phone", "email", "function"]),
    )
    def change_the_setup(self, kind, direction, conflict, deletion, drift, field):
        type(self).steps += 1
        if kind == "policies":
            self._tell(f"now {conflict}, {deletion}, {drift}")
            self._configure(
                update_conflict_policy=conflict,
                deletion_policy=deletion,
                drift_policy=drift,
            )
        elif kind == "direction":
            self._tell(f"now {direction}")
            self._configure(direction=direction)
        else:
            self._tell(f"{field} leaves the mappings, or takes part again")
            self.ghost.unmapped.add(field)
            self._as_administrator(lambda mappings: self._switch(mappings, field))

    def _switch(self, mappings, field):
        for line in mappings.field_mapping_ids:
            if line.field_name == field:
                line.enabled = not line.enabled

    @rule(deeds=st.lists(DEEDS, max_size=4))
    def pause(self, deeds):
        """While the connection is off people go on, and a run does nothing."""
        self._tell("the connection is off")
        self._as_administrator(lambda m: m.connection_id.action_disconnect())
        self._people_work(deeds)
        self._run(BOTH, [], [])
        self._connect()

    @rule(which=_NUMBERS, side=st.sampled_from(["send", "get"]), inside=INSIDE)
    def resolve_a_conflict(self, which, side, inside):
        """Somebody looks at a conflict and takes one side."""
        cards = {}

        def conflicts(mappings):
            found = mappings.coupling_ids.filtered(lambda c: c.state == "conflict")
            return [(c.id, c.res_id, c.external_id) for c in found]

        found = self._as_administrator(conflicts)
        if not found:
            return
        coupling_id, res_id, guid = found[which % len(found)]
        cards = [
            card
            for place, key in ((ODOO, res_id), (DATAVERSE, guid))
            if (card := self.world.cards(place).get(key))
        ]
        if len(cards) < 2:
            return
        self._tell(f"the conflict of {cards[0].birth} is decided: {side}")
        self.ghost.decided(cards)
        self._run(
            BOTH,
            inside,
            [],
            run=lambda mappings: mappings.coupling_ids.browse(coupling_id).synchronize(
                side
            ),
        )

    @rule(which=_NUMBERS)
    def uncouple(self, which):
        """Somebody deletes a coupling; both records stay."""
        type(self).steps += 1

        def uncouple(mappings):
            couplings = mappings.coupling_ids.filtered(lambda c: c.state != "pending")
            if couplings:
                coupling = couplings[which % len(couplings)]
                self._tell(f"uncoupled: {coupling.res_id}, {coupling.external_id}")
                coupling._uncouple()

        self._as_administrator(uncouple)

    @rule(which=_NUMBERS, choice=st.sampled_from(["send", "get", "chosen"]))
    def couple_by_hand(self, which, choice):
        """Somebody couples a record to the row that is the same, and takes a side."""
        pairs = self.ghost.uncoupled_pairs()
        if not pairs:
            return
        odoo, row = pairs[which % len(pairs)]
        self._tell(f"{odoo.birth} is coupled by hand: {choice}")

        def couple(mapping):
            wizard = mapping.env["integration.coupling.wizard"].create(
                {"mapping_id": mapping.id, "res_id": odoo.key}
            )
            candidate = {"wizard_id": wizard.id, "external_id": row.key}
            try:
                wizard.candidate_ids.create(candidate).action_choose()
                wizard.synchronize = choice
                wizard.action_couple()
            except UserError as error:
                self._tell(f"    refused: {error}")

        self.ghost.decided([odoo, row])
        self._run([odoo.table], [], [], run=couple)

    @precondition(lambda self: self.import_side)
    @rule()
    def import_many(self):
        """Once in a few histories, and once in them: many records at once."""
        type(self).steps += 1
        self.people.create_many(self.import_side, MANY)
        self.import_side = None

    @rule(tables=st.sampled_from(BOTH), trouble=TROUBLE)
    def dry_run(self, tables, trouble):
        """Somebody asks what the next run would do: nothing changes."""
        self._tell(f"a preview of {tables}")
        before = self.ghost.watch()
        self._run([tables], [], trouble, run=self._preview)
        if self.ghost.watch() != before:
            raise Broken("I16 a preview changed something")

    def _preview(self, mapping):
        try:
            mapping.action_preview()
        except UserError as error:
            self._tell(f"    refused: {error}")

    @rule(latest=st.integers(1, 6), table=st.sampled_from(BOTH), inside=INSIDE)
    def undo(self, latest, table, inside):
        """Somebody puts back the latest changes that runs made."""

        def changes(mapping):
            return mapping.env["integration.change"].search(
                [("mapping_id", "=", mapping.id), ("state", "in", ("done", "left"))],
                limit=latest,
            )

        def undo(mapping):
            found = changes(mapping)
            wizard = mapping.env["integration.undo.wizard"]
            try:
                wizard.browse(found.action_undo()["res_id"]).action_undo()
            except UserError as error:
                self._tell(f"    refused: {error}")

        with self.world.environment() as env:
            mapping = env["integration.table.mapping"].browse(
                self.world.mapping_ids[table]
            )
            found = changes(mapping)
            keys = {*found.mapped("res_id"), *found.mapped("external_id")}
            texts = str(found.sudo().mapped("after"))
        if not keys:
            return
        self._tell(f"the latest {latest} changes of {table} are undone")
        self._run([table], inside, [], run=undo, undone=(keys, texts))

    # -- the end ----------------------------------------------------------------------

    def teardown(self):
        if not self.started:
            return
        self._tell("everybody goes home")
        self.ghost.check_end()
        type(self).trace.update(self.world.trace.digest())

    # -- small helpers ----------------------------------------------------------------

    def _people_work(self, deeds):
        type(self).steps += 1
        for deed in deeds:
            self.people.do(deed)

    def _run(self, tables, inside, trouble, *, second=False, run=None, undone=None):
        """
        :param run: as of `World.synchronize`
        :param undone: keys of the records of which changes are undone, and all that
            they wrote
        """
        type(self).steps += 1
        moments = {}
        for moment, deed in inside:
            moments.setdefault(moment, []).append(
                lambda deed=deed: self.people.do(deed)
            )
        if second:
            moments.setdefault((1, "before"), []).append(
                lambda: self.world.synchronize(tables)
            )
        faults = dict(trouble[: _MOST_FAULTS[self.fault_rate]])
        self._tell(f"run of {', '.join(tables)}; {faults or 'nothing goes wrong'}:")
        before = self.ghost.watch()
        if undone:
            self._expect_undone(before, *undone)
        counters = self.world.synchronize(tables, moments, faults, run)
        self._tell(
            "    "
            + ", ".join(f"{k}: {v}" for k, v in counters.items() if v and k != "kind")
        )
        self.ghost.check_step(before)
        if list(faults.values()).count("unauthorized") > 1:
            # Refused twice in a row, the connection waits for an administrator.
            self._connect()
        if self.world.accept_restored():
            self._tell("an administrator says that nothing was restored")
        if not inside and not faults and counters.get("state") == "done":
            self.ghost.settled()

    def _expect_undone(self, cards, keys, texts):
        """The records, and those that they are coupled to, may be put back."""
        births = {self.ghost.born[key] for key in keys & self.ghost.born.keys()}
        concerned = [
            card
            for side in cards.values()
            for card in side.values()
            if card.birth in births
        ]
        tokens = set(TOKEN.findall(texts))
        self.ghost.undone(concerned, births, tokens)

    def _configure(self, **vals):
        if "deletion_policy" in vals:
            self.ghost.deletion_policies.add(vals["deletion_policy"])
        self._as_administrator(lambda mappings: mappings.write(vals) and None)

    def _connect(self):
        self._as_administrator(lambda m: m.connection_id.action_connect())
        self._tell("the connection is on again")

    def _as_administrator(self, deed):
        with self.world.environment() as env:
            mappings = env["integration.table.mapping"].browse(
                self.world.mapping_ids.values()
            )
            return deed(mappings)

    def _tell(self, what):
        self.people.told.append(what)
