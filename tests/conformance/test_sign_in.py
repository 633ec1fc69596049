"""Signing in, and the frame of every answer."""

from __future__ import annotations

import re
import uuid

import pytest
from environment import Api, Environment, error

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def token_request(environment: Environment, **fields: str):
    """A client credentials request in which `fields` are other than right."""
    form = {
        "grant_type": "client_credentials",
        "client_id": environment.client_id,
        "client_secret": environment.client_secret,
        "scope": environment.scope,
        **fields,
    }
    form = {name: value for name, value in form.items() if value}
    with environment.anonymous(environment.authority) as session:
        return session.post("oauth2/v2.0/token", data=form)


def test_the_authority_describes_itself(environment):
    """The OpenID configuration names both endpoints.

    Measured: msal 1.39 reads both before it asks for a token
    """
    with environment.anonymous(environment.authority) as session:
        found = session.retrieve("v2.0/.well-known/openid-configuration")
    assert found["token_endpoint"].startswith("https://")
    assert found["authorization_endpoint"].startswith("https://")


def test_client_credentials_give_a_bearer_token(environment):
    """A secret and the scope `<environment>/.default` give a token for an hour.

    Learn: use-single-tenant-server-server-authentication
    """
    answer = token_request(environment)
    assert answer.status_code == 200
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] > 3000
    assert body["access_token"].count(".") == 2


@pytest.mark.parametrize(
    ("fields", "status", "name", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": str(uuid.uuid4())}, 400, "unauthorized_client", 700016),
        ({"scope": ""}, 400, "invalid_request", 900144),
    ],
)
def test_a_refused_sign_in_says_why(environment, fields, status, name, number):
    """The error carries the AADSTS number, in a list and at the start of its text.

    Learn: entra/identity-platform/reference-error-codes
    """
    answer = token_request(environment, **fields)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, name)
    assert body["error_codes"] == [number]
    assert body["error_description"].startswith(f"AADSTS{number}")


def test_msal_returns_a_wrong_secret_as_data(environment):
    """acquire_token_for_client does not raise.

    Measured: msal 1.39
    """
    answer = environment.application("wrong").acquire_token_for_client(
        [environment.scope]
    )
    assert answer["error"] == "invalid_client"


def test_msal_asks_once(environment):
    """The second token comes from the library's own cache.

    Measured: msal 1.23 and later
    """
    application = environment.application()
    first = application.acquire_token_for_client([environment.scope])
    second = application.acquire_token_for_client([environment.scope])
    assert first["token_source"] == "identity_provider"
    assert second["token_source"] == "cache"


def test_without_a_token_the_challenge_names_tenant_and_resource(environment):
    """401, no body, WWW-Authenticate with authorization_uri and resource_id.

    Learn: authenticate-oauth
    """
    with environment.anonymous() as session:
        answer = session.get("WhoAmI")
    assert (answer.status_code, answer.content) == (401, b"")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer authorization_uri=")
    assert f"/{environment.tenant}/oauth2/authorize" in challenge
    assert f"resource_id={environment.url}" in challenge


def test_a_token_that_is_none_is_refused(environment):
    """401.

    Learn: webapi/compose-http-requests-handle-errors
    """
    headers = {"Authorization": "Bearer nonsense"}
    with environment.anonymous() as session:
        assert session.get("WhoAmI", headers=headers).status_code == 401


def test_who_am_i(api: Api):
    """The ids of user, business unit and organization, with the type in the context.

    Learn: webapi/reference/about
    """
    body = api.retrieve("WhoAmI")
    assert body.pop("@odata.context").endswith(
        "/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse"
    )
    assert body.keys() == {"BusinessUnitId", "UserId", "OrganizationId"}
    assert all(re.fullmatch(GUID, value) for value in body.values())


def test_a_function_may_have_parentheses(api: Api):
    """WhoAmI() is WhoAmI.

    Learn: webapi/use-web-api-functions
    """
    assert api.retrieve("WhoAmI()") == api.retrieve("WhoAmI")


@pytest.mark.parametrize("version", ["v9.0", "v9.1", "v9.2"])
def test_all_versions_are_served(environment, api: Api, version):
    """The address names a version; links in the answer have the same.

    Learn: webapi/compose-http-requests-handle-errors
    """
    root = f"{environment.url}/api/data/{version}"
    context = api.retrieve(f"{root}/WhoAmI")["@odata.context"]
    assert context.startswith(f"{root}/$metadata")


@pytest.mark.parametrize(
    ("header", "pattern"),
    [
        ("OData-Version", r"4\.0"),
        ("Content-Type", r"application/json; odata\.metadata=minimal.*"),
        ("REQ_ID", GUID + ".*"),
        ("x-ms-service-request-id", GUID + ".*"),
        ("Cache-Control", "no-cache.*"),
        ("x-ms-dop-hint", r"\d+"),
        ("x-ms-ratelimit-burst-remaining-xrm-requests", r"\d+"),
        ("x-ms-ratelimit-time-remaining-xrm-requests", r"[\d,.]+"),
    ],
)
def test_headers_of_an_answer(api: Api, header, pattern):
    """Every answer says its version, its request and what is left of the limits.

    Recorded: response headers of a live organization, 2024
    """
    answer = api.get("WhoAmI")
    assert re.fullmatch(pattern, answer.headers[header]), answer.headers[header]


def test_a_cookie_binds_a_client_to_a_server(environment):
    """ARRAffinity; clients drop it to spread over the servers.

    Learn: send-parallel-requests
    """
    with environment.sign_in() as session:
        session.get("WhoAmI")
        assert "ARRAffinity" in session.cookies


def test_an_error_is_a_code_and_a_message(api: Api):
    """`{"error": {"code", "message"}}` as JSON.

    Learn: webapi/compose-http-requests-handle-errors
    """
    answer = api.get(f"accounts({uuid.uuid4()})")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["OData-Version"] == "4.0"
    body = answer.json()
    assert body.keys() == {"error"}
    assert {"code", "message"} <= body["error"].keys()
    assert re.fullmatch(r"0x[0-9A-Fa-f]{8}", body["error"]["code"])


def test_an_unknown_segment(api: Api):
    """404, "Resource not found for the segment".

    Learn: webapi/compose-http-requests-handle-errors
    """
    answer = api.get("nosuchthings")
    assert error(answer) == (404, "0x8006088a") or error(answer)[0] == 404
    assert "Resource not found for the segment 'nosuchthings'" in answer.text


def test_entity_sets_are_case_sensitive(api: Api):
    """Accounts is no resource.

    Learn: webapi/web-api-types-operations
    """
    assert api.get("Accounts?$top=1").status_code == 404


def test_a_function_is_not_posted(api: Api):
    """405: a method that the resource does not have.

    Learn: webapi/compose-http-requests-handle-errors
    """
    assert api.put("accounts", json={}).status_code == 405


def test_the_literal_null_as_etag_is_no_condition(api: Api):
    """If-None-Match: null only keeps caches out.

    Learn: webapi/compose-http-requests-handle-errors
    """
    assert api.get("accounts?$top=1", if_none_match="null").status_code == 200


def test_a_url_has_a_limit(api: Api):
    """More than 32,768 characters of a GET are refused.

    Learn: webapi/query/overview
    """
    answer = api.get("accounts?$filter=name eq '" + "x" * 33_000 + "'")
    assert answer.status_code in (400, 414)
