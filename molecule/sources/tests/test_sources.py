"""Each app has the code and the packages that its source and its lock say, and nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from visitor import Visitor

LOCKED = ("itsdangerous", "2.2.0")
APPS = ("from-git", "from-tar", "from-zip", "from-folder", "lingering", "tutorial")


def ask(host: Any, app: str, headers: dict[str, str] | None = None) -> Any:
    answer = Visitor(host, f"{app}.localhost").get("/", headers)
    assert answer.status == 200
    return answer.json


@pytest.mark.parametrize(
    ("app", "version"),
    [
        ("from-git", "better"),
        ("from-tar", "tar"),
        ("from-zip", "zip"),
        ("from-folder", "folder"),
        ("lingering", "lingering"),
    ],
)
def test_the_version_that_was_asked_for_answers(host: Any, app: str, version: str) -> None:
    assert ask(host, app)["version"] == version


@pytest.mark.parametrize("app", ["from-tar", "from-zip", "from-folder"])
def test_the_locked_package_is_there(host: Any, app: str) -> None:
    assert LOCKED in ask(host, app)["packages"].items()


def test_an_app_without_requirements_has_no_package(host: Any) -> None:
    assert ask(host, "from-git")["packages"] == {}


def test_packages_for_development_stay_away(host: Any) -> None:
    assert "blinker" not in ask(host, "from-folder")["packages"]


@pytest.mark.parametrize("name", ["settings.local", "instance/developer.sqlite"])
def test_what_is_ignored_is_not_deployed(host: Any, name: str) -> None:
    assert host.file("/srv/apps/from-folder/current/src/pyproject.toml").exists
    assert not host.file(f"/srv/apps/from-folder/current/src/{name}").exists


@pytest.mark.parametrize("app", APPS)
def test_one_vassal_one_socket_one_user_each(host: Any, app: str) -> None:
    vassals = host.check_output("ls /etc/flask-emperor/vassals").split()
    sockets = host.check_output("ls /run/flask-emperor/sockets").split()
    assert len([name for name in vassals if name.startswith(f"{app}.")]) == 1
    assert len([name for name in sockets if name.startswith(f"{app}.")]) == 1
    assert host.user(f"app-{app}").exists


def test_every_value_arrives_as_it_was_written(host: Any) -> None:
    environment = ask(host, "from-git")["environment"]
    hostile = "50% $(id) @(/etc/passwd) %d \"quoted\" 'single' ; # [x]\nsecond line: größer"
    assert environment["HOSTILE"] == hostile
    assert environment["NUMBER"] == "7"
    assert environment["TOKEN"] == "s3cret-%n-$(hostname)-not-shown"
    assert environment["EMPEROR_APP"] == "from-git"
    assert f"releases/{environment['EMPEROR_RELEASE']}" == host.check_output("readlink /srv/apps/from-git/current")


def test_an_app_learns_who_asks_and_how(host: Any) -> None:
    environ = ask(host, "from-git", {"Host": "from-git.localhost:18008"})["environ"]
    assert environ["HTTP_HOST"] == "from-git.localhost:18008"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["wsgi.url_scheme"] == "http"
    assert (environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"]) == ("", "/")


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "from-git.localhost"),
        ("X-Forwarded-Port", "80"),
        ("X-Forwarded-Prefix", ""),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", ""),
        ("Proxy", ""),
    ],
)
def test_a_client_cannot_speak_for_a_proxy(host: Any, header: str, seen: str) -> None:
    environ = ask(host, "from-git", {header: "evil.example.org"})["environ"]
    assert environ.get(f"HTTP_{header.upper().replace('-', '_')}", "") == seen
    assert "evil.example.org" not in environ.values()


def test_the_host_is_the_one_that_nginx_chose_the_app_by(host: Any) -> None:
    head = "GET http://from-git.localhost/ HTTP/1.1\r\nHost: evil.example.org\r\nConnection: close\r\n\r\n"
    answer = Visitor(host, "").send_raw(head.encode())
    assert answer.status == 200
    assert answer.json["environ"]["HTTP_HOST"] == "from-git.localhost"


def test_a_sleeper_ends_and_wakes_up(host: Any) -> None:
    ask(host, "from-zip")
    assert host.run("pgrep --euid app-from-zip").rc == 0
    gone = "for i in $(seq 60); do pgrep --euid app-from-zip >/dev/null || exit 0; sleep 0.5; done; exit 1"
    assert host.run(gone).rc == 0, "it was idle for 5 s and is still there"
    assert ask(host, "from-zip")["version"] == "zip"


def test_a_package_of_the_source_is_installed(host: Any) -> None:
    assert ask(host, "lingering")["packages"]["stays"] == "1"


def test_no_process_of_a_build_or_a_release_command_lives_on(host: Any) -> None:
    """Root has taken over their files since, and could be led astray."""
    assert host.run("pgrep --exact sleep --euid build-lingering").rc != 0
    assert host.run("pgrep --exact sleep --euid app-lingering").rc != 0


def test_the_builder_left_nothing_behind(host: Any) -> None:
    for app in APPS:
        assert host.run("pgrep --euid %s", f"build-{app}").rc != 0
        assert host.check_output("find /srv/apps -user build-%s -o -group build-%s", app, app) == ""
        cache = host.file(f"/var/cache/flask-emperor/{app}")
        assert (cache.user, cache.mode) == (f"build-{app}", 0o700)


@pytest.mark.parametrize("user", ["www-data", "app-from-tar", "build-from-tar", "daemon"])
def test_nobody_reads_the_repository_of_an_app(host: Any, user: str) -> None:
    command = "setpriv --reuid=%s --regid=%s --clear-groups cat /srv/apps/from-git/repository.git/HEAD"
    result = host.run(command, user, user)
    assert result.rc != 0
    assert "Permission denied" in result.stderr


def test_the_tutorial_works(host: Any) -> None:
    visitor = Visitor(host, "tutorial.localhost")
    assert visitor.get("/hello").text == "Hello, World!"
    assert visitor.get("/static/style.css").header("Content-Type") == "text/css"
    account = {"username": "ada", "password": "difference engine"}
    assert visitor.post_form("/auth/register", account).status == 302
    assert visitor.post_form("/auth/login", account).status == 302
    assert visitor.post_form("/create", {"title": "First", "body": "a <b>post</b>"}).status == 302
    page = visitor.get("/").text
    assert "First" in page
    assert "a &lt;b&gt;post&lt;/b&gt;" in page
    database = host.file("/srv/apps/tutorial/shared/instance/flaskr.sqlite")
    assert database.user == "app-tutorial"
