"""The simulator's token authority and what the API says to tokens.

Each test names the documented or measured fact it holds the simulator to.
"""

from __future__ import annotations

import time
import uuid

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from simulator_process import Session, Simulator, error

pytest_plugins = ["simulator_fixture"]


def token_request(simulator: Simulator, tenant: str | None = None, **fields: str):
    """POST to the token endpoint; a field given as "" is left out."""
    ready = simulator.ready
    form = {
        "grant_type": "client_credentials",
        "client_id": ready["client_id"],
        "client_secret": ready["client_secret"],
        "scope": f"{ready['url']}/.default",
        **fields,
    }
    path = f"{tenant or ready['tenant']}/oauth2/v2.0/token"
    form = {name: value for name, value in form.items() if value}
    return simulator.open(ready["url"]).post(path, data=form)


def test_client_secret_gives_a_token_for_the_organization(simulator):
    """Client credentials flow; token lifetime of 3599 seconds."""
    answer = token_request(simulator).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["aud"] == simulator.ready["url"]
    assert claims["exp"] - claims["iat"] == 3599
    session = simulator.open(simulator.api_url, answer["access_token"])
    assert session.get("WhoAmI").status_code == 200


def test_the_first_version_of_the_token_endpoint(simulator):
    """`/oauth2/token` with a resource instead of a scope, as older clients ask; the
    numbers are texts. "Service to service calls using client credentials" (v1.0)."""
    ready = simulator.ready
    form = {
        "grant_type": "client_credentials",
        "client_id": ready["client_id"],
        "client_secret": ready["client_secret"],
        "resource": f"{ready['url']}/",
    }
    authority = simulator.open(f"{ready['url']}/{ready['tenant']}")
    body = authority.post("oauth2/token", data=form).json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", "3599")
    assert body["resource"] == form["resource"]
    assert int(body["expires_on"]) - int(body["not_before"]) == 3599
    session = simulator.open(simulator.api_url, body["access_token"])
    assert session.get("WhoAmI").status_code == 200
    del form["resource"]
    refused = authority.post("oauth2/token", data=form)
    assert (refused.status_code, refused.json()["error_codes"]) == (400, [900144])


@pytest.mark.parametrize(
    ("fields", "tenant", "status", "name", "number"),
    [
        ({"client_secret": "wrong"}, None, 401, "invalid_client", 7000215),
        ({"client_id": str(uuid.uuid4())}, None, 400, "unauthorized_client", 700016),
        ({}, str(uuid.uuid4()), 400, "invalid_tenant", 90002),
        ({"scope": "https://localhost"}, None, 400, "invalid_scope", 70011),
        (
            {"scope": "https://o.invalid/.default"},
            None,
            400,
            "invalid_resource",
            500011,
        ),
        ({"grant_type": "password"}, None, 400, "unsupported_grant_type", 70003),
        ({"client_secret": ""}, None, 401, "invalid_client", 7000218),
    ],
)
def test_refusals_carry_the_aadsts_number(
    simulator, fields, tenant, status, name, number
):
    """Microsoft Entra authentication and authorization error codes."""
    answer = token_request(simulator, tenant, **fields)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, name)
    assert body["error_codes"] == [number]
    assert body["error_description"].startswith(f"AADSTS{number}: ")


def test_msal_returns_a_bad_secret_as_data(simulator):
    """msal 1.39, measured: acquire_token_for_client does not raise."""
    answer = simulator.msal(
        simulator.ready["client_id"], "wrong"
    ).acquire_token_for_client([f"{simulator.ready['url']}/.default"])
    assert answer["error"] == "invalid_client"


@pytest.mark.parametrize("modern", [True, False], ids=["PS256", "RS256"])
def test_msal_signs_in_with_the_certificate(simulator, modern):
    """msal 1.39, measured: thumbprint → RS256/x5t, none → PS256/x5t#S256."""
    with open(simulator.ready["certificate"], "rb") as file:
        pem = file.read()
    key = serialization.load_pem_private_key(pem, None)
    certificate = x509.load_pem_x509_certificate(pem)
    credential = {
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
    }
    if modern:
        credential["public_certificate"] = certificate.public_bytes(
            serialization.Encoding.PEM
        ).decode()
    else:
        credential["thumbprint"] = certificate.fingerprint(hashes.SHA1()).hex()
    client = simulator.msal(simulator.ready["client_id"], credential)
    answer = client.acquire_token_for_client([f"{simulator.ready['url']}/.default"])
    session = simulator.open(simulator.api_url, answer["access_token"])
    assert session.get("WhoAmI").status_code == 200


@pytest.mark.parametrize(
    "claims", [{"aud": "https://elsewhere"}, {"exp": 1}, {"sub": "another"}]
)
def test_an_assertion_that_says_something_else_is_refused(simulator, claims):
    """AADSTS700027: the assertion is not valid."""
    with open(simulator.ready["certificate"], "rb") as file:
        pem = file.read()
    client_id = simulator.ready["client_id"]
    digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    said = {
        "aud": f"{simulator.ready['authority']}/oauth2/v2.0/token",
        "iss": client_id,
        "sub": client_id,
        "exp": int(time.time()) + 600,
        **claims,
    }
    thumbprint = jwt.utils.base64url_encode(digest).decode()
    key = serialization.load_pem_private_key(pem, None)
    answer = token_request(
        simulator,
        client_secret="",
        client_assertion=jwt.encode(said, key, "PS256", {"x5t#S256": thumbprint}),
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    )
    assert answer.json()["error_codes"] == [700027]


def test_an_assertion_of_a_strange_key_is_refused(simulator):
    """AADSTS700027: the certificate is not registered on the application."""
    answer = token_request(
        simulator,
        client_secret="",
        client_assertion=jwt.encode({"iss": "x"}, "k" * 32, "HS256"),
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    )
    assert answer.json()["error_codes"] == [700027]


def test_no_token_is_an_empty_401_that_tells_the_tenant(simulator):
    """Discovering the tenant from WWW-Authenticate."""
    answer = simulator.open(simulator.api_url).get("WhoAmI")
    assert (answer.status_code, answer.content) == (401, b"")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge == (
        f"Bearer authorization_uri={simulator.ready['authority']}/oauth2/authorize, "
        f"resource_id={simulator.ready['url']}/"
    )


def test_a_bad_token_is_an_empty_401(simulator):
    """Compose HTTP requests: 401 for authentication failures."""
    answer = simulator.open(simulator.api_url, "nonsense").get("WhoAmI")
    assert (answer.status_code, answer.content) == (401, b"")
    assert "error=invalid_token" in answer.headers["WWW-Authenticate"]


def test_a_token_expires_by_the_organizations_clock(simulator):
    """Tokens are valid for 3599 seconds, not longer."""
    session = simulator.session()
    simulator.control("POST", "clock", {"advance_seconds": 3590})
    assert session.get("WhoAmI").status_code == 200
    simulator.control("POST", "clock", {"advance_seconds": 20})
    assert session.get("WhoAmI").status_code == 401


def test_a_disabled_application_user_is_refused(simulator, api: Session):
    """Error code 0x80041d1f, UserNotEnabled."""
    path = f"users/{simulator.ready['client_id']}"
    simulator.control("PUT", path, {"enabled": False})
    assert error(api.get("WhoAmI")) == (403, "0x80041d1f")
    simulator.control("PUT", path, {"enabled": True})
    assert api.get("WhoAmI").status_code == 200


def test_a_valid_token_without_application_user_is_403(simulator, api: Session):
    """Captured: 0x80072560, "The user is not a member of the organization."."""
    people = simulator.session(simulator.ready["salesperson"])
    user = people.get("WhoAmI").json()["UserId"]
    assert api.delete(f"systemusers({user})").status_code == 204
    assert error(people.get("WhoAmI")) == (403, "0x80072560")


def test_the_second_application_is_another_user(simulator, api: Session):
    """The salesperson stands for people who work in Dynamics."""
    people = simulator.session(simulator.ready["salesperson"])
    who, me = people.get("WhoAmI").json(), api.get("WhoAmI").json()
    assert who["UserId"] != me["UserId"]
    assert who["OrganizationId"] == me["OrganizationId"]
    assert me["OrganizationId"] == simulator.ready["organization_id"]


def test_plain_http_twin_serves_the_same_organization(simulator):
    """`--http-port`, for clients that cannot do TLS."""
    plain = simulator.ready["http_url"]
    answer = token_request(simulator, scope=f"{plain}/.default").json()
    session = simulator.open(f"{plain}/api/data/v9.2", answer["access_token"])
    context = session.get("WhoAmI").json()["@odata.context"]
    assert context.startswith(f"{plain}/api/data/v9.2/$metadata")


@pytest.mark.parametrize(
    "path", ["/api/data/v9.2//WhoAmI", "//api/data/v9.2.21051.00140/WhoAmI"]
)
def test_forms_of_the_address_that_clients_write(simulator, api, path):
    """Two slashes (pyDataverseOps, simple-dyn365), the full version (simple-dyn365)."""
    answer = api.get(f"{simulator.ready['url']}{path}")
    assert answer.status_code == 200
    assert answer.json()["UserId"] == api.get("WhoAmI").json()["UserId"]
