"""What a unit of systemd may not do, as systemd sees it and as its processes do."""

from __future__ import annotations

import re
from typing import Any


def rating(host: Any, unit: str) -> float:
    """Return how exposed systemd finds a unit, from 0 to 10, which is unprotected."""
    said = host.check_output("systemd-analyze security --no-pager %s", unit)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    return float(found[1])


def left(host: Any, unit: str) -> str:
    """Return what systemd still finds exposed, for whoever reads why a test failed."""
    said = host.check_output("systemd-analyze security --no-pager %s", unit)
    return "\n".join(line for line in said.splitlines() if line.startswith("✗"))


def main_process(host: Any, unit: str) -> str:
    return str(host.check_output("systemctl show --property=MainPID --value %s", unit))


def status(host: Any, process: str) -> dict[str, str]:
    """Return what the kernel says of a process."""
    lines = host.file(f"/proc/{process}/status").content_string.splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
