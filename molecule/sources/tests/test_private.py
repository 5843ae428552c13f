"""An app out of a private repository: its submodule is there, and the deploy key is nowhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from visitor import Visitor

SOURCES = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "sources")
PLACES = "/srv /etc /run /tmp /root /var /home /opt /usr/local"


@pytest.fixture(scope="module")
def secret() -> str:
    """Return a line of the key that is not part of its public half."""
    lines = (SOURCES / "deploy_key").read_text(encoding="utf-8").splitlines()
    found = lines[-3]
    assert len(found) == 70
    assert found not in (SOURCES / "deploy_key.pub").read_text(encoding="utf-8")
    return found


def search(host: Any, text: str) -> set[str]:
    found = host.run(f"grep --recursive --files-with-matches --binary-files=text -s -F -e '{text}' {PLACES}")
    return set(found.stdout.split())


def test_the_app_imports_from_its_submodule(host: Any) -> None:
    answer = Visitor(host, "private.localhost").get("/")
    assert (answer.status, answer.json["version"]) == (200, "from the submodule")


def test_the_search_finds_what_is_there(host: Any) -> None:
    line = (SOURCES / "server_key").read_text(encoding="utf-8").splitlines()[-3]
    assert "/etc/ssh/private-git.key" in search(host, line)


def test_the_key_is_in_no_file(host: Any, secret: str) -> None:
    assert search(host, secret) == set()


def test_the_key_is_in_no_journal(host: Any, secret: str) -> None:
    journal = "journalctl --no-pager --output=export --all | grep --count --binary-files=text -F -e"
    # The server has seen the key being used.
    assert int(host.check_output(f"{journal} 'Accepted publickey for git'")) > 0
    assert host.run(f"{journal} '{secret}'").stdout.strip() == "0"


def test_the_repositories_are_roots_alone(host: Any) -> None:
    mirror = host.file("/srv/apps/private/repository.git")
    modules = host.check_output("ls /srv/apps/private/repository.git/modules").split()
    assert (mirror.user, mirror.mode) == ("root", 0o700)
    assert len(modules) == 1
    assert host.file(f"{mirror.path}/modules/{modules[0]}").mode == 0o700
