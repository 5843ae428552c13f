"""The planted secret is where the app reads it, and nowhere else."""

from __future__ import annotations

from typing import Any

# SECRET_KEY of the development environment.
SECRET = "not-secret-on-127.0.0.1"


def test_the_app_has_its_secret_and_nobody_else_can_read_it(host: Any) -> None:
    file = host.file("/srv/apps/guestbook/current/env/SECRET_KEY")
    assert file.content_string == SECRET
    assert (file.user, file.group, file.mode) == ("root", "app-guestbook", 0o640)


def test_the_secret_is_in_no_other_file(host: Any) -> None:
    places = "/srv /etc /var/log /run /opt /usr/local /var/cache /var/tmp /tmp /root"
    found = host.run(f"grep --recursive --files-with-matches --binary-files=text -s {SECRET} {places}").stdout.split()
    real = {host.check_output("readlink -f %s", path) for path in found}
    assert {path.rpartition("/env/")[2] for path in real} == {"SECRET_KEY"}, real


def test_the_secret_is_in_no_journal(host: Any) -> None:
    journal = "journalctl --no-pager --output=export --all | grep --count --binary-files=text"
    assert int(host.check_output(f"{journal} MESSAGE=")) > 100
    assert host.run(f"{journal} {SECRET}").stdout.strip() == "0"


def test_the_secret_is_in_no_command_line(host: Any) -> None:
    listing = host.check_output("ps -ewwo args")
    assert "uWSGI worker" in listing
    assert SECRET not in listing
