"""All tests, and one honest line about them."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from . import apps, database, environment, odoo_source, process, say, server
from .paths import ADDON, LOCAL, LOGS, ROOT, SCREENSHOTS
from .python_env import PYTHON

PURE, CONFORMANCE, STRESS = "pure", "conformance", "stress"
DYNAMICS = "dynamics"
# The tests that need other Odoo apps, and the tag that keeps them out of the others.
APPS, APPS_TAG, REMOVAL = "apps", "dataverse_apps", "removal"
PURE_TESTS = ROOT / "tests" / "pure"
CONFORMANCE_TESTS = ROOT / "tests" / "conformance"
DYNAMICS_TESTS = ROOT / "tests" / "dynamics"
ODOO_TESTS = Path(__file__).with_name("odoo_tests.py")


class Outcome(NamedTuple):
    """How many tests passed and failed; what else went wrong counts as failed."""

    passed: int
    failed: int

    def confirmed(self, what: str, status: int) -> Outcome:
        """The outcome of a process that has ended, with its status taken to account."""
        if status and not self.failed:
            say.line(f"{what} ended with status {status}")
        elif not self.passed + self.failed:
            say.line(f"{what}: no test ran, or there is no result")
        else:
            return self
        return Outcome(self.passed, self.failed + 1)


def run(tags: str = "") -> int:
    """Run the tests; the last line on standard output is `N passed, N failed`.

    :param tags: empty for all tests, `pure` for those without Odoo, `conformance` for
        the facts about Dataverse, `stress` for the sample of `make stress`
        (`stress:NAME` for those whose name begins so), `apps` for the tests that need
        other Odoo apps (`apps:CLASS` or `apps:CLASS.METHOD` for some of them,
        `apps:removal` for an app that leaves and comes back),
        `dynamics` for those of the script on the command bar of Dynamics 365, which
        need Node.js,
        otherwise Odoo's `--test-tags` for Odoo's alone
    :return: 0 if all of them passed
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    if tags == DYNAMICS:
        outcomes = [_node(DYNAMICS_TESTS)]
    elif tags in (PURE, CONFORMANCE):
        environment.prepare_python()
        outcomes = [_pytest(PURE_TESTS)] if tags == PURE else []
        outcomes.append(_pytest(CONFORMANCE_TESTS))
    else:
        with environment.ready(tours=True) as template:
            folders = () if tags else (PURE_TESTS, CONFORMANCE_TESTS)
            outcomes = [_pytest(folder) for folder in folders]
            what, _, only = tags.partition(":")
            if what not in (STRESS, APPS):
                outcomes.append(_odoo(template, tags or f"/{ADDON}"))
            if what in ("", APPS):
                outcomes.append(_apps(only))
            if what in ("", STRESS):
                outcomes.append(_stress(only))
    total = Outcome(*map(sum, zip(*outcomes, strict=True)))
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return int(total.failed > 0)


def _pytest(folder: Path) -> Outcome:
    report = LOGS / f"{folder.name}.xml"
    # An exported DATAVERSE_URL is for who runs the conformance suite by hand.
    env = {
        name: value
        for name, value in process.base_environment().items()
        if not name.startswith("DATAVERSE_")
    }
    report.unlink(missing_ok=True)
    # With the tests as its root pytest never sees the packages above them, which
    # import Odoo.
    status = process.call(
        *(PYTHON, "-m", "pytest", "-q", "--rootdir=.", f"--junitxml={report}", "."),
        cwd=folder,
        env=env,
    )
    return read_junit(report).confirmed(f"The {folder.name} tests", status)


def _node(folder: Path) -> Outcome:
    """Run tests in Node.js, with what they need from npm beside a copy of them."""
    if not shutil.which("npm"):
        raise SystemExit("These tests need Node.js 20 with npm.")
    report, copy = LOGS / f"{folder.name}.xml", LOCAL / folder.name
    report.unlink(missing_ok=True)
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    process.run("npm", "install", "--no-audit", "--no-fund", cwd=copy)
    status = process.call(
        *("node", "--test", "--test-reporter=junit"),
        f"--test-reporter-destination={report}",
        cwd=copy,
        env=os.environ | {"SCRIPTS": f"{ROOT / 'static' / folder.name}/"},
    )
    return read_junit(report).confirmed(f"The {folder.name} tests", status)


def _apps(only: str) -> Outcome:
    """The tests that need other Odoo apps, in a database that has them."""
    template = database.template(odoo_source.provide(), database.APPS, assets=False)
    if only == REMOVAL:
        return _removal(template)
    tags = f"{APPS_TAG}/{ADDON}" + (f":{only}" if only else "")
    outcome = _odoo(template, tags, "test_apps")
    return (
        outcome
        if only
        else Outcome(*map(sum, zip(outcome, _removal(template), strict=True)))
    )


def _removal(template: str) -> Outcome:
    """An app that leaves the database and comes back, see `dev.apps`."""
    passed, failed = apps.run(template)
    return Outcome(len(passed), len(failed))


def _odoo(template: str, tags: str, called: str = "test") -> Outcome:
    result, log = LOGS / f"{called}.json", LOGS / f"{called}.log"
    for old in (result, log):
        old.unlink(missing_ok=True)
    database.drop_left_behind()
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    name = database.named(f"test_{os.getpid()}")
    say.line(f"Odoo's tests {tags}; log in {log}, screenshots in {SCREENSHOTS}")
    try:
        with say.step("template database: cloned"):
            database.clone(template, name)
        status = process.call(
            *(PYTHON, "-P", ODOO_TESTS, result, "-c", server.odoo_conf(name)),
            *("-i", ADDON, "--test-tags", tags, "--stop-after-init"),
            *(f"--http-port={process.free_port()}", "--max-cron-threads=0"),
            *("--screenshots", SCREENSHOTS, "--logfile", log),
            # Odoo's own runner has no fixed folder either.
            cwd=LOCAL,
            env=server.odoo_environment(),
        )
    finally:
        database.drop(name)
    return read_ledger(result).confirmed("Odoo", status)


def _stress(only: str) -> Outcome:
    """A sample of `make stress`, the same each time.

    Among the samples is one of an engine that makes a mistake: it must be noticed.
    """
    sample = importlib.import_module(f"{__package__}.stress.sample")
    passed, failed = sample.run(only)
    return Outcome(len(passed), len(failed))


def read_junit(report: Path) -> Outcome:
    """Count the tests in pytest's report; each once, skipped ones not at all.

    A report that is not there or broken has no tests.
    """
    try:
        cases = ElementTree.parse(report).iter("testcase")
    except (OSError, ElementTree.ParseError):
        return Outcome(0, 0)
    verdicts: dict[tuple[str | None, str | None], set[str]] = {}
    for case in cases:
        name = (case.get("classname"), case.get("name"))
        verdicts.setdefault(name, set()).update(child.tag for child in case)
    failed = sum(bool(tags & {"failure", "error"}) for tags in verdicts.values())
    skipped = sum(tags == {"skipped"} for tags in verdicts.values())
    return Outcome(len(verdicts) - failed - skipped, failed)


def read_ledger(result: Path) -> Outcome:
    """Count the tests in the result file of `odoo_tests`.

    A file that is not there or broken has no tests.
    """
    try:
        ledger = json.loads(result.read_text())
    except (OSError, ValueError):
        return Outcome(0, 0)
    for name, reason in ledger["failed"].items():
        last = (reason.strip() or "no reason given").splitlines()[-1]
        print(f"FAILED {name}: {last}", file=sys.stderr)
    return Outcome(len(ledger["passed"]), len(ledger["failed"]))
