"""The token authority: Microsoft Entra ID as far as client credentials need it.

Source: "Microsoft identity platform and the OAuth 2.0 client credentials flow",
"Microsoft Entra authentication and authorization error codes"; what msal 1.39 sends.
"""

from __future__ import annotations

import base64
import hmac
import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .clock import Clock
from .identity import Identity

TOKEN_SECONDS = 3599
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AuthorityError(Exception):
    """An OAuth error answer: HTTP status, OAuth error, AADSTS number and text."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.number, self.text = status, error, number, text


class InvalidToken(Exception):
    """A bearer token that is not (any more) valid here; the text says why."""


class Authority:
    """``resources`` are the addresses the organization answers under."""

    def __init__(self, identity: Identity, clock: Clock) -> None:
        self.identity = identity
        self.clock = clock
        self.resources: set[str] = set()
        self._applications = identity.applications()
        self._key = serialization.load_pem_private_key(
            identity.token_key_file.read_bytes(), None
        )
        self._certificate = identity.client_certificate()
        self._verified: dict[str, tuple[str, float]] = {}

    def routes(self) -> Iterable[Route]:
        yield Route(
            "/{tenant}/v2.0/.well-known/openid-configuration", self._configuration
        )
        yield Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"])
        yield Route("/{tenant}/oauth2/token", self._first_token, methods=["POST"])

    def client_of(self, token: str) -> str:
        """The client id in a token issued here. Raises InvalidToken."""
        known = self._verified.get(token)
        if known is None:
            known = self._verify(token)
            if len(self._verified) > 1000:
                self._verified.clear()
            self._verified[token] = known
        client_id, expires = known
        if expires <= self.clock.now():
            raise InvalidToken("The token has expired")
        return client_id

    def challenge(self, base_url: str, reason: str | None = None) -> str:
        """The value of WWW-Authenticate, from which clients learn the tenant."""
        value = (
            f"Bearer authorization_uri={base_url}/{self.identity.tenant}"
            f"/oauth2/authorize, resource_id={base_url}/"
        )
        if reason:
            value += f', error=invalid_token, error_description="{reason}"'
        return value

    # -- endpoints -----------------------------------------------------------------

    async def _configuration(self, request: Request) -> Response:
        try:
            self._check_tenant(request)
        except AuthorityError as error:
            return self._refusal(error)
        root = f"{request.url.scheme}://{request.url.netloc}/{self.identity.tenant}"
        return JSONResponse(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                ],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _token(self, request: Request) -> Response:
        fields = await _fields(request)
        try:
            self._check_tenant(request)
            client_id = self._authenticate(fields, str(request.url))
            resource = self._resource_of_scope(fields.get("scope", ""))
        except AuthorityError as error:
            return self._refusal(error)
        return _granted(
            {
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
                "ext_expires_in": TOKEN_SECONDS,
                "access_token": self._issue(client_id, resource),
            }
        )

    async def _first_token(self, request: Request) -> Response:
        """The first version of the endpoint: a ``resource``, and numbers as texts."""
        fields = await _fields(request)
        try:
            self._check_tenant(request)
            client_id = self._authenticate(fields, str(request.url))
            resource = self._resource(_required(fields, "resource"))
        except AuthorityError as error:
            return self._refusal(error)
        now = int(self.clock.now())
        return _granted(
            {
                "token_type": "Bearer",
                "expires_in": str(TOKEN_SECONDS),
                "ext_expires_in": str(TOKEN_SECONDS),
                "expires_on": str(now + TOKEN_SECONDS),
                "not_before": str(now),
                "resource": fields["resource"],
                "access_token": self._issue(client_id, resource),
            }
        )

    def _check_tenant(self, request: Request) -> None:
        tenant = request.path_params["tenant"]
        if tenant.lower() != self.identity.tenant:
            raise AuthorityError(
                400,
                "invalid_tenant",
                90002,
                f"Tenant '{tenant}' not found. Check to make sure you have the correct "
                "tenant ID and are signing into the correct cloud.",
            )

    def _authenticate(self, fields: dict[str, str], token_url: str) -> str:
        grant = fields.get("grant_type")
        if grant != "client_credentials":
            raise AuthorityError(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{grant}'.",
            )
        client_id = fields.get("client_id", "").lower()
        application = self._applications.get(client_id)
        if application is None:
            raise AuthorityError(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the "
                "directory. This can happen if the application has not been installed "
                "by the administrator of the tenant.",
            )
        if "client_assertion" in fields:
            self._check_assertion(fields, client_id, token_url)
            return client_id
        secret = fields.get("client_secret")
        if secret is None:
            raise AuthorityError(
                401,
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: "
                "'client_assertion' or 'client_secret'.",
            )
        if not hmac.compare_digest(secret.encode(), application.client_secret.encode()):
            raise AuthorityError(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the "
                "request is the client secret value, not the client secret ID, for a "
                f"secret added to app '{client_id}'.",
            )
        return client_id

    def _check_assertion(
        self, fields: dict[str, str], client_id: str, token_url: str
    ) -> None:
        """A JWT signed with the registered certificate: RS256/x5t or PS256/x5t#S256."""
        assertion = fields["client_assertion"]
        try:
            header = jwt.get_unverified_header(assertion)
            if fields.get("client_assertion_type") != ASSERTION_TYPE:
                raise jwt.InvalidTokenError("the assertion type is not supported")
            if client_id != self.identity.integration.client_id or (
                _thumbprint(header, self._certificate) is False
            ):
                raise jwt.InvalidTokenError("the certificate is not registered")
            claims = jwt.decode(
                assertion,
                self._certificate.public_key(),
                algorithms=["RS256", "PS256"],
                audience=token_url,
                options={
                    "require": ["exp", "iss", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            if claims["exp"] <= self.clock.now() - self.clock.offset:
                raise jwt.InvalidTokenError("the assertion has expired")
            if claims["iss"] != client_id or claims["sub"] != client_id:
                raise jwt.InvalidTokenError("issuer and subject must be the client")
        except jwt.InvalidTokenError as error:
            raise AuthorityError(
                401,
                "invalid_client",
                700027,
                f"The certificate used to sign the client assertion is not registered "
                f"on application, or the assertion is not valid: {error}.",
            ) from None

    def _resource_of_scope(self, scope: str) -> str:
        _required({"scope": scope}, "scope")
        resource, slash, default = scope.rpartition("/")
        if default != ".default" or not slash or " " in scope:
            raise AuthorityError(
                400,
                "invalid_scope",
                70011,
                f"The provided value for the input parameter 'scope' is not valid. The "
                f"scope {scope} is not valid.",
            )
        return self._resource(resource)

    def _resource(self, resource: str) -> str:
        if resource.rstrip("/") not in self.resources:
            raise AuthorityError(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {resource} was not found in the tenant.",
            )
        return resource.rstrip("/")

    def _refusal(self, error: AuthorityError) -> JSONResponse:
        return JSONResponse(
            {
                "error": error.error,
                "error_description": f"AADSTS{error.number}: {error.text}",
                "error_codes": [error.number],
                "timestamp": self.clock.moment().strftime("%Y-%m-%d %H:%M:%SZ"),
                "trace_id": str(uuid.uuid4()),
                "correlation_id": str(uuid.uuid4()),
            },
            status_code=error.status,
        )

    # -- tokens --------------------------------------------------------------------

    def _issue(self, client_id: str, resource: str) -> str:
        now = int(self.clock.now())
        claims = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{self.identity.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "appid": client_id,
            "tid": self.identity.tenant,
            "ver": "1.0",
        }
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "simulator"})

    def _verify(self, token: str) -> tuple[str, float]:
        """``(client id, expiry)``; the expiry is judged by the organization's clock."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                audience=self.resources,
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise InvalidToken(str(error)) from None
        return claims["appid"], float(claims["exp"])


async def _fields(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _required(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        raise AuthorityError(
            400,
            "invalid_request",
            900144,
            f"The request body must contain the following parameter: '{name}'.",
        )
    return fields[name]


def _granted(content: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
    return JSONResponse(content, headers=headers)


def _thumbprint(header: dict[str, Any], certificate: x509.Certificate) -> bool:
    """Whether the assertion's header names ``certificate``."""
    for name, algorithm in (("x5t#S256", hashes.SHA256()), ("x5t", hashes.SHA1())):  # noqa: S303
        if name in header:
            digest = certificate.fingerprint(algorithm)
            wanted = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            return header[name].rstrip("=") == wanted
    return False
