"""A host as somebody on another one sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from visitor import Visitor

# The host of the authority is on the same network as the others.
STRANGER = "emperor-flask-hardening-authority"


def domain_of(host: str) -> str:
    """Return the domain below which the apps of a host are."""
    return f"{host.rpartition('-')[2]}.example.org"


@dataclass(frozen=True)
class Door:
    """What a stranger knows of a host: its domain, below which its apps are."""

    stranger: Any
    domain: str

    def visitor(self, app: str, tls: bool = True) -> Visitor:
        name = f"{app}.{self.domain}"
        return Visitor(self.stranger, name, address=name, tls=tls)

    def run(self, command: str, *arguments: str) -> str:
        """Run a command on the stranger's host; it must succeed."""
        return str(self.stranger.check_output(command, *arguments))
