"""A nemesis: at each request it may draw a fault, and always the same ones from a seed.

What is drawn depends on the seed and on the number of the request alone, so a history
that sends the same requests meets the same faults again. The catalogue is every fault
of one request that a server, or what stands between, can cause; what changes the world
(rights, columns, backups) is for rules, which know when.
"""

from __future__ import annotations

import random
import re
from collections import deque
from typing import Any

_HTML = {"status": 503, "content": "<html><body>Service Unavailable</body></html>"}
_THROTTLED = {"status": 429, "message": "Number of requests exceeded the limit."}
_SQL = {"status": 500, "code": "0x80044150", "message": "Generic SQL error."}
_GONE = {"status": 404, "code": "0x80040217", "message": "The row Does Not Exist"}
_CHANGED = {
    "status": 412,
    "code": "0x80060882",
    "message": "The version of the existing record doesn't match.",
}
_DENIED = {
    "status": 403,
    "code": "0x80040220",
    "message": "Principal user is missing a privilege.",
}
_EXPIRED = {
    "status": 400,
    "code": "0x80044352",
    "message": "Version stamp associated with the client has expired. Please perform a "
    "full sync.",
}

# Which requests a fault is for: a pattern of "METHOD url".
_ANY, _READ, _WRITE = "", "^GET", "^(POST|PATCH|PUT|DELETE)"
_BATCH, _DELTA, _ROW = r"\$batch", "deltatoken", r"^(GET|PATCH|DELETE) \w+\("
CATALOGUE: dict[str, tuple[str, dict[str, Any]]] = {
    "throttled for a second": (_ANY, {**_THROTTLED, "retry_after": 1}),
    "throttled until a date": (_ANY, {**_THROTTLED, "retry_after_date": 1}),
    "throttled without a word": (_ANY, _THROTTLED),
    "throttled for nothing": (_ANY, {**_THROTTLED, "retry_after": 0}),
    "500": (_ANY, {"status": 500}),
    "502": (_ANY, {"status": 502}),
    "503": (_ANY, {"status": 503}),
    "504": (_ANY, {"status": 504}),
    "HTML": (_ANY, _HTML),
    "HTML with 200": (_READ, {**_HTML, "status": 200}),
    "nothing with 200": (_READ, {"status": 200, "content": ""}),
    "deadlock": (_WRITE, _SQL),
    "cut before the work": (_ANY, {"drop": "before"}),
    "cut after the work": (_ANY, {"drop": "after"}),
    "cut in the answer": (_ANY, {"truncate": True}),
    "late": (_ANY, {"delay_ms": 200}),
    "dripping": (_ANY, {"drip_ms": 20}),
    "compressed": (_ANY, {"gzip": "good"}),
    "compressed and damaged": (_READ, {"gzip": "corrupt"}),
    "401": (_ANY, {"status": 401}),
    "403": (_ANY, _DENIED),
    "404 for a row that is there": (_ROW, _GONE),
    "412 for a row that has not changed": (_ROW, _CHANGED),
    "redirected": (
        _ANY,
        {"status": 302, "headers": {"Location": "https://localhost:9/"}},
    ),
    "no ETag": (_READ, {"etag": "absent"}),
    "another ETag": (_READ, {"etag": "flaky"}),
    "next page on another host": (_READ, {"next_link": "https://localhost:9/x"}),
    "next page without TLS": (_READ, {"next_link": "http://localhost:9/x"}),
    "next page is this one": (_READ, {"next_link": "loop"}),
    "next page overlaps": (_READ, {"overlap": 1}),
    "a row twice": (_READ, {"rows": "doubled"}),
    "rows in another order": (_DELTA, {"rows": "shuffled"}),
    "unknown tombstones": (_DELTA, {"tombstones": 2}),
    "expired token": (_DELTA, _EXPIRED),
    "token of the future": (_DELTA, {"delta_token": "future"}),
    "parts reversed": (_BATCH, {"parts": "reversed"}),
    "part missing": (_BATCH, {"parts": "missing"}),
    "part doubled": (_BATCH, {"parts": "doubled"}),
    "parts truncated": (_BATCH, {"parts": "truncated"}),
}
_KEPT = 10_000


class Nemesis:
    """``rate`` of the requests that match ``path`` meet a fault, for the first
    ``requests`` of them (None: for ever); ``only`` names those to choose from."""

    def __init__(
        self,
        seed: int,
        rate: float,
        path: str = "",
        only: list[str] | None = None,
        requests: int | None = None,
    ) -> None:
        unknown = set(only or ()) - CATALOGUE.keys()
        if unknown:
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
        if not 0 <= rate <= 1:
            raise ValueError("the rate is between 0 and 1")
        self._seed = seed
        self._rate = rate
        self._path = re.compile(path)
        self._names = [name for name in CATALOGUE if only is None or name in only]
        self._requests = requests
        self._seen = 0
        self._drawn: deque[list[Any]] = deque(maxlen=_KEPT)

    def draw(self, method: str, url: str) -> dict[str, Any] | None:
        """The ``then`` of a rule for this request, or None."""
        if not self._path.search(url):
            return None
        if self._requests is not None and self._seen >= self._requests:
            return None
        self._seen += 1
        chance = random.Random(f"{self._seed}/{self._seen}")
        if chance.random() >= self._rate:
            return None
        line = f"{method} {url}"
        fitting = [n for n in self._names if re.search(CATALOGUE[n][0], line)]
        if not fitting:
            return None
        name = chance.choice(fitting)
        self._drawn.append([self._seen, method, url, name])
        return {**CATALOGUE[name][1], "name": name}

    def report(self) -> dict[str, Any]:
        """How many requests were seen, and the faults they met."""
        return {"seen": self._seen, "drawn": list(self._drawn)}
