# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""The filter that tells why an authority gave no certificate."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: certificate_failures
short_description: Tell why an authority gave no certificate
version_added: 0.1.0
author: The emperor.flask maintainers
description:
  - Turns the results of certbot into one report for each certificate that it did not get, with apps, cause and remedy.
options:
  _input:
    description: Results of a loop over certificates, as M(emperor.flask.certificates) returns those that are missing.
    type: list
    elements: dict
    required: true
  directory:
    description: Address of the authority's directory.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Name what the authority refused
  ansible.builtin.debug:
    msg: "{{ __certificates_asked.results | emperor.flask.certificate_failures('https://acme.example.org/dir') }}"
"""

RETURN = r"""
_value:
  description: Reports.
  type: list
  elements: str
"""

# https://www.rfc-editor.org/rfc/rfc8555#section-6.7
_PROBLEM = re.compile(
    r"^\s*Domain: (?P<domain>\S+)\n\s*Type:\s+(?P<kind>\S+)\n\s*Detail: (?P<detail>.+)$", re.MULTILINE
)
_REMEDIES = {
    "dns": "let the DNS of {name} lead to this host",
    "connection": "let requests to port 80 of {name} reach this host from everywhere",
    "unauthorized": "let all addresses of {name} lead to this host, with nothing before it that answers instead",
    "caa": "permit this authority in the CAA records of {name}",
}
_LIMIT = re.compile(r"(too many|rate.?limit)[^\n]*", re.IGNORECASE)
_NOISE = ("Ask for help", "See the logfile", "Saving debug log", "Hint:", "Some challenges have failed")


def certificate_failures(results: list[dict[str, Any]], directory: str) -> list[str]:
    """Return a report for each certificate that certbot did not get."""
    return [_report(result, directory) for result in results if result.get("rc")]


def _report(result: dict[str, Any], directory: str) -> str:
    wanted = result["item"]
    said = f"{result.get('stdout', '')}\n{result.get('stderr', '')}"
    problems = list(_PROBLEM.finditer(said))
    causes = [f"{problem['domain']}: {problem['detail'].strip()}" for problem in problems] or [_last_words(said)]
    remedies = [
        _REMEDIES[problem["kind"]].format(name=problem["domain"])
        for problem in problems
        if problem["kind"] in _REMEDIES
    ]
    if _LIMIT.search(said):
        remedies = ["wait, as long as the authority says, and try with certificates_acme_staging: true until then"]
    remedy = "; ".join(dict.fromkeys(remedies)) or "see /var/log/letsencrypt/letsencrypt.log on the host"
    return "\n".join(
        [
            f"app {', '.join(wanted['apps'])}: no certificate for {', '.join(wanted['domains'])} from {directory}",
            *causes,
            "It is served, with the certificate that it had before, or with one that browsers warn of if it had none.",
            f"What to do: {remedy}; then run again.",
        ]
    )


def _last_words(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.strip().startswith(_NOISE)]
    return " ".join(lines[-3:]) or "certbot gave no reason"


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter under its name."""
        return {"certificate_failures": certificate_failures}
