# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Files of an inventory that are meant for secrets, and whether they hide them."""

from __future__ import annotations

from pathlib import Path

import yaml

# What a secret of the example inventories is, or holds.
EXAMPLE = "replace-me"
_ENCRYPTED = "$ANSIBLE_VAULT;"
_FOLDERS = ("group_vars", "host_vars")
# What Ansible reads there; JSON is YAML, too.
_READ = ("", ".yml", ".yaml", ".json")


def clear_vaults(inventory: Path) -> list[Path]:
    """Return the files with `vault` in their name that hold a secret in clear text."""
    found = [path for folder in _FOLDERS for path in sorted((inventory / folder).rglob("*vault*"))]
    return [path for path in found if _is_read(path) and path.is_file() and _is_clear(path)]


def remedy(path: Path) -> str:
    """Return what to do about such a file."""
    return f"{path} holds secrets in clear text; before it is committed, type: ansible-vault encrypt {path}"


def _is_read(path: Path) -> bool:
    return path.suffix in _READ and not path.name.startswith(".") and not path.name.endswith("~")


def _is_clear(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    if text.startswith(_ENCRYPTED):
        return False
    try:
        pending = [yaml.compose(text, yaml.SafeLoader)]
    except yaml.YAMLError:
        return False  # Ansible says what is wrong with it
    seen = set[int]()
    while pending:
        node = pending.pop()
        # An alias may lead to what is around it.
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            pending += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            pending += node.value
        elif isinstance(node, yaml.ScalarNode) and _is_secret(node):
            return True
    return False


def _is_secret(node: yaml.ScalarNode) -> bool:
    if node.tag in ("!vault", "tag:yaml.org,2002:null"):
        return False
    return EXAMPLE not in node.value and "{{" not in node.value
