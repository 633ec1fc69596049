"""What the campaigns found: a table, a file of figures, a file for each violation."""

from __future__ import annotations

import json
import shutil
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import say, table
from ..paths import LOCAL

RESULT = LOCAL / "stress.json"
FOLDER = LOCAL / "stress"


class Report:
    """What one tier did.

    `figures`: names and numbers, such as `histories`, `kills`, `cells`; those of the
    same name add up over the tiers. `fingerprints`: of the requests of each history
    that a child told of; the same seed leads to the same ones. `results`: what a tier
    draws its conclusions from when all of its parts are over.

    :param name: of the part, where a tier has several
    """

    def __init__(self, tier: str, name: str = "") -> None:
        self.tier = tier
        self.name = name or tier
        self.seconds = 0.0
        self.figures: dict[str, float] = {}
        self.fingerprints: list[str] = []
        self.violations: list[dict[str, Any]] = []
        self.results: list[Any] = []

    def add(self, part: dict[str, Any]) -> None:
        """Take over what a part of the tier did.

        :param part: the attributes of its report
        """
        self.seconds = max(self.seconds, part["seconds"])
        for figure, number in part["figures"].items():
            self.count(figure, number)
        for name in ("fingerprints", "violations", "results"):
            getattr(self, name).extend(part[name])

    @contextmanager
    def watching(self, seed: int) -> Iterator[None]:
        """Time a tier's work; what breaks off has failed."""
        start = time.monotonic()
        try:
            yield
        except (Exception, SystemExit) as error:
            self.violation(f"the tier broke off: {error}", seed, traceback.format_exc())
        finally:
            self.seconds = time.monotonic() - start

    def count(self, figure: str, number: float = 1) -> None:
        """Add to a figure."""
        self.figures[figure] = self.figures.get(figure, 0) + number

    def violation(self, what: str, seed: object = None, history: str = "") -> None:
        """Keep a broken promise, with all that is needed to see it again.

        :param what: one line: the promise, and how it was broken
        :param seed: the seed that leads there
        :param history: the shortest history that was found, or the traceback
        """
        FOLDER.mkdir(parents=True, exist_ok=True)
        file = FOLDER / f"{self.name}-{len(self.violations) + 1}.txt"
        file.write_text(f"{what}\nseed: {seed}\n\n{history}\n")
        self.violations.append({"what": what, "seed": str(seed), "file": str(file)})
        say.line(f"VIOLATION in {self.name}: {what}; {file}")


class Reports:
    """The reports of all tiers."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.reports: list[Report] = []
        shutil.rmtree(FOLDER, ignore_errors=True)

    def of(self, tier: str) -> Report:
        """The report of a tier."""
        for report in self.reports:
            if report.tier == tier:
                return report
        self.reports.append(Report(tier))
        return self.reports[-1]

    def finish(self) -> int:
        """Print the table, write `.local/stress.json`; the status to end with."""
        totals: dict[str, float] = {"histories": 0, "kills": 0}
        for report in self.reports:
            for figure, number in report.figures.items():
                totals[figure] = totals.get(figure, 0) + number
        violations = [v for report in self.reports for v in report.violations]
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(
            json.dumps(
                {
                    "seed": self.seed,
                    "violations": len(violations),
                    "totals": totals,
                    "tiers": [
                        vars(report)
                        | {
                            "fingerprints": len(report.fingerprints),
                            "results": len(report.results),
                        }
                        for report in self.reports
                    ],
                },
                indent=2,
            )
        )
        headings = ("tier", "seconds", "violations", "figures")
        rows = [
            (
                report.tier,
                round(report.seconds),
                len(report.violations),
                _listed(report.figures),
            )
            for report in self.reports
        ]
        print(table.aligned(headings, rows))
        print(
            f"violations: {len(violations)}, {_listed(totals)}, seed: {self.seed}",
            flush=True,
        )
        say.line(f"all figures: {RESULT}")
        return int(bool(violations))


def _listed(figures: dict[str, float]) -> str:
    return ", ".join(f"{name}: {number:,.6g}" for name, number in figures.items())
