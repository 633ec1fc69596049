"""Sign-in through msal, against an authority on the loopback interface."""

from __future__ import annotations

import json
import logging
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate
from wire_support import SECRET, URL, HttpsServer, failure, self_signed

from dataverse import CertificateCredential, SecretCredential, TokenProvider
from dataverse.auth import MICROSOFT_AUTHORITIES, _AuthorityHttp
from dataverse.transport import Transport

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT_ID = "99999999-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    pem, key = self_signed()
    (folder / "certificate.pem").write_text(pem)
    (folder / "key.pem").write_text(key)
    return str(folder / "certificate.pem"), str(folder / "key.pem")


class Authority:
    """An authority that issues token-1, token-2 … unless told otherwise."""

    def __init__(self, server):
        self.server = server
        self.url = f"{server.url}/{TENANT}"
        self.token_endpoint = f"{self.url}/oauth2/v2.0/token"
        self.discovery = self.tokens = None  # or (status, headers, body)
        self.forms = []
        server.respond = self.respond

    def respond(self, request):
        if request.path.endswith("openid-configuration"):
            document = {
                "authorization_endpoint": f"{self.url}/oauth2/v2.0/authorize",
                "token_endpoint": self.token_endpoint,
                "issuer": f"{self.url}/v2.0",
            }
            return self.discovery or (200, {}, json.dumps(document).encode())
        self.forms.append(
            {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
        )
        token = {
            "token_type": "Bearer",
            "expires_in": 3599,
            "access_token": f"token-{len(self.forms)}",
        }
        return self.tokens or (200, {}, json.dumps(token).encode())


@pytest.fixture
def authority(certificate):
    with HttpsServer(*certificate).running() as server:
        yield Authority(server)


@pytest.fixture
def provider(authority, certificate):
    transports = []

    def build(credential=None, url=None):
        transport = Transport(authority.url, certificate[0])
        transports.append(transport)
        credential = credential or SecretCredential(CLIENT_ID, SECRET)
        return TokenProvider(url or authority.url, credential, URL, session=transport)

    yield build
    for transport in transports:
        transport.close()


def oauth_error(error, description=""):
    body = {"error": error, "error_description": description}
    return json.dumps(body).encode()


def test_a_token_for_the_environment(authority, provider):
    assert provider().token() == "token-1"
    (form,) = authority.forms
    assert form["grant_type"] == "client_credentials"
    assert form["client_id"] == CLIENT_ID
    assert form["client_secret"] == SECRET
    assert form["scope"] == URL + "/.default"


def test_nothing_is_asked_before_it_is_needed(authority, provider):
    provider()
    assert authority.server.requests == []


def test_a_token_is_kept(authority, provider):
    tokens = provider()
    assert [tokens.token(), tokens.token()] == ["token-1"] * 2
    assert len(authority.server.requests) == 2  # discovery and token


def test_refresh_gets_a_new_token_and_keeps_that(authority, provider):
    tokens = provider()
    tokens.token()
    assert tokens.token(refresh=True) == "token-2"
    assert tokens.token() == "token-2"


def test_a_certificate_signs_what_the_authority_can_verify(
    authority, provider, certificate
):
    with open(certificate[0]) as pem, open(certificate[1]) as key:
        credential = CertificateCredential(CLIENT_ID, key.read(), pem.read())
    assert provider(credential).token() == "token-1"
    (form,) = authority.forms
    assert "client_secret" not in form
    assertion = form["client_assertion"]
    header = jwt.get_unverified_header(assertion)
    assert header["alg"] == "PS256" and header["x5t#S256"]
    public = load_pem_x509_certificate(credential.certificate_pem.encode()).public_key()
    claims = jwt.decode(assertion, public, ["PS256"], audience=authority.token_endpoint)
    assert claims["iss"] == claims["sub"] == CLIENT_ID


def encrypted(key_pem, passphrase):
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    ).decode()


def test_a_private_key_may_be_encrypted(provider, certificate):
    with open(certificate[0]) as pem, open(certificate[1]) as key:
        certificate_pem, key_pem = pem.read(), encrypted(key.read(), "open sesame")
    credential = CertificateCredential(
        CLIENT_ID, key_pem, certificate_pem, "open sesame"
    )
    assert provider(credential).token() == "token-1"
    for passphrase in ("wrong", None, ""):
        bad = CertificateCredential(CLIENT_ID, key_pem, certificate_pem, passphrase)
        assert failure(provider(bad).token).name == "UnreadableCredential"


def test_a_key_that_cannot_be_used_is_said(authority, provider, certificate):
    elliptic = (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )
    with open(certificate[0]) as pem, open(certificate[1]) as key:
        pem, key = pem.read(), key.read()
    for private_key, public in ((elliptic, pem), ("", pem), (key, ""), ("ø", pem)):
        credential = CertificateCredential(CLIENT_ID, private_key, public)
        error = failure(provider(credential).token)
        assert (error.name, error.kind) == ("UnreadableCredential", "auth")
    assert authority.server.requests == []


@pytest.mark.parametrize(
    ("status", "code", "name", "kind"),
    [
        (401, 7000215, "InvalidClientSecret", "auth"),
        (401, 7000222, "ExpiredClientSecret", "auth"),
        (400, 700016, "UnknownApplication", "auth"),
        (401, 700027, "CertificateNotRegistered", "auth"),
        (401, 700024, "ClockWrong", "auth"),
        (400, 70011, "InvalidScope", "auth"),
        (400, 500011, "InvalidScope", "auth"),
        (400, 53003, "BlockedByPolicy", "auth"),
        (503, 90033, "SignInUnavailable", "transient"),
        (400, 999999, "SignInRefused", "auth"),
    ],
)
def test_each_refusal_has_its_sentence(authority, provider, status, code, name, kind):
    body = oauth_error("invalid_client", f"AADSTS{code}: you sent {SECRET}\r\nTrace")
    authority.tokens = (status, {}, body)
    tokens = provider()
    for _ in range(2):  # and the second time it is asked again, not remembered
        error = failure(tokens.token)
        assert (error.name, error.kind, error.status) == (name, kind, status)
        assert error.code == f"aadsts{code}"
        assert SECRET not in f"{error} {error!r} {vars(error)}"
    assert len(authority.forms) == 2


def test_an_unknown_tenant(authority, provider):
    body = oauth_error("invalid_tenant", "AADSTS90002: Tenant 'x' not found.")
    authority.discovery = (400, {}, body)
    assert failure(provider().token).name == "UnknownTenant"


@pytest.mark.parametrize(
    ("answer", "name", "kind"),
    [
        ((400, {}, oauth_error("invalid_client")), "SignInRefused", "auth"),
        ((401, {}, b""), "SignInRefused", "auth"),
        ((403, {}, b"<html>"), "SignInRefused", "auth"),
        ((302, {"Location": URL}, b""), "SignInRefused", "auth"),
        ((500, {}, b""), "SignInUnavailable", "transient"),
        ((429, {"Retry-After": "11"}, b""), "TooManyRequests", "throttle"),
        ((200, {}, b"<html>"), "UnreadableAnswer", "transient"),
        ((200, {}, b"[]"), "UnreadableAnswer", "transient"),
        ((200, {}, b"{}"), "SignInRefused", "auth"),
        ((200, {}, b"x" * (2 << 20)), "AnswerTooLarge", "permanent"),
    ],
)
def test_other_answers_of_the_token_endpoint(
    authority, certificate, answer, name, kind
):
    authority.tokens = answer
    credential = SecretCredential(CLIENT_ID, SECRET)
    tokens = TokenProvider(authority.url, credential, URL, verify=certificate[0])
    error = failure(tokens.token)
    tokens.close()
    assert (error.name, error.kind) == (name, kind)
    if name == "TooManyRequests":
        assert error.retry_after == 11


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"token_endpoint": 5}'])
def test_an_authority_that_is_none(authority, provider, body):
    authority.discovery = (200, {}, body)
    error = failure(provider().token)
    assert error.kind in ("auth", "transient")
    assert error.name in ("UnreadableAnswer", "AuthorityElsewhere")
    assert authority.forms == []


def test_the_secret_goes_to_the_authority_only(authority, provider, certificate):
    with HttpsServer(*certificate).running() as other:
        authority.token_endpoint = other.url + "/oauth2/v2.0/token"
        error = failure(provider().token)
        assert (error.name, error.kind) == ("AuthorityElsewhere", "auth")
        authority.token_endpoint = authority.url.replace("https", "http") + "/token"
        assert failure(provider().token).name in (
            "AuthorityElsewhere",
            "UnreadableAnswer",
        )
        assert other.requests == []


def test_national_clouds_may_be_named_by_the_public_one():
    def trusted(url, origin):
        return _AuthorityHttp(None, origin, (), (1, 1))._trusted(url)

    public, us = (
        "https://login.microsoftonline.com/t",
        "https://login.microsoftonline.us",
    )
    assert {"login.microsoftonline.com", "login.microsoftonline.us"} <= (
        MICROSOFT_AUTHORITIES
    )
    assert trusted(us, public) and trusted(public, us)
    for url in (
        "https://evil.example",
        "http://login.microsoftonline.com",
        "https://login.microsoftonline.com:8443",
        "https://x@login.microsoftonline.com",
        "https://login.microsoftonline.com.evil.example",
        "https://[",
        "",
    ):
        assert not trusted(url, public)
    assert not trusted(us, "https://own.example/t")


def test_nobody_at_the_authority(authority, certificate):
    credential = SecretCredential(CLIENT_ID, SECRET)
    tokens = TokenProvider(authority.url, credential, URL)  # certificate unknown
    error = failure(tokens.token)
    assert (error.name, error.kind) == ("CertificateNotTrusted", "transient")
    nobody = TokenProvider("https://127.0.0.1:1/t", credential, URL)
    error = failure(nobody.token)
    assert (error.name, error.kind) == ("Unreachable", "transient")
    assert error.sentence.startswith("Cannot reach 127.0.0.1.")
    tokens.close()
    nobody.close()


@pytest.mark.parametrize(
    "authority_url",
    [
        "http://login.microsoftonline.com/t",
        "https://login.microsoftonline.com",
        "t",
        "",
    ],
)
def test_an_authority_is_https_with_a_tenant(authority_url):
    with pytest.raises(ValueError):
        TokenProvider(authority_url, SecretCredential("a", "b"), URL)


def test_no_secret_in_any_text(authority, provider, certificate, caplog):
    caplog.set_level(logging.DEBUG)
    secret = SecretCredential(CLIENT_ID, SECRET)
    certified = CertificateCredential(CLIENT_ID, SECRET + "1", SECRET + "2", SECRET)
    tokens = provider(secret)
    tokens.token()
    authority.tokens = (401, {}, oauth_error("invalid_client", f"you sent {SECRET}"))
    error = failure(tokens.token, refresh=True)
    told = f"{secret!r} {certified!r} {tokens!r} {error!r} {vars(error)} {caplog.text}"
    assert SECRET not in told
    assert "token-1" not in told
    assert CLIENT_ID in repr(secret)
