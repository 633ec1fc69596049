"""Odoo and the simulator as child processes."""

from __future__ import annotations

import json
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from . import postgres, process
from .paths import DATA_DIR, LOGS, ROOT, conf_file, link_addon
from .python_env import ODOO_BIN, PYTHON

START_SECONDS = 120


def odoo_conf(database: str, extra: Mapping[str, object] | None = None) -> Path:
    """Write the configuration for Odoo on a database.

    :param extra: options for odoo.conf besides, such as `dataverse_allowed_hosts`
    :return: the file, which names the database and keeps Odoo to it
    """
    to = postgres.server()
    options: dict[str, object] = {
        "addons_path": link_addon(),
        "data_dir": DATA_DIR,
        "db_host": to.host,
        "db_port": to.port,
        "db_user": to.user,
        "db_name": database,
        "dbfilter": f"^{database}$",
        "db_template": "template1",
        "list_db": False,
        "http_interface": "127.0.0.1",
        "without_demo": True,
    }
    if to.password:
        options["db_password"] = to.password
    options |= extra or {}
    file = conf_file(database)
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {value}\n" for name, value in options.items()]
    file.touch(mode=0o600)
    file.write_text("".join(["[options]\n", *lines]))
    return file


def odoo_environment() -> dict[str, str]:
    """The environment for Odoo, the same on every machine."""
    fixed = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return process.base_environment() | fixed | postgres.server().environment()


def run_odoo(
    database: str, *arguments: object, extra: Mapping[str, object] | None = None
) -> None:
    """Run Odoo to its end without serving, for instance to install a module.

    :param extra: as of `odoo_conf`
    :raise SystemExit: it failed; `.local/logs/<database>.log` has the whole story
    """
    conf = odoo_conf(database, extra)
    process.run(
        *(PYTHON, ODOO_BIN, "-c", conf, *_log_to(database)),
        *("--no-http", "--max-cron-threads=0", *arguments),
        env=odoo_environment(),
    )


def run_odoo_script(
    database: str, script: str | Path, extra: Mapping[str, object] | None = None
) -> str:
    """Run Python code in Odoo's shell, where `env` is the superuser's environment.

    The code commits itself what is to stay: `env.cr.commit()`.

    :param script: the code, or the path of a file with it
    :param extra: as of `odoo_conf`
    :return: what the code printed
    :raise SystemExit: the code failed; the message has the end of its traceback
    """
    code = script.read_text() if isinstance(script, Path) else script
    conf = odoo_conf(database, extra)
    return process.run(
        *(PYTHON, ODOO_BIN, "shell", "-c", conf, *_log_to(database), "--no-http"),
        env=odoo_environment(),
        input=code,
    )


def start_odoo(
    database: str, port: int, extra: Mapping[str, object] | None = None
) -> subprocess.Popen:
    """Start Odoo on http://127.0.0.1:`port` and wait until it answers.

    :param extra: as of `odoo_conf`
    :return: the process, to be ended by `process.stop`
    """
    conf = odoo_conf(database, {"http_port": port} | dict(extra or {}))
    odoo = process.start(
        *(PYTHON, ODOO_BIN, "-c", conf, *_log_to(database)),
        env=odoo_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_odoo(odoo, port, LOGS / f"{database}.log")
    except BaseException:
        process.stop(odoo)
        raise
    return odoo


def start_simulator(**options: object) -> tuple[subprocess.Popen, dict[str, object]]:
    """Start the simulator and wait until it is ready.

    :param options: those of its command line: `http_port=0` is `--http-port 0`, True
        stands for an option without a value, None for one that is not given
    :return: the process, to be ended by `process.stop`, and what it announced: `url`,
        `authority`, `tenant`, `client_id`, `client_secret`, `ca` and more
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOGS / "simulator.log", "w") as log:
        simulator = process.start(
            *simulator_command(exit_with_parent=True, **options),
            cwd=ROOT,
            env=process.base_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    # It never writes to standard output again, so nobody has to read on.
    with selectors.DefaultSelector() as ready:
        ready.register(simulator.stdout, selectors.EVENT_READ)
        announced = ready.select(START_SECONDS) and simulator.stdout.readline()
    if not announced:
        process.stop(simulator)
        said = (LOGS / "simulator.log").read_text().splitlines()[-15:]
        raise SystemExit("\n    ".join(["The simulator did not start:", *said]))
    return simulator, json.loads(announced)


@contextmanager
def simulator(**options: object) -> Iterator[dict[str, object]]:
    """Have a simulator for the time of a `with`; get what it announced.

    :param options: as of `start_simulator`
    """
    running, announced = start_simulator(**options)
    try:
        yield announced
    finally:
        process.stop(running)


def trusting(announced: Mapping[str, object]) -> dict[str, object]:
    """The options of odoo.conf with which Odoo connects to a simulator.

    :param announced: what it announced
    """
    return {
        "dataverse_allowed_hosts": str(announced["url"]).removeprefix("https://"),
        "dataverse_ca_file": announced["ca"],
    }


def simulator_command(**options: object) -> list[object]:
    """The command that starts the simulator; options as of `start_simulator`."""
    command: list[object] = [PYTHON, "-m", "simulator"]
    for name, value in options.items():
        if value is None:
            continue
        command.append("--" + name.replace("_", "-"))
        if value is not True:
            command.append(value)
    return command


def _log_to(database: str) -> tuple[object, ...]:
    LOGS.mkdir(parents=True, exist_ok=True)
    return ("--logfile", LOGS / f"{database}.log")


def _wait_for_odoo(odoo: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while odoo.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/web/health")
            if connection.getresponse().status == HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise SystemExit(f"Odoo did not start; its log is {log}.")
