"""What a failure means: classification, sentences and the one exception."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from .faults import BY_CODE, BY_STATUS, FAULTS, Fault

#: The longest pause a server may ask for, in seconds.
MAX_RETRY_AFTER = 3600.0
#: How much of a server's message is kept, in characters.
MAX_DETAIL = 1000

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_AADSTS = re.compile(r"AADSTS(\d+)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True)
class Classification:
    """What a failure is: its row, the facts of this case and the sentence."""

    name: str
    kind: str
    sentence: str
    template: str
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def column(self) -> str | None:
        """Logical name of the column the server complained about, if it named one."""
        return self.facts.get("column")


def classify(status: int | None, code: str | None, message: str) -> Classification:
    """Say what an answer with an error status means.

    ``status``: HTTP status; ``code``: "0x…" or "AADSTS…" in any case, or empty;
    ``message``: the server's message. Never raises.
    """
    fault = _find(status, normal_code(code), message)
    facts = _facts_in(fault, message)
    kind = fault.kind
    if status == 429:
        kind = "throttle"  # refused before it was executed, whatever the code
    elif status == 401:
        kind = "auth"
    template, sentence = phrase(fault.name, facts)
    return Classification(fault.name, kind, sentence, template, facts)


def phrase(name: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return (template, sentence) of a row of the table: the most precise template
    whose placeholders are all in ``facts``, and that template filled in."""
    for template in FAULTS[name].sentences:
        if all(key in facts for key in _PLACEHOLDER.findall(template)):
            return template, template % facts
    raise KeyError(f"{name} has no sentence for the facts {sorted(facts)}")


def normal_code(code: str | None) -> str:
    """Return "0x" and eight lower-case hex digits, "aadsts" and digits, or "".

    Codes arrive as "0x80040217", "0X8004431A" or a signed decimal
    ("-2147220969"); "0x0" and anything else that says nothing become "".
    """
    text = (code or "").strip().lower()
    if re.fullmatch(r"-\d{1,10}", text):
        return f"0x{int(text) & 0xFFFFFFFF:08x}"
    if re.fullmatch(r"0x[0-9a-f]{1,8}|aadsts\d{1,12}", text) and text != "0x0":
        return text
    return ""


def clean(text: str, limit: int = MAX_DETAIL) -> str:
    """Make foreign text fit for one line of a log: control characters become
    blanks, and it is at most ``limit`` characters long."""
    text = _UNPRINTABLE.sub(" ", str(text)[: 4 * limit]).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def retry_after(
    value: str | None, now: Callable[[], float] = time.time
) -> float | None:
    """Return the pause a ``Retry-After`` header asks for, in seconds, or None.

    Both forms of RFC 9110 are understood, seconds and an HTTP date; the result is
    never negative and never above MAX_RETRY_AFTER.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now()
        except (TypeError, ValueError, OverflowError):
            return None
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


class DataverseError(Exception):
    """A failure of the wire; ``str(error)`` is a sentence for a person.

    ``name`` a row of FAULTS; ``kind`` see ``faults``; ``status`` HTTP status or
    None; ``code`` the server's code as :func:`normal_code` gives it, or "";
    ``detail`` the server's message, cleaned; ``request_id`` for Microsoft's support;
    ``retry_after`` seconds or None; ``column`` logical name or None; ``template`` and
    ``facts``: the sentence before it was filled in, for translation.

    ``sent``: True, the server answered; False, the request certainly never left;
    None, unknown: it may have been executed, so look before sending it again.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: str | None = None,
        facts: Mapping[str, Any] | None = None,
        status: int | None = None,
        code: str = "",
        detail: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        column: str | None = None,
        sent: bool | None = None,
    ):
        self.name = name
        self.kind = kind or FAULTS[name].kind
        self.facts = dict(facts or {})
        self.status = status
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after
        self.column = column
        self.sent = sent
        self.template, self.sentence = phrase(name, self.facts)
        super().__init__(self.sentence)

    def __repr__(self) -> str:
        return (
            f"DataverseError({self.name!r}, kind={self.kind!r}, "
            f"status={self.status!r}, code={self.code!r}, "
            f"request_id={self.request_id!r})"
        )

    @classmethod
    def from_answer(
        cls,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        labels: Mapping[str, str] | None = None,
        row_id: str | None = None,
        secrets: tuple[str, ...] = (),
    ) -> DataverseError:
        """Build the error of an answer with an error status.

        ``labels`` (logical name -> label) name columns in the sentence as people
        know them. ``row_id``: the row the request was about; if the server misses
        another row, that one is a dependency. ``secrets`` never get into the detail.
        """
        code, message = _code_and_message(body)
        for secret in secrets:
            message = message.replace(secret, "***") if secret else message
        found = classify(status, code, message)
        facts, kind, column = dict(found.facts), found.kind, found.column
        if column and labels and column in labels:
            facts["column"] = labels[column]
        missing = facts.get("id", "").lower()
        if found.name == "ObjectDoesNotExist" and row_id and missing:
            kind = kind if missing == row_id.lower() else "dependency"
        return cls(
            found.name,
            kind=kind,
            facts=facts,
            status=status,
            code=normal_code(code) or _aadsts(message),
            detail=clean(message),
            request_id=_request_id(headers),
            retry_after=retry_after(headers.get("Retry-After")),
            column=column,
            sent=True,
        )


def _find(status: int | None, code: str, message: str) -> Fault:
    if status == 401 and not _aadsts(message):
        return FAULTS["Unauthorized"]
    fault = BY_CODE.get(code) or BY_CODE.get(_aadsts(message))
    # The code of everything unexpected says less than that nobody is there.
    if fault and not (fault.name == "UnExpected" and status in (502, 503, 504)):
        return fault
    if _aadsts(message):
        return FAULTS["SignInRefused"]
    for candidate in FAULTS.values():
        if candidate.says and re.search(candidate.says, message):
            return candidate
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status and status >= 500:
        return FAULTS["ServerError"]
    if status and 300 <= status < 400:
        return FAULTS["Redirected"]
    return FAULTS["BadRequest"]


def _facts_in(fault: Fault, message: str) -> dict[str, str]:
    facts = {}
    if message.strip():
        facts["message"] = clean(message, 300)
    for pattern in fault.facts:
        match = re.search(pattern, message)
        for key, value in match.groupdict().items() if match else ():
            if value:
                facts.setdefault(key, clean(value, 100))
    if "column" in facts:
        facts["column"] = _logical(facts["column"])
    return facts


def _logical(column: str) -> str:
    """The column behind a property: "_x_value" and "x@odata.bind" both mean x."""
    column = column.partition("@")[0]
    if column.startswith("_") and column.endswith("_value"):
        column = column[1 : -len("_value")]
    return column


def _aadsts(message: str) -> str:
    match = _AADSTS.search(message)
    return f"aadsts{match.group(1)}" if match else ""


def _code_and_message(body: bytes) -> tuple[str, str]:
    """Read Dataverse's or Entra ID's error body; anything else has no message."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(data, dict):
        return "", ""
    error = data.get("error")
    if isinstance(error, dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return "", str(data.get("error_description") or data.get("Message") or "")


def _request_id(headers: Mapping[str, str]) -> str | None:
    for name in ("x-ms-service-request-id", "REQ_ID", "x-ms-request-id"):
        if headers.get(name):
            return clean(headers[name], 100)
    return None
