"""`make stress`: long campaigns of faults, crashes and random histories.

Each tier is a module with one function, `run(budget_seconds, seed, report)`: it works
as long as the budget allows, draws everything from the seed, and tells its
`report.Report` what it did and which promises it saw broken.
"""

from __future__ import annotations

import importlib
import random
import time

from .. import say
from .report import Reports

# The tiers in the order in which they run, and how much of the time each one gets.
TIERS = {
    "planner": 10,
    "histories": 40,
    "crash": 20,
    "matrix": 20,
    "mutants": 20,
    "concurrency": 15,
}


def run(minutes: float | None, seed: int | None, tiers: str) -> int:
    """Run the tiers and print the table; the figures go to `.local/stress.json`.

    :param minutes: how long all of them take together, by default an hour
    :param seed: everything random comes from it; by default a new one, which is printed
    :param tiers: names separated by commas, by default all
    :return: 1 if any promise was broken
    """
    chosen = tiers.split(",") if tiers else list(TIERS)
    unknown = set(chosen) - TIERS.keys()
    if unknown:
        raise SystemExit(f"There are the tiers {', '.join(TIERS)}; not {unknown}.")
    seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
    seconds = 60 * (minutes or 60)
    say.line(f"{seconds / 60:g} minutes of stress, seed {seed}")
    reports = Reports(seed)
    end = time.monotonic() + seconds
    for position, name in enumerate(chosen):
        # What an earlier tier left over is shared by those that follow.
        left = max(end - time.monotonic(), 0)
        ahead = sum(TIERS[tier] for tier in chosen[position:])
        with reports.of(name) as report, say.step(f"tier {name}"):
            tier = importlib.import_module(f"{__package__}.{name}")
            tier.run(left * TIERS[name] / ahead, seed, report)
    return reports.finish()
