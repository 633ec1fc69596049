"""T2: random histories of people and runs, on real Odoo and the simulator."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from .. import database, environment, server
from ..paths import LOCAL
from ..python_env import ODOO_BIN, PYTHON
from .child import WHOLE, Part, follow
from .report import FOLDER, Report

STEPS = 50
MODULE = "odoo.addons.dataverse_sync.dev.stress.play.campaign"


def run(
    budget_seconds: float,
    seed: int,
    report: Report,
    *,
    histories: int = 1_000_000,
    steps: int = STEPS,
    broken: str | None = None,
    part: Part = WHOLE,
) -> None:
    """Play histories until the time is over.

    :param histories: how many at most
    :param steps: the longest one
    :param broken: a mistake for the engine to make; see `play.campaign`
    """
    with environment.ready() as template:
        name = database.named(f"test_{os.getpid()}")
        database.clone_with_addon(template, name)
        try:
            in_odoo(
                *(report, name, budget_seconds, MODULE, "play"),
                first_seed=seed,
                seconds=budget_seconds,
                histories=histories,
                steps=steps,
                broken=broken,
                part=part,
            )
        finally:
            database.drop(name)


def in_odoo(
    report: Report,
    name: str,
    seconds: float,
    module: str,
    function: str,
    /,
    *,
    conf: Mapping[str, object] | None = None,
    **arguments: object,
) -> None:
    """Call `function(env, **arguments)` of a module in Odoo's shell, and follow it.

    :param conf: options for odoo.conf besides
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    script = FOLDER / f"{report.name}.py"
    script.write_text(
        f"import json\nfrom {module} import {function}\n"
        f"{function}(env, **json.loads({json.dumps(arguments)!r}))\n"
    )
    log = LOCAL / "logs" / f"{name}.log"
    with script.open() as code:
        follow(
            *(report, seconds, PYTHON, ODOO_BIN, "shell"),
            *("-c", server.odoo_conf(name, conf), "--logfile", log, "--no-http"),
            # The order of sets is a part of the same history.
            env=server.odoo_environment() | {"PYTHONHASHSEED": "0"},
            stdin=code,
        )
