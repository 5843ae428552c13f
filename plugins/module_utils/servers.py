# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What serves an app: by which file of a release it is known, at which link nginx finds it, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.emperor.flask.plugins.module_utils import http_client, uwsgi_client
from ansible_collections.emperor.flask.plugins.module_utils.layout import GUNICORN_FILE, VASSAL_FILE
from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_client import Answer


@dataclass(frozen=True)
class Server:
    """`get` takes path, host, socket, scheme, timeout and mount.

    Each has a link of its own: at a switch from one to the other, nobody speaks a protocol to whom does not know it.
    """

    title: str
    file: str
    link: str
    get: Callable[[str, str, str, str, float, str], Answer]


UWSGI = Server("uWSGI", VASSAL_FILE, "uwsgi.sock", uwsgi_client.get)
GUNICORN = Server("gunicorn", GUNICORN_FILE, "http.sock", http_client.get)


def of_release(release: Path) -> Server:
    """Return what serves a release, which may stand aside as yet."""
    return GUNICORN if (release / GUNICORN.file).exists() else UWSGI
