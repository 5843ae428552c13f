# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Assembles a release."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import history
from ansible_collections.emperor.flask.plugins.module_utils.commands import SYSTEM_PYTHON
from ansible_collections.emperor.flask.plugins.module_utils.engines import is_own, run_files
from ansible_collections.emperor.flask.plugins.module_utils.preflight import PreflightError, check_options, load
from ansible_collections.emperor.flask.plugins.module_utils.releases import ReleaseParts, assemble
from ansible_collections.emperor.flask.plugins.module_utils.steps import RELEASE_ARGUMENTS, StepError, step

DOCUMENTATION = r"""
module: release
short_description: Assemble a release from its source, virtualenv, environment and what runs it
description:
  - Completes C(releases/<id>.tmp), loads the app once, as its user and with the limits that it will have, and
    renames the folder to C(releases/<id>). From then on it is never edited.
  - An app that cannot be loaded fails here, with its own traceback, and was never started.
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.step.release
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  revision:
    description: Revision of the source.
    type: str
    required: true
  description:
    description: The app as M(emperor.flask.plan) has it, without secrets; kept, to come back with the release.
    type: dict
    required: true
  source:
    description: Where the source came from; kept, to say later what has changed. No secret of it is kept.
    type: dict
    required: true
  virtualenv:
    description: Folder of the virtualenv.
    type: path
    required: true
  files:
    description: Contents of the files that say how the release is run, by name.
    type: dict
    required: true
  python:
    description: Path of the Python that the virtualenv was made from.
    type: path
    default: /usr/bin/python3
  environment:
    description: Environment variables.
    type: dict
    default: {}
  secrets:
    description: Environment variables that are never shown.
    type: dict
    default: {}
  users:
    description: Names and hashed passwords of those whom nginx lets in.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Assemble the release
  emperor.flask.release:
    name: shop
    release: 3f9c2a71b04e
    lock: "{{ __flask_app_plan.lock }}"
    revision: v1.4.0
    description: "{{ planned.description }}"
    source: "{{ shop.source }}"
    virtualenv: /srv/apps/shop/venvs/77ab01cd23ef
    files:
      vassal.ini: "{{ lookup('ansible.builtin.template', 'vassal.ini.j2') }}"
"""

RETURN = r"""
path:
  description: Folder of the release.
  returned: success
  type: str
"""

_SOURCE_KEYS = ("path", "git", "version", "archive", "checksum")


def main() -> None:
    """Assemble the release, load its app once, and give it its name."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE_ARGUMENTS,
            "revision": {"type": "str", "required": True},
            "description": {"type": "dict", "required": True},
            "source": {"type": "dict", "required": True},
            "virtualenv": {"type": "path", "required": True},
            "files": {"type": "dict", "required": True},
            "python": {"type": "path", "default": SYSTEM_PYTHON},
            "environment": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "users": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    params, app = module.params, module.params["description"]
    own = {
        "EMPEROR_APP": params["name"],
        "EMPEROR_RELEASE": params["release"],
        "EMPEROR_REVISION": params["revision"],
    }
    with step(module) as layout:
        if module.check_mode:
            module.exit_json(changed=True, path=str(layout.release(params["release"])))
        parts = ReleaseParts(
            release_id=params["release"],
            virtualenv=Path(params["virtualenv"]),
            files=run_files(params["files"], app),
            environment={**params["environment"], **params["secrets"], **own},
            static=app["static"],
            outliving=[*app["writable"], *(entry["path"] for entry in app["media"])],
            manifest={
                "app": params["name"],
                "id": params["release"],
                "revision": params["revision"],
                "source": {key: value for key, value in params["source"].items() if key in _SOURCE_KEYS and value},
                "description": app,
                "built": history.now(),
            },
            users=params["users"],
            error_pages=app["error_pages"],
            own_engine=is_own(app),
            python=params["python"],
        )

        def preflight(stage: Path) -> None:
            check_options(layout, stage, app)
            load(layout, params["release"], stage, app["wsgi"], app["python_path"], app["health"]["timeout"])

        try:
            assemble(layout, parts, preflight)
        except PreflightError as error:
            raise StepError(f"{error}; the app cannot be loaded, so it was not started", log=error.log) from error
    module.exit_json(changed=True, path=str(layout.release(params["release"])))


if __name__ == "__main__":
    main()
