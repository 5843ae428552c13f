"""`site.yml` on the command line: bad apps are refused before any host is touched."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.emperor.flask.tests.support.apps import COLLECTION, minimal
from ansible_collections.emperor.flask.tests.support.certificates import pair
from ansible_collections.emperor.flask.tests.support.programs import Done, Run

REST = "give a path below its root, without '..'"
MESSAGES = [
    "flask_apps[0].domans: is not a key of an app; did you mean 'domains'?",
    "flask_apps[2].domains[0]: domain x.test is used by apps b and c",
    f"flask_apps[3].media[0].path: media path ../x is outside the app; {REST}",
    "flask_apps[4].name: app 'My App': use a-z, 0-9 and '-', at most 23 characters",
    "flask_apps[5].source: is missing; it must be a mapping",
    f"flask_apps[6].source.path: folder no/such/folder does not exist; looked in {COLLECTION}",
]
BAD = [
    minimal(name="a", domans=["a.test"]),
    minimal(name="b", domains=["x.test"]),
    minimal(name="c", domains=["x.test"]),
    minimal(name="d", media=[{"url": "/media", "path": "../x"}], secrets={"KEY": "canary-4711"}),
    minimal(name="My App"),
    {"name": "f", "wsgi": "f:app"},
    minimal(name="g", source={"path": "no/such/folder"}),
]
# They have no names of their own, which no certificate is for.
PLAIN = {"flask_app_tls": "off"}


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an inventory of hosts that refuse every connection."""
    path = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    host = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}
    path.write_text(json.dumps({"app": {"hosts": {"one.invalid": host, "two.invalid": host}}}))
    return path


@pytest.fixture(scope="module")
def refused(run: Run, inventory: Path) -> Done:
    return run("ansible-playbook", "-i", inventory, "site.yml", "-e", json.dumps({"flask_apps": BAD, **PLAIN}))


def test_it_fails_within_ten_seconds(refused: Done) -> None:
    assert refused.code != 0
    assert refused.seconds < 10


@pytest.mark.parametrize("message", MESSAGES)
def test_each_mistake_is_named(refused: Done, message: str) -> None:
    assert message in [line.strip() for line in refused.said.splitlines()]


def test_the_mistakes_come_at_once_and_in_order(refused: Done) -> None:
    lines = [line.strip() for line in refused.output.splitlines() if line.strip().startswith("flask_apps[")]
    assert lines[: len(MESSAGES)] == MESSAGES
    assert len(lines) % len(MESSAGES) == 0
    assert "6 mistakes in the apps; no host was changed." in refused.said


def test_no_host_was_asked_for_anything(refused: Done) -> None:
    assert re.findall(r"unreachable=(\d+)", refused.output) == ["0", "0"]
    tasks = re.findall(r"^TASK \[(.*)\]", refused.output, re.MULTILINE)
    assert tasks[-1] == "emperor.flask.flask_app : Refuse wrong descriptions"
    assert len(tasks) == 2
    assert "PLAY [Provision" not in refused.output


def test_no_secret_is_shown(refused: Done) -> None:
    assert "canary-4711" not in refused.said


@pytest.mark.parametrize("more", [["--tags", "nginx"], ["--check", "--diff"], ["--limit", "one.invalid"]])
def test_no_option_gets_around_the_check(run: Run, inventory: Path, more: list[str]) -> None:
    found = run(
        "ansible-playbook", "-i", inventory, "site.yml", "-e", json.dumps({"flask_apps": BAD[4:5], **PLAIN}), *more
    )
    assert found.code != 0
    assert "flask_apps[0].name: app 'My App'" in found.said
    assert "UNREACHABLE" not in found.said


def test_a_mistake_on_one_host_keeps_the_others_untouched(run: Run, inventory: Path) -> None:
    apps = f"{{{{ {json.dumps(BAD[4:5])} if inventory_hostname == 'two.invalid' else [] }}}}"
    found = run("ansible-playbook", "-i", inventory, "site.yml", "-e", json.dumps({"flask_apps": apps}))
    assert found.code != 0
    assert "UNREACHABLE" not in found.said
    assert "PLAY [Provision" not in found.output


def test_a_mistake_in_the_baseline_is_named_before_a_host_is_touched(run: Run, inventory: Path) -> None:
    bad = {"flask_apps": [minimal()], "baseline_swap": "2 GB", "baseline_firewal": False, **PLAIN}
    found = run("ansible-playbook", "-i", inventory, "site.yml", "-e", json.dumps(bad))
    assert found.code != 0
    assert "baseline_swap: '2 GB' is not a size; try 2g, or 0 for none" in found.said
    said = " ".join(found.said.split())
    assert "baseline_firewal: is no variable of the role baseline, and does nothing" in said
    assert "did you mean baseline_firewall?" in said
    assert "UNREACHABLE" not in found.said
    assert "PLAY [Provision" not in found.output


# Whose certificate goes with `flask_app_tls` alone.
GIVEN = pair(["shop.x.test"])
GIVEN_KEYS = {"domains": ["shop.x.test"], "certificate": GIVEN.certificate, "certificate_key": GIVEN.key}


@pytest.mark.parametrize(
    "right",
    [
        {"flask_apps": [minimal()], **PLAIN},
        {"flask_apps": [minimal(source={"path": "app"}, **GIVEN_KEYS)], "flask_app_tls": "files"},
    ],
)
def test_right_apps_get_through_to_the_hosts(run: Run, inventory: Path, right: dict[str, object]) -> None:
    """Else the tests above would pass on a playbook that does nothing."""
    found = run("ansible-playbook", "-i", inventory, "site.yml", "-e", json.dumps(right))
    assert "UNREACHABLE" in found.said
    assert "mistake" not in found.said


SETTINGS = {
    "flask_apps": [minimal(domains=["*.x.test"], source={"path": "app"}, listen={"http": "127.0.0.1:8443"})],
    "nginx_https_port": "{{ 8000 + 443 }}",
    "nginx_trusted_proxies": ["192.0.2.7/24"],
    "nginx_hsts": -1,
}


@pytest.mark.parametrize(
    "dns", [{}, {"certificates_acme_dns": {"plugin": "rfc2136", "credentials": {"dns_rfc2136_secret": "two\nlines"}}}]
)
def test_what_only_all_roles_together_know_is_refused_too(run: Run, inventory: Path, dns: dict[str, object]) -> None:
    found = run("ansible-playbook", "-i", inventory, "site.yml", "-e", json.dumps({**SETTINGS, **dns}))
    proof = "acme proves a name with '*' by DNS alone; set certificates_acme_dns with its plugin, or list each name"
    said = [
        "nginx_hsts: -1 is no whole number from 0 on; leave it out for the role's own",
        "nginx_trusted_proxies[0]: '192.0.2.7/24' is no address or network; try 192.0.2.0/24",
        "app shop: listen.http: port 8443 is nginx's (nginx_https_port); take another",
        f"app shop: domains: *.x.test: {proof}",
    ]
    assert [line for line in said if line not in found.said] == (said[3:] if dns else [])
    assert ("certificates_acme_dns.credentials.dns_rfc2136_secret: holds the end of a line" in found.said) is bool(dns)
    assert re.findall(r"unreachable=(\d+)", found.output) == ["0", "0"]
