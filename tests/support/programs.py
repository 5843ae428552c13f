"""Ansible's programs, run as an operator runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """Exit code, both streams and the time that a program took."""

    code: int
    output: str
    errors: str
    seconds: float

    @property
    def said(self) -> str:
        return self.output + self.errors


# The program and its arguments; keywords are environment variables.
Run = Callable[..., Done]
