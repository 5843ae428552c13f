"""Whatever code comes from elsewhere is pinned and checked, and nothing here switches a check off."""

from __future__ import annotations

import re
import subprocess

import pytest

from ansible_collections.emperor.flask.tests.support.apps import COLLECTION

LOCKS = (
    "requirements-dev.lock",
    "roles/flask_app/files/uv.txt",
    "roles/flask_app/files/pyuwsgi.txt",
    "app/requirements.txt",
    "app/examples/myflaskapp/requirements.txt",
)
# Words by which apt, git, ssh, pip, uv, curl, podman and Ansible take what they cannot check.
UNCHECKED = re.compile(
    r"trusted=|unauthenticated|allow[-_]insecure|--insecure|insecure-host|trusted-host|no[-_]verify|tls-verify|"
    r"no-check-certificate|StrictHostKeyChecking=(no|accept-new|off)|validate_certs: *(false|no)|ssl_?(no_)?verify",
    re.IGNORECASE,
)
# The tests may write how something is refused, and come as strangers who check nothing.
RUN = (".", ":!tests", ":!molecule/*/tests/*", ":!docs", ":!changelogs", ":!*.md")


def tracked(*paths: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", *paths], cwd=COLLECTION, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if not (COLLECTION / name).is_symlink()]


@pytest.mark.parametrize("name", LOCKS)
def test_each_pin_of_a_lock_has_hashes_and_no_address(name: str) -> None:
    text = re.sub(r"^ *#.*\n", "", (COLLECTION / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry, re.DOTALL), entry[:80]
        assert "://" not in entry, entry[:80]


def test_no_check_is_switched_off() -> None:
    found = []
    for name in tracked(*RUN):
        lines = (COLLECTION / name).read_text(encoding="utf-8", errors="replace").splitlines()
        found += [f"{name}:{number}: {line}" for number, line in enumerate(lines, 1) if UNCHECKED.search(line)]
    assert found == []


def test_actions_of_others_are_pinned_by_commit() -> None:
    used = [
        line
        for name in tracked(".github/workflows")
        for line in re.findall(r"uses: *(.*)", (COLLECTION / name).read_text(encoding="utf-8"))
    ]
    assert used
    # The comment tells a person which version that is.
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", line)] == []
