"""What one run of a mapping carries with it."""

import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass
class Session:
    """One run.

    ``deletion_decided`` and ``conflict_decided`` are decisions of a person for this run
    only.
    ``only`` limits the run to some records: ``(res_ids, external_ids)``.
    ``known`` maps references (``table(guid)``) to the ids of the coupled records.
    ``gone``: GUIDs of rows that others should point to, and that are deleted.
    ``followed``: pairs of a coupling and the GUID of a merged row that it left.
    ``stopped_by``: the answer to one row that concerns the whole connection.
    ``match``: look for a counterpart before creating. ``patient``: a record that refers
    to another one waits for it to be created, so that it is created complete.
    ``wanted``: references that are to be coupled or created before what refers to them;
    ``asked``: those among them that were asked for already.
    ``counts`` are the job's counters, ``committed`` as of the last commit.
    ``preview`` is filled instead of acting, when a run only says what it would do.
    ``bulk``: Dataverse creates many rows of the table in one request. ``rows_read``: so
    many rows the table has, when all were read in this run; ``index``: their keys.
    ``message``: what the job says in the end, when all went well.
    ``slice``: so many records are written before the next commit; ``pace``: seconds
    that one takes, ``writing`` that all of them took, ``frame`` all that surrounds it.
    ``put_back``: a record could not be written because somebody else had locked it.
    ``left``: so many are left, where the inbox does not tell.
    ``processed``: so many items were looked at; ``told_at``: when people heard of it.
    """

    mapping: Any
    connection: Any
    client: Any
    job: Any
    checkpoint: Any
    fence: int
    records: Any
    initial_policy: str = "manual"
    deletion_decided: str | None = None
    conflict_decided: str | None = None
    only: tuple | None = None
    create: bool | None = None
    requests_before: int = 0
    table: Any = None
    columns: list = field(default_factory=list)
    compile: Any = None
    known: dict = field(default_factory=dict)
    match: bool = True
    patient: bool = True
    wanted: set = field(default_factory=set)
    asked: set = field(default_factory=set)
    gone: set = field(default_factory=set)
    followed: set = field(default_factory=set)
    out_of_time: bool = False
    stopped_by: Exception | None = None
    counts: Counter = field(default_factory=Counter)
    committed: Counter = field(default_factory=Counter)
    put_back: bool = False
    slice: int | None = None
    pace: float = 0
    writing: float = 0
    frame: float = 0
    bulk: bool = True
    rows_read: int | None = None
    index: Any = None
    preview: Any = None
    left: int | None = None
    message: str | None = None
    processed: int = 0
    told_at: float = field(default_factory=time.monotonic)

    @cached_property
    def behavior(self):
        """What the table does that rows of the mapping cannot say."""
        name = self.mapping.integration_table
        return self.mapping.env["integration.behavior"]._of(name)

    @cached_property
    def schema(self):
        """The mapping, compiled when the first record is looked at."""
        return self.compile()

    def creates(self, direction):
        """Whether this run creates records that are missing on one side."""
        if self.mapping._is_only_coupled():
            return False
        if self.create is not None:
            return self.create
        return self.mapping._creates(direction)


@dataclass
class Item:
    """One thing a run decides about: a coupling, or a record or row without one.

    ``odoo`` and ``dataverse`` are canonical rows; ``None`` when that side has none.
    ``gone_…``: that side's record is known to be deleted. ``outside_…``: a filter
    leaves it out. ``merged_into``: the row that this one was merged into.
    ``had_conflict``: a decision was open before. ``matched``: its coupling was made in
    this very chunk.
    ``fetch``: the row has to be read before anything can be decided.
    ``prefer``: a person chose "send" or "get".
    ``waiting_for``: a reference, or seconds, until which the item is put aside.
    ``action`` and ``plan`` are what the planner decided; ``former`` is what the
    coupling was before its row was created anew. ``reason`` says why, in a sentence;
    ``change_id`` is the log entry of what is sent; ``undoes`` the one that is undone,
    with a ``note`` about what is left of it.
    ``failures`` is all that is wrong with it, as the values of ``sync.error``.
    """

    inbox_ids: list
    coupling: Any = None
    res_id: int | None = None
    external_id: str | None = None
    name: str | None = None
    odoo: dict | None = None
    dataverse: dict | None = None
    etag: str | None = None
    seen_dataverse: bool = False
    gone_odoo: bool = False
    gone_dataverse: bool = False
    outside_odoo: bool = False
    outside_dataverse: bool = False
    merged_into: str | None = None
    fetch: bool = False
    unreadable: str | None = None
    had_conflict: bool = False
    matched: bool = False
    attempts: int = 0
    prefer: str | None = None
    action: str = "none"
    groups: tuple = ()
    plan: Any = None
    values: dict | None = None
    loser: str | None = None
    reason: str | None = None
    change_id: int | None = None
    undoes: Any = None
    note: str | None = None
    former: dict | None = None
    waiting_for: str | None = None
    failures: list = field(default_factory=list)

    @property
    def subject(self):
        """How errors about the item are kept."""
        return (self.res_id or 0, self.external_id or "")
