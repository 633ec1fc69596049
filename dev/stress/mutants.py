"""The suite is tried itself: designs that lose data, each as a patch, must turn it red.

A patch in `tests/mutants/` says in its first line what it breaks, and in the lines
after it which tests notice: `killed by: pure FILE`, or `killed by: odoo TAGS` of `make
test` (`stress:NAME` is a sample of the campaigns). They run in a copy of the
repository, the fastest first.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .. import process, table
from ..paths import LOCAL, LOGS, ROOT
from ..python_env import PYTHON
from .report import Report

PATCHES = ROOT / "tests" / "mutants"
COPY = LOCAL / "mutants" / "dataverse_sync"
LOG = LOGS / "mutants.log"
# Without it a mutant would count as killed by whatever is wrong with the copy.
SOUND = "/dataverse_sync:TestSample"
KILLED_BY = "killed by: "
# What the copy prepares for itself; all else is this checkout's.
OWN = {"addons", "conf", "logs", "mutants", "stress", "prepare.lock", "template.lock"}


class Mutant(NamedTuple):
    """A design that loses something."""

    patch: Path
    says: str
    killers: list[str]

    @property
    def name(self) -> str:
        return self.patch.stem


def all_mutants() -> Iterator[Mutant]:
    """The patches in their order."""
    for patch in sorted(PATCHES.glob("*.patch")):
        head = patch.read_text().partition("\n--- ")[0].splitlines()
        killers = [line.removeprefix(KILLED_BY) for line in head[1:]]
        yield Mutant(patch, head[0], killers)


def check(patch: Path, tree: Path = ROOT) -> str:
    """What keeps a patch from being applied to a tree; nothing if it can be."""
    try:
        process.run("git", "apply", "--check", patch, cwd=tree)
    except SystemExit as error:
        return str(error)
    return ""


def run(budget_seconds: float, seed: int, report: Report, only: str = "") -> None:
    """Try every mutant, as far as the budget allows; one that survives is a violation.

    :param only: those whose name contains it
    """
    end = time.monotonic() + budget_seconds
    _copy()
    if not _passes("odoo", SOUND):
        raise SystemExit(f"{SOUND} does not pass in an unchanged copy: see {LOG}")
    for mutant in all_mutants():
        if only not in mutant.name or time.monotonic() > end:
            continue
        killer = _try(mutant)
        report.count("mutants")
        report.count("mutants killed", bool(killer))
        if not killer:
            report.violation(f"survived: {mutant.name}: {mutant.says}", seed)
        report.results.append((mutant.name, killer or "SURVIVED"))


def conclude(report: Report) -> None:
    """Print what noticed each mutant."""
    print(table.aligned(("mutant", "killed by"), report.results), flush=True)


def _try(mutant: Mutant) -> str:
    """:return: what noticed the mutant; empty if nothing did"""
    _copy()
    # Outside of a repository of its own, git would look for the one around it.
    process.run("git", "init", "-q", cwd=COPY)
    process.run("git", "apply", mutant.patch, cwd=COPY)
    for killer in mutant.killers:
        if not _passes(*killer.split()):
            return killer
    return ""


def _copy() -> None:
    """Make the copy what the checkout is, with all that was prepared for it."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(
        ROOT, COPY, ignore=shutil.ignore_patterns(".git", ".local", "*.pyc")
    )
    local = COPY / ".local"
    local.mkdir()
    for entry in LOCAL.iterdir():
        if entry.name not in OWN:
            (local / entry.name).symlink_to(entry)


def _passes(kind: str, what: str) -> bool:
    """Whether the tests pass that a line names, in the copy."""
    if kind == "pure":
        command = [PYTHON, "-m", "pytest", "-q", "-x", "--rootdir=.", what]
        folder = COPY / "tests" / "pure"
    else:
        command = [sys.executable, "-m", "dev", "test", f"--tags={what}"]
        folder = COPY
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(LOG, "a") as log:
        log.write(f"\n{kind} {what}\n")
        log.flush()
        status = process.call(
            *command,
            cwd=folder,
            env=process.base_environment() | {"PATH": os.environ["PATH"]},
            stdout=log,
            stderr=log,
        )
    return not status
