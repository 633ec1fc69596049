"""The transport against a real TLS server on the loopback interface."""

from __future__ import annotations

import socket

import pytest
from wire_support import HttpsServer, client_for, failure, self_signed

from dataverse.transport import Transport

TIMEOUT = (5, 5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    pem, key = self_signed()
    (folder / "certificate.pem").write_text(pem)
    (folder / "key.pem").write_text(key)
    return str(folder / "certificate.pem"), str(folder / "key.pem")


@pytest.fixture
def server(certificate):
    with HttpsServer(*certificate).running() as running:
        yield running


@pytest.fixture
def other_server(certificate):
    with HttpsServer(*certificate).running() as running:
        yield running


@pytest.fixture
def transport(server, certificate):
    transport = Transport(server.url, certificate[0])
    yield transport
    transport.close()


def get(transport, url, timeout=TIMEOUT):
    return transport.send("GET", url, {}, None, timeout)


def test_a_request_and_its_answer(server, transport):
    server.respond = lambda request: (201, {"X-A": "b"}, b'{"n": 1.50}')
    response = transport.send("POST", server.url + "/x?y", {"A": "b"}, b"in", TIMEOUT)
    assert (response.status, response.headers["x-a"]) == (201, "b")
    assert str(response.json()["n"]) == "1.50"
    (request,) = server.requests
    assert (request.path, request.content) == ("/x?y", b"in")
    assert request.headers["A"] == "b"
    assert request.headers["Accept-Encoding"] == "gzip, deflate"


def test_links_go_over_the_wire_as_they_are(server, transport):
    link = "/x?$skiptoken=%3Ccookie%20a=%22%253c%2527%22/%3E&b='(~)'"
    get(transport, server.url + link)
    assert server.requests[0].path == link


def test_connections_are_kept(server, transport):
    for _ in range(3):
        get(transport, server.url)
    assert len({request.client_address for request in server.requests}) == 1


def test_cookies_are_never_sent_back(server, transport):
    cookie = {"Set-Cookie": "ARRAffinity=x; path=/; secure; HttpOnly"}
    server.respond = lambda request: (200, cookie, b"{}")
    get(transport, server.url)
    get(transport, server.url)
    assert "Cookie" not in server.requests[1].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_reach_nobody(server, other_server, transport, status):
    server.respond = lambda r: (status, {"Location": other_server.url + "/x"}, b"")
    assert get(transport, server.url).status == status
    assert other_server.requests == []


def test_an_unknown_certificate_is_refused_before_anything_is_sent(server):
    transport = Transport(server.url)
    error = failure(get, transport, server.url)
    transport.close()
    assert (error.name, error.sent) == ("CertificateNotTrusted", False)
    assert "localhost" in error.sentence
    assert server.requests == []


def test_the_certificate_must_be_for_the_host(server, transport):
    error = failure(get, transport, server.url.replace("localhost", "[::1]"))
    assert error.name in ("CertificateNotTrusted", "Unreachable")  # no IPv6 here
    error = failure(get, transport, server.url.replace("localhost", "127.0.0.2"))
    assert error.name in ("CertificateNotTrusted", "Unreachable")
    assert server.requests == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_does_not_replace_the_authorities(
    server, certificate, monkeypatch, name, tmp_path
):
    (tmp_path / "other.pem").write_text(self_signed("other")[0])
    monkeypatch.setenv(name, str(tmp_path / "other.pem"))
    own = Transport(server.url, certificate[0])
    assert get(own, server.url).status == 200
    own.close()
    monkeypatch.setenv(name, certificate[0])
    bundled = Transport(server.url)
    assert failure(get, bundled, server.url).name == "CertificateNotTrusted"
    bundled.close()


def test_netrc_adds_no_credentials(server, transport, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    get(transport, server.url)
    assert "Authorization" not in server.requests[0].headers


def test_proxies_come_from_the_environment(server, certificate, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "")
    through = Transport("https://org.crm4.dynamics.com", certificate[0])
    error = failure(get, through, "https://org.crm4.dynamics.com")
    through.close()
    assert (error.name, error.sent) == ("Unreachable", False)
    monkeypatch.setenv("NO_PROXY", "localhost")
    around = Transport(server.url, certificate[0])
    assert get(around, server.url).status == 200
    around.close()


def test_a_missing_file_of_authorities_is_said(server, tmp_path):
    transport = Transport(server.url, str(tmp_path / "none.pem"))
    error = failure(get, transport, server.url)
    assert (error.name, error.kind, error.sent) == (
        "UnreadableAuthorities",
        "auth",
        False,
    )
    assert "none.pem" in error.sentence


def test_nobody_there():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    transport = Transport(f"https://localhost:{port}")
    error = failure(get, transport, f"https://localhost:{port}/")
    transport.close()
    assert (error.name, error.kind, error.sent) == ("Unreachable", "transient", False)
    assert error.sentence.startswith("Cannot reach localhost.")


def test_a_connection_that_ends_leaves_the_outcome_open(server, transport):
    server.respond = lambda request: None
    error = failure(get, transport, server.url)
    assert (error.name, error.kind, error.sent) == ("NoResponse", "transient", None)


def test_an_answer_that_ends_early_leaves_the_outcome_open(server, transport):
    def respond(request):
        request.close_connection = True
        return 200, {"Content-Length": "100"}, b"{}"

    server.respond = respond
    # urllib3 1 takes the short answer for whole; then it is not JSON either.
    try:
        body = get(transport, server.url).body
    except Exception as error:
        assert error.name == "NoResponse"
    else:
        assert body == b"{}"


def test_an_answer_that_does_not_come_is_a_timeout(server, transport):
    def respond(request):
        request.connection.settimeout(5)
        request.connection.recv(1)  # until the client gives up
        return None

    server.respond = respond
    error = failure(get, transport, server.url, (5, 0.02))
    assert (error.name, error.kind, error.sent) == ("Timeout", "transient", None)


def test_a_client_over_tls(server, certificate):
    server.respond = lambda request: (200, {}, b'{"value": []}')
    client = client_for(server.url, verify=certificate[0])
    assert client.app_modules() == []
    client.close()
    assert server.requests[0].path == (
        "/api/data/v9.2/appmodules?$select=appmoduleid,uniquename,name"
    )
