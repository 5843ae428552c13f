"""What an auditor says of the whole host: lynis, with all that it looks at."""

from __future__ import annotations

import re
from typing import Any

testinfra_hosts = ["ansible://app"]

# What this collection sets up by default: the firewall, nginx, packages with known flaws, logs, accounts without a
# password. The rest belongs to the distribution, or to its operator, such as partitions and another host for logs.
_OURS = re.compile(r"FIRE-|HTTP-|PKGS-7392|LOGG-21[39]|AUTH-92(08|83)")
# It wants ssl_prefer_server_ciphers, which Mozilla's profiles set for `old` alone: visitors know what they do fast.
_MEANT = {"HTTP-6710"}


def test_an_auditor_has_no_warning_and_no_advice_on_what_is_ours(host: Any, figures: list[str]) -> None:
    host.run("lynis audit system --quick --quiet --no-colors")
    report = host.file("/var/log/lynis-report.dat").content_string
    index = re.search(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    assert index is not None, report[-2000:]
    figures.append(f"lynis                         hardening index {index[1]}")
    found = re.findall(r"^(warning|suggestion)\[\]=([A-Z]+-\d+)\|([^|]*)", report, re.MULTILINE)
    # Else it has not looked.
    assert len(found) > 10
    assert [entry for entry in found if entry[0] == "warning"] == []
    assert [entry for entry in found if _OURS.match(entry[1]) and entry[1] not in _MEANT] == []
