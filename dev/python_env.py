"""Python environments from pinned wheels: one for Odoo and the tests, one for lint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from . import process, say
from .paths import LINT_LOCK, LOCAL, REQUIREMENTS_LOCK, fingerprint

SUPPORTED = ((3, 11), (3, 13))
# A copy of the repository may link to what another one has prepared.
ENVIRONMENT = (LOCAL / "venv").resolve()
PYTHON = ENVIRONMENT / "bin" / "python"
ODOO_BIN = ENVIRONMENT / "bin" / "odoo-bin"
LINT_ENVIRONMENT = LOCAL / "lint"


def provide() -> None:
    """Make the environment in which Odoo, the simulator and the tests run."""
    _create(ENVIRONMENT, REQUIREMENTS_LOCK)


def connect(odoo: Path) -> None:
    """Let the environment find Odoo.

    :param odoo: the folder that holds the package folder `odoo`
    """
    packages = next(ENVIRONMENT.glob("lib/python3*/site-packages"))
    (packages / "odoo.pth").write_text(f"{odoo}\n")
    # A script rather than `python -m odoo`: with --workers Odoo starts itself again by
    # the name it was started with, which for a module is a file that cannot run alone.
    ODOO_BIN.write_text(f"#!{PYTHON}\nfrom odoo.cli.command import main\n\nmain()\n")
    ODOO_BIN.chmod(0o755)


def provide_lint() -> Path:
    """Make the environment of the checkers; return its folder of programs."""
    _create(LINT_ENVIRONMENT, LINT_LOCK)
    return LINT_ENVIRONMENT / "bin"


def version() -> str:
    """Of this Python, and so of its environments, as `3.11`."""
    return "{}.{}".format(*sys.version_info)


def pip_install(*arguments: object, into: Path | None = None) -> None:
    """Install wheels just as pinned, with this Python's own pip.

    :param arguments: of `pip install`
    :param into: the Python of the environment to install into; its own if None

    Nothing is compiled beforehand: Python does so for the tenth that is imported.
    """
    if subprocess.run([sys.executable, "-m", "pip"], capture_output=True).returncode:
        raise SystemExit(f"{sys.executable} has no pip: apt-get install python3-pip")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    exact = ("--no-deps", "--only-binary", ":all:", "--no-compile")
    process.run(
        *(*pip, "--python", into or sys.executable, "install", "-q"),
        *(*exact, *arguments),
    )


def _create(folder: Path, lock: Path) -> None:
    oldest, newest = SUPPORTED
    if not oldest <= sys.version_info[:2] <= newest:
        raise SystemExit(
            f"This is Python {version()}; Odoo 19 is set up with 3.11, 3.12 or 3.13: "
            "make PYTHON=python3.12 ..."
        )
    stamp = folder / "lock"
    # The path counts because programs in the environment name it.
    wanted = fingerprint(lock.read_text(), sys.version, folder)
    what = f"{len(_pinned(lock))} Python packages for {folder.name}"
    if stamp.exists() and stamp.read_text() == wanted:
        say.there(what)
        return
    with say.step(what):
        shutil.rmtree(folder, ignore_errors=True)
        # Without pip: Debian has it in a package of its own that may be missing.
        process.run(sys.executable, "-m", "venv", "--without-pip", folder)
        pip_install("-r", lock, into=folder / "bin" / "python")
        stamp.write_text(wanted)


def _pinned(lock: Path) -> list[str]:
    return [line for line in lock.read_text().splitlines() if "==" in line]
