"""One request over HTTPS, sent and read carefully; sign-in and Web API both use it."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from . import exactjson
from .errors import DataverseError

#: A page of 5,000 rows with many long texts stays well below this (bytes).
MAX_BYTES = 256 * 2**20
#: Longest time a whole answer may take (seconds); the read timeout bounds only gaps.
MAX_SECONDS = 600.0
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Response:
    """An HTTP answer: status, headers (case-insensitive), decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str = ""

    def json(self) -> dict:
        """Return the body as a JSON object, fractions as Decimal; raises
        DataverseError "UnreadableAnswer" if it is anything else."""
        try:
            data = exactjson.loads(self.body)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise DataverseError(
                "UnreadableAnswer",
                facts={"host": self.host},
                status=self.status,
                sent=True,
            )
        return data


class Transport:
    """Kept-alive connections to one origin.

    It works below ``requests.Session`` on purpose: redirects are not followed,
    cookies are not kept (the affinity cookie would bind us to one web server and its
    request limits), ~/.netrc adds no credentials, and REQUESTS_CA_BUNDLE does not
    replace ``verify``. Proxies are taken from the environment.
    """

    def __init__(
        self,
        origin: str,
        verify: bool | str = True,
        *,
        max_bytes: int = MAX_BYTES,
        max_seconds: float = MAX_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        """``origin``: "https://host[:port]…"; ``verify``: True for the bundled
        certificate authorities or the path of a PEM file. ValueError for anything
        that would switch verification off."""
        if verify is not True and not (isinstance(verify, str) and verify):
            raise ValueError("verify must be True or the path of a PEM file")
        self._verify = verify
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._clock = clock
        self._proxies = requests.utils.get_environ_proxies(origin, no_proxy=None)
        self._adapter = HTTPAdapter(max_retries=0)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._adapter.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: tuple[float, float],
    ) -> Response:
        """Send one request to exactly ``url`` and return the answer, whatever its
        status. ``timeout``: (connect, read) in seconds.

        Raises DataverseError when there is no whole answer: "Unreachable",
        "CertificateNotTrusted", "UnreadableAuthorities" (``sent`` False), "Timeout",
        "NoResponse", "AnswerTooLarge" (``sent`` None).
        """
        host = urlsplit(url).hostname or ""
        prepared = _prepare(method, url, headers, body)
        if self._verify is not True and not os.access(self._verify, os.R_OK):
            facts = {"path": self._verify}
            raise DataverseError("UnreadableAuthorities", facts=facts, sent=False)
        begun = self._clock()
        try:
            with self._adapter.send(
                prepared,
                stream=True,
                timeout=timeout,
                verify=self._verify,
                proxies=self._proxies,
            ) as answer:
                content = self._read(answer, begun, host)
        except (OSError, HTTPError, HTTPException) as error:
            raise _network_error(error, host) from None
        return Response(
            answer.status_code, CaseInsensitiveDict(answer.headers), content, host
        )

    def _read(self, answer: requests.Response, begun: float, host: str) -> bytes:
        body = bytearray()
        for chunk in answer.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._max_bytes:
                raise DataverseError("AnswerTooLarge", facts={"host": host})
            if self._clock() - begun > self._max_seconds:
                raise DataverseError("Timeout", facts={"host": host})
        return bytes(body)


def _prepare(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> requests.PreparedRequest:
    headers = {"Accept-Encoding": "gzip, deflate", **headers}
    try:
        prepared = requests.Request(method, url, headers=headers, data=body).prepare()
    except ValueError:  # its text would quote the header, perhaps the token
        raise ValueError("the address or a header is malformed") from None
    prepared.url = url  # requests would re-encode next links and delta links
    return prepared


def _network_error(error: Exception, host: str) -> DataverseError:
    facts = {"host": host}
    causes = list(_causes(error))

    def caused_by(*types: type[BaseException]) -> bool:
        return any(isinstance(cause, types) for cause in causes)

    if caused_by(ssl.SSLCertVerificationError):
        return DataverseError("CertificateNotTrusted", facts=facts, sent=False)
    if caused_by(
        NewConnectionError, ConnectTimeoutError, ProxyError, socket.gaierror
    ) or caused_by(requests.ConnectTimeout):
        return DataverseError("Unreachable", facts=facts, sent=False)
    if caused_by(ReadTimeoutError, requests.Timeout, TimeoutError):
        return DataverseError("Timeout", facts=facts)
    return DataverseError("NoResponse", facts=facts)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield every exception behind ``error``: requests and urllib3 put theirs into
    ``args`` and ``reason`` besides chaining them."""
    pending: list = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [cause.__cause__, cause.__context__, *cause.args]
        pending.append(getattr(cause, "reason", None))
