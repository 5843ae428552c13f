# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Headers that nginx sends with the answers of an app, or leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.emperor.flask.plugins.plugin_utils.app_schema import Problems

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
# Within quotes, where nginx replaces `$`, and ends at `"`. A policy needs `;` and `'`.
_VALUE = re.compile(r"[ !#%-\[\]-~]{0,2000}")
# What makes the answer readable, or is ours to say: https://www.rfc-editor.org/rfc/rfc9110#name-fields
_OURS = {
    "connection": "belongs to the connection",
    "content-encoding": "says how the body is packed, which nginx does",
    "content-length": "is the length of the answer",
    "content-type": "is the kind of each answer; the app sends it",
    "date": "is nginx's",
    "keep-alive": "belongs to the connection",
    "location": "is the app's, with each redirect",
    "server": "is nginx's",
    "set-cookie": "is the app's",
    "transfer-encoding": "belongs to the connection",
    "upgrade": "belongs to the connection",
    "x-request-id": "is the id of the request in nginx's log",
}


def check(app: dict[str, Any], path: str, problems: Problems) -> None:
    known: dict[str, str] = {}
    for name, value in app["headers"].items():
        where = f"{path}.headers.{name if _NAME.fullmatch(name) else repr(name)}"
        if not _NAME.fullmatch(name):
            problems.add(where, "is no name of a header; use letters, digits and '-', such as X-Frame-Options")
        elif why := _OURS.get(name.lower()):
            problems.add(where, f"{why}; leave it out")
        elif name.lower() in known:
            problems.add(where, f"stands here as {known[name.lower()]}, too; keep one")
        elif not isinstance(value, str):
            problems.add(where, "is not a text; write the value in quotes, or '' to send no such header")
        elif not _VALUE.fullmatch(value):
            problems.add(where, _flaw(value))
        known.setdefault(name.lower(), name)


def finish(app: Mapping[str, Any]) -> dict[str, Any]:
    return {"headers": dict(sorted(app["headers"].items()))}


def _flaw(value: str) -> str:
    if len(value) > 2000:
        return f"has {len(value)} characters; at most 2000"
    wrong = next(letter for letter in value if not _VALUE.fullmatch(letter))
    return f"contains {wrong!r}; use printable ASCII without '\"', '$' and '\\'"
