# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What certbot's plugin reads of a DNS server, which the role certificates writes to a file for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

VARIABLE = "certificates_acme_dns"
_NAME = re.compile(r"[A-Za-z0-9_]+")
# ConfigObj, by which certbot reads it, takes this for the name of another value: https://configobj.readthedocs.io
_REFERENCE = re.compile(r"%\([^)]*\)s")


def flaws(given: Any) -> list[str]:
    """Return what of the credentials cannot be written so that certbot reads the same; no value is ever told."""
    credentials = given.get("credentials") if isinstance(given, Mapping) else None
    if not isinstance(credentials, Mapping):
        return []  # the role's argument spec says what is wrong with it
    return [f"{VARIABLE}.credentials.{why}" for name, value in credentials.items() for why in _flaws_of(name, value)]


def _flaws_of(name: Any, value: Any) -> list[str]:
    text = str(value)
    if not _NAME.fullmatch(str(name)):
        return [f"{name!r}: is no name of a setting; write it as the plugin's documentation does, dns_rfc2136_secret"]
    if not isinstance(value, (str, int, float)) or not text:
        return [f"{name}: is no text; write one, or leave it out"]
    if not text.isprintable():
        return [f"{name}: holds the end of a line, or another sign that cannot be seen; write it in one line"]
    if '"' in text and "'" in text:
        return [f"{name}: holds quotes of both kinds, of which certbot's file can have one; take another value"]
    if _REFERENCE.search(text):
        return [f"{name}: holds '%(…)s', which certbot takes for the name of another value; take another value"]
    return []
