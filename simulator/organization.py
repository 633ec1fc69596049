"""One organization: its rows and everything that serves them, wired together."""

from __future__ import annotations

from pathlib import Path

from .changes import Changes
from .clock import Clock
from .customization import Customization
from .identity import Identity
from .initial_rows import SampleSize, fill
from .metadata import Metadata
from .plug_ins import PlugIns
from .reader import Reader
from .rows import Rows
from .schema import Schema
from .security import Caller, Security
from .store import Store
from .tokens import DeltaTokens

NAME = "Nordwind Sales"


class Organization:
    """``database`` None keeps the rows in memory; ``sample`` fills a new database."""

    def __init__(
        self, identity: Identity, sample: SampleSize, database: Path | None = None
    ) -> None:
        self.identity = identity
        self.id = identity.organization_id
        self.tenant = identity.tenant
        self.name = NAME
        self.sample = sample
        self.schema = Schema.load()
        self.clock = Clock()
        self.store = Store(self.schema, database)
        self.customization = Customization(self.schema, self.store)
        self.security = Security(self.store)
        self.plug_ins = PlugIns()
        self.rows = Rows(
            self.schema, self.store, self.security, self.clock, self.plug_ins
        )
        self.reader = Reader(self.schema, self.store, self.security, self.clock)
        self.delta_tokens = DeltaTokens(self.clock)
        self.changes = Changes(self.reader, self.delta_tokens)
        self.metadata = Metadata(self.schema, self.store)
        if self.store.is_new:
            fill(self, sample)

    def caller(self, client_id: str) -> Caller:
        """The application user of a token. Raises DataverseError (403)."""
        return self.security.caller(client_id)

    def reset(self, sample: SampleSize | None = None) -> None:
        """As it was at its first start; ``sample`` asks for other sample data."""
        self.security.reset()
        self.plug_ins.define([])
        self.delta_tokens.expire_all(self.store.next_version())
        self.clock.offset = 0.0
        self.id, self.name = self.identity.organization_id, NAME
        self.customization.reset()
        for table in self.schema.tables.values():
            table.restore_switches()
        self.store.clear()
        fill(self, sample or self.sample)
