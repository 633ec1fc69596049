"""A tier's work in a process of its own, which tells what it did line by line.

Each line that the process writes to standard output is a JSON object: `{"count":
{figure: number}}`, `{"fingerprint": text}` of what it sent, or `{"violation": sentence,
"seed": …, "history": …}`.
`tell` writes such a line, `follow` reads them.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeVar

from .. import process
from .report import Report

T = TypeVar("T")

# What starting, stopping and the history at hand may take beyond the budget.
GRACE_SECONDS = 300

# Which of how many equal parts of a tier: `(number from 0, parts)`.
Part = tuple[int, int]
WHOLE: Part = (0, 1)


def share(work: Sequence[T], part: Part) -> Sequence[T]:
    """What a part has to do of all the work."""
    number, parts = part
    return work[number::parts]


def tell(to: IO[str], /, **what: Any) -> None:
    """Write one line, at once."""
    to.write(json.dumps(what, default=str) + "\n")
    to.flush()


def follow(
    report: Report,
    seconds: float,
    *command: object,
    heard: Callable[[dict[str, Any]], object] | None = None,
    **options: Any,
) -> None:
    """Run a process and put into the report what it tells.

    A process that fails, or goes on long after `seconds`, broke a promise.

    :param heard: gets each object besides
    :param options: as of `subprocess.Popen`
    """
    child = process.start(*command, stdout=subprocess.PIPE, **options)
    overdue = threading.Timer(seconds + GRACE_SECONDS, process.stop, [child])
    overdue.start()
    try:
        for line in child.stdout:
            try:
                told = json.loads(line)
            except ValueError:
                continue  # some library's own message
            if heard:
                heard(told)
            for figure, number in told.get("count", {}).items():
                report.count(figure, number)
            if told.get("fingerprint"):
                report.fingerprints.append(told["fingerprint"])
            if "violation" in told:
                report.violation(
                    told["violation"], told.get("seed"), told.get("history", "")
                )
        status = child.wait()
    finally:
        overdue.cancel()
        process.stop(child)
    if status:
        report.violation(
            f"the process ended with status {status}; see what it wrote to its errors"
        )
