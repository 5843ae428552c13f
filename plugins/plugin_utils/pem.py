# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Looks at a certificate and its key, as somebody gives them; nothing here ever shows a key."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID

_BEGIN = "-----BEGIN CERTIFICATE-----"
_KEY = "PRIVATE KEY-----"
# Below security level 2 of OpenSSL, nginx would not start, with all apps.
_RSA_BITS, _OLD_HASHES = 2048, ("md5", "sha1")
_HOW = "give its text in PEM, such as \"{{ lookup('ansible.builtin.file', 'shop.pem') }}\""


class PemError(Exception):
    """Carries the flaw, and the key of the app that has it."""

    def __init__(self, key: str, flaw: str) -> None:
        self.key = key
        super().__init__(flaw)


def check_pair(certificate: str, key: str, names: Sequence[str]) -> None:
    """Check that a certificate with its chain is for these names, and that of the key. Raises PemError."""
    chain = _chain(certificate)
    leaf = chain[0]
    for link, which in zip(chain, _called(chain, names[0]), strict=True):
        if weakness := _weakness(link):
            raise PemError("certificate", f"{which} has {weakness}, which nginx refuses; get a new one")
    _check_key(leaf, key, names[0])
    if missing := [name for name in names if not is_for(leaf, name)]:
        known = ", ".join(_names(leaf)) or "no name at all"
        raise PemError("certificate", f"is not for {', '.join(missing)}, but for {known}")
    for place, (lower, upper) in enumerate(pairwise(chain), 2):
        if not _has_signed(upper, lower):
            why = "has not signed the one before it; the order is the certificate, then what signed it, and so on"
            raise PemError("certificate", f"certificate {place} of the chain {why}")
    if len(chain) == 1 and leaf.issuer != leaf.subject:
        raise PemError("certificate", "has no chain; put the certificates of who signed it below it (fullchain.pem)")


def flaws_of_time(text: str, name: str) -> list[str]:
    """Return which of a checked certificate with its chain are not valid now."""
    today = datetime.datetime.now(datetime.timezone.utc)
    chain, found = _chain(text), []
    for link, which in zip(chain, _called(chain, name), strict=True):
        begin, end = validity(link)
        if end < today:
            found.append(f"{which} has expired on {end:%Y-%m-%d}; get a new one")
        if begin > today:
            found.append(f"{which} is valid from {begin:%Y-%m-%d %H:%M} UTC on, not yet")
    return found


def covers(text: str, names: Sequence[str]) -> bool:
    """Tell whether a checked certificate is for all these names."""
    leaf = _chain(text)[0]
    return all(is_for(leaf, name) for name in names)


def has_ocsp(text: str) -> bool:
    """Tell whether who signed a checked certificate answers by OCSP if it is still good."""
    try:
        known = _chain(text)[0].extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(entry.access_method == AuthorityInformationAccessOID.OCSP for entry in known)


def validity(certificate: x509.Certificate) -> tuple[datetime.datetime, datetime.datetime]:
    """Return from when to when a certificate is valid, UTC."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    # cryptography before 42 knows no time zones.
    bounds = (certificate.not_valid_before, certificate.not_valid_after)
    begin, end = (bound.replace(tzinfo=datetime.timezone.utc) for bound in bounds)
    return begin, end


def is_for(certificate: x509.Certificate, name: str) -> bool:
    """Tell whether visitors take a certificate for a name, `*.` included."""
    known = _names(certificate)
    return name in known or f"*.{name.partition('.')[2]}" in known


def _called(chain: Sequence[x509.Certificate], name: str) -> list[str]:
    """Return what messages call the certificates of a chain."""
    return [f"the certificate of {name}", *(f"certificate {place} of the chain" for place in range(2, len(chain) + 1))]


def _weakness(certificate: x509.Certificate) -> str:
    """Return what OpenSSL, as distributions set it, takes no certificate for, or an empty text."""
    try:
        key, hashed = certificate.public_key(), certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return "a key or a signature of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS:
        return f"an RSA key of {key.key_size} bits"
    # Nobody looks at the signature of one that signs itself.
    if hashed is not None and hashed.name in _OLD_HASHES and certificate.issuer != certificate.subject:
        return f"a signature by {hashed.name.upper()}"
    return ""


def _chain(text: str) -> list[x509.Certificate]:
    if _BEGIN not in text:
        raise PemError("certificate", f"is no certificate; {_HOW}")
    if _KEY in text:
        # Ansible would show it, as it shows a certificate.
        raise PemError("certificate", "has a private key in it; move that into certificate_key, and into a vault file")
    blocks = [f"{_BEGIN}{block}" for block in text.split(_BEGIN)[1:]]
    try:
        return [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
    except ValueError:
        raise PemError("certificate", "is cut off or changed on the way; copy the whole file again") from None


def _has_signed(upper: x509.Certificate, lower: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _check_key(leaf: x509.Certificate, text: str, name: str) -> None:
    where = "certificate_key"
    if _KEY not in text:
        raise PemError(where, "is no private key; give its text in PEM, from a vault file, after 'certificate_key: |'")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        flaw = "has a passphrase, which nobody could type; take it off: openssl pkey -in key.pem -out open.pem"
        raise PemError(where, flaw) from None
    except (ValueError, UnsupportedAlgorithm):
        raise PemError(where, "is cut off or changed on the way; copy the whole file again") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise PemError(where, f"key does not match the certificate of {name}; give the key that it was made with")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]
