# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Writes files that belong to us, all in one round trip."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import managed
from ansible_collections.emperor.flask.plugins.module_utils.files import differs, make_directory, write_file
from ansible_collections.emperor.flask.plugins.module_utils.managed import Before, read_before, restore

DOCUMENTATION = r"""
module: managed_files
short_description: Write configuration files together, or not at all
description:
  - Renders templates on the controller and writes all files of a service in one round trip.
  - Each file is replaced by rename, and only if its content, owner, group or mode differ.
  - With O(files[].state=absent) a file is taken away, or all that a pattern such as C(/etc/nginx/*/shop.conf) names,
    but for those that are written by the same call.
  - With O(validate), all files are put back as they were if the command refuses them, so that a mistake
    in one of them cannot keep the service from its next start.
extends_documentation_fragment:
  - emperor.flask.attributes.check_and_diff
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path on the host. Missing directories above it are made, C(root:root 0755).
        type: path
        required: true
      template:
        description: Template of the role; this or O(files[].content) is needed, unless the file shall be absent.
        type: str
      content:
        description: The content itself.
        type: str
      vars:
        description: Variables for the template, in addition to those of the task.
        type: dict
        default: {}
      state:
        description: C(absent) takes the file away.
        type: str
        choices: [present, absent]
        default: present
      owner:
        description: Owner of the file.
        type: str
        default: root
      group:
        description: Group of the file.
        type: str
        default: root
      mode:
        description: Mode of the file, in octal, in quotes.
        type: str
        default: "0644"
  validate:
    description: Command that accepts or refuses the new files; skipped if its program does not exist.
    type: list
    elements: str
    default: []
  forbidden:
    description: Texts that count as a refusal when the command prints them.
    type: list
    elements: str
    default: []
  pending:
    description:
      - Name of a mark, in C(/run/emperor-flask), that stands for files that are written and not yet in use.
        While it is there the task is changed, so that its handlers run even if the run that wrote the
        files was killed before them. The last handler removes it.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Configure nginx
  emperor.flask.managed_files:
    files:
      - path: /etc/nginx/nginx.conf
        template: nginx.conf.j2
      - path: /etc/nginx/flask-apps/shop.conf
        template: site.conf.j2
        vars:
          app: "{{ shop }}"
    validate: [nginx, -t]
"""

RETURN = r"""
written:
  description: Paths of the files that were, or in check mode would be, written or taken away.
  returned: success
  type: list
  elements: str
"""


def without_patterns(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the files, with what is to be taken away by its real names."""
    present = [file for file in files if file["state"] == "present"]
    kept = {file["path"] for file in present}
    gone = (file for file in files if file not in present)
    found = [{**file, "path": str(path)} for file in gone for path in sorted(Path("/").glob(file["path"].lstrip("/")))]
    return [*present, *(file for file in found if file["path"] not in kept)]


def needs_writing(wanted: dict[str, Any], before: Before) -> bool:
    """Tell whether a file differs from what is wanted."""
    if wanted["state"] == "absent":
        return before.content is not None
    if before.content != wanted["content"].encode("utf-8"):
        return True
    return differs(before.path, wanted["owner"], wanted["group"], int(wanted["mode"], 8))


def write_all(pairs: list[tuple[dict[str, Any], Before]]) -> None:
    """Write the files. Raises OSError or LookupError."""
    for wanted, before in pairs:
        if wanted["state"] == "absent":
            before.path.unlink(missing_ok=True)
            continue
        make_directory(before.path.parent)
        content = wanted["content"].encode("utf-8")
        write_file(before.path, content, wanted["owner"], wanted["group"], int(wanted["mode"], 8))


def refusal(module: AnsibleModule, pairs: list[tuple[dict[str, Any], Before]]) -> str:
    """Write the files; return why they cannot stay, or an empty text."""
    try:
        write_all(pairs)
    except (OSError, LookupError) as error:
        return f"the new files cannot be written; the old are back.\n{error}"
    command = module.params["validate"]
    if not command or not shutil.which(command[0]):
        return ""
    code, out, err = module.run_command(command)
    if code == 0 and not any(text in out + err for text in module.params["forbidden"]):
        return ""
    return f"{' '.join(command)} refused the new files; the old are back.\n{(err or out).strip()}"


def main() -> None:
    """Compare, write, validate, and put back what was refused."""
    file_options = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str", "default": ""},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": "0644"},
    }
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": file_options,
            },
            "validate": {"type": "list", "elements": "str", "default": []},
            "forbidden": {"type": "list", "elements": "str", "default": []},
            "pending": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    pairs = [(wanted, read_before(Path(wanted["path"]))) for wanted in without_patterns(module.params["files"])]
    pairs = [(wanted, before) for wanted, before in pairs if needs_writing(wanted, before)]
    pending = managed.PENDING / module.params["pending"] if module.params["pending"] else None
    result = {
        "changed": bool(pairs) or (pending is not None and pending.exists()),
        "written": [wanted["path"] for wanted, _ in pairs],
        "diff": [
            {
                "before_header": wanted["path"],
                "after_header": wanted["path"],
                "before": (before.content or b"").decode("utf-8", "replace"),
                "after": "" if wanted["state"] == "absent" else wanted["content"],
            }
            for wanted, before in pairs
        ],
    }
    if not pairs or module.check_mode:
        module.exit_json(**result)
    if pending is not None:
        make_directory(managed.PENDING)
        pending.touch()
    why = refusal(module, pairs)
    if why:
        for _, before in pairs:
            restore(before)
        module.fail_json(msg=why)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
