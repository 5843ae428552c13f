# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the modules that change an app have in common: its lock, and errors that name app, cause and remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import diagnosis, locks
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.provisioned import REMEDY, NotProvisionedError
from ansible_collections.emperor.flask.plugins.module_utils.releases import ReleaseError, read_manifest
from ansible_collections.emperor.flask.plugins.module_utils.vassals import RunError

# See the documentation fragment of the same name.
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "lock": {"type": "dict", "required": True},
}
RELEASE_ARGUMENTS: dict[str, Any] = {**ARGUMENTS, "release": {"type": "str", "required": True}}


# A shorter value is no secret; blotted out, it would take words that a person needs along.
_SHORTEST_SECRET = 8


class StepError(Exception):
    """A step that cannot be done: the cause in a sentence, what was written by the app, and what to do."""

    def __init__(self, cause: str, remedy: str = "", log: str = "", view: str = "") -> None:
        super().__init__(cause)
        self.remedy = remedy or diagnosis.remedy(cause, log)
        self.log = log
        self.view = view


def hide_secrets(module: AnsibleModule, release: Path) -> None:
    """Let what an app writes be told without the values of its release's secrets."""
    with contextlib.suppress(OSError, ValueError):
        description = read_manifest(release).get("description") or {}
        for name in description.get("secret_names") or ():
            value = (release / "env" / name).read_text(encoding="utf-8")
            found = (value, *value.splitlines())
            module.no_log_values.update(part for part in found if len(part) >= _SHORTEST_SECRET)


@contextlib.contextmanager
def step(module: AnsibleModule, wait: float = 0.0, abandoned: str = "", begins: bool = False) -> Iterator[AppLayout]:
    """Do a step under the app's lock, and turn what can go wrong into one clear failure.

    `begins` says that it looks at everything anew, so that other runs may have been there before.
    """
    params = module.params
    layout = AppLayout(params["name"])
    release = f", release {params['release']}" if params.get("release") else ""

    def fail(error: Exception, remedy: str, log: str = "", view: str = "", **more: Any) -> None:
        # The app has a say in all of it.
        texts = {"msg": f"app {layout.name}{release}: {error}", "log": log, "view": view, "remedy": remedy}
        shown = {key: diagnosis.readable(text, module.no_log_values) for key, text in texts.items()}
        module.fail_json(**shown, **more)

    holder = locks.Holder.of(params["lock"])
    # A dry look needs no lock, and may leave no trace.
    lock = contextlib.nullcontext() if module.check_mode else locks.held(layout.name, holder, wait, abandoned, begins)
    try:
        with lock:
            yield layout
    except StepError as error:
        fail(error, error.remedy, error.log, error.view)
    except locks.LockedError as error:
        fail(error, "", locked=True)
    except locks.LostError as error:
        fail(error, "see what that run has done")
    except (RunError, ReleaseError, LookupError) as error:
        fail(error, diagnosis.remedy(str(error), ""))
    except NotProvisionedError as error:
        fail(error, REMEDY)
    except OSError as error:
        fail(error, diagnosis.of_os_error(error))
