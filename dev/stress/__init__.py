"""`make stress`: long campaigns of faults, crashes and random histories.

Each tier is a module with one function, `run(budget_seconds, seed, report)`: it works
as long as the budget allows, draws everything from the seed, and tells its
`report.Report` what it did and which promises it saw broken. One whose `run` has an
argument `part` can be played in several parts at once; `conclude(report)`, if there is
one, gets the report of all of them.
"""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
import time
from collections import Counter
from types import ModuleType

from .. import process, say
from ..paths import ROOT
from .report import Report, Reports

# What is played side by side, in this order, and how much of the time it gets. Two of
# the same name are two parts of a tier, with half of its work each. The crowd is alone,
# as it is measured how long people wait; histories come last, as they can use what is
# left over.
ROWS = (
    (14, ("planner", "mutants")),
    (12, ("matrix", "matrix")),
    (16, ("crash", "crash")),
    (17, ("concurrency",)),
    (41, ("histories", "histories")),
)
TIERS = list(dict.fromkeys(name for _share, names in ROWS for name in names))


def run(minutes: float | None, seed: int | None, tiers: str) -> int:
    """Run the tiers and print the table; the figures go to `.local/stress.json`.

    :param minutes: how long all of them take together, by default an hour
    :param seed: everything random comes from it; by default a new one, which is printed
    :param tiers: names separated by commas, by default all
    :return: 1 if any promise was broken
    """
    chosen = set(tiers.split(",")) if tiers else set(TIERS)
    unknown = chosen - set(TIERS)
    if unknown:
        raise SystemExit(f"There are the tiers {', '.join(TIERS)}; not {unknown}.")
    seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
    seconds = 60 * (minutes or 60)
    say.line(f"{seconds / 60:g} minutes of stress, seed {seed}")
    reports = Reports(seed)
    end = time.monotonic() + seconds
    rows = [(share, [n for n in names if n in chosen]) for share, names in ROWS]
    rows = [(share, names) for share, names in rows if names]
    for position, (share, names) in enumerate(rows):
        # What an earlier row left over is shared by those that follow.
        left = max(end - time.monotonic(), 0)
        ahead = sum(share for share, _names in rows[position:])
        with say.step(f"tiers {', '.join(dict.fromkeys(names))}"):
            _side_by_side(names, left * share / ahead, seed, reports)
        for name in dict.fromkeys(names):
            conclude = getattr(_module(name), "conclude", None)
            if conclude:
                conclude(reports.of(name))
    return reports.finish()


def _side_by_side(
    names: list[str], seconds: float, seed: int, reports: Reports
) -> None:
    """Play tiers, or parts of one, in a process each; gather what they tell."""
    parts, begun = Counter(names), Counter()
    children: list[tuple[str, subprocess.Popen]] = []
    try:
        for name in names:
            child = process.start(
                *(sys.executable, "-m", "dev", "stress-part", f"--tier={name}"),
                *(f"--part={begun[name]}", f"--parts={parts[name]}"),
                *(f"--seconds={seconds}", f"--seed={seed}"),
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            begun[name] += 1
            children.append((name, child))
        for name, child in children:
            told = child.stdout.read().splitlines()[-1:]
            if child.wait() or not told:
                reports.of(name).violation("a part of the tier told nothing", seed)
            else:
                reports.of(name).add(json.loads(told[0]))
    finally:
        for _name, child in children:
            process.stop(child)


def play_part(tier: str, part: int, parts: int, seconds: float, seed: int) -> None:
    """Play one part of a tier; the attributes of its report go to standard output.

    :param part: its number, from 0
    :param parts: how many there are
    """
    report = Report(tier, f"{tier}-{part}" if parts > 1 else tier)
    divided = {"part": (part, parts)} if parts > 1 else {}
    with report.watching(seed):
        _module(tier).run(seconds, seed, report, **divided)
    print(json.dumps(vars(report)), flush=True)


def _module(tier: str) -> ModuleType:
    return importlib.import_module(f"{__package__}.{tier}")
