"""Databases: templates with Odoo or the addon installed, clones of them, their end.

Installing Odoo takes most of a minute, the addon seconds, cloning a quarter of one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import process, say, server
from .paths import (
    ADDON,
    CHECKOUT,
    FILESTORE,
    REQUIREMENTS_LOCK,
    addon_files,
    conf_file,
    fingerprint,
)
from .postgres import sql
from .python_env import version

TEMPLATE_MODULES = "contacts,project"
# What the tests of the other default mappings need besides: they run in a database of
# their own, so that all other tests stay quick.
APPS = "contacts,crm,sale_management,sale_stock"
COMPILE_ASSETS = 'env["ir.qweb"]._pregenerate_assets_bundles()\nenv.cr.commit()\n'


def template(
    odoo: Path, modules: str = TEMPLATE_MODULES, *, assets: bool = True
) -> str:
    """The name of a database with `modules` installed.

    :param odoo: the folder that holds the package folder `odoo`; another one, or other
        libraries, lead to another template
    :param assets: compile them as well, which tests with a browser need
    """
    libraries = REQUIREMENTS_LOCK.read_text()
    compiling = COMPILE_ASSETS if assets else ""
    key = fingerprint(odoo, libraries, version(), modules, compiling)
    name = named(f"template_{key}")
    with process.alone("template"):
        if _is_complete(name):
            say.there(f"template database: {modules} installed")
            return name
        with _building(name) as unfinished:
            with say.step(f"template database: {modules} installed"):
                server.run_odoo(unfinished, "-i", modules, "--stop-after-init")
            if assets:
                with say.step("template database: assets compiled"):
                    server.run_odoo_script(unfinished, compiling)
    return name


def clone_with_addon(template: str, name: str) -> None:
    """Make the database `name` a copy of the template with the addon installed.

    What was installed is kept, as a template of its own, until a file of the addon
    changes.
    """
    contents = [(path, path.read_bytes()) for path in addon_files()]
    source = named(f"addon_{fingerprint(template, contents)}")
    with process.alone("template"):
        if _is_complete(source):
            say.there("template database: the addon installed")
        else:
            _drop_all("addon_")
            with _building(source) as unfinished:
                with say.step("template database: the addon installed"):
                    clone(template, unfinished)
                    server.run_odoo(unfinished, "-i", ADDON, "--stop-after-init")
                with say.step("template database: assets compiled"):
                    server.run_odoo_script(unfinished, COMPILE_ASSETS)
        with say.step("a fresh database"):
            clone(source, name)


def _is_complete(name: str) -> bool:
    return exists(name) and (FILESTORE / name).exists()


@contextmanager
def _building(name: str) -> Iterator[str]:
    """A name to build a template under, which gets its own when it is finished."""
    unfinished = f"{name}_unfinished"
    drop(name)
    drop(unfinished)
    yield unfinished
    (FILESTORE / unfinished).rename(FILESTORE / name)
    sql(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')
    drop(unfinished)  # its configuration is left


def clone(source: str, name: str) -> None:
    """Make the database `name` a copy of `source`, in place of what it was.

    Its files are links to the same contents, which Odoo never changes in place.
    """
    drop(name)
    sql(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
    if (FILESTORE / source).exists():
        shutil.copytree(FILESTORE / source, FILESTORE / name, copy_function=os.link)


def drop(name: str) -> None:
    """Remove a database, its files and its configuration, as far as they are there."""
    sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    shutil.rmtree(FILESTORE / name, ignore_errors=True)
    conf_file(name).unlink(missing_ok=True)


def exists(name: str) -> bool:
    return bool(sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"))


def named(purpose: str) -> str:
    """A name for a database of this checkout, which may share a server with others."""
    return f"dataverse_{CHECKOUT}_{purpose}"


def drop_left_behind() -> None:
    """Remove the test databases of runs that were killed."""
    prefix = named("test_")
    for name in _all("test_"):
        if not Path("/proc", name.removeprefix(prefix)).exists():
            drop(name)


def _drop_all(purpose: str) -> None:
    for name in _all(purpose):
        drop(name)


def _all(purpose: str) -> list[str]:
    """The databases of this checkout whose purpose begins so."""
    like = named(purpose).replace("_", r"\_")
    statement = f"SELECT datname FROM pg_database WHERE datname LIKE '{like}%'"
    return sql(statement).split()
