"""How the tests are counted, and what is written for Odoo to start with."""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import subprocess
import sys
import unittest.case
from configparser import RawConfigParser

import pytest

from dev import debian, paths, postgres, process, server
from dev.odoo_tests import Ledger, WarningsBetweenTests
from dev.stress import report
from dev.stress.child import share
from dev.testing import Outcome, read_junit, read_ledger


class Sample(unittest.TestCase):
    __test__ = False  # it is what the tests are about

    def test_a(self):
        pass

    def test_b(self):
        pass


A, B = (f"{__name__}.Sample.{name}" for name in ("test_a", "test_b"))


@pytest.fixture
def ledger():
    return Ledger(say=lambda text: None)


@pytest.fixture
def result(ledger):
    """A result as Odoo has it, watched by the ledger."""

    class Result(unittest.TestResult):
        _soft_fail = False

        def _exc_info_to_string(self, error, test):
            return str(error[1])

    ledger.watch(Result)
    return Result()


def error(text="broken"):
    return (AssertionError, AssertionError(text), None)


def test_a_test_that_ends_without_a_word_has_passed(ledger, result):
    result.startTest(Sample("test_a"))
    result.stopTest(Sample("test_a"))
    assert ledger.as_dict() == {"passed": [A], "failed": {}}


def test_failing_subtests_count_as_one_failed_test(ledger, result):
    test = Sample("test_a")
    result.startTest(test)
    for number in (1, 2):
        subtest = unittest.case._SubTest(test, "", {"number": number})
        result.addFailure(subtest, error(f"no {number}"))
    assert ledger.as_dict() == {"passed": [], "failed": {A: "no 1"}}


def test_a_failure_and_an_error_at_its_end_count_as_one_failed_test(ledger, result):
    result.startTest(Sample("test_a"))
    result.addFailure(Sample("test_a"), error("first"))
    result.addError(Sample("test_a"), error("second"))
    assert ledger.failed == {A: "first"}


def test_a_skipped_test_has_failed(ledger, result):
    result.startTest(Sample("test_a"))
    result.addSkip(Sample("test_a"), "no browser")
    assert ledger.as_dict() == {"passed": [], "failed": {A: "skipped: no browser"}}


def test_a_class_that_cannot_be_set_up_is_one_failure(ledger, result):
    holder = unittest.suite._ErrorHolder("setUpClass (x.TestY)")
    result.addError(holder, error())
    result.startTest(Sample("test_a"))
    assert ledger.as_dict() == {
        "passed": [A],
        "failed": {"setUpClass (x.TestY)": "broken"},
    }


def test_a_failure_that_odoo_will_try_again_does_not_count(ledger, result):
    result.startTest(Sample("test_a"))
    result._soft_fail = True
    result.addFailure(Sample("test_a"), error())
    assert ledger.failed == {}


def test_each_class_gets_a_line_with_its_counts():
    said = []
    ledger = Ledger(said.append)
    ledger.startTest(None, Sample("test_a"))
    ledger.startTest(None, Sample("test_b"))
    ledger.addSkip(None, Sample("test_b"), "why")
    ledger.close_class()
    assert said[-1].endswith("Sample: 1 of 2 failed")


@pytest.mark.parametrize(
    ("logger", "level", "in_test", "fails"),
    [
        ("odoo.fields", logging.WARNING, False, True),
        ("odoo.fields", logging.ERROR, False, True),
        ("odoo.fields", logging.INFO, False, False),
        ("odoo.fields", logging.WARNING, True, False),
        ("odoo.tests.result", logging.ERROR, False, False),
    ],
)
def test_warnings_fail_the_run_unless_a_test_caused_them(
    ledger, logger, level, in_test, fails
):
    handler = WarningsBetweenTests(ledger, lambda: in_test)
    record = logging.LogRecord(logger, level, "", 1, "unknown %s", ("field",), None)
    if level >= handler.level:
        handler.handle(record)
    name = f"{logging.getLevelName(level)} between tests: {logger}, line 1"
    assert ledger.failed == ({name: "unknown field"} if fails else {})


def test_the_ledger_is_read_as_it_was_written(tmp_path, ledger):
    ledger.startTest(None, Sample("test_a"))
    ledger.startTest(None, Sample("test_b"))
    ledger.addSkip(None, Sample("test_b"), "")
    file = tmp_path / "test.json"
    file.write_text(json.dumps(ledger.as_dict()))
    assert read_ledger(file) == Outcome(passed=1, failed=1)


def test_a_process_that_died_is_a_failure_even_if_all_tests_before_passed(tmp_path):
    missing = read_ledger(tmp_path / "missing.json")
    assert missing.confirmed("Odoo", status=-9) == Outcome(0, 1)
    assert Outcome(5, 0).confirmed("Odoo", status=1) == Outcome(5, 1)


def test_no_tests_at_all_are_a_failure():
    assert Outcome(0, 0).confirmed("Odoo", status=0) == Outcome(0, 1)


def test_the_status_of_failed_tests_is_not_counted_again():
    assert Outcome(5, 2).confirmed("Odoo", status=1) == Outcome(5, 2)


def test_pytests_report_counts_each_test_once_and_skipped_ones_not(tmp_path):
    report = tmp_path / "pure.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="m" name="passes"/>'
        '<testcase classname="m" name="fails"><failure/></testcase>'
        '<testcase classname="m" name="fails"><error/></testcase>'
        '<testcase classname="m" name="is skipped"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    assert read_junit(report) == Outcome(passed=1, failed=1)


def test_a_broken_report_has_no_tests(tmp_path):
    report = tmp_path / "pure.xml"
    report.write_text("<testsuites>")
    assert read_junit(report) == Outcome(0, 0)


def test_a_failed_command_ends_with_its_words_and_its_output():
    with pytest.raises(SystemExit) as failure:
        process.run("sh", "-c", "echo on the way; echo no such thing >&2; exit 3")
    message = str(failure.value)
    assert "status 3" in message
    assert "on the way" in message
    assert "no such thing" in message


def test_what_a_process_has_started_ends_with_it():
    reading, writing = os.pipe()
    # The pipe closes when the last process that has it is gone.
    parent = process.start("sh", "-c", "sleep 60 & wait", pass_fds=[writing])
    os.close(writing)
    process.stop(parent)
    assert select.select([reading], [], [], 10)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_what_a_process_has_started_ends_even_if_it_is_killed():
    reading, writing = os.pipe()
    code = (
        "import sys, time; from dev import process;"
        f"process.start('sleep', '60', pass_fds=[{writing}]);"
        "print('started', flush=True); time.sleep(60)"
    )
    parent = process.start(
        *(sys.executable, "-c", code),
        pass_fds=[writing],
        stdout=subprocess.PIPE,
        cwd=paths.ROOT,
    )
    os.close(writing)
    assert parent.stdout.readline() == "started\n"
    parent.kill()
    assert select.select([reading], [], [], 10)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)
    process.stop(parent)


def test_parts_of_a_tier_do_all_of_its_work_once(monkeypatch, tmp_path):
    assert [share("abcde", (number, 2)) for number in range(2)] == ["ace", "bd"]
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    whole = report.Report("crash")
    for number in range(2):
        part = report.Report("crash", f"crash-{number}")
        part.count("kills", 3)
        part.violation("lost", 1)
        part.results.append(["died", number])
        whole.add(json.loads(json.dumps(vars(part))))
    assert whole.figures == {"kills": 6}
    assert whole.results == [["died", 0], ["died", 1]]
    assert len({violation["file"] for violation in whole.violations}) == 2


def test_a_port_that_is_taken_is_not_given_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert process.free_port(port) != port
    assert process.free_port(port) == port


def test_the_addon_gets_its_name_without_what_is_hidden(tmp_path, monkeypatch):
    root, addons = tmp_path / "any name", tmp_path / "addons"
    for folder in ("models", ".local", ".git"):
        (root / folder).mkdir(parents=True)
    monkeypatch.setattr(paths, "ROOT", root)
    monkeypatch.setattr(paths, "ADDONS", addons)
    paths.link_addon()
    (root / "models").rename(root / "engine")
    (root / "__init__.py").touch()
    assert paths.link_addon() == addons
    links = sorted((addons / "dataverse_sync").iterdir())
    assert [link.name for link in links] == ["__init__.py", "engine"]
    assert all(link.exists() for link in links)


def test_an_installation_depends_on_what_odoo_reads(tmp_path, monkeypatch):
    read = ("__init__.py", "models/one.py", "static/src/two.js")
    for name in (*read, "dev/say.py", "tests/common.py", ".git/HEAD", "models/one.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    found = {str(file.relative_to(tmp_path)) for file in paths.addon_files()}
    assert found == set(read)


def test_a_simulator_is_trusted_by_its_host_and_its_authority():
    announced = {"url": "https://localhost:8443", "ca": "/some/ca.pem"}
    assert server.trusting(announced) == {
        "dataverse_allowed_hosts": "localhost:8443",
        "dataverse_ca_file": "/some/ca.pem",
    }


@pytest.mark.parametrize(
    ("sources", "mirror"),
    [
        (["a.test/tools tools-sid", "b.test/debian bookworm"], "b.test/debian"),
        (["a.test/security trixie-security", "b.test/debian sid"], "b.test/debian"),
        (["c.test/ubuntu noble"], None),
        ([], None),
    ],
)
def test_the_mirror_is_debians_among_what_apt_would_fetch(sources, mirror):
    uris = [
        "'http://{}/dists/{}/InRelease' some_InRelease 0\n".format(*source.split())
        for source in sources
    ]
    assert debian.mirror_among("".join(uris)) == (mirror and f"http://{mirror}")


@pytest.fixture
def existing_server(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "LOCAL", tmp_path)
    monkeypatch.setattr(server, "link_addon", lambda: tmp_path)
    given = {"PGHOST": "db", "PGPORT": "5433", "PGUSER": "me", "PGPASSWORD": "secret"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


def test_odoo_is_told_of_an_existing_postgresql_and_of_further_options(existing_server):
    file = server.odoo_conf("one", {"dataverse_allowed_hosts": "localhost:8443"})
    conf = RawConfigParser()
    conf.read(file)
    options = conf["options"]
    assert options["dataverse_allowed_hosts"] == "localhost:8443"
    assert options["db_name"] == "one"
    assert options["db_host"] == "db"
    assert options["db_password"] == "secret"
    assert file.stat().st_mode & 0o077 == 0


def test_what_ignores_odoos_options_is_told_by_the_environment(existing_server):
    environment = server.odoo_environment()
    assert existing_server.items() <= environment.items()


def test_the_socket_of_a_deep_checkout_lies_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "HOME", tmp_path / ("deep" * 25))
    folder = postgres.socket_folder()
    assert len(f"{folder}/.s.PGSQL.5432") <= 107
    monkeypatch.setattr(postgres, "HOME", paths.Path("/short"))
    assert postgres.socket_folder() == paths.Path("/short/run")


def test_options_of_the_simulator_become_those_of_its_command_line():
    command = server.simulator_command(http_port=0, empty=True, data=None, seed=7)
    assert command[1:] == ["-m", "simulator", "--http-port", 0, "--empty", "--seed", 7]
