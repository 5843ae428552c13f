# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tells whether a text is a private key that ssh can use without asking; nothing here ever shows it."""

from __future__ import annotations

import base64
import binascii
import re

_KEY = re.compile(
    r"-----BEGIN (?P<kind>(?:[A-Z]+ )*)PRIVATE KEY-----\n"
    r"(?P<headers>(?:[A-Za-z-]+: [^\n]*\n)*)\n*"
    r"(?P<body>(?:[A-Za-z0-9+/=]+\n)+)"
    r"-----END (?P=kind)PRIVATE KEY-----\n"
)
# What follows is the name of the cipher, after four bytes for its length.
_OPENSSH = b"openssh-key-v1\0"
_NO_CIPHER = b"\0\0\0\x04none"


def tidy_key(key: str | None) -> str | None:
    """Return a key with the line ends that ssh insists on; without any key, None."""
    return "".join(f"{line.strip()}\n" for line in key.strip().splitlines()) if key else None


def key_flaw(key: str) -> str:
    """Return why ssh could not use this key, or an empty text."""
    match = _KEY.fullmatch(tidy_key(key) or "")
    if match is None:
        return (
            "source.key is no private key: it begins with '-----BEGIN … PRIVATE KEY-----' and keeps its "
            "line breaks; write it into the vault as a block, after 'key: |'"
        )
    openssh = match["kind"] == "OPENSSH "
    try:
        content = base64.b64decode(match["body"], validate=False)
    except binascii.Error:
        return "source.key is cut off or changed on the way; copy the whole file again"
    if openssh and not content.startswith(_OPENSSH):
        return "source.key is cut off or changed on the way; copy the whole file again"
    encrypted = match["kind"] == "ENCRYPTED " or "ENCRYPTED" in match["headers"]
    if encrypted or (openssh and not content.removeprefix(_OPENSSH).startswith(_NO_CIPHER)):
        return "source.key has a passphrase, which nobody could type; make one without: ssh-keygen -t ed25519 -N ''"
    return ""
