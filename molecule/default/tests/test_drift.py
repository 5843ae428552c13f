"""What somebody changes by hand is named by a dry run, and mended by the next one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from visitor import Visitor

CLONE = Path(__file__).resolve().parents[3]
APPS = {"guestbook": "localhost", "foobar": "foobar.localhost", "myflaskapp": "myflaskapp.localhost"}
# Molecule asks for colours.
PLAIN = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
DAMAGE = """
set -e
vassal() { basename "$(readlink "/srv/apps/$1/current/uwsgi.sock")" .socket; }
cd /srv/apps
sed -i 's/^processes = .*/processes = 7/' guestbook/current/vassal.ini
echo hush-4711 > guestbook/current/env/INTRUDER
echo hush-4711 > guestbook/current/env/SECRET_KEY
chmod 777 guestbook/current/src
chown -h root /etc/flask-emperor/vassals/$(vassal guestbook).ini
rm /etc/flask-emperor/vassals/$(vassal foobar).ini
rm -r "$(readlink -f foobar/current/venv)"
chmod 777 foobar
rm /run/flask-emperor/sockets/$(vassal myflaskapp).socket
ln -sfn "/tmp/$(basename "$(readlink myflaskapp/current)")" myflaskapp/current
sed -i 's/client_max_body_size .*/client_max_body_size 1k;/' /etc/nginx/flask-apps/foobar.conf
echo '# by hand' >> /etc/nginx/nginx.conf
echo '; by hand' >> /etc/flask-emperor/emperor.ini
"""
NAMED = [
    r"^guestbook: repair, release [0-9a-f]{12}$",
    r"^    vassal\.ini, htpasswd, engine or a file in env of release [0-9a-f]{12} has another content$",
    r"^    environment - INTRUDER$",
    r"^    -processes = 7\n    \+processes = 2$",
    r"^    /srv/apps/guestbook/releases/[0-9a-f]{12}/src has another owner or mode than it must have$",
    r"^    vassal guestbook\.[0-9a-f]{12}\S* was changed by hand$",
    r"^    vassal foobar\.[0-9a-f]{12}\S* has no link or no socket$",
    r"^    virtualenv /srv/apps/foobar/venvs/[0-9a-f]{12} is gone or incomplete$",
    r"^    /srv/apps/foobar has another owner or mode than it must have$",
    r"^    vassal myflaskapp\.[0-9a-f]{12}\S* has no link or no socket$",
    r"^    /srv/apps/myflaskapp/current leads to /tmp/[0-9a-f]{12}$",
    r"^-    client_max_body_size 1k;$",
    r"^-# by hand$",
    r"^-; by hand$",
]


def provision(host: Any, inventory: str, *options: str) -> str:
    """Run the site's playbook for one host as a user does; return what it says."""
    collections = os.environ.get("EMPEROR_FLASK_COLLECTIONS") or str(CLONE / ".collections")
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, "--limit", host.check_output("hostname"), "emperor.flask.site", *options],
        # Not in the clone: the apps come with the collection that the host was provisioned with.
        cwd=Path(inventory).parent,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": collections, **PLAIN},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changed(said: str) -> int:
    return sum(map(int, re.findall(r"\bchanged=(\d+)", said)))


def look(host: Any) -> list[str]:
    """Return all that a run could change."""
    places = "/etc /home /opt /srv /run/flask-emperor /usr/local /var/lib/dpkg /var/cache/flask-emperor"
    return sorted(host.check_output(f"find {places} -printf '%p %l %y %m %u:%g %s %T@\\n'").splitlines())


@pytest.fixture(scope="module")
def inventory(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--ansible-inventory"))


@pytest.fixture(scope="module")
def dry_run(host: Any, inventory: str) -> str:
    """Damage whatever there is, and ask what a run would do."""
    host.check_output("sh -c %s", DAMAGE)
    before = look(host)
    said = provision(host, inventory, "--check", "--diff")
    assert look(host) == before, "a dry run changed something"
    return said


@pytest.mark.parametrize("line", NAMED)
def test_a_dry_run_names_each_change(dry_run: str, line: str) -> None:
    assert re.search(line, dry_run, re.MULTILINE), dry_run


def test_a_dry_run_shows_no_value_of_the_environment(dry_run: str) -> None:
    assert "hush-4711" not in dry_run
    assert "not-secret-on" not in dry_run


def test_one_run_mends_all_and_the_next_changes_nothing(host: Any, inventory: str, dry_run: str) -> None:
    assert changed(dry_run) > 0
    assert changed(provision(host, inventory)) > 0
    # The emperor was restarted before its apps were mended; the unit that wakes them may have given up meanwhile.
    host.check_output("systemctl start flask-emperor-wake")
    for name in APPS.values():
        assert Visitor(host, name).get("/").status == 200, name
    assert not host.file("/srv/apps/guestbook/current/env/INTRUDER").exists
    assert "not-secret-on" in host.file("/srv/apps/guestbook/current/env/SECRET_KEY").content_string
    for path in ("/etc/nginx/nginx.conf", "/etc/flask-emperor/emperor.ini"):
        assert "by hand" not in host.file(path).content_string
    again = provision(host, inventory, "--diff")
    assert changed(again) == 0, again
    assert "repair" not in again
