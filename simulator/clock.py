"""The organization's clock: the machine's, moved forward by the control API."""

from __future__ import annotations

import time
from datetime import datetime, timezone


class Clock:
    """``offset`` is in seconds."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._last = (0, "")

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.offset

    def text(self) -> str:
        """Now, as rows store it: UTC, whole seconds."""
        second = int(self.now())
        if self._last[0] != second:
            text = self.moment().strftime("%Y-%m-%dT%H:%M:%SZ")
            self._last = (second, text)
        return self._last[1]

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), timezone.utc)

    def advance(self, seconds: float) -> None:
        self.offset += seconds
