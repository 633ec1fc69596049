"""What makes the organization recognizable: ids, secrets, keys and certificates.

Made at the first start and kept in the data folder, so that a client configured once
still works after a restart.
"""

from __future__ import annotations

import json
import secrets
import ssl
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

HOST_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Application:
    """An app registration with an application user in the organization."""

    client_id: str
    client_secret: str
    user_id: str


@dataclass(frozen=True)
class Identity:
    """``folder`` holds the files that the properties below name."""

    folder: Path
    tenant: str
    organization_id: str
    integration: Application
    salesperson: Application

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def server_file(self) -> Path:
        return self.folder / "server.pem"

    @property
    def certificate_file(self) -> Path:
        """Private key and certificate that the integration application may use."""
        return self.folder / "client-certificate.pem"

    @property
    def token_key_file(self) -> Path:
        return self.folder / "token-key.pem"

    def client_certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    def applications(self) -> dict[str, Application]:
        return {a.client_id: a for a in (self.integration, self.salesperson)}

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file)
        return context


def load_or_create(folder: Path) -> Identity:
    """The identity kept in ``folder``; a new one is written there if there is none."""
    path = folder / "identity.json"
    if path.exists():
        kept = json.loads(path.read_text())
        return Identity(
            folder=folder,
            tenant=kept["tenant"],
            organization_id=kept["organization_id"],
            integration=Application(**kept["integration"]),
            salesperson=Application(**kept["salesperson"]),
        )
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    identity = Identity(
        folder=folder,
        tenant=str(uuid.uuid4()),
        organization_id=str(uuid.uuid4()),
        integration=_new_application(),
        salesperson=_new_application(),
    )
    _write_tls_files(identity)
    _write_key(identity.token_key_file)
    _write_client_certificate(identity.certificate_file)
    kept = asdict(identity)
    del kept["folder"]
    path.write_text(json.dumps(kept, indent=1))
    return identity


def _new_application() -> Application:
    return Application(str(uuid.uuid4()), secrets.token_urlsafe(24), str(uuid.uuid4()))


def _write_tls_files(identity: Identity) -> None:
    authority = trustme.CA(organization_name="Local Dataverse")
    certificate = authority.issue_cert(*HOST_NAMES)
    authority.cert_pem.write_to_path(str(identity.ca_file))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(identity.server_file))


def _write_key(path: Path) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return key


def _write_client_certificate(path: Path) -> None:
    key = _write_key(path)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dataverse-client")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    path.write_bytes(path.read_bytes() + pem)
