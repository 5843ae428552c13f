"""The attacker and its victim on each host, from outside of it."""

from __future__ import annotations

import http.client
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from outside import Outside, on_each

PROBES = Path(__file__).parents[1] / "apps/attacker/attacker.py"
# Found by root; what the attacker cannot find out by itself is told to it.
_FACTS = r"""
import glob, json, os, subprocess
from pathlib import Path
def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
emperor = ask("systemctl", "show", "--property=MainPID", "--value", "flask-emperor")[0]
facts = {"emperor": int(emperor), "journal": glob.glob("/*/log/journal/*/system.journal")[0]}
for app in ("attacker", "victim"):
    root = f"/srv/apps/{app}"
    release = os.path.realpath(f"{root}/current")
    socket = os.path.realpath(f"{release}/uwsgi.sock")
    [master] = ask("pgrep", "--parent", emperor, "--euid", f"app-{app}")
    facts |= {
        app: root,
        f"{app}_release": release,
        f"{app}_socket": socket,
        f"{app}_stats": f"{root}/run/{os.path.basename(release)}.stats",
        f"{app}_vassal": f"/etc/flask-emperor/vassals/{Path(socket).stem}.ini",
        f"{app}_worker": int(ask("pgrep", "--parent", master)[0]),
        f"{app}_user": os.stat(f"{root}/run").st_uid,
    }
print(json.dumps(facts))
"""


class Scene:
    """A host, seen by whoever watches."""

    def __init__(self, name: str) -> None:
        self.host = Outside(name)

    def facts(self) -> dict[str, Any]:
        """Return where the two apps are, and which processes are theirs."""
        found: dict[str, Any] = json.loads(self.host.run("python3", "-c", _FACTS))
        return found

    def send(self, probe: str, *arguments: Any) -> tuple[int, bytes]:
        """Ask the attacker's app to try something; return status and body."""
        connection = http.client.HTTPConnection(self.host.address.removeprefix("http://"), timeout=30)
        try:
            body = json.dumps([probe, *arguments])
            connection.request("POST", "/", body, {"Host": "attacker.localhost", "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def attack(self, probe: str, *arguments: Any) -> dict[str, Any]:
        """Let the attacker's app try something, and return what came of it."""
        status, body = self.send(probe, *arguments)
        assert status == 200, body
        outcome: dict[str, Any] = json.loads(body)
        return outcome

    def by(self, user: str, *calls: list[Any]) -> list[dict[str, Any]]:
        """Try the same outside of the sandbox, as another user."""
        identity = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user != "root" else []
        code = PROBES.read_text(encoding="utf-8")
        command = ["podman", "exec", "--interactive", self.host.name, *identity, "python3", "-c", code]
        done = subprocess.run(command, input=json.dumps(calls), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outcomes: list[dict[str, Any]] = json.loads(done.stdout)
        return outcomes


@pytest.fixture(scope="session")
def scenes(hosts: list[str]) -> dict[str, Scene]:
    return on_each(hosts, Scene)
