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
_OPEN = re.compile(r"(http|git)://")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Over https, a user alone is a token: without a password nobody else gets in.
_PASSWORD = re.compile(r"://[^/@:]*:[^/@]*@|^https?://[^/@]*@")


def is_address(text: str) -> bool:
    """Tell whether git can be given this: no option, no remote helper, no relative path."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None


def has_password(address: str) -> bool:
    """Tell whether a password stands in an address."""
    return _PASSWORD.search(address) is not None


def is_commit(version: str) -> bool:
    """Tell whether a version is a full commit id."""
    return _COMMIT.fullmatch(version) is not None


def trust_flaw(address: str, version: str) -> str:
    """Return why somebody on the way could swap the code of a version, or an empty text.

    A full commit id says what has to come, whoever sends it; of a branch or a tag only the server can tell.
    """
    if _OPEN.match(address) is None or is_commit(version):
        return ""
    return (
        f"'{address}' is not encrypted, so anybody on the way could say what {version} is; "
        "give https://… or ssh://…, or a full commit id as version"
    )


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
