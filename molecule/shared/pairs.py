"""Makes certificates with their keys, as somebody gives them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate, with that of who signed it below if that is another, and its key; both PEM."""

    certificate: str
    key: str


def make_pair(name: str, signer: Pair | None = None, ocsp: str = "") -> Pair:
    """Make a certificate for a name; without a signer, it signs itself; `ocsp` is where the signer answers."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    subject = issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signing = key
    if signer:
        issuer = x509.load_pem_x509_certificate(signer.certificate.encode()).subject
        loaded = load_pem_private_key(signer.key.encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing = loaded
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    if ocsp:
        where = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
        builder = builder.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
    leaf = builder.sign(signing, hashes.SHA256())
    chain = leaf.public_bytes(Encoding.PEM).decode() + (signer.certificate if signer else "")
    return Pair(chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
