"""Certificates as an authority signs them, for a few names and days."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import AuthorityInformationAccessOID

NOW = datetime.datetime.now(datetime.timezone.utc)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: str
    key: str


@cache
def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def weak_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is refused


def pem(key: Key, passphrase: bytes | None = None) -> str:
    locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode()


def certificate(
    names: Sequence[str],
    key: Key | None = None,
    days: tuple[float, float] = (-1, 90),
    signer: str = "authority",
    subject: str = "",
    ocsp: str = "",
) -> str:
    """Return one for these names, valid from and until so many days from now; `ocsp` says where its signer answers."""
    title = subject or (names[0] if names else "nobody")

    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text[:64])])

    builder = (
        x509.CertificateBuilder()
        .subject_name(called(title))
        .issuer_name(called(signer))
        .public_key((key or key_of(title)).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + datetime.timedelta(days=days[0]))
        .not_valid_after(NOW + datetime.timedelta(days=days[1]))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
    if ocsp:
        where = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
        builder = builder.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
    return builder.sign(key_of(signer), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def authority(name: str = "authority", signer: str = "root") -> str:
    return certificate([], key_of(name), signer=signer, subject=name)


def pair(names: Sequence[str], days: tuple[float, float] = (-1, 90), ocsp: str = "") -> Pair:
    """Return a good one, with its chain."""
    return Pair(certificate(names, days=days, ocsp=ocsp) + authority(), pem(key_of(names[0])))


def _name(name: str) -> x509.GeneralName:
    if name.replace(".", "").isdigit():
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)
