"""The attacker, its victim and all others on each host, from outside of it; prints what it cost them at the end."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from load import Load, summary
from outside import Outside, on_each
from owner import Owner

Visitors = Callable[[str], AbstractContextManager[dict[str, str]]]
FIGURES = pytest.StashKey[dict[str, list[str]]]()
# Requests each second, at the victim alone.
RATE = 50
PROBES = Path(__file__).parents[1] / "apps/attacker/attacker.py"
# Found by root; what the attacker cannot find out by itself is told to it.
_FACTS = r"""
import glob, json, os, subprocess, sys
from pathlib import Path
def works_in(process, folder):
    try:
        return os.readlink(f"/proc/{process}/cwd") == folder
    except OSError:
        return False
def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
emperor = ask("systemctl", "show", "--property=MainPID", "--value", "flask-emperor")[0]
facts = {"emperor": int(emperor), "journal": glob.glob("/*/log/journal/*/system.journal")[0]}
for role, app in (("attacker", sys.argv[1]), ("victim", "victim")):
    root = f"/srv/apps/{app}"
    release = os.path.realpath(f"{root}/current")
    socket = os.path.realpath(f"{release}/uwsgi.sock")
    masters = ask("pgrep", "--parent", emperor, "--euid", f"app-{app}")
    # That of the release before may be about to end.
    [master] = [pid for pid in masters if works_in(pid, f"{release}/src")]
    facts |= {
        role: root,
        f"{role}_release": release,
        f"{role}_socket": socket,
        f"{role}_stats": f"{root}/run/{os.path.basename(release)}.stats",
        f"{role}_vassal": f"/etc/flask-emperor/vassals/{Path(socket).stem}.ini",
        f"{role}_worker": int(ask("pgrep", "--parent", master)[0]),
        f"{role}_user": os.stat(f"{root}/run").st_uid,
    }
print(json.dumps(facts))
"""
# Where the files of apps are, and what of them changes when somebody touches it.
_PLACES = ("/etc/nginx", "/etc/flask-emperor", "/etc/systemd/system", "/srv/apps")
_TRAITS = r"%p %y %l %m %U:%G %s %i %C@\n"


class Scene:
    """A host, seen by whoever watches."""

    def __init__(self, name: str, attacker: str = "attacker") -> None:
        self.host = Outside(name)
        self.attacker = attacker

    def facts(self) -> dict[str, Any]:
        """Return where the two apps are, and which processes are theirs."""
        found: dict[str, Any] = json.loads(self.host.run("python3", "-c", _FACTS, self.attacker))
        return found

    def others(self, app: str) -> dict[str, Any]:
        """Return all that is to stay as it is when something is done to an app: processes, sockets, files."""
        names = [name for name in Owner(self.host.name).apps if name != app]
        own = ["-path", f"*/{app}/*", "-o", "-name", f"{app}.*", "-o", "-name", f"flask-app-{app}.*"]
        but = ["-not", "(", "-type", "d", "-o", *own, ")"]
        files = self.host.run("find", *_PLACES, *but, "-printf", _TRAITS).splitlines()
        pids = self.host.run("systemctl", "show", "--property=MainPID", "--value", "flask-emperor", "nginx").split()
        return {"services": pids, "files": set(files), **self.host.conditions(*names)}

    def reloads(self) -> int:
        """Count how often nginx was reloaded."""
        said = self.host.run("journalctl", "--unit=nginx", "--output=cat", "--quiet").splitlines()
        return sum(line.startswith("Reloaded ") for line in said)

    def send(self, probe: str, *arguments: Any) -> tuple[int, bytes]:
        """Ask the attacker's app to try something; return status and body."""
        connection = http.client.HTTPConnection(self.host.address.removeprefix("http://"), timeout=30)
        try:
            body = json.dumps([probe, *arguments])
            connection.request("POST", "/", body, {"Host": f"{self.attacker}.localhost", "Connection": "close"})
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


@pytest.fixture(scope="module")
def visitors(hosts: list[str], pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Visitors:
    """Ask the victims for as long as something is done to others, and some seconds longer; all must be answered.

    What a test notes of a host is printed with what the visitors saw.
    """
    nothing: dict[str, list[str]] = {host: [] for host in hosts}
    figures = pytestconfig.stash.setdefault(FIGURES, nothing)

    @contextmanager
    def visit(occasion: str) -> Iterator[dict[str, str]]:
        folder, notes = tmp_path_factory.mktemp("load"), dict[str, str]()
        with ExitStack() as stack:
            loads = {
                host: stack.enter_context(Load(Outside(host).address, ["victim.localhost"], RATE, folder / host))
                for host in hosts
            }
            yield notes
            time.sleep(2)
        found = {host: summary(load.requests()) for host, load in loads.items()}
        for host, seen in found.items():
            figures[host] += [f"{occasion:24} {seen}", *([f"{'':24} {notes[host]}"] if host in notes else [])]
        for host, seen in found.items():
            assert not seen.lost, f"{host}: {seen}: {seen.lost[:5]}"
            assert seen.rate > 0.9 * RATE, f"{host}: {seen}"

    return visit


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for host, lines in config.stash.get(FIGURES, {}).items():
        terminalreporter.section(host)
        for line in lines:
            terminalreporter.write_line(line)
