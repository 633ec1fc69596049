"""Everything a command needs, prepared once; what is there already costs a moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from . import browser, database, odoo_source, postgres, process, python_env, say
from .paths import LOCAL


def prepare_python() -> None:
    """Prepare what the pure tests and the simulator need."""
    with process.alone("prepare"):
        _announce()
        python_env.provide()


@contextmanager
def ready(tours: bool = False) -> Iterator[str]:
    """Prepare what Odoo needs, and have PostgreSQL for the time of a `with`.

    :param tours: a browser is needed as well
    :return: the name of the template database, to be given to `database.clone`
    """
    with process.alone("prepare"):
        _announce()
        if tours:
            browser.provide()
        with ThreadPoolExecutor() as beside:
            # Downloading and unpacking wait for the network and the disk in turns.
            fetched = beside.submit(odoo_source.provide)
            python_env.provide()
            postgres.provide()
            odoo = fetched.result()
        python_env.connect(odoo)
    with postgres.running():
        yield database.template(odoo)


def _announce() -> None:
    first = "" if LOCAL.joinpath("venv").exists() else " (some two minutes this once)"
    say.line(f"Preparing the environment in {LOCAL}{first}")
