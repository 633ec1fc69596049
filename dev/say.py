"""Progress: one line a step, on standard error; standard output is for results.

What cannot go on ends with `raise SystemExit("a sentence that says what to do")`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def line(text: str) -> None:
    """Write one line at once."""
    sys.stderr.write(f"{text}\n")  # in one piece, as steps may run side by side


def there(what: str) -> None:
    """A step that had nothing to do."""
    line(f"  {'already there':>13}  {what}")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Do a step; its line appears with the seconds it took when it has succeeded."""
    start = time.monotonic()
    yield
    line(f"  {time.monotonic() - start:11.1f} s  {what}")
