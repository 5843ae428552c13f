# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Addresses of git repositories: which there are, what they need, and relative ones."""

from __future__ import annotations

import re

_SCP_LIKE = r"[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:\S+"
_ADDRESS = re.compile(rf"(https?|ssh|git|file)://\S+|{_SCP_LIKE}|/\S+")
_SSH = re.compile(
    r"ssh://([^/@]*@)?(?P<server>\[[^]/]+\]|[^/:@]+)(:(?P<port>[0-9]+))?(/.*)?"
    r"|[A-Za-z0-9_.-]+@(?P<short>[A-Za-z0-9_.-]+):.*"
)
# Over https, a user alone is a token: without a password nobody else gets in.
_PASSWORD = re.compile(r"://[^/@:]*:[^/@]*@|^https?://[^/@]*@")


def is_address(text: str) -> bool:
    """Tell whether git can be given this: no option, no remote helper, no relative path."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None


def has_password(address: str) -> bool:
    """Tell whether a password stands in an address."""
    return _PASSWORD.search(address) is not None


def is_local(address: str) -> bool:
    """Tell whether the repository is on the host itself."""
    return address.startswith(("/", "file:"))


def ssh_server(address: str) -> tuple[str, int | None] | None:
    """Return server and port, if one is given, of a repository that is reached by ssh; else None."""
    match = _SSH.fullmatch(address)
    if match is None:
        return None
    server = (match["server"] or match["short"]).strip("[]")
    return server, int(match["port"]) if match["port"] else None


def resolve(parent: str, address: str) -> str:
    """Return the address of a submodule; one that begins with `./` or `../` starts at its parent's, as in git."""
    if not address.startswith(("./", "../")):
        return address
    base, separator = parent.removesuffix("/"), "/"
    while True:
        if address.startswith("../"):
            address = address[3:]
            base, separator = _without_last_folder(base, separator)
        elif address.startswith("./"):
            address = address[2:]
        else:
            return f"{base}{separator}{address}".removesuffix("/")


def _without_last_folder(base: str, separator: str) -> tuple[str, str]:
    folder, slash, _last = base.rpartition("/")
    if slash:
        return folder, separator
    return base.rpartition(":")[0], ":"  # git@server:lib.git has no folder but the server
