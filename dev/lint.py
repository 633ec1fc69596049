"""Every static check. All of them run, whatever the first one finds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from . import architecture, process, python_env, say
from .paths import ADDON, LOCAL, ROOT, link_addon

OLDEST_PYTHON = "3.10"  # of the addon; `dev/` and `simulator/` may need a later one
NOT_IN_PRODUCTION = {"dev", "simulator"}


class Finding(Exception):
    """What a check found, as text for the developer."""


def run() -> int:
    """Run the checks; return how many of them found something."""
    programs = python_env.provide_lint()
    checks: dict[str, Callable[[], None]] = {
        "imports between the parts": _architecture,
        "XML is well-formed": _xml,
        f"the addon is Python {OLDEST_PYTHON}": _oldest_python,
        "ruff check": lambda: _tool(programs / "ruff", "check", "--quiet", ROOT),
        "ruff format": lambda: _tool(programs / "ruff", "format", "--check", ROOT),
        "pylint-odoo": lambda: _tool(
            programs / "pylint", f"--rcfile={ROOT / '.pylintrc'}", *_addon_files()
        ),
        "oca-checks-odoo-module": lambda: _tool(
            programs / "oca-checks-odoo-module", link_addon() / ADDON
        ),
    }
    found = sum(_found_something(name, check) for name, check in checks.items())
    say.line(f"lint: {found or 'none'} of {len(checks)} checks found something")
    return found


def _found_something(name: str, check: Callable[[], None]) -> bool:
    try:
        with say.step(name):
            check()
    except Finding as finding:
        say.line(f"  {'FOUND':>13}  {name}\n{finding}")
        return True
    return False


def _tool(*command: object) -> None:
    environment = process.base_environment()
    environment |= {"PYLINTHOME": str(LOCAL / "pylint")}
    environment |= {"RUFF_CACHE_DIR": str(LOCAL / "ruff")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=link_addon(),
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise Finding(done.stdout.strip())


def _architecture() -> None:
    if found := architecture.violations(ROOT):
        raise Finding("\n".join(found))


def _xml() -> None:
    found = []
    for file in _files(".xml"):
        try:
            ElementTree.parse(file)
        except ElementTree.ParseError as error:
            found.append(f"{file.relative_to(ROOT)}: {error}")
    if found:
        raise Finding("\n".join(found))


def _oldest_python() -> None:
    """Compile with the oldest Python, if the machine has it.

    Otherwise ruff remains, which knows that version's syntax.
    """
    python = f"python{OLDEST_PYTHON}"
    # pyenv has a python3.10 on the path that works only for the version it is told.
    environment = process.base_environment() | {"PYENV_VERSION": OLDEST_PYTHON}
    try:
        process.run(python, "--version", env=environment)
    except (OSError, SystemExit):
        say.line(f"  {'skipped':>13}  compiling: there is no {python} on this machine")
        return
    try:
        process.run(python, "-m", "py_compile", *_addon_files(), env=environment)
    except SystemExit as failure:
        raise Finding(failure) from None


def _addon_files() -> list[Path]:
    """The addon's own Python files, as they lie on Odoo's addons path."""
    addon = link_addon() / ADDON
    names = (file.relative_to(ROOT) for file in _files(".py"))
    return [addon / name for name in names if name.parts[0] not in NOT_IN_PRODUCTION]


def _files(suffix: str) -> Iterator[Path]:
    """The repository's files with a suffix, hidden folders left out."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(files):
            if name.endswith(suffix):
                yield Path(folder, name)
