# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Gives each app its certificate, or says which are missing."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import certificates, packages
from ansible_collections.emperor.flask.plugins.module_utils.certificates import ACME, FILES, SELFSIGNED, Wanted

DOCUMENTATION = r"""
module: certificates
short_description: Give each app its certificate, or say which are missing
description:
  - Compares the certificates of a host with those that its apps shall have, writes those that are given, and leads the
    link of each app to its own.
  - Returns those that somebody has to make or to get first. Until then, an app keeps the certificate that it has, or
    gets one that browsers warn of.
  - When nginx has to read one anew, a mark is left that M(emperor.flask.managed_files) calls C(pending), and that
    reloads nginx with the sites of the apps.
  - Certificates that no app has any more are removed.
extends_documentation_fragment:
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  wanted:
    description: Certificates, as P(emperor.flask.certificates#filter) returns them.
    type: list
    elements: dict
    default: []
    suboptions:
      app:
        description: Name of the app.
        type: str
        required: true
      source:
        description: Where it comes from.
        type: str
        choices: [acme, selfsigned, files]
        required: true
      domains:
        description: Names that it is for.
        type: list
        elements: str
        required: true
      certificate:
        description: >-
          The given one, and those of who signed it, in PEM. Without it, with O(wanted[].source) C(files), an app keeps
          the one that it has.
        type: str
      stapled:
        description: >-
          Whether nginx shall send with it what its signer says of it by OCSP, so that no visitor has to ask. Let's
          Encrypt and others have none any more.
        type: bool
        default: false
  keys:
    description: Private keys of those that are given, in PEM, by the name of the app.
    type: dict
    default: {}
  authority:
    description: >-
      Address of the authority's directory, and how it is convinced, for those with C(source) C(acme). With another one
      they are got anew.
    type: str
    default: ""
  left:
    description: Names of apps that have none any more, once nginx no longer reads it.
    type: list
    elements: str
    default: []
  packages:
    description: Packages that have to be there before one is made or got.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the certificates of the apps
  emperor.flask.certificates:
    wanted: "{{ __flask_app_plan.apps | emperor.flask.certificates(apps=flask_apps) }}"
    keys: {shop: "{{ vault_shop_certificate_key }}"}
  register: __certificates
"""

RETURN = r"""
missing:
  description: Certificates to make or get, each with C(name), C(source), C(domains), C(folder) and C(apps).
  returned: success
  type: list
  elements: dict
stopgaps:
  description: Certificates, of the same form, for apps that have none at all as yet.
  returned: success
  type: list
  elements: dict
missing_packages:
  description: Those of O(packages) that are not there, if anything is to be made or to be got.
  returned: success
  type: list
  elements: str
served:
  description: For each app the folder whose certificate nginx reads.
  returned: success
  type: dict
"""


def wanted_of(asked: dict[str, Any], authority: str) -> Wanted:
    """Return what is asked for; the one who signs it, or what it is, is part of its name."""
    issuer = {ACME: authority, FILES: hashlib.sha256((asked["certificate"] or "").strip().encode()).hexdigest()}
    return Wanted(asked["app"], asked["source"], asked["domains"], issuer.get(asked["source"], ""))


def described(wanted: Wanted, apps: list[str]) -> dict[str, object]:
    """Return a certificate as the role makes or gets it."""
    return {
        "name": wanted.name,
        "source": wanted.source,
        "domains": list(wanted.domains),
        "folder": str(wanted.folder),
        "apps": apps,
    }


def distinct(found: list[Wanted]) -> list[dict[str, object]]:
    """Return each certificate once, with all apps that have it."""
    by_name = {wanted.name: wanted for wanted in found}
    return [described(wanted, [other.app for other in found if other.name == name]) for name, wanted in by_name.items()]


def main() -> None:
    """Write, lead, and tell what is missing."""
    entry = {
        "app": {"type": "str", "required": True},
        "source": {"type": "str", "choices": [ACME, SELFSIGNED, FILES], "required": True},
        "domains": {"type": "list", "elements": "str", "required": True},
        "certificate": {"type": "str"},
        "stapled": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "list", "elements": "dict", "default": [], "options": entry},
            # Not part of `wanted`: what no_log hides in a list, Ansible logs on the host all the same if it has lines.
            "keys": {"type": "dict", "default": {}, "no_log": True},
            "authority": {"type": "str", "default": ""},
            "left": {"type": "list", "elements": "str", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    now = datetime.datetime.now(datetime.timezone.utc)
    changed = False
    missing: list[Wanted] = []
    stopgaps: list[Wanted] = []
    served: dict[str, str] = {}
    for asked in params["wanted"]:
        wanted = wanted_of(asked, params["authority"])
        is_given = bool(asked["certificate"])
        if is_given:
            given = (asked["certificate"], params["keys"][wanted.app], asked["stapled"])
            changed |= certificates.write_given(wanted, *given, module.check_mode)
        elif wanted.source != FILES and not certificates.is_good(wanted.folder, wanted.source, now):
            missing.append(wanted)
        # Nothing on the host need be able to read a given one: the controller has looked at it.
        folder = wanted.folder if is_given else certificates.choose(wanted, now)
        if folder is None and wanted.source != SELFSIGNED:
            stopgaps.append(wanted.stopgap)
        elif folder is not None:
            changed |= certificates.lead_to(wanted.app, folder, module.check_mode, module.run_command)
            served[wanted.app] = str(folder)
    for app in params["left"]:
        changed |= certificates.lead_to(app, None, module.check_mode, module.run_command)
    if not module.check_mode:
        certificates.tidy(module.run_command, now)
        if stopgaps or any(wanted.source == SELFSIGNED for wanted in missing):
            # Such a one may be made anew where it is, which no link shows.
            certificates.note_change()
    module.exit_json(
        changed=changed or bool((missing or stopgaps) and module.check_mode),
        missing=distinct(missing),
        stopgaps=distinct(stopgaps),
        missing_packages=packages.missing(module, params["packages"]) if missing or stopgaps else [],
        served=served,
    )


if __name__ == "__main__":
    main()
