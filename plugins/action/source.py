# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Transfers a source of the controller, and lets the host fetch any other."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.emperor.flask.plugins.plugin_utils.app_action import (
    AppAction,
    source_folders,
)
from ansible_collections.emperor.flask.plugins.plugin_utils.source_tree import SourceTree

# Bytes that go along with the module's arguments. A file of its own takes three more round trips, about a second.
_INLINE = 512 << 10


class ActionModule(AppAction):
    """Gives the module of the same name an archive, an address or a repository."""

    _VALID_ARGS = frozenset({"name", "lock", "source", "outliving", "release", "revision", "group"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pack, transfer, unpack; or fetch and unpack."""
        super().run(tmp, task_vars)
        arguments = self._task.args
        source = arguments["source"]
        sent = {key: arguments[key] for key in ("name", "lock", "release", "revision", "group")}
        sent["checksum"] = source["checksum"]
        if source["git"]:
            self.keep_key_off_the_host([self._task.args["name"]] if source["key"] else [])
            sent |= {key: source[key] for key in ("git", "version", "key", "known_hosts")}
        elif source["archive"] and "://" in source["archive"]:
            sent |= {"address": source["archive"], "strip": True}
        elif self._task.check_mode:
            sent |= {"transferred": "/nothing-in-check-mode"}
        elif source["archive"]:
            sent |= {**self._sent(locate(source["archive"], folder=False)), "strip": True}
        else:
            sent |= self._sent_folder(locate(source["path"]))
        try:
            return self._execute_module("emperor.flask.source", sent, task_vars=task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _sent_folder(self, folder: Path) -> dict[str, str]:
        tree = SourceTree(folder, list(self._task.args["outliving"]))
        with tempfile.TemporaryDirectory(prefix="emperor-flask-") as scratch:
            packed = Path(scratch, "source.tar.gz")
            with packed.open("wb") as file:
                tree.write_archive(file)
            if tree.revision() != self._task.args["revision"]:
                raise AnsibleActionFail(f"{folder} changed while it was deployed; run again")
            return self._sent(packed)

    def _sent(self, file: Path) -> dict[str, str]:
        """Return the argument that brings an archive to the module: itself, or the file that it was sent as."""
        if file.stat().st_size <= _INLINE:
            return {"packed": base64.b64encode(file.read_bytes()).decode("ascii")}
        self._make_tmp_path()
        target = self._connection._shell.join_path(self._connection._shell.tmpdir, "source-archive")
        return {"transferred": self._transfer_file(str(file), target)}


def locate(path: str, folder: bool = True) -> Path:
    """Return a source of the controller, which the validation has seen already."""
    found = SourceTree.find(path, source_folders(), folder)
    if found is None:
        raise AnsibleActionFail(f"{path} is gone since the apps were checked")
    return found
