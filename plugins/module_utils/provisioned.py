# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the roles write to a host and apps rest on; a host that was set up by an earlier version may lack it."""

from __future__ import annotations

from pathlib import Path

NGINX = Path("/etc/nginx")
# What the sites of apps include. The first is as old as the role nginx.
_FIRST, *_SINCE = ("flask-listen", "flask-listen-tls", "flask-acme", "flask-headers", "flask-limits")
REMEDY = "run site.yml once, which brings the host up to this version of the collection; deploy.yml does not"


class NotProvisionedError(OSError):
    """A file that the role uwsgi or nginx writes is missing."""


def need(*paths: Path) -> None:
    """Raise NotProvisionedError for the first of the files that is not there."""
    for path in paths:
        if not path.exists():
            raise NotProvisionedError(f"{path} is missing, which the role uwsgi writes")


def need_nginx() -> None:
    """Raise NotProvisionedError if the role nginx was here, and there is something that it did not write then."""
    missing = [name for name in _SINCE if not (NGINX / name).exists()]
    if missing and (NGINX / _FIRST).exists():
        raise NotProvisionedError(f"{NGINX / missing[0]} is missing, which the role nginx writes")
