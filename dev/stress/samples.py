"""What `make test` takes from the campaigns: the same few cases each time."""

from __future__ import annotations

from . import crash, matrix
from .report import Report

# Far longer than the cases take.
SECONDS = 600
SAMPLES = {
    "crash": (lambda report: crash.run(SECONDS, 0, report, kills=30), "kills"),
    "matrix": (lambda report: matrix.run(SECONDS, 0, report, cells=30), "cells"),
}


def run(name: str) -> tuple[int, int]:
    """Run a sample.

    :return: how many cases passed, and how many promises were broken
    """
    sample, figure = SAMPLES[name]
    report = Report(f"sample_{name}")
    sample(report)
    return int(report.figures.get(figure, 0)), len(report.violations)
