"""Runs a module's main() in this process, arguments in and JSON out, as Ansible does on a host."""

from __future__ import annotations

import contextlib
import io
import json
from types import ModuleType
from typing import Any

from ansible.module_utils.testing import patch_module_args


def run_module(module: ModuleType, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Return what the module answers; a failure has `failed`."""
    internal = {"_ansible_check_mode": check, "_ansible_diff": True}
    said = io.StringIO()
    with (
        patch_module_args({**arguments, **internal}),
        contextlib.redirect_stdout(said),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    return json.loads(said.getvalue())
