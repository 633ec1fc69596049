"""Odoo's command line, with a ledger of the tests it runs.

Run by `testing` inside Odoo's process: `python -P odoo_tests.py RESULT ARGUMENTS...`.
Odoo's own last line counts each failing subtest, leaves out skipped tests, and is
content with none at all; here each test has one outcome. RESULT becomes a JSON object:
`passed`, a list of names, and `failed`, an object of names and reasons.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path


class Ledger:
    """The outcome of each test, by its name; one line a class as they go by.

    A test that is skipped counts as failed: everything a test may ask for is
    installed, and Odoo skips its tours when the browser does not start.
    """

    def __init__(self, say: Callable[[str], None] = print) -> None:
        self.say = say
        self.ran: dict[str, None] = {}
        self.failed: dict[str, str] = {}
        self._class = ""
        self._started = self._stopped = 0.0

    def watch(self, result_class: type) -> None:
        """Be told of what a class of test results is told."""
        for event in ("startTest", "stopTest", "addError", "addFailure", "addSkip"):
            original = getattr(result_class, event)
            setattr(result_class, event, self._also(original, getattr(self, event)))

    @staticmethod
    def _also(original: Callable, ours: Callable) -> Callable:
        def both(result, *arguments):
            original(result, *arguments)
            # Odoo can try a test again; then only the last try is in earnest.
            if not result._soft_fail:
                ours(result, *arguments)

        return both

    def startTest(self, _result, test) -> None:
        name, _, _ = test.id().rpartition(".")
        if name != self._class:
            self.close_class()
            self._class, self._started = name, time.monotonic()
        self.ran[test.id()] = None

    def stopTest(self, _result, _test) -> None:
        self._stopped = time.monotonic()

    def addError(self, result, test, error) -> None:
        self.fail(self._name(test), result._exc_info_to_string(error, test))

    addFailure = addError

    def addSkip(self, _result, test, reason) -> None:
        self.fail(self._name(test), f"skipped: {reason}")

    @staticmethod
    def _name(test) -> str:
        """A subtest goes under the name of its test."""
        return getattr(test, "test_case", test).id()

    def fail(self, name: str, reason: str) -> None:
        """Note that a test, or what is between the tests, failed."""
        self.say(f"FAILED {name}\n{reason}")
        self.failed.setdefault(name, reason)

    def close_class(self) -> None:
        """Say how the tests of the last class ended."""
        mine = [name for name in self.ran if name.startswith(f"{self._class}.")]
        if mine:
            failed = sum(name in self.failed for name in mine)
            verdict = f"{failed} of {len(mine)} failed" if failed else f"{len(mine)} ok"
            seconds = self._stopped - self._started
            short = self._class.removeprefix("odoo.addons.")
            self.say(f"  {seconds:11.1f} s  {short}: {verdict}")

    def as_dict(self) -> dict[str, object]:
        """What goes into the result file."""
        passed = [name for name in self.ran if name not in self.failed]
        return {"passed": passed, "failed": self.failed}


class WarningsBetweenTests(logging.Handler):
    """Warnings while modules are loaded fail the run; a test may well cause some."""

    def __init__(self, ledger: Ledger, in_test: Callable[[], object]) -> None:
        super().__init__(logging.WARNING)
        self.ledger = ledger
        self.in_test = in_test

    def emit(self, record: logging.LogRecord) -> None:
        # What Odoo logs about failed tests is in the ledger already.
        about_tests = record.name.startswith("odoo.tests") or (
            record.name == "odoo.modules.loading" and "test" in record.msg
        )
        if not about_tests and not self.in_test():
            message = record.getMessage()
            if record.exc_info:
                message += "\n" + logging.Formatter().formatException(record.exc_info)
            place = f"{record.name}, line {record.lineno}"
            self.ledger.fail(f"{record.levelname} between tests: {place}", message)


def main(result: Path) -> None:
    """Run Odoo with the arguments of the command line and write the result file."""
    from odoo.cli.command import main as odoo
    from odoo.modules import module
    from odoo.tests.result import OdooTestResult

    ledger = Ledger(lambda text: print(text, flush=True))
    ledger.watch(OdooTestResult)
    watcher = WarningsBetweenTests(ledger, lambda: module.current_test)
    logging.getLogger().addHandler(watcher)
    try:
        odoo()
    finally:
        ledger.close_class()
        result.write_text(json.dumps(ledger.as_dict(), indent=1))


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)))
