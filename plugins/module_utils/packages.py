# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Packages of the distribution."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def missing(module: AnsibleModule, packages: list[str]) -> list[str]:
    """Return those that are not installed."""
    if not packages:
        return []
    query = ["dpkg-query", "--show", "--showformat=${binary:Package} ${Package} ${db:Status-Abbrev}\n", *packages]
    out = module.run_command(query)[1]
    installed = {name for line in out.splitlines() if line.rstrip().endswith(" ii") for name in line.split()[:2]}
    return [name for name in packages if name not in installed]
