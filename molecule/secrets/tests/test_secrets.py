"""A bare host, a failed deploy, a rotation, a rollback and a second run: nobody sees a secret who should not."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pairs import make_pair
from sweep import Loud, Place, Planted, Search, Watch, found_in, search, token
from visitor import Visitor

FOLDER = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
GIT = FOLDER / "private-git"
DOMAIN = "swept.example.org"


def variables(certificate: str) -> dict[str, Any]:
    swept = {
        "name": "swept",
        "source": {"path": "molecule/secrets/app"},
        "wsgi": "swept.py:application",
        "domains": [DOMAIN],
        "tls": "files",
        "certificate": certificate,
        "certificate_key": "{{ vault_tls_key }}",
        "workers": {"processes": 1},
        "health": {"timeout": "3s"},
        "secrets": {"SECRET_KEY": "{{ vault_secret_key }}", "CERTIFICATE": "{{ vault_certificate }}"},
        "access": [{"path": "/private", "auth_basic": True}],
        "auth_basic_users": {"ada": "{{ vault_hash }}"},
        "release_command": 'test -n "$SECRET_KEY"',
        "daemons": [{"name": "waits", "command": 'test -n "$SECRET_KEY" && sleep 1d'}],
        "cron": [{"name": "often", "command": 'test -n "$SECRET_KEY"', "schedule": "*:*:0/5"}],
    }
    private = {
        "name": "private",
        "source": {
            "git": "ssh://git@127.0.0.1:2222/var/lib/git/shop.git",
            "version": "main",
            "key": "{{ vault_deploy_key }}",
            "known_hosts": [(GIT / "known_hosts").read_text(encoding="utf-8").strip()],
        },
        "wsgi": "probe:application",
        "python_path": ["vendor"],
        "workers": {"processes": 1},
        "isolation": "strict",
        "secrets": {"TOKEN": "{{ vault_token }}"},
    }
    return {
        "flask_apps": [swept, private],
        # No index has this name, so it serves for nothing; a build could need one like it.
        "flask_app_build_environment": {"UV_INDEX_PLANTED_PASSWORD": "{{ vault_index_password }}"},
    }


def plant(host: str) -> Planted:
    pair = make_pair(DOMAIN)
    password = token()
    digest = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = [base64.b64encode(os.urandom(48)).decode() for _ in range(4)]
    planted = {
        "secret_key": token(),
        # Of several lines, and with what Ansible, systemd and uWSGI would expand.
        "certificate": f"%n $(id) {token()}\n" + "\n".join(lines) + "\n@(/etc/passwd)",
        "token": token(),
        "password": password,
        "hash": digest,
        "deploy_key": (GIT / "deploy_key").read_text(encoding="utf-8"),
        "index_password": token(),
        "tls_key": pair.key,
        "unused": token(),
    }
    return Planted(host, FOLDER / "planted" / host, planted, variables(pair.certificate))


def name_of(host: Any) -> str:
    return str(host.backend.get_pytest_id()).rpartition("/")[2]


@pytest.fixture
def control(host: Any) -> Iterator[dict[str, str]]:
    """Secrets in the wrong places, which the tools have to find."""
    names = ("file", "coded", "packed", "journal", "argument", "environment")
    planted = {name: token() for name in names}
    coded = base64.b64encode(f"x{planted['coded']}y".encode()).decode()
    write = (
        f"umask 077; echo {planted['file']} > /var/tmp/control; echo {coded} > /run/control; "
        f"echo {planted['packed']} | gzip > /var/log/control.gz; logger {planted['journal']}"
    )
    assert host.run(write).rc == 0
    yield planted
    host.run("rm /var/tmp/control /run/control /var/log/control.gz")


def test_what_is_in_the_wrong_place_is_found(host: Any, control: dict[str, str]) -> None:
    with Watch(control, name_of(host)) as inside, Watch(control) as outside:
        host.run(f"sleep 0.5; exec env CONTROL={control['environment']} sleep 0.5 && : {control['argument']}")
    found = search(name_of(host), control)
    files = {(find.path, find.mode, find.names) for find in found.finds if not find.path.startswith("/var/log/journal")}
    assert files == {
        ("/var/tmp/control", 0o600, ("file",)),
        ("/run/control", 0o600, ("coded",)),
        ("/var/log/control.gz", 0o600, ("packed",)),
    }
    assert found.journal == {"journal"}
    assert ("environment", "environ", "root", "sleep") in {
        (sighting.name, sighting.kind, sighting.user, sighting.program) for sighting in inside.sightings
    }
    for watch in (inside, outside):
        assert "argument" in {sighting.name for sighting in watch.sightings if sighting.kind == "cmdline"}


@dataclass
class Swept:
    """All that was run on a host, and what was seen."""

    planted: Planted
    runs: dict[str, Loud] = field(default_factory=dict)
    served: dict[str, str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    inside: Watch | None = None
    outside: Watch | None = None
    status: dict[str, int] = field(default_factory=dict)
    found: Search | None = None


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def swept(host: Any, inventory: Path) -> Swept:
    name = name_of(host)
    planted = plant(name)
    old, new, pair = planted.secrets["secret_key"], token(), make_pair(DOMAIN)
    done = Swept(planted, secrets={**planted.all, "new secret_key": new, "new tls_key": pair.key})

    def play(label: str, playbook: str, *options: str, **given: str) -> None:
        done.runs[label] = planted.play(inventory, playbook, *options, **given)
        visitor = Visitor(host, DOMAIN, tls=True)
        answer = visitor.get("/") if label != "check" else None
        done.served[label] = answer.text if answer and answer.status == 200 else ""
        link = host.run("readlink /srv/apps/swept/current").stdout.strip()
        done.releases[label] = link.rpartition("/")[2]

    def describe(**keys: Any) -> None:
        first, *others = planted.variables["flask_apps"]
        planted.variables["flask_apps"] = [{**first, **keys}, *others]
        planted.save()

    with Watch(done.secrets, name) as done.inside, Watch(done.secrets) as done.outside:
        play("check", "site", "--check")
        play("first", "site")
        describe(environment={"FAIL": "1"})
        play("failed", "deploy", app="swept")
        source = {"git": f"https://me:{planted.secrets['token']}@git.example.org/a.git"}
        describe(environment={}, source=source, certificate=pair.certificate)
        play("refused", "deploy")
        planted.secrets |= {"secret_key": new, "tls_key": pair.key}
        describe(source={"path": "molecule/secrets/app"})
        play("rotated", "deploy")
        play("rolled back", "rollback", app="swept")
        play("again", "site")
    for path, password in (("/private", planted.secrets["password"]), ("/private/wrong", old)):
        key = base64.b64encode(f"ada:{password}".encode()).decode()
        done.status[path] = Visitor(host, DOMAIN, tls=True).get(path, {"Authorization": f"Basic {key}"}).status
    done.found = search(name, done.secrets)
    return done


def test_the_runs_were_what_they_are_called(swept: Swept) -> None:
    codes = {label: run.run.code for label, run in swept.runs.items()}
    said = "\n".join(run.run.output[-3000:] for run in swept.runs.values() if (run.run.code != 0))
    assert {label for label, code in codes.items() if code} == {"failed", "refused"}, (codes, said)
    assert "RuntimeError: as it was told" in swept.runs["failed"].said
    assert "holds a password, which logs would show" in swept.runs["refused"].said
    assert "key does not match the certificate" in swept.runs["refused"].said
    assert "-vvv" in swept.runs["first"].run.command
    assert swept.status == {"/private": 200, "/private/wrong": 401}


def test_a_rotated_secret_is_a_release_and_a_rollback_brings_the_old_one_back(swept: Swept) -> None:
    old, new = digest_of(swept.secrets["secret_key"]), digest_of(swept.secrets["new secret_key"])
    assert swept.served == {
        "check": "",
        **dict.fromkeys(("first", "failed", "refused"), old),
        "rotated": new,
        "rolled back": old,
        # Told by the run; nothing brings back by itself what was rolled back from.
        "again": old,
    }
    assert swept.releases["rotated"] != swept.releases["first"] == swept.releases["again"]
    assert "swept stays with release" in swept.runs["again"].said


@pytest.mark.parametrize("label", ["check", "first", "failed", "refused", "rotated", "rolled back", "again"])
def test_nothing_that_ansible_says_holds_a_secret(swept: Swept, label: str) -> None:
    assert found_in(swept.runs[label].said, swept.secrets) == set()


def test_nothing_is_left_on_the_controller(swept: Swept) -> None:
    folders = [Path.home() / ".ansible", swept.planted.folder]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    meant = {swept.planted.folder / "password", GIT / "deploy_key"}
    found = {}
    for path in files:
        # Other runs on this machine have files there, too, which come and go.
        with contextlib.suppress(FileNotFoundError):
            found[path] = found_in(path.read_bytes().decode("latin-1"), swept.secrets)
    assert {path: names for path, names in found.items() if names and path not in meant} == {}


def places() -> list[Place]:
    def env(app: str, name: str, secret: str) -> Place:
        return Place(secret, f"/srv/apps/{app}/releases/", f"/env/{name}", "root", f"app-{app}", 0o640)

    return [
        env("swept", "SECRET_KEY", "secret_key"),
        env("swept", "SECRET_KEY", "new secret_key"),
        env("swept", "CERTIFICATE", "certificate"),
        env("private", "TOKEN", "token"),
        Place("hash", "/srv/apps/swept/releases/", "/htpasswd", "root", "www-data", 0o640),
        # The one before it is nowhere: nginx needs it no more, and no rollback brings it back.
        Place("new tls_key", f"/etc/flask-certificates/issued/flask-{DOMAIN}-", "/privkey.pem", "root", "root", 0o600),
    ]


def test_files_hold_them_where_they_belong_and_nowhere_else(swept: Swept) -> None:
    assert swept.found is not None
    known = places()
    assert swept.found.misplaced(known) == []
    # Each of these places has been seen: the search finds what is there.
    seen = {place for place in known for find in swept.found.finds if any(place.is_of(find, n) for n in find.names)}
    assert seen == set(known)
    # What a release was built with stays in it, and goes with it; also in one that failed.
    homes = {find.path.split("/")[5] for find in swept.found.finds if "secret_key" in find.names}
    assert swept.releases["first"] in homes
    assert swept.releases["rotated"] not in homes


def test_no_journal_holds_one(swept: Swept) -> None:
    assert swept.found is not None
    assert swept.found.entries > 100
    assert swept.found.journal == set()


def test_no_process_shows_one_to_others(swept: Swept) -> None:
    assert swept.inside is not None
    assert swept.outside is not None
    assert min(swept.inside.samples, swept.outside.samples) > 1000
    assert swept.outside.sightings == []
    assert [found for found in swept.inside.sightings if found.kind == "cmdline"] == []
    # An environment is for its user alone, and root.
    seen = {(found.name, found.user) for found in swept.inside.sightings}
    apps = {
        ("secret_key", "app-swept"),
        ("new secret_key", "app-swept"),
        ("certificate", "app-swept"),
        ("token", "app-private"),
    }
    builders = {("index_password", "build-swept"), ("index_password", "build-private")}
    # Root installs uv with it.
    assert seen <= {*apps, *builders, ("index_password", "root")}, seen
    # It sees what is there.
    assert seen >= apps
