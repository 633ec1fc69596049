"""What `make test` plays of `make stress`: little, and the same each time."""

from __future__ import annotations

import sys
from collections.abc import Callable

from .. import say
from . import concurrency, crash, histories, matrix
from .report import Report

SEED = 0
HISTORIES, KILLS, CELLS = 8, 45, 30

# Mistakes of `play.campaign`: a seed that shows each soon, and what is told then. One
# who takes a merge for a deletion deletes the winner's values or brings the loser back.
NOTICED = {
    "losers not logged": (1, ("I1 ",)),
    "a merge counts as a deletion": (50, ("I3 ", "I4 ")),
}


def run(only: str = "") -> tuple[list[str], list[str]]:
    """Play the samples.

    :param only: those whose name begins so
    :return: the names of those that passed and of those that failed
    """
    passed, failed = [], []
    for name, sample in SAMPLES.items():
        if not name.startswith(only):
            continue
        with say.step(f"stress sample: {name}"):
            wrong = sample()
        (failed if wrong else passed).append(name)
        if wrong:
            print(f"FAILED stress sample, {name}: {wrong}", file=sys.stderr)
    return passed, failed


def _random_histories() -> str:
    """Two rounds of the same histories: no broken promise, and the same requests."""
    first, second = (_histories(histories=HISTORIES, steps=25) for _ in range(2))
    if first.violations:
        return first.violations[0]["what"]
    if first.fingerprints != second.fingerprints:
        return "I22 the same seed led to other requests"
    enough = first.figures.get("histories", 0) >= HISTORIES
    return "" if enough else f"too few: {first.figures}"


def _broken_engine() -> str:
    """The negative control: mistakes that everybody must notice."""
    for broken, (seed, promises) in NOTICED.items():
        report = _histories(seed, histories=25, steps=50, broken=broken)
        if not any(v["what"].startswith(promises) for v in report.violations):
            return f"'{broken}' is not noticed: {report.figures}"
    return ""


def _histories(seed: int = SEED, **options: object) -> Report:
    report = Report("sample")
    histories.run(240, seed, report, **options)
    return report


def _crowd() -> str:
    report = Report("crowd")
    # A busy machine is slow: here only what waits for the network counts.
    concurrency.run(45, SEED, report, wait_limit=2000)
    return report.violations[0]["what"] if report.violations else ""


def _dying_workers() -> str:
    report = Report("crash")
    crash.run(240, SEED, report, kills=KILLS)
    return _wrong(report, report.figures.get("cases", 0) >= KILLS)


def _faults() -> str:
    report = Report("matrix")
    matrix.run(240, SEED, report, cells=CELLS)
    return _wrong(report, report.figures.get("cells reached", 0) >= CELLS)


def _wrong(report: Report, enough: bool) -> str:
    if report.violations:
        return report.violations[0]["what"]
    return "" if enough else f"too few: {report.figures}"


SAMPLES: dict[str, Callable[[], str]] = {
    "random histories, twice": _random_histories,
    "a broken engine is noticed": _broken_engine,
    "two workers and four people": _crowd,
    "workers that die": _dying_workers,
    "faults and operations": _faults,
}
