"""Sign-in of an application (OAuth 2.0 client credentials) through msal.

Sources: Microsoft identity platform, "OAuth 2.0 client credentials flow"; Dataverse,
"Use single-tenant server-to-server authentication".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlencode, urlsplit

import msal
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from .errors import DataverseError
from .transport import Response, Transport

#: Microsoft's sign-in hosts; the public one may name the token endpoint of a
#: national cloud ("National clouds", Microsoft identity platform).
MICROSOFT_AUTHORITIES = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
        "login.microsoft.com",
        "login.windows.net",
    }
)
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class SecretCredential:
    """An application and its client secret."""

    client_id: str
    client_secret: str = field(repr=False)

    def for_msal(self) -> str:
        """Return the credential in msal's form."""
        return self.client_secret

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written anywhere."""
        return (self.client_secret,)


@dataclass(frozen=True)
class CertificateCredential:
    """An application and its certificate, both PEM texts; ``passphrase`` opens an
    encrypted private key."""

    client_id: str
    private_key_pem: str = field(repr=False)
    certificate_pem: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)

    def for_msal(self) -> dict[str, str]:
        """Return the credential in msal's form, without a thumbprint, so that msal
        (1.35 or newer) signs with PS256 and names the certificate by SHA-256.

        Raises DataverseError "UnreadableCredential".
        """
        passphrase = self.passphrase.encode() if self.passphrase else None
        try:
            key = load_pem_private_key(self.private_key_pem.encode(), passphrase)
            load_pem_x509_certificate(self.certificate_pem.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, RSAPrivateKey):
            raise DataverseError("UnreadableCredential", sent=False)
        credential = {
            "private_key": self.private_key_pem,
            "public_certificate": self.certificate_pem,
        }
        if self.passphrase:
            credential["passphrase"] = self.passphrase
        return credential

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written anywhere."""
        return (self.private_key_pem, self.passphrase or "")


class TokenProvider:
    """Access tokens for one environment.

    ``authority``: "https://login.microsoftonline.com/<tenant>"; ``credential``:
    SecretCredential or CertificateCredential; ``environment_url``: the
    organization's root. ``session``: a Transport to use instead of an own one.
    Nothing touches the network before the first token is asked for.
    """

    def __init__(
        self,
        authority: str,
        credential: SecretCredential | CertificateCredential,
        environment_url: str,
        *,
        verify: bool | str = True,
        timeout: tuple[float, float] = (10, 30),
        session: Transport | None = None,
    ):
        """Raises ValueError for an authority that is not https with a tenant."""
        parts = urlsplit(authority)
        if parts.scheme != "https" or not parts.hostname or len(parts.path) < 2:
            raise ValueError("the authority must be https and end with the tenant")
        self._authority = authority.rstrip("/")
        self._credential = credential
        self._scope = environment_url.rstrip("/") + "/.default"
        transport = session or Transport(authority, verify, max_bytes=_MAX_BYTES)
        self._http = _AuthorityHttp(
            transport, self._authority, credential.secrets, timeout
        )
        self._application: msal.ConfidentialClientApplication | None = None
        self._lock = Lock()

    def token(self, *, refresh: bool = False) -> str:
        """Return a valid access token; msal keeps it until shortly before it expires.
        ``refresh`` gets a new one even if the kept one looks valid.

        Raises DataverseError, kind "auth" or "transient".
        """
        with self._lock:
            if refresh or self._application is None:
                self._application = self._build_application()
            answer = self._ask(self._application.acquire_token_for_client)
        token = answer.get("access_token")
        if not token:
            raise DataverseError("SignInRefused")
        return token

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._http.close()

    def _build_application(self) -> msal.ConfidentialClientApplication:
        credential = self._credential.for_msal()
        return self._call_msal(
            lambda: msal.ConfidentialClientApplication(
                self._credential.client_id,
                authority=self._authority,
                client_credential=credential,
                http_client=self._http,
                # Instance discovery would ask Microsoft's public cloud about the
                # authority's host; the caller has chosen the host already.
                instance_discovery=False,
            )
        )

    def _ask(self, acquire) -> dict:
        return self._call_msal(lambda: acquire([self._scope])) or {}

    def _call_msal(self, call):
        """Run ``call``; our own HTTP layer raises DataverseError for every failure it
        can name, so what is left is an answer msal cannot make sense of."""
        try:
            return call()
        except DataverseError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError):
            facts = {"host": urlsplit(self._authority).hostname}
            raise DataverseError("UnreadableAnswer", facts=facts) from None


class _AuthorityHttp:
    """What msal calls to reach the authority (its ``http_client`` protocol).

    It raises DataverseError for every failed answer, before msal turns it into an
    exception or a dictionary of its own and keeps it in a cache. The token endpoint
    comes from a document the authority sends; the credential goes only to the
    authority's own origin or to Microsoft.
    """

    def __init__(
        self,
        transport: Transport,
        authority: str,
        secrets: tuple[str, ...],
        timeout: tuple[float, float],
    ):
        self._transport = transport
        self._origin = _origin(authority)
        self._secrets = secrets
        self._timeout = timeout

    def get(self, url, params=None, headers=None, **_ignored):
        return self._send("GET", url, params, headers, None)

    def post(self, url, params=None, data=None, headers=None, **_ignored):
        body = urlencode(data or {}).encode() if not isinstance(data, bytes) else data
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            **(headers or {}),
        }
        return self._send("POST", url, params, headers, body)

    def close(self) -> None:
        self._transport.close()

    def _send(self, method, url, params, headers, body) -> _MsalResponse:
        if not self._trusted(url):
            facts = {"host": urlsplit(url).hostname or "?"}
            raise DataverseError("AuthorityElsewhere", facts=facts, sent=False)
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        headers = {"Accept": "application/json", **(headers or {})}
        headers = {name: str(value) for name, value in headers.items()}
        answer = self._transport.send(method, url, headers, body, self._timeout)
        if answer.status >= 300:
            raise self._refused(answer)
        return _MsalResponse(answer)

    def _refused(self, answer: Response) -> DataverseError:
        error = DataverseError.from_answer(
            answer.status, answer.headers, answer.body, secrets=self._secrets
        )
        if error.code or error.kind == "throttle":
            return error
        # No AADSTS code: the status alone would be explained as Dataverse's.
        if answer.status >= 500:
            return DataverseError("SignInUnavailable", status=answer.status, sent=True)
        return DataverseError(
            "SignInRefused",
            facts=_oauth_error(answer.body),
            status=answer.status,
            detail=error.detail,
            sent=True,
        )

    def _trusted(self, url: str) -> bool:
        origin = _origin(url)
        if origin == self._origin:
            return True
        microsoft = {("https", host, 443) for host in MICROSOFT_AUTHORITIES}
        return origin in microsoft and self._origin in microsoft


class _MsalResponse:
    """An answer in the form msal expects."""

    def __init__(self, answer: Response):
        self.status_code = answer.status
        self.text = answer.body.decode("utf-8", "replace")
        self.headers = dict(answer.headers)

    def raise_for_status(self) -> None:
        """Failed answers never get here."""


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return (scheme, host, port), or None if the address is not plain https."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port


def _oauth_error(body: bytes) -> dict[str, str]:
    """Return the short error word of RFC 6749 ("invalid_client") as a fact."""
    try:
        word = json.loads(body).get("error")
    except (ValueError, AttributeError, RecursionError):
        word = None
    return {"message": word} if isinstance(word, str) and word.isidentifier() else {}
