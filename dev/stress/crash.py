"""Tier 3: a worker dies at every point of its way, and nothing is lost by it.

A worker with real transactions and real HTTPS is killed by SIGKILL (and SIGTERM, and
the loss of its PostgreSQL sessions) before and after each commit, request and engine
method. Another one takes over; in the end both sides must look as if nobody had died.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from .. import database, environment, server
from ..paths import LOGS
from ..python_env import PYTHON
from .child import WHOLE, Part, follow
from .report import Report

INSIDE = Path(__file__).with_name("inside.py")


def run(
    budget_seconds: float,
    seed: int,
    report: Report,
    kills: int = 0,
    part: Part = WHOLE,
) -> None:
    """Kill as often as the budget allows.

    :param kills: that often, spread over the way of one worker with everything to do
    """
    inside_odoo(
        *("crash_inside", budget_seconds, report),
        heard=lambda told: report.results.extend(
            [name, told[name]] for name in ("point", "died") if name in told
        ),
        seed=seed,
        kills=kills,
        part=part,
    )


def conclude(report: Report) -> None:
    """Count the points that workers pass, and those at which one was killed."""
    points = {label for name, label in report.results if name == "point"}
    died = {label for name, label in report.results if name == "died"}
    report.count("labelled points", len(points | died))
    report.count("labelled points with a kill", len(died))


def inside_odoo(
    module: str,
    seconds: float,
    report: Report,
    heard: Callable[[dict], None] | None = None,
    **arguments: object,
) -> None:
    """Run a module's `main` in Odoo, on a database and with a simulator of its own.

    :param heard: gets all that it tells
    """
    # As a test's, so that it goes even if this process is killed.
    name = database.named(f"test_{os.getpid()}")
    with environment.ready() as template:
        database.clone_with_addon(template, name)
        try:
            with server.simulator(empty=True) as announced:
                conf = server.odoo_conf(
                    name,
                    {
                        **server.trusting(announced),
                        "logfile": LOGS / f"{report.name}.log",
                        "max_cron_threads": 0,
                    },
                )
                given = {"announced": announced, "seconds": seconds, **arguments}
                follow(
                    report,
                    seconds,
                    *(PYTHON, "-P", INSIDE, module, conf, json.dumps(given)),
                    heard=heard,
                    env=server.odoo_environment(),
                )
        finally:
            database.drop(name)
