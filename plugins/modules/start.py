# SPDX-FileCopyrightText: The emperor.flask maintainers
# SPDX-License-Identifier: MIT
"""Starts a release beside the one that serves, checks it, and takes it away again if it is not healthy."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.emperor.flask.plugins.module_utils import diagnosis, journal, runners, servers, vassals, warm
from ansible_collections.emperor.flask.plugins.module_utils.files import user_id
from ansible_collections.emperor.flask.plugins.module_utils.health import Expectation, Verdict, check, host_of
from ansible_collections.emperor.flask.plugins.module_utils.layout import VASSAL_NAME, AppLayout
from ansible_collections.emperor.flask.plugins.module_utils.runners import Runner
from ansible_collections.emperor.flask.plugins.module_utils.steps import (
    RELEASE_ARGUMENTS,
    StepError,
    hide_secrets,
    step,
)
from ansible_collections.emperor.flask.plugins.module_utils.uwsgi_client import Answer

DOCUMENTATION = r"""
module: start
short_description: Start a release, and check it before it gets traffic
description:
  - Links the release's file into the emperor's directory, or gives systemd the release's own unit, and waits for the
    socket.
  - Asks over that very socket, as nginx would, until three answers in a row are as expected and come from this
    very release, or the time is over.
  - A release that does not pass has its vassal taken away again. The failure carries its traceback, its last lines,
    how the emperor or systemd sees it, and what to do.
extends_documentation_fragment:
  - emperor.flask.step
  - emperor.flask.step.release
  - emperor.flask.attributes.check
author: The emperor.flask maintainers
version_added: 0.1.0

options:
  vassal:
    description: Name of the vassal, C(<app>.<release>), with a suffix from the second start on.
    type: str
    required: true
  serving:
    description: The vassal that gets the traffic; it is never taken away.
    type: str
  domains:
    description: Names of the app; the request asks for the first that is no pattern, or for one of the first pattern.
    type: list
    elements: str
    required: true
  mount:
    description: What the addresses of the app begin with, such as C(/shop).
    type: str
    default: ""
  scheme:
    description: Scheme that the app sees.
    type: str
    choices: [http, https]
    default: http
  path:
    description: Path of the request, after the mount.
    type: str
    default: /
  status:
    description: Statuses that count as healthy; without any, 200 to 399.
    type: list
    elements: int
    default: []
  text:
    description: Text that the answer must contain.
    type: str
  timeout:
    description: Seconds until the release counts as failed.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Start the release and check it
  emperor.flask.start:
    name: shop
    release: 3f9c2a71b04e
    lock: "{{ __flask_app_plan.lock }}"
    vassal: shop.3f9c2a71b04e
    domains: [shop.example.org]
    path: /healthz
"""

RETURN = r"""
answers:
  description: Answers until the verdict.
  returned: success
  type: int
seconds:
  description: Time until the verdict, in seconds.
  returned: success
  type: float
"""

# The emperor binds a socket at its next look, which is at once.
_BIND_TIMEOUT = 10.0
_END_TIMEOUT = 10.0


def last_words(module: AnsibleModule, user: int | None, since: float, others: set[int]) -> str:
    """Return what the app wrote to the journal since then, but not what its `others`, as process ids, wrote."""
    journalctl = module.get_bin_path("journalctl")
    if journalctl is None or user is None:
        return ""
    # By user, which nobody can forge, not by name.
    chosen = [f"_UID={user}", f"--since=@{int(since)}", "--lines=1000", "--no-pager", "--quiet"]
    out = module.run_command([journalctl, *chosen, "--output=json", "--output-fields=MESSAGE,_PID"])[1]
    foreign = set(map(str, others))
    lines = [entry.message for entry in journal.entries(out) if entry.pid not in foreign]
    return diagnosis.own_words("\n".join(lines))


def ask_until_clear(layout: AppLayout, module: AnsibleModule) -> Verdict:
    """Check over the socket of what was started last."""
    params = module.params
    release = layout.release(params["release"])
    socket_path, server = str(release / vassals.STARTED), servers.of_release(release)
    wanted = Expectation(params["release"], params["status"], params["text"] or "")

    def ask(patience: float) -> Answer:
        host, scheme, mount = host_of(params["domains"]), params["scheme"], params["mount"]
        return server.get(params["path"], host, socket_path, scheme, patience, mount)

    return check(ask, wanted, params["timeout"])


def failure(module: AnsibleModule, layout: AppLayout, runner: Runner, verdict: Verdict, since: float) -> StepError:
    """Return all that is known about a release that did not pass."""
    params = module.params
    hide_secrets(module, layout.release(params["release"]))
    views, unseen = runners.views()
    # The release that serves writes as the same user.
    masters = [view.pid for name, view in views.items() if name != params["vassal"]]
    others = {process for master in masters for process in vassals.processes_of(master)}
    view = views.get(params["vassal"]) or runner.unknown(params["vassal"])
    log = last_words(module, user_id(layout.user), since, others)
    asked = f"GET {params['mount']}{params['path']} for {host_of(params['domains'])}"
    cause = f"{asked}: {verdict.cause}, for {verdict.seconds:.0f} s"
    shown = diagnosis.traceback_of(log) or "\n".join(log.splitlines()[-25:])
    return StepError(cause, diagnosis.remedy(verdict.cause, log, view.advice), shown, unseen or view.words)


def main() -> None:
    """Start, ask, decide."""
    module = AnsibleModule(
        argument_spec={
            **RELEASE_ARGUMENTS,
            "vassal": {"type": "str", "required": True},
            "serving": {"type": "str"},
            "domains": {"type": "list", "elements": "str", "required": True},
            "mount": {"type": "str", "default": ""},
            "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
            "path": {"type": "str", "default": "/"},
            "status": {"type": "list", "elements": "int", "default": []},
            "text": {"type": "str"},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    params = module.params
    name = params["vassal"]
    match = VASSAL_NAME.fullmatch(name)
    if match is None or (match["app"], match["release"]) != (params["name"], params["release"]):
        module.fail_json(msg=f"'{name}' is no vassal of release {params['release']} of app {params['name']}")
    with step(module) as layout:
        runner = runners.of_release(layout.release(params["release"]))
        if module.check_mode:
            module.exit_json(changed=not runner.is_started(name), answers=0, seconds=0.0)
        since = time.time()
        # One that was kept for a rollback is not ended any more while it is checked.
        warm.forget(name)
        changed = runner.start(name, layout.release(params["release"]), layout.user, _BIND_TIMEOUT)
        verdict = ask_until_clear(layout, module)
        if verdict.cause:
            error = failure(module, layout, runner, verdict, since)
            if name != params["serving"]:
                # Nobody but this check has asked it anything.
                runner.stop(name, _END_TIMEOUT, at_once=True)
            raise error
    module.exit_json(changed=changed, answers=verdict.answers, seconds=round(verdict.seconds, 3))


if __name__ == "__main__":
    main()
