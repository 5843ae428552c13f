"""Plants secrets in an inventory, and looks where they come to light: in files, journals, processes, outputs."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from playbooks import Playbook, Run

# A shorter line of a secret could stand anywhere.
_TELLING = 20
_VAULT_ID = "planted"

# Both read what to look for from their input: on a command line it would be found itself.
_WATCH = r"""
import json, os, pwd, select, sys
order = json.loads(sys.stdin.readline())
own, samples, sightings = str(os.getpid()), 0, set()
needles = {text.encode(): name for text, name in order["needles"].items()}
def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""
def user_of(status):
    [uid] = [line.split()[2] for line in status.splitlines() if line.startswith(b"Uid:")]
    try:
        return pwd.getpwuid(int(uid)).pw_name
    except KeyError:
        return uid.decode()
print("watching", flush=True)
while not select.select([sys.stdin], [], [], order["pause"])[0]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if pid == own:
            continue
        # It may be gone when something is found.
        before = read(pid, "status")
        for kind in order["kinds"] if before else ():
            text = read(pid, kind)
            for needle in needles:
                if needle in text:
                    user = user_of(read(pid, "status") or before)
                    sightings.add((needles[needle], kind, user, read(pid, "comm").decode().strip()))
    samples += 1
print(json.dumps({"samples": samples, "sightings": sorted(sightings)}))
"""

_SEARCH = r"""
import gzip, json, grp, os, pwd, stat, subprocess, sys
needles = {text.encode(): name for text, name in json.load(sys.stdin).items()}
def known(text):
    return sorted({name for needle, name in needles.items() if needle in text})
def name_of(find, number):
    try:
        return find(number)[0]
    except KeyError:
        return str(number)
# What the kernel shows is looked at while the playbooks run.
places = [f"/{name}" for name in os.listdir("/") if name not in ("proc", "sys")]
grep = ["grep", "-rlaFZ", "-s", "-D", "skip", "-f", "-", *places]
listed = subprocess.run(grep, input=b"\n".join(needles), stdout=subprocess.PIPE).stdout.split(b"\0")
packed = subprocess.run(["find", "/var/log", "-name", "*.gz"], stdout=subprocess.PIPE).stdout.split()
finds = []
for path, begin in [*((path, open) for path in listed if path), *((path, gzip.open) for path in packed)]:
    try:
        with begin(path, "rb") as file:
            names = known(file.read())
        state = os.lstat(path)
    except OSError:
        continue
    if names:
        owner, group = name_of(pwd.getpwuid, state.st_uid), name_of(grp.getgrgid, state.st_gid)
        finds.append([path.decode(), owner, group, stat.S_IMODE(state.st_mode), names])
journal = subprocess.run(["journalctl", "--sync"])
entries = subprocess.run(["journalctl", "--no-pager", "--all", "--output=export"], stdout=subprocess.PIPE).stdout
print(json.dumps({"finds": finds, "journal": known(entries), "entries": entries.count(b"__CURSOR=")}))
"""


def token() -> str:
    """Return a text that stands nowhere else, and that no quoting changes."""
    return secrets.token_hex(16)


def needles(planted: Mapping[str, str]) -> dict[str, str]:
    """Return what to look for, with the name of its secret: each telling line, as it is and in base64."""
    found = {}
    for name, text in planted.items():
        for line in _telling(text):
            found[line] = name
            for offset in range(3):
                coded = base64.b64encode(b"\0" * offset + line.encode()).decode().rstrip("=")
                # The ends depend on what stands around it.
                found[coded[(0, 2, 3)[offset] : -1]] = name
    return found


def _telling(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if len(line) >= _TELLING]
    if lines and lines[0].startswith("-----BEGIN"):
        # All keys of a kind begin alike, and the end of some is the public half, which the certificate has, too.
        body = [line for line in lines if not line.startswith("-----")]
        lines = body[1:-1] or [body[0][_TELLING:]]
    assert lines, "a secret is too short to be looked for"
    return lines


def found_in(text: str, planted: Mapping[str, str]) -> set[str]:
    """Return the names of the secrets that stand in a text."""
    return {name for needle, name in needles(planted).items() if needle in text}


@dataclass(frozen=True)
class Find:
    """A file of a host that holds secrets, of these names."""

    path: str
    owner: str
    group: str
    mode: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a secret is meant to be: files whose path begins and ends so, with this access."""

    name: str
    begin: str
    end: str
    owner: str
    group: str
    mode: int

    def is_of(self, find: Find, name: str) -> bool:
        rights = (find.owner, find.group, find.mode) == (self.owner, self.group, self.mode)
        return rights and name == self.name and find.path.startswith(self.begin) and find.path.endswith(self.end)


@dataclass(frozen=True)
class Search:
    """What a host holds."""

    finds: list[Find]
    journal: set[str]
    entries: int

    def misplaced(self, places: Iterable[Place]) -> list[Find]:
        """Return the files with a secret that is not meant to be there."""
        known = list(places)
        return [
            find
            for find in self.finds
            if not all(any(place.is_of(find, name) for place in known) for name in find.names)
        ]


def search(host: str, planted: Mapping[str, str]) -> Search:
    """Look through all files of a host, and its journal."""
    found = json.loads(_inside(host, _SEARCH, needles(planted)))
    finds = [Find(path, owner, group, mode, tuple(names)) for path, owner, group, mode, names in found["finds"]]
    return Search(finds, set(found["journal"]), found["entries"])


def _inside(host: str, program: str, order: Mapping[str, Any]) -> str:
    command = ["podman", "exec", "--interactive", host, "python3", "-c", program]
    return subprocess.run(command, input=json.dumps(order), check=True, stdout=subprocess.PIPE, text=True).stdout


@dataclass(frozen=True)
class Sighting:
    """A secret in a process, in its `cmdline` or its `environ`, and whose process that was."""

    name: str
    kind: str
    user: str
    program: str


class Watch:
    """Reads /proc again and again, of a host or, without one, of the controller with all that runs there."""

    def __init__(self, planted: Mapping[str, str], host: str | None = None) -> None:
        begin = ["podman", "exec", "--interactive", host, "python3"] if host else [sys.executable]
        # The environment of an app's processes on a host would be one of a user that the controller does not know.
        kinds = ["cmdline", "environ"] if host else ["cmdline"]
        self._order = {"needles": needles(planted), "kinds": kinds, "pause": 0.03}
        self._command = [*begin, "-c", _WATCH]
        self.samples = 0
        self.sightings: list[Sighting] = []

    def __enter__(self) -> Watch:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._order) + "\n")
        assert self._process.stdout.readline() == "watching\n"
        return self

    def __exit__(self, *_: object) -> None:
        found = json.loads(self._process.communicate("\n")[0])
        self.samples = found["samples"]
        self.sightings = [Sighting(*sighting) for sighting in found["sightings"]]


@dataclass
class Planted:
    """Secrets by their names, and an inventory on top of a scenario's that holds them in a vault."""

    host: str
    folder: Path
    secrets: dict[str, str]
    variables: dict[str, Any]
    # Stands in the vault, and nobody asks for it.
    password: str = field(default_factory=token)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "password").write_text(self.password, encoding="utf-8")
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"app": {"hosts": {self.host: {}}}}), encoding="utf-8")
        self.save()

    @property
    def all(self) -> dict[str, str]:
        """All that must not come to light, that of the vault among it."""
        return {**self.secrets, "vault password": self.password}

    def save(self) -> None:
        """Write the inventory, after a change of what it says."""
        place = self.folder / "group_vars/app"
        place.mkdir(parents=True, exist_ok=True)
        (place / "planted.yml").write_text(yaml.safe_dump(self.variables), encoding="utf-8")
        hidden = yaml.safe_dump({f"vault_{name}": text for name, text in self.secrets.items()})
        sealed = VaultLib().encrypt(hidden, VaultSecret(self.password.encode()), vault_id=_VAULT_ID)
        (place / "vault.yml").write_bytes(sealed)

    def play(self, inventory: Path, name: str, *options: str, **variables: str) -> Loud:
        """Run a playbook that says all it can, to its end."""
        return Loud(self, inventory, name, options, variables)


class Loud(Playbook):
    """A run as an operator has it who asks for everything, with a log file."""

    def __init__(
        self, planted: Planted, inventory: Path, name: str, options: Sequence[str], variables: Mapping[str, str]
    ) -> None:
        self._planted = planted
        self.name = name
        self.log = planted.folder / "ansible.log"
        self.log.unlink(missing_ok=True)
        more = ["--inventory", str(planted.folder / "hosts.yml"), "-vvv", "--diff", *options]
        super().__init__(inventory, name, planted.host, *more, **variables)
        self.run: Run = self.wait(600)
        # Now: the next run has a log of the same name.
        self.said = self.run.output + self.log.read_text(encoding="utf-8")

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "ANSIBLE_STDOUT_CALLBACK": "emperor.flask.report",
            "ANSIBLE_LOG_PATH": str(self.log),
            # The arguments of each module, which -vvv alone showed before ansible-core 2.21.
            "ANSIBLE_INJECT_INVOCATION": "true",
            "ANSIBLE_VAULT_IDENTITY_LIST": f"{_VAULT_ID}@{self._planted.folder / 'password'}",
        }
