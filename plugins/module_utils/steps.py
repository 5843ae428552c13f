# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""What the modules that change an app have in common: its lock, and errors that name app, cause and remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import diagnosis, locks
from ansible_collections.emperor.flask.plugins.module_utils.emperor import EmperorError
from ansible_collections.emperor.flask.plugins.module_utils.layout import AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.releases import ReleaseError

# See the documentation fragment of the same name.
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "lock": {"type": "dict", "required": True},
}
RELEASE_ARGUMENTS: dict[str, Any] = {**ARGUMENTS, "release": {"type": "str", "required": True}}


class StepError(Exception):
    """A step that cannot be done: the cause in a sentence, what was written by the app, and what to do."""

    def __init__(self, cause: str, remedy: str = "", log: str = "", view: str = "") -> None:
        super().__init__(cause)
        self.remedy = remedy or diagnosis.remedy(cause, log)
        self.log = log
        self.view = view


@contextlib.contextmanager
def step(module: AnsibleModule, wait: float = 0.0, abandoned: str = "") -> Iterator[AppLayout]:
    """Do a step under the app's lock, and turn what can go wrong into one clear failure."""
    params = module.params
    layout = AppLayout(params["name"])
    release = f", release {params['release']}" if params.get("release") else ""
    holder = locks.Holder.of(params["lock"])
    # A dry look needs no lock, and may leave no trace.
    lock = contextlib.nullcontext() if module.check_mode else locks.held(layout.name, holder, wait, abandoned)
    try:
        with lock:
            yield layout
    except StepError as error:
        module.fail_json(
            msg=f"app {layout.name}{release}: {error}", log=error.log, view=error.view, remedy=error.remedy
        )
    except locks.LockedError as error:
        module.fail_json(msg=f"app {layout.name}{release}: {error}", remedy="", log="", view="", locked=True)
    except (EmperorError, ReleaseError, LookupError) as error:
        remedy = diagnosis.remedy(str(error), "")
        module.fail_json(msg=f"app {layout.name}{release}: {error}", remedy=remedy, log="", view="")
    except OSError as error:
        remedy = diagnosis.of_os_error(error)
        module.fail_json(msg=f"app {layout.name}{release}: {error}", remedy=remedy, log="", view="")
