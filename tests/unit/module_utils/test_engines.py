"""What runs a release, and how its file differs by that."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.emperor.flask.plugins.module_utils import engines
from ansible_collections.emperor.flask.plugins.plugin_utils.release_files import release_files
from ansible_collections.emperor.flask.tests.support.apps import RELEASE, complete, full, minimal
from ansible_collections.emperor.flask.tests.support.parsing import read_ini
from ansible_collections.emperor.flask.tests.support.rendering import ROLES, run_file, vassal


def test_a_release_says_by_a_link_what_runs_it(tmp_path: Path) -> None:
    assert engines.program(tmp_path) == "/usr/bin/uwsgi-core"
    (tmp_path / "engine").symlink_to("venv/bin/pyuwsgi")
    assert engines.program(tmp_path) == f"{tmp_path}/engine"


def test_the_file_of_an_own_engine_loads_no_plugin_and_is_the_same_else() -> None:
    app = complete(full(workers={"processes": 4, "loop": "gevent", "cheaper": 1, "cheaper_algo": "busyness"}))
    usual = vassal(app)
    assert engines.vassal_file(usual, {"uwsgi_engine": "distribution"}) == engines.vassal_file(usual, {}) == usual
    own = engines.vassal_file(usual, {"uwsgi_engine": "app"})
    gone = [pair for pair in read_ini(usual) if pair not in read_ini(own)]
    assert gone == [("plugins", "python3"), ("plugin", "gevent_python3"), ("plugin", "cheaper_busyness")]
    [python] = [pair for pair in read_ini(own) if pair not in read_ini(usual)]
    assert python == ("binary-path", f"{dict(read_ini(usual))['virtualenv']}/bin/python")
    assert [pair for pair in read_ini(usual) if pair not in gone] == [pair for pair in read_ini(own) if pair != python]


def started_by(app: dict[str, Any]) -> list[str]:
    """Return the command of an app's own unit, as systemd takes it apart."""
    text = run_file("release.service", complete(app))
    return shlex.split(next(line for line in text.splitlines() if line.startswith("ExecStart=")).partition("=")[2])


def test_a_unit_of_its_own_starts_the_hosts_uwsgi_as_it_is() -> None:
    assert started_by(minimal(isolation="strict"))[:2] == [engines.HOSTS_UWSGI, "--ini"]


@pytest.mark.parametrize("keys", [{"python": "3.12"}, {"uwsgi_engine": "app"}], ids=str)
def test_a_unit_of_its_own_starts_what_a_release_brings_in_the_environment_of_the_app(keys: dict[str, str]) -> None:
    app = minimal(isolation="strict", **keys)
    *launch, root, command, release = started_by(app)
    assert (launch[-1], root, release) == ("/usr/local/lib/flask-emperor/launch", "/srv/apps/shop", RELEASE)
    folder = f"/srv/apps/shop/releases/{RELEASE}"
    # Else like the host's, whose SIGTERM ends no request either.
    usual = started_by(minimal(isolation="strict"))[1:]
    assert shlex.split(command) == ["exec", f"{folder}/{engines.ENGINE}", *usual]


def test_of_all_files_the_vassals_alone_differs_by_what_runs_it() -> None:
    app = complete(minimal(isolation="strict", uwsgi_engine="app"))
    files = {name: run_file(name, app) for name in release_files(app)}
    found = engines.run_files(files, app)
    assert list(found) == ["vassal.ini", "release.service"]
    assert {name for name in files if found[name] != files[name]} == {"vassal.ini"}


def test_without_a_word_the_distributions_python_is_the_distributions_uwsgis() -> None:
    assert complete(minimal())["uwsgi_engine"] == "distribution"
    assert complete(minimal(python="3.12"))["uwsgi_engine"] == "app"
    assert complete(minimal(python="3.12", uwsgi_engine="distribution"))["uwsgi_engine"] == "distribution"
    assert complete(minimal(uwsgi_engine="app"))["python"] is None


def test_the_plugin_of_greenlets_is_installed_for_the_hosts_uwsgi_alone() -> None:
    loop = {"loop": "gevent"}
    assert complete(minimal(workers=loop))["packages"] == ["git", "uwsgi-plugin-gevent-python3"]
    assert complete(minimal(workers=loop, uwsgi_engine="app"))["packages"] == ["git"]


@pytest.fixture
def wrapper(tmp_path: Path) -> Path:
    """Return the emperor's wrapper, which tells what it would become."""
    text = (ROLES / "uwsgi/files/vassal").read_text()
    script = tmp_path / "vassal"
    script.write_text(text.replace("exec /usr/bin/systemd-cat", "echo"))
    script.chmod(0o755)
    (tmp_path / "vassals").mkdir()
    return script


def write_environment(release: Path, **variables: str) -> None:
    (release / "env").mkdir()
    for name, value in variables.items():
        (release / "env" / name).write_text(value)


def become(wrapper: Path, release: Path) -> list[str]:
    link = wrapper.with_name("vassals") / "shop.1.ini"
    link.symlink_to(release / "vassal.ini")
    command = [str(wrapper), "--ini", "shop.1.ini"]
    return subprocess.run(command, cwd=link.parent, capture_output=True, text=True, check=True).stdout.split()[2:]


def test_the_emperor_starts_the_hosts_uwsgi(wrapper: Path, tmp_path: Path) -> None:
    assert become(wrapper, tmp_path) == ["/usr/bin/uwsgi-core", "--ini", "shop.1.ini"]


def test_the_emperor_starts_what_a_release_brings(wrapper: Path, tmp_path: Path) -> None:
    # Also if it is gone: to start another then would hide that.
    (tmp_path / "engine").symlink_to("venv/bin/pyuwsgi")
    write_environment(tmp_path, A="1")
    assert become(wrapper, tmp_path) == [f"{tmp_path}/engine", "--ini", "shop.1.ini"]


def test_what_a_release_brings_starts_in_the_environment_of_the_app(wrapper: Path, tmp_path: Path) -> None:
    """Its Python reads that before uWSGI could set it."""
    values = {"A": "100% @(x) $(id) `id`\n'it''s' \"x\" \\ ä *", "PATH": "/nowhere", "IFS": "/", "TMPDIR": "/own"}
    write_environment(tmp_path, **values)
    (tmp_path / "engine").symlink_to("venv/bin/pyuwsgi")
    wrapper.write_text(wrapper.read_text().replace("echo --identifier", "exec /usr/bin/env -0; echo --identifier"))
    link = wrapper.with_name("vassals") / "shop.1.ini"
    link.symlink_to(tmp_path / "vassal.ini")
    told = subprocess.run([wrapper, "--ini", link.name], cwd=link.parent, capture_output=True, check=True).stdout
    found = dict(entry.decode().split("=", 1) for entry in told.rstrip(b"\0").split(b"\0"))
    assert {name: found[name] for name in values} == values
