"""What the tests of the wire share: table definitions as the Web API sends them, a
client without waiting, and a small HTTPS server on the loopback interface."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from dataverse import Client, DataverseError
from dataverse.metadata import is_column, read_column, read_table

URL = "https://org.crm4.dynamics.com"
API = f"{URL}/api/data/v9.2/"
A = "00000000-0000-0000-0000-00000000000a"
B = "00000000-0000-0000-0000-00000000000b"
C = "00000000-0000-0000-0000-00000000000c"
SECRET = "canary~Secret.8Q"
TOKEN = "canary.token.eyJ0eXAi"


# --- table definitions ----------------------------------------------------------------


def label(text):
    localized = {"Label": text, "LanguageCode": 1033, "IsManaged": True}
    return {"LocalizedLabels": [localized], "UserLocalizedLabel": localized}


def attribute(name, kind, *, text=None, required="None", **more):
    return {
        "@odata.type": f"#Microsoft.Dynamics.CRM.{kind}AttributeMetadata",
        "LogicalName": name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "AttributeOf": None,
        "DisplayName": label(text or name.title()),
        "RequiredLevel": {"Value": required, "CanBeChanged": True},
        "IsValidForCreate": True,
        "IsValidForUpdate": True,
        "IsValidForRead": True,
        "IsValidODataAttribute": True,
        "IsSecured": False,
        **more,
    }


def virtual(name, kind, **more):
    """A newer type: AttributeType only says "Virtual"."""
    raw = attribute(name, kind, **more)
    return {**raw, "AttributeType": "Virtual"}


ATTRIBUTES = [
    attribute(
        "contactid",
        "Uniqueidentifier",
        required="SystemRequired",
        IsValidForUpdate=False,
    ),
    attribute("lastname", "String", text="Last Name", MaxLength=50, Format="Text"),
    attribute("isocode", "String", MaxLength=5, required="SystemRequired"),
    attribute(
        "ordernumber",
        "String",
        required="SystemRequired",
        AutoNumberFormat="ORD-{SEQNUM:5}",
    ),
    attribute(
        "revisionnumber", "Integer", required="SystemRequired", IsValidForCreate=False
    ),
    attribute("description", "Memo", MaxLength=2000),
    attribute("fullname", "String", IsValidForCreate=False, IsValidForUpdate=False),
    attribute("numberofchildren", "Integer", MinValue=0, MaxValue=100),
    attribute("versionnumber", "BigInt"),
    attribute(
        "creditlimit",
        "Money",
        text="Credit Limit",
        MinValue=0.0,
        MaxValue=100000000000000.0,
        Precision=2,
    ),
    attribute("exchangerate", "Decimal", Precision=12, IsSecured=True),
    attribute("address1_latitude", "Double", MinValue=-90.0, MaxValue=90.0),
    attribute("donotemail", "Boolean"),
    attribute(
        "birthdate",
        "DateTime",
        Format="DateOnly",
        DateTimeBehavior={"Value": "DateOnly"},
    ),
    attribute(
        "lastonholdtime",
        "DateTime",
        Format="DateAndTime",
        DateTimeBehavior={"Value": "UserLocal"},
    ),
    attribute("gendercode", "Picklist", text="Gender"),
    virtual("interests", "MultiSelectPicklist"),
    attribute("statecode", "State", required="SystemRequired"),
    attribute("statuscode", "Status"),
    attribute("parentcustomerid", "Customer", Targets=["account", "contact"]),
    attribute("accountid", "Lookup", Targets=["account"], Format="None"),
    attribute("new_driverid", "Lookup", Targets=["new_driver"]),
    attribute(
        "ownerid",
        "Owner",
        required="SystemRequired",
        Targets=["systemuser", "team"],
    ),
    attribute(
        "parentcustomeridname",
        "String",
        AttributeOf="parentcustomerid",
        IsValidODataAttribute=False,
    ),
    virtual("entityimage", "Image"),
]


def option(value, text, **more):
    return {"Value": value, "Label": label(text), **more}


OPTION_SETS = {
    "Picklist": {"gendercode": [option(1, "Male"), option(2, "Female")]},
    "MultiSelectPicklist": {"interests": [option(1, "Golf"), option(2, "Chess")]},
    "State": {
        "statecode": [
            option(0, "Active", DefaultStatus=1),
            option(1, "Inactive", DefaultStatus=2),
        ]
    },
    "Status": {
        "statuscode": [
            option(1, "Active", State=0),
            option(2, "Inactive", State=1),
        ]
    },
}


def relationship(column, table, navigation):
    return {
        "ReferencingAttribute": column,
        "ReferencedEntity": table,
        "ReferencingEntityNavigationPropertyName": navigation,
    }


DEFINITION = {
    "LogicalName": "contact",
    "EntitySetName": "contacts",
    "PrimaryIdAttribute": "contactid",
    "PrimaryNameAttribute": "fullname",
    "DisplayName": label("Contact"),
    "ObjectTypeCode": 2,
    "ChangeTrackingEnabled": True,
    "IsOptimisticConcurrencyEnabled": True,
    "MetadataId": B,
    "ManyToOneRelationships": [
        relationship("parentcustomerid", "account", "parentcustomerid_account"),
        relationship("parentcustomerid", "contact", "parentcustomerid_contact"),
        relationship("accountid", "account", "accountid"),
        relationship("new_driverid", "new_driver", "new_DriverId"),
        relationship("ownerid", "owner", "ownerid"),
    ],
}
ENTITY_SETS = {
    "account": "accounts",
    "contact": "contacts",
    "new_driver": "new_drivers",
    "systemuser": "systemusers",
    "team": "teams",
}


def contact_table():
    """The table built from the JSON above, without a client."""
    options = {n: {"Options": o} for s in OPTION_SETS.values() for n, o in s.items()}
    navigation = {}
    for r in DEFINITION["ManyToOneRelationships"]:
        targets = navigation.setdefault(r["ReferencingAttribute"], {})
        targets[r["ReferencedEntity"]] = r["ReferencingEntityNavigationPropertyName"]
    columns = [
        read_column(
            raw, options.get(raw["LogicalName"]), navigation.get(raw["LogicalName"])
        )
        for raw in ATTRIBUTES
        if is_column(raw)
    ]
    return read_table(DEFINITION, columns, ENTITY_SETS)


# --- a client that does not wait ------------------------------------------------------


class Tokens:
    """A TokenProvider without network; remembers which calls asked for a new token."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.refreshes = []

    def token(self, *, refresh=False):
        self.refreshes.append(refresh)
        if self.errors and (error := self.errors.pop(0)):
            raise error
        return TOKEN + str(sum(self.refreshes))


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def client_for(url=URL, tokens=None, **options):
    """A client, with its clock as ``client.test_clock`` and tokens ``test_tokens``."""
    clock, tokens = Clock(), tokens or Tokens()
    options = {
        "sleep": clock.sleep,
        "clock": clock,
        "random": lambda: 0.5,
        **options,
    }
    client = Client(url, tokens, **options)
    client.test_clock, client.test_tokens = clock, tokens
    return client


def error_body(code, message):
    return {"error": {"code": code, "message": message}}


def failure(call, *args, **options):
    """The DataverseError that ``call`` raises."""
    try:
        call(*args, **options)
    except DataverseError as error:
        return error
    raise AssertionError("no DataverseError")


# --- a real server --------------------------------------------------------------------


def self_signed(name="localhost"):
    """Return (certificate PEM, private key PEM) of a self-signed certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    addresses = [
        x509.DNSName(name),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


class HttpsServer:
    """Answers with ``respond(request) -> (status, headers, body) or None``; None ends
    the connection without an answer. ``requests`` holds what arrived."""

    def __init__(self, certificate_file, key_file):
        outer = self
        self.respond = lambda request: (200, {}, b"{}")
        self.requests = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.content = self.rfile.read(length)
                outer.requests.append(self)
                answer = outer.respond(self)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """Handshakes that the client breaks off are part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate_file, key_file)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://localhost:{self._server.server_port}"

    @contextmanager
    def running(self):
        thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
