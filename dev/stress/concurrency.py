"""T5: two workers and four people at once, on connections of their own.

Every person has records of their own to write, and a few that all of them share, so
that a lost edit is told from one that somebody replaced. In the end both sides must
hold the last thing that was written, once.
"""

from __future__ import annotations

import os

from .. import database, environment
from ..server import simulator, trusting
from .histories import in_odoo
from .report import Report

MODULE = "odoo.addons.dataverse_sync.dev.stress.play.crowd"
WORKERS, PEOPLE = 2, 4
# Nobody may wait longer than this for a lock that a worker holds (milliseconds).
WAIT_LIMIT = float(os.environ.get("STRESS_WAIT_MS", 50))


def run(
    budget_seconds: float, seed: int, report: Report, wait_limit: float = WAIT_LIMIT
) -> None:
    """Let everybody work for the time of the budget, then look at both sides."""
    with environment.ready() as template, simulator(empty=True) as announced:
        name = database.named(f"test_{os.getpid()}")
        database.clone_with_addon(template, name)
        try:
            in_odoo(
                *(report, name, budget_seconds, MODULE, "play"),
                conf=trusting(announced),
                announced=dict(announced),
                seed=seed,
                seconds=max(budget_seconds - 30, 10),
                workers=WORKERS,
                people=PEOPLE,
                wait_limit=wait_limit,
            )
        finally:
            database.drop(name)
