"""The ``Prefer`` header: what the client would like, and what is honoured.

Source: "Compose HTTP requests: Prefer", "Page results", "Select columns: annotations".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from .errors import HELP_LINK, INNER_ERROR, OPERATION_STATUS, SUB_ERROR_CODE
from .query import MAXIMUM_PAGE

_PREFERENCE = re.compile(r'([\w.\-]+)(?:\s*=\s*("[^"]*"|[^,;\s]+))?')

FORMATTED_VALUE = "OData.Community.Display.V1.FormattedValue"
LOOKUP_TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname"
LOOKUP_NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
TOTAL_COUNT = "Microsoft.Dynamics.CRM.totalrecordcount"
TOTAL_COUNT_EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"
METADATA_VERSION = "Microsoft.Dynamics.CRM.globalmetadataversion"
MORE_RECORDS = "Microsoft.Dynamics.CRM.morerecords"
FETCH_COOKIE = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
ANNOTATIONS = (
    FORMATTED_VALUE,
    LOOKUP_TABLE,
    LOOKUP_NAVIGATION,
    TOTAL_COUNT,
    TOTAL_COUNT_EXCEEDED,
    METADATA_VERSION,
    OPERATION_STATUS,
    SUB_ERROR_CODE,
    HELP_LINK,
    INNER_ERROR,
    MORE_RECORDS,
    FETCH_COOKIE,
)


@dataclass(frozen=True)
class Preferences:
    """``annotations`` holds the full names of the annotations asked for."""

    page_size: int | None = None
    annotations: frozenset[str] = frozenset()
    representation: bool = False
    track_changes: bool = False
    continue_on_error: bool = False
    applied: tuple[str, ...] = ()

    def applied_header(self, *names: str) -> dict[str, str]:
        """``Preference-Applied`` for those of ``names`` that the client sent."""
        echoed = [item for item in self.applied if item.split("=")[0] in names]
        return {"Preference-Applied": ",".join(echoed)} if echoed else {}


@lru_cache(maxsize=512)
def parse(header: str) -> Preferences:
    """``header``: the Prefer header, several of them joined by commas."""
    given = {
        match[1]: (match[2] or "").strip('"') for match in _PREFERENCE.finditer(header)
    }
    applied = tuple(match[0] for match in _PREFERENCE.finditer(header))
    size = given.get("odata.maxpagesize", "")
    return Preferences(
        page_size=min(int(size), MAXIMUM_PAGE)
        if size.isdigit() and int(size)
        else None,
        annotations=_annotations(given.get("odata.include-annotations", "")),
        representation=given.get("return") == "representation",
        track_changes="odata.track-changes" in given,
        continue_on_error="odata.continue-on-error" in given,
        applied=applied,
    )


def _annotations(text: str) -> frozenset[str]:
    patterns = [pattern.strip() for pattern in text.split(",") if pattern.strip()]
    return frozenset(
        name
        for name in ANNOTATIONS
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    )
