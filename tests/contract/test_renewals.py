"""The role certificates in check mode on this machine, which has none: what renewals read is written all the same."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.emperor.flask.tests.support.programs import Run

PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [emperor.flask.certificates]
"""
TASK = "emperor.flask.certificates : Write what certbot's plugin reads"


def test_a_rotated_secret_of_the_dns_needs_no_missing_certificate(run: Run, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    given = {
        "certificates_wanted": [{"app": "shop", "source": "acme", "domains": ["shop.x.test"]}],
        "certificates_acme_dns": {"plugin": "rfc2136", "credentials": {"dns_rfc2136_secret": "canary-4711"}},
        "__certificates_credentials": str(tmp_path / "flask-rfc2136.ini"),
    }
    found = run("ansible-playbook", "--check", "--diff", tmp_path / "play.yml", "-e", json.dumps(given))
    assert found.code == 0, found.said
    # What gets a certificate is left out in check mode, as where none is missing.
    assert "Get a certificate" not in found.output
    _, _, after = found.output.partition(f"TASK [{TASK}]")
    assert after.partition("TASK [")[0].strip(" *\n").startswith("changed: ")
    assert "canary-4711" not in found.said
