"""Times as people name them ("last month", "older than 3 days"), seen from now.

Days, weeks from Sunday on, months and years are whole ones in UTC; hours and minutes
are counted from the moment. Source: "Condition operators", "Web API query functions".
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta

from . import errors

# From (inclusive) and until (exclusive); None: no such end.
_Span = tuple[datetime | None, datetime | None]
_UNITS = ("minutes", "hours", "days", "weeks", "months", "years")
_CALENDAR = ("week", "month", "year")


def span(name: str, now: datetime, count: str | None) -> tuple[str | None, str | None]:
    """The period ``name`` (an operator of FetchXML) as ``(from, until)`` in the stored
    form of dates. Raises DataverseError if ``count`` is no number it can have."""
    number = 0
    if "-x-" in name:
        if count is None or not (count.isascii() and count.isdigit()):
            raise errors.bad_request(f"'{name}' needs one whole number.")
        number = int(count[:9])
    try:
        since, until = PERIODS[name](now.replace(microsecond=0), number)
    except (OverflowError, ValueError):
        raise errors.bad_request(f"'{count}' is out of range for '{name}'.") from None
    return _text(since), _text(until)


def function_name(name: str) -> str:
    """What the operator ``name`` is called in ``$filter``: LastXDays, Last7Days..."""
    words = name.replace("olderthan", "older-than").replace("seven", "7").split("-")
    return "".join(word.capitalize() for word in words)


def _text(moment: datetime | None) -> str | None:
    """A midnight is written as its day, so that it fits dates without a time too."""
    if moment is None:
        return None
    if moment == _day(moment):
        return moment.date().isoformat()
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0)


def _later(moment: datetime, unit: str, number: int) -> datetime:
    if unit in ("months", "years"):
        months = moment.month - 1 + number * (12 if unit == "years" else 1)
        year, month = moment.year + months // 12, months % 12 + 1
        last = calendar.monthrange(year, month)[1]
        return moment.replace(year=year, month=month, day=min(moment.day, last))
    return moment + timedelta(**{unit: number})


def _days(first: int, last: int) -> Callable[[datetime, int], _Span]:
    """Whole days, counted from today."""

    def find(now: datetime, number: int) -> _Span:
        today = _day(now)
        return today + timedelta(days=first), today + timedelta(days=last + 1)

    return find


def _last(unit: str) -> Callable[[datetime, int], _Span]:
    def find(now: datetime, number: int) -> _Span:
        if unit == "hours":
            return _later(now, unit, -number), now + timedelta(seconds=1)
        return _later(_day(now), unit, -number), _later(_day(now), "days", 1)

    return find


def _next(unit: str) -> Callable[[datetime, int], _Span]:
    def find(now: datetime, number: int) -> _Span:
        if unit == "hours":
            return now, _later(now, unit, number) + timedelta(seconds=1)
        return _day(now), _later(_later(_day(now), unit, number), "days", 1)

    return find


def _older(unit: str) -> Callable[[datetime, int], _Span]:
    def find(now: datetime, number: int) -> _Span:
        exact = unit in ("minutes", "hours")
        return None, _later(now if exact else _day(now), unit, -number)

    return find


def _whole(unit: str, distance: int) -> Callable[[datetime, int], _Span]:
    """A week, month or year of the calendar: the last (-1), this or the next one."""

    def find(now: datetime, number: int) -> _Span:
        first = _day(now)
        if unit == "week":
            first -= timedelta(days=(first.weekday() + 1) % 7)
        else:
            first = first.replace(day=1, month=first.month if unit == "month" else 1)
        start = _later(first, f"{unit}s", distance)
        return start, _later(start, f"{unit}s", 1)

    return find


PERIODS: dict[str, Callable[[datetime, int], _Span]] = {
    "today": _days(0, 0),
    "yesterday": _days(-1, -1),
    "tomorrow": _days(1, 1),
    "last-seven-days": _days(-7, 0),
    "next-seven-days": _days(0, 7),
    **{f"last-x-{unit}": _last(unit) for unit in _UNITS[1:]},
    **{f"next-x-{unit}": _next(unit) for unit in _UNITS[1:]},
    **{f"olderthan-x-{unit}": _older(unit) for unit in _UNITS},
    **{f"last-{unit}": _whole(unit, -1) for unit in _CALENDAR},
    **{f"this-{unit}": _whole(unit, 0) for unit in _CALENDAR},
    **{f"next-{unit}": _whole(unit, 1) for unit in _CALENDAR},
}
