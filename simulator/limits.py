"""Service protection limits: how much one user may ask for within five minutes.

Counted always, for the headers; enforced when the command line or the control API says
so. Source: "Service protection API limits": per user, in a sliding window of 300
seconds, on requests (0x80072322), execution time (0x80072321) and concurrent requests
(0x80072326), answered with 429 and ``Retry-After``; who goes on asking waits longer.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from . import errors

WINDOW_SECONDS = 300


@dataclass(frozen=True)
class Limits:
    """``enforced`` False only counts. The numbers are those of the documentation."""

    enforced: bool = False
    requests: int = 6000
    execution_seconds: float = 1200
    concurrent: int = 52
    dop_hint: int = 4


@dataclass
class _Usage:
    """What one user did: when each request of the window came, how long it took."""

    times: deque[tuple[float, float]] = field(default_factory=deque)
    seconds: float = 0.0
    running: int = 0

    def forget_before(self, moment: float) -> None:
        while self.times and self.times[0][0] <= moment:
            self.seconds -= self.times.popleft()[1]

    def add(self, moment: float, seconds: float) -> None:
        self.times.append((moment, seconds))
        self.seconds += seconds


class ServiceProtection:
    """Times are in seconds of the organization's clock."""

    def __init__(self, limits: Limits) -> None:
        self._at_start = limits
        self.limits = limits
        self._usage: defaultdict[str, _Usage] = defaultdict(_Usage)

    def set(self, limits: Limits) -> None:
        """New limits; what was used so far is forgotten."""
        self.limits = limits
        self._usage.clear()

    def reset(self) -> None:
        self.set(self._at_start)

    @contextmanager
    def running(self, user: str | None) -> Iterator[None]:
        """Counts as one of the user's concurrent requests as long as it lasts."""
        if user is None:
            yield
            return
        usage = self._usage[user]
        usage.running += 1
        try:
            yield
        finally:
            usage.running -= 1

    def admit(self, user: str, now: float) -> None:
        """Raise the documented 429 if a limit is exceeded; for a running request."""
        usage = self._usage[user]
        usage.forget_before(now - WINDOW_SECONDS)
        limits = self.limits
        if not limits.enforced:
            return
        if len(usage.times) >= limits.requests:
            raise errors.too_many_requests(
                limits.requests, WINDOW_SECONDS, self._room_in(usage, now)
            )
        if usage.seconds >= limits.execution_seconds:
            raise errors.too_much_time(
                limits.execution_seconds, WINDOW_SECONDS, self._room_in(usage, now)
            )
        if usage.running > limits.concurrent:
            raise errors.too_many_at_once(limits.concurrent)

    def record(self, user: str, now: float, seconds: float) -> None:
        """A request has ended, answered or refused."""
        self._usage[user].add(now, seconds)

    def headers(self, user: str | None) -> dict[str, str]:
        """What is left, as live organizations write it: thousands with a comma."""
        usage = self._usage[user] if user else _Usage()
        requests = max(self.limits.requests - len(usage.times), 0)
        seconds = max(self.limits.execution_seconds - int(usage.seconds), 0)
        return {
            "x-ms-dop-hint": str(self.limits.dop_hint),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{seconds:,.2f}",
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(requests),
        }

    def _room_in(self, usage: _Usage, now: float) -> int:
        """Whole seconds until enough of the window has passed for another request."""
        count, spent = len(usage.times), usage.seconds
        for moment, seconds in usage.times:
            count, spent = count - 1, spent - seconds
            room = count < self.limits.requests
            if room and spent < self.limits.execution_seconds:
                return max(math.ceil(moment + WINDOW_SECONDS - now), 1)
        return WINDOW_SECONDS
