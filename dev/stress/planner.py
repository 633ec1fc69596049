"""T1: the planner in whole histories, without Odoo and without HTTP.

The tests of `tests/pure/test_sync_histories.py`, with more examples and longer ones.
"""

from __future__ import annotations

import subprocess

from .. import environment, process, testing
from ..paths import LOGS
from ..python_env import PYTHON
from .report import Report

MOST_EXAMPLES = 200_000
# What one of two cores plays in a second while the other one is busy, with room left.
EXAMPLES_A_SECOND = 450
# From so many seconds on, all sequences of four operations are played, not of three.
LONG_SECONDS = 240


def run(budget_seconds: float, seed: int, report: Report) -> None:
    """Play as many histories as the budget allows, at most 200,000."""
    environment.prepare_python()
    examples = min(MOST_EXAMPLES, max(1_000, int(budget_seconds * EXAMPLES_A_SECOND)))
    junit = LOGS / "stress_planner.xml"
    LOGS.mkdir(parents=True, exist_ok=True)
    junit.unlink(missing_ok=True)
    done = subprocess.run(
        [
            *(str(PYTHON), "-m", "pytest", "-q", "--rootdir=.", f"--junitxml={junit}"),
            "test_sync_histories.py",
        ],
        cwd=testing.PURE_TESTS,
        env=process.base_environment()
        | {
            "STRESS_EXAMPLES": str(examples),
            "STRESS_SEED": str(seed),
            "STRESS_LENGTH": "4" if budget_seconds >= LONG_SECONDS else "3",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = testing.read_junit(junit)
    report.count("histories", examples)
    if done.returncode or outcome.failed or not outcome.passed:
        last = done.stdout.strip().splitlines()[-1:] or ["no result"]
        report.violation(f"the planner's histories: {last[0]}", seed, done.stdout)
