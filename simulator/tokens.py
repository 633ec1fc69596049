"""Continuation tokens: ``$skiptoken`` (next page) and ``$deltatoken`` (changes).

They look like Dataverse's, so that clients meet the same characters, but clients must
treat them as opaque. Source: "Page results", "Use change tracking".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, unquote

from . import errors
from .clock import Clock

_COOKIE = re.compile(
    r'<cookie pagenumber="(\d{1,9})" pagingcookie="([^"]*)" '
    r'istracking="(True|False)" />'
)
_PAGE_ONLY = re.compile(r'<cookie pagenumber="([1-9]\d{0,8})" istracking="False" ?/>')
_LAST = re.compile(r'last="\{?([^"}]*)\}?"')
_WINDOW = re.compile(
    r'since="(\d{1,18})" until="(\d{1,18})" part="(all|rows|deleted)"', re.ASCII
)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_TOKEN_DATE = "%m/%d/%Y %H:%M:%S"


@dataclass(frozen=True)
class PageToken:
    """Where a page begins: after ``last``, or by its number if a client wrote the
    token itself and ``last`` is empty; ``window`` belongs to change tracking."""

    page: int
    last: str
    window: tuple[int, int, str] | None = None

    def text(self, primary_id: str) -> str:
        window = ""
        if self.window:
            since, until, part = self.window
            window = f'<window since="{since}" until="{until}" part="{part}" />'
        inner = (
            f'<cookie page="{self.page - 1}"><{primary_id} last="{{{self.last}}}" />'
            f"{window}</cookie>"
        )
        return (
            f'<cookie pagenumber="{self.page}" '
            f'pagingcookie="{quote(quote(inner, safe=""), safe="")}" '
            f'istracking="{bool(self.window)}" />'
        )

    def number(self) -> int:
        """``last`` of pages that are not cut by key: rows before, or a version."""
        if not _NUMBER.fullmatch(self.last):
            raise _malformed()
        return int(self.last)


def parse_page_token(text: str) -> PageToken:
    """Raises DataverseError for anything else than what the server hands out, and a
    cookie that names a page and nothing else, which some clients write themselves."""
    if by_number := _PAGE_ONLY.fullmatch(text):
        return PageToken(int(by_number[1]), "")
    match = _COOKIE.fullmatch(text)
    inner = unquote(unquote(match[2])) if match else ""
    last, window = _LAST.search(inner), _WINDOW.search(inner)
    if not match or not last or bool(window) != (match[3] == "True"):
        raise _malformed()
    token = PageToken(
        int(match[1]),
        last[1],
        (int(window[1]), int(window[2]), window[3]) if window else None,
    )
    if window and window[3] != "all" and token.last:
        token.number()  # a version: malformed if it is none
    return token


def _malformed() -> errors.DataverseError:
    return errors.bad_request("Malformed XML in the Paging Cookie.")


def delta_token(version: int, clock: Clock) -> str:
    """``<version>!<MM/dd/yyyy HH:mm:ss>``."""
    return f"{version}!{clock.moment().strftime(_TOKEN_DATE)}"


class DeltaTokens:
    """Reads delta tokens and knows which have expired."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expired_below = 0

    def expire_all(self, version: int) -> None:
        """Every token of a version below ``version`` is expired from now on."""
        self._expired_below = version

    def version(self, text: str, keep_days: int) -> int:
        """The version in ``text``. Raises DataverseError: malformed, or expired."""
        number, mark, written = text.partition("!")
        try:
            if not _NUMBER.fullmatch(number):
                raise ValueError(number)
            moment = datetime.strptime(written, _TOKEN_DATE)
            version = int(number)
        except ValueError:
            raise errors.bad_request("The delta token is not valid.") from None
        age = self._clock.moment() - moment.replace(tzinfo=timezone.utc)
        if version < self._expired_below or age > timedelta(days=keep_days):
            raise errors.expired_version_stamp()
        return version
