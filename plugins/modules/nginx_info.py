# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Tells what the host's nginx can do."""

from __future__ import annotations

import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: nginx_info
short_description: Tell what the nginx of a host can do
description:
  - Asks nginx for its version and for what it was built with, so that its configuration uses what is there.
  - Where there is no nginx yet, as on a bare host in check mode, the version is empty, and it can do nothing.
extends_documentation_fragment:
  - emperor.flask.attributes.reads
author: The emperor.flask maintainers
version_added: 0.1.0

options: {}
"""

EXAMPLES = r"""
- name: Ask nginx what it can do
  emperor.flask.nginx_info:
  register: __nginx_info
"""

RETURN = r"""
version:
  description: Version of nginx, such as C(1.26.3); empty where there is none.
  returned: success
  type: str
http3:
  description: Whether it was built with HTTP/3.
  returned: success
  type: bool
openssl:
  description: Version of the OpenSSL that it runs with, such as C(3.5.1).
  returned: success
  type: str
ipv6:
  description: Whether the host has IPv6.
  returned: success
  type: bool
"""

_VERSION = re.compile(r"^nginx version: nginx/([0-9.]+)", re.MULTILINE)
# With another library than at its build, it says so in brackets.
_OPENSSL = re.compile(r"^built with OpenSSL ([0-9.]+)[^(\n]*(?:\(running with OpenSSL ([0-9.]+))?", re.MULTILINE)
_IPV6 = Path("/proc/net/if_inet6")


def read(text: str) -> dict[str, object]:
    """Return what `nginx -V` tells."""
    version, openssl = _VERSION.search(text), _OPENSSL.search(text)
    return {
        "version": version[1] if version else "",
        "http3": "--with-http_v3_module" in text.split(),
        "openssl": (openssl[2] or openssl[1]) if openssl else "",
    }


def main() -> None:
    """Ask, and return the answer."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    program = module.get_bin_path("nginx")
    text = "".join(module.run_command([program, "-V"])[1:]) if program else ""
    module.exit_json(changed=False, **read(text), ipv6=_IPV6.exists())


if __name__ == "__main__":
    main()
