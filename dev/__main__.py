"""The commands of the Makefile: `python3 -m dev COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import signal
import sys

from . import (
    database,
    environment,
    lint,
    postgres,
    process,
    say,
    screenshots,
    server,
    testing,
    translations,
)
from .paths import ADDON, LOCAL, LOGS, ROOT
from .python_env import PYTHON

LOGIN = "admin"


def main() -> int:
    """Run the command named on the command line; return the exit status."""
    # So that what was started is ended, however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    arguments = vars(_parser().parse_args())
    command = arguments.pop("command")
    try:
        return command(**arguments) or 0
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m dev", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text)
        added.set_defaults(command=command)
        return added

    add("demo", demo, "both sides, coupled and synchronized, then served")
    test = add("test", testing.run, "run the tests")
    test.add_argument("--tags", default="", help="Odoo's --test-tags, or: pure, stress")
    bench_ = add("bench", bench, "measure, against Odoo alone")
    bench_.add_argument("--n", type=_optional(int), help="how many records")
    bench_.add_argument(
        "--match", type=_optional(int), help="match so many records, and nothing else"
    )
    latency_ = add("latency", latency, "measure how soon the other side sees a change")
    latency_.add_argument("--n", type=_optional(int), help="changes on each side")
    stress_ = add("stress", stress, "long campaigns of faults, crashes and histories")
    stress_.add_argument("--minutes", type=_optional(float), help="for all of them")
    stress_.add_argument("--seed", type=_optional(int), help="to see it all again")
    stress_.add_argument("--tiers", default="", help="some of them, with commas")
    add("lint", lint.run, "run every static check")
    add("pot", translations.run, "write the terms for translators")
    add("screenshots", screenshots.run, "refresh the pictures of README and store page")
    solution_ = add("solution", solution, "write the solution for Dynamics 365")
    solution_.add_argument(
        "--file", type=os.path.abspath, default=LOCAL / "odoo_solution.zip"
    )
    part = add(
        "stress-part", stress_part, "one part of a tier; make stress asks for it"
    )
    part.add_argument("--tier", required=True)
    part.add_argument("--part", type=int, default=0, help="its number, from 0")
    part.add_argument("--parts", type=int, default=1)
    part.add_argument("--seconds", type=float, required=True)
    part.add_argument("--seed", type=int, required=True)
    simulator = add("simulator", run_simulator, "serve a local Dataverse")
    simulator.add_argument("--port", type=_optional(int))
    simulator.add_argument("--data", type=_optional(os.path.abspath), help="a folder")
    simulator.add_argument("--http-port", type=_optional(int))
    load = add("simulator-load", simulator_load, "measure the simulator alone")
    load.add_argument("--rows", type=int, default=20_000)
    load.add_argument("--data", type=os.path.abspath, help="a folder: rows on disk")
    odoo = add("odoo", run_odoo, "serve Odoo with the addon, to develop on")
    odoo.add_argument("--port", type=_optional(int))
    odoo.add_argument("--hosts", type=_optional(str), help="dataverse_allowed_hosts")
    odoo.add_argument("--ca", type=_optional(os.path.abspath), help="dataverse_ca_file")
    add("clean", clean, "remove .local/")
    return parser


def _optional(kind):
    """A converter that takes the empty text for no value, as make passes it."""
    return lambda text: kind(text) if text else None


def demo() -> int:
    """Hand over to `dev.demo`, which nothing else needs."""
    return importlib.import_module(f"{__package__}.demo").run()


def bench(n: int | None, match: int | None) -> int:
    """Hand over to `dev.bench`; N records, or as many as it chooses."""
    measured = importlib.import_module(f"{__package__}.bench")
    if match:
        return measured.match(match)
    return measured.run(n) if n else measured.run()


def latency(n: int | None) -> int:
    """Hand over to `dev.latency`; N changes on each side, or as many as it chooses."""
    measured = importlib.import_module(f"{__package__}.latency").run
    return measured(n) if n else measured()


def solution(file: str) -> int:
    """Write the solution with the button for Dynamics 365, as the addon builds it."""
    environment.prepare_python()
    process.run(PYTHON, "-m", "dataverse.solution", file, cwd=ROOT)
    say.line(f"written: {file}")
    return 0


def stress(**options: object) -> int:
    """Hand over to `dev.stress`."""
    return importlib.import_module(f"{__package__}.stress").run(**options)


def stress_part(**options: object) -> None:
    """Hand over to `dev.stress`: one process of several."""
    importlib.import_module(f"{__package__}.stress").play_part(**options)


def run_simulator(**options: object) -> int:
    """Run the simulator in the foreground; options as of its command line."""
    environment.prepare_python()
    command = server.simulator_command(**options)
    return process.call(*command, env=process.base_environment(), cwd=ROOT)


def simulator_load(rows: int, data: str | None) -> None:
    """Hand over to `dev.simulator_load`."""
    importlib.import_module(f"{__package__}.simulator_load").run(rows, data)


def run_odoo(port: int | None, hosts: str | None, ca: str | None) -> int:
    """Serve Odoo with the addon, brought up to date, until Ctrl-C.

    :param hosts: the hosts besides Microsoft's to connect to, as of
        `dataverse_allowed_hosts`: the simulator's
    :param ca: the certificate of the authority behind them
    """
    name = database.named("dev")
    with environment.ready() as template:
        if not database.exists(name):
            database.clone(template, name)
        with say.step("the addon installed or updated"):
            server.run_odoo(name, "-i", ADDON, "-u", ADDON, "--stop-after-init")
        port = process.free_port(port or 8069)
        conf = {"dataverse_allowed_hosts": hosts, "dataverse_ca_file": ca}
        odoo = server.start_odoo(name, port, {k: v for k, v in conf.items() if v})
        try:
            url = f"http://127.0.0.1:{port}/odoo"
            print(f"{url}  login {LOGIN}, password {LOGIN}", flush=True)
            say.line(f"log: {LOGS / name}.log; Ctrl-C ends it")
            return odoo.wait()
        finally:
            process.stop(odoo)


def clean() -> None:
    """Stop our own PostgreSQL and remove all that was ever prepared."""
    if postgres.PROGRAMS.exists():
        postgres.stop()
    shutil.rmtree(LOCAL, ignore_errors=True)
    say.line(f"removed {LOCAL}")


if __name__ == "__main__":
    sys.exit(main())
