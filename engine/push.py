"""Act on Dataverse: create exactly once, change only what was seen."""

import uuid

from odoo import api, fields, models
from odoo.tools import SQL

from .. import dataverse, sync
from .records import guid_in

# Seconds until a record is tried again after the n-th passing failure in a row.
BACK_OFF = (30, 120, 600, 3600)
# How often a row that changes while we write it is looked at again in one run.
MAX_CONFLICTS = 3

WRITES = ("create_dataverse", "recreate_dataverse")
REMOVALS = ("deactivate_dataverse", "delete_dataverse")


class IntegrationPush(models.AbstractModel):
    _name = "integration.engine.push"
    _description = "Writes Dataverse Rows"

    # -- before the request -----------------------------------------------------------

    @api.model
    def _reserve(self, session, items):
        """Decide the identity of new rows, in the transaction before the request.

        A random GUID and the values are stored and committed first: whatever happens
        to the request, the next run knows which row to look for. Values that Dataverse
        would refuse become errors here. Does not commit.
        """
        self._leave_gone(session, [item for item in items if item.action in WRITES])
        self.env["integration.engine.images"]._take_along(session, items)
        for item in items:
            if item.action in WRITES or (item.action == "fields" and item.plan.push):
                self._hold_back(session, item)
        new, reservations = [], []
        for item in items:
            if item.action == "deactivate_dataverse":
                item.coupling.deactivating = True
            if item.action not in WRITES:
                continue
            item.external_id = str(uuid.uuid4())
            vals = {
                "external_id": item.external_id,
                "state": "pending",
                "reserved": {
                    "odoo": item.odoo,
                    "dataverse": self._without_images(session, item.values),
                },
            }
            if item.action == "recreate_dataverse":
                self.env["integration.tombstone"]._bury(item.coupling, "deleted")
                item.former = {
                    name: item.coupling[name] for name in ("external_id", "base")
                }
                item.coupling.write({**vals, "etag": False, "base": False})
            else:
                new.append(item)
                reservations.append({**vals, "res_id": item.res_id})
        couplings = self.env["integration.coupling"]._insert(
            session.mapping, reservations
        )
        for item, coupling in zip(new, couplings, strict=True):
            item.coupling = coupling
        self.env["integration.engine.audit"]._log_sending(session, items)

    @api.model
    def _leave_gone(self, session, items):
        """Make no row for a record that was deleted, or merged, since it was read.

        Until the reservation is committed none of them goes: who deletes or merges
        later sees it. One that went in the meantime breaks off the transaction, which
        is done anew.
        """
        if not items or session.preview:
            return
        self.env.cr.execute(
            SQL(
                "SELECT id FROM %s WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE NOWAIT",
                SQL.identifier(session.records._table),
                [item.res_id for item in items],
            ),
            log_exceptions=False,
        )
        there = {id_ for (id_,) in self.env.cr.fetchall()}
        for item in items:
            if item.res_id not in there:
                self.env["integration.engine.pull"]._put_back(session, item)

    @api.model
    def _hold_back(self, session, item):
        """Keep back what Dataverse would refuse, and say so; the rest is sent."""
        creating = item.action in WRITES
        values = self._creatable(session, item.values) if creating else item.plan.push
        lines = {
            column: line
            for group in item.groups
            for line in group.lines
            for column in line.columns
        }
        columns = set()
        for problem in dataverse.check(session.table, values, creating=creating):
            line = lines.get(problem.column)
            columns.add(problem.column)
            self.env["integration.engine.plan"]._fail(
                session,
                item,
                "permanent",
                self.env._(
                    "A value of '%(name)s' was not sent to Dataverse. %(sentence)s",
                    name=self.env["integration.engine.plan"]._title(session, item),
                    sentence=problem.sentence,
                ),
                code=problem.name,
                field_name=line.fields[0] if line and line.fields else problem.column,
            )
        columns |= self._dangling(session, item, values, lines)
        if not columns:
            return
        if not creating:
            item.plan.hold_back(columns)
        elif any(
            column not in lines or self._is_required(session, item, column)
            for column in columns
        ):
            item.action = "failed"
        else:
            item.groups = tuple(g for g in item.groups if columns.isdisjoint(g.columns))
            kept = {column for group in item.groups for column in group.columns}
            item.values = {c: v for c, v in item.values.items() if c in kept}

    @api.model
    def _dangling(self, session, item, values, lines):
        """The columns that would point to a deleted row; the item waits for better.

        What it points to may be restored in Dataverse, or made anew, or somebody
        chooses another one in Odoo: so it is tried again now and then.
        """
        columns = {
            name
            for name, value in values.items()
            if session.table.columns[name].type in dataverse.metadata.LOOKUPS
            and guid_in(value) in session.gone
        }
        for column in sorted(columns):
            line = lines.get(column)
            item.waiting_for = BACK_OFF[min(item.attempts, len(BACK_OFF) - 1)]
            self.env["integration.engine.plan"]._fail(
                session,
                item,
                "dependency",
                self.env._(
                    "'%(name)s' does not get its %(field)s in Dataverse, as that was "
                    "deleted there. Restore it, or choose another one; it is tried "
                    "again by itself.",
                    name=self.env["integration.engine.plan"]._title(session, item),
                    field=session.table.columns[column].label,
                ),
                code="deleted",
                field_name=line.fields[0] if line and line.fields else column,
            )
        return columns

    @api.model
    def _is_required(self, session, item, column):
        return any(
            group.key in session.schema.required and column in group.columns
            for group in item.groups
        )

    @api.model
    def _creatable(self, session, values):
        """The values that a new row can be given.

        Where the state cannot be given, neither can the reason that goes with it. An
        image comes after the row: Dataverse takes only the primary one of a table with
        it, and a row shall not wait for its image.
        """
        columns = session.table.columns
        refused = {
            name
            for name in values
            if not columns[name].creatable or columns[name].type == "Image"
        }
        if any(columns[name].type == "State" for name in refused):
            refused |= {name for name in values if columns[name].type == "Status"}
        return {name: value for name, value in values.items() if name not in refused}

    @api.model
    def _without_images(self, session, values):
        """Of an image nothing is agreed before it was sent, which comes later."""
        images = session.schema.images("dataverse")
        return {n: value for n, value in values.items() if n not in images}

    # -- the request ------------------------------------------------------------------

    @api.model
    def _send(self, session, items):
        """Send what was decided, while nothing is locked.

        :return: list of ``(item, dataverse.Outcome)``
        """
        columns = session.columns
        writing = [
            item
            for item in items
            if item.action in WRITES + REMOVALS
            or (item.action == "fields" and item.plan.push)
        ]
        bulk = self.env["integration.engine.bulk"]
        steps = session.behavior._all_steps(
            session,
            [
                (item, self._values(session, item))
                for item in writing
                if item.action not in REMOVALS
            ],
        )
        stepwise = {id(item) for item, todo in steps if todo is not None}
        simple = [item for item in writing if id(item) not in stepwise]
        created = bulk._create(session, [i for i in simple if i.action in WRITES])
        rest = [item for item in simple if id(item) not in created]
        operations = [self._operation(session, item, columns) for item in rest]
        outcomes = bulk._batch(session, operations, begun=bool(created))
        created |= {
            id(item): outcome for item, outcome in zip(rest, outcomes, strict=True)
        }
        created |= self.env["integration.engine.stepwise"]._send(
            session, [(item, todo) for item, todo in steps if todo is not None]
        )
        new = [item for item in writing if item.action in WRITES]
        confirmed = self._confirmed(
            session,
            [item.external_id for item in new],
            [created[id(item)] for item in new],
        )
        created |= {
            id(item): outcome for item, outcome in zip(new, confirmed, strict=True)
        }
        return [(item, created[id(item)]) for item in writing]

    @api.model
    def _confirmed(self, session, external_ids, outcomes):
        """Outcomes of creates, where a refusal says that there is no such row.

        What was refused may have been a repetition: of a request that made the row, and
        whose answer got lost.
        """
        refused = {
            id_: outcome.error
            for id_, outcome in zip(external_ids, outcomes, strict=True)
            if outcome.error
            and outcome.error.sent
            and outcome.error.kind not in ("transient", "throttle", "auth")
            and outcome.error.name != "DuplicateRecord"
        }
        if not refused:
            return outcomes
        key = [session.table.primary_id]
        found = self.env["integration.engine.bulk"]._batch(
            session,
            [dataverse.batch.retrieve(session.table, id_, key) for id_ in refused],
            begun=True,
        )
        now = dict(zip(refused, found, strict=True))
        return [
            self._made_sure(outcome, now[id_]) if id_ in now else outcome
            for id_, outcome in zip(external_ids, outcomes, strict=True)
        ]

    @api.model
    def _made_sure(self, outcome, found):
        if found.row:
            error = dataverse.DataverseError("DuplicateRecord", sent=True)
            return dataverse.Outcome(error=error)
        if found.error.kind in ("transient", "throttle", "auth"):
            return found  # nobody knows yet
        return outcome

    @api.model
    def _values(self, session, item):
        """What is written to the row of an item."""
        if item.action in WRITES:
            return self._given(session, item.values)
        return item.plan.push

    @api.model
    def _operation(self, session, item, columns):
        table = session.table
        etag = item.etag if table.optimistic_concurrency else None
        if item.action in WRITES:
            return self._creation(session, item.external_id, item.values, columns)
        if item.action == "delete_dataverse":
            return dataverse.batch.delete(table, item.external_id, etag)
        if item.action == "deactivate_dataverse":
            values = {"statecode": session.behavior._inactive_state(table)}
        else:
            values = item.plan.push
        return dataverse.batch.update(table, item.external_id, values, etag, columns)

    @api.model
    def _creation(self, session, external_id, values, columns):
        given = self._given(session, values)
        return dataverse.batch.create(session.table, external_id, given, columns)

    @api.model
    def _given(self, session, values):
        """What is sent of a new row: it has no values to empty, and begins active."""
        return {
            column: value
            for column, value in self._creatable(session, values).items()
            if value is not None
        }

    # -- after the request ------------------------------------------------------------

    @api.model
    def _settle(self, session, outcomes):
        """Remember what became of the requests. Does not commit."""
        self._let_go([item for item, _outcome in outcomes])
        self.env["integration.engine.audit"]._log_answers(session, outcomes)
        for item, outcome in outcomes:
            if outcome.error is None:
                self._succeeded(session, item, outcome.row)
            else:
                self._failed(session, item, outcome.error)
        rows = [outcome.row for _item, outcome in outcomes if outcome.row]
        self.env["integration.engine.epoch"]._note(session, rows)
        # What waits in the inbox about these rows was read before they were written.
        self.env["integration.inbox"]._have_read_anew(
            session.mapping, [row.id for row in rows]
        )
        self.env["integration.engine.couple"]._announce(
            session,
            [
                item.coupling
                for item, outcome in outcomes
                if item.action in WRITES and outcome.error is None and item.coupling
            ],
        )

    @api.model
    def _let_go(self, items):
        """Forget the couplings that are gone: while Dataverse was asked somebody may
        have merged the record into another one, or uncoupled it."""
        coupled = [item for item in items if item.coupling]
        ids = [item.coupling.id for item in coupled]
        there = self.env["integration.coupling"].browse(ids).exists()
        for item in coupled:
            if item.coupling not in there:
                item.coupling = None

    @api.model
    def _succeeded(self, session, item, row):
        if item.action in REMOVALS:
            session.counts["deleted"] += 1
            if item.coupling:
                session.counts["uncoupled"] += 1
                self.env["integration.engine.pull"]._bury(session, item)
            return
        if row is None:
            self._succeeded_unseen(session, item)
            return
        returned = self.env["integration.engine.records"]._canonical_row(
            session, row.values
        )
        if not item.coupling:
            # Undo also reaches rows that are not coupled any more.
            session.counts["modified"] += 1
            return
        if item.action in WRITES:
            base = self._base_of_new(session, item, returned)
            session.counts["inserted"] += 1
            session.counts["coupled"] += item.action == "create_dataverse"
        else:
            base = item.plan.base_after(
                sync.Base.from_dict(item.coupling.base), dataverse_read=returned
            )
            session.counts["modified"] += not item.plan.pull
        item.coupling.write(
            {
                "base": base.to_dict(),
                "etag": self.env["integration.engine.remember"]._etag_of(
                    item, base, returned, row.etag
                ),
                "reserved": False,
                "state": self._state_after(item),
                "last_synch": fields.Datetime.now(),
            }
        )

    @api.model
    def _succeeded_unseen(self, session, item):
        """Written for certain; how the row stands now is read next."""
        if item.action in WRITES:
            self._adopt(session, item.coupling, item.coupling.reserved)
        else:
            self.env["integration.inbox"]._put_hints(
                session.mapping, external_ids=[item.external_id]
            )
        item.action = "again"

    @api.model
    def _state_after(self, item):
        if item.undoes:
            return item.coupling.state
        return "conflict" if item.plan and item.plan.conflicts else "coupled"

    @api.model
    def _base_of_new(self, session, item, returned):
        """What both sides agree on once a row was created.

        A row begins active and without images, whatever the record says: where it says
        otherwise, that counts as a change that is still to be sent, and is looked at
        next.
        """
        base = sync.Base.of(item.groups, item.odoo, returned)
        for group in item.groups:
            columns = dict.fromkeys(group.columns)
            if len(self._creatable(session, columns)) == len(columns):
                continue
            given = group.to_odoo(returned)
            if given != group.values("odoo", item.odoo):
                base = base.merge(group, given, returned)
                self.env["integration.inbox"]._put_hints(
                    session.mapping, res_ids=[item.res_id]
                )
        return base

    @api.model
    def _failed(self, session, item, error):
        """Decide what an error means for one record."""
        creating = item.action in WRITES
        if error.kind in ("auth", "throttle"):
            # What was done before is remembered first; then the run stops.
            session.stopped_by = error
            item.action, item.waiting_for = "again", int(error.retry_after or 0)
            return None
        if error.name == "ConcurrencyVersionMismatch" and not creating:
            return self._look_again(
                session,
                item,
                self.env._("'%s' changes in Dataverse each time it is written."),
            )
        if creating and error.name == "DuplicateRecord":
            # Our own earlier request arrived after all: the GUID is ours alone.
            item.action = "again"
            if item.coupling:
                self._adopt(session, item.coupling, item.coupling.reserved)
            return None
        if error.name == "ObjectDoesNotExist" and error.kind == "dependency":
            # Another row than this one, to which it shall point.
            session.gone.add(error.facts["id"].lower())
            if creating:
                self._withdraw(session, item)
            return self._look_again(
                session,
                item,
                self.env._("'%s' belongs to what was deleted in Dataverse."),
            )
        if error.name == "ObjectDoesNotExist" and not creating:
            if item.action in REMOVALS:
                return self._succeeded(session, item, None)
            # Only reading a row proves that it is gone.
            return self._look_again(
                session,
                item,
                self.env._(
                    "Dataverse shows '%s', and says on writing that it is gone."
                ),
            )
        item.action = "failed"
        vals = {
            "kind": error.kind,
            "code": error.code or error.name,
            "detail": f"{error.name} {error.detail or ''} ({error.request_id or '-'})",
            "field_name": error.column,
            "message": self.env._(
                "Dataverse did not take '%(name)s'. %(sentence)s",
                name=self.env["integration.engine.plan"]._title(session, item),
                sentence=self.env["integration.engine.gateway"]._sentence(error),
            ),
        }
        if error.kind == "transient":
            seconds = BACK_OFF[min(item.attempts, len(BACK_OFF) - 1)]
            item.waiting_for = seconds
            vals["retry_at"] = fields.Datetime.add(
                fields.Datetime.now(), seconds=seconds
            )
        elif creating:
            # A definite refusal: nothing was made, nothing is to be looked for.
            self._withdraw(session, item)
        item.failures.append(vals)
        return None

    @api.model
    def _withdraw(self, session, item):
        """A new row was refused: leave the coupling as it was before the attempt."""
        if not item.coupling:
            item.external_id = None
        elif item.former:
            self.env["integration.tombstone"]._forget(
                session.mapping, [item.res_id], [item.former["external_id"]]
            )
            item.coupling.write({**item.former, "reserved": False})
            item.external_id = item.former["external_id"]
        else:
            item.coupling.unlink()
            item.coupling = item.external_id = None

    @api.model
    def _look_again(self, session, item, sentence):
        """The row is not what was planned on: read it, and plan anew.

        Where Dataverse goes on refusing, the record is put aside and people are told.

        :param sentence: what is told then, with a place for the record's name
        """
        give_up = item.attempts >= MAX_CONFLICTS
        self.env["integration.inbox"]._put_hints(
            session.mapping,
            res_ids=[] if item.external_id else [item.res_id],
            external_ids=[item.external_id] if item.external_id else [],
            prefer=item.prefer,
            attempts=0 if give_up else item.attempts + 1,
            seconds=BACK_OFF[-1] if give_up else 0,
        )
        item.action = "failed" if give_up else "again"
        if give_up:
            plan = self.env["integration.engine.plan"]
            plan._fail(
                session,
                item,
                "transient",
                self.env._(
                    "%s It is tried again later.",
                    sentence % plan._title(session, item),
                ),
                retry_at=fields.Datetime.add(
                    fields.Datetime.now(), seconds=BACK_OFF[-1]
                ),
            )

    # -- what an earlier run left open ------------------------------------------------

    @api.model
    def _recover(self, session):
        """Find out what became of creates whose answer never arrived.

        A row that exists is adopted, with the values that were sent as base; one that
        does not is sent again under the same GUID, so that a late first request and
        this one can never make two. One that was made and deleted by somebody since is
        not made again.
        """
        couplings = self.env["integration.coupling"].search(
            [("mapping_id", "=", session.mapping.id), ("reserved", "!=", False)]
        )
        couplings = self._without_deleted(session, couplings.filtered("reserved"))
        if not couplings:
            return
        columns = session.columns
        outcomes = session.client.batch(
            [
                self._creation(
                    session,
                    coupling.external_id,
                    coupling.reserved["dataverse"],
                    columns,
                )
                for coupling in couplings
            ]
        )
        outcomes = self._confirmed(
            session, [coupling.external_id for coupling in couplings], outcomes
        )
        for coupling, outcome in zip(couplings, outcomes, strict=True):
            reserved = coupling.reserved
            if outcome.row or outcome.error.name == "DuplicateRecord":
                self._adopt(session, coupling, reserved, outcome.row)
            elif outcome.error.kind in ("auth", "throttle"):
                raise outcome.error
            elif outcome.error.name == "ConcurrencyVersionMismatch":
                # Neither made nor refused for good: it is asked again.
                continue
            elif outcome.error.kind != "transient":
                self.env["integration.inbox"]._put_hints(
                    session.mapping, res_ids=[coupling.res_id]
                )
                coupling.unlink()
        self.env["integration.engine.run"]._commit(session)

    @api.model
    def _without_deleted(self, session, couplings):
        """Leave out the rows that arrived and that somebody has deleted since.

        Their deletion was captured just now. Sent again they would rise from the dead;
        so they count as created, and as deleted in Dataverse.
        """
        deleted = self.env["integration.inbox"]._deleted(
            session.mapping, couplings.mapped("external_id")
        )
        for coupling in couplings.filtered(lambda c: c.external_id in deleted):
            self._arrived(session, coupling, coupling.reserved)
        return couplings.filtered("reserved")

    @api.model
    def _adopt(self, session, coupling, reserved, row=None):
        """Take the values that were sent as agreed, and look at the row as it is."""
        self._arrived(session, coupling, reserved, row)
        self.env["integration.engine.couple"]._announce(session, coupling)
        self.env["integration.inbox"]._put_hints(
            session.mapping, external_ids=[coupling.external_id]
        )

    @api.model
    def _arrived(self, session, coupling, reserved, row=None):
        """A reserved row was made: both sides agree on what was sent."""
        groups = [
            group
            for group in session.schema.groups
            if set(group.columns) <= reserved["dataverse"].keys()
            and set(group.fields) <= reserved["odoo"].keys()
        ]
        base = sync.Base.of(groups, reserved["odoo"], reserved["dataverse"])
        coupling.write(
            {
                "base": base.to_dict(),
                "etag": row.etag if row else False,
                "reserved": False,
                "state": "coupled",
            }
        )
        session.counts["coupled"] += 1
        session.counts["inserted"] += 1
