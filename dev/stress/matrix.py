"""Tier 4: every fault with every operation, and one table of what came of it.

A cell forces one fault on one operation of a run, once or for the whole run; then the
fault is over, people retry, and both sides must look as if it had never been.
"""

from __future__ import annotations

from collections import defaultdict

from .. import table
from .crash import inside_odoo
from .report import Report


def run(budget_seconds: float, seed: int, report: Report, **limits: object) -> None:
    """Go through as many cells as the budget allows.

    :param limits: `cells`: only so many; `only`: those of one operation; `part`
    """
    inside_odoo(
        "matrix_inside",
        budget_seconds,
        report,
        heard=lambda told: report.results.extend(
            [told["cell"]] if "cell" in told else []
        ),
        seed=seed,
        **limits,
    )


def conclude(report: Report) -> None:
    """Print the table."""
    print(_table(report.results), flush=True)


def _table(results: list[list]) -> str:
    """A line a fault, a column an operation; `+` held, `-` was not met, else broken."""
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    for operation, fault, how, met, broken in results:
        mark = str(broken) if broken else "+" if met else "-"
        place = cells[fault].get(operation, "..")
        at = how != "once"
        cells[fault][operation] = place[:at] + mark + place[at + 1 :]
    operations = list(dict.fromkeys(operation for operation, *_rest in results))
    rows = [
        (fault, *(line.get(operation, "") for operation in operations))
        for fault, line in sorted(cells.items())
    ]
    return table.aligned(("fault (once, throughout)", *operations), rows)
