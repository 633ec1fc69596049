"""Default mappings come and go with their Odoo app: a test that changes a database.

Odoo's own tests cannot remove an app, so this one works in a database of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import database, say, server
from .paths import ADDON

IN_ODOO = Path(__file__).with_name("apps_odoo.py")
APP_MAPPING = "OPPORTUNITY"
Facts = dict[str, dict[str, Any]]


def _without_the_app(facts: Facts) -> bool:
    before, after = facts["prepare"], facts["uninstall_app"]
    left = [name for name in before["mappings"] if name != APP_MAPPING]
    return APP_MAPPING in before["mappings"] and after["mappings"] == left


def _couplings_go(facts: Facts) -> bool:
    numbers = [facts[step]["opportunities"] for step in ("prepare", "uninstall_app")]
    return numbers == [1, 0]


def _the_rest_goes_on(facts: Facts) -> bool:
    after = facts["uninstall_app"]
    return (after["run"], after["failed"], after["errors"]) == ("done", 0, [])


def _an_upgrade_keeps_changes(facts: Facts) -> bool:
    before, after = facts["uninstall_app"], facts["upgrade_addon"]
    return after["policy"] == "manual" and after["mappings"] == before["mappings"]


def _back_with_the_app(facts: Facts) -> bool:
    after = facts["install_app"]
    return after["mappings"] == facts["prepare"]["mappings"]


CHECKS: tuple[Callable[[Facts], bool], ...] = (
    _without_the_app,
    _couplings_go,
    _the_rest_goes_on,
    _an_upgrade_keeps_changes,
    _back_with_the_app,
)
STEPS = ("prepare", "uninstall_app", "upgrade_addon", "install_app")


def run(template: str) -> tuple[list[str], list[str]]:
    """Remove an app, upgrade the addon, and install the app again.

    :param template: a database with the apps
    :return: names of the checks that passed, and of those that failed
    """
    name = database.named("test_removal")
    try:
        with (
            server.simulator(empty=True) as announced,
            say.step("an app leaves and comes back"),
        ):
            database.clone_with_addon(template, name)
            conf = server.trusting(announced)
            facts: Facts = {}
            for step in STEPS:
                arguments = {"announced": announced} if step == "prepare" else {}
                facts[step] = _in_odoo(name, step, conf, arguments)
    finally:
        database.drop(name)
    passed = [check.__name__ for check in CHECKS if check(facts)]
    failed = [check.__name__ for check in CHECKS if check.__name__ not in passed]
    for check in failed:
        say.line(f"FAILED {ADDON} apps{check}: {facts}")
    return passed, failed


def _in_odoo(
    name: str, step: str, conf: dict[str, object], arguments: dict[str, Any]
) -> dict[str, Any]:
    call = f"{step}(env, **json.loads({json.dumps(arguments)!r}))"
    script = f"{IN_ODOO.read_text()}\n\nimport json\n\nprint(json.dumps({call}))\n"
    return json.loads(server.run_odoo_script(name, script, conf).splitlines()[-1])
